"""The sweep: breaches are marked and reminders queued at their moment, each once (domain, section 4).

A timer holds the next moment of every running clock, so a restart, a pause or a second replica changes nothing. What
was missed while the service was down comes as one digest for each group, and so does what is due for more orders at
once than anybody reads one by one (★ 20, as for an import). Ladders, quiet hours and standing times will decide here
who is called and when; today the responsible people are called at every step.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from config.rules import Rules
from handlers import clocks, notices, timers
from handlers.notices import Audience
from handlers.office import Office
from handlers.states import State
from handlers.timers import Kind
from storage.columns import table
from storage.outbox import Priority
from storage.tables import Clock, Order, Reminder, Timer
from storage.transaction import Scope

MOST = 200
"""Timers handled in one transaction: commands wait for it."""
_LISTED = 30
_LATE = timedelta(minutes=5)
"""A reminder later than this was missed while the service was down."""


_Groups = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Due:
    """One clock whose moment has come: `step` is the distance to the due time, `at` when it should have been told."""

    order: Order
    clock: Clock
    at: datetime

    @property
    def step(self) -> str:
        """The key of the step: seconds before (−) or after the due time."""
        return str(int((self.at - self.clock.due_at).total_seconds()))


def sweep(office: Office, scope: Scope) -> int:
    """Handle every timer that is due at the scope's moment, at most `MOST`; returns how many were due."""
    timer = table(Timer)
    query = sa.select(timer).where(timer.c.next_at <= scope.now).order_by(timer.c.next_at).limit(MOST)
    if scope.connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = scope.connection.execute(query).mappings().all()
    numbers = sorted({row["order_id"] for row in rows})
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    told = _told(scope, numbers)
    due = [
        found for row in rows if (found := _due(office, scope, row["order_id"], row["kind"], row["generation"], told))
    ]
    late: dict[_Groups, list[Due]] = defaultdict(list)
    now: dict[_Groups, dict[int, list[Due]]] = defaultdict(lambda: defaultdict(list))
    for item in due:
        audience = _audience(office, item)
        groups = (audience.purposes, audience.departments)
        if item.order.level != clocks.URGENT_LEVEL and scope.now - item.at > _LATE:
            late[groups].append(item)
        else:
            now[groups][item.order.id].append(item)
    for groups, orders in now.items():
        ordinary = [number for number, items in orders.items() if items[0].order.level != clocks.URGENT_LEVEL]
        if len(ordinary) > office.rules(scope.now).digest_threshold:
            late[groups] += [item for number in ordinary for item in orders.pop(number)]
        for items in orders.values():
            _remind(office, scope, items)
    for items in late.values():
        _catch_up(office, scope, items)
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


def _due(
    office: Office, scope: Scope, order_id: int, kind: str, generation: int, told: Collection[_Step]
) -> Due | None:
    """Mark the breach if it is time, set the timer to the next step, and say whether somebody must be told."""
    key = (order_id, kind, generation)
    order = scope.order(order_id)
    clock = next((c for c in scope.rows(Clock, order_id) if (c.kind, c.generation) == (kind, generation)), None)
    if order is None or clock is None or not clock.running:
        scope.place(Timer, key, None)
        return None
    rules = office.rules(scope.now)
    if clock.breached_at is None and clock.due_at <= scope.now:
        clock.breached_at = clock.due_at
        scope.record("超时", order, clock=kind, generation=generation, due=clock.due_at)
    at = _latest_step(clock, rules, scope.now)
    scope.place(Timer, key, {"next_at": timers.next_moment(clock, rules, scope.now)})
    if at is None or _advice(order, Kind(kind)) is None:
        return None
    due = Due(order, clock, at)
    if (order_id, kind, generation, due.step) in told:
        return None
    scope.insert(Reminder, order_id=order_id, kind=kind, generation=generation, step=due.step, at=scope.now)
    return due


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


def _remind(office: Office, scope: Scope, items: list[Due]) -> None:
    """One message for the clocks of one order that are due at once and concern the same groups."""
    order = items[0].order
    text = office.texts.render(
        "reminder",
        now=scope.now,
        order=order,
        over=any(item.clock.due_at <= scope.now for item in items),
        lines=[(item.clock.kind, clocks.standing(item.clock, scope.now)) for item in items],
        advice=list(dict.fromkeys(_advice(order, Kind(item.clock.kind)) for item in items)),
    )
    notices.post(
        office,
        scope,
        _together(office, items),
        kind="reminder",
        priority=notices.priority_of(order, Priority.REMINDER),
        text=text,
        order=order.id,
    )


