"""`jiesu verify`: the chain recomputed from the first event, and the projections rebuilt from it.

Finds any altered, removed or inserted event, a cut tail, a missing trigger, and a projection that does not follow
from the journal. Read-only; may run beside the service, on one consistent state.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from storage import triggers
from storage.columns import canonical, instant_text, restored, table
from storage.journal import GENESIS, link
from storage.projection import Rows, apply, key_of
from storage.tables import PROJECTIONS, Event, Head, Order, Projected

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
    for model, target in PROJECTIONS.items():
        columns = table(target)
        owner = columns.c["id" if model is Order else "order_id"]
        found = connection.execute(sa.select(columns).where(owner.in_(wanted))).mappings()
        rows[model] = {key_of(row): row for row in (restored(model, values) for values in found)}
    return rows


def row_bytes(row: Projected) -> bytes:
    """The one form of a row that is compared byte for byte."""
    return canonical(row.__dict__).encode()


def _check_chain(connection: sa.Connection, findings: Findings) -> None:
    event = table(Event)
    counts: dict[int, int] = {}
    stream = connection.execution_options(yield_per=2000).execute(sa.select(event).order_by(event.c.seq))
    for row in stream.mappings():
        findings.events += 1
        if row["seq"] != findings.events:
            findings.wrong(f"事件 {findings.events} 缺失：后面接着的是 {row['seq']}", findings.events)
            return
        if problem := _event_problem(row, findings.head, counts):
            findings.wrong(f"事件 {row['seq']} {problem}", row["seq"])
            return
        findings.head = row["hash"]
    head = table(Head)
    seq, digest = connection.execute(sa.select(head.c.seq, head.c.hash).where(head.c.id == 1)).one()
    if seq > findings.events:
        findings.wrong(f"事件 {findings.events + 1} 起的末尾 {seq - findings.events} 条被删去", findings.events + 1)
    elif (seq, digest) != (findings.events, findings.head):
        findings.wrong(
            f"账头与最后一条事件不符：账头记到 {seq}，事件有 {findings.events} 条", min(seq + 1, findings.events)
        )


def _event_problem(row: Any, previous: str, counts: dict[int, int]) -> str | None:
    if row["previous"] != previous:
        return "接不上前一条：前面的事件被改动、删去或插入过"
    if row["hash"] != link(previous, row["body"]):
        return "的内容与哈希不符：内容被改动过"
    body = json.loads(row["body"])
    claims = (
        ("seq", body["seq"]),
        ("order_id", body["order"]),
        ("n", body["n"]),
        ("kind", body["kind"]),
        ("actor", body["actor"]),
        ("cause", body["cause"]),
        ("undoes", body["undoes"]),
    )
    for column, said in claims:
        if row[column] != said:
            return f"的 {column} 列与内容不符：列被改动过"
    if instant_text(row["at"]) != body["at"]:
        return "的 at 列与内容不符：列被改动过"
    if row["order_id"] is not None:
        counts[row["order_id"]] = counts.get(row["order_id"], 0) + 1
        if row["n"] != counts[row["order_id"]]:
            return f"在工单 #{row['order_id']} 内的序号不连续"
    return None


def _check_projections(connection: sa.Connection, findings: Findings) -> None:
    for chunk in _chunks(connection):
        told, held = rebuild(connection, chunk), stored(connection, chunk)
        findings.orders += len(told[Order])
        for model in PROJECTIONS:
            for key in sorted(told[model].keys() | held[model].keys(), key=str):
                ours, theirs = told[model].get(key), held[model].get(key)
                if ours is None or theirs is None or row_bytes(ours) != row_bytes(theirs):
                    what = "多出" if ours is None else "缺少" if theirs is None else "不符"
                    findings.wrong(f"投影与事件不一致（{what}）：表 {model.NAME}，键 {key}")


def _chunks(connection: sa.Connection) -> Iterator[list[int]]:
    tops = (sa.func.max(table(Event).c.order_id), sa.func.max(table(PROJECTIONS[Order]).c.id))
    last = max(connection.execute(sa.select(top)).scalar_one() or 0 for top in tops)
    for start in range(1, last + 1, CHUNK):
        yield list(range(start, min(start + CHUNK, last + 1)))
