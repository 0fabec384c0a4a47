"""`jiesu import`: exports into the store, also while the service runs."""

from pathlib import Path
from typing import cast

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bot.cli.context import Context, out, say
from bot.importing import REJECTED, Tally, take_in_beside
from bot.service import clock_beside, open_office
from handlers.intake.orders import Source
from handlers.intake.whole import WholeFile, read_whole
from handlers.office import Office
from handlers.refusal import Refusal

REHEARSED = "注意：这是演练库，以上工单都不是真的在办；正式导入请换正式的数据目录"
"""Said just before the last line: a store that is marked as rehearsal takes an import whatever the clock says."""


def import_files(context: Context, files: list[Path], source: str | None, *, takeover: bool) -> int:
    """Import each file; returns the exit status: 0 all good, 1 some rows rejected, 2 a file could not be read."""
    if source not in (None, "市", "区"):
        raise Refusal(f"--source 只能是 市 或 区，现为 {source}")
    office = open_office(context.settings, context.organisation_if_any(), live=False)
    try:
        totals = Tally()
        unread = 0
        for path in files:
            try:
                file = _read(office, path, cast(Source | None, source))
            except Refusal as refusal:
                say(refusal.message)
                unread += 1
                continue
            with file:
                _store(office, file, totals, takeover=takeover)
        for told in totals.told(office):
            say(told)
        if office.store.rehearsal and totals.counts.total() > totals.counts[REJECTED]:
            say(REHEARSED)
        out(totals.closing)
    finally:
        office.store.close()
    return 2 if unread else 1 if totals.counts[REJECTED] else 0


def _read(office: Office, path: Path, source: Source | None) -> WholeFile:
    noise = office.rules(clock_beside(office).now()).title_noise
    with _progress() as progress:
        task = progress.add_task(f"读取 {path.name}", total=None)
        return read_whole(
            path,
            default_source=source,
            noise=noise,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )


def _store(office: Office, file: WholeFile, totals: Tally, *, takeover: bool) -> None:
    with _progress() as progress:
        task = progress.add_task(f"导入 {file.name}", total=file.good.count)
        tally = take_in_beside(
            office,
            office.store.run,
            clock_beside(office),
            file,
            cause="import",
            takeover=takeover,
            progress=lambda done, _total: progress.update(task, completed=done),
        )
    for row in file.rejected:
        out(f"{file.name} {row.line}")
    for warning in file.warnings:
        say(f"{file.name} {warning}")
    if takeover:
        out(f"接管 {file.name}：在办 {tally.live} 件，未发通知，已过的时限未补")
    totals.add(tally)


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
