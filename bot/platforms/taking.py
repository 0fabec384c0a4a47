"""Messages under way: a platform hears within a second that its message was taken, and what was taken is not lost."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random, SystemRandom
from typing import Final, TypeVar

from loguru import logger
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.platforms.waiting import pause
from storage.errors import StoreError

T = TypeVar("T")
PATIENCE: Final = timedelta(seconds=1)
"""★ What takes longer goes on by itself: every platform repeats what it thinks was not taken."""
GRACE: Final = timedelta(seconds=5)
"""★ How long `stop` waits for what is under way. The platform's repeat finds what was not stored by then."""
TRIES: Final = 5
"""★ How often a message is tried that a fault of ours stops; while the store takes nothing, for ever."""


class Taking:
    """The messages of one platform that are being taken. `waits` is the pause after an attempt (from 1)."""

    def __init__(self, platform: str, waits: Callable[[int, Random], timedelta] = pause) -> None:
        self._platform = platform
        self._waits = waits
        self._random = SystemRandom()
        self._tasks: set[asyncio.Task[object]] = set()

    async def __call__(self, work: Callable[[], Awaitable[T]], patience: timedelta = PATIENCE) -> T | None:
        """Begin `work` and wait for its result as long as `patience`; None when it goes on, or failed for good.

        It is begun again when it raises, so it must be such that a second time changes nothing. Raises nothing.
        """
        task = asyncio.create_task(self._insist(work), name=f"{self._platform} message")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        done, _ = await asyncio.wait({task}, timeout=patience.total_seconds())
        return task.result() if done and not task.cancelled() else None

    async def stop(self) -> None:
        """Let what is under way end, and give up what takes too long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=GRACE.total_seconds())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T | None:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Exception),
            stop=self._hopeless,
            wait=lambda state: self._waits(state.attempt_number, self._random).total_seconds(),
            before_sleep=self._failed,
            retry_error_callback=self._failed,
        )

        async def attempt() -> T:
            # tenacity would only await what it sees to be a coroutine function, which a lambda is not
            return await work()

        return await retrying(attempt)

    def _hopeless(self, state: RetryCallState) -> bool:
        return state.attempt_number >= TRIES and not isinstance(_error(state), StoreError)

    def _failed(self, state: RetryCallState) -> None:
        error = _error(state)
        log = logger.bind(platform=self._platform, attempt=state.attempt_number)
        if isinstance(error, StoreError):
            log.warning("a message waits for the store: {}", error)
        else:
            log.opt(exception=error).error("a message could not be taken")


def _error(state: RetryCallState) -> BaseException | None:
    return None if state.outcome is None else state.outcome.exception()
