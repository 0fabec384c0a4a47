"""From 待评定 to 已结案 and back: 评定, 结案, 驳回, 重开."""

from handlers import clocks, notices, rounds
from handlers.arguments import Arguments
from handlers.commands.handling import OUTCOMES
from handlers.intake.keeping import CLOSED_AT
from handlers.notices import Audience
from handlers.records import contacts, handled, remark
from handlers.refusal import Refusal
from handlers.states import State
from handlers.timers import SUPERVISIONS, Kind
from handlers.work import Work, department_name
from storage.tables import Evaluation, Order

SATISFIED = ("满意", "基本满意", "一般", "不满意", "未评价")


def rate(work: Work, order: Order, arguments: Arguments) -> str:
    """评定: responded? solved? satisfied? 否 or 未解决 with time left on 办结 sends the order back."""
    responded = arguments.choice("响应", {"是": True, "否": False})
    solved = arguments.choice("解决", OUTCOMES)
    satisfied = arguments.choice("满意", SATISFIED)
    recording = work.clean(arguments.word("录音编号"), order) if arguments.optional_choice(("录音",)) else ""
    note = work.clean(arguments.optional_rest(), order)
    if work.actor.id in _handled_by(work, order):
        raise Refusal("您经办过这个工单，不能自己评定：请由另一位复核专员评定")
    work.scope.add(
        Evaluation(
            order_id=order.id,
            n=order.events + 1,
            origin="复核",
            generation=order.generation,
            by=work.actor.id,
            at=work.now,
            responded=responded,
            solved=solved,
            satisfied=satisfied,
            recording=recording,
            note=note,
        )
    )
    order.evaluated_at, order.rated_by = work.now, work.actor.id
    clocks.meet(work.scope, order, Kind.EVALUATE)
    back = (not responded or solved == "未解决") and _time_left(work, order)
    if back:
        handle_again(work, order)
    else:
        order.state = State.AWAITING_CLOSURE
    work.scope.record(
        "评定",
        order,
        responded=responded,
        solved=solved,
        satisfied=satisfied,
        recording=recording,
        note=note,
        back=back,
    )
    words = {"responded": responded, "solved": solved, "satisfied": satisfied, "back": back, "note": note}
    people = notices.responsible(work.office, order) if back else notices.with_role(work.office, "office")
    departments = (order.department,) if back and order.department else ()
    supervised = rounds.supervisions(work.scope, order) if back else ()
    audience = Audience((notices.DISPATCH,), departments, people)
    move = notices.sending_elsewhere(work.office, order)
    notices.announce(work, order, "rated", audience, supervised=supervised, move=move, **words)
    due = clocks.running(work.scope, order, Kind.CLOSE_OUT)
    return work.render("reply_rated", order=order, due=due, unchanged=rounds.is_unchanged(work.scope, due), **words)


def close(work: Work, order: Order, arguments: Arguments) -> str:
    """结案: the office's last word. A missing result or contact refuses. It meets 督办 that was set after the 办结."""
    arguments.done()
    lacking = []
    if not order.result:
        lacking.append(f"办理结果（/补要件 {order.id} 结果 内容）")
    if not contacts(work, order):
        lacking.append(f"联系来电人的记录（/驳回 {order.id} 理由，由科室 /反馈）")
    if lacking:
        raise Refusal(f"结案要件不全，缺少：{'；'.join(lacking)}")
    order.state, order.open = State.CLOSED, False
    order.finished_at = work.now
    for kind in SUPERVISIONS.values():
        clocks.meet(work.scope, order, kind)
    clocks.cancel_all(work.scope, order, "已结案")
    work.scope.record("结案", order)
    notices.announce(work, order, "closed", Audience((notices.DISPATCH,)))
    return work.render("reply_closed", order=order)


def reject(work: Work, order: Order, arguments: Arguments) -> str:
    """驳回: the close-out is not good enough; back to 办理中, a new generation with the same due time."""
    reason = work.clean(arguments.rest("理由"), order)
    handle_again(work, order)
    remark(work, order, "驳回", reason)
    work.scope.record("驳回", order, reason=reason)
    return _sent_back(work, order, "rejected", reason)


def reopen(work: Work, order: Order, arguments: Arguments) -> str:
    """重开: a closed order is handled again with new clocks; its old result is kept."""
    reason = work.clean(arguments.rest("理由"), order)
    _open_again(work, order, reason)
    if order.department is not None:
        return _sent_back(work, order, "reopened", reason)
    audience = Audience((notices.DISPATCH,), people=notices.with_role(work.office, "duty"))
    supervised = rounds.supervisions(work.scope, order)
    due = clocks.running(work.scope, order, Kind.CLOSE_OUT)
    notices.announce(work, order, "reopened", audience, reason=reason, due=due, supervised=supervised, move="")
    return work.render("reply_reopened", order=order, department="", due=due)


def reopen_by_source(work: Work, order: Order) -> None:
    """重开 by import: the source's system shows as open again what it had shown as finished."""
    _open_again(work, order, f"来源系统状态变为“{order.upstream_status}”")


def _open_again(work: Work, order: Order, reason: str) -> None:
    """To 办理中; an order of the history, which no 科室 ever had, to 待派单 instead, so that somebody can act."""
    handle_again(work, order, new_clocks=True)
    # The source's closing time does not hold any more: kept, it would open the order again after we have closed it.
    order.upstream = {name: text for name, text in order.upstream.items() if name != CLOSED_AT}
    if order.department is None:
        order.state, order.history = State.AWAITING_DISPATCH, False
        order.signed_at, order.signed_by = order.signed_at or work.now, order.signed_by or work.actor.id
        clocks.start_dispatch(work.office, work.scope, order, "自重开")
    remark(work, order, "重开", reason, former=order.result)
    work.scope.record("重开", order, reason=reason)


def handle_again(work: Work, order: Order, *, new_clocks: bool = False) -> None:
    """Back to 办理中 as a new generation: contacts and result of the last one no longer count."""
    order.state, order.open = State.HANDLING, True
    order.generation += 1
    order.reached, order.unreachable = False, 0
    order.outcome, order.finished_at = "", None
    if new_clocks:
        rounds.restart(work.office, work.scope, order)
    else:
        rounds.resume(work.office, work.scope, order)


def _sent_back(work: Work, order: Order, template: str, reason: str) -> str:
    due = clocks.running(work.scope, order, Kind.CLOSE_OUT)
    departments = (order.department,) if order.department else ()
    audience = Audience((notices.DISPATCH,), departments, notices.responsible(work.office, order))
    notices.announce(
        work,
        order,
        template,
        audience,
        reason=reason,
        due=due,
        unchanged=rounds.is_unchanged(work.scope, due),
        supervised=rounds.supervisions(work.scope, order),
        move=notices.sending_elsewhere(work.office, order),
    )
    name = department_name(work.office, order.department)
    return work.render(f"reply_{template}", order=order, department=name, due=due)


def _time_left(work: Work, order: Order) -> bool:
    due = rounds.due_again(work.scope, order)
    return due is not None and due[0] > work.now


def _handled_by(work: Work, order: Order) -> set[str]:
    """Who handled the order: whoever was its handler, now or before, or reported a result or a contact."""
    people = {contact.by for contact in contacts(work, order)}
    people |= {row.by for row in work.scope.rows(Evaluation, order.id) if row.origin == "科室"}
    return people | handled(work, order)
