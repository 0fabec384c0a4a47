"""One connection per bot: of several replicas the one that holds the lease works, and another takes over when it ends.

A holder that is killed keeps its lease for `SPAN`; one that stops gives it back at once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

import sqlalchemy as sa
from loguru import logger

from bot.clock import Clock, SystemClock
from bot.desk import Desk
from storage import outbox
from storage.columns import table
from storage.errors import StoreError
from storage.store import Job
from storage.tables import Lease
from storage.transaction import Scope

SPAN: Final = timedelta(seconds=30)
"""★ How long a lease lasts without being renewed: the longest that a killed replica's connection stays down."""
RENEWED: Final = timedelta(seconds=10)
"""★ A third of the span: two renewals may fail before the lease is lost."""
PATIENCE: Final = timedelta(seconds=4)
"""★ For one renewal; 10 + 4 + 10 + 4 s are less than the span, so two that hang end before it does."""


class Leases:
    """A `Leader`. Leases count real time, also in a rehearsal: connections live in it."""

    def __init__(self, desk: Desk, holder: str, every: timedelta = RENEWED, clock: Clock | None = None) -> None:
        self._desk = desk
        self._holder = holder
        self._every = every.total_seconds()
        self._clock = clock or SystemClock()
        self._elsewhere: set[str] = set()

    async def __call__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` whenever the lease is ours, until cancelled; work that ends by itself is begun again."""
        try:
            while True:
                if await self._take(name):
                    await self._hold(name, work)
                await asyncio.sleep(self._every)
        finally:
            with contextlib.suppress(StoreError, RuntimeError):
                await asyncio.shield(self._give_back(name))

    def elsewhere(self, name: str) -> bool:
        """Whether another replica held the lease when it was last asked for."""
        return name in self._elsewhere

    async def _hold(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(work())
        renewed = self._clock.now()
        logger.info("{} is ours", name)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=self._every)
                asked = self._clock.now()
                match await self._take(name):
                    case True:
                        renewed = asked
                    case False:
                        logger.warning("{} was taken over by another replica", name)
                        return
                    case None if self._clock.now() - renewed >= SPAN - RENEWED:
                        # Another may take it from the end of the span on: this one lets go before.
                        logger.warning("{} is given up: the store does not answer", name)
                        return
        finally:
            task.cancel()
            results = await asyncio.gather(task, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                logger.opt(exception=error).error("{} failed and begins again", name)

    async def _take(self, name: str) -> bool | None:
        """Whether the lease is ours now; None when the store does not answer."""

        def take(scope: Scope) -> bool:
            return outbox.take_lease(scope, name, self._holder, SPAN)

        try:
            # A store that hangs must not keep the holder working beyond its span.
            async with asyncio.timeout(PATIENCE.total_seconds()):
                ours = await self._desk.run(Job(lambda unit: unit.attempt(take), now=self._clock.now()))
        except (StoreError, TimeoutError) as error:
            logger.warning("{} cannot be renewed: {}", name, error or "no answer")
            return None
        (self._elsewhere.discard if ours else self._elsewhere.add)(name)
        return ours

    async def _give_back(self, name: str) -> None:
        lease = table(Lease)
        mine = sa.delete(lease).where(lease.c.name == name, lease.c.holder == self._holder)
        await self._desk.run(Job(lambda unit: unit.attempt(lambda scope: scope.execute(mine)), now=self._clock.now()))
