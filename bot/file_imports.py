"""An export that came to a running service, by the watched folder or in a chat: read to its end, taken in, counted."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

from bot import metrics
from bot.clock import Clock
from bot.import_process import take_in_apart
from bot.importing import REJECTED, Stopped, Tally, take_in_file
from handlers.intake.whole import WholeFile, read_whole
from handlers.office import Office
from storage.store import Job

LARGE: Final = 500_000
"""Bytes from which on a file has a process of its own, which takes a second to start: some 2,000 rows."""
_METRIC: Final = {"新增": "new", "未变": "unchanged", "变更": "changed", REJECTED: "rejected"}


async def _silent(_done: int, _total: int) -> None:
    pass


async def import_file(
    office: Office,
    run: Callable[[Job[Any]], Awaitable[Any]],
    clock: Clock,
    path: Path,
    *,
    cause: str,
    stopping: threading.Event,
    progress: Callable[[int, int], Awaitable[None]] = _silent,
) -> tuple[WholeFile, Tally]:
    """Import a file; what was odd about it, to be closed by the caller, and what became of its rows.

    `progress(rows, of how many)` is told how far it is. Raises Refusal: it cannot be read, and nothing of it was
    stored; StoreError; Stopped, once `stopping` is set.
    """

    async def on(done: int, total: int) -> None:
        if stopping.is_set():
            raise Stopped
        await progress(done, total)

    if await asyncio.to_thread(_is_large, path):
        file, tally = await take_in_apart(office, clock, path, cause=cause, stopping=stopping, progress=on)
    else:
        file = await asyncio.to_thread(_read, office, clock, path, stopping)
        try:
            tally = await take_in_file(office, run, clock, file, cause=cause, progress=on)
        except BaseException:
            file.close()
            raise
    for word, count in tally.counts.items():
        metrics.INTAKE.labels(cause, _METRIC[word]).inc(count)
    return file, tally


def _is_large(path: Path) -> bool:
    try:
        return path.stat().st_size > LARGE
    except OSError:  # whoever reads it says what is wrong
        return False


def _read(office: Office, clock: Clock, path: Path, stopping: threading.Event) -> WholeFile:
    def beat(_done: int, _total: int) -> None:
        if stopping.is_set():
            raise Stopped

    return read_whole(path, noise=office.rules(clock.now()).title_noise, progress=beat)
