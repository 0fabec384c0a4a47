"""The ledger of deletions, a small file beside the store that outlives any backup (domain, section 8).

An order is named by a keyed digest of its source and 工单编号, so the file says nothing to anybody without the
office's key, and still means the same order in an older backup, where its short number may not exist yet. Lines are
only ever added.
"""

import fcntl
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from storage.columns import canonical, instant, table
from storage.errors import StoreError
from storage.tables import OrderTable, VaultRow
from storage.vault import Vault

Erasures = Mapping[str, datetime]
"""Digest of an order → when its data were erased (aware UTC)."""


def ledger_path(data_dir: Path) -> Path:
    """Where an office's ledger lies."""
    return data_dir / "erased.jsonl"


def name_of(vault: Vault, source: str, number: str) -> str:
    """The ledger's name of an order, 64 hexadecimal digits."""
    return vault.digest({"erased": number, "source": source})


def in_store(connection: sa.Connection, vault: Vault) -> dict[str, datetime]:
    """Every order whose data were erased in this store."""
    orders, rows = table(OrderTable), table(VaultRow)
    query = (
        sa.select(orders.c.source, orders.c.number, rows.c.erased_at)
        .join_from(orders, rows, rows.c.order_id == orders.c.id)
        .where(rows.c.erased_at.is_not(None))
    )
    return {name_of(vault, row.source, row.number): row.erased_at for row in connection.execute(query)}


def standing(connection: sa.Connection, vault: Vault, erased: Erasures) -> dict[int, datetime]:
    """Orders (short numbers) of this store that the ledger calls erased and that are not: what to re-apply."""
    if not erased:
        return {}
    orders, rows = table(OrderTable), table(VaultRow)
    query = (
        sa.select(orders.c.id, orders.c.source, orders.c.number)
        .join_from(orders, rows, rows.c.order_id == orders.c.id, isouter=True)
        .where(rows.c.erased_at.is_(None))
        .order_by(orders.c.id)
    )
    named = ((row.id, name_of(vault, row.source, row.number)) for row in connection.execute(query))
    return {order: erased[name] for order, name in named if name in erased}


def read_ledger(path: Path) -> dict[str, datetime]:
    """What the file says; nothing where there is none. An unfinished last line was never acknowledged.

    Raises StoreError that names a line which cannot be read: a deletion must not be lost quietly.
    """
    found: dict[str, datetime] = {}
    for number, line in enumerate(_whole(path).split(b"\n")[:-1], start=1):
        try:
            entry = json.loads(line)
            found.setdefault(str(entry["order"]), instant(entry["at"]))
        except (ValueError, TypeError, KeyError) as error:
            raise StoreError(f"删除台账 {path} 第 {number} 行读不出来：请更正该行，或换上完好的一份") from error
    return found


def add_to_ledger(path: Path, erased: Erasures) -> int:
    """Append what the file does not hold yet, on disk when this returns; how many lines that was.

    One process at a time reads and writes: an unfinished last line is cut off, and must not be another's whole one.
    """
    if not _missing(path, erased):
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)  # given back when the file is closed, also by the end of the process
        missing = _missing(path, erased)
        file.truncate(len(_whole(path)))
        file.seek(0, os.SEEK_END)
        file.write("".join(canonical({"at": at, "order": name}) + "\n" for at, name in missing).encode())
        file.flush()
        os.fsync(file.fileno())
    return len(missing)


def _missing(path: Path, erased: Erasures) -> list[tuple[datetime, str]]:
    held = read_ledger(path)
    return sorted((at, name) for name, at in erased.items() if name not in held)


def _whole(path: Path) -> bytes:
    """The finished lines of the file."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    return data[: data.rfind(b"\n") + 1]
