"""The one clock at the edge: real time, or a rehearsal's."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from config.settings import ClockSettings


class Clock(Protocol):
    """Where `now` comes from. Everything below the edge gets it as an argument."""

    def now(self) -> datetime:
        """The present moment, aware UTC."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The machine's time, aware UTC."""
        return datetime.now(UTC)


class RehearsalClock:
    """A clock that starts at a chosen moment and runs `speed` times as fast as real time; 0 stands still."""

    def __init__(self, start: datetime, speed: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._start = start.astimezone(UTC)
        self._monotonic = monotonic
        self._since = monotonic()

    def now(self) -> datetime:
        """The rehearsal's moment, aware UTC."""
        return self._start + timedelta(seconds=(self._monotonic() - self._since) * self.speed)

    def move_to(self, moment: datetime) -> None:
        """Go to a later moment; an earlier one is ignored, because time does not run backwards."""
        if moment > self.now():
            self._start, self._since = moment.astimezone(UTC), self._monotonic()


def clock_for(settings: ClockSettings) -> Clock:
    """The clock that the settings ask for: a rehearsal's when a start or a speed is given, else real time."""
    if not settings.rehearsal:
        return SystemClock()
    start = settings.start or datetime.now(UTC)
    return RehearsalClock(start, 1.0 if settings.speed is None else settings.speed)
