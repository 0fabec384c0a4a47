"""Quiet hours: ordinary nudges wait until they end, never 紧急, 待签收, 督办 (★ domain, section 4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.shanghai import at_time, day_of, local
from handlers import clocks
from handlers.lookup import having_fact
from handlers.office import Office
from handlers.states import State
from handlers.timers import SUPERVISIONS, Kind
from storage.tables import Order
from storage.transaction import Scope

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Night:
    """Quiet hours at work: when they end (aware UTC), and which orders are supervised."""

    until: datetime
    supervised: frozenset[int]

    @classmethod
    def of(cls, office: Office, scope: Scope, orders: Sequence[int]) -> "Night | None":
        """The quiet hours in which the scope's moment lies, for these orders; None outside them."""
        hours, now = office.rules(scope.now).quiet_hours, scope.now
        if not hours.contains(local(now).time()):
            return None
        until = at_time(day_of(now), hours.end)
        supervised = frozenset(having_fact(scope, orders, tuple(SUPERVISIONS.values())))
        return cls(until if until > now else at_time(day_of(now) + _DAY, hours.end), supervised)

    def holds(self, order: Order, kind: Kind) -> bool:
        """Whether a nudge for this clock waits until morning."""
        loud = order.level == clocks.URGENT_LEVEL or order.state == State.AWAITING_SIGNATURE
        return not (loud or kind in SUPERVISIONS.values() or order.id in self.supervised)


def last_night(office: Office, now: datetime) -> tuple[datetime, datetime]:
    """The newest quiet hours that have begun: from when, until when (aware UTC)."""
    today = day_of(now)
    hours = office.rules(now).quiet_hours
    start = next(at_time(day, hours.start) for day in (today, today - _DAY) if at_time(day, hours.start) <= now)
    first = day_of(start)
    return start, at_time(first if hours.start < hours.end else first + _DAY, hours.end)
