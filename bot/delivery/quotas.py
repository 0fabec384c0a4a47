"""When the next request may be made: what the attempts of an endpoint, or of all that share a bucket, leave free.

A request reaches the platform between its beginning and its end, and an endpoint has one at a time. Counting from the
end therefore keeps the platform's own count within the limit, however long a request was on its way.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from bot.platforms.contract import Limit
from storage import outbox
from storage.columns import table
from storage.tables import Attempt, Draw, Lease
from storage.transaction import Scope

EARLIEST: Final = datetime.min.replace(tzinfo=UTC)
PAUSES: Final = 10
"""Attempts among which a pause is looked for: nothing is sent while one holds."""
QUICKEST: Final = timedelta(milliseconds=100)
"""★ No request is done sooner, with what is written before and after it."""
_ATTEMPT, _DRAW = table(Attempt), table(Draw)
_PAUSE: Final = "pause:"
"""How a bucket's pause is called among the leases: nobody may use it until then."""
_OLD: Final = timedelta(minutes=1)
"""Longer than any request: a draw is kept so long beyond its limit's window."""


def buckets(limits: tuple[Limit, ...]) -> list[str]:
    """The buckets of limits from which others draw, too, in the order in which everybody takes their turns."""
    return sorted({limit.bucket for limit in limits if limit.bucket})


def take_turn(scope: Scope, limits: tuple[Limit, ...]) -> None:
    """Let nobody else count what is shared until this is written: of two replicas one is replayed."""
    for bucket in buckets(limits):
        outbox.take_turn(scope, f"quota:{bucket}")


def draw(scope: Scope, message: int, limits: tuple[Limit, ...]) -> None:
    """Note that a message's request counts against what is shared, and forget what counts no more."""
    windows: dict[str, timedelta] = {}
    for limit in limits:
        if limit.bucket:
            windows[limit.bucket] = max(limit.window, windows.get(limit.bucket, limit.window))
    for bucket, window in windows.items():
        scope.insert(Draw, bucket=bucket, outbox_id=message, at=scope.now)
        old = _DRAW.c.bucket == bucket, _DRAW.c.at < scope.now - window - _OLD
        scope.execute(sa.delete(_DRAW).where(*old))


def pause(scope: Scope, bucket: str, until: datetime) -> None:
    """Let nobody draw from what is shared before then: the platform asked for it."""
    until = max([until, *_pauses(scope, [bucket])])
    scope.place(Lease, (f"{_PAUSE}{bucket}",), {"holder": "", "until": until})


def free_from(scope: Scope, endpoint: str, limits: tuple[Limit, ...]) -> datetime:
    """The earliest moment for the next request to an endpoint, by limits and pauses."""
    refills = [at + limit.window for limit in limits for at in _ends(scope, endpoint, limit, limit.count - 1, 1)]
    return max((paused_until(scope, endpoint, limits), *refills))


def leaves(scope: Scope, limits: tuple[Limit, ...], ahead: Sequence[int]) -> bool:
    """Whether what is shared allows one more request now and still all that wait at others, so many at each of them."""
    for limit in limits:
        if limit.bucket is None:
            continue
        # One request at a time: nobody can use up what is counted by the second.
        others = sum(min(count, max(limit.window // QUICKEST, 1)) for count in ahead)
        if others >= limit.count:
            return False
        if any(at + limit.window > scope.now for at in _ends(scope, "", limit, limit.count - 1 - others, 1)):
            return False
    return True


def paused_until(scope: Scope, endpoint: str, limits: tuple[Limit, ...]) -> datetime:
    """The end of the pause of an endpoint, or of what it shares; long ago where it has none."""
    query = sa.select(_ATTEMPT.c.pause_until).where(_ATTEMPT.c.endpoint == endpoint)
    latest = query.order_by(_ATTEMPT.c.at.desc(), _ATTEMPT.c.id.desc()).limit(PAUSES)
    pauses = [until for until in scope.connection.execute(latest).scalars() if until is not None]
    shared = _pauses(scope, [limit.bucket for limit in limits if limit.bucket])
    return max((*pauses, *shared), default=EARLIEST)


def paused(scope: Scope) -> frozenset[str]:
    """The buckets from which nobody may draw now, because a platform asked for it."""
    lease = table(Lease)
    query = sa.select(lease.c.name).where(lease.c.name.startswith(_PAUSE, autoescape=True), lease.c.until > scope.now)
    return frozenset(name.removeprefix(_PAUSE) for name in scope.connection.execute(query).scalars())


def shortage(scope: Scope, endpoint: str, limits: tuple[Limit, ...], count: int, wait: timedelta) -> bool:
    """Whether the last of `count` messages would wait longer than `wait` for these limits, were nothing else sent."""
    skipped = [max(limit.count - count, 0) for limit in limits]
    past = [_ends(scope, endpoint, limit, skip, count) for limit, skip in zip(limits, skipped, strict=True)]
    sends: list[datetime] = []
    for number in range(count if limits else 0):
        at = scope.now
        for limit, skip, ends in zip(limits, skipped, past, strict=True):
            back = limit.count - 1 - number
            if back < 0:
                at = max(at, sends[number - limit.count] + limit.window)
            elif back - skip < len(ends):
                at = max(at, ends[back - skip] + limit.window)
        if at > scope.now + wait:
            return True
        sends.append(at)
    return False


def _pauses(scope: Scope, buckets: Collection[str]) -> list[datetime]:
    if not buckets:
        return []
    lease = table(Lease)
    query = sa.select(lease.c.until).where(lease.c.name.in_([f"{_PAUSE}{bucket}" for bucket in buckets]))
    return list(scope.connection.execute(query).scalars())


def _ends(scope: Scope, endpoint: str, limit: Limit, skip: int, most: int) -> list[datetime]:
    """When the requests that count against a limit ended (began, while they are under way), newest first."""
    ended = sa.func.coalesce(_ATTEMPT.c.ended_at, _ATTEMPT.c.at, type_=_ATTEMPT.c.at.type)
    if limit.bucket is None:
        query = sa.select(ended).where(_ATTEMPT.c.endpoint == endpoint)
        query = query.order_by(_ATTEMPT.c.at.desc(), _ATTEMPT.c.id.desc())
    else:
        same = sa.and_(_ATTEMPT.c.outbox_id == _DRAW.c.outbox_id, _ATTEMPT.c.at == _DRAW.c.at)
        query = sa.select(ended).select_from(_DRAW.join(_ATTEMPT, same)).where(_DRAW.c.bucket == limit.bucket)
        query = query.order_by(_DRAW.c.at.desc(), _DRAW.c.outbox_id.desc())
    return list(scope.connection.execute(query.offset(skip).limit(most)).scalars())
