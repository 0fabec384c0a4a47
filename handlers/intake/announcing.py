"""What came in is announced: the one place that decides whether a new order is told by itself or in a digest.

Whatever people must be told of is a row of `unannounced`, written with the order, until the transaction that queues
its message removes it: no crash and no replica can lose a notice or make two. What is urgent, supervised or named by
the city is told at once and by itself. An import waits until it is finished or has died, and makes one digest where
it is large (domain, section 9). Other new orders are told one by one until more than ★ 20 came in within an hour;
those that follow are held a few minutes and told together. Their clocks and reminders run as always.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from handlers import clocks, notices, rounds
from handlers.lines import short_category
from handlers.lookup import having_fact
from handlers.notices import Audience
from handlers.office import Office
from handlers.references import LIMIT, ranges
from handlers.states import State
from handlers.timers import Kind
from storage.columns import table
from storage.outbox import Priority
from storage.tables import Clock, Order, Outbox, Unannounced
from storage.transaction import Scope

MOST = 100
"""Notices made in one transaction: commands wait for it."""
_ABANDONED = timedelta(minutes=2)
"""After so long without another chunk an import counts as dead, and what it left is announced."""
_LISTED = 15
NOTICE, DIGEST, IMPORT_DIGEST, CHANGES_DIGEST = "new_order", "arrivals_digest", "new_orders_digest", "changes_digest"
"""Kinds of messages: one new order, those that were held, those of a large import, what changed at the source."""
ARRIVED = "arrived"
"""The batch of those that came in by themselves, or belong to an import that needs no digest of its own."""
REOPENED = "重新办理"
"""Stands behind the changed columns where the change opened the order again: nothing else tells of it."""
_LOOKED_THROUGH = 5000
"""Messages among which those of the last hour are looked for: more than any hour has."""


class Telling(StrEnum):
    """Kinds of findings that people are told of."""

    NEW = "new"
    CHANGED = "changed"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell: which order, and in `data` the changed columns (and `REOPENED`) or the contradiction."""

    kind: Telling
    order: int
    data: tuple[str, ...] = ()


def finish(scope: Scope, batch: str) -> None:
    """The import is complete: the service may tell what it found."""
    waiting = table(Unannounced)
    scope.execute(sa.update(waiting).where(waiting.c.batch == batch).values(done=True))


def arrive(office: Office, scope: Scope, findings: Sequence[Finding]) -> None:
    """Tell what came in by itself (登记, the interface), in the transaction that stores it; in a burst ordinary new
    orders wait."""
    findings, loud = _sorted(scope, findings, _still_waiting(scope, findings), ())
    _tell_loud(office, scope, loud)
    ordinary = _tell_ordinary(office, scope, findings, loud, {})
    _tell_or_hold(office, scope, dict.fromkeys(ordinary, scope.now))


def tell_finished(office: Office, scope: Scope) -> int:
    """Tell what waits: findings of imports that are finished, or that died on the way, and new orders whose time has
    come; returns how many.

    While it returns `MOST` or more there are others to tell, in another transaction.
    """
    waiting = table(Unannounced)
    living = (
        sa.select(waiting.c.batch).group_by(waiting.c.batch).having(sa.func.max(waiting.c.at) > scope.now - _ABANDONED)
    )
    query = sa.select(waiting).where(sa.or_(waiting.c.done, waiting.c.batch.not_in(living)))
    if scope.connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = scope.connection.execute(query.order_by(waiting.c.at, waiting.c.order_id)).mappings().all()
    if not rows:
        return 0
    found = [Finding(Telling(row["kind"]), row["order_id"], tuple(row["data"])) for row in rows if row["order_id"]]
    numbers = [each.order for each in found]
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    findings, loud = _sorted(scope, found, (), having_fact(scope, numbers, notices.MARKS))
    if len(loud) > MOST:
        # More than one transaction can tell: the first of them now, and the sums keep count for the digest.
        batches = {(row["order_id"], row["kind"]): row["batch"] for row in rows}
        told = Counter((found.kind, batches[found.order, found.kind]) for found in loud[:MOST])
        for row in rows:
            if row["order_id"] == 0:
                total = _Sum.read(row["data"])
                total.told += sum(count for (kind, batch), count in told.items() if row["kind"] == _sum(kind, batch))
                scope.place(Unannounced, (0, row["kind"]), {**row, "data": total.data})
        _tell_loud(office, scope, loud[:MOST])
        return MOST
    beyond: dict[Telling, _Sum] = defaultdict(_Sum)
    arrived = {row["order_id"]: row["at"] for row in rows if row["batch"] == ARRIVED}
    for row in rows:
        if row["order_id"] == 0:
            beyond[Telling(row["kind"].partition("+")[0])].add(_Sum.read(row["data"]))
        if row["batch"] != ARRIVED:
            scope.place(Unannounced, (row["order_id"], row["kind"]), None)
    _tell_loud(office, scope, loud)
    imported = [each for each in findings if each.kind is not Telling.NEW or each.order not in arrived]
    one_by_one = _tell_ordinary(office, scope, imported, loud, beyond)
    by_themselves = {each.order for each in loud if each.kind is Telling.NEW}
    since = {number: at for number, at in arrived.items() if number not in by_themselves}
    held = _tell_or_hold(office, scope, {**dict.fromkeys(one_by_one, scope.now), **since})
    return len(found) - held


