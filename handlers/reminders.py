"""The sweep: breaches are marked and reminders queued at their moment, each once (domain, section 4).

A timer holds the next moment of every running clock, so a restart, a pause or a second replica changes nothing. What
was missed while the service was down comes as one digest for each group, and so does what is due for more orders at
once than anybody reads one by one (★ 20, as for an import). Quiet hours (★ 22:00–07:00) hold ordinary nudges until
they end, when they come as such a digest too; a breach is marked at its moment all the same. Urgent orders that are
overdue are repeated together, one message for a group, each at least as often as its ladder says; what else is due in
one sweep goes together as well. Ladders will decide
here who is called; today the responsible people are called at every step.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from config.rules import Rules
from handlers import clocks, notices, resting, timers
from handlers.advice import advice
from handlers.notices import Audience
from handlers.office import Office
from handlers.quiet import Night
from handlers.timers import Kind
from storage.columns import table
from storage.outbox import Priority
from storage.tables import Clock, ClockTable, Order, OrderTable, Remark, Reminder, Slot, Timer
from storage.transaction import Scope

MOST = 200
"""Timers handled in one transaction: commands wait for it."""
_LISTED = 30
_LATE = timedelta(minutes=5)
"""A reminder later than this was missed while the service was down."""


_PUT_OFF = ("catch_up", "open")
"""The slot that says, from the first transaction of many to the last, that a digest is still to be made."""

_Groups = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Due:
    """One clock whose moment has come: `step` is the distance to the due time, `at` when it should have been told.

    `resting` are people who know already and need not be called.
    """

    order: Order
    clock: Clock
    at: datetime
    resting: frozenset[str] = frozenset()

    @property
    def step(self) -> str:
        """The key of the step: seconds before (−) or after the due time."""
        return str(int((self.at - self.clock.due_at).total_seconds()))

    @property
    def again(self) -> bool:
        """Whether it repeats that an urgent order is overdue."""
        return self.order.level == clocks.URGENT_LEVEL and self.at > self.clock.due_at


def sweep(office: Office, scope: Scope) -> int:
    """Handle every timer that is due at the scope's moment, at most `MOST`; returns how many were due.

    While it returns `MOST` there may be others, for another transaction: what is urgent is told at once, all else when
    the last of them is handled, so that a long pause makes one digest and not one for each transaction.
    """
    timer = table(Timer)
    query = sa.select(timer).where(timer.c.next_at <= scope.now).order_by(timer.c.next_at).limit(MOST)
    if scope.connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = scope.connection.execute(query).mappings().all()
    begun = _put_off_since(scope)
    if not rows and begun is None:
        return 0
    numbers = sorted({row["order_id"] for row in rows})
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    scope.load(Remark, numbers)
    night = Night.of(office, scope, numbers)
    told = _told(scope, numbers)
    due = [
        found
        for row in rows
        if (found := _due(office, scope, (row["order_id"], row["kind"], row["generation"]), told, night))
    ]
    due += _ahead(office, scope, due, told)
    urgent = [item for item in due if item.order.level == clocks.URGENT_LEVEL]
    ordinary = [item for item in due if item.order.level != clocks.URGENT_LEVEL]
    if len(rows) >= MOST:
        _tell(office, scope, urgent)
        if ordinary:
            values = {"at": scope.now if begun is None else begun, "holder": ""}
            scope.place(Slot, _PUT_OFF, values)
    elif begun is not None:
        scope.place(Slot, _PUT_OFF, None)
        _tell(office, scope, urgent, [*_put_off(scope, begun), *ordinary])
    else:
        late = [item for item in ordinary if scope.now - item.at > _LATE]
        missed = {id(item) for item in late}
        _tell(office, scope, [item for item in due if id(item) not in missed], late)
    return len(rows)


def next_due(scope: Scope) -> datetime | None:
    """The earliest moment at which `sweep` has something to do."""
    timer = table(Timer)
    found: datetime | None = scope.connection.execute(sa.select(sa.func.min(timer.c.next_at))).scalar_one()
    return found


_Step = tuple[int, str, int, str]


def _told(scope: Scope, orders: Sequence[int]) -> set[_Step]:
    """The reminder steps of these orders that were told already."""
    reminder = table(Reminder)
    columns = (reminder.c.order_id, reminder.c.kind, reminder.c.generation, reminder.c.step)
    query = sa.select(*columns).where(reminder.c.order_id.in_(orders))
    return {(row[0], row[1], row[2], row[3]) for row in scope.connection.execute(query)}


def _put_off_since(scope: Scope) -> datetime | None:
    """The moment of the first transaction whose reminders wait for a digest; None where none do."""
    slot = table(Slot)
    query = sa.select(slot.c.at).where(slot.c.job == _PUT_OFF[0], slot.c.slot == _PUT_OFF[1])
    found: datetime | None = scope.connection.execute(query).scalar()
    return found


def _put_off(scope: Scope, begun: datetime) -> list[Due]:
    """What the transactions since then counted as told, and left to the digest."""
    reminder = table(Reminder)
    rows = scope.connection.execute(sa.select(reminder).where(reminder.c.at >= begun)).mappings().all()
    numbers = sorted({row["order_id"] for row in rows})
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    found = []
    for row in rows:
        order = scope.order(row["order_id"])
        clock = _clock(scope, row["order_id"], row["kind"], row["generation"])
        if order is None or clock is None or not clock.running or order.level == clocks.URGENT_LEVEL:
            continue
        if advice(order, Kind(clock.kind)) is not None:
            found.append(Due(order, clock, clock.due_at + timedelta(seconds=int(row["step"]))))
    return found


def _tell(office: Office, scope: Scope, now: Sequence[Due], late: Sequence[Due] = ()) -> None:
    """Remind of some order by order, where they are not too many for that, and of others in digests."""
    digests: dict[_Groups, list[Due]] = defaultdict(list)
    for item in late:
        digests[_groups(office, item)].append(item)
    single: dict[_Groups, dict[int, list[Due]]] = defaultdict(lambda: defaultdict(list))
    for item in now:
        single[_groups(office, item)][item.order.id].append(item)
    for groups, orders in single.items():
        ordinary = [number for number, items in orders.items() if items[0].order.level != clocks.URGENT_LEVEL]
        if len(ordinary) > office.rules(scope.now).digest_threshold:
            digests[groups] += [item for number in ordinary for item in orders.pop(number)]
        overdue = [number for number, items in orders.items() if all(item.again for item in items)]
        if len(overdue) > 1:
            _repeat(office, scope, [item for number in overdue for item in orders.pop(number)])
        for urgent in (True, False):
            rest = [items for items in orders.values() if (items[0].order.level == clocks.URGENT_LEVEL) is urgent]
            if len(rest) > 1:
                _remind_together(office, scope, rest)
            else:
                _remind(office, scope, *rest)
    for items in digests.values():
        _catch_up(office, scope, items)


def _groups(office: Office, item: Due) -> _Groups:
    audience = _audience(office, item)
    return audience.purposes, audience.departments


def _due(
    office: Office, scope: Scope, key: tuple[int, str, int], told: Collection[_Step], night: Night | None
) -> Due | None:
    """Mark the breach if it is time, set the timer to the next step, and say whether somebody must be told."""
    order_id, kind, generation = key
    order, clock = scope.order(order_id), _clock(scope, *key)
    if order is None or clock is None or not clock.running:
        scope.place(Timer, key, None)
        return None
    rules = office.rules(scope.now)
    if clock.breached_at is None and clock.due_at <= scope.now:
        clock.breached_at = clock.due_at
        scope.record("超时", order, clock=kind, generation=generation, due=clock.due_at)
    at = _latest_step(clock, rules, scope.now)
    following = timers.next_moment(clock, rules, scope.now)
    useless = at is None or advice(order, Kind(kind)) is None
    held = night is not None and not useless and night.holds(order, Kind(kind))
    scope.place(Timer, key, {"next_at": min(following, night.until) if night is not None and held else following})
    if at is None or useless or held:
        return None
    due = Due(order, clock, at, resting.resting(scope, order, clock, at))
    if (*key, due.step) in told:
        return None
    scope.insert(Reminder, order_id=order_id, kind=kind, generation=generation, step=due.step, at=scope.now)
    # Where everybody who would be called knows already, nobody is.
    return due if _audience(office, due).people or not due.resting else None


def _ahead(office: Office, scope: Scope, due: Sequence[Due], told: Collection[_Step]) -> list[Due]:
    """Where something urgent and overdue is repeated now: what would be repeated before its next time, brought forward.

    Every clock has its own minute; ten overdue orders would otherwise speak up every three minutes.
    """
    rules, now = office.rules(scope.now), scope.now
    window = max((timers.ladder(item.clock, rules).every for item in due if item.again), default=None)
    if window is None:
        return []
    timer, order, clock = table(Timer), table(OrderTable), table(ClockTable)
    same = (timer.c.order_id == clock.c.order_id, timer.c.kind == clock.c.kind)
    query = (
        sa.select(timer)
        .join(order, order.c.id == timer.c.order_id)
        .join(clock, sa.and_(*same, timer.c.generation == clock.c.generation))
        .where(timer.c.next_at > now, timer.c.next_at < now + window)
        .where(order.c.level == clocks.URGENT_LEVEL, clock.c.due_at < now)
        .limit(MOST)
    )
    rows = scope.connection.execute(query).mappings().all()
    numbers = sorted({row["order_id"] for row in rows})
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    told = {*told, *_told(scope, numbers)}
    return [found for row in rows if (found := _early(scope, rules, row, told)) is not None]


def _early(scope: Scope, rules: Rules, row: sa.RowMapping, told: Collection[_Step]) -> Due | None:
    key = (row["order_id"], row["kind"], row["generation"])
    order, clock = scope.order(row["order_id"]), _clock(scope, *key)
    if order is None or clock is None or not clock.running or advice(order, Kind(clock.kind)) is None:
        return None
    due = Due(order, clock, row["next_at"])
    if not due.again or (*key, due.step) in told:
        return None
    scope.place(Timer, key, {"next_at": timers.next_moment(clock, rules, due.at)})
    scope.insert(Reminder, order_id=key[0], kind=key[1], generation=key[2], step=due.step, at=scope.now)
    return due


def _clock(scope: Scope, order: int, kind: str, generation: int) -> Clock | None:
    return next((c for c in scope.rows(Clock, order) if (c.kind, c.generation) == (kind, generation)), None)


def _latest_step(clock: Clock, rules: Rules, now: datetime) -> datetime | None:
    """The newest step that has come; older ones that nobody was told of are covered by it."""
    at = None
    moment = timers.next_moment(clock, rules, clock.started_at)
    if moment > now:
        return None
    if now >= clock.due_at:
        every = timers.ladder(clock, rules).every
        return clock.due_at + int((now - clock.due_at) / every) * every
    while moment <= now:
        at = moment
        moment = timers.next_moment(clock, rules, moment)
    return at


def _remind_together(office: Office, scope: Scope, orders: Sequence[list[Due]]) -> None:
    """One message for a group: several orders, equally urgent, whose reminders are due in the same sweep."""
    orders = sorted(orders, key=lambda items: (min(item.clock.due_at for item in items), items[0].order.id))
    entries = [
        (
            items[0].order,
            [(item.clock.kind, clocks.standing(item.clock, scope.now)) for item in items],
            next(step for item in items if (step := advice(item.order, Kind(item.clock.kind))) is not None).partition(
                "；"
            )[0],
        )
        for items in orders
    ]
    flat = [item for items in orders for item in items]
    first = flat[0].order
    text = office.texts.render(
        "reminders",
        now=scope.now,
        urgent=first.level == clocks.URGENT_LEVEL,
        over=sum(any(item.clock.due_at <= scope.now for item in items) for items in orders),
        entries=entries[:_LISTED],
        total=len(entries),
    )
    notices.post(
        office,
        scope,
        _together(office, flat),
        kind="reminder",
        priority=notices.priority_of(first, Priority.REMINDER),
        text=text,
        orders=[order.id for order, _, _ in entries],
    )


def _remind(office: Office, scope: Scope, items: Sequence[Due] = ()) -> None:
    """One message for the clocks of one order that are due at once and concern the same groups."""
    if not items:
        return
    order = items[0].order
    text = office.texts.render(
        "reminder",
        now=scope.now,
        order=order,
        over=any(item.clock.due_at <= scope.now for item in items),
        lines=[(item.clock.kind, clocks.standing(item.clock, scope.now)) for item in items],
        advice=list(dict.fromkeys(advice(order, Kind(item.clock.kind)) for item in items)),
    )
    notices.post(
        office,
        scope,
        _together(office, items),
        kind="reminder",
        priority=notices.priority_of(order, Priority.REMINDER),
        text=text,
        order=order,
    )


def _repeat(office: Office, scope: Scope, items: list[Due]) -> None:
    """One urgent message for a group: all its urgent orders that are overdue, the latest first."""
    items = sorted(items, key=lambda item: (item.clock.due_at, item.order.id))
    orders = list(dict.fromkeys(item.order.id for item in items))
    lines = [(item.order, item.clock, clocks.standing(item.clock, scope.now)) for item in items]
    more = len(lines) > _LISTED
    text = office.texts.render("urgent_overdue", now=scope.now, lines=lines[:_LISTED], total=len(orders), more=more)
    audience = _together(office, items)
    notices.post(office, scope, audience, kind="reminder", priority=Priority.URGENT, text=text, orders=orders)


def _catch_up(office: Office, scope: Scope, items: list[Due]) -> None:
    """One digest for a group; who has more to read than it holds finds the rest by asking."""
    items = sorted(items, key=lambda item: (item.clock.due_at, item.order.id))
    lines = [(item.order, item.clock, clocks.standing(item.clock, scope.now)) for item in items]
    text = office.texts.render("catch_up", now=scope.now, lines=lines[:_LISTED], total=len(lines))
    audience = _together(office, items)
    orders = list(dict.fromkeys(item.order.id for item in items))
    notices.post(office, scope, audience, kind="catch_up", priority=Priority.REMINDER, text=text, orders=orders)


def _together(office: Office, items: Sequence[Due]) -> Audience:
    """The groups, which are the same for all items, and everybody who is to be called for any of them."""
    audiences = [_audience(office, item) for item in items]
    people = tuple(dict.fromkeys(person for audience in audiences for person in audience.people))
    return replace(audiences[0], people=people)


def _audience(office: Office, item: Due) -> Audience:
    """The groups in which a clock is told, and who is called there, but for those who know."""
    audience = _whom(office, item)
    return replace(audience, people=tuple(person for person in audience.people if person not in item.resting))


def _whom(office: Office, item: Due) -> Audience:
    """Seats sign and dispatch, reviewers rate; everything else is the 科室's, and from the due time its head's too."""
    order, kind = item.order, Kind(item.clock.kind)
    role = _ROLES.get(kind)
    if role is not None or order.department is None:
        purpose = notices.SUPERVISION if role == "reviewer" else notices.DISPATCH
        return Audience((purpose,), people=notices.with_role(office, role or "duty"))
    people = notices.responsible(office, order)
    if item.clock.due_at <= item.at:
        people = (*people, *notices.ids([office.organisation.head_of(order.department)]))
    if kind is Kind.URGENT:
        people = (*people, *notices.with_role(office, "duty"))
    return Audience(departments=(order.department,), people=tuple(dict.fromkeys(people)))


_ROLES = {Kind.SIGN_OFF: "duty", Kind.DISPATCH: "duty", Kind.EVALUATE: "reviewer", Kind.ADVISE: "centre"}
