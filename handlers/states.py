"""The eleven states of an order (domain, section 2)."""

from enum import StrEnum


class State(StrEnum):
    """Where an order stands; the value is what the store holds and what people read."""

    AWAITING_SIGNATURE = "待签收"
    RETURNING = "退回中"
    RETURNED = "已退回"
    AWAITING_DISPATCH = "待派单"
    AWAITING_ACCEPTANCE = "待接单"
    HANDLING = "办理中"
    AWAITING_EVALUATION = "待评定"
    AWAITING_CLOSURE = "待结案"
    CLOSED = "已结案"
    SUSPENDED = "挂账"
    VOID = "作废"


ENDED = frozenset({State.RETURNED, State.CLOSED, State.VOID})
OPEN = frozenset(State) - ENDED
"""Every state but 已退回, 已结案, 作废."""
