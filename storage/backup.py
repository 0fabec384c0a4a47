"""A consistent copy of a whole store in one file, made while the service runs; the same for both databases.

Every row is a line of JSON in its table's own column order, so a backup of SQLite goes into PostgreSQL and the other
way round. Texts that were hashed or compared byte for byte travel as they are stored.
"""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from storage import archive, erasures, migrations
from storage.archive import Body, Manifest
from storage.columns import JsonText, table
from storage.errors import StoreError
from storage.tables import Head, Lease, Meta
from storage.vault import Vault

_AT_ONCE = 2000
"""Rows in memory at a time."""

KINDS: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
    (JsonText, "text"),
    (sa.Boolean, "bool"),
    (sa.Integer, "int"),
    (sa.DateTime, "time"),
    (sa.LargeBinary, "bytes"),
    (sa.String, "text"),
)
"""Column type → what a backup calls it; the first that fits."""


def write_backup(
    connection: sa.Connection, vault: Vault, target: Path, *, now: datetime, erased: erasures.Erasures
) -> Manifest:
    """Copy the one state that the connection's transaction sees; returns what the file holds.

    `erased` is the ledger of deletions, which travels along. Raises StoreError for a file in the way, OSError for the
    disk; the target is whole, or untouched.
    """
    manifest = _about(connection, now)
    together = {**erased, **erasures.in_store(connection, vault)}
    with archive.writing(target) as file:
        body = Body(file)
        rows = {}
        for stored in tables():
            body.line({"table": stored.name, "columns": [[column.name, kind(column)] for column in stored.c]})
            rows[stored.name] = 0
            for row in _rows(connection, stored):
                body.line(row)
                rows[stored.name] += 1
        body.line({"table": "", "columns": [["order", "text"], ["at", "time"]]})
        for name, at in sorted(together.items()):
            body.line([name, at])
        length, sha256 = body.end()
        manifest = replace(manifest, rows=rows, erased=len(together), length=length, sha256=sha256)
        archive.seal(file, manifest)
    return manifest


def tables() -> list[sa.Table]:
    """What a backup holds: every table but leases, which are about processes that run now."""
    return [stored for stored in SQLModel.metadata.sorted_tables if stored is not table(Lease)]


def at_once(name: str, usual: int) -> int:
    """Rows of a table that may be in memory together: few of one whose rows are files."""
    stored = SQLModel.metadata.tables.get(name)
    return usual if stored is None else int(stored.info.get("at_once", usual))


def kind(column: sa.Column[Any]) -> str:
    """What a backup calls the column's type; raises TypeError for one that it does not know yet."""
    # A decorator such as UTCDateTime is known by what it stores.
    types = (column.type, getattr(column.type, "impl_instance", column.type))
    for known, name in KINDS:
        if any(isinstance(each, known) for each in types):
            return name
    raise TypeError(f"a backup cannot hold {column}: {column.type!r}")


def _about(connection: sa.Connection, now: datetime) -> Manifest:
    meta, head = table(Meta), table(Head)
    known = {row.key: row.value for row in connection.execute(sa.select(meta.c.key, meta.c.value))}
    newest = connection.execute(sa.select(head.c.seq, head.c.hash).where(head.c.id == 1)).one_or_none()
    revision = migrations.revision(connection)
    if newest is None or revision is None:
        raise StoreError("数据库缺少账头或版本，备份不了：请运行 jiesu verify 查看，并保留现场")
    return Manifest(
        made_at=now,
        revision=revision,
        vault=known["vault"],
        store=known["store"],
        rehearsal=known["use"] == "rehearsal",
        seq=newest.seq,
        head=newest.hash,
    )


def _rows(connection: sa.Connection, stored: sa.Table) -> Iterator[list[Any]]:
    columns = [
        sa.type_coerce(column, sa.Text).label(column.name) if isinstance(column.type, JsonText) else column
        for column in stored.c
    ]
    binary = [number for number, column in enumerate(stored.c) if kind(column) == "bytes"]
    query = sa.select(*columns).order_by(*stored.primary_key)
    with connection.execute(query, execution_options={"yield_per": at_once(stored.name, _AT_ONCE)}) as stream:
        for row in stream:
            values = list(row)
            for number in binary:
                if values[number] is not None:
                    values[number] = b64encode(values[number]).decode()
            yield values
