"""Pictures and files that people send to the app's robot: a code is exchanged for an address, which is fetched."""

import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp
from loguru import logger

from bot.platforms import fetching
from bot.platforms.contract import Answer, IncomingFile
from bot.platforms.dingtalk.messages import Enclosure
from bot.platforms.dingtalk.openapi import DOWNLOAD, OpenApi
from bot.platforms.posting import Reply, request
from bot.platforms.reply_addresses import is_name
from config.addresses import is_loopback
from handlers.intake.files import MAX_BYTES

PATIENCE: Final = timedelta(seconds=60)
"""★ For one file."""
MOST: Final = 20
"""★ Files of one message, as on the page."""
_TRIES: Final = 2


class Files:
    """Fetches what messages bring into files without a name, which are gone when they are let go."""

    def __init__(self, session: aiohttp.ClientSession, api: OpenApi, folder: Path) -> None:
        self._session = session
        self._api = api
        self._folder = folder

    async def fetch(self, enclosures: Iterable[Enclosure], held: ExitStack) -> tuple[IncomingFile, ...]:
        """The files, readable until `held` is closed. Of one that cannot be had an empty one stands that says so
        in `lost`; of one that is too large only the size."""
        return tuple([await self._fetch(enclosure, held) for enclosure in list(enclosures)[:MOST]])

    async def _fetch(self, enclosure: Enclosure, held: ExitStack) -> IncomingFile:
        file = held.enter_context(tempfile.TemporaryFile(dir=self._folder))  # noqa: SIM115 - closed by held
        path = Path(f"/proc/self/fd/{file.fileno()}")
        why = ""
        for _ in range(_TRIES):
            found = await self._api.call(DOWNLOAD, {"robotCode": self._api.client, "downloadCode": enclosure.code})
            if isinstance(found, Answer):
                logger.warning("a file cannot be fetched: {}", found.detail)
                why = found.detail.partition("，")[0]
                continue
            address = found.get("downloadUrl")
            if not isinstance(address, str) or not _safe(address, self._api.base):
                logger.warning("a file lies at an address that is not called")
                why = "它放在不能访问的地址"
                break
            file.seek(0)
            file.truncate()
            reply = await request(self._session, "GET", address, PATIENCE, into=file, most=MAX_BYTES)
            if isinstance(reply, Reply) and reply.status == 200 and reply.body is not None:
                file.flush()
                return IncomingFile(enclosure.name, path, file.tell())
            if isinstance(reply, Reply) and reply.too_long:
                return IncomingFile(enclosure.name, path, MAX_BYTES + 1)
            why = fetching.reason(reply)
            logger.warning("a file could not be fetched: {}", why)
        file.seek(0)
        file.truncate()
        return IncomingFile(enclosure.name, path, 0, fetching.lost("钉钉", why))


def _safe(address: str, base: str) -> bool:
    """Whether an address that the platform gave may be called: https, by name, never into our own network by number.

    The hosts of DingTalk's file stores are not published and differ between editions; the address itself comes over
    TLS from the configured base. Plain addresses of this machine are taken only where the base is one.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not address.isascii() or not address.isprintable() or "\\" in address or "@" in parts.netloc:
        return False
    if is_loopback(host):
        return is_loopback(urlsplit(base).hostname or "") and parts.scheme in ("http", "https")
    return parts.scheme == "https" and port in (None, 443) and is_name(host)
