"""Facts beside the state: 定级, 标记."""

from config.rules import Rules
from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.lifecycle import OFFICE
from handlers.notices import Audience
from handlers.permission import holders
from handlers.records import CONFIDENTIAL, FROM_SOURCE, remark
from handlers.refusal import Misused, Refusal
from handlers.relevelling import relevel
from handlers.work import Work
from storage.tables import Fact, Order

LEVELS = ("紧急", "一般", "疑难")

OWN_COMMAND = {
    "督办": "督办不用标记：由综合科、街道领导 /督办 {0} 市|区|街道 截止时间，取消也用 /督办",
    "报备": "报备不用标记：由值班坐席 /报备 {0} 事由，分中心批复或派单、退回后自然结束",
}
"""Facts that only their own command sets and clears, with its clock, by those who may use it."""


def markable(rules: Rules) -> tuple[str, ...]:
    """What /标记 may set or clear, whatever else the office's list names."""
    return tuple(name for name in rules.facts if name not in OWN_COMMAND)


def set_level(work: Work, order: Order, arguments: Arguments) -> str:
    """定级: another level, with the reason; running limits that depend on it begin anew (docs/decisions.md)."""
    level = arguments.choice("级别", LEVELS)
    reason = work.clean(arguments.rest("理由"), order)
    if level == order.level:
        raise Refusal(f"现在就是“{level}”，不用再定")
    former, order.level = order.level, level
    relevel(work.office, work.scope, order)
    remark(work, order, "定级", f"{former} → {level}：{reason}", former=former)
    work.scope.record("定级", order, former=former, level=level, reason=reason)
    departments = (order.department,) if order.department else ()
    people = notices.next_to_act(work.office, order) if level == clocks.URGENT_LEVEL else ()
    audience = Audience((notices.DISPATCH,), departments, people)
    running = clocks.upcoming(work.scope, order)
    notices.announce(work, order, "levelled", audience, former=former, reason=reason, clocks=running)
    return work.render("reply_levelled", order=order, former=former, clocks=running)


def flag(work: Work, order: Order, arguments: Arguments) -> str:
    """标记: a fact is set, or with 取消 cleared; 剔除 needs its category. 保密 hides the caller from /揭示 too."""
    rules = work.rules
    if own := arguments.optional_choice(OWN_COMMAND):
        raise Refusal(own.format(order.id))
    name = arguments.choice("事实", markable(rules))
    words = work.clean(arguments.optional_rest(), order).split()
    clear = "取消" in words
    value = " ".join(word for word in words if word != "取消")
    if name in rules.facts_with_category and not (clear or value):
        raise Misused(f"{name}要写类别")
    held = next((fact for fact in work.scope.rows(Fact, order.id) if fact.name == name), None)
    if name == CONFIDENTIAL:
        _guard(work, order, held, clear=clear)
    if clear:
        _clear(work, held, name)
    else:
        _set(work, order, held, name, value)
    if name == CONFIDENTIAL:
        order.confidential = not clear
    work.scope.record("标记", order, name=name, value=value, cleared=clear)
    return work.render("reply_flagged", order=order, name=name, value=value, cleared=clear)


def _guard(work: Work, order: Order, held: Fact | None, *, clear: bool) -> None:
    """保密 is what the caller asked for: whoever could reveal the caller afterwards must not be able to lift it."""
    if clear and OFFICE not in work.actor.roles:
        raise Refusal(f"保密只能由{holders(work.office, OFFICE, order)}取消，您（{work.actor.name}）没有这个职责")
    if held is not None and held.cleared_at is None and held.value == FROM_SOURCE:
        cannot = "，谁都不能取消" if clear else "，不用再标记"
        raise Refusal(f"保密是{FROM_SOURCE}带来的，来电人要求的{cannot}")


def _clear(work: Work, held: Fact | None, name: str) -> None:
    if held is None or held.cleared_at is not None:
        raise Refusal(f"没有标记过{name}，不用取消")
    held.cleared_at = work.now


def _set(work: Work, order: Order, held: Fact | None, name: str, value: str) -> None:
    if held is None:
        work.scope.add(Fact(order_id=order.id, name=name, value=value, by=work.actor.id, at=work.now))
        return
    if held.cleared_at is None and held.value == value:
        raise Refusal(f"已经标记过{name}{value}")
    held.value, held.by, held.at, held.cleared_at = value, work.actor.id, work.now, None
