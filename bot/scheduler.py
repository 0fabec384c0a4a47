"""The ticker: it only asks the store what is due, so a restart, a pause or a second replica changes nothing."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from loguru import logger

from bot.clock import Clock
from bot.desk import Desk
from bot.pacing import Pace
from handlers import reminders, silence, standing
from handlers.intake import announcing
from handlers.office import Office
from storage.errors import StoreError
from storage.store import Job, Unit

TICK_SECONDS = 1
FEWEST = 30
"""Timers that a sweep handles in one transaction even on the slowest machine."""


class Scheduler:
    """Sweeps what is due every second; APScheduler keeps the beat, the store keeps the time."""

    def __init__(self, office: Office, desk: Desk, clock: Clock) -> None:
        self._office = office
        self._desk = desk
        self._clock = clock
        self._beat = AsyncIOScheduler(timezone="Asia/Shanghai")
        self._since = clock.now()
        self._turn = asyncio.Lock()
        self._pace = Pace(fewest=FEWEST, most=reminders.MOST, first=FEWEST * 2)
        self.last_cycle = time.monotonic()
        self.refused = -math.inf
        """When the store last refused a tick, by `time.monotonic`."""

    def start(self) -> None:
        """Begin to tick."""
        options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600}
        self._beat.add_job(self._guarded(self.sweep), "interval", seconds=TICK_SECONDS, **options)
        self._beat.start()

    async def stop(self) -> None:
        """Start nothing more and let a tick that is under way end: cut off, it would be logged as a failure."""
        if self._beat.running:
            self._beat.remove_all_jobs()
            async with self._turn:
                self._beat.shutdown(wait=False)

    async def sweep(self) -> None:
        """Announce what imports found, then queue every reminder and mark every breach due at the clock's moment, then
        what is told at this hour of the day.

        In this order: nobody is reminded of an order before it was announced.
        """
        office, now = self._office, self._clock.now()
        told = announcing.MOST
        while told >= announcing.MOST:
            told = await self._desk.run(
                Job(
                    lambda unit: unit.attempt(lambda scope: announcing.tell_finished(office, scope)),
                    now=now,
                    cause="import",
                )
            )
        await self._listen(now)
        await self._remind(now)
        await self._stand(now)
        self.last_cycle = time.monotonic()

    async def next_due(self) -> datetime | None:
        """The earliest moment at which `sweep` has something to do."""
        now = self._clock.now()
        found = [
            await self._desk.read(reminders.next_due, now),
            await self._desk.read(partial(announcing.next_due, self._office), now),
            await self._silence_due(now),
            await self._standing_due(now),
        ]
        return min((moment for moment in found if moment is not None), default=None)

    async def _remind(self, now: datetime) -> None:
        """Mark breaches and queue reminders, as many in one transaction as commands may wait for."""
        office, pace = self._office, self._pace

        def sweep(unit: Unit, most: int) -> int:
            pace.begin()
            return unit.attempt(lambda scope: reminders.sweep(office, scope, most))

        due = most = 0
        while due >= most:
            most = pace.size
            due = await self._desk.run(Job(partial(sweep, most=most), now=now, cause="sweep"))
            pace.end(due)
        if (ready := await self._desk.read(partial(reminders.put_off, office), now)) is not None:
            digests = partial(reminders.tell_put_off, office, ready=ready)
            await self._desk.run(Job(lambda unit: unit.attempt(digests), now=now, cause="sweep"))

    async def _stand(self, now: datetime) -> None:
        """Tell the standing messages whose time has come, one by one; looking for them needs no write lock."""
        office = self._office
        while await self._standing_due(now) <= now:
            await self._desk.run(
                Job(
                    lambda unit: unit.attempt(lambda scope: standing.tell(office, scope)),
                    now=now,
                    cause="standing",
                )
            )

    async def _standing_due(self, now: datetime) -> datetime:
        return await self._desk.read(partial(standing.next_due, self._office), now)

    async def _listen(self, now: datetime) -> None:
        """Raise the silence alarm when it is due; looking for it needs no write lock."""
        due = await self._silence_due(now)
        if due is not None and due <= now:
            office, since = self._office, self._since
            await self._desk.run(
                Job(
                    lambda unit: unit.attempt(lambda scope: silence.watch(office, scope, since)),
                    now=now,
                    cause="silence",
                )
            )

    async def _silence_due(self, now: datetime) -> datetime | None:
        return await self._desk.read(lambda scope: silence.next_due(self._office, scope, self._since), now)

    def _guarded(self, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def tick() -> None:
            async with self._turn:
                try:
                    await work()
                except StoreError as error:
                    self.refused = time.monotonic()
                    logger.warning("tick: {}", error)

        return tick
