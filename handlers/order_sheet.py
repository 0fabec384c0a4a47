"""One order in words: everything for those who work on it, masked lines for everybody else (domain, section 2)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from config.shanghai import due_text, near_text, span_text
from config.texts import cut
from handlers import attachments, clocks, order_history
from handlers.lines import order_line, short_category
from handlers.next_steps import next_steps
from handlers.timers import SUPERVISIONS, Kind
from handlers.work import Work, department_name
from storage.tables import Clock, Fact, Order

DETAIL_ROLES: Final = frozenset({"duty", "reviewer", "office", "leader", "centre", "analyst"})
"""Who sees the details of every order; a 科室 sees those of its own, 协办 included."""
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
        ("企业名称", cut(order.company, _SHORT)),
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
        ("最近经过", order_history.recent(work, order)),
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
            due = f"，限 {due_text(fact.due_at, work.now)}" if fact.due_at else ""
            yield f"{fact.name}{value}{due}（{work.name(fact.by)} {near_text(fact.at, work.now)}）"


def _clocks(work: Work, order: Order) -> list[str]:
    """Running clocks, earliest due first, each with its basis; then the steps that were late, by how much.

    Of an order that has ended: how each of its clocks did.
    """
    held = work.scope.rows(Clock, order.id)
    if not order.open:
        return [_ended(work, clock) for clock in held if not clock.superseded_at]
    lines = []
    for clock in sorted((clock for clock in held if clock.running), key=lambda clock: clock.due_at):
        late = clock.due_at <= work.now
        lines.append(f"{'⚠ ' if late else ''}{clock.kind}：{clocks.standing(clock, work.now)}")
        lines.append(f"　{clock.basis}{f'；{_lacking(order, clock)}' if late else ''}")
    return lines + [_ended(work, clock) for clock in held if clock.met_at and clock.late_seconds]


def _ended(work: Work, clock: Clock) -> str:
    """`签收：09:20 完成，按期，早 40分钟`, or how late; a cancelled one with its reason."""
    ended = clock.met_at or clock.cancelled_at
    if ended is None:
        return f"{clock.kind}：{clocks.standing(clock, work.now)}"
    ahead = clock.due_at - ended
    if clock.met_at is None:
        late = f"，当时已超时 {span_text(-ahead)}" if clock.breached_at and ahead < timedelta() else ""
        return f"{clock.kind}：{near_text(ended, work.now)} 取消（{clock.cancel_reason}）{late}"
    how = f"超时 {_span(clock.late_seconds)}" if clock.late_seconds else f"按期，早 {span_text(ahead)}"
    return f"{clock.kind}：{near_text(ended, work.now)} 完成，{how}"


def _span(seconds: int) -> str:
    return span_text(timedelta(seconds=seconds))


def _lacking(order: Order, clock: Clock) -> str:
    """Why a clock is red: what has not been done that would have met it."""
    if clock.kind != Kind.URGENT:
        return _LACKING[Kind(clock.kind)]
    done = (("接单", order.accepted_at), ("电话", order.phoned_at), ("首次联系", order.first_contact_at))
    return f"还缺{'、'.join(name for name, at in done if at is None)}，所以红"


_LACKING: Final = {
    Kind.SIGN_OFF: "到时还没有签收，所以红",
    Kind.DISPATCH: "到时还没有派单，所以红",
    Kind.RESPOND: "到时还没有接通来电人的反馈，所以红",
    Kind.CLOSE_OUT: "到时科室还没有办结，所以红",
    Kind.EVALUATE: "到时还没有评定，所以红",
    Kind.FOUR_DAYS: "到达已满四天，科室还没有办结，所以红",
    Kind.ADVISE: "分中心还没有批复，所以红",
    **dict.fromkeys(SUPERVISIONS.values(), "到时科室还没有办结，所以红"),
}
