"""Timers: the next moment at which somebody must be told of a running clock (domain, section 4).

A timer stands beside its clock, made when the clock starts and moved on by the sweeper, which reads timers and never
the rules anew.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from config.rules import ReminderSteps, Rules
from handlers.office import Office
from storage.tables import Clock, Order, Timer
from storage.transaction import Scope


class Kind(StrEnum):
    """The order clocks; the value is what people read."""

    SIGN_OFF = "签收"
    DISPATCH = "派单"
    RESPOND = "响应"
    URGENT = "紧急处置"
    CLOSE_OUT = "办结"
    EVALUATE = "评定"
    FOUR_DAYS = "超4天"
    ADVISE = "批复"
    CITY_SUPERVISION = "市级督办"
    DISTRICT_SUPERVISION = "区级督办"
    STREET_SUPERVISION = "街道级督办"

    @classmethod
    def _missing_(cls, value: object) -> "Kind | None":
        """Stores from before each level had a clock of its own hold 督办 without one: those must be told of, too."""
        return cls.STREET_SUPERVISION if value == "督办" else None


SUPERVISIONS: Final[Mapping[str, Kind]] = {
    "市": Kind.CITY_SUPERVISION,
    "区": Kind.DISTRICT_SUPERVISION,
    "街道": Kind.STREET_SUPERVISION,
}
"""督办 by level: each is a fact under this name and has a clock of its own, so that none hides another."""


def set_timer(scope: Scope, clock: Clock, rules: Rules, after: datetime) -> None:
    """Set the next moment later than `after`; a due time that has passed unmarked comes first, as late as it is."""
    late = clock.breached_at is None and clock.due_at <= after
    at = clock.due_at if late else next_moment(clock, rules, after)
    scope.place(Timer, (clock.order_id, clock.kind, clock.generation), {"next_at": at})


def clear_timer(scope: Scope, clock: Clock) -> None:
    """Tell nobody any more."""
    scope.place(Timer, (clock.order_id, clock.kind, clock.generation), None)


def restore(office: Office, scope: Scope, order: Order, since: datetime) -> None:
    """After an undo of what happened at `since`: every running clock has the timer that it had then.

    A step whose moment came in between so is told now, unless it was told already.
    """
    rules = office.rules(scope.now)
    for clock in scope.rows(Clock, order.id):
        if clock.running:
            set_timer(scope, clock, rules, since - timedelta.resolution)
        else:
            clear_timer(scope, clock)


def ladder(clock: Clock, rules: Rules) -> ReminderSteps:
    """The reminder steps of a clock: urgent orders, short limits, all others (domain, section 4).

    The 分中心 is not warned before, only asked again, each time as long after the last.
    """
    if clock.kind == Kind.ADVISE:
        return ReminderSteps(before=(), every=rules.refer_again.span)
    return rules.reminders.of(urgent=clock.urgent, limit=clock.due_at - clock.origin)


def next_moment(clock: Clock, rules: Rules, after: datetime) -> datetime:
    """The first step later than `after`; steps that lie before the clock's start do not exist."""
    steps = ladder(clock, rules)
    for offset in steps.before:
        at = clock.due_at + offset
        if at > after and at > clock.started_at:
            return at
    if clock.due_at > after:
        return clock.due_at
    times = int((after - clock.due_at) / steps.every) + 1
    return clock.due_at + times * steps.every
