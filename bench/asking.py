"""`/统计` over a million orders, beside the bare SQL that it runs: the same statements on raw sqlite3."""

import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.seed import fill
from bench.servers import ORGANISATION, START
from bot.service import open_office
from config.organisation import load_organisation
from config.settings import ClockSettings, Settings
from handlers.execution import Request, carry_out
from handlers.office import Office
from handlers.work import Place
from storage.store import Store

DAILY = 1000
"""Orders of each day, so that a million of them are those of two years and nine months: a busy street's."""
QUESTIONS = ("今日", "昨日", "昨日 按科室", "本周 按社区 三率")
TIMES = 7
OPEN_DAYS = 5
"""Orders older than this are closed; what is younger is in hand: as many as a whole district has."""
_ORDER_TIMES = ("reported_at", "arrived_at", "counted_at", "imported_at", "changed_at", "since")
_CLOCK_TIMES = ("started_at", "due_at")


@dataclass(frozen=True)
class Asked:
    """One question: seconds of the command, and of its SQL alone."""

    question: str
    ours: float
    bare: float


def measure(orders: int) -> list[Asked]:
    """Ask each question several times and take medians; ours and the bare SQL in turn."""
    with tempfile.TemporaryDirectory(prefix="jiesu-bench-") as name:
        folder = Path(name)
        fill(folder, DAILY, START)
        _multiply(folder / "jiesu.db", orders // DAILY)
        now = START + timedelta(hours=10)
        settings = Settings(data_dir=folder, clock=ClockSettings(start=now, speed=0))
        office = open_office(settings, load_organisation(ORGANISATION, {}), live=True)
        try:
            return [_asked(office, folder / "jiesu.db", question, now) for question in QUESTIONS]
        finally:
            office.store.close()


def markdown(found: list[Asked], orders: int) -> str:
    """A table of medians."""
    lines = [f"| /统计, {orders:,} orders | bare SQL | jiesu | times the limit |", "|---|---|---|---|"]
    for one in found:
        lines.append(
            f"| {one.question} | {one.bare * 1000:.1f} ms | {one.ours * 1000:.1f} ms | {one.ours / one.bare:.1f} |"
        )
    return "\n".join(lines)


def _asked(office: Office, database: Path, question: str, now: datetime) -> Asked:
    person = office.organisation.people[0]
    request = Request("统计", person, Place("dispatch"), (), question)

    def ask() -> None:
        answered = office.store.read(lambda scope: carry_out(office, _Reader(scope), request), now=now)
        if answered.faults or answered.said[0].text.startswith("✘"):
            raise RuntimeError(answered.said[0].text)

    with _overheard(office.store) as statements:
        ask()
    ours, bare = [], []
    with closing(sqlite3.connect(database)) as raw:
        for _ in range(TIMES):
            ours.append(_seconds(ask))
            bare.append(_seconds(lambda: [raw.execute(*each).fetchall() for each in statements]))
    return Asked(question, statistics.median(ours), statistics.median(bare))


@dataclass(frozen=True)
class _Reader:
    """A question changes nothing, so there is nothing to undo."""

    scope: Any

    def attempt(self, work: Callable[[Any], Any]) -> Any:
        return work(self.scope)


@contextmanager
def _overheard(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """The statements that reach the database, with their parameters."""
    heard: list[tuple[str, Any]] = []

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            heard.append((statement, parameters))

    with store.connect() as connection:
        engine = connection.engine
    sa.event.listen(engine, "before_cursor_execute", hear)
    try:
        yield heard
    finally:
        sa.event.remove(engine, "before_cursor_execute", hear)


def _multiply(database: Path, times: int) -> None:
    """Copies of the first day's orders for the days before it, closed when they are old."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        for pragma in ("synchronous=OFF", "journal_mode=MEMORY", "cache_size=-500000"):
            raw.execute(f"PRAGMA {pragma}")
        for day in range(1, times):
            closed = day > OPEN_DAYS
            raw.execute("BEGIN")
            order = {name: _earlier(name, day) for name in _ORDER_TIMES}
            order |= {"id": f"id + {day * DAILY}", "number": f"number || '-{day}'"}
            stay = {"order_id": f"order_id + {day * DAILY}", "since": _earlier("since", day)}
            clock = {"order_id": f"order_id + {day * DAILY}", **{name: _earlier(name, day) for name in _CLOCK_TIMES}}
            if closed:
                order |= {"open": "0", "state": "'已结案'"}
                stay |= {"until": _earlier("since", day - 2)}
                clock |= {"met_at": _earlier("due_at", day + 1), "late_seconds": "0"}
            for name, changed, key in (
                ("orders", order, "id"),
                ("stay", stay, "order_id"),
                ("clock", clock, "order_id"),
            ):
                columns = [row[1] for row in raw.execute(f"PRAGMA table_info({name})")]
                chosen = ", ".join(changed.get(column, f'"{column}"') for column in columns)
                raw.execute(f"INSERT INTO {name} SELECT {chosen} FROM {name} WHERE {key} <= {DAILY}")
            raw.execute("COMMIT")
        raw.execute("ANALYZE")


def _earlier(column: str, days: int) -> str:
    return f"strftime('%Y-%m-%d %H:%M:%f', \"{column}\", '-{days} days') || '000'"


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
