"""An incoming row against the store: new, unchanged or changed (domain, section 9).

A new live order enters at 待签收 with its clocks; history enters as 已结案 without. A known order is never
overwritten by blanks: what changed is an 上游变更 event. Whatever the row says, the upstream status is compared
with the steps that were asserted here, and a contradiction is raised once as 系统状态不符.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from config.rules import Rules
from config.shanghai import full_text
from handlers import clocks
from handlers.intake import upstream
from handlers.intake.keeping import CLOSED_AT, NOBODY, differs, keep_fuller, open_texts, own_of, seal
from handlers.intake.level import URGENT, level_of
from handlers.intake.orders import IncomingOrder, raw_values
from handlers.intake.upstream import Decision
from handlers.office import Office
from handlers.records import CONFIDENTIAL, FROM_SOURCE
from handlers.relevelling import relevel
from handlers.states import State
from handlers.work import unsealed
from storage.columns import table
from storage.tables import Evaluation, Fact, Order, OrderTable, VaultRow
from storage.transaction import Scope

CITY = "市级"
STATUS_COLUMN = "工单状态"


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
    """One accepted row. `changes` are the Chinese column names that differ; `mismatch` is told urgently.

    `decision` is what the source decided about the order, still to be followed.
    """

    result: Result
    order: Order
    changes: tuple[str, ...] = ()
    mismatch: str = ""
    decision: Decision | None = None
    history: bool = False
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Prepared:
    """What of a row needs no transaction: worked out before the write lock is taken. Without `texts` they are made
    when they turn out to be needed."""

    digest: str
    texts: Mapping[str, Any] | None = None


def prepare(office: Office, scope: Scope, rows: Sequence[IncomingOrder]) -> dict[tuple[str, str], Prepared]:
    """Prepare rows beside the writer: their digests, and the masked texts of those that the store does not know."""
    there = known(scope, rows)
    found: dict[tuple[str, str], Prepared] = {}
    for row in rows:
        key: tuple[str, str] = (row.source, row.number)
        texts = None if key in there else open_texts(row, own_of(row))
        found[key] = Prepared(office.store.vault.digest(raw_values(row)), texts)
    return found


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
    office: Office,
    scope: Scope,
    row: IncomingOrder,
    before: Known | None,
    *,
    origin: str,
    takeover: bool = False,
    prepared: Prepared | None = None,
) -> Accepted:
    """Take one row in. `origin` says how it came (导入, 接口, 登记); the actor and the moment are the scope's."""
    prepared = prepared or Prepared(office.store.vault.digest(raw_values(row)))
    digest = prepared.digest
    if before is None:
        return _new(office, scope, row, prepared, origin=origin, takeover=takeover)
    rules = office.rules(scope.now)
    if before.digest == digest:
        found = "" if before.history else upstream.contradiction(rules, before.state, row.status)
        if not found or found == before.mismatch:
            return Accepted(Result.UNCHANGED, _order(scope, before.id), warnings=row.warnings)
        order = _order(scope, before.id)
        return Accepted(Result.UNCHANGED, order, mismatch=_mismatch(scope, order, found), warnings=row.warnings)
    return _changed(office, scope, row, digest, _order(scope, before.id), rules, origin=origin)


def _new(
    office: Office, scope: Scope, row: IncomingOrder, prepared: Prepared, *, origin: str, takeover: bool
) -> Accepted:
    rules = office.rules(scope.now)
    history = row.closed_at is not None or upstream.finished(rules, row.status)
    number = scope.next_number("order")
    texts = open_texts(row, own_of(row)) if prepared.texts is None else prepared.texts
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
        **texts,
    )
    scope.add(order)
    seal(office, scope, number, row, prepared.digest)
    if row.confidential:
        _hide_caller(scope, order)
    if history:
        _city_answers(scope, order, row)
    else:
        clocks.start_intake(office, scope, order, takeover=takeover)
    warnings = row.warnings + _ahead(order)
    scope.record("登记", order, origin=origin, takeover=takeover, warnings=list(warnings))
    return Accepted(Result.NEW, order, history=history, warnings=warnings)


def _hide_caller(scope: Scope, order: Order) -> bool:
    """The source asks for 保密: its word stands above a mark that was made or cleared here. False: it was known."""
    held = next((fact for fact in scope.rows(Fact, order.id) if fact.name == CONFIDENTIAL), None)
    if held is None:
        held = scope.add(Fact(order_id=order.id, name=CONFIDENTIAL, by=scope.actor, at=scope.now))
    elif held.cleared_at is None and held.value == FROM_SOURCE:
        return False
    held.value, held.by, held.at, held.cleared_at = FROM_SOURCE, scope.actor, scope.now, None
    order.confidential = True
    return True


