"""An order in one line, the same everywhere: `#123 紧急 噪声→施工噪声 科源社区 工地夜间施工 待接单 城管科 剩 2小时`."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from config.shanghai import over_text, span_text
from config.texts import cut, mark
from handlers import notices
from handlers.office import Office
from handlers.work import department_name
from storage.columns import table
from storage.tables import ClockTable, Order, OrderTable
from storage.transaction import Scope

SHORT_TITLE: Final = 14
"""What a line has of a title: enough to know the order again. Titles are stored masked, so nothing half masked is
left."""


def order_line(office: Office, order: Order, due: datetime | None, now: datetime, *, provisional: bool = False) -> str:
    """Number, level, class, 社区, title, state, 主办 科室, time left; what is not known is left out.

    `due` is the next due time of the order's running clocks, None where no clock runs; `provisional` marks it.
    """
    parts = [
        f"#{order.id}",
        order.level,
        short_category(order.category) or order.type,
        order.community,
        cut(order.title, SHORT_TITLE),
        order.state,
        department_name(office, order.department) if order.department else "",
        f"{left(due, now)}{mark(provisional=provisional)}{_whose_turn(order, due, now)}" if due else "",
    ]
    return " ".join(part for part in parts if part)


def _whose_turn(order: Order, due: datetime, now: datetime) -> str:
    """Of what is late at somebody else's than the 科室 that the line names: at whose."""
    return f"，等{notices.awaited(order)}" if due <= now and notices.is_reported_done(order) else ""


def left(due: datetime, now: datetime) -> str:
    """`剩 2小时` or `⚠已超 3小时`."""
    rest = due - now
    return f"剩 {span_text(rest)}" if rest > timedelta() else f"⚠{over_text(-rest)}"


def short_category(path: str) -> str:
    """The last two levels of a class: `噪声→施工噪声` of `生态环境->噪声->施工噪声`; the first says too little."""
    levels = _ARROW.split(path)
    if len(levels) == 1:
        levels = path.split("-")
    return "→".join([level.strip() for level in levels if level.strip()][-2:])


def next_due() -> sa.ScalarSelect[datetime]:
    """The earliest due time of an order's running clocks, for a query over `orders`."""
    clock, orders = table(ClockTable), table(OrderTable)
    return (
        sa.select(sa.func.min(clock.c.due_at, type_=clock.c.due_at.type))
        .where(clock.c.order_id == orders.c.id, _running())
        .correlate(orders)
        .scalar_subquery()
    )


def has_running(kind: str) -> sa.ColumnElement[bool]:
    """Whether a clock of this kind runs for the order, for a query over `orders`."""
    clock, orders = table(ClockTable), table(OrderTable)
    return sa.exists().where(clock.c.order_id == orders.c.id, clock.c.kind == kind, _running())


def _running() -> sa.ColumnElement[bool]:
    clock = table(ClockTable)
    return sa.and_(clock.c.met_at.is_(None), clock.c.cancelled_at.is_(None), clock.c.superseded_at.is_(None))


def provisional_dues(scope: Scope, orders: Sequence[int]) -> set[tuple[int, datetime]]:
    """(order, due time) of those running clocks of these orders whose due time nobody can know yet."""
    clock = table(ClockTable)
    mine = (clock.c.order_id.in_(orders), clock.c.provisional.is_(True))
    query = sa.select(clock.c.order_id, clock.c.due_at).where(*mine, _running())
    return {(order, due) for order, due in scope.connection.execute(query)} if orders else set()


_ARROW = re.compile(r"\s*(?:[-—–－]+[>＞]|→|[>＞])\s*")
