"""The minutes in which a platform is crowded: what nobody waits for is sent after them (platforms, E2)."""

from datetime import datetime, timedelta
from random import Random

from bot.platforms.contract import Avoid
from bot.platforms.waiting import JITTER

_HOUR = timedelta(hours=1)


def quiet_from(at: datetime, endpoint: str, avoid: tuple[Avoid, ...]) -> datetime:
    """`at` (aware), or the end of the crowded stretch that it lies in.

    Robots come back up to `JITTER` of the stretch after its end, each at a moment of its own that follows from its
    endpoint, so that every look and every replica finds the same.
    """
    for _ in avoid:  # one stretch may end in another
        at = max((_end(at, endpoint, stretch) for stretch in avoid), default=at)
    return at


def _end(at: datetime, endpoint: str, stretch: Avoid) -> datetime:
    full = at.replace(minute=0, second=0, microsecond=0)
    for hour in (full - _HOUR, full, full + _HOUR):
        start = hour + stretch.start
        share = Random(f"{endpoint} {start.isoformat()}").uniform(0, JITTER)  # noqa: S311 - spreads, hides nothing
        end = start + stretch.length * (1 + share)
        if start <= at < end:
            return end
    return at
