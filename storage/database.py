"""Engines, one to write and one to read: durable at commit and no lost update, on SQLite and PostgreSQL."""

import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import QueuePool

BUSY_SECONDS = 20
"""How long a SQLite connection waits for another process's write before it gives up."""

LINE: Mapping[str, int] = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""★ PostgreSQL: a server that is gone without a word is noticed within half a minute (libpq's names; s, the last ms).
What the address itself says counts before this."""

LONGEST_QUERY = "-c statement_timeout=300000"
"""★ PostgreSQL: five minutes for one statement of a reader; a whole journal is read in less."""

LOOK_SECONDS = 0.001
"""How often a waiting writer looks whether it is its turn."""


def sqlite_url(path: Path) -> str:
    """The address of a SQLite file."""
    return f"sqlite:///{path}"


def writing_engine(url: str) -> sa.Engine:
    """An engine whose transactions take the write lock at their start (SQLite) and are on disk at their end."""
    if not url.startswith("sqlite"):
        return sa.create_engine(url, pool_size=2, max_overflow=2, pool_pre_ping=True, connect_args=_line(url))
    engine = _sqlite(url, size=1)

    @sa.event.listens_for(engine, "connect")
    def look_ourselves(connection: Any, _: object) -> None:
        connection.execute("PRAGMA busy_timeout = 0").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # Plain BEGIN upgrades on the first write and lost 150 of 200 concurrent read-then-write updates.
        _wait_for_turn(connection)

    return engine


def _wait_for_turn(connection: sa.Connection) -> None:
    """Take the write lock, looking often.

    SQLite's own waiting looks every 100 ms: beside an import that writes batch after batch, commands waited up to
    seven seconds.
    """
    driver: Any = connection.connection.driver_connection
    for _ in range(int(BUSY_SECONDS / LOOK_SECONDS)):
        try:
            driver.execute("BEGIN IMMEDIATE").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # the low byte, whatever kind of busy
                break
            time.sleep(LOOK_SECONDS)
        else:
            return
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def reading_engine(url: str) -> sa.Engine:
    """An engine for queries beside the writer: each transaction sees one consistent state."""
    if not url.startswith("sqlite"):
        return sa.create_engine(
            url,
            pool_size=4,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
            connect_args=_line(url, options=LONGEST_QUERY),
        )
    engine = _sqlite(url, size=4)

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _line(url: str, **more: str) -> dict[str, int | str]:
    given = sa.make_url(url).query
    wanted: dict[str, int | str] = {**LINE, **more}
    return {name: value for name, value in wanted.items() if name not in given}


def _sqlite(url: str, size: int) -> sa.Engine:
    engine = sa.create_engine(
        url,
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=size,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    return engine
