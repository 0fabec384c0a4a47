"""`jiesu verify`: the chain recomputed from the first event, and the projections rebuilt from it.

Finds any altered, removed or inserted event, a cut tail, a missing trigger, and a projection that does not follow
from the journal. Read-only; may run beside the service, on one consistent state.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import NULLTYPE

from storage import statements, triggers
from storage.columns import canonical, instant_text, restored, table
from storage.journal import GENESIS, link
from storage.projection import Key, Rows, apply, key_of
from storage.tables import PROJECTIONS, AttachmentFile, AttachmentTable, Event, Head, Order, Projected, VaultRow
from storage.vault import sealed_size

Binds = list[tuple[str, Callable[[Any], Any] | None]]
CHUNK = 500
"""Orders rebuilt together: bounds memory whatever the store's size."""


@dataclass(slots=True)
class Findings:
    """What was checked and what is wrong. `first_bad` is the first bad event's number."""

    events: int = 0
    orders: int = 0
    head: str = GENESIS
    first_bad: int | None = None
    problems: list[str] = field(default_factory=list)

    def wrong(self, problem: str, seq: int | None = None) -> None:
        """Add a problem, a Chinese line."""
        if self.first_bad is None and seq is not None:
            self.first_bad = seq
        self.problems.append(problem)


def verify(connection: sa.Connection) -> Findings:
    """Check the whole store; `problems` is empty when all is well."""
    findings = Findings()
    for name in triggers.missing(connection):
        findings.wrong(f"保护触发器缺失或被改动：{name}（事件表可以被改写）。请运行 jiesu db upgrade 装回，并查明原因")
    _check_chain(connection, findings)
    if findings.first_bad is None:
        _check_projections(connection, findings)
        _check_files(connection, findings)
    return findings


def rebuild(connection: sa.Connection, orders: Iterable[int]) -> Rows:
    """The projections of these orders as their events alone tell them."""
    event = table(Event)
    rows: Rows = {model: {} for model in PROJECTIONS}
    query = sa.select(event.c.body).where(event.c.order_id.in_(list(orders))).order_by(event.c.order_id, event.c.n)
    for body in connection.execute(query).scalars():
        apply(rows, json.loads(body)["effects"])
    return rows


def stored(connection: sa.Connection, orders: Iterable[int]) -> Rows:
    """The projections of these orders as they stand in the tables."""
    wanted = list(orders)
    rows: Rows = {}
    for model in PROJECTIONS:
        found = connection.execute(
            sa.select(table(PROJECTIONS[model])).where(statements.owner(model).in_(wanted))
        ).mappings()
        rows[model] = {key_of(row): row for row in (restored(model, values) for values in found)}
    return rows


def row_bytes(row: Projected) -> bytes:
    """The one form of a row that is compared byte for byte."""
    return canonical(row.__dict__).encode()


def _check_chain(connection: sa.Connection, findings: Findings) -> None:
    event = table(Event)
    counts: dict[int, int] = {}
    # The time as it is stored, so that one that is none is a finding like any other.
    at = sa.type_coerce(event.c.at, sa.String).label("at")
    query = sa.select(*(at if column is event.c.at else column for column in event.c)).order_by(event.c.seq)
    with connection.execute(query, execution_options={"yield_per": 2000}) as stream:
        for row in stream.mappings():
            findings.events += 1
            if row["seq"] != findings.events:
                findings.wrong(f"事件 {findings.events} 缺失：后面接着的是 {row['seq']}", findings.events)
                return
            if problem := _event_problem(row, findings.head, counts):
                findings.wrong(f"事件 {row['seq']} {problem}", row["seq"])
                return
            findings.head = row["hash"]
    _check_head(connection, findings)


def _check_head(connection: sa.Connection, findings: Findings) -> None:
    head = table(Head)
    row = connection.execute(sa.select(head.c.seq, head.c.hash).where(head.c.id == 1)).one_or_none()
    if row is None:
        findings.wrong("账头被删去：不能再确认末尾的事件是否齐全", findings.events + 1)
    elif row.seq > findings.events:
        count = row.seq - findings.events
        findings.wrong(f"事件 {findings.events + 1} 起的末尾 {count} 条被删去", findings.events + 1)
    elif (row.seq, row.hash) != (findings.events, findings.head):
        findings.wrong(
            f"账头与最后一条事件不符：账头记到 {row.seq}，事件有 {findings.events} 条",
            min(row.seq + 1, findings.events),
        )


def _event_problem(row: Any, previous: str, counts: dict[int, int]) -> str | None:
    if row["previous"] != previous:
        return "接不上前一条：前面的事件被改动、删去或插入过"
    if row["hash"] != link(previous, row["body"]):
        return "的内容与哈希不符：内容被改动过"
    try:
        body = json.loads(row["body"])
        said = {column: body[name] for column, name in _REPEATED.items()}
    except (ValueError, TypeError, KeyError):
        return "的内容读不出来：不是本程序写的"
    for column, value in said.items():
        if (_moment(row["at"]) if column == "at" else row[column]) != value:
            return f"的 {column} 列与内容不符：列被改动过"
    if row["order_id"] is not None:
        counts[row["order_id"]] = counts.get(row["order_id"], 0) + 1
        if row["n"] != counts[row["order_id"]]:
            return f"在工单 #{row['order_id']} 内的序号不连续"
    return None


