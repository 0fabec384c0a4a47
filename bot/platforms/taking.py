"""Messages under way: a platform hears within a second that its message was taken, and it is tried until it is stored.

What one person wrote is taken in the order in which it arrived: `派单 1` right behind `签收 1` must never overtake it,
however many readers there are. Nobody waits for anybody else.

From that second on a message that is not stored yet lives in this process only: its platform was told that it came and
does not repeat it. A crash loses it; whoever wrote it got no answer and writes again (docs/limits.md).
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random, SystemRandom
from typing import Final, TypeVar

from loguru import logger
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from bot.platforms.waiting import pause
from bot.turns import Turns
from storage.errors import StoreError

T = TypeVar("T")
PATIENCE: Final = timedelta(seconds=1)
"""★ What takes longer goes on by itself: a platform repeats what is not acknowledged soon, but nothing after that."""
GRACE: Final = timedelta(seconds=5)
"""★ How long `stop` waits for what is under way. What is not stored by then is lost, and named in the log."""
MOST: Final = 200
"""★ Messages of one platform that are under way at a time. Further ones are not acknowledged: it repeats them. Only
WeCom's WebSocket, which waits for no acknowledgement, repeats nothing: there they are lost, and named in the log."""
MOST_OF_ONE: Final = 20
"""★ Messages of one person among these: what waits behind a slow one of theirs must leave room for everybody else."""
TRIES: Final = 5
"""★ How often a message is tried that a fault of ours stops; while the store takes nothing, for ever."""


class Full(StoreError):
    """As many messages are under way as are kept in memory: this one was not taken, and must not be acknowledged."""


class Replayed(Exception):
    """A callback's nonce came before, with another body: it is to be refused, and nothing of it was taken."""


class Taking:
    """The messages of one platform that are being taken, at most `most` at a time, and `MOST_OF_ONE` of one person.

    `waits` is the pause after an attempt (from 1).
    """

    def __init__(self, platform: str, waits: Callable[[int, Random], timedelta] = pause, most: int = MOST) -> None:
        self._most = most
        self._platform = platform
        self._waits = waits
        self._random = SystemRandom()
        self._tasks: set[asyncio.Task[object]] = set()
        self._turns = Turns()

    async def __call__(
        self,
        work: Callable[[], Awaitable[T]],
        patience: timedelta | None = None,
        number: str = "",
        who: str | None = None,
    ) -> T | None:
        """Begin `work` and wait for its result as long as `patience` (`PATIENCE`); None when it goes on, or failed for
        good.

        It is begun again when it raises, so it must be such that a second time changes nothing. `number` is the
        message's id, for the log; `who` the account that wrote it, which has one message taken after the other, None
        where nobody did. Raises Full, and nothing else.
        """

        async def in_turn(turn: asyncio.Event) -> T:
            await turn.wait()
            return await work()

        return await self._begin(in_turn, patience, number, who)

    async def once(
        self,
        first: Callable[[], Awaitable[bool]],
        work: Callable[[], Awaitable[T]],
        number: str = "",
        who: str | None = None,
    ) -> T | None:
        """The same for a callback whose nonce `first` remembers (`Doorkeeper.first`): both share the one second, for
        a store that is slow for one is slow for the other. The nonce waits for nobody's turn. Raises Replayed, and
        Full."""
        replayed = False

        async def both(turn: asyncio.Event) -> T | None:
            nonlocal replayed
            if not await first():
                replayed = True
                return None
            await turn.wait()
            return await work()

        said = await self._begin(both, None, number, who)
        if replayed:
            raise Replayed
        return said

    async def _begin(
        self, work: Callable[[asyncio.Event], Awaitable[T]], patience: timedelta | None, number: str, who: str | None
    ) -> T | None:
        line: object = object() if who is None else who
        own = self._turns.length(line) >= MOST_OF_ONE
        if own or len(self._tasks) >= self._most:
            whose = "of one person " if own else ""
            log = logger.bind(platform=self._platform)
            log.warning("message {} is not taken: too many {}are under way", number or "?", whose)
            raise Full("正在处理的消息太多，请稍后再发")
        # The place in line is taken before anything is awaited: it is the order of arrival.
        turn = self._turns.join(line)
        task = asyncio.create_task(self._insist(lambda: work(turn)), name=number or "?")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: self._turns.leave(line, turn))
        done, _ = await asyncio.wait({task}, timeout=(PATIENCE if patience is None else patience).total_seconds())
        return task.result() if done and not task.cancelled() else None

    async def stop(self) -> None:
        """Let what is under way end, and give up what takes too long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=GRACE.total_seconds())
        for task in self._tasks:
            logger.bind(platform=self._platform).error(
                "message {} is given up unstored: who wrote it got no answer", task.get_name()
            )
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
