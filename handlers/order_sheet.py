"""One order in words: everything for those who work on it, masked lines for everybody else (domain, section 2)."""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa

from config.shanghai import near_text, over_text, span_text
from config.texts import cut
from handlers import attachments, clocks
from handlers.lines import order_line, short_category
from handlers.next_steps import next_steps
from handlers.records import answers_text
from handlers.timers import Kind
from handlers.work import Work, department_name
from storage.columns import table
from storage.tables import Attachment, Clock, Contact, Dispatch, Evaluation, Event, Fact, Order, Remark

DETAIL_ROLES: Final = frozenset({"duty", "reviewer", "office", "leader", "centre", "analyst"})
"""Who sees the details of every order; a 科室 sees those of its own, 协办 included."""
LAST_RECORDS: Final = 6
_LONG, _SHORT = 200, 60


def sees_details(work: Work, order: Order) -> bool:
    """Whether the asker works on the order, or watches over all of them."""
    own = work.actor.department
    return bool(work.actor.roles & DETAIL_ROLES) or (own is not None and own in (order.department, *order.assisting))


def sheet(work: Work, order: Order) -> str:
    """The order for `/查 N`: first line `【#123】 工单编号`, second `状态：待派单` and no more (interface, Chat)."""
    lines = [f"【#{order.id}】 {order.number}", f"状态：{order.state}"]
    lines += _details(work, order) if sees_details(work, order) else _masked(work, order)
    if steps := next_steps(work.office, work.actor, order):
        lines += ["", "下一步可以：", *steps]
    return "\n".join(lines)


def _masked(work: Work, order: Order) -> list[str]:
    running = [clock for clock in work.scope.rows(Clock, order.id) if clock.running]
    due = min((clock.due_at for clock in running), default=None)
    lines = [order_line(work.office, order, due, work.now)]
    if order.title:
        lines.append(f"标题：{cut(order.title, _SHORT)}")
    return [*lines, "详情由主办、协办科室和值班、复核、综合科等岗位查看"]


def _details(work: Work, order: Order) -> list[str]:
    lines = [" · ".join(part for part in (order.level, order.type, short_category(order.category)) if part)]
    fields = (
        ("标题", cut(order.title, _SHORT)),
        ("内容", cut(order.content, _LONG)),
        ("地点", " ".join(part for part in (order.community, order.place) if part)),
        ("来电人", "保密" if order.confidential else " ".join(part for part in (order.caller, order.phone) if part)),
        ("承办", _who(work, order)),
        ("来源状态", order.upstream_status),
        ("状态不符", order.mismatch),
        ("结果", cut(f"{order.outcome} {order.result}".strip(), _LONG)),
        ("事实", "、".join(_facts(work, order))),
    )
    lines += [f"{name}：{text}" for name, text in fields if text]
    for title, found in (
        ("附件", attachments.listing(work, order)),
        ("时限", _clocks(work, order)),
        ("最近经过", _records(work, order)),
    ):
        if found:
            lines += ["", f"{title}：", *found]
    return lines


def _who(work: Work, order: Order) -> str:
    if order.department is None:
        return ""
    assisting = "、".join(department_name(work.office, each) for each in order.assisting)
    parts = (
        f"主办 {department_name(work.office, order.department)}",
        f"协办 {assisting}" if assisting else "",
        f"经办人 {work.name(order.handler)}" if order.handler else "",
    )
    return "，".join(part for part in parts if part)


def _facts(work: Work, order: Order) -> Iterator[str]:
    for fact in work.scope.rows(Fact, order.id):
        if fact.cleared_at is None:
            value = f"（{fact.value}）" if fact.value else ""
            due = f"，限 {near_text(fact.due_at, work.now)}" if fact.due_at else ""
            yield f"{fact.name}{value}{due}（{work.name(fact.by)} {near_text(fact.at, work.now)}）"


def _clocks(work: Work, order: Order) -> list[str]:
    """Running clocks, earliest due first, each with its basis; then the steps that were late, by how much."""
    held = work.scope.rows(Clock, order.id)
    lines = []
    for clock in sorted((clock for clock in held if clock.running), key=lambda clock: clock.due_at):
        late = clock.due_at <= work.now
        lines.append(f"{'⚠ ' if late else ''}{clock.kind}：{clocks.standing(clock, work.now)}")
        lines.append(f"　{clock.basis}{f'；{_lacking(order, clock)}' if late else ''}")
    lines += [
        f"{clock.kind}：{near_text(clock.met_at, work.now)} 完成，晚 {_span(clock.late_seconds)}"
        for clock in held
        if clock.met_at and clock.late_seconds
    ]
    return lines


def _span(seconds: int) -> str:
    return span_text(timedelta(seconds=seconds))


