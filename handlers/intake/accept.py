"""An incoming row against the store: new, unchanged or changed (domain, section 9).

A new live order enters at 待签收 with its clocks; history enters as 已结案 without. A known order is never
overwritten by blanks: what changed is an 上游变更 event. Whatever the row says, the upstream status is compared
with the steps that were asserted here, and a contradiction is raised once as 系统状态不符.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from config.rules import Rules
from handlers import clocks
from handlers.clocks import Kind
from handlers.intake import upstream
from handlers.intake.level import level_of
from handlers.intake.orders import IncomingOrder, raw_values
from handlers.office import Office
from handlers.privacy import clean, mask_name, mask_phone
from handlers.states import State
from handlers.work import unsealed
from storage.columns import table
from storage.tables import Evaluation, Fact, Order, OrderTable, VaultRow
from storage.transaction import Scope
from storage.vault import Personal

CITY = "市级"


class Result(StrEnum):
    """What became of a row; the words of the closing line of an import."""

    NEW = "新增"
    UNCHANGED = "未变"
    CHANGED = "变更"


@dataclass(frozen=True, slots=True)
class Known:
    """What the store already knows of a number."""

    id: int
    digest: str | None
    state: str
    mismatch: str
    history: bool


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted row. `changes` are the Chinese column names that differ; `mismatch` is told urgently."""

    result: Result
    order: Order
    changes: tuple[str, ...] = ()
    mismatch: str = ""
    history: bool = False
    warnings: tuple[str, ...] = field(default=())


def known(scope: Scope, rows: Sequence[IncomingOrder]) -> dict[tuple[str, str], Known]:
    """What the store knows of these rows, in one query: (source, 工单编号) → id, digest, state."""
    orders, vault = table(OrderTable), table(VaultRow)
    numbers = sorted({row.number for row in rows})
    query = (
        sa.select(
            orders.c.source,
            orders.c.number,
            orders.c.id,
            vault.c.row_digest,
            orders.c.state,
            orders.c.mismatch,
            orders.c.history,
        )
        .select_from(orders.outerjoin(vault, vault.c.order_id == orders.c.id))
        .where(orders.c.number.in_(numbers))
    )
    return {(source, number): Known(*rest) for source, number, *rest in scope.connection.execute(query)}


def accept(
    office: Office, scope: Scope, row: IncomingOrder, before: Known | None, *, origin: str, takeover: bool = False
) -> Accepted:
    """Take one row in. `origin` says how it came (导入, 接口, 登记); the actor and the moment are the scope's."""
    digest = office.store.vault.digest(raw_values(row))
    if before is None:
        return _new(office, scope, row, digest, origin=origin, takeover=takeover)
    rules = office.rules(scope.now)
    if before.digest == digest:
        found = "" if before.history else upstream.contradiction(rules, before.state, row.status)
        if not found or found == before.mismatch:
            return Accepted(Result.UNCHANGED, _order(scope, before.id), warnings=row.warnings)
        order = _order(scope, before.id)
        return Accepted(Result.UNCHANGED, order, mismatch=_mismatch(scope, order, found), warnings=row.warnings)
    return _changed(office, scope, row, digest, _order(scope, before.id), rules, origin=origin)


def _new(office: Office, scope: Scope, row: IncomingOrder, digest: str, *, origin: str, takeover: bool) -> Accepted:
    rules = office.rules(scope.now)
    history = row.closed_at is not None or upstream.finished(rules, row.status)
    number = scope.next_number("order")
    own = _own(row)
    order = Order(
        id=number,
        source=row.source,
        number=row.number,
        imported_at=scope.now,
        changed_at=scope.now,
        arrived_at=row.arrived_at,
        reported_at=row.reported_at,
        city_due_at=row.due_at,
        confidential=row.confidential,
        upstream_status=row.status,
        level=level_of(rules, row),
        history=history,
        counted_at=row.arrived_at or (None if history else scope.now),
        state=State.CLOSED if history else State.AWAITING_SIGNATURE,
        open=not history,
        finished_at=row.closed_at if history else None,
        **_texts(row, own),
    )
    scope.add(order)
    _seal(office, scope, number, row, digest)
    if row.confidential:
        scope.add(Fact(order_id=number, name="保密", by=scope.actor, at=scope.now))
    if history:
        _city_answers(scope, order, row)
    else:
        clocks.start_intake(office, scope, order, takeover=takeover)
    scope.record("登记", order, origin=origin, takeover=takeover, warnings=list(row.warnings))
    return Accepted(Result.NEW, order, history=history, warnings=row.warnings)


