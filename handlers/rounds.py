"""Rounds of handling: what runs on when an order is sent back, what begins anew when it is opened again (domain,
section 2, rows 18, 21, 22).
"""

from datetime import datetime

from config.shanghai import full_due_text
from handlers import clocks, timers
from handlers.office import Office
from handlers.relevelling import start_urgent_handling
from handlers.timers import SUPERVISIONS, Kind
from storage.tables import Clock, Fact, Order
from storage.transaction import Scope

_SENT_BACK, _REOPENED = "（退回重办，时限不变）", "（重开，时限不变）"


def resume(office: Office, scope: Scope, order: Order) -> None:
    """The order goes back to 办理中: 办结, 超4天 and 督办 run on as a new generation with the same due time.

    A due time of the source that it changed meanwhile wins; a 督办 that was lifted does not come back. What became
    urgent while nobody handled it is reminded as such from now on, and has its 紧急处置.
    """
    close_out, due = clocks.latest(scope, order, Kind.CLOSE_OUT), due_again(scope, order)
    if close_out is not None and due is not None:
        _run_on(office, scope, order, close_out, *due)
    for kind in (Kind.FOUR_DAYS, *_held(scope, order)):
        last = clocks.latest(scope, order, kind)
        if last is not None:
            _run_on(office, scope, order, last, last.due_at, _basis(last, _SENT_BACK))
    if order.level == clocks.URGENT_LEVEL and close_out is not None and not close_out.urgent:
        start_urgent_handling(scope, order, office.rules(scope.now), "紧急工单退回重办，自")


def restart(office: Office, scope: Scope, order: Order) -> None:
    """/重开: new 响应, 办结, 超4天 and, for an urgent order, 紧急处置 clocks from now; the old ones are kept as they
    ended. Who was phoned and reached before does not count any more: it is asked for again.

    A due time of the source that still lies ahead wins over ours, as it does at the start; so do 督办 that stand run on
    until theirs. One that has passed could be met by nobody now.
    """
    rules, now = office.rules(scope.now), scope.now
    urgent = order.level == clocks.URGENT_LEVEL
    order.phoned_at = order.first_contact_at = None
    limits = {
        Kind.RESPOND: rules.respond.of(urgent=urgent),
        Kind.CLOSE_OUT: rules.close_out_limit(order.level, order.type, order.category),
        Kind.FOUR_DAYS: rules.over_four_days,
    }
    if urgent:
        limits[Kind.URGENT] = rules.urgent_handling
    for kind, limit in limits.items():
        due, basis = now + limit.span, clocks.basis_of("自重开", now, limit)
        if kind is Kind.CLOSE_OUT and order.city_due_at is not None and order.city_due_at > now:
            due, basis = order.city_due_at, clocks.city_basis(order, order.city_due_at)
        clocks.start(scope, order, kind, now, due, basis, rules)
    for supervision in _held(scope, order):
        last = clocks.latest(scope, order, supervision)
        if last is not None and last.due_at > now:
            _run_on(office, scope, order, last, last.due_at, _basis(last, _REOPENED))


def due_again(scope: Scope, order: Order) -> tuple[datetime, str] | None:
    """Until when 办结 runs if the order is sent back now, and why; None where it never ran.

    The city's due time wins where it was changed after the last generation began.
    """
    last = clocks.latest(scope, order, Kind.CLOSE_OUT)
    if last is None:
        return None
    changed, due = order.city_due_changed_at, order.city_due_at
    if changed is not None and due is not None and changed > last.started_at:
        return due, clocks.city_basis(order, due)
    return last.due_at, _basis(last, _SENT_BACK)


def is_unchanged(scope: Scope, clock: Clock | None) -> bool:
    """Whether a clock of an order that was sent back is still due when its last generation was."""
    if clock is None:
        return True
    before = (clock.kind, clock.generation - 1, clock.due_at)
    return any((each.kind, each.generation, each.due_at) == before for each in scope.rows(Clock, clock.order_id))


def supervisions(scope: Scope, order: Order) -> list[tuple[str, str]]:
    """The 督办 that stand, each with how, for who gets the order back."""
    found = (clocks.latest(scope, order, kind) for kind in _held(scope, order))
    return [(each.kind, _standing(each, scope.now)) for each in found if each is not None]


def _standing(clock: Clock, now: datetime) -> str:
    if clock.running:
        return clocks.standing(clock, now)
    return f"原截止 {full_due_text(clock.due_at)} 已过，请重新定截止时间"


def _held(scope: Scope, order: Order) -> list[Kind]:
    """Clocks of the 督办 that stand."""
    held = {fact.name for fact in scope.rows(Fact, order.id) if fact.cleared_at is None}
    return [kind for kind in SUPERVISIONS.values() if kind in held]


def _run_on(office: Office, scope: Scope, order: Order, last: Clock, due: datetime, basis: str) -> None:
    """A new generation after the `last`, where that does not run any more, counted from where it was."""
    if last.running:
        return
    again = last.model_copy(
        update={
            "generation": last.generation + 1,
            "started_at": scope.now,
            "origin_at": last.origin,
            "due_at": max(due, last.origin + clocks.SPARED),
            "basis": basis,
            "met_at": None,
            "late_seconds": None,
            "cancelled_at": None,
            "cancel_reason": "",
            "urgent": order.level == clocks.URGENT_LEVEL,
        }
    )
    if again.due_at != last.due_at:
        again.breached_at = None
    scope.add(again)
    timers.set_timer(scope, again, office.rules(scope.now), scope.now)


def _basis(last: Clock, why: str) -> str:
    """The old explanation, and once only that it holds again."""
    return f"{last.basis.removesuffix(_SENT_BACK).removesuffix(_REOPENED)}{why}"
