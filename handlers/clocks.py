"""Clocks: what starts them, what meets them, how they end (domain, section 3).

A clock is frozen when it starts: due time, rule version, calendar version, one line that explains it. Beside it
stands a timer, the next moment at which somebody must be told; the sweeper reads timers, never the rules anew.
"""

from datetime import datetime, timedelta

from config.rules import Limit, Rules
from config.shanghai import day_of, due_text, end_of_day, full_due_text, full_text, over_text, span_text
from config.texts import mark
from handlers import timers
from handlers.office import Office
from handlers.timers import Kind
from storage.tables import Clock, Order
from storage.transaction import Scope

URGENT_LEVEL = "紧急"
BREACH = "超时"
"""The event by which the sweep marks a breach: nobody's doing."""
SPARED = timedelta(seconds=1)
"""What a limit has at the least: nothing is due the moment it begins."""
AHEAD = timedelta(minutes=10)
"""How far another system's clock may be ahead of ours before its arrival time is a mistake."""


def start_intake(office: Office, scope: Scope, order: Order, *, takeover: bool = False) -> None:
    """Start 签收, 响应, 办结, 超4天 and, for an urgent order, 紧急处置, all from arrival.

    With `takeover` a limit that has already passed is not started: the office that is taken over answers for it.
    """
    rules = office.rules(order.imported_at)
    at, told = arrival(order)
    urgent = order.level == URGENT_LEVEL
    planned = [
        (Kind.SIGN_OFF, rules.sign_off.of(urgent=urgent)),
        (Kind.RESPOND, rules.respond.of(urgent=urgent)),
        (Kind.FOUR_DAYS, rules.over_four_days),
    ]
    if urgent:
        planned.append((Kind.URGENT, rules.urgent_handling))
    for kind, limit in planned:
        if not (takeover and at + limit.span <= scope.now):
            start(scope, order, kind, at, at + limit.span, basis_of(told, at, limit), rules)
    due, basis = _close_out_due(order, rules, at, told)
    if not (takeover and due <= scope.now):
        start(scope, order, Kind.CLOSE_OUT, at, due, basis, rules)


def city_due(office: Office, scope: Scope, order: Order) -> None:
    """The source gave another due time: it wins, as a new generation of the 办结 that runs, if one does."""
    clock = running(scope, order, Kind.CLOSE_OUT)
    if clock is not None and order.city_due_at is not None:
        due, basis = order.city_due_at, city_basis(order, order.city_due_at)
        start(scope, order, Kind.CLOSE_OUT, scope.now, due, basis, office.rules(scope.now), origin=clock.origin)


def start_dispatch(office: Office, scope: Scope, order: Order, since: str) -> None:
    """Start 派单 from now; never due after 24:00 of the day, because all orders signed in a day are dispatched.

    `since` says what it starts from (自签收, 自改派), for the explanation.
    """
    rules = office.rules(scope.now)
    due, basis = due_of(rules, Kind.DISPATCH, scope.now, rules.dispatch.of(urgent=order.level == URGENT_LEVEL), since)
    start(scope, order, Kind.DISPATCH, scope.now, due, basis, rules)


def start_evaluation(office: Office, scope: Scope, order: Order) -> None:
    """Start 评定 from the 科室's 办结."""
    rules = office.rules(scope.now)
    limit = rules.evaluation
    start(
        scope, order, Kind.EVALUATE, scope.now, scope.now + limit.span, basis_of("自科室办结", scope.now, limit), rules
    )


def start_advice(office: Office, scope: Scope, order: Order) -> None:
    """Start 批复: the 分中心 is asked again at its due time, and as long again after it (★ 4 h)."""
    rules = office.rules(scope.now)
    limit = rules.refer_again
    basis = basis_of("自报备", scope.now, limit)
    start(scope, order, Kind.ADVISE, scope.now, scope.now + limit.span, basis, rules)


def start_supervision(
    office: Office, scope: Scope, order: Order, kind: Kind, due: datetime, *, provisional: bool = False
) -> Clock:
    """Start 督办 of a level until the due time that it gave; a new one supersedes the last of that level.

    `provisional`: the due time was counted over workdays that are not published yet.
    """
    rules, basis = office.rules(scope.now), f"{kind}给定的截止时间 {full_due_text(due)}"
    return start(scope, order, kind, scope.now, due, basis, rules, provisional=provisional)


def meet(scope: Scope, order: Order, kind: Kind, at: datetime | None = None) -> Clock | None:
    """Meet the running clock of this kind at `at` (default now); sets lateness, and the breach if none was marked.

    What was done before this generation of it began counts at its own time, but not before its limit began.
    Returns the clock, or None when none is running.
    """
    clock = running(scope, order, kind)
    if clock is None:
        return None
    clock.met_at = max(clock.origin, scope.now if at is None else at)
    late = clock.met_at - clock.due_at
    if late > timedelta():
        clock.breached_at = clock.due_at
        clock.late_seconds = int(late.total_seconds())
    else:
        clock.late_seconds = 0
    timers.clear_timer(scope, clock)
    return clock


def meet_urgent(scope: Scope, order: Order) -> None:
    """紧急处置 ends when the order is accepted, somebody was phoned and the first contact is made (★): when the last of
    the three was made, which may be written down later."""
    if order.accepted_at and order.phoned_at and order.first_contact_at:
        meet(scope, order, Kind.URGENT, max(order.accepted_at, order.phoned_at, order.first_contact_at))


