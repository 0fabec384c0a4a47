"""Who has said that they know (知悉) is spared ordinary nudges for a while: ★ an hour, or as long as they said.

Only of the clocks that ran when they said so, never at the due moment, never of an urgent order or one that nobody
signed: everything else that is told, is told all the same.
"""

from datetime import datetime
from typing import Final

from handlers.offers import can_rest
from storage.tables import Clock, Order, Remark
from storage.transaction import Scope

KIND: Final = "知悉"


def clock_name(clock: Clock) -> str:
    """A clock as a record of 知悉 names it."""
    return f"{clock.kind} {clock.generation}"


def resting(scope: Scope, order: Order, clock: Clock, at: datetime) -> frozenset[str]:
    """The people who need no nudge of this clock for the step at `at`."""
    if at == clock.due_at or not can_rest(order):
        return frozenset()
    return frozenset(
        remark.by
        for remark in scope.rows(Remark, order.id)
        if remark.kind == KIND
        and clock_name(clock) in remark.data["clocks"]
        and scope.now < datetime.fromisoformat(remark.data["until"])
    )
