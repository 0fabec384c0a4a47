"""知悉: whoever an order waits for says that they know."""

from config.shanghai import span_text, time_text
from handlers import clocks, notices, offers, resting
from handlers.arguments import Arguments
from handlers.records import remark
from handlers.refusal import Misused, Refusal
from handlers.work import Work
from storage.tables import Order


def acknowledge(work: Work, order: Order, arguments: Arguments) -> str:
    """知悉: recorded; ordinary nudges to this person rest for ★ 1 h, or for the time given after 稍后."""
    rule = work.rules.acknowledged
    span = arguments.span("时长") if arguments.optional_choice(("稍后",)) else rule.rest
    arguments.done()
    if span > rule.longest:
        raise Misused(f"稍后最长 {span_text(rule.longest)}")
    if not order.open:
        raise Refusal(f"现在是“{order.state}”，已经没有提醒：可用 /查 {order.id} 看经过")
    waited_for = _waited_for(work, order)
    if work.actor.id not in waited_for:
        names = notices.names_of(work.office, waited_for) or "别的岗位"
        raise Refusal(f"现在是“{order.state}”，等的是 {names}，不用您知悉")
    if offers.can_rest(order):
        until = work.now + span
        named = [resting.clock_name(clock) for clock in clocks.upcoming(work.scope, order)]
        remark(work, order, resting.KIND, f"提醒停到 {time_text(until)}", until=until.isoformat(), clocks=named)
        answer = f"已记下，{time_text(until)} 前不再提醒您；到期时仍会提醒"
    else:
        remark(work, order, resting.KIND, "", until=work.now.isoformat(), clocks=[])
        answer = "已记下；紧急的和待签收的仍按时提醒"
    work.scope.record(resting.KIND, order)
    return answer


def _waited_for(work: Work, order: Order) -> tuple[str, ...]:
    """Whom the order waits for; of a 科室 any of its people, who stand in for each other."""
    people = notices.next_to_act(work.office, order)
    own = work.office.organisation.members(order.department) if order.department else ()
    return (*people, *(person.id for person in own)) if notices.waits_for_department(order) else people
