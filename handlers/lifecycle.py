"""The lifecycle as one table (domain, section 2): which command is allowed where, to whom, and where it leads.

Nothing else in the program decides whether a command may touch an order. Commands that ask are not in the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from handlers.states import OPEN, State

DUTY, DEPARTMENT, REVIEWER, OFFICE = "duty", "department", "reviewer", "office"
CENTRE, LEADER, ADMIN = "centre", "leader", "admin"

_SIGNATURE, _RETURNING = State.AWAITING_SIGNATURE, State.RETURNING
_DISPATCH, _ACCEPTANCE = State.AWAITING_DISPATCH, State.AWAITING_ACCEPTANCE
_HANDLING, _EVALUATION, _CLOSURE = State.HANDLING, State.AWAITING_EVALUATION, State.AWAITING_CLOSURE
_EARLY = (_SIGNATURE, _DISPATCH)
_WORKING = (_SIGNATURE, _DISPATCH, _ACCEPTANCE, _HANDLING)


@dataclass(frozen=True, slots=True)
class Step:
    """One row: roles that may, states it is allowed in, states it may lead to (none: the state stays).

    `department` among the roles means a member of the order's 主办 科室; with `assisting` of a 协办 科室 too.
    `behalf`: a seat may only do it with `代 科室`.
    """

    who: frozenset[str]
    states: frozenset[State]
    to: tuple[State, ...] = ()
    assisting: bool = False
    behalf: bool = False


def _step(
    who: str,
    states: tuple[State, ...] | frozenset[State],
    *to: State,
    assisting: bool = False,
    behalf: bool = False,
) -> Step:
    return Step(frozenset(who.split()), frozenset(states), to, assisting, behalf)


STEPS: dict[str, Step] = {
    "签收": _step("duty", (_SIGNATURE,), _DISPATCH),
    "退回": _step("duty", _EARLY, _RETURNING),
    "退回结果": _step("duty", (_RETURNING,), State.RETURNED, _DISPATCH),
    "报备": _step("duty", _EARLY),
    "批复": _step("centre", _EARLY),
    "派单": _step("duty", (_DISPATCH,), _ACCEPTANCE),
    "电话": _step("duty", (_DISPATCH, _ACCEPTANCE, _HANDLING)),
    "接单": _step("department duty", (_ACCEPTANCE,), _HANDLING, behalf=True),
    "分办": _step("department", (_ACCEPTANCE, _HANDLING)),
    "改派": _step("department duty", (_ACCEPTANCE, _HANDLING), _DISPATCH),
    "核查": _step("duty department", _WORKING, assisting=True),
    "反馈": _step("department duty", (*_WORKING, _EVALUATION), assisting=True),
    "吹哨": _step("department office", (_HANDLING,)),
    "应哨": _step("department office", (_HANDLING,)),
    "撤哨": _step("department office", (_HANDLING,)),
    "延期": _step("department", (_HANDLING,)),
    "准延": _step("office", (_HANDLING,)),
    "驳延": _step("office", (_HANDLING,)),
    "办结": _step("department duty", (_HANDLING,), _EVALUATION, behalf=True),
    "补要件": _step("duty department office", (_EVALUATION, _CLOSURE)),
    "评定": _step("reviewer", (_EVALUATION,), _CLOSURE, _HANDLING),
    "二次确认": _step("office reviewer", (_CLOSURE,)),
    "结案": _step("office", (_CLOSURE,), State.CLOSED),
    "驳回": _step("office", (_CLOSURE,), _HANDLING),
    "重开": _step("office", (State.CLOSED,), _HANDLING),
    "挂账": _step("office", (_HANDLING, _CLOSURE), State.SUSPENDED),
    "销账": _step("office", (State.SUSPENDED,), _HANDLING),
    "作废": _step("admin", OPEN),
    "确认作废": _step("office", OPEN, State.VOID),
    "催办": _step("duty office leader", OPEN),
    "升级": _step("duty department office", OPEN),
    "督办": _step("office leader", OPEN),
    "定级": _step("duty office", OPEN),
    "标记": _step("duty office", OPEN),
    "点名": _step("duty office", OPEN),
}


ONWARD: dict[State, str] = {
    _SIGNATURE: "签收",
    _RETURNING: "退回结果",
    _DISPATCH: "派单",
    _ACCEPTANCE: "接单",
    _HANDLING: "办结",
    _EVALUATION: "评定",
    _CLOSURE: "结案",
    State.CLOSED: "重开",
    State.SUSPENDED: "销账",
}
"""The command that an order waits for in a state; none once it has ended for good."""


COMING = frozenset(
    {"吹哨", "应哨", "撤哨", "延期", "准延", "驳延", "二次确认", "挂账", "销账", "作废", "确认作废", "点名"}
)
"""Rows that are not built yet: they answer 尚未提供 and are offered to nobody."""


def allowed_in(state: State) -> Iterator[tuple[str, Step]]:
    """The built commands that the table allows in a state, in the order of an order's life."""
    return ((name, step) for name, step in STEPS.items() if state in step.states and name not in COMING)
