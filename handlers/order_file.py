"""An order's file: all there is of it on one page, as /查 may show it to who asks, uncut and with the whole history."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from config.shanghai import full_text
from config.texts import path
from handlers import attachments, order_history
from handlers.order_history import Record
from handlers.order_sheet import (
    NO_DETAILS,
    ClockLine,
    caller_of,
    ended_clocks,
    facts_of,
    outline,
    place_of,
    result_of,
    running_clocks,
    sees_details,
    who_acts,
)
from handlers.refusal import Refusal
from handlers.work import Work
from storage.tables import Attachment, CloseItem, Evaluation, Order


@dataclass(frozen=True, slots=True)
class OrderFile:
    """What the page shows. For who may not see the details there are only the order, `note` and the first fields."""

    order: Order
    fields: Sequence[tuple[str, str]]
    facts: Sequence[str] = ()
    running: Sequence[ClockLine] = ()
    ended: Sequence[ClockLine] = ()
    attachments: Sequence[tuple[Attachment, str]] = ()
    """Each with what it is: kind, size, who, when."""
    closed_to: str = ""
    """Why this person may not open the attachments; nothing when they may."""
    history: Sequence[Record] = ()
    note: str = ""


def order_file(work: Work, order: Order) -> OrderFile:
    """All of the order for its page; what is personal in it is masked as everywhere."""
    if not sees_details(work, order):
        return _masked(work, order)
    held = work.scope.rows(Attachment, order.id)
    return OrderFile(
        order,
        fields=[(name, text) for name, text in _fields(work, order) if text],
        facts=list(facts_of(work, order, full=True)),
        running=running_clocks(work, order, full=True),
        ended=ended_clocks(work, order, full=True),
        attachments=[(each, attachments.described(work, each).partition(" · ")[2]) for each in held],
        closed_to=_closed(work, order),
        history=order_history.whole(work, order),
    )


def _masked(work: Work, order: Order) -> OrderFile:
    fields = zip(("概况", "标题"), outline(work, order), strict=True)
    return OrderFile(order, fields=[(name, text) for name, text in fields if text], note=NO_DETAILS)


def _fields(work: Work, order: Order) -> Sequence[tuple[str, str]]:
    times = (("诉求时间", order.reported_at), ("到达时间", order.arrived_at), ("导入时间", order.imported_at))
    return (
        ("标题", order.title),
        ("内容", order.content),
        ("类型", order.type),
        ("分类", path(order.category)),
        ("标签", "、".join(order.tags)),
        ("工单性质", order.nature),
        ("被反映区", order.district),
        ("街乡镇", order.street),
        ("地点", place_of(order)),
        ("企业", order.company),
        ("来电人", caller_of(order)),
        *((name, _time(at)) for name, at in times),
        ("来源要求", _time(order.city_due_at)),
        ("来源状态", order.upstream_status),
        *((f"来源{name}", order.upstream.get(name, "")) for name in _SOURCE_SAYS),
        ("状态不符", order.mismatch),
        ("承办", who_acts(work, order)),
        *_close_outs(work, order),
    )


_SOURCE_SAYS: Final = ("办理结果", "回复内容", "处理受理方式", "是否解决", "是否满意", "承办单位")
"""What the source's system wrote about its own handling, masked when it came in. Columns that nobody knows are not
shown: what is personal in a bare value cannot be told."""


def _close_outs(work: Work, order: Order) -> Iterator[tuple[str, str]]:
    """The result and its labelled items, of this round and then of those that were sent back, the first one first."""
    rounds: dict[int, list[CloseItem]] = {}
    for each in work.scope.rows(CloseItem, order.id):
        rounds.setdefault(each.generation, []).append(each)
    solved = {each.generation: each.solved for each in work.scope.rows(Evaluation, order.id) if each.origin == "科室"}
    if order.generation in rounds or not rounds:
        yield "结果", result_of(order)
        yield from ((each.item, each.text) for each in rounds.pop(order.generation, ()) if each.item != "结果")
    for generation, items in sorted(rounds.items()):
        for each in sorted(items, key=lambda each: each.item != "结果"):
            outcome = solved.get(generation, "") if each.item == "结果" else ""
            yield f"第{generation + 1}轮{each.item}", f"{outcome} {each.text}".strip()


def _time(at: datetime | None) -> str:
    return "" if at is None else full_text(at)


def _closed(work: Work, order: Order) -> str:
    try:
        attachments.permit_opening(work, order)
    except Refusal as refused:
        return refused.message
    return ""
