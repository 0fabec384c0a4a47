"""What happened to an order, event by event: the last ones for `/查 N`, pages of them for `/查 N 经过`, and all."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa

from config.shanghai import due_text, near_text, over_text, span_text
from config.texts import cut
from handlers.records import answers_text
from handlers.work import Work, department_name
from storage.columns import table
from storage.tables import Attachment, Clock, Contact, Dispatch, Evaluation, Event, Order, Remark

RECENT: Final = 6
PAGE: Final = 20
_LONG, _SHORT = 200, 60


@dataclass(frozen=True, slots=True)
class Record:
    """One event: when, who, what, and what was written down with it; `undone` when it was taken back."""

    at: datetime
    who: str
    kind: str
    said: str
    undone: bool


def recent(work: Work, order: Order) -> list[str]:
    """The last events, oldest first, and how to read the rest."""
    first = max(order.events - RECENT, 0)
    lines = _lines(work, _records(work, order, first, RECENT), _SHORT)
    return [*lines, f"共 {order.events} 条，看全部：/查 {order.id} 经过"] if first else lines


def pages(order: Order) -> int:
    """How many pages the order's history has; at least one."""
    return max(1, -(-order.events // PAGE))


def page_of(work: Work, order: Order, page: int) -> list[str]:
    """One page of all events, the oldest on the first, and how to read on; `page` from 1 to `pages(order)`."""
    lines = _lines(work, _records(work, order, (page - 1) * PAGE, PAGE), _LONG)
    return [*lines, f"后面还有：/查 {order.id} 经过 {page + 1}"] if page < pages(order) else lines


def whole(work: Work, order: Order) -> list[Record]:
    """Every event of the order, the oldest first."""
    return _records(work, order, 0, order.events, full=True)


def _records(work: Work, order: Order, after: int, most: int, *, full: bool = False) -> list[Record]:
    """So many events after the order's `after`-th; with `full` times have their whole date, as for a page."""
    now = None if full else work.now
    event = table(Event)
    columns = (event.c[name] for name in ("seq", "n", "at", "kind", "actor"))
    body = sa.case((event.c.kind.in_(list(_FROM_EVENT)), event.c.body)).label("body")
    mine = event.c.order_id == order.id
    found = work.scope.connection.execute(
        sa.select(*columns, body).where(mine, event.c.n > after).order_by(event.c.n).limit(most)
    ).all()
    undoing = sa.select(event.c.undoes).where(mine, event.c.undoes.is_not(None))
    undone = set(work.scope.connection.execute(undoing).scalars())
    said = _said(work, order, now)
    for row in found:
        if row.body is not None:
            said[row.n] = _FROM_EVENT[row.kind](work, order, json.loads(row.body)["data"], now)
    return [
        Record(row.at, work.name(row.actor), row.kind, said.get(row.n, ""), undone=row.seq in undone) for row in found
    ]


def _lines(work: Work, records: Sequence[Record], length: int) -> list[str]:
    return [
        " ".join(filter(None, (near_text(each.at, work.now), each.who, _kind(each), cut(each.said, length))))
        for each in records
    ]


def _kind(record: Record) -> str:
    return f"{record.kind}（已撤回）" if record.undone else record.kind


def _flagged(work: Work, order: Order, data: Mapping[str, Any], now: datetime | None) -> str:
    return " ".join(part for part in ("取消" if data["cleared"] else "", data["name"], data["value"]) if part)


def _overdue(work: Work, order: Order, data: Mapping[str, Any], now: datetime | None) -> str:
    """Which clock, and how late it was met, or is by now."""
    key = (data["clock"], data["generation"])
    clock = next((each for each in work.scope.rows(Clock, order.id) if (each.kind, each.generation) == key), None)
    if clock is None:
        return str(data["clock"])
    if clock.running:
        late = f"，{over_text(work.now - clock.due_at)}"
    else:
        late = f"，晚 {span_text(timedelta(seconds=clock.late_seconds))}" if clock.late_seconds else ""
    return f"{clock.kind}时限 {due_text(clock.due_at, now)}{late}"


def _reported(work: Work, order: Order, data: Mapping[str, Any], now: datetime | None) -> str:
    """What was reported that time: a later round has its own, and 补要件 changes what is held of this one."""
    result, *others = sorted(data["items"].items(), key=lambda pair: pair[0] != "结果")
    return "；".join((f"{data['outcome']} {result[1]}", *(f"{item}：{text}" for item, text in others)))


def _added(work: Work, order: Order, data: Mapping[str, Any], now: datetime | None) -> str:
    return f"{data['item']}：{data['text']}"


def _upstream(work: Work, order: Order, data: Mapping[str, Any], now: datetime | None) -> str:
    """Only which columns: their values may be anything that a citizen said."""
    return "、".join(data["columns"])


_FROM_EVENT: Final[Mapping[str, Callable[[Work, Order, Mapping[str, Any], datetime | None], str]]] = {
    "标记": _flagged,
    "办结": _reported,
    "补要件": _added,
    "超时": _overdue,
    "上游变更": _upstream,
}
"""Kinds of events that leave no record beside the order, or one that does not stay: what they say is in the event."""

_BACKDATED: Final = timedelta(minutes=5)
"""A contact written down so much later shows when it is said to have been made."""


def _said(work: Work, order: Order, now: datetime | None) -> dict[int, str]:
    """What was written down with an event, by the event's number."""
    said: dict[int, str] = {}
    dispatches = sorted(work.scope.rows(Dispatch, order.id), key=lambda row: (row.n, row.role != "主办"))
    for n, rows in groupby(dispatches, key=lambda row: row.n):
        named = list(rows)
        words = (f"{row.role} {department_name(work.office, row.department)}" for row in named)
        said[n] = " ".join((*words, named[0].note)).rstrip()
    for contact in work.scope.rows(Contact, order.id):
        late = contact.recorded_at - contact.at >= _BACKDATED
        when = f"{near_text(contact.at, now)} 的联系，补记 " if late else ""
        said[contact.n] = f"{when}{contact.channel} {contact.text}"
    for answer in work.scope.rows(Evaluation, order.id):
        if answer.origin == "复核":
            said[answer.n] = answers_text(answer.responded, answer.solved, answer.satisfied)
    for kept in work.scope.rows(Attachment, order.id):
        said[kept.n] = "、".join(part for part in (said.get(kept.n), kept.name) if part)
    for remark in work.scope.rows(Remark, order.id):
        said[remark.n] = remark.text
    return said