def next_due(office: Office, scope: Scope) -> datetime | None:
    """The latest moment for the next digest of new orders that are held; None when none is."""
    waiting = table(Unannounced)
    query = sa.select(sa.func.min(waiting.c.at, type_=waiting.c.at.type)).where(waiting.c.batch == ARRIVED)
    oldest: datetime | None = scope.connection.execute(query).scalar_one()
    return None if oldest is None else oldest + office.rules(scope.now).arrivals.hold


def announced(kind: str, orders: Sequence[int]) -> Sequence[int]:
    """Of the orders that a message of this kind speaks of, the new ones that it announces."""
    return orders if kind in (NOTICE, DIGEST, IMPORT_DIGEST) else ()


def _still_waiting(scope: Scope, findings: Sequence[Finding]) -> set[int]:
    """Of the orders that something else was found of, those that are new to people: their notice still waits."""
    others = [found.order for found in findings if found.kind is not Telling.NEW]
    if not others:
        return set()
    waiting = table(Unannounced)
    query = sa.select(waiting.c.order_id).where(waiting.c.order_id.in_(others), waiting.c.kind == Telling.NEW)
    return set(scope.connection.execute(query).scalars())


def _sorted(
    scope: Scope, findings: Sequence[Finding], waiting: Collection[int], marked: Collection[int]
) -> tuple[list[Finding], list[Finding]]:
    """What is to be told, and which of it by itself.

    A change of a new order that nobody was told of is not news: its notice will show the newest values. A
    contradiction is told after its order. `waiting` are new orders that the findings do not name as new.
    """
    new = {found.order for found in findings if found.kind is Telling.NEW}
    contradicted = {found.order for found in findings if found.kind is Telling.MISMATCH}
    kept = []
    for found in findings:
        if found.kind is Telling.CHANGED and found.order in (*new, *waiting):
            scope.place(Unannounced, (found.order, found.kind), None)
        else:
            kept.append(found)
    first = {found.order for found in findings if found.order in waiting and found.order not in new}
    kept += [Finding(Telling.NEW, order) for order in first if order in contradicted or _urgent(scope, order)]
    loud = [
        found
        for found in kept
        if _loud(scope, found, marked) or (found.kind is Telling.NEW and found.order in contradicted)
    ]
    return kept, sorted(loud, key=lambda found: found.kind is Telling.MISMATCH)


def _tell_or_hold(office: Office, scope: Scope, waiting: Mapping[int, datetime]) -> int:
    """Of the new orders that wait since these moments, oldest first: tell those whose time has come, hold the rest;
    returns how many are held."""
    rule = office.rules(scope.now).arrivals
    numbers = sorted(waiting, key=lambda number: (waiting[number], number))
    free = max(0, rule.above - len(_lately(scope, rule.within))) if numbers else 0
    groups = [numbers[at : at + 1] for at in range(min(free, len(numbers)))]
    held = numbers[free:]
    # A clock that was set back must not hold anything longer.
    while len(held) >= rule.most or (held and not scope.now - rule.hold < waiting[held[0]] <= scope.now):
        groups.append(held[: rule.most])
        held = held[rule.most :]
    for group in groups:
        for number in group:
            scope.place(Unannounced, (number, Telling.NEW), None)
        orders = [order for number in group if (order := scope.order(number))]
        if len(orders) == 1:
            _tell_new(office, scope, orders[0], ())
        elif orders:
            _digest(office, scope, DIGEST, orders, _Sum())
    for number in held:
        noted = {"data": (), "batch": ARRIVED, "at": waiting[number], "done": True}
        scope.place(Unannounced, (number, Telling.NEW), noted)
    return len(held)