_REPEATED = {
    "seq": "seq",
    "order_id": "order",
    "n": "n",
    "kind": "kind",
    "actor": "actor",
    "cause": "cause",
    "undoes": "undoes",
    "at": "at",
}
"""Columns of an event → where its body says the same."""


def _moment(stored: Any) -> str | None:
    """The time of an event as its body writes it; SQLite keeps text in UTC, PostgreSQL gives a time."""
    try:
        at = stored if isinstance(stored, datetime) else datetime.fromisoformat(stored).replace(tzinfo=UTC)
    except (ValueError, TypeError):
        return None
    return instant_text(at)


def _check_projections(connection: sa.Connection, findings: Findings) -> None:
    binds = {model: _binds(model, connection.dialect) for model in PROJECTIONS}
    for chunk in _chunks(connection):
        rows = rebuild(connection, chunk)
        findings.orders += len(rows[Order])
        for model in PROJECTIONS:
            told = {key: _as_written(row, binds[model]) for key, row in rows[model].items()}
            held = _as_held(connection, model, chunk)
            for key in sorted(told.keys() | held.keys(), key=str):
                ours, theirs = told.get(key), held.get(key)
                if ours is None or theirs is None:
                    findings.wrong(f"投影与事件不一致：表 {model.NAME}，键 {key} {'多出' if ours is None else '缺少'}")
                elif columns := [name for name, value in ours.items() if theirs[name] != value]:
                    findings.wrong(f"投影与事件不一致：表 {model.NAME}，键 {key}，列 {'、'.join(columns)}")


def damaged_files(connection: sa.Connection, *, read: int | None = None) -> Iterator[str]:
    """Each attachment without its sealed bytes although its order is not erased, or with others; a sentence each.

    `read`: of so many of the newest the bytes are read, of the others only how long they are; None reads all. Needs no
    key, and one file in memory at a time.
    """
    told, held, vault = table(AttachmentTable), table(AttachmentFile), table(VaultRow)
    key = (told.c.order_id, told.c.n, told.c.part)
    query = (
        sa.select(*key, told.c.name, told.c.size, told.c.digest, sa.func.length(held.c.sealed).label("held"))
        .add_columns(vault.c.erased_at)
        .join(held, _same_file(), isouter=True)
        .join(vault, vault.c.order_id == told.c.order_id, isouter=True)
        .order_by(told.c.at.desc(), *key)
    )
    for index, row in enumerate(connection.execute(query).all()):
        what = f"工单 #{row.order_id} 的附件“{row.name}”"
        if row.held is None:
            if row.erased_at is None:
                yield f"{what}缺少内容"
        elif sealed_size(row.size) != row.held:
            yield f"{what}长度与记录不符"
        elif read is None or index < read:
            bytes_of = sa.select(held.c.sealed).where(
                held.c.order_id == row.order_id, held.c.n == row.n, held.c.part == row.part
            )
            if hashlib.sha256(connection.execute(bytes_of).scalar_one()).hexdigest() != row.digest:
                yield f"{what}内容被改动过"


def _check_files(connection: sa.Connection, findings: Findings) -> None:
    """Each attachment has its sealed bytes, unchanged, until its order is erased; and no bytes lie beside them."""
    for problem in damaged_files(connection):
        findings.wrong(problem)
    told, held = table(AttachmentTable), table(AttachmentFile)
    beside = sa.select(held.c.order_id).join(told, _same_file(), isouter=True).where(told.c.order_id.is_(None))
    for order in connection.execute(beside.order_by(held.c.order_id)).scalars():
        findings.wrong(f"工单 #{order} 有一个没有记录的附件内容")


def _same_file() -> sa.ColumnElement[bool]:
    told, held = table(AttachmentTable), table(AttachmentFile)
    return sa.and_(*(told.c[name] == held.c[name] for name in ("order_id", "n", "part")))


def _as_held(connection: sa.Connection, model: type[Projected], orders: list[int]) -> dict[Key, dict[str, Any]]:
    """Rows as the database keeps them, unconverted: SQLite takes 'ja' for a truth value and any text for a time."""
    columns = [sa.type_coerce(column, NULLTYPE).label(column.name) for column in table(PROJECTIONS[model]).c]
    found = connection.execute(sa.select(*columns).where(statements.owner(model).in_(orders))).mappings()
    return {tuple(row[name] for name in model.KEY): dict(row) for row in found}


def _as_written(row: Projected, binds: Binds) -> dict[str, Any]:
    """A row as this program hands it to the database."""
    values = row.__dict__
    return {name: values[name] if bind is None else bind(values[name]) for name, bind in binds}


def _binds(model: type[Projected], dialect: sa.Dialect) -> Binds:
    columns = table(PROJECTIONS[model]).c
    return [(column.name, column.type.dialect_impl(dialect).bind_processor(dialect)) for column in columns]


def _chunks(connection: sa.Connection) -> Iterator[list[int]]:
    """Numbers of all orders that any table names, some at a time."""
    owners = [table(Event).c.order_id, *(statements.owner(model) for model in PROJECTIONS)]
    last: int | None = None
    while True:
        found: set[int] = set()
        for owner in owners:
            beyond = owner.is_not(None) if last is None else owner > last
            query = sa.select(owner).where(beyond).distinct().order_by(owner).limit(CHUNK)
            found.update(connection.execute(query).scalars())
        if not found:
            return
        chunk = sorted(found)[:CHUNK]
        yield chunk
        last = chunk[-1]
