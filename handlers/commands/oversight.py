"""Pressing on: 催办, 升级, 督办."""

from config.calendar import UNPUBLISHED
from config.shanghai import due_text, full_due_text, span_text
from config.texts import mark
from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.notices import Audience
from handlers.records import remark
from handlers.refusal import Refusal
from handlers.timers import SUPERVISIONS, Kind
from handlers.work import Work
from storage.tables import Fact, Order, Remark


def urge(work: Work, order: Order, arguments: Arguments) -> str:
    """催办: calls whoever must act next, and the 分中心 while it is asked; ★ once per 10 minutes per order, counted."""
    arguments.done()
    interval = work.rules.urge_interval
    if order.urged_at is not None and work.now - order.urged_at < interval:
        rest = order.urged_at + interval - work.now
        raise Refusal(
            f"刚催过（{_last_urging(work, order)}），{span_text(interval)}内只催一次，请 {span_text(rest)} 后再催"
        )
    order.urged += 1
    order.urged_at = work.now
    remark(work, order, "催办", f"第 {order.urged} 次")
    work.scope.record("催办", order, times=order.urged)
    people = notices.next_to_act(work.office, order)
    referred = clocks.running(work.scope, order, Kind.ADVISE) is not None
    if referred:
        people = tuple(dict.fromkeys((*people, *notices.with_role(work.office, "centre"))))
    audience = notices.where_waited_for(work.office, order, people)
    notices.announce(work, order, "urged", audience, times=order.urged, referred=referred)
    names = [work.name(person) for person in people]
    return work.render("reply_urged", order=order, names=names)


def _last_urging(work: Work, order: Order) -> str:
    """`第 2 次`, or that it was taken back after people had been called."""
    stands = any(row.kind == "催办" and row.at == order.urged_at for row in work.scope.rows(Remark, order.id))
    return f"第 {order.urged} 次" if stands else "后来撤回了"


def escalate(work: Work, order: Order, arguments: Arguments) -> str:
    """升级: tells the next rung by hand, with the reason (domain, section 4)."""
    reason = work.clean(arguments.rest("理由"), order)
    rung, people = _next_rung(work, order)
    order.rung += 1
    remark(work, order, "升级", f"至{rung}：{reason}", rung=rung)
    work.scope.record("升级", order, rung=rung, people=list(people), reason=reason)
    audience = Audience((notices.SUPERVISION,), people=people)
    notices.announce(work, order, "escalated", audience, rung=rung, reason=reason)
    return work.render("reply_escalated", order=order, rung=rung, names=[work.name(person) for person in people])


def supervise(work: Work, order: Order, arguments: Arguments) -> str:
    """督办: a level (市, 区, 街道) and a due time of its own, met by the 科室's 办结, after that by 结案, or
    取消, which lifts it.

    Levels stand beside each other; the same level again changes its due time.
    """
    kind = arguments.choice("级别", SUPERVISIONS)
    held = next((fact for fact in work.scope.rows(Fact, order.id) if fact.name == kind), None)
    standing = held if held is not None and held.cleared_at is None else None
    if arguments.optional_choice(("取消",)):
        return _lift(work, order, kind, standing, work.clean(arguments.optional_rest(), order))
    bare = work.rules.bare_date_time
    when = arguments.when("截止时间", now=work.now, calendar=work.office.calendar, bare_time=bare)
    due = when.at
    arguments.done()
    former = standing.due_at if standing is not None else None
    if former == due:
        raise Refusal(f"已经是{kind}，截止就是 {due_text(due, work.now)}，不用再列")
    if held is None:
        held = work.scope.add(Fact(order_id=order.id, name=kind, by=work.actor.id, at=work.now))
    held.by, held.at, held.due_at, held.cleared_at = work.actor.id, work.now, due, None
    held.value = UNPUBLISHED if when.provisional else ""
    clock = clocks.start_supervision(work.office, work.scope, order, kind, due, provisional=when.provisional)
    changed = f"（原 {full_due_text(former)}）" if former else ""
    until = f"{full_due_text(due)}{mark(provisional=when.provisional)}"
    remark(work, order, "督办", f"{kind}，截止 {until}{changed}", level=kind)
    work.scope.record("督办", order, level=kind, due=due, former=former, provisional=when.provisional)
    notices.announce(work, order, "supervised", _supervised(work, order), level=kind, due=clock, former=former)
    return work.render("reply_supervised", order=order, level=kind, due=clock, former=former)


def _lift(work: Work, order: Order, kind: Kind, standing: Fact | None, reason: str) -> str:
    if standing is None:
        raise Refusal(f"没有{kind}，不用取消")
    standing.cleared_at = work.now
    clocks.cancel(work.scope, order, kind, "督办取消")
    remark(work, order, "督办", f"取消{kind} {reason}".strip(), level=kind)
    work.scope.record("督办", order, level=kind, cleared=True, reason=reason)
    notices.announce(work, order, "supervision_lifted", _supervised(work, order), level=kind, reason=reason)
    return work.render("reply_supervision_lifted", level=kind)


def _supervised(work: Work, order: Order) -> Audience:
    """Who reads of a 督办: the seats, who watches over it, and the 科室; called is whoever must act next."""
    departments = (order.department,) if order.department else ()
    people = notices.next_to_act(work.office, order)
    return Audience((notices.DISPATCH, notices.SUPERVISION), departments, people)


def _next_rung(work: Work, order: Order) -> tuple[str, tuple[str, ...]]:
    """The next rung above whoever has the order now that has somebody on it; raises Refusal above the last.

    `order.rung` counts the rungs that were told, so the next one is found at that place of the ladder.
    """
    rungs = notices.rungs(work.office, order)
    order.rung = max(order.rung, notices.standing_rung(work.office, order))
    while order.rung < len(rungs):
        name, people = rungs[order.rung]
        if people:
            return name, people
        order.rung += 1
    raise Refusal("已经升级到最高一级（分中心和街道领导），不能再升级：可用 /催办")
