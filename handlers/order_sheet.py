"""One order in words: everything for those who work on it, masked lines for everybody else (domain, section 2)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from config.shanghai import due_text, near_text, span_text
from config.texts import cut
from handlers import attachments, clocks, notices, order_history
from handlers.lines import order_line, short_category
from handlers.next_steps import next_steps
from handlers.timers import SUPERVISIONS, Kind
from handlers.work import Work, department_name
from storage.tables import Clock, Fact, Order

DETAIL_ROLES: Final = frozenset({"duty", "reviewer", "office", "leader", "centre", "analyst"})
"""Who sees the details of every order; a 科室 sees those of its own, 协办 included."""
NO_DETAILS: Final = "详情由主办、协办科室和值班、复核、综合科等岗位查看"
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


def outline(work: Work, order: Order) -> tuple[str, str]:
    """What everybody may see of an order beside its state: its line, and its title."""
    running = [clock for clock in work.scope.rows(Clock, order.id) if clock.running]
    first = min(running, key=lambda clock: clock.due_at, default=None)
    due, provisional = (None, False) if first is None else (first.due_at, first.provisional)
    return order_line(work.office, order, due, work.now, provisional=provisional), cut(order.title, _SHORT)


def _masked(work: Work, order: Order) -> list[str]:
    line, title = outline(work, order)
    return [line, *([f"标题：{title}"] if title else []), NO_DETAILS]


def _details(work: Work, order: Order) -> list[str]:
    lines = [" · ".join(part for part in (order.level, order.type, short_category(order.category)) if part)]
    fields = (
        ("标题", cut(order.title, _SHORT)),
        ("内容", cut(order.content, _LONG)),
        ("地点", place_of(order)),
        ("企业名称", cut(order.company, _SHORT)),
        ("来电人", caller_of(order)),
        ("承办", who_acts(work, order)),
        ("来源状态", order.upstream_status),
        ("状态不符", order.mismatch),
        ("结果", cut(result_of(order), _LONG)),
        ("事实", "、".join(facts_of(work, order))),
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


def place_of(order: Order) -> str:
    """社区 and place."""
    return " ".join(part for part in (order.community, order.place) if part)


def caller_of(order: Order) -> str:
    """The caller as everybody who works on the order may see them: masked, or that they want to stay hidden."""
    return "保密" if order.confidential else " ".join(part for part in (order.caller, order.phone) if part)


def result_of(order: Order) -> str:
    """What the 科室 reported: 解决 or not, and the result."""
    return f"{order.outcome} {order.result}".strip()


def who_acts(work: Work, order: Order) -> str:
    """主办, 协办, 经办人; nothing before a dispatch."""
    if order.department is None:
        return ""
    assisting = "、".join(department_name(work.office, each) for each in order.assisting)
    parts = (
        f"主办 {department_name(work.office, order.department)}",
        f"协办 {assisting}" if assisting else "",
        f"经办人 {work.name(order.handler)}" if order.handler else "",
    )
    return "，".join(part for part in parts if part)


def facts_of(work: Work, order: Order, *, full: bool = False) -> Iterator[str]:
    """The facts that hold, each with who and when; with `full` times have their whole date, as for a page."""
    now = None if full else work.now
    for fact in work.scope.rows(Fact, order.id):
        if fact.cleared_at is None:
            value = f"（{fact.value}）" if fact.value else ""
            due = f"，限 {due_text(fact.due_at, now)}" if fact.due_at else ""
            yield f"{fact.name}{value}{due}（{work.name(fact.by)} {near_text(fact.at, now)}）"


@dataclass(frozen=True, slots=True)
class ClockLine:
    """How a clock stands or did, and by which rule; `late` when it is or was over its time."""

    kind: str
    standing: str
    basis: str
    late: bool


def running_clocks(work: Work, order: Order, *, full: bool = False) -> list[ClockLine]:
    """Running clocks, earliest due first, each with its basis and, where it is red, what it lacks."""
    found = sorted((clock for clock in work.scope.rows(Clock, order.id) if clock.running), key=lambda each: each.due_at)
    lines = []
    for clock in found:
        late = clock.due_at <= work.now
        basis = f"{clock.basis}；{_lacking(order, clock)}" if late else clock.basis
        lines.append(ClockLine(clock.kind, clocks.standing(clock, work.now, full=full), basis, late))
    return lines


def ended_clocks(work: Work, order: Order, *, only_late: bool = False, full: bool = False) -> list[ClockLine]:
    """How the clocks did that were met or cancelled, as the work goes from 签收 to 评定; with `only_late` those that
    were met too late, also long ago."""
    ended = [clock for clock in work.scope.rows(Clock, order.id) if not clock.running]
    chosen = [
        clock for clock in ended if (clock.met_at and clock.late_seconds if only_late else not clock.superseded_at)
    ]
    chosen.sort(key=lambda each: (_PROCESS.index(Kind(each.kind)), each.generation))
    return [ClockLine(each.kind, _ended(work, each, full=full), each.basis, bool(each.late_seconds)) for each in chosen]


_PROCESS: Final = tuple(Kind)


def _clocks(work: Work, order: Order) -> list[str]:
    """For an open order what runs and what was late; of one that has ended how each of its clocks did."""
    lines = []
    for clock in running_clocks(work, order):
        lines += [f"{'⚠ ' if clock.late else ''}{clock.kind}：{clock.standing}", f"　{clock.basis}"]
    ended = ended_clocks(work, order, only_late=order.open)
    return lines + [f"{clock.kind}：{clock.standing}" for clock in ended]


def _ended(work: Work, clock: Clock, *, full: bool) -> str:
    """`09:20 完成，按期，早 40分钟`, or how late; a cancelled one with its reason."""
    ended = clock.met_at or clock.cancelled_at
    if ended is None:
        return clocks.standing(clock, work.now, full=full)
    at = near_text(ended, None if full else work.now)
    ahead = clock.due_at - ended
    if clock.met_at is None:
        late = f"，当时已超时 {span_text(-ahead)}" if clock.breached_at and ahead < timedelta() else ""
        return f"{at} 取消（{clock.cancel_reason}）{late}"
    how = f"超时 {_span(clock.late_seconds)}" if clock.late_seconds else f"按期，早 {span_text(ahead)}"
    return f"{at} 完成，{how}"


def _span(seconds: int) -> str:
    return span_text(timedelta(seconds=seconds))


def _lacking(order: Order, clock: Clock) -> str:
    """Why a clock is red: what has not been done that would have met it."""
    if clock.kind in SUPERVISIONS.values() and notices.is_reported_done(order):
        return f"科室已办结，还没有{order.state.removeprefix('待')}，等{notices.awaited(order)}，所以红"
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
