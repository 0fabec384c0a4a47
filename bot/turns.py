"""First come, first served, for each key by itself: what one person says is done in the order in which it was said."""

from asyncio import Event
from collections import deque
from collections.abc import Hashable


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
