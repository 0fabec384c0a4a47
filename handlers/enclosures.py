"""A message with files: which order it means, and what becomes of the files there.

The order is that of the command beside them, of the quote, or the one that the text begins with.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

from config.organisation import Person
from handlers.attachments import NewFile, attach, plain_name
from handlers.execution import Answered, Attempts, Request, guarded, quoted_order
from handlers.lookup import find
from handlers.office import Office
from handlers.references import Misread, Reference, fold, read_reference
from handlers.refusal import Refusal
from handlers.work import Place, Said, Work
from storage.transaction import Scope

NOWHERE: Final = (
    "没有说是哪件工单，文件没有保存：请引用那件工单的消息再发，或在说明里先写单号，例如 12 现场照片；"
    "要导入工单，请在与我的私聊里发表格（.xls .xlsx .csv）"
)


_FIRST_WORD: Final = re.compile(r"[^\s,、:]+")


def names_order(text: str, request: Request | str | None, *, quoted: bool) -> bool:
    """Whether a message with files says which order they belong to."""
    return quoted or _reference(text, request) is not None


def enclose(
    office: Office,
    unit: Attempts,
    actor: Person,
    place: Place,
    text: str,
    request: Request | str | None,
    quoted: Callable[[Scope], tuple[int, ...]] | None,
    files: Sequence[NewFile],
) -> Answered:
    """Keep the files with the order that is meant; never raises for what the message got wrong.

    `quoted` finds the orders of the quoted message, None where none was quoted.
    """
    answered = Answered([])

    def work(scope: Scope) -> Said:
        order = _target(scope, text, request, quoted)
        work = Work(office, scope, actor, place)
        try:
            return attach(work, work.order(order), files)
        except Refusal as refusal:
            return Said(f"✘ 【#{order}】没有存入附件：{refusal.message}", orders=(order,))

    answered.said.append(guarded(answered, unit, work))
    return answered


def told(files: Sequence[NewFile]) -> str:
    """The line that stands in the message for its files; the names are masked with the rest of it."""
    return "附件：" + "、".join(plain_name(file.name) or "未命名" for file in files)


def _target(
    scope: Scope, text: str, request: Request | str | None, quoted: Callable[[Scope], tuple[int, ...]] | None
) -> int:
    reference = _reference(text, request)
    if isinstance(reference, Misread):
        raise Refusal(f"文件没有保存：{reference.message}")
    if reference is not None:
        return find(scope, reference)
    if quoted is None:
        raise Refusal(NOWHERE)
    return quoted_order(quoted(scope))


def _reference(text: str, request: Request | str | None) -> Reference | Misread | None:
    if isinstance(request, Request):
        if len(request.references) > 1:
            return Misread(f"说明里写了 {len(request.references)} 件工单，附件一次只能存进一件")
        return request.references[0] if request.references else None
    first = _FIRST_WORD.match(fold(text).lstrip())
    return read_reference(first[0]) if first else None
