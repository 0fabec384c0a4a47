"""Rows into the store, and what follows: notices, digests, returns and reopenings that the source decided.

An import may take several transactions, and may run in a process that does not know the ways out. What it found is
noted as unannounced; the service tells it once the import is finished or has died, so that one import makes one
digest and a crash in between loses no notice.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import sqlalchemy as sa

from config.organisation import Person
from handlers import clocks, notices
from handlers.commands.closing import reopen_by_source
from handlers.commands.receipt import settle_return
from handlers.intake.accept import STATUS_COLUMN, Accepted, Prepared, Result, accept, known
from handlers.intake.orders import IncomingOrder
from handlers.intake.upstream import Decision
from handlers.notices import Audience
from handlers.office import Office
from handlers.references import LIMIT
from handlers.work import SYSTEM_ACTOR, Place, Work
from storage.columns import table
from storage.outbox import Priority
from storage.tables import Order, Unannounced
from storage.transaction import Scope

MOST = 100
"""Notices made in one transaction: commands wait for it."""
_ABANDONED = timedelta(minutes=2)
"""After so long without another chunk an import counts as dead, and what it left is announced."""
_LISTED = 15


class Telling(StrEnum):
    """Kinds of findings that people are told of."""

    NEW = "new"
    CHANGED = "changed"
    MISMATCH = "mismatch"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell: which order, and in `data` the changed columns or the contradiction."""

    kind: Telling
    order: int
    data: tuple[str, ...] = ()


def take_in(
    office: Office,
    scope: Scope,
    rows: Sequence[IncomingOrder],
    *,
    origin: str,
    batch: str | None = None,
    takeover: bool = False,
    actor: Person = SYSTEM_ACTOR,
    prepared: Mapping[tuple[str, str], Prepared] | None = None,
) -> list[Accepted]:
    """Accept rows inside one transaction. With `batch` the findings wait for `finish`; else they are told now.

    With `takeover` nothing is told at all. `prepared` is what `accept.prepare` worked out of these rows before.
    """
    before = known(scope, rows)
    scope.load(Order, [held.id for held in before.values()])
    ready = prepared or {}
    work = Work(office, scope, actor, Place(""))
    accepted = []
    findings: list[Finding] = []
    for row in rows:
        key = (row.source, row.number)
        taken = accept(office, scope, row, before.get(key), origin=origin, takeover=takeover, prepared=ready.get(key))
        accepted.append(taken)
        _follow(work, taken)
        findings += _findings(taken)
    if takeover:
        return accepted
    if batch is None:
        tell(office, scope, findings)
    else:
        _note(office, scope, batch, findings)
    return accepted


def finish(scope: Scope, batch: str) -> None:
    """The import is complete: the service may tell what it found."""
    waiting = table(Unannounced)
    scope.execute(sa.update(waiting).where(waiting.c.batch == batch).values(done=True))


def tell_finished(office: Office, scope: Scope) -> int:
    """Tell the findings of imports that are finished, or that died on the way; returns how many.

    While it returns `MOST` or more there are others to tell, in another transaction.
    """
    waiting = table(Unannounced)
    living = (
        sa.select(waiting.c.batch).group_by(waiting.c.batch).having(sa.func.max(waiting.c.at) > scope.now - _ABANDONED)
    )
    query = sa.select(waiting).where(sa.or_(waiting.c.done, waiting.c.batch.not_in(living)))
    if scope.connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = scope.connection.execute(query.order_by(waiting.c.order_id)).mappings().all()
    findings = [Finding(Telling(row["kind"]), row["order_id"], tuple(row["data"])) for row in rows if row["order_id"]]
    scope.load(Order, [found.order for found in findings])
    loud = [found for found in findings if _loud(scope, found)]
    if len(loud) > MOST:
        # More than one transaction can tell: the first of them now, and the sums keep count for the digest.
        batches = {(row["order_id"], row["kind"]): row["batch"] for row in rows}
        told = Counter((found.kind, batches[found.order, found.kind]) for found in loud[:MOST])
        for row in rows:
            if row["order_id"] == 0:
                total = _Sum.read(row["data"])
                total.told += sum(count for (kind, batch), count in told.items() if row["kind"] == _sum(kind, batch))
                scope.place(Unannounced, (0, row["kind"]), {**row, "data": total.data})
        findings, sums = loud[:MOST], []
    else:
        sums = [row for row in rows if row["order_id"] == 0]
    for found in findings:
        scope.place(Unannounced, (found.order, found.kind), None)
    for row in sums:
        scope.place(Unannounced, (0, row["kind"]), None)
    beyond: dict[Telling, _Sum] = defaultdict(_Sum)
    for row in sums:
        beyond[Telling(row["kind"].partition("+")[0])].add(_Sum.read(row["data"]))
    tell(office, scope, findings, beyond)
    return len(findings)


