"""登记: an order typed or pasted into the chat."""

from handlers import clocks
from handlers.arguments import Arguments
from handlers.intake.accept import Result
from handlers.intake.orders import RejectedRow
from handlers.intake.register import take_in
from handlers.intake.rows import from_text
from handlers.refusal import Misused
from handlers.work import Said, Work


def register(work: Work, arguments: Arguments) -> Said:
    """登记 from `列名：值` lines or a pasted header and row (domain, section 9). 工单编号 is required."""
    row = from_text(arguments.optional_rest(), noise=work.rules.title_noise)
    if isinstance(row, RejectedRow):
        raise Misused("；".join(row.errors))
    taken = take_in(work.office, work.scope, [row], origin="登记", actor=work.actor)[0]
    order = taken.order
    if taken.result is Result.UNCHANGED:
        return Said(f"【#{order.id}】{order.number} 已经登记过，内容没有变化，状态：{order.state}", orders=(order.id,))
    text = work.render(
        "reply_registered",
        order=order,
        new=taken.result is Result.NEW,
        changes=taken.changes,
        clocks=clocks.upcoming(work.scope, order),
        warnings=taken.warnings,
    )
    return Said(text, orders=(order.id,))
