"""Moving a standing rehearsal clock through every due moment, each with its own `now`."""

from datetime import datetime

from bot.clock import RehearsalClock
from bot.delivery import Delivery
from bot.desk import Desk
from bot.scheduler import Scheduler


async def move(clock: RehearsalClock, to: datetime, desk: Desk, scheduler: Scheduler, delivery: Delivery) -> None:
    """Go to `to`; returns when everything that was due on the way, delivery included, is done."""
    while True:
        await scheduler.sweep()
        await delivery.drain()
        moments = [await scheduler.next_due(), await delivery.next_due()]
        coming = min((moment for moment in moments if moment is not None and moment > clock.now()), default=to)
        if coming >= to:
            break
        clock.move_to(coming)
    clock.move_to(to)
    await scheduler.sweep()
    await delivery.drain()