def _lacking(order: Order, clock: Clock) -> str:
    """Why a clock is red: what has not been done that would have met it."""
    if clock.kind != Kind.URGENT:
        return _LACKING[Kind(clock.kind)]
    done = (("接单", order.accepted_at), ("电话", order.phoned_at), ("首次联系", order.first_contact_at))
    return f"还缺{'、'.join(name for name, at in done if at is None)}，所以红"


_BACKDATED: Final = timedelta(minutes=5)
"""A contact written down so much later shows when it is said to have been made."""

_LACKING: Final = {
    Kind.SIGN_OFF: "到时还没有签收，所以红",
    Kind.DISPATCH: "到时还没有派单，所以红",
    Kind.RESPOND: "到时还没有接通来电人的反馈，所以红",
    Kind.CLOSE_OUT: "到时科室还没有办结，所以红",
    Kind.EVALUATE: "到时还没有评定，所以红",
    Kind.FOUR_DAYS: "到达已满四天，科室还没有办结，所以红",
    Kind.ADVISE: "分中心还没有批复，所以红",
    Kind.SUPERVISE: "到时科室还没有办结，所以红",
}


def _records(work: Work, order: Order) -> list[str]:
    """The last events, oldest first: when, who, what; taken-back ones are marked."""
    event = table(Event)
    columns = (event.c[name] for name in ("seq", "n", "at", "kind", "actor", "undoes"))
    query = sa.select(*columns, sa.case((event.c.kind.in_(list(_FROM_EVENT)), event.c.body)).label("body"))
    found = work.scope.connection.execute(
        query.where(event.c.order_id == order.id).order_by(event.c.n.desc()).limit(LAST_RECORDS)
    ).all()
    undone = {row.undoes for row in found if row.undoes is not None}
    said = _said(work, order)
    for row in found:
        if row.body is not None:
            said[row.n] = _FROM_EVENT[row.kind](work, order, json.loads(row.body)["data"])
    return [
        _record(work, row.at, row.actor, row.kind, said.get(row.n, ""), undone=row.seq in undone)
        for row in reversed(found)
    ]


def _record(work: Work, at: datetime, actor: str, kind: str, said: str, *, undone: bool) -> str:
    parts = (near_text(at, work.now), work.name(actor), f"{kind}（已撤回）" if undone else kind, cut(said, _SHORT))
    return " ".join(part for part in parts if part)


def _flagged(work: Work, order: Order, data: Mapping[str, Any]) -> str:
    return " ".join(part for part in ("取消" if data["cleared"] else "", data["name"], data["value"]) if part)


def _overdue(work: Work, order: Order, data: Mapping[str, Any]) -> str:
    """Which clock, and how late it was met, or is by now."""
    key = (data["clock"], data["generation"])
    clock = next((each for each in work.scope.rows(Clock, order.id) if (each.kind, each.generation) == key), None)
    if clock is None:
        return str(data["clock"])
    if clock.running:
        late = f"，{over_text(work.now - clock.due_at)}"
    else:
        late = f"，晚 {_span(clock.late_seconds)}" if clock.late_seconds else ""
    return f"{clock.kind}时限 {near_text(clock.due_at, work.now)}{late}"


def _upstream(work: Work, order: Order, data: Mapping[str, Any]) -> str:
    """Only which columns: their values may be anything that a citizen said."""
    return "、".join(data["columns"])


_FROM_EVENT: Final[Mapping[str, Callable[[Work, Order, Mapping[str, Any]], str]]] = {
    "标记": _flagged,
    "超时": _overdue,
    "上游变更": _upstream,
}
"""Kinds of events that leave no record beside the order: what they say is in the event itself."""


def _said(work: Work, order: Order) -> dict[int, str]:
    """What was written down with an event, by the event's number."""
    said: dict[int, str] = {}
    for dispatch in work.scope.rows(Dispatch, order.id):
        words = f"{dispatch.role} {department_name(work.office, dispatch.department)}"
        said[dispatch.n] = " ".join(part for part in (said.get(dispatch.n), words, dispatch.note) if part)
    for contact in work.scope.rows(Contact, order.id):
        late = contact.recorded_at - contact.at >= _BACKDATED
        when = f"{near_text(contact.at, work.now)} 的联系，补记 " if late else ""
        said[contact.n] = f"{when}{contact.channel} {contact.text}"
    for answer in work.scope.rows(Evaluation, order.id):
        if answer.origin == "复核":
            said[answer.n] = answers_text(answer.responded, answer.solved, answer.satisfied)
        elif answer.origin == "科室":
            said[answer.n] = answer.solved
    for kept in work.scope.rows(Attachment, order.id):
        said[kept.n] = "、".join(part for part in (said.get(kept.n), kept.name) if part)
    for remark in work.scope.rows(Remark, order.id):
        said[remark.n] = remark.text
    return said
