"""Pictures and files that people share: fetched from our own home server, whichever server they stand on."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Final

from loguru import logger

from bot.platforms import fetching
from bot.platforms.contract import IncomingFile
from bot.platforms.matrix.api import Api, code_of, segment
from bot.platforms.matrix.reading import Shared
from bot.platforms.posting import NoReply, Reply
from handlers.intake.files import MAX_BYTES

PATHS: Final = ("/_matrix/client/v1/media/download", "/_matrix/media/v3/download")
"""With the token; and as servers before 1.11 of the specification know it."""
LARGEST: Final = 50 << 20
"""Bytes that are fetched at most of a file in a group: the most that an office may let an attachment have. An export
to import, in private, may be larger."""
PATIENCE: Final = timedelta(seconds=60)


@contextlib.asynccontextmanager
async def fetched(api: Api, file: Shared, folder: Path, *, private: bool) -> AsyncIterator[IncomingFile]:
    """The file, readable as long as the context lasts. Its bytes lie in a file without a name.

    What is too large has its size and no bytes; what cannot be fetched has neither and says so in `lost`: who sent it
    is told either way.
    """
    most = MAX_BYTES if private else LARGEST
    with tempfile.TemporaryFile(dir=folder) as kept:
        size, lost = file.size, ""
        if size <= most:
            size, lost = await _fetch(api, file, kept, most)
        kept.flush()
        yield IncomingFile(file.name, Path(f"/proc/self/fd/{kept.fileno()}"), size, lost)


async def _fetch(api: Api, file: Shared, kept: IO[bytes], most: int) -> tuple[int, str]:
    """The size of what was fetched, one more than `most` for what is longer; and why nothing could be had."""
    reply: Reply | NoReply = NoReply(False, "")
    for path in PATHS:
        whole = f"{path}/{segment(file.server)}/{segment(file.media)}"
        reply = await api.send("GET", whole, patience=PATIENCE, into=kept, most=most)
        if isinstance(reply, Reply) and reply.status == 200:
            if reply.body is not None:
                return kept.tell(), ""
            kept.truncate(0)
            if reply.too_long:
                return most + 1, ""
            break
        if code_of(reply) != "M_UNRECOGNIZED":
            break
    why = fetching.reason(reply)
    logger.bind(platform="matrix").warning("a file could not be fetched: {}", why)
    return 0, fetching.lost(" Matrix ", why)
