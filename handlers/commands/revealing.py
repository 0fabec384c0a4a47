"""揭示: plain personal data, only in private, to a role that needs it, with a reason; the showing is an event."""

from handlers.arguments import Arguments
from handlers.binding import code_text
from handlers.office import Office
from handlers.refusal import Refusal
from handlers.work import Said, Work, unsealed
from storage.tables import Order
from storage.transaction import Scope

_ROLES = frozenset({"duty", "reviewer"})


def reveal(work: Work, order: Order, arguments: Arguments) -> Said:
    """Record the showing; the answer is a reference, made into text only when it is sent (domain, section 8)."""
    reason = work.clean(arguments.rest("事由"), order)
    own = "department" in work.actor.roles and work.actor.department is not None
    if not (work.actor.roles & _ROLES or (own and work.actor.department in (order.department, *order.assisting))):
        raise Refusal("揭示只给值班坐席、复核专员和本工单的科室")
    if order.confidential:
        raise Refusal("来电人要求保密，个人信息不予揭示：请按“无法联系”记录反馈，或由市级中心转达")
    if work.personal(order) is None:
        raise Refusal("这个工单没有保存个人信息，或已按规定删除")
    work.scope.record("揭示", order, reason=reason)
    return Said(placeholder(order.id), orders=(order.id,), private=True, reveal=order.id)


def placeholder(order: int) -> str:
    """What is stored in place of the shown data."""
    return f"【#{order}】个人信息已在本条消息中展示给您；内容不留存，再看请重新 /揭示"


def revealed(office: Office, scope: Scope, reference: int | str) -> str:
    """The plain text behind a reference, for a private chat only: an order's name, phone, raw title and content; or a
    one-time code (`handlers.binding`)."""
    if isinstance(reference, str):
        return code_text(office, scope, reference)
    return _personal(office, scope, reference)


def _personal(office: Office, scope: Scope, order: int) -> str:
    personal = unsealed(office, scope, order)
    if personal is None:
        return f"【#{order}】个人信息已按规定删除"
    return office.texts.render("revealed", now=scope.now, order=order, personal=personal)
