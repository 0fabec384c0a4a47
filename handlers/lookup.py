"""From what a person wrote to the order that is meant (interface, section Chat)."""

import re
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from handlers.references import FullNumber, Reference, ShortNumber
from handlers.refusal import Refusal
from storage.columns import table
from storage.tables import FactTable, OrderTable
from storage.transaction import Scope

NOT_BY_PERSON: Final = "不能按电话或姓名查找（个人信息）"
INSTEAD: Final = "/查 标题、地点、社区里的词，或单号、工单编号"
_MOBILE: Final = re.compile(r"1[3-9][0-9]{9}")


def find(scope: Scope, reference: Reference) -> int:
    """The short number of the order that a reference means; raises Refusal when it is none or several."""
    if isinstance(reference, FullNumber):
        return _by_number(scope, reference)
    if reference.three_digits:
        return _by_ending(scope, reference)
    if not scope.has(reference.value):
        raise Refusal(f"没有工单 #{reference.value}：请核对单号，或用 /查 关键词 查找")
    return reference.value


def having_fact(scope: Scope, orders: Sequence[int], names: Sequence[str]) -> set[int]:
    """Those of these orders of which one of the named facts holds."""
    fact = table(FactTable)
    query = sa.select(fact.c.order_id).where(
        fact.c.order_id.in_(orders), fact.c.name.in_(names), fact.c.cleared_at.is_(None)
    )
    return set(scope.connection.execute(query).scalars())


def _by_number(scope: Scope, reference: FullNumber) -> int:
    orders = table(OrderTable)
    query = sa.select(orders.c.id, orders.c.source).where(orders.c.number == reference.text).order_by(orders.c.id)
    found = scope.connection.execute(query).all()
    if not found and _MOBILE.fullmatch(reference.text):
        raise Refusal(f"没有这个编号的工单。{NOT_BY_PERSON}，请改用 {INSTEAD}")
    if not found:
        raise Refusal(f"没有工单 {reference.text}：请核对工单编号")
    if len(found) > 1:
        named = "、".join(f"#{row.id}（{row.source}）" for row in found)
        raise Refusal(f"{reference.text} 市和区各有一件：{named}，请用短号")
    return int(found[0].id)


def _by_ending(scope: Scope, reference: ShortNumber) -> int:
    """Three digits: the only open order that ends so; several are asked about; none means exactly that number."""
    orders = table(OrderTable)
    ending = sa.and_(orders.c.open, orders.c.id % 1000 == reference.value)
    found = list(scope.connection.execute(sa.select(orders.c.id).where(ending).order_by(orders.c.id)).scalars())
    if len(found) == 1:
        return int(found[0])
    if len(found) > 1:
        named = "、".join(f"#{order}" for order in found)
        raise Refusal(f"尾号 {reference} 的未结工单有几件：{named}，请写全")
    if not scope.has(reference.value):
        raise Refusal(f"没有工单 #{reference.value}：请核对单号，或用 /查 关键词 查找")
    return reference.value
