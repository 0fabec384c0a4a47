"""Pictures and files of a message: fetched while their address lives (five minutes), opened with their own key."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

import aiohttp
from loguru import logger

from bot.platforms import fetching
from bot.platforms.contract import IncomingFile
from bot.platforms.posting import Reply, request
from bot.platforms.reply_addresses import allowed, is_name
from bot.platforms.wecom.crypto import Sealed, opened_media
from bot.platforms.wecom.messages import Media

LARGEST: Final = 32 << 20
"""★ Bytes of one file that are fetched. What is kept with an order may be smaller: the office's rule says so."""
MOST: Final = 20
"""★ Files of one message."""
PATIENCE: Final = timedelta(seconds=60)
"""★ For one file; its address lives five minutes."""


@asynccontextmanager
async def fetched(
    session: aiohttp.ClientSession, media: Sequence[Media], api_base: str, folder: Path | None
) -> AsyncIterator[tuple[IncomingFile, ...]]:
    """The files of a message, readable inside the block, in `folder` (else the system's) and without a name there.

    One that cannot be had is an empty file that says so in `lost`, so that its sender is told; one that is too large
    has the size that makes it so.
    """
    with ExitStack() as held:
        found = []
        for one in media[:MOST]:
            file = held.enter_context(tempfile.TemporaryFile(dir=folder))
            found.append(await _fetch(session, one, api_base, file))
        yield tuple(found)


def fetchable(url: str, api_base: str) -> bool:
    """Whether a message's file may be fetched from there: https by name on the usual port, or the configured base.

    The platform keeps files on hosts that it names nowhere; what must never be asked are machines beside us.
    """
    if allowed(url, (), api_base):
        return True
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return is_name(host) and allowed(url, (host,), api_base)


async def _fetch(session: aiohttp.ClientSession, media: Media, api_base: str, file: IO[bytes]) -> IncomingFile:
    path = Path(f"/proc/self/fd/{file.fileno()}")
    if not fetchable(media.url, api_base):
        logger.warning("a file of a message lies where nothing is fetched from")
        return _lost(media, path, "它放在不能访问的地址")
    reply = await request(session, "GET", media.url, PATIENCE, into=file, most=LARGEST)
    if not isinstance(reply, Reply) or reply.status != 200:
        logger.warning("a file of a message cannot be fetched: {}", getattr(reply, "status", "no answer"))
        return _lost(media, path, fetching.reason(reply))
    if reply.too_long:
        return IncomingFile(media.name, path, LARGEST + 1)
    if reply.body is None:
        logger.warning("a file of a message was cut off")
        file.truncate(0)
        return _lost(media, path, fetching.reason(reply))
    try:
        size = await asyncio.to_thread(_open, file, media.key)
    except Sealed as sealed:
        logger.warning("a file of a message cannot be opened: {}", sealed)
        return _lost(media, path, str(sealed))
    return IncomingFile(media.name, path, size)


def _lost(media: Media, path: Path, why: str) -> IncomingFile:
    return IncomingFile(media.name, path, 0, fetching.lost("企业微信", why))


def _open(file: IO[bytes], key: str | None) -> int:
    """Put what is inside in the place of what came; its size."""
    file.seek(0)
    data = file.read()
    if key is not None:
        try:
            data = opened_media(data, key)
        except Sealed:
            file.truncate(0)
            raise
        file.seek(0)
        file.truncate(0)
        file.write(data)
    file.flush()
    return len(data)
