"""The guard of HTTP callbacks: size before cryptography, freshness, and no request that counts twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import sqlalchemy as sa
from aiohttp import web

from bot.desk import Desk
from storage.columns import table
from storage.store import Job
from storage.tables import Seen
from storage.transaction import Scope

LARGEST: Final = 256 * 1024
"""Bytes of a callback's body; more is refused before any cryptography."""
REMEMBERED: Final = timedelta(hours=8)
"""How long a nonce is remembered: Feishu repeats an event for 7.1 hours (platforms, B3)."""


class TooLarge(web.HTTPRequestEntityTooLarge):
    """A callback's body is longer than `LARGEST`; `refusal` is what its sender is told."""

    refusal = f"内容过大：平台的回调最多 {LARGEST >> 10} KiB"


class Door:
    """A `Doorkeeper`. Moments are real time, also in a rehearsal: they are compared with what platforms sign."""

    def __init__(self, desk: Desk, now: Callable[[], datetime], freshness: timedelta) -> None:
        self._desk = desk
        self._now = now
        self._freshness = freshness

    async def body(self, request: web.Request) -> bytes:
        """The raw body; raises TooLarge as soon as it is too long."""
        if (request.content_length or 0) > LARGEST:
            raise TooLarge(LARGEST, request.content_length or 0)
        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > LARGEST:
                raise TooLarge(LARGEST, len(body))
        return bytes(body)

    def fresh(self, moment: datetime) -> bool:
        """Whether the moment lies within the window around now."""
        return abs(self._now() - moment) <= self._freshness

    async def first(self, platform: str, nonce: str, body: bytes) -> bool:
        """Remember the nonce; False when it came before with another body. Raises StoreError."""
        digest = sha256(body).hexdigest()
        now = self._now()

        def remember(scope: Scope) -> bool:
            seen = table(Seen)
            query = sa.select(seen.c.digest).where(seen.c.platform == platform, seen.c.nonce == nonce)
            known = scope.connection.execute(query).scalar_one_or_none()
            if known is not None:
                return bool(known == digest)
            scope.execute(sa.delete(seen).where(seen.c.platform == platform, seen.c.at < now - REMEMBERED))
            # Of two requests in one batch the second does not see the first's row: the key decides, and it is replayed.
            scope.insert(Seen, platform=platform, nonce=nonce, digest=digest, at=now)
            return True

        return await self._desk.run(Job(lambda unit: unit.attempt(remember), now=now, cause=f"{platform}:callback"))
