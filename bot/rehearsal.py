"""Moving a standing rehearsal clock through every due moment, each with its own `now`."""

from collections.abc import Callable
from datetime import datetime

from bot.clock import RehearsalClock
from bot.delivery import Delivery
from bot.scheduler import Scheduler


async def move(
    clock: RehearsalClock,
    to: datetime,
    scheduler: Scheduler,
    delivery: Delivery,
    wanted: Callable[[], bool] = lambda: True,
) -> bool:
    """Go to `to`; returns when everything that was due on the way, delivery included, is done.

    False when it was not `wanted` to the end, which is asked before each moment: the clock stays where it came to.
    """
    while wanted():
        await scheduler.sweep()
        await delivery.drain()
        moments = [await scheduler.next_due(), await delivery.next_due()]
        coming = min((moment for moment in moments if moment is not None and moment > clock.now()), default=to)
        if coming >= to:
            clock.move_to(to)
            await scheduler.sweep()
            await delivery.drain()
            return True
        clock.move_to(coming)
    return False
