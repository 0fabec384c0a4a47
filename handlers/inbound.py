"""An inbound message is first a row, with its replies: the same message again gets the same answer.

The row, the command's events and the replies are one transaction. A reply that shows personal data is stored as a
reference; the text is made when it is given (domain, section 8).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from config.organisation import Person
from handlers.attachments import NewFile
from handlers.commands.revealing import revealed
from handlers.enclosures import enclose, told
from handlers.execution import Answered, Request, carry_out
from handlers.office import Office
from handlers.privacy import clean, scrub
from handlers.work import Place, Said, unsealed
from storage.store import Unit
from storage.tables import Inbox
from storage.transaction import Scope

PRIVATE_TEXT = "登记"
"""The command whose arguments are personal data through and through: only its name is kept."""


@dataclass(frozen=True, slots=True)
class Message:
    """An inbound message as the store sees it: where it came from, who wrote it, its text, what it brings.

    `quotes` says whether it quotes another.
    """

    platform: str
    message_id: str
    chat: str
    person: Person
    text: str
    files: tuple[NewFile, ...] = ()
    quotes: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """One stored reply. With `reveal` the text is only a placeholder."""

    id: int | None
    text: str
    private: bool
    reveal: int | str | None = None


Post = Callable[[Scope, str, Sequence[Said]], Sequence[int | None]]
"""Writes the message and its replies where a platform keeps them in this store; gives the replies' ids."""
Quoted = Callable[[Scope], tuple[int, ...]]
"""Finds the orders of the quoted message."""


def answer(
    office: Office, unit: Unit, message: Message, request: Request | str | None, quoted: Quoted, post: Post
) -> tuple[list[Reply], Answered]:
    """Take one message: carry out the request, or say the given sentence, or only keep what people say (None)."""
    if unit.replies(message.platform, message.message_id) is not None:
        return repeat_or_keep(office, unit, message, request, Answered([]), post)
    answered = Answered([])
    if message.files:
        place = Place(message.chat)
        answered = enclose(
            office,
            unit,
            message.person,
            place,
            message.text,
            request,
            quoted if message.quotes else None,
            message.files,
        )
    done = carried_out(office, unit, request, quoted)
    answered = Answered([*answered.said, *done.said], [*answered.faults, *done.faults])
    return repeat_or_keep(office, unit, message, request, answered, post)


def carried_out(office: Office, unit: Unit, request: Request | str | None, quoted: Quoted) -> Answered:
    """What a text asks for, done: the request carried out, the given sentence, or nothing for what people say."""
    if isinstance(request, Request):
        if request.from_quote:
            request = replace(request, quoted=unit.attempt(quoted))
        return carry_out(office, unit, request)
    return Answered([] if request is None else [Said(request)])


def repeat_or_keep(
    office: Office, unit: Unit, message: Message, request: Request | str | None, answered: Answered, post: Post
) -> tuple[list[Reply], Answered]:
    """Store an answer that was made by a reader, unless the message was answered before."""
    stored = unit.replies(message.platform, message.message_id)
    if stored is not None:
        return _replies(stored), Answered([])
    return unit.attempt(lambda scope: keep(office, scope, message, request, answered, post)), answered


def keep(
    office: Office, scope: Scope, message: Message, request: Request | str | None, answered: Answered, post: Post
) -> list[Reply]:
    """Store the message, masked, and its replies; returns them as they will be given again."""
    # Only what was typed can name the caller; everything else that replies say is masked already.
    named = (isinstance(request, Request) and request.rest) or message.files
    own = _own(office, scope, answered.said) if named else ()
    typed = f"/{PRIVATE_TEXT} …" if _is_private(request) else clean_message(message.text, own)
    if message.files:
        typed = f"{clean(told(message.files), own=own)}\n{typed}".rstrip()
    said = [replace(item, text=scrub(item.text, own=own)) for item in answered.said]
    ids = post(scope, typed, said)
    replies = [
        {"id": number, "text": item.text, "private": item.private, "reveal": item.reveal}
        for number, item in zip(ids, said, strict=True)
    ]
    scope.insert(
        Inbox,
        platform=message.platform,
        message_id=message.message_id,
        at=scope.now,
        chat=message.chat,
        person=message.person.id,
        text=typed,
        replies=replies,
    )
    return _replies(replies)


def shown(office: Office, scope: Scope, reply: Reply) -> str:
    """The reply's text as it is given: a reference becomes the plain values now."""
    return reply.text if reply.reveal is None else revealed(office, scope, reply.reveal)


def clean_message(text: str, own: Sequence[str] = ()) -> str:
    """What a person typed, masked; it stays readable as a command, because that is what it was."""
    return scrub(text.replace("\x00", ""), own=own)


def _replies(stored: Sequence[dict[str, Any]]) -> list[Reply]:
    return [Reply(item["id"], item["text"], item["private"], item["reveal"]) for item in stored]


def _is_private(request: Request | str | None) -> bool:
    return isinstance(request, Request) and request.command == PRIVATE_TEXT


def _own(office: Office, scope: Scope, said: Sequence[Said]) -> tuple[str, ...]:
    """Names and phones of the callers whose orders the message is about."""
    found: list[str] = []
    for order in dict.fromkeys(number for item in said for number in item.orders):
        personal = unsealed(office, scope, order)
        if personal is not None:
            found += [value for value in (personal.name, personal.phone) if value]
    return tuple(found)
