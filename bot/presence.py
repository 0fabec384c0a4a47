"""Tells other processes that a service runs on this store: `jiesu db restore` keeps its hands off then."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from loguru import logger

from bot.clock import SystemClock
from bot.desk import Desk
from storage import presence
from storage.errors import StoreError
from storage.store import Job
from storage.transaction import Scope

RENEWAL_SECONDS = presence.SPAN.total_seconds() / 3


@asynccontextmanager
async def announced(desk: Desk, holder: str) -> AsyncIterator[None]:
    """Hold the mark while the service runs, renew it, and take it away at the end."""
    await _write(desk, partial(presence.announce, holder=holder))
    task = asyncio.create_task(_renew(desk, holder))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        try:
            await _write(desk, partial(presence.withdraw, holder=holder))
        except StoreError as error:
            logger.warning("presence: {}", error)  # it expires by itself


async def _renew(desk: Desk, holder: str) -> None:
    while True:
        await asyncio.sleep(RENEWAL_SECONDS)
        try:
            await _write(desk, partial(presence.announce, holder=holder))
        except StoreError as error:
            logger.warning("presence: {}", error)


async def _write(desk: Desk, work: Callable[[Scope], None]) -> None:
    await desk.run(Job(lambda unit: unit.attempt(work), now=SystemClock().now(), cause="presence"))
