"""Pressing on: 催办, 升级, 督办."""

from config.shanghai import span_text
from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.notices import Audience
from handlers.records import remark
from handlers.refusal import Refusal
from handlers.timers import Kind
from handlers.work import Work
from storage.tables import Fact, Order


def urge(work: Work, order: Order, arguments: Arguments) -> str:
    """催办: calls whoever must act next; ★ once per 10 minutes per order, counted."""
    arguments.done()
    interval = work.rules.urge_interval
    if order.urged_at is not None and work.now - order.urged_at < interval:
        rest = order.urged_at + interval - work.now
        raise Refusal(f"刚催过（第 {order.urged} 次），{span_text(interval)}内只催一次，请 {span_text(rest)} 后再催")
    order.urged += 1
    order.urged_at = work.now
    remark(work, order, "催办", f"第 {order.urged} 次")
    work.scope.record("催办", order, times=order.urged)
    people = notices.next_to_act(work.office, order)
    notices.announce(work, order, "urged", notices.where_waited_for(order, people), times=order.urged)
    names = [work.name(person) for person in people]
    return work.render("reply_urged", order=order, names=names)


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
    """督办: a level (市, 区, 街道) and a due time of its own, met by the 科室's 办结; a later one takes its place."""
    level = arguments.choice("级别", ("市", "区", "街道"))
    bare = work.rules.bare_date_time
    due = arguments.when("截止时间", now=work.now, calendar=work.office.calendar, bare_time=bare)
    arguments.done()
    held = next((fact for fact in work.scope.rows(Fact, order.id) if fact.name == "督办"), None)
    if held is None:
        held = work.scope.add(Fact(order_id=order.id, name="督办", by=work.actor.id, at=work.now))
    held.value, held.by, held.at, held.due_at, held.cleared_at = level, work.actor.id, work.now, due.at, None
    clocks.start_supervision(work.office, work.scope, order, due.at, level)
    remark(work, order, "督办", f"{level}级", level=level)
    work.scope.record("督办", order, level=level, due=due.at)
    clock = clocks.running(work.scope, order, Kind.SUPERVISE)
    departments = (order.department,) if order.department else ()
    people = notices.next_to_act(work.office, order)
    audience = Audience((notices.DISPATCH, notices.SUPERVISION), departments, people)
    notices.announce(work, order, "supervised", audience, level=level, due=clock)
    return work.render("reply_supervised", order=order, level=level, due=clock)


def _next_rung(work: Work, order: Order) -> tuple[str, tuple[str, ...]]:
    """The next rung above whoever has the order now that has somebody on it; raises Refusal above the last.

    `order.rung` counts the rungs that were told, so the next one is found at that place of the ladder.
    """
    rungs = notices.rungs(work.office, order)
    order.rung = max(order.rung, notices.standing_rung(order))
    while order.rung < len(rungs):
        name, people = rungs[order.rung]
        if people:
            return name, people
        order.rung += 1
    raise Refusal("已经升级到最高一级（分中心和街道领导），不能再升级：可用 /催办")
