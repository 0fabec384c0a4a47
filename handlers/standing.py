"""Standing times: what is told every day at its hour, each once and only where there is something to say (★ domain,
section 4).

A moment that was told is a row of `slot`, written with its messages, so that a restart or a second replica tells it
no second time. Of what was missed while the service was down the newest of each kind is told on the same day, as things
stand then.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import sqlalchemy as sa

from config.rules import StandingTimes
from config.shanghai import at_time, day_of, full_text
from handlers import standing_lists
from handlers.office import Office
from storage.columns import table
from storage.tables import Slot
from storage.transaction import Scope

_DAY = timedelta(days=1)
_STALE = timedelta(hours=12)
"""What was missed longer ago than this helps nobody any more: the next one is nearer."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One kind of message: when it comes, and what queues it, given the moment at which it should have come."""

    job: str
    times: Callable[[StandingTimes], tuple[time, ...]]
    tell: Callable[[Office, Scope, datetime], None]


STANDING = (
    Standing("day_close", lambda times: (times.day_close,), standing_lists.day_close),
    Standing("handover", lambda times: (times.handover,), standing_lists.handover),
    Standing("due_lists", lambda times: times.due_lists, standing_lists.due_lists),
    Standing("review_list", lambda times: (times.review_list,), standing_lists.review_list),
    Standing("undispatched", lambda times: times.undispatched, standing_lists.undispatched),
)


def tell(office: Office, scope: Scope) -> bool:
    """Tell the oldest that is due at the scope's moment and was not told; returns whether there was one."""
    due = _due(office, scope)
    if not due:
        return False
    at, standing = due[0]
    # Of two replicas that find no row one fails on the key, is replayed, and finds it.
    scope.insert(Slot, job=standing.job, slot=full_text(at), at=scope.now, holder="")
    standing.tell(office, scope, at)
    return True


def next_due(office: Office, scope: Scope) -> datetime:
    """When `tell` has something to do: a moment that has passed untold, else the next to come."""
    due = _due(office, scope)
    if due:
        return due[0][0]
    return min(at for standing in STANDING for at in _moments(office, standing, scope.now) if at > scope.now)


def _due(office: Office, scope: Scope) -> list[tuple[datetime, Standing]]:
    now = scope.now
    found = []
    for standing in STANDING:
        today = (at for at in _moments(office, standing, now) if day_of(at) == day_of(now))
        passed = [at for at in today if now - _STALE < at <= now]
        if passed:
            found.append((max(passed), standing))
    slot = table(Slot)
    wanted = [sa.and_(slot.c.job == standing.job, slot.c.slot == full_text(at)) for at, standing in found]
    if not wanted:
        return []
    told = {
        (row[0], row[1]) for row in scope.connection.execute(sa.select(slot.c.job, slot.c.slot).where(sa.or_(*wanted)))
    }
    left = [(at, standing) for at, standing in found if (standing.job, full_text(at)) not in told]
    return sorted(left, key=lambda each: each[0])


def _moments(office: Office, standing: Standing, now: datetime) -> Iterator[datetime]:
    """Those of today and tomorrow, by the rules of each day."""
    for days in (0, 1):
        day = day_of(now) + days * _DAY
        for clock in standing.times(office.rules(day).standing_times):
            yield at_time(day, clock)