def _catch_up(office: Office, scope: Scope, items: list[Due]) -> None:
    """One digest for a group; who has more to read than it holds finds the rest by asking."""
    items = sorted(items, key=lambda item: (item.clock.due_at, item.order.id))
    lines = [(item.order, item.clock, clocks.standing(item.clock, scope.now)) for item in items]
    text = office.texts.render("catch_up", now=scope.now, lines=lines[:_LISTED], total=len(lines))
    audience = _together(office, items)
    notices.post(office, scope, audience, kind="catch_up", priority=Priority.REMINDER, text=text)


def _together(office: Office, items: list[Due]) -> Audience:
    """The groups, which are the same for all items, and everybody who is to be called for any of them."""
    audiences = [_audience(office, item) for item in items]
    people = tuple(dict.fromkeys(person for audience in audiences for person in audience.people))
    return replace(audiences[0], people=people)


def _audience(office: Office, item: Due) -> Audience:
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


def _advice(order: Order, kind: Kind) -> str | None:
    """What to type next: what meets the clock where that is allowed, else what moves the order on.

    None where nobody can do anything for this clock any more: a nudge would only be noise.
    """
    state = State(order.state)
    if state in _MEETS[kind]:
        return _urgent_advice(order) if kind is Kind.URGENT else _ADVICE[kind].format(order.id)
    if kind in _DURING_HANDLING and state in _AFTER_HANDLING:
        return None
    advice = _ONWARD.get(state)
    return advice and advice.format(order.id)


def _urgent_advice(order: Order) -> str:
    """What is still missing of 接单, 电话 and 首次联系."""
    lacking = (
        (order.accepted_at, f"/接单 {order.id}"),
        (order.phoned_at, f"/电话 {order.id} 被叫人"),
        (order.first_contact_at, f"/反馈 {order.id} 已接通 说明"),
    )
    return f"还缺 {'，'.join(step for at, step in lacking if at is None)}"


_MEETS = {
    Kind.SIGN_OFF: {State.AWAITING_SIGNATURE},
    Kind.DISPATCH: {State.AWAITING_DISPATCH},
    Kind.RESPOND: {State.AWAITING_ACCEPTANCE, State.HANDLING, State.AWAITING_EVALUATION},
    Kind.URGENT: {State.AWAITING_ACCEPTANCE, State.HANDLING},
    Kind.CLOSE_OUT: {State.HANDLING},
    Kind.EVALUATE: {State.AWAITING_EVALUATION},
    Kind.FOUR_DAYS: {State.HANDLING},
    Kind.ADVISE: {State.AWAITING_SIGNATURE, State.AWAITING_DISPATCH},
    Kind.SUPERVISE: {State.HANDLING},
}
"""States in which somebody can do what meets the clock."""

_DURING_HANDLING = frozenset({Kind.RESPOND, Kind.URGENT})
_AFTER_HANDLING = frozenset({State.AWAITING_EVALUATION, State.AWAITING_CLOSURE})

_ADVICE = {
    Kind.SIGN_OFF: "/签收 {0}；不属于本街道：/退回 {0} 类别 单位 说明",
    Kind.DISPATCH: "/派单 {0} 主办科室",
    Kind.RESPOND: "联系来电人后 /反馈 {0} 已接通 说明",
    Kind.CLOSE_OUT: "/办结 {0} 解决 结果",
    Kind.EVALUATE: "/评定 {0} 是 解决 满意",
    Kind.FOUR_DAYS: "/办结 {0} 解决 结果",
    Kind.ADVISE: "/批复 {0} 派 科室，或 /批复 {0} 退 单位",
    Kind.SUPERVISE: "/办结 {0} 解决 结果",
}
"""What to type next, by clock."""

_ONWARD = {
    State.AWAITING_SIGNATURE: _ADVICE[Kind.SIGN_OFF],
    State.RETURNING: "来源系统有了结果后 /退回结果 {0} 成功 或 /退回结果 {0} 驳回",
    State.AWAITING_DISPATCH: _ADVICE[Kind.DISPATCH],
    State.AWAITING_ACCEPTANCE: "/接单 {0}；派错了：/改派 {0} 理由",
}
"""What to type next where the clock's own command is not allowed yet."""
