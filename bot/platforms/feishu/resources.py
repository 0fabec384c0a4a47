"""Pictures and files of a message, fetched from Feishu into files without a name."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from loguru import logger

from bot.platforms import fetching
from bot.platforms.contract import IncomingFile
from bot.platforms.feishu.api import TOO_LONG, OpenApi, Result
from bot.platforms.feishu.chat import MESSAGES
from bot.platforms.feishu.events import Resource

PATIENCE: Final = timedelta(seconds=60)
"""★ For one file; Feishu gives files up to 100 MB."""
MOST_FILES: Final = 20
"""★ Of one message; what is more stays where it is."""
TRIES: Final = 3


@asynccontextmanager
async def fetched(
    api: OpenApi, message: str, resources: Sequence[Resource], most: int, folder: Path
) -> AsyncIterator[tuple[IncomingFile, ...]]:
    """The files, readable until the block ends. One that is larger than `most` bytes has a size above it and is empty;
    one that cannot be had says so in `lost`."""
    with ExitStack() as held:
        files = []
        for resource in resources[:MOST_FILES]:
            file = held.enter_context(tempfile.TemporaryFile(dir=folder))
            path = f"{MESSAGES}/{quote(message, safe='')}/resources/{quote(resource.key, safe='')}?type={resource.kind}"
            result = await _fetch(api, path, file, most)
            lost, size = "", file.tell()
            if result.answer.detail == TOO_LONG:
                size = most + 1
            elif not result.ok:
                logger.bind(platform="feishu", code=result.answer.code).warning("a file: {}", result.answer.detail)
                lost = fetching.lost("飞书", result.answer.detail.partition("，")[0])
            files.append(IncomingFile(resource.name, Path(f"/proc/self/fd/{file.fileno()}"), size, lost))
        yield tuple(files)


async def _fetch(api: OpenApi, path: str, file: IO[bytes], most: int) -> Result:
    """Ask again as long as that may help; whatever was written of a file that did not come whole is taken away."""
    for attempt in range(TRIES):
        result = await api.call("GET", path, into=file, most=most, patience=PATIENCE)
        if result.ok:
            file.flush()
            break
        file.seek(0)
        file.truncate()
        if result.answer.outcome.refused or attempt == TRIES - 1:
            break
    return result
