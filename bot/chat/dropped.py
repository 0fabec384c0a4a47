"""Files that come with a message, before they are an order's: read and looked at beside the writer; exports imported.

An export that a seat sends in private is imported like one in the watched folder, while commands go on. The message is
answered at once; how far it is, and how it ended, follow in the private chat.
"""

import asyncio
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from loguru import logger

from bot.clock import Clock
from bot.desk import Desk
from bot.file_imports import import_file
from bot.importing import Stopped, Tally
from bot.platforms.contract import IncomingFile
from config.errors import reason
from config.organisation import Person
from config.texts import cut
from handlers.attachments import NewFile, examined, plain_name, too_large
from handlers.enclosures import NOWHERE
from handlers.execution import Answered, Request
from handlers.filetypes import recognise
from handlers.inbound import Message, Post, Reply, keep
from handlers.intake.files import MAX_BYTES, check_table, over_limit
from handlers.intake.whole import WholeFile
from handlers.office import Office
from handlers.privacy import clean
from handlers.refusal import Refusal
from handlers.registry import BY_NAME
from handlers.work import Said
from storage import outbox
from storage.columns import table
from storage.errors import StoreError
from storage.outbox import Priority
from storage.store import Job, Unit
from storage.tables import DroppedImport
from storage.transaction import Scope

FIRST_WORD, NEXT_WORD = 8.0, 30.0
"""Seconds after which somebody who waits for an import is told how far it is, and then again."""
LISTED: Final = 20
"""Rejected rows that the answer names; the rest is counted."""
_ON_DISK: Final = "export"
_PAUSE: Final = 3.0
_TRIES: Final = 20
_SETTINGS: Final = (".toml", ".json", ".yaml", ".yml", ".ini")


async def examined_files(office: Office, files: Sequence[IncomingFile], now: datetime) -> tuple[NewFile, ...]:
    """Read and seal what came with a message; a file over the limit is not read."""
    most = office.rules(now).attachments.file_mb

    def look() -> tuple[NewFile, ...]:
        return tuple(
            NewFile(file.name, file.size, refused=file.lost)
            if file.lost
            else too_large(file.name, file.size, most)
            if file.size > most << 20
            else examined(file.name, file.path.read_bytes())
            for file in files
        )

    return await asyncio.to_thread(look)


