"""What a new level does to an order's clocks (domain, section 2, row 28; section 3)."""

from datetime import datetime

from config.rules import Rules
from config.shanghai import full_text, span_text
from handlers import clocks, timers
from handlers.clocks import URGENT_LEVEL
from handlers.office import Office
from handlers.states import State
from handlers.timers import Kind
from storage.tables import Clock, Order
from storage.transaction import Scope


def relevel(office: Office, scope: Scope, order: Order) -> None:
    """/定级 changed the level: running limits that depend on it begin anew as a new generation.

    What becomes urgent has the urgent limit from now, but is never due later than it was, nor than it was when the
    order was urgent before. What is urgent no more has the ordinary limit from where it began: at arrival, 签收, 改派
    or 重开, not at an earlier /定级. A due time of the source stands, and so does a breach. 紧急处置 starts now (while
    the order is still to be handled; afterwards when it is sent back), runs on as it did before, or is cancelled.
    """
    rules, now = office.rules(scope.now), scope.now
    urgent = order.level == URGENT_LEVEL
    limits = {
        Kind.SIGN_OFF: rules.sign_off.of(urgent=urgent),
        Kind.DISPATCH: rules.dispatch.of(urgent=urgent),
        Kind.RESPOND: rules.respond.of(urgent=urgent),
        Kind.CLOSE_OUT: rules.close_out_limit(order.level, order.type, order.category),
    }
    for clock in clocks.upcoming(scope, order):
        kind = Kind(clock.kind)
        if kind not in limits or clock.due_at <= now or _is_the_citys(order, clock):
            # What is overdue stays so, though the sweep, which may be late, marks it only now.
            clock.urgent = urgent
            timers.set_timer(scope, clock, rules, now)
        elif urgent:
            due, basis = now + limits[kind].span, clocks.basis_of("自定级为紧急", now, limits[kind])
            sooner = _no_later(scope, order, kind, min(clock.due_at, due), clock.origin)
            if sooner < due:
                due, basis = sooner, f"{basis}，不晚于原时限"
            clocks.start(scope, order, kind, now, due, basis, rules, origin=clock.origin)
        else:
            due, basis = clocks.due_of(rules, kind, clock.origin, limits[kind], "改定级后，自")
            clocks.start(scope, order, kind, now, due, basis, rules, origin=clock.origin)
    if urgent:
        if order.state not in _PAST_URGENT:
            start_urgent_handling(scope, order, rules, "自定级为紧急")
    elif not clocks.is_breached(scope, order, Kind.URGENT, now):
        clocks.cancel(scope, order, Kind.URGENT, "不再是紧急")


def start_urgent_handling(scope: Scope, order: Order, rules: Rules, told: str) -> None:
    """Start 紧急处置 from now in the middle of a round, where it neither runs nor was done in this round; `told` says
    what happened now. Where all that it asks for was done before, it ends at once."""
    began, now, span = _round_began(scope, order), scope.now, rules.urgent_handling.span
    held = [each for each in scope.rows(Clock, order.id) if each.kind == Kind.URGENT and each.origin >= began]
    if any(each.running or each.met_at is not None for each in held):
        return
    due = _no_later(scope, order, Kind.URGENT, now + span, began)
    basis = f"{told} {full_text(now)} 起 {span_text(span)}，不晚于原时限（★ 中途定级的起点未约定）"
    clocks.start(scope, order, Kind.URGENT, now, due, basis, rules)
    clocks.meet_urgent(scope, order)


def _no_later(scope: Scope, order: Order, kind: Kind, due: datetime, since: datetime) -> datetime:
    """The earliest of this due time and those that the clock had while the order was urgent, counted from `since` on,
    but not past: what an order owed before it was opened again or dispatched anew does not count."""
    same = (each for each in scope.rows(Clock, order.id) if each.kind == kind and each.origin >= since)
    held = (each.due_at for each in same if each.urgent or kind is Kind.URGENT)
    return max(min([due, *held]), scope.now + clocks.SPARED)


def _is_the_citys(order: Order, clock: Clock) -> bool:
    """Whether 办结 runs until the due time of the source; after a /重开 it does not where that had passed."""
    if order.city_due_at is None or clock.kind != Kind.CLOSE_OUT:
        return False
    return clock.due_at == max(order.city_due_at, clock.origin + clocks.SPARED)


def _round_began(scope: Scope, order: Order) -> datetime:
    """When the order came, or was last opened again: 超4天 is counted from there, whatever the level."""
    clock = clocks.latest(scope, order, Kind.FOUR_DAYS)
    return clocks.arrival(order)[0] if clock is None else clock.origin


_PAST_URGENT = frozenset({State.AWAITING_EVALUATION, State.AWAITING_CLOSURE, State.SUSPENDED})
"""Open states in which nothing that would meet 紧急处置 can be done any more."""
