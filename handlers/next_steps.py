"""What a person may type next about an order, ready to send but for the words in it."""

from typing import Final

from config.organisation import Person
from handlers import notices
from handlers.lifecycle import STEPS, allowed_in
from handlers.office import Office
from handlers.permission import is_seat_for, may
from handlers.states import State
from handlers.work import department_name
from storage.tables import Order

MOST: Final = 6


def next_steps(office: Office, actor: Person, order: Order) -> list[str]:
    """Commands with the number filled in, the one that is most likely wanted first, at most `MOST`."""
    allowed = [name for name, step in allowed_in(State(order.state)) if may(actor, order, step)]
    if notices.is_stranded(office, order):
        # Nobody gives a seat the word for a 科室 that is no more or has nobody left: it can only go to another one.
        allowed = [name for name in allowed if not is_seat_for(actor, order, STEPS[name])]
        allowed.sort(key=lambda name: (name != "改派", _place(order, name)))
    else:
        allowed.sort(key=lambda name: _place(order, name))
    return [_typed(office, actor, order, name) for name in allowed[:MOST]]


def _place(order: Order, name: str) -> int:
    if name == "电话" and order.level == "紧急" and order.phoned_at is None:
        return -2
    if name == "办结" and order.reached:
        return -1
    return _LIKELY.index(name) if name in _LIKELY else len(_LIKELY)


def _typed(office: Office, actor: Person, order: Order, name: str) -> str:
    behalf = f"代 {department_name(office, order.department)}" if is_seat_for(actor, order, STEPS[name]) else ""
    return " ".join(part for part in (f"/{name}", str(order.id), behalf, _WORDS.get(name, "")) if part)


_LIKELY: Final = (
    *("签收", "派单", "接单", "退回结果", "评定", "结案"),
    *("退回", "驳回", "反馈", "办结", "电话", "改派"),
    *("补要件", "核查", "重开", "升级", "催办"),
)
"""What moves an order on, before what turns it back, before what only records."""

_WORDS: Final = {
    "退回": "类别 单位 说明",
    "退回结果": "成功",
    "派单": "主办科室",
    "电话": "被叫人",
    "改派": "理由",
    "核查": "结果",
    "反馈": "已接通 说明",
    "办结": "解决 结果",
    "补要件": "结果 内容",
    "驳回": "理由",
    "重开": "理由",
    "升级": "理由",
}
"""What stands after the number, as an example of the usage."""