def _changed(
    office: Office, scope: Scope, row: IncomingOrder, digest: str, order: Order, rules: Rules, *, origin: str
) -> Accepted:
    held = unsealed(office, scope, order.id)
    own = tuple(dict.fromkeys((*_own(row), *((held.name, held.phone) if held else ()))))
    values: dict[str, Any] = dict(_texts(row, own))
    values["upstream"] = {**order.upstream, **_upstream(row, own)}
    values |= {"arrived_at": row.arrived_at, "reported_at": row.reported_at, "city_due_at": row.due_at}
    values["upstream_status"] = row.status
    changes = {}
    for name, value in values.items():
        before = getattr(order, name)
        if value not in ("", None, (), {}) and value != before:
            changes[name] = [before, value]
            setattr(order, name, value)
    if row.confidential and not order.confidential:
        order.confidential = True
        changes["confidential"] = [False, True]
        scope.add(Fact(order_id=order.id, name="保密", by=scope.actor, at=scope.now))
    personal = held is not None and _differs(row, held)
    _seal(office, scope, order.id, row, digest, held)
    found = "" if order.history else upstream.contradiction(rules, order.state, row.status)
    if not changes and not personal:
        # Fewer columns, or blanks where something was known: nothing to tell and nothing to overwrite.
        mismatch = _mismatch(scope, order, found) if found and found != order.mismatch else ""
        return Accepted(Result.UNCHANGED, order, mismatch=mismatch, warnings=row.warnings)
    if "city_due_at" in changes and order.open and clocks.running(scope, order, Kind.CLOSE_OUT):
        clocks.city_due(office, scope, order)
    columns = tuple(_COLUMN_NAMES[name] for name in changes) or ("来电人信息",)
    scope.record("上游变更", order, origin=origin, columns=list(columns), changes=changes)
    mismatch = _mismatch(scope, order, found) if found and found != order.mismatch else ""
    return Accepted(Result.CHANGED, order, changes=columns, mismatch=mismatch, warnings=row.warnings)


def _mismatch(scope: Scope, order: Order, found: str) -> str:
    order.mismatch = found
    scope.record("系统状态不符", order, found=found, upstream=order.upstream_status)
    return found


def _order(scope: Scope, number: int) -> Order:
    order = scope.order(number)
    assert order is not None
    return order


def _seal(
    office: Office, scope: Scope, order: int, row: IncomingOrder, digest: str, held: Personal | None = None
) -> None:
    """Keep the raw values encrypted; blanks of a later row do not wipe what is held."""
    personal = Personal(
        name=row.caller or (held.name if held else ""),
        phone=row.phone or (held.phone if held else ""),
        title=row.title_as_given or row.title or (held.title if held else ""),
        content=row.content or (held.content if held else ""),
        extra={**(held.extra if held else {}), **_raw_extra(row)},
    )
    sealed = office.store.vault.seal(order, personal)
    scope.place(
        VaultRow,
        (order,),
        {
            "wrapped_key": sealed.wrapped_key,
            "sealed": sealed.sealed,
            "phone_index": sealed.phone_index,
            "row_digest": digest,
            "erased_at": None,
        },
    )


def _differs(row: IncomingOrder, held: Personal) -> bool:
    """Whether the row knows personal values, not blank ones, that are not the held ones."""
    pairs = ((row.caller, held.name), (row.phone, held.phone), (row.content, held.content))
    return any(new and new != old for new, old in pairs)


def _raw_extra(row: IncomingOrder) -> dict[str, str]:
    named = {"详细地址": row.place, "办理结果": row.result, "回复内容": row.reply}
    return {name: text for name, text in {**row.extra, **named}.items() if text}


def _own(row: IncomingOrder) -> tuple[str, ...]:
    return () if row.confidential else tuple(value for value in (row.caller, row.phone) if value)


def _texts(row: IncomingOrder, own: tuple[str, ...]) -> dict[str, Any]:
    """The masked columns of an order, as every group and report may see them."""

    def masked(text: str) -> str:
        return clean(text, own=own, keep=(row.number,))

    return {
        "type": masked(row.type),
        "category": "->".join(masked(level) for level in row.category),
        "tags": tuple(masked(tag) for tag in row.tags),
        "title": masked(row.title),
        "content": masked(row.content),
        "district": masked(row.district),
        "street": masked(row.street),
        "community": masked(row.community),
        "place": masked(row.place),
        "nature": masked(row.nature),
        "company": masked(row.company),
        "caller": mask_name(row.caller),
        "phone": mask_phone(row.phone),
        "upstream": _upstream(row, own),
    }


def _upstream(row: IncomingOrder, own: tuple[str, ...]) -> dict[str, str]:
    values = {
        "办理结果": row.result,
        "回复内容": row.reply,
        "处理受理方式": row.handling,
        "办结时间": row.closed_at.isoformat() if row.closed_at else "",
        "是否解决": row.solved,
        "是否满意": row.satisfied,
        "承办单位": row.department,
        **row.extra,
    }
    return {name: clean(text, own=own, keep=(row.number,)) for name, text in values.items() if text}


def _city_answers(scope: Scope, order: Order, row: IncomingOrder) -> None:
    """The city's own answers of a finished order: kept apart from the 科室's and the reviewer's (section 5)."""
    if row.solved or row.satisfied:
        at: datetime = row.closed_at or scope.now
        scope.add(
            Evaluation(
                order_id=order.id,
                n=1,
                origin=CITY,
                by=scope.actor,
                at=at,
                solved=row.solved,
                satisfied=row.satisfied,
            )
        )


_COLUMN_NAMES = {
    "type": "工单类型",
    "category": "问题分类",
    "tags": "标签",
    "title": "标题",
    "content": "主要内容",
    "district": "被反映区",
    "street": "被反映街乡镇",
    "community": "村/社区",
    "place": "小区点位",
    "nature": "工单性质",
    "company": "企业名称",
    "caller": "来电人",
    "phone": "来电人电话",
    "upstream": "办理情况",
    "arrived_at": "到达时间",
    "reported_at": "来电时间",
    "city_due_at": "办理时限",
    "upstream_status": "工单状态",
    "confidential": "保密",
}
