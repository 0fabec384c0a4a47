"""Whose order is it? 报备 to the 分中心, and its 批复."""

from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.notices import Audience
from handlers.records import remark
from handlers.refusal import Misused
from handlers.states import State
from handlers.timers import Kind
from handlers.work import Work
from storage.tables import Order


def refer(work: Work, order: Order, arguments: Arguments) -> str:
    """报备: ownership is unclear or many own it. The 分中心 is told, and asked again every ★ 4 h until it answers.

    The record exempts from the dispatch penalty only if it was made before the breach (domain, section 2).
    """
    reason = work.clean(arguments.rest("事由"), order)
    breached = clocks.is_breached(work.scope, order, Kind.DISPATCH, work.now)
    remark(work, order, "报备", reason, before_breach=not breached)
    clocks.start_advice(work.office, work.scope, order)
    work.scope.record("报备", order, reason=reason, before_breach=not breached)
    audience = Audience((notices.DISPATCH,), people=notices.with_role(work.office, "centre"))
    notices.announce(work, order, "referred", audience, reason=reason)
    return work.render("reply_referred", order=order, breached=breached)


def advise(work: Work, order: Order, arguments: Arguments) -> str:
    """批复: the 分中心's advice: 派 科室, 退 单位, or 说明. Offers the command that follows, ready to send."""
    kind = arguments.choice("批复", ("派", "退", "说明"))
    following: list[str] = []
    if kind == "派":
        department = arguments.department(work.office.organisation)
        target, note = department.name, work.clean(arguments.optional_rest(), order)
        # 派单 needs a signature first; 退回 does not.
        following = [f"/签收 {order.id}"] if order.state == State.AWAITING_SIGNATURE else []
        following.append(f"/派单 {order.id} {target}")
    elif kind == "退":
        target = work.clean(arguments.word("单位"), order)
        note = work.clean(arguments.optional_rest(), order)
        # Long enough for 退回 whatever the 分中心 wrote: a reason of a least length is asked for there.
        why = f"分中心批复应予退回，{note or '不属于本街道职责'}"
        following = [f"/退回 {order.id} {_return_kind(work)} {target} {why}"]
    else:
        target, note = "", work.clean(arguments.optional_rest(), order)
        if not note:
            raise Misused("缺少说明")
    text = " ".join(part for part in (kind, target, note) if part)
    clocks.meet(work.scope, order, Kind.ADVISE)
    remark(work, order, "批复", text, kind=kind, target=target)
    work.scope.record("批复", order, kind=kind, target=target, note=note)
    audience = Audience((notices.DISPATCH,), people=notices.with_role(work.office, "duty"))
    notices.announce(work, order, "advised", audience, text=text, following=following)
    return work.render("reply_advised", order=order, text=text)


def _return_kind(work: Work) -> str:
    """The kind of return that advice means, by the policy's words; its catch-all where they are other words."""
    kinds = work.rules.return_kinds
    return "非本级职责" if "非本级职责" in kinds else kinds[-1]
