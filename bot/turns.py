"""First come, first served, for each key by itself: what one person says is done in the order in which it was said."""

from asyncio import Event
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager


class Turns:
    """Queues that are there only while somebody stands in them. For one event loop."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[Event]] = {}

    def __len__(self) -> int:
        """How many keys somebody waits or works for."""
        return len(self._queues)

    def length(self, key: Hashable) -> int:
        """How many stand in line for a key, with who has the turn."""
        return len(self._queues.get(key, ()))

    def join(self, key: Hashable) -> Event:
        """Stand in line, at once, without waiting. The event is set when it is one's turn; whoever joined must
        `leave`, also without having had a turn."""
        queue = self._queues.setdefault(key, deque())
        turn = Event()
        queue.append(turn)
        if len(queue) == 1:
            turn.set()
        return turn

    def leave(self, key: Hashable, turn: Event) -> None:
        """Make way for the next one."""
        queue = self._queues[key]
        queue.remove(turn)  # events are equal only to themselves
        if queue:
            queue[0].set()
        else:
            del self._queues[key]


class Turn:
    """One message's place among those that the same person said at the same time."""

    def __init__(self, handed: Event, done: Event, pass_on: Callable[[], None]) -> None:
        self._handed, self._done = handed, done
        self.pass_on = pass_on
        """To be called when the message's job is handed to the writer, which keeps the order of its jobs: the next one
        need not wait until it is durable, and both go into one commit."""

    async def begin(self) -> None:
        """Wait until everything said before was handed to the writer."""
        await self._handed.wait()

    async def alone(self) -> None:
        """Wait until everything said before is durable: a question must see what was done."""
        await self._done.wait()


class Speaking:
    """What several people say: each in turn, without waiting for one another. For one event loop."""

    def __init__(self) -> None:
        self._handing, self._doing = Turns(), Turns()

    @contextmanager
    def turn(self, key: Hashable) -> Iterator[Turn]:
        """A place in line for what one says now, until the block ends."""
        handed, done = self._handing.join(key), self._doing.join(key)
        passed_on = False

        def pass_on() -> None:
            nonlocal passed_on
            if not passed_on:
                passed_on = True
                self._handing.leave(key, handed)

        try:
            yield Turn(handed, done, pass_on)
        finally:
            pass_on()
            self._doing.leave(key, done)


def _at_once() -> Event:
    event = Event()
    event.set()
    return event


BY_ITSELF = Turn(_at_once(), _at_once(), lambda: None)
"""The place of a message before which nobody stands."""