def _ahead(order: Order) -> tuple[str, ...]:
    if order.arrived_at is None or order.arrived_at - order.imported_at <= clocks.AHEAD:
        return ()
    return (f"到达时间 {full_text(order.arrived_at)} 晚于现在，时限按导入时间计，请核对",)


def _changed(
    office: Office, scope: Scope, row: IncomingOrder, digest: str, order: Order, rules: Rules, *, origin: str
) -> Accepted:
    held = unsealed(office, scope, order.id) or NOBODY
    row = keep_fuller(row, held)
    status, over = order.upstream_status, _was_over(order, row)
    answered = (order.upstream.get("是否解决"), order.upstream.get("是否满意"))
    changes = _overwrite(order, row, tuple(dict.fromkeys((*own_of(row), held.name, held.phone))))
    if answered != (order.upstream.get("是否解决"), order.upstream.get("是否满意")):
        _city_answers(scope, order, row)
    hidden = order.confidential
    if row.confidential and _hide_caller(scope, order):
        changes["confidential"] = [hidden, True]
    decision = upstream.decision(rules, order.state, status, order.upstream_status, over=over)
    if (order.open or decision is Decision.REOPENED) and order.level != URGENT and level_of(rules, row) == URGENT:
        changes["level"] = [order.level, URGENT]
        order.level = URGENT
        if order.open:
            relevel(office, scope, order)
    personal = held is not NOBODY and differs(row, held)
    seal(office, scope, order.id, row, digest, held)
    found = "" if order.history or decision else upstream.contradiction(rules, order.state, row.status)
    new_mismatch = bool(found) and found != order.mismatch
    if not changes and not personal:
        # Fewer columns, or blanks where something was known: nothing to tell and nothing to overwrite.
        mismatch = _mismatch(scope, order, found) if new_mismatch else ""
        return Accepted(Result.UNCHANGED, order, mismatch=mismatch, warnings=row.warnings)
    if "city_due_at" in changes:
        order.city_due_changed_at = scope.now
        if order.open:
            clocks.city_due(office, scope, order)
    if "arrived_at" in changes:
        order.counted_at = order.arrived_at
    if "upstream_status" in changes and not found:
        order.mismatch = ""
    columns = tuple(_COLUMN_NAMES[name] for name in changes) or ("来电人信息",)
    scope.record("上游变更", order, origin=origin, columns=list(columns), changes=changes)
    mismatch = _mismatch(scope, order, found) if new_mismatch else ""
    return Accepted(Result.CHANGED, order, changes=columns, mismatch=mismatch, decision=decision, warnings=row.warnings)


def _was_over(order: Order, row: IncomingOrder) -> bool:
    """Whether the source had the order finished, by its closing time too, and this row gives none."""
    return row.closed_at is None and (order.history or CLOSED_AT in order.upstream)


def _overwrite(order: Order, row: IncomingOrder, own: tuple[str, ...]) -> dict[str, list[Any]]:
    """Take over what the row knows; a blank never wipes what is known. Column → before and after."""
    values: dict[str, Any] = {
        **open_texts(row, tuple(value for value in own if value)),
        "arrived_at": row.arrived_at,
        "reported_at": row.reported_at,
        "city_due_at": row.due_at,
        "upstream_status": row.status,
    }
    values["upstream"] = {**order.upstream, **values["upstream"]}
    changes: dict[str, list[Any]] = {}
    for name, value in values.items():
        before = getattr(order, name)
        if value not in ("", None, (), {}) and value != before:
            changes[name] = [before, value]
            setattr(order, name, value)
    return changes


def _mismatch(scope: Scope, order: Order, found: str) -> str:
    order.mismatch = found
    scope.record("系统状态不符", order, found=found, upstream=order.upstream_status)
    return found


def _order(scope: Scope, number: int) -> Order:
    order = scope.order(number)
    assert order is not None
    return order


def _city_answers(scope: Scope, order: Order, row: IncomingOrder) -> None:
    """The city's own answers: kept apart from the 科室's and the reviewer's (section 5)."""
    if row.solved or row.satisfied:
        at: datetime = row.closed_at or scope.now
        scope.add(
            Evaluation(
                order_id=order.id,
                n=order.events + 1,
                origin=CITY,
                generation=order.generation,
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
    "upstream_status": STATUS_COLUMN,
    "level": "紧急程度",
    "confidential": "保密",
}
