"""What the source says about an order, against what was asserted here (domain, sections 2 and 9)."""

from config.rules import Rules
from handlers.states import State

RECEIVED, SIGNED, DISPATCHED, FINISHED = 0, 1, 2, 4
_LOCAL_RANK = {
    State.AWAITING_SIGNATURE: RECEIVED,
    State.AWAITING_DISPATCH: SIGNED,
    State.AWAITING_ACCEPTANCE: DISPATCHED,
    State.HANDLING: DISPATCHED,
    State.AWAITING_EVALUATION: DISPATCHED,
    State.AWAITING_CLOSURE: DISPATCHED,
    State.CLOSED: FINISHED,
}
"""How far the steps that mirror the source's system have come here; absent states make no such claim."""

_UPSTREAM_RANK = {"待签收": RECEIVED, "签收": SIGNED, "派单": DISPATCHED, "办理": 3, "办结": FINISHED}
"""How far the source's system says it is, by the step that policy maps its word to."""


RETURN_GRANTED, RETURN_REFUSED = "退回成功", "退回驳回"
OPEN_STEPS = frozenset({"待签收", "签收", "派单", "办理"})
"""Steps that say an order is being handled; on a closed order they reopen it."""


def step_of(rules: Rules, status: str) -> str | None:
    """The step that policy maps an upstream word to; None for a blank or unknown word."""
    return rules.upstream_step(status)


def finished(rules: Rules, status: str) -> bool:
    """Whether the upstream word means that the order is over."""
    return status in rules.finished_words


def contradiction(rules: Rules, state: str, status: str) -> str:
    """One line that names the contradiction, or an empty one. A blank or unknown upstream word contradicts nothing."""
    step = step_of(rules, status)
    theirs = _UPSTREAM_RANK.get(step or "")
    ours = _LOCAL_RANK.get(State(state))
    if theirs is None or ours is None or ours == RECEIVED:
        return ""
    if theirs < ours:
        return f"本地“{state}”，来源系统仍为“{status}”"
    if theirs == FINISHED and ours != FINISHED:
        return f"本地“{state}”，来源系统已为“{status}”"
    return ""