class DroppedImports:
    """Imports of this process that came as files in a private chat. One at a time; `stop` ends the one under way."""

    def __init__(self, office: Office, desk: Desk, clock: Clock) -> None:
        self._office = office
        self._desk = desk
        self._clock = clock
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = threading.Event()

    async def take(
        self,
        message: Message,
        files: Sequence[IncomingFile],
        request: Request | str | None,
        beside: Callable[[Unit], Answered],
        post: Post,
    ) -> tuple[list[Reply], Answered]:
        """Answer a private message whose files belong to no order: begin to import the exports among them.

        `request` is what its text asks for, which `beside` carries out too. The same message again gets the same
        answer, imports and does nothing. Raises StoreError when nothing was stored.
        """
        named = [(file, _name(file)) for file in files]
        lines = [await asyncio.to_thread(self._refused, message.person, file, name) for file, name in named]
        held = [os.open(file.path, os.O_RDONLY) for file in files]
        told = [
            Said(f"✘ {name}：{why}" if why else f"收到 {name}，正在导入；完成后在这里告诉您结果，其间可以照常办件")
            for (_, name), why in zip(named, lines, strict=True)
        ]
        shown = Message(
            message.platform,
            message.message_id,
            message.chat,
            message.person,
            message.text,
            tuple(NewFile(name, file.size) for file, name in named),
        )

        def work(unit: Unit) -> tuple[list[Reply], Answered | None]:
            known = unit.replies(message.platform, message.message_id)
            if known is not None:
                return [Reply(item["id"], item["text"], item["private"], item["reveal"]) for item in known], None
            done = beside(unit)
            answered = Answered([*told, *done.said], done.faults)
            return unit.attempt(lambda scope: self._begin(scope, shown, request, answered, lines, post)), answered

        try:
            replies, new = await self._desk.run(
                Job(
                    work,
                    now=self._clock.now(),
                    actor=message.person.id,
                    cause=f"{message.platform}:{message.message_id}",
                    message=(message.platform, message.message_id),
                )
            )
        except BaseException:
            _close(held)
            raise
        for part, ((_, name), why, handle) in enumerate(zip(named, lines, held, strict=True), start=1):
            if new and not why:
                task = asyncio.create_task(self._import(message, part, name, handle))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                os.close(handle)
        return replies, new or Answered([])

    async def resume(self) -> None:
        """Tell whose imports ended with an earlier process of this machine: what came in stays, the rest did not."""
        waiting = table(DroppedImport)
        mine = waiting.c.host == socket.gethostname()

        def tell(scope: Scope) -> None:
            for row in scope.connection.execute(sa.select(waiting).where(mine)).mappings().all():
                text = f"{row['name']} 没有导完：服务中途停止了。请再发一次，已经导入的会显示“未变”，不会重复"
                self._tell(scope, row["person"], "import_result", text)
            scope.execute(sa.delete(waiting).where(mine))

        await self._desk.run(Job(lambda unit: unit.attempt(tell), now=self._clock.now(), cause="import"))

    async def stop(self) -> None:
        """Begin no import any more and end the one under way; the next start tells of it."""
        self._stopping.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _refused(self, person: Person, file: IncomingFile, name: str) -> str:
        """Why a file is not imported; nothing where it is."""
        if not BY_NAME["登记"].may(person.roles):
            return f"导入工单由值班坐席操作；要把文件存到工单，{NOWHERE.partition('：')[2].partition('；')[0]}"
        if name.lower().endswith(_SETTINGS):
            return "组织文件、规则和设置不从这里导入，请系统管理员放到服务器上；这里收工单表格（.xls .xlsx .csv）"
        if file.lost:
            return file.lost
        if file.size > MAX_BYTES:
            return over_limit()
        try:
            check_table(file.path)
        except Refusal as refusal:
            return f"{refusal.message.rstrip('。')}{self._elsewhere(file)}"
        except OSError as error:
            return f"文件读不出来（{reason(error)}），请再发一次"
        return ""

    def _elsewhere(self, file: IncomingFile) -> str:
        """Where else a file may go that is no table: to an order, if orders may have it."""
        if file.size > self._office.rules(self._clock.now()).attachments.file_mb << 20:
            return ""
        try:
            recognise(file.path.read_bytes())
        except (Refusal, OSError):
            return ""
        return "；要存到工单，请引用那件工单的消息再发"

    def _begin(
        self,
        scope: Scope,
        message: Message,
        request: Request | str | None,
        told: Answered,
        lines: Sequence[str],
        post: Post,
    ) -> list[Reply]:
        for part, (file, why) in enumerate(zip(message.files, lines, strict=True), start=1):
            if not why:
                scope.insert(
                    DroppedImport,
                    platform=message.platform,
                    message_id=message.message_id,
                    part=part,
                    at=scope.now,
                    person=message.person.id,
                    name=file.name,
                    host=socket.gethostname(),
                )
        return keep(self._office, scope, message, request, told, post)

    async def _import(self, message: Message, part: int, name: str, handle: int) -> None:
        try:
            async with self._turn:
                text = await self._outcome(message.person, name, handle)
            await self._finish(message, part, text)
        except Stopped:
            pass
        except StoreError as error:
            logger.warning("an import sent in a chat could not be stored: {}", error)
        finally:
            os.close(handle)

    async def _outcome(self, person: Person, name: str, handle: int) -> str:
        """Import one file; the answer's text."""
        loop = asyncio.get_running_loop()
        word = loop.time() + FIRST_WORD

        async def progress(done: int, total: int) -> None:
            nonlocal word
            if loop.time() >= word and done < total:
                word = loop.time() + NEXT_WORD
                text = f"{name} 正在导入：{done} / {total} 行（{done * 100 // total}%）"
                await self._say(person.id, "import_progress", text)

        try:
            with _under_a_name(handle) as path:
                file, tally = await import_file(
                    self._office,
                    self._run,
                    self._clock,
                    path,
                    cause="chat",
                    stopping=self._stopping,
                    progress=progress,
                )
        except Refusal as refusal:
            return f"{name} 没有导入：{refusal.message.removeprefix(f'{_ON_DISK}：')}\n{Tally().closing}"
        except (StoreError, Stopped):
            raise
        except Exception:  # noqa: BLE001 - a fault of ours must not leave somebody waiting for an answer
            logger.exception("an import sent in a chat failed")
            return f"{name} 没有导完：系统出错，日志里有记录。请告诉系统管理员；再发一次不会重复"
        with file:
            return "\n".join(_lines(self._office, name, file, tally))

    async def _run(self, job: Job[object]) -> object:
        """Run a job of the import; while the store takes nothing, wait and try again."""
        for attempt in range(_TRIES):
            try:
                return await self._desk.run(job)
            except StoreError:
                if attempt == _TRIES - 1 or self._stopping.is_set():
                    raise
                await asyncio.sleep(_PAUSE)
        raise AssertionError("the last attempt returns or raises")

    async def _finish(self, message: Message, part: int, text: str) -> None:
        def done(scope: Scope) -> None:
            scope.place(DroppedImport, (message.platform, message.message_id, part), None)
            self._tell(scope, message.person.id, "import_result", text)

        await self._run(Job(lambda unit: unit.attempt(done), now=self._clock.now(), cause="import"))

    async def _say(self, person: str, kind: str, text: str) -> None:
        await self._run(
            Job(
                lambda unit: unit.attempt(lambda scope: self._tell(scope, person, kind, text)),
                now=self._clock.now(),
                cause="import",
            )
        )

    def _tell(self, scope: Scope, person: str, kind: str, text: str) -> None:
        outbox.queue(
            scope,
            kind=kind,
            priority=Priority.REPLY,
            endpoints=self._office.routes.of_person(person),
            audience=f"@{person}",
            text=clean(text),
        )


def _name(file: IncomingFile) -> str:
    return cut(clean(plain_name(file.name)), 80) or "未命名文件"


def _lines(office: Office, name: str, file: WholeFile, tally: Tally) -> Iterator[str]:
    """What became of it: the closing line of every import last, where people look for it."""
    yield f"{name} 导入完成"
    yield from tally.told(office)
    yield from file.warnings
    for row in islice(file.rejected, LISTED):
        yield row.line
    if file.rejected.count > LISTED:
        yield f"另有 {file.rejected.count - LISTED} 行被拒绝，没有一一列出：改好后再发一次即可"
    yield tally.closing


@contextmanager
def _under_a_name(handle: int) -> Iterator[Path]:
    """A path under which our own reader, also in a child process, finds an open file that has no name on disk.

    The sender's name need not be one that a disk takes (`..`, 80 signs of four bytes); the reader goes by content.
    After a crash nothing is left of the bytes, for nothing but this process held them.
    """
    with tempfile.TemporaryDirectory(prefix="jiesu-") as folder:
        path = Path(folder) / _ON_DISK
        path.symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
        yield path


def _close(handles: Sequence[int]) -> None:
    for handle in handles:
        os.close(handle)
