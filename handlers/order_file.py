"""An order's file: all there is of it on one page, as /查 may show it to who asks, uncut and with the whole history."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

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
from storage.tables import Attachment, CloseItem, Order


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
        facts=list(facts_of(work, order)),
        running=running_clocks(work, order),
        ended=ended_clocks(work, order),
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
        ("地点", place_of(order)),
        ("企业", order.company),
        ("来电人", caller_of(order)),
        *((name, _time(at)) for name, at in times),
        ("来源要求", _time(order.city_due_at)),
        ("来源状态", order.upstream_status),
        ("状态不符", order.mismatch),
        ("承办", who_acts(work, order)),
        ("结果", result_of(order)),
        *((each.item, each.text) for each in _items(work, order)),
    )


def _items(work: Work, order: Order) -> Sequence[CloseItem]:
    """The close-out's labelled items of this round; the result stands by itself."""
    held = work.scope.rows(CloseItem, order.id)
    return [each for each in held if each.generation == order.generation and each.item != "结果"]


def _time(at: datetime | None) -> str:
    return "" if at is None else full_text(at)


def _closed(work: Work, order: Order) -> str:
    try:
        attachments.permit_opening(work, order)
    except Refusal as refused:
        return refused.message
    return ""