def cancel(scope: Scope, order: Order, kind: Kind, reason: str) -> None:
    """Cancel the running clock of this kind, if any."""
    clock = running(scope, order, kind)
    if clock is not None:
        clock.cancelled_at, clock.cancel_reason = scope.now, reason
        timers.clear_timer(scope, clock)


def is_breached(scope: Scope, order: Order, kind: Kind, now: datetime) -> bool:
    """Whether the newest clock of this kind is past its due time, marked or not yet."""
    clock = latest(scope, order, kind)
    return clock is not None and (clock.breached_at is not None or (clock.running and clock.due_at <= now))


def cancel_all(scope: Scope, order: Order, reason: str) -> None:
    """Cancel every running clock, with the reason that is shown beside it."""
    for clock in scope.rows(Clock, order.id):
        if clock.running:
            clock.cancelled_at, clock.cancel_reason = scope.now, reason
            timers.clear_timer(scope, clock)


def supersede(scope: Scope, order: Order, kind: Kind) -> None:
    """End the running clock of this kind because a new generation takes over."""
    clock = running(scope, order, kind)
    if clock is not None:
        clock.superseded_at = scope.now
        timers.clear_timer(scope, clock)


def running(scope: Scope, order: Order, kind: Kind) -> Clock | None:
    """The clock of this kind that runs, if any."""
    return next((clock for clock in scope.rows(Clock, order.id) if clock.kind == kind and clock.running), None)


def latest(scope: Scope, order: Order, kind: Kind) -> Clock | None:
    """The newest generation of this kind, running or not."""
    return max((c for c in scope.rows(Clock, order.id) if c.kind == kind), key=lambda c: c.generation, default=None)


def upcoming(scope: Scope, order: Order) -> list[Clock]:
    """The running clocks, earliest due first."""
    return sorted((clock for clock in scope.rows(Clock, order.id) if clock.running), key=lambda clock: clock.due_at)


def standing(clock: Clock, now: datetime, *, full: bool = False) -> str:
    """`17:00 到期，剩 2小时5分` or `06-01 17:00 到期，已超 3小时`, marked where the calendar is only provisional; with
    `full` the due time has its whole date."""
    left = clock.due_at - now
    words = f"剩 {span_text(left)}" if left > timedelta() else over_text(-left)
    due = due_text(clock.due_at, None if full else now)
    return f"{due} 到期，{words}{mark(provisional=clock.provisional)}"


def start(
    scope: Scope,
    order: Order,
    kind: Kind,
    at: datetime,
    due: datetime,
    basis: str,
    rules: Rules,
    *,
    origin: datetime | None = None,
    provisional: bool = False,
) -> Clock:
    """Start a generation of this kind at `at`, which supersedes the running one; `origin` is where its limit is counted
    from, if not from there, and before which it is never due.

    What supersedes starts now, never earlier: what was counted as of an earlier moment must not change.
    """
    supersede(scope, order, kind)
    last = latest(scope, order, kind)
    clock = scope.add(
        Clock(
            order_id=order.id,
            kind=kind,
            generation=0 if last is None else last.generation + 1,
            started_at=at,
            due_at=max(due, (origin or at) + SPARED),
            basis=basis,
            rule_version=rules.version,
            calendar_version=rules.calendar_version,
            provisional=provisional,
            urgent=order.level == URGENT_LEVEL,
            origin_at=origin,
        )
    )
    timers.set_timer(scope, clock, rules, scope.now)
    return clock


def arrival(order: Order) -> tuple[datetime, str]:
    """Where the limits of an order's first round are counted from, and how the explanation says so."""
    if order.arrived_at is None:
        return order.imported_at, "到达时间未提供，按导入时间计，自导入"
    if order.arrived_at - order.imported_at > AHEAD:
        return order.imported_at, "到达时间晚于导入时间，按导入时间计，自导入"
    return order.arrived_at, "自到达"


def due_of(rules: Rules, kind: Kind, at: datetime, limit: Limit, told: str) -> tuple[datetime, str]:
    """When a limit that is counted from `at` ends; 派单 at 24:00 of that day at the latest."""
    due, basis, midnight = at + limit.span, basis_of(told, at, limit), end_of_day(day_of(at))
    if kind is Kind.DISPATCH and rules.dispatch_same_day and due > midnight:
        return midnight, f"{basis}，且不过当日24:00"
    return due, basis


def basis_of(told: str, at: datetime, limit: Limit) -> str:
    """The line that explains a limit which is counted from `at`; `told` says what happened there."""
    return f"{told} {full_text(at)} 起 {span_text(limit.span)}（{limit.source}）"


def city_basis(order: Order, due: datetime) -> str:
    """The line that explains a due time which the source gave."""
    return f"{order.source}级给定的办理时限 {full_due_text(due)}"


def _close_out_due(order: Order, rules: Rules, at: datetime, told: str) -> tuple[datetime, str]:
    if order.city_due_at is not None:
        return order.city_due_at, city_basis(order, order.city_due_at)
    limit = rules.close_out_limit(order.level, order.type, order.category)
    return at + limit.span, basis_of(told, at, limit)
