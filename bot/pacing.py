"""How much of a long work goes into one transaction: as much as this machine, as busy as it is, does in `TARGET`."""

import time
from typing import Final

TARGET: Final = 0.03
"""Seconds that one transaction of a long work should take: a command that comes in between waits so long for it."""


class Pace:
    """`size` pieces go into the next transaction; it follows what the last ones took, from `fewest` to `most`."""

    def __init__(self, *, fewest: int, most: int, first: int) -> None:
        self._fewest = fewest
        self._most = most
        self.size = first
        self._began = 0.0

    def begin(self) -> None:
        """The transaction begins: from here on others wait for it; before, it waited for others."""
        self._began = time.monotonic()

    def end(self, pieces: int) -> None:
        """The transaction is durable. One that was fast because it had little to do says nothing."""
        took = max(time.monotonic() - self._began, 0.001)
        if pieces < self.size and took < TARGET:
            return
        # Half way at a time: one slow commit is no slow machine.
        self.size = min(self._most, max(self._fewest, round((self.size + pieces * TARGET / took) / 2)))
