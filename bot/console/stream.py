"""New console messages to every open page: woken by commits, read once, handed to all."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from bot.console import messages
from bot.desk import Desk

QUEUE = 1000
"""Messages that a slow page may lag behind before its line is cut; it comes back and catches up by id."""


class Hub:
    """Follows the message table and hands new messages to subscribers. Polls too: other processes write as well."""

    def __init__(self, desk: Desk, now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._now = now
        self._last = 0
        self._woken = asyncio.Event()
        self._subscribers: set[asyncio.Queue[dict[str, Any] | None]] = set()
        desk.on_rows("console_message", self._woken.set)

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            await self._hand_out()
            try:
                # Not wait_for: cancelled in the very moment it is woken, that one forgets the cancellation.
                async with asyncio.timeout(1.0):
                    await self._woken.wait()
            except TimeoutError:
                continue
            finally:
                self._woken.clear()

    async def subscribe(self) -> asyncio.Queue[dict[str, Any] | None]:
        """A queue of messages from now on; None in it means that the line must be closed."""
        if not self._subscribers:
            # Nobody listened, so nobody followed: whatever came meanwhile is the page's to fetch by id.
            self._last = await self._desk.read(messages.newest, self._now())
        queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue(QUEUE)
        self._subscribers.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        """Stop following."""
        self._subscribers.discard(queue)

    def close(self) -> None:
        """Close every line: the service stops."""
        for queue in list(self._subscribers):
            self._cut(queue)

    async def _hand_out(self) -> None:
        if not self._subscribers:
            return
        last = self._last
        while found := await self._desk.read(partial(messages.since, after=last), self._now()):
            last = self._last = found[-1]["id"]
            for queue in list(self._subscribers):
                for message in found:
                    if queue.full():
                        self._cut(queue)
                        break
                    queue.put_nowait(message)

    def _cut(self, queue: asyncio.Queue[dict[str, Any] | None]) -> None:
        self.leave(queue)
        while not queue.empty():
            queue.get_nowait()
        queue.put_nowait(None)
