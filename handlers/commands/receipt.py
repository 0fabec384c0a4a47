"""From 待签收 to a decision whose order it is: 签收, 退回, 退回结果."""

from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.notices import Audience
from handlers.records import remark
from handlers.states import State
from handlers.timers import Kind
from handlers.work import Work
from storage.tables import Order


def sign_off(work: Work, order: Order, arguments: Arguments) -> str:
    """签收: the order is ours; starts 派单. Asserts that it was signed in the city's or district's system too."""
    arguments.done()
    order.state = State.AWAITING_DISPATCH
    order.signed_at, order.signed_by = work.now, work.actor.id
    clocks.meet(work.scope, order, Kind.SIGN_OFF)
    clocks.start_dispatch(work.office, work.scope, order, "自签收")
    work.scope.record("签收", order)
    notices.announce(work, order, "signed", Audience((notices.DISPATCH,)))
    due = clocks.running(work.scope, order, Kind.DISPATCH)
    return work.render("reply_signed", order=order, actor=work.actor, due=due)


def send_back(work: Work, order: Order, arguments: Arguments) -> str:
    """退回: not ours. Kind, the unit that should own it (or 无) and a text of a least length (★ 10 characters)."""
    rules = work.rules
    kind = arguments.choice("类别", rules.return_kinds)
    unit = work.clean(arguments.word("单位"), order)
    reason = work.clean(arguments.rest("说明", at_least=rules.return_text_min), order)
    order.state = State.RETURNING
    order.returned_at, order.return_kind, order.return_unit = work.now, kind, unit
    clocks.meet(work.scope, order, Kind.SIGN_OFF)
    clocks.cancel(work.scope, order, Kind.ADVISE, "已退回")
    remark(work, order, "退回", f"{kind}；应由 {unit}；{reason}", kind=kind, unit=unit)
    work.scope.record("退回", order, kind=kind, unit=unit, reason=reason)
    office = notices.with_role(work.office, "office")
    audience = Audience((notices.DISPATCH, notices.SUPERVISION), people=office)
    notices.announce(work, order, "returned", audience, kind=kind, unit=unit, reason=reason)
    return work.render("reply_returned", order=order, kind=kind, unit=unit)


def return_answer(work: Work, order: Order, arguments: Arguments) -> str:
    """退回结果: what the city or district said to the return."""
    granted = arguments.choice("结果", {"成功": True, "驳回": False})
    note = work.clean(arguments.optional_rest(), order)
    settle_return(work, order, granted=granted, note=note)
    notices.announce(work, order, "return_answer", Audience((notices.DISPATCH,)), granted=granted, note=note)
    due = clocks.running(work.scope, order, Kind.DISPATCH)
    return work.render("reply_return_answer", order=order, granted=granted, due=due)


def settle_return(work: Work, order: Order, *, granted: bool, note: str) -> None:
    """A granted return ends the order and cancels its clocks; a refused one keeps them and starts 派单 if need be."""
    word = "成功" if granted else "驳回"
    if granted:
        order.state, order.open = State.RETURNED, False
        clocks.cancel_all(work.scope, order, "退回成功")
    else:
        order.state = State.AWAITING_DISPATCH
        if order.signed_at is None:
            order.signed_at, order.signed_by = work.now, work.actor.id
        if clocks.latest(work.scope, order, Kind.DISPATCH) is None:
            clocks.start_dispatch(work.office, work.scope, order, "自退回驳回")
    remark(work, order, "退回结果", f"{word} {note}".strip(), granted=granted)
    work.scope.record("退回结果", order, granted=granted, note=note)