def tell(
    office: Office, scope: Scope, findings: Sequence[Finding], beyond: Mapping[Telling, "_Sum"] | None = None
) -> None:
    """One notice for each finding; above the policy's threshold (★ 20) one digest, the urgent ones by themselves.

    `beyond` are those that belong to the same import and are only counted.
    """
    threshold = office.rules(scope.now).digest_threshold
    for kind, one, digest in (
        (Telling.NEW, _tell_new, "new_orders_digest"),
        (Telling.CHANGED, _tell_changed, "changes_digest"),
    ):
        found = [(item, order) for item in findings if item.kind is kind and (order := scope.order(item.order))]
        counted = (beyond or {}).get(kind) or _Sum()
        many = len(found) + counted.beyond + counted.told > threshold and any(
            order.level != clocks.URGENT_LEVEL for _, order in found
        )
        for item, order in found:
            if not many or order.level == clocks.URGENT_LEVEL:
                one(office, scope, order, item)
        if many:
            _digest(office, scope, digest, [order for _, order in found], counted)
    for item in findings:
        if item.kind is Telling.MISMATCH and (order := scope.order(item.order)):
            _tell_mismatch(office, scope, order, item)


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


def _note(office: Office, scope: Scope, batch: str, findings: Sequence[Finding]) -> None:
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
        if not _loud(scope, found):
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


def _loud(scope: Scope, found: Finding) -> bool:
    """Whether it is told by itself, however many there are."""
    order = scope.order(found.order)
    return found.kind is Telling.MISMATCH or (order is not None and order.level == clocks.URGENT_LEVEL)


def _findings(taken: Accepted) -> list[Finding]:
    number = taken.order.id
    found = []
    if taken.result is Result.NEW and not taken.history:
        found.append(Finding(Telling.NEW, number))
    if taken.result is Result.CHANGED and not taken.order.history and _is_news(taken):
        found.append(Finding(Telling.CHANGED, number, taken.changes))
    if taken.mismatch:
        found.append(Finding(Telling.MISMATCH, number, (taken.mismatch,)))
    return found


def _is_news(taken: Accepted) -> bool:
    """A status that only moves on there as it did here is in the journal and calls nobody."""
    return taken.decision is not None or taken.changes != (STATUS_COLUMN,)


def _follow(work: Work, taken: Accepted) -> None:
    """What the source's own system decided: an answer to a return, a closed order that is open again."""
    if taken.decision is Decision.REOPENED:
        reopen_by_source(work, taken.order)
    elif taken.decision is not None:
        settle_return(work, taken.order, granted=taken.decision is Decision.RETURN_GRANTED, note="来源系统所示")


def _digest(office: Office, scope: Scope, template: str, orders: Sequence[Order], counted: _Sum) -> None:
    ordinary = [order for order in orders if order.level != clocks.URGENT_LEVEL]
    numbers = sorted(order.id for order in orders)
    text = office.texts.render(
        template,
        now=scope.now,
        orders=ordinary[:_LISTED],
        more=max(0, len(ordinary) - _LISTED) + counted.beyond,
        total=len(orders) + counted.beyond + counted.told,
        urgent=len(orders) - len(ordinary) + counted.told,
        numbers=_ranges(numbers[:LIMIT]),
        beyond=max(0, len(numbers) - LIMIT) + counted.beyond + counted.told,
    )
    audience = Audience((notices.DISPATCH,), people=notices.with_role(office, "duty"))
    notices.post(office, scope, audience, kind=template, priority=Priority.NOTICE, text=text)


def _ranges(numbers: Sequence[int]) -> str:
    """Rising numbers as a person types them: `3 5-9 12`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return " ".join("-".join(map(str, span)) for span in spans)


def _tell_new(office: Office, scope: Scope, order: Order, _: Finding) -> None:
    people = notices.with_role(office, "duty") if order.level == clocks.URGENT_LEVEL else ()
    running = clocks.upcoming(scope, order)
    _post(office, scope, order, Audience((notices.DISPATCH,), people=people), "new_order", clocks=running)


def _tell_changed(office: Office, scope: Scope, order: Order, found: Finding) -> None:
    departments = (order.department,) if order.department else ()
    people = notices.next_to_act(office, order) if order.open else ()
    audience = Audience((notices.DISPATCH,), departments, people)
    _post(office, scope, order, audience, "upstream_change", columns=found.data)


def _tell_mismatch(office: Office, scope: Scope, order: Order, found: Finding) -> None:
    people = (*notices.with_role(office, "duty"), *notices.with_role(office, "office"))
    audience = Audience((notices.DISPATCH, notices.SUPERVISION), people=people)
    _post(office, scope, order, audience, "mismatch", Priority.URGENT, found=found.data[0])


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
    notices.post(office, scope, audience, kind=template, priority=priority, text=text, order=order.id)