def _lately(scope: Scope, within: timedelta) -> set[int]:
    """The new orders that were told one by one, or after they were held, within this time."""
    box = table(Outbox)
    newest = sa.select(sa.func.max(box.c.id) - _LOOKED_THROUGH).scalar_subquery()
    query = sa.select(box.c.kind, box.c.orders).where(
        box.c.id > newest,
        box.c.kind.in_((NOTICE, DIGEST)),
        box.c.priority != Priority.URGENT,
        box.c.at > scope.now - within,
        box.c.at <= scope.now,
    )
    return {number for row in scope.connection.execute(query) for number in announced(*row)}


def _tell_loud(office: Office, scope: Scope, findings: Sequence[Finding]) -> None:
    """Each by itself."""
    for found in findings:
        scope.place(Unannounced, (found.order, found.kind), None)
        if order := scope.order(found.order):
            _TELL[found.kind](office, scope, order, found.data)


def _tell_ordinary(
    office: Office,
    scope: Scope,
    findings: Sequence[Finding],
    loud: Collection[Finding],
    beyond: Mapping[Telling, "_Sum"],
) -> list[int]:
    """What one import found, but for the loud ones, which were told: a digest of each kind above the policy's
    threshold (★ 20), else each change by itself. Returns the new orders that need no digest of their own.

    `beyond` are those that belong to the same import and are only counted.
    """
    left = []
    for kind, template in ((Telling.NEW, IMPORT_DIGEST), (Telling.CHANGED, CHANGES_DIGEST)):
        found = [item for item in findings if item.kind is kind and scope.order(item.order)]
        ordinary = [item for item in found if item not in loud]
        counted = beyond.get(kind) or _Sum()
        if ordinary and len(found) + counted.beyond + counted.told > office.rules(scope.now).digest_threshold:
            orders = [order for item in found if (order := scope.order(item.order))]
            _digest(office, scope, template, orders, counted)
        elif kind is Telling.NEW:
            left = [item.order for item in ordinary]
        else:
            _tell_loud(office, scope, ordinary)
    return left


@dataclass(slots=True)
class _Sum:
    """What one import found of one kind, beside the rows that wait: `kept` ordinary rows, `beyond` them ordinary ones
    that a digest only counts, `told` urgent ones that were told already."""

    kept: int = 0
    beyond: int = 0
    told: int = 0

    @classmethod
    def read(cls, data: Sequence[str]) -> "_Sum":
        return cls(*map(int, data))

    @property
    def data(self) -> tuple[str, ...]:
        return (str(self.kept), str(self.beyond), str(self.told))

    def add(self, other: "_Sum") -> None:
        self.kept += other.kept
        self.beyond += other.beyond
        self.told += other.told


def _sum(kind: Telling, batch: str) -> str:
    """The kind under which a batch's sum stands, as order 0, which is nobody's number."""
    return f"{kind}+{batch}"


def note(office: Office, scope: Scope, batch: str, findings: Sequence[Finding]) -> None:
    """Keep for later what an import found: every urgent order and contradiction, and of the others as many as a
    digest can name. Beyond, they are counted: 100,000 rows must not become as many rows to tell at once."""
    if not findings:
        return
    most = max(LIMIT, office.rules(scope.now).digest_threshold + 1)
    waiting = table(Unannounced)
    names = [_sum(kind, batch) for kind in Telling]
    query = sa.select(waiting.c.kind, waiting.c.data).where(waiting.c.order_id == 0, waiting.c.kind.in_(names))
    sums = defaultdict(_Sum, {kind: _Sum.read(data) for kind, data in scope.connection.execute(query)})
    noted = {"batch": batch, "at": scope.now, "done": False}
    for found in findings:
        if not _loud(scope, found, ()):
            total = sums[_sum(found.kind, batch)]
            if total.kept >= most:
                total.beyond += 1
                continue
            total.kept += 1
        elif found.kind is not Telling.MISMATCH:
            sums.setdefault(_sum(found.kind, batch), _Sum())  # counts those that are told before the digest
        scope.place(Unannounced, (found.order, found.kind), {**noted, "data": found.data})
    for kind, total in sums.items():
        scope.place(Unannounced, (0, kind), {**noted, "data": total.data})


