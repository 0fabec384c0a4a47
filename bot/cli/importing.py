"""`jiesu import`: exports into the store, also while the service runs."""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, TypeVar, cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.cli.context import Context, out, say
from bot.clock import clock_for
from bot.service import open_office
from handlers.intake.accept import Result
from handlers.intake.files import read_table
from handlers.intake.orders import IncomingOrder, RejectedRow
from handlers.intake.register import finish, take_in
from handlers.intake.rows import read_rows
from handlers.office import Office
from handlers.refusal import Refusal
from storage.store import Job, Unit

T = TypeVar("T")
CHUNK = 300
"""Rows in one transaction, so that commands never wait for an import."""
_WARNINGS = 5


def import_files(context: Context, files: list[Path], source: str | None, *, takeover: bool) -> int:
    """Import each file; returns the exit status: 0 all good, 1 some rows rejected, 2 a file could not be read."""
    if source not in (None, "市", "区"):
        raise Refusal(f"--source 只能是 市 或 区，现为 {source}")
    office = open_office(context.settings, context.organisation_if_any(), live=False)
    try:
        totals: Counter[str] = Counter()
        unread = 0
        for file in files:
            try:
                rows = _read(office, file, cast(Literal["市", "区"] | None, source))
            except Refusal as refusal:
                say(f"{file.name}：{refusal.message}")
                unread += 1
                continue
            totals += _import_rows(office, rows, file, takeover=takeover)
        out(" ".join(f"{word} {totals[word]}" for word in (*Result, "拒绝")))
    finally:
        office.store.close()
    return 2 if unread else 1 if totals["拒绝"] else 0


def _read(office: Office, file: Path, source: Literal["市", "区"] | None) -> list[IncomingOrder | RejectedRow]:
    """The whole file before any of it is stored: a file that breaks off leaves nothing behind."""
    rules = office.rules(clock_for(office.settings.clock).now())
    with read_table(file) as table:
        for warning in table.warnings:
            say(f"{file.name} 注意：{warning}")
        return list(read_rows(table, default_source=source, noise=rules.title_noise))


def _import_rows(
    office: Office, rows: list[IncomingOrder | RejectedRow], file: Path, *, takeover: bool
) -> Counter[str]:
    totals: Counter[str] = Counter()
    batch = uuid.uuid4().hex
    good = [row for row in rows if isinstance(row, IncomingOrder)]
    live = 0
    with _progress() as progress:
        task = progress.add_task(file.name, total=len(good))
        for chunk in _chunks(good):
            taken = office.store.run(_job(office, partial(_take, office, chunk, batch, takeover)))
            totals.update(result for result, _ in taken)
            live += sum(new_live for _, new_live in taken)
            progress.advance(task, len(chunk))
    if not takeover:
        office.store.run(_job(office, lambda unit: unit.attempt(lambda scope: finish(scope, batch))))
    for row in rows:
        if isinstance(row, RejectedRow):
            totals["拒绝"] += 1
            out(f"{file.name} {row.line}")
    _tell_warnings(file, [row for row in good if row.warnings])
    if takeover:
        out(f"接管 {file.name}：在办 {live} 件，未发通知，已过的时限未补")
    return totals


def _tell_warnings(file: Path, rows: list[IncomingOrder]) -> None:
    for row in rows[:_WARNINGS]:
        say(f"{file.name} 第 {row.row} 行（{row.number}）注意：{'；'.join(row.warnings)}")
    if len(rows) > _WARNINGS:
        say(f"{file.name} 另有 {len(rows) - _WARNINGS} 行有类似提示，均已导入")


def _job(office: Office, work: Callable[[Unit], T]) -> Job[T]:
    return Job(work, now=clock_for(office.settings.clock).now(), cause="import", counters=("order",))


def _take(office: Office, chunk: list[IncomingOrder], batch: str, takeover: bool, unit: Unit) -> list[tuple[str, bool]]:
    taken = unit.attempt(lambda scope: take_in(office, scope, chunk, origin="导入", batch=batch, takeover=takeover))
    return [(item.result, item.result is Result.NEW and not item.history) for item in taken]


def _chunks(rows: list[IncomingOrder]) -> Iterator[list[IncomingOrder]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    )
