"""The watched folder: exports that are put there come in by themselves (interface, `JIESU_INTAKE__FOLDER`).

A file is taken when it has stopped growing, stored like any import, and only then moved: to `done/`, or to `failed/`
when it could not be read, each time with a result file beside it. After a crash in between it is imported again,
which changes nothing. What lies there is deleted after some weeks (`bot/kept_exports.py`).
"""

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from loguru import logger

from bot.clock import Clock
from bot.desk import Desk
from bot.file_imports import import_file
from bot.importing import REJECTED, Stopped, Tally
from bot.kept_exports import DONE, FAILED, RESULT, delete_overdue, own_folder, put_away, readable
from config.errors import ConfigError, reason
from config.shanghai import full_text
from handlers import notices
from handlers.intake.whole import WholeFile
from handlers.notices import Audience
from handlers.office import Office
from handlers.privacy import clean
from handlers.refusal import Refusal
from storage.errors import StoreError
from storage.outbox import Priority
from storage.store import Job
from storage.transaction import Scope

POLL: Final = 3.0
"""Seconds between two looks. A file is complete when two of them find it alike."""
SWEEP: Final = timedelta(hours=1)
"""How often is looked for exports that were kept long enough."""

_Signature = tuple[int, int]
_NOT_YET: Final = (".tmp", ".part", ".partial", ".crdownload", ".download", ".filepart", "~")
_NEVER: Final = frozenset({"thumbs.db", "desktop.ini"})


class IntakeFolder:
    """Watches one folder. `look` is one poll, `sweep` deletes what was kept long enough; `run` does both until `stop`.

    Raises ConfigError when the folder, or those it moves files to, cannot be made.
    """

    def __init__(self, office: Office, desk: Desk, clock: Clock, folder: Path) -> None:
        self._office = office
        self._desk = desk
        self._clock = clock
        self._folder = folder
        self._seen: dict[str, _Signature] = {}
        self._stuck: dict[str, _Signature] = {}
        self._links: frozenset[str] = frozenset()
        self._stopping = threading.Event()
        self._next_sweep = clock.now()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for each in (DONE, FAILED):
                own_folder(folder / each)
        except OSError as error:
            raise ConfigError(
                f"导入文件夹 {folder} 用不了：{reason(error)}。请检查 intake.folder、路径和权限"
            ) from error

    async def run(self) -> None:
        """Look every few seconds. What cannot be done now is tried again at the next look."""
        while not self._stopping.is_set():
            try:
                await self.look()
                await self.sweep()
            except (StoreError, OSError) as error:
                logger.warning("intake folder: {}", error)
            except Stopped:
                return
            await asyncio.sleep(POLL)

    async def stop(self) -> None:
        """Begin no file any more, and end the reading of one."""
        self._stopping.set()

    async def look(self) -> None:
        """Import each file that is as it was at the last look."""
        found, links = await asyncio.to_thread(_files, self._folder)
        if new := links - self._links:
            logger.warning("intake folder: {} links are left alone; only files themselves are taken in", len(new))
        self._links = links
        complete = [name for name, signature in found.items() if self._seen.get(name) == signature]
        self._seen = found
        self._stuck = {name: signature for name, signature in self._stuck.items() if found.get(name) == signature}
        for name in complete:
            if name not in self._stuck and not self._stopping.is_set():
                await self._guarded(name)

    async def sweep(self) -> None:
        """Delete the exports that were kept as long as the rules say; once an hour, at other times it does nothing."""
        now = self._clock.now()
        if now < self._next_sweep:
            return
        self._next_sweep = now + SWEEP
        kept = self._office.rules(now).kept_exports
        if count := await asyncio.to_thread(delete_overdue, self._folder, now - kept):
            logger.info("intake folder: deleted {} exports that were put away more than {} days ago", count, kept.days)

    async def _guarded(self, name: str) -> None:
        try:
            await self._take(name)
        except (StoreError, Stopped):
            raise
        except Exception:  # noqa: BLE001 - a file that we stumble over must not keep the others out
            logger.exception("intake folder: a file could not be taken in")
            await self._leave(name, "没有导完：程序内部出错，日志里有记录；改动或重新放入文件后再试")

    async def _take(self, name: str) -> None:
        path = self._folder / name
        office, clock = self._office, self._clock
        try:
            file, tally = await import_file(
                office, self._desk.run, clock, path, cause="folder", stopping=self._stopping
            )
        except Refusal as refusal:
            if not path.exists():  # somebody took it away again
                return
            logger.warning("intake folder: a file could not be read")
            why = _bare(refusal, name)
            await self._tell(f"{readable(name)} 没有导入：{why}（文件在 {FAILED}/）")
            await self._move(name, FAILED, [f"{readable(name)}：{why}", Tally().closing])
            return
        with file:
            if rejected := tally.counts[REJECTED]:
                await self._tell(f"{readable(name)} 已导入，有 {rejected} 行被拒绝：原因见 {DONE}/ 里的结果文件")
            await self._move(name, DONE, _lines(office, file, tally, full_text(clock.now())))

    async def _move(self, name: str, where: str, lines: Iterable[str]) -> None:
        """Everything is stored and told: move the file, with its result beside it."""
        try:
            await asyncio.to_thread(put_away, self._folder / name, self._folder / where, lines, self._clock.now())
        except OSError as error:
            if not (self._folder / name).exists():
                logger.warning("intake folder: a file was taken away while it was imported")
                return
            logger.error("intake folder: a file cannot be moved: {}", reason(error))
            await self._leave(name, f"移不到 {where}/（{reason(error)}）：请检查权限和磁盘，再把它移走")

    async def _leave(self, name: str, trouble: str) -> None:
        """Leave a file where it is until it changes: at every look it would end the same way."""
        self._stuck[name] = self._seen[name]
        await self._tell(f"{readable(name)} {trouble}")

    async def _tell(self, text: str) -> None:
        line = clean(" ".join(f"导入文件夹：{text}".split()))

        def tell(scope: Scope) -> None:
            audience = Audience((notices.DISPATCH,), people=notices.with_role(self._office, "duty"))
            notices.post(self._office, scope, audience, kind="intake_folder", priority=Priority.NOTICE, text=line)

        await self._desk.run(Job(lambda unit: unit.attempt(tell), now=self._clock.now(), cause="folder"))


def _files(folder: Path) -> tuple[dict[str, _Signature], frozenset[str]]:
    """Files to take, by name, with what shows that one still grows; and the links, which are not ours to move or close.

    What programs are still writing is left out.
    """
    files: dict[str, _Signature] = {}
    links = set()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            low = entry.name.lower()
            if low.startswith((".", "~$")) or low.endswith((*_NOT_YET, RESULT)) or low in _NEVER:
                continue
            try:
                if entry.is_symlink() and entry.name not in (DONE, FAILED):
                    links.add(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    files[entry.name] = (state.st_size, state.st_mtime_ns)
            except FileNotFoundError:  # moved between the listing and the look
                continue
    return files, frozenset(links)


def _lines(office: Office, file: WholeFile, tally: Tally, at: str) -> Iterator[str]:
    """The result as people read it: what was odd, what was rejected, and the closing line of every import."""
    yield f"{readable(file.name)} 于 {at} 导入"
    yield from tally.told(office)
    yield from file.warnings
    for row in file.rejected:
        yield row.line
    yield tally.closing


def _bare(refusal: Refusal, name: str) -> str:
    """The reason without the file's name, which stands in front already."""
    return refusal.message.removeprefix(f"{name}：")