def _loud(scope: Scope, found: Finding, marked: Collection[int]) -> bool:
    """Whether it is told by itself, however many there are."""
    return found.kind is Telling.MISMATCH or _urgent(scope, found.order) or found.order in marked


def _urgent(scope: Scope, number: int) -> bool:
    order = scope.order(number)
    return order is not None and order.level == clocks.URGENT_LEVEL


def _digest(office: Office, scope: Scope, kind: str, orders: Sequence[Order], counted: _Sum) -> None:
    ordinary = [order for order in orders if order.level != clocks.URGENT_LEVEL]
    listed = ordinary if kind == DIGEST else ordinary[:_LISTED]
    unsigned = sorted(order.id for order in orders if order.state == State.AWAITING_SIGNATURE)
    text = office.texts.render(
        CHANGES_DIGEST if kind == CHANGES_DIGEST else IMPORT_DIGEST,
        now=scope.now,
        imported=kind != DIGEST,
        lines=[(order, short_category(order.category), _sign_off_due(scope, order)) for order in listed],
        more=len(ordinary) - len(listed) + counted.beyond,
        total=len(orders) + counted.beyond + counted.told,
        urgent=len(orders) - len(ordinary) + counted.told,
        numbers=ranges(unsigned[:LIMIT]),
        beyond=max(0, len(unsigned) - LIMIT) + counted.beyond + counted.told,
    )
    people = () if kind == DIGEST else notices.with_role(office, "duty")
    audience = Audience((notices.DISPATCH,), people=people)
    notices.post(
        office, scope, audience, kind=kind, priority=Priority.NOTICE, text=text, orders=[order.id for order in ordinary]
    )


def _sign_off_due(scope: Scope, order: Order) -> datetime | None:
    """Until when the order must be signed; None once it is, or was returned."""
    if order.state != State.AWAITING_SIGNATURE:
        return None
    running = (clock for clock in scope.rows(Clock, order.id) if clock.kind == Kind.SIGN_OFF and clock.running)
    return next((clock.due_at for clock in running), None)


def _tell_new(office: Office, scope: Scope, order: Order, _: Sequence[str]) -> None:
    people = notices.with_role(office, "duty") if order.level == clocks.URGENT_LEVEL else ()
    running = clocks.upcoming(scope, order)
    _post(office, scope, order, Audience((notices.DISPATCH,), people=people), NOTICE, clocks=running)


def _tell_changed(office: Office, scope: Scope, order: Order, columns: Sequence[str]) -> None:
    departments = (order.department,) if order.department else ()
    people = notices.next_to_act(office, order) if order.open else ()
    audience = Audience((notices.DISPATCH,), departments, people)
    due = clocks.running(scope, order, Kind.CLOSE_OUT) if REOPENED in columns else None
    _post(
        office,
        scope,
        order,
        audience,
        "upstream_change",
        columns=[column for column in columns if column != REOPENED],
        due=due,
        supervised=rounds.supervisions(scope, order),
        move=notices.sending_elsewhere(office, order),
    )


def _tell_mismatch(office: Office, scope: Scope, order: Order, found: Sequence[str]) -> None:
    people = (*notices.with_role(office, "duty"), *notices.with_role(office, "office"))
    audience = Audience((notices.DISPATCH, notices.SUPERVISION), people=people)
    _post(office, scope, order, audience, "mismatch", Priority.URGENT, found=found[0])


def _post(
    office: Office,
    scope: Scope,
    order: Order,
    audience: Audience,
    template: str,
    priority: Priority | None = None,
    **values: object,
) -> None:
    text = office.texts.render(template, now=scope.now, order=order, **values)
    priority = notices.priority_of(order, Priority.NOTICE) if priority is None else priority
    notices.post(office, scope, audience, kind=template, priority=priority, text=text, order=order)


_TELL = {Telling.NEW: _tell_new, Telling.CHANGED: _tell_changed, Telling.MISMATCH: _tell_mismatch}
