"""What the source says about an order, against what was asserted here (domain, sections 2 and 9)."""

from collections.abc import Mapping
from enum import StrEnum

from config.rules import Rules
from handlers.states import State

_RECEIVED, _SIGNED, _DISPATCHED, _HANDLING, _FINISHED = range(5)

_CLAIMS = {
    State.RETURNING: (_SIGNED, "已申请退回"),
    State.RETURNED: (_FINISHED, "已退回"),
    State.AWAITING_DISPATCH: (_SIGNED, "已签收"),
    State.AWAITING_ACCEPTANCE: (_DISPATCHED, "已派单"),
    State.HANDLING: (_DISPATCHED, "已派单"),
    State.AWAITING_EVALUATION: (_DISPATCHED, "已派单"),
    State.AWAITING_CLOSURE: (_DISPATCHED, "已派单"),
    State.CLOSED: (_FINISHED, "已结案"),
}
"""How far the steps that mirror the source's system have come here, and the step that says so.

待签收 asserts nothing; neither do 挂账 and 作废, which the source does not know.
"""

_UPSTREAM_RANK = {"待签收": _RECEIVED, "签收": _SIGNED, "派单": _DISPATCHED, "办理": _HANDLING, "办结": _FINISHED}
"""How far the source's system says it is, by the step that policy maps its word to."""

_RETURN_GRANTED, _RETURN_REFUSED, _DONE = "退回成功", "退回驳回", "办结"


class Decision(StrEnum):
    """What the source's own system decided about an order, for us to follow."""

    RETURN_GRANTED = "退回成功"
    RETURN_REFUSED = "退回驳回"
    REOPENED = "重开"


_MIRRORED: Mapping[str, int] = {"签收": _SIGNED, "派单": _DISPATCHED, "结案": _FINISHED}
"""How far the source's system has come when it has a step, too, that mirrors one of its own."""


def shows(rules: Rules, status: str, command: str) -> bool:
    """Whether the upstream word says that this step of ours was done there, too: then it is not to be taken back here.

    A return shows when it was granted; a refusal may be of an earlier one, and what it decides is an event of its own.
    """
    step = rules.upstream_step(status)
    if command == "退回":
        return step == _RETURN_GRANTED
    theirs = _FINISHED if finished(rules, status) else _UPSTREAM_RANK.get(step or "", _RECEIVED)
    return command in _MIRRORED and theirs >= _MIRRORED[command]


def finished(rules: Rules, status: str) -> bool:
    """Whether the upstream word means that the order is over."""
    return status in rules.finished_words


def decision(rules: Rules, state: str, before: str, status: str, *, over: bool = False) -> Decision | None:
    """What the change of the upstream word from `before` to `status` decides for an order in this state, if anything.

    A closed order is reopened only when the source itself had it finished before: one that was never finished there
    is behind ours, which is a contradiction and nobody's decision. `over` says that something else than the word
    `before` showed it finished there, which the source does not say any more.
    """
    step = rules.upstream_step(status)
    if before == status or step is None:
        return None
    if state == State.RETURNING and step in (_RETURN_GRANTED, _RETURN_REFUSED):
        return Decision(step)
    was_finished = over or rules.upstream_step(before) == _DONE or finished(rules, before)
    if state == State.CLOSED and was_finished and _UPSTREAM_RANK.get(step, _FINISHED) < _FINISHED:
        return Decision.REOPENED
    return None


def contradiction(rules: Rules, state: str, status: str) -> str:
    """One line that names the contradiction, or an empty one. A blank or unknown upstream word contradicts nothing.

    It names the step that was asserted, not the state, so that it stays the same until the next such step.
    """
    step, claim = rules.upstream_step(status), _CLAIMS.get(State(state))
    if step is None or claim is None:
        return ""
    ours, said = claim
    if step == _RETURN_GRANTED:
        return "" if state in (State.RETURNED, State.RETURNING) else f"来源系统为“{status}”，本地没有退回"
    theirs = _UPSTREAM_RANK.get(step)
    if theirs is None:
        return ""
    if theirs < ours:
        return f"本地{said}，来源系统为“{status}”"
    if theirs == _FINISHED and ours != _FINISHED:
        return f"来源系统为“{status}”，本地没有结案"
    return ""
