"""A large export, ours beside its limit.

The limit is calamine reading the same workbook alone, then raw sqlite3 writing the very same rows that the import
left in the store, in groups, into the same tables with their indexes and triggers; it decides and hides nothing.
"""

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter
from python_calamine import CalamineWorkbook

from bot.demo_orders import COLUMNS, generate_day

GROUP = 200
"""Orders in one of the limit's transactions, as many as the import may take."""
DAILY = 1000
FIRST_DAY = date(2025, 1, 1)
CLOSED = {
    "工单状态": "已办结",
    "办理结果": "已联系产权单位现场核实，问题已处理完毕，并向来电人反馈，来电人表示认可。",
    "回复内容": "您好，您反映的问题已安排专人处理，感谢您对我们工作的支持。",
    "是否解决": "解决",
    "是否满意": "满意",
}
_SKIPPED = ("alembic_version", "sqlite_sequence", "meta")


def measure(rows: int, live: float) -> str:
    """Import an export of so many rows, this share of them unfinished; a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="jiesu-bench-") as name:
        folder = Path(name)
        workbook = folder / "export.xlsx"
        write(workbook, rows, live)
        begun = time.perf_counter()
        for _ in CalamineWorkbook.from_path(str(workbook)).get_sheet_by_index(0).iter_rows():
            pass
        read = time.perf_counter() - begun
        store = folder / "data" / "jiesu.db"
        took = _import(workbook, store.parent)
        written = _write_again(store, folder / "limit.db", rows)
    limit = read + written
    apart = f"calamine {read:.1f} s + raw sqlite3 {written:.1f} s"
    return "\n".join(
        (
            f"| import of {rows:,} rows, {live:.0%} live | seconds | rows/s | times the limit |",
            "|---|---|---|---|",
            f"| limit: {apart} | {limit:.1f} | {rows / limit:,.0f} | 1.0 |",
            f"| jiesu import | {took:.1f} | {rows / took:,.0f} | {took / limit:.1f} |",
        )
    )


def write(path: Path, rows: int, live: float) -> None:
    """An export of invented orders, this share of them unfinished."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        for at, row in enumerate(_orders(rows, live), 1):
            sheet.write_row(at, 0, [row[column] for column in COLUMNS])


def _orders(rows: int, live: float) -> Iterator[dict[str, str]]:
    dice = random.Random(7)
    for start in range(0, rows, DAILY):
        day = FIRST_DAY + timedelta(days=start // DAILY)
        for row in generate_day(day, min(DAILY, rows - start), 1, ("科源社区", "东王庄社区"), "学院路街道"):
            if dice.random() >= live:
                row |= CLOSED | {"办结时间": f"{day + timedelta(days=3)} 10:00:00"}
            yield row


def _import(workbook: Path, data: Path) -> float:
    begun = time.perf_counter()
    environ = {**os.environ, "JIESU_DATA_DIR": str(data)}
    subprocess.run([sys.executable, "-m", "bot", "import", str(workbook)], env=environ, check=True, stdout=sys.stderr)
    return time.perf_counter() - begun


def _write_again(source: Path, target: Path, orders: int) -> float:
    """Seconds that raw sqlite3 takes for what the import wrote; reading it is not counted."""
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target, isolation_level=None)) as here:
        schema = there.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'trigger'")
        for name, sql in sorted(schema.fetchall(), key=lambda found: "CREATE TABLE" not in found[1].upper()):
            if not name.startswith("sqlite_"):
                here.execute(sql)
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            here.execute(f"PRAGMA {pragma}")
        names = [name for (name,) in there.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        tables = [(name, _all(there, name)) for name in names if name not in _SKIPPED]
        groups = -(-orders // GROUP)
        begun = time.perf_counter()
        for group in range(groups):
            here.execute("BEGIN IMMEDIATE")
            for name, rows in tables:
                part = rows[len(rows) * group // groups : len(rows) * (group + 1) // groups]
                if part:
                    here.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(part[0]))})", part)
            here.execute("COMMIT")
        return time.perf_counter() - begun


def _all(database: sqlite3.Connection, name: str) -> list[tuple[Any, ...]]:
    return database.execute(f"SELECT * FROM {name}").fetchall()
