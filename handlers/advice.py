"""What to type next about an order, where somebody is reminded of one of its clocks."""

from collections.abc import Iterable
from typing import Final

from handlers import notices
from handlers.office import Office
from handlers.states import State
from handlers.timers import SUPERVISIONS, Kind
from storage.tables import Order


def advice(order: Order, kind: Kind) -> str | None:
    """What to type next: what meets the clock where that is allowed, else what moves the order on.

    None where nobody can do anything for this clock any more: a nudge would only be noise.
    """
    state = State(order.state)
    if state in _MEETS[kind]:
        return _urgent_advice(order) if kind is Kind.URGENT else _ADVICE[kind].format(order.id)
    if kind in _DURING_HANDLING and state in _AFTER_HANDLING:
        return None
    onward = _ONWARD.get(state)
    return onward and onward.format(order.id)


def steps(office: Office, order: Order, kinds: Iterable[Kind]) -> list[str]:
    """What to type next for these clocks, each once; while the order waits for 接单, that first.

    Of an order whose 科室 has nobody the seats are reminded: they can do nothing for its clocks but find another.
    """
    if move := notices.sending_elsewhere(office, order):
        return [f"{move}，再派给别的科室（{notices.STRANDED}）"]
    found = list(dict.fromkeys(step for kind in kinds if (step := advice(order, kind)) is not None))
    if found and order.state == State.AWAITING_ACCEPTANCE:
        found.sort(key=lambda step: _ACCEPT not in step)
        if _ACCEPT not in found[0]:
            found.insert(0, _ONWARD[State.AWAITING_ACCEPTANCE].format(order.id))
    return found


def _urgent_advice(order: Order) -> str:
    """What is still missing of 接单, 电话 and 首次联系."""
    lacking = (
        (order.accepted_at, f"/接单 {order.id}"),
        (order.phoned_at, f"/电话 {order.id} 被叫人"),
        (order.first_contact_at, f"/反馈 {order.id} 已接通 说明"),
    )
    return f"还缺 {'，'.join(step for at, step in lacking if at is None)}"


_ACCEPT: Final = "/接单"

_MEETS = {
    Kind.SIGN_OFF: {State.AWAITING_SIGNATURE},
    Kind.DISPATCH: {State.AWAITING_DISPATCH},
    Kind.RESPOND: {State.AWAITING_ACCEPTANCE, State.HANDLING, State.AWAITING_EVALUATION},
    Kind.URGENT: {State.AWAITING_ACCEPTANCE, State.HANDLING},
    Kind.CLOSE_OUT: {State.HANDLING},
    Kind.EVALUATE: {State.AWAITING_EVALUATION},
    Kind.FOUR_DAYS: {State.HANDLING},
    Kind.ADVISE: {State.AWAITING_SIGNATURE, State.AWAITING_DISPATCH},
    **{kind: {State.HANDLING} for kind in SUPERVISIONS.values()},
}
"""States in which somebody can do what meets the clock."""

_DURING_HANDLING = frozenset({Kind.RESPOND, Kind.URGENT})
_AFTER_HANDLING = frozenset({State.AWAITING_EVALUATION, State.AWAITING_CLOSURE})

_ADVICE = {
    Kind.SIGN_OFF: "/签收 {0}；不属于本街道：/退回 {0} 类别 单位 说明",
    Kind.DISPATCH: "/派单 {0} 主办科室",
    Kind.RESPOND: "联系来电人后 /反馈 {0} 已接通 说明",
    Kind.CLOSE_OUT: "/办结 {0} 解决 结果",
    Kind.EVALUATE: "/评定 {0}",
    Kind.FOUR_DAYS: "/办结 {0} 解决 结果",
    Kind.ADVISE: "/批复 {0} 派 科室，或 /批复 {0} 退 单位",
    **dict.fromkeys(SUPERVISIONS.values(), "/办结 {0} 解决 结果"),
}
"""What to type next, by clock."""

_ONWARD = {
    State.AWAITING_SIGNATURE: _ADVICE[Kind.SIGN_OFF],
    State.RETURNING: "来源系统有了结果后 /退回结果 {0} 成功 或 /退回结果 {0} 驳回",
    State.AWAITING_DISPATCH: _ADVICE[Kind.DISPATCH],
    State.AWAITING_ACCEPTANCE: "/接单 {0}；派错了：/改派 {0} 理由",
    State.AWAITING_EVALUATION: _ADVICE[Kind.EVALUATE],
    State.AWAITING_CLOSURE: "/结案 {0}；要件不足 /驳回 {0} 理由",
}
"""What to type next where the clock's own command is not allowed yet, or, for 督办, not any more."""
