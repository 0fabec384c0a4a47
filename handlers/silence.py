"""The silence alarm: when nothing comes in for long in the day, the way in may be broken (domain, section 4).

Every hour has a caller; an office that hears of none for ★ 30 minutes between 07:00 and 23:00 looks whether the
export was fetched and the interface still answers.
"""

from datetime import datetime, timedelta

import sqlalchemy as sa

from config.shanghai import at_time, day_of, near_text, span_text
from handlers import notices
from handlers.notices import Audience
from handlers.office import Office
from storage.columns import table
from storage.outbox import Priority
from storage.tables import PROJECTIONS, Clock, OrderTable, Slot
from storage.transaction import Scope

JOB = "intake_silence"
_DAY = timedelta(days=1)
_NEAR = (-1, 0, 1)
"""Days around one: its own hours, those that began the day before and go over midnight, and the next day's."""


def watch(office: Office, scope: Scope, since: datetime) -> bool:
    """Raise the alarm if it is due; returns whether it was. `since` is when the service began to listen.

    A silence begins with the last new order and is told once, whoever of the replicas is first. A store that never
    had a live order is an office that has not begun.
    """
    due = next_due(office, scope, since)
    if due is None or due > scope.now:
        return False
    last = _last_live(scope)
    assert last is not None
    number, at = last
    # Of two replicas that find no row one fails on the key, is replayed, and finds it.
    scope.insert(Slot, job=JOB, slot=str(number), at=scope.now, holder="")
    heard = max(at, since)
    text = office.texts.render(
        "intake_silence",
        now=scope.now,
        quiet=span_text(scope.now - heard),
        last=near_text(at, scope.now),
        number=number,
        after=span_text(office.rules(scope.now).intake_silence.after),
    )
    audience = Audience((notices.DISPATCH,), people=notices.with_role(office, "duty"))
    notices.post(office, scope, audience, kind=JOB, priority=Priority.URGENT, text=text)
    return True


def next_due(office: Office, scope: Scope, since: datetime) -> datetime | None:
    """When the present silence is to be told; None where there is none to tell."""
    last = _last_live(scope)
    if last is None:
        return None
    number, at = last
    slot = table(Slot)
    told = sa.select(slot.c.slot).where(slot.c.job == JOB, slot.c.slot == str(number))
    if scope.connection.execute(told).first() is not None:
        return None
    return _due(office, max(at, since))


def _due(office: Office, heard: datetime) -> datetime | None:
    """The first moment within the hours at which nothing was heard for as long: the time between them does not count.

    None where the policy asks for longer than its hours are.
    """
    for days in _NEAR:
        day = day_of(heard) + days * _DAY
        rule = office.rules(day).intake_silence
        opens, closes = at_time(day, rule.start), at_time(day if rule.start < rule.end else day + _DAY, rule.end)
        due = max(heard, opens) + rule.after
        if due < closes:
            return due
    return None


def _last_live(scope: Scope) -> tuple[int, datetime] | None:
    """The newest order that came in live, and when. Only live orders have clocks, and their key is at hand."""
    clock, order = table(PROJECTIONS[Clock]), table(OrderTable)
    newest = sa.select(sa.func.max(clock.c.order_id)).scalar_subquery()
    row = scope.connection.execute(sa.select(order.c.id, order.c.imported_at).where(order.c.id == newest)).first()
    return None if row is None else (row[0], row[1])
