"""A verified message → the command → its stored replies. The same road for every platform."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from loguru import logger

from bot import metrics
from bot.chat.dropped import DroppedImports, examined_files
from bot.chat.grammar import ArgumentKind, CommandIndex, Grammar, References
from bot.chat.parser import Invocation, Misread, NotACommand, Unknown, orders_of_quote, parse
from bot.clock import Clock
from bot.desk import Desk
from bot.platforms.contract import Incoming
from bot.turns import BY_ITSELF, Turn
from config.organisation import Person
from handlers.commands.helping import welcome
from handlers.enclosures import names_order
from handlers.execution import Answered, Request, carry_out
from handlers.inbound import Message, Post, Quoted, Reply, answer, carried_out, repeat_or_keep, shown
from handlers.office import Office
from handlers.references import Reference, ShortNumber
from handlers.registry import BY_NAME, COMMANDS
from handlers.work import Place, Said
from storage.store import Job, Unit
from storage.transaction import Scope

T = TypeVar("T")
_REFERENCES = {
    "none": References.NONE,
    "one": References.ONE,
    "many": References.MANY,
    "maybe": References.ONE,
}
INDEX = CommandIndex(
    Grammar(
        command.name,
        command.aliases,
        _REFERENCES[command.orders],
        frozenset(ArgumentKind[kind.upper()] for kind in command.own_kinds),
    )
    for command in COMMANDS
)


def understood(incoming: Incoming, person: Person, chat: str) -> Request | str | None:
    """What a message asks for: a command, the sentence that it cannot be understood, or nothing (people talking)."""
    place = Place(chat)
    addressed = incoming.mentioned or incoming.button or place.private
    quoted = incoming.quote is not None or incoming.quote_text is not None
    parsed = parse(incoming.text, INDEX, addressed=addressed, quoted=quoted)
    match parsed:
        case Invocation():
            return Request(
                command=parsed.name,
                actor=person,
                place=place,
                references=parsed.references,
                rest=parsed.rest,
                from_quote=parsed.quoted,
                mentions=parsed.mentions,
            )
        case Unknown(slashed=False) if incoming.files:
            return None  # it says something of the files
        case Unknown():
            return _unknown(parsed, person)
        case Misread():
            return f"✘ {parsed.message}"
        case NotACommand():
            return None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Runs a question on a reading scope; there is nothing to undo."""

    scope: Scope

    def attempt(self, work: Callable[[Scope], T]) -> T:
        return work(self.scope)


def _nowhere(scope: Scope, text: str, said: Sequence[Said]) -> Sequence[int | None]:
    return [None] * len(said)


class Router:
    """Takes messages from people of the organisation; others get one polite line and no data."""

    def __init__(self, office: Office, desk: Desk, clock: Clock) -> None:
        self._office = office
        self._desk = desk
        self._clock = clock
        self.dropped = DroppedImports(office, desk, clock)

    async def take(
        self,
        incoming: Incoming,
        person: Person,
        chat: str,
        *,
        post: Post = _nowhere,
        stored: Quoted | None = None,
        turn: Turn = BY_ITSELF,
    ) -> list[Reply]:
        """Answer one message; returns when everything about it is durable. Raises StoreError when nothing was stored.

        `chat` is our group id, or `@PERSON` for a private chat. `post` writes message and replies where the platform
        keeps them in our store; `stored` finds the orders of the quoted message there. `turn`, which has begun, is the
        message's place among those of the same person.
        """
        message = Message(incoming.platform, incoming.message_id, chat, person, incoming.text)
        request = understood(incoming, person, chat)
        quotes = incoming.quote is not None or incoming.quote_text is not None
        importing = incoming.files and Place(chat).private and not names_order(incoming.text, request, quoted=quotes)
        if incoming.files and not importing:
            files = await examined_files(self._office, incoming.files, self._clock.now())
            message = replace(message, files=files, quotes=quotes)
        quoted = stored or (lambda scope: _quoted_text(incoming.quote_text))
        now = self._clock.now()
        prepared: Answered | None = None
        if isinstance(request, Request) and BY_NAME[request.command].reads and not message.files:
            asked = request
            await turn.alone()
            wide = BY_NAME[asked.command].wide and not (asked.references or asked.from_quote)
            prepared = await self._desk.read(lambda scope: self._ask(scope, asked, quoted), now, wide=wide)
        name = request.command if isinstance(request, Request) else "talk"

        def work(unit: Unit) -> tuple[list[Reply], Answered]:
            if prepared is not None:
                return repeat_or_keep(self._office, unit, message, request, prepared, post)
            return answer(self._office, unit, message, request, quoted, post)

        def beside(unit: Unit) -> Answered:
            return prepared or carried_out(self._office, unit, request, quoted)

        with metrics.COMMAND_SECONDS.labels(name).time():
            if importing:
                replies, answered = await self.dropped.take(message, incoming.files, request, beside, post)
            else:
                replies, answered = await self._desk.run(
                    Job(
                        work,
                        now=now,
                        actor=person.id,
                        cause=f"{incoming.platform}:{incoming.message_id}",
                        orders=_short_numbers(request.references) if isinstance(request, Request) else (),
                        message=(incoming.platform, incoming.message_id),
                    ),
                    turn.pass_on,
                )
        for number, error in answered.faults:
            logger.opt(exception=error).error("fault {} in command {}", number, name)
        metrics.FAULTS.inc(len(answered.faults))
        metrics.COMMANDS.labels(name, _result(replies, answered)).inc()
        return replies

    async def shown(self, reply: Reply) -> str:
        """A reply's text as it is given: a reference to personal data becomes plain here, and only here."""
        if reply.reveal is None:
            return reply.text
        return await self._desk.read(lambda scope: shown(self._office, scope, reply), self._clock.now())

    def _ask(self, scope: Scope, request: Request, quoted: Quoted) -> Answered:
        if request.from_quote:
            request = replace(request, quoted=quoted(scope))
        return carry_out(self._office, _Reader(scope), request)


def _result(replies: Sequence[Reply], answered: Answered) -> str:
    if answered.faults:
        return "fault"
    return "refused" if any(reply.text.startswith("✘") for reply in replies) else "ok"


def _unknown(parsed: Unknown, person: Person) -> str:
    if not parsed.slashed and not parsed.nearest:
        return welcome(person)
    name = f" /{parsed.name}" if parsed.name else "这条消息"
    near = f"是否想用 {'、'.join('/' + other for other in parsed.nearest)}？" if parsed.nearest else ""
    return f"✘ 不认识{name}。{near}/帮助 看您能用的命令"


def _short_numbers(references: Sequence[Reference]) -> tuple[int, ...]:
    return tuple(reference.value for reference in references if isinstance(reference, ShortNumber))


def _quoted_text(text: str | None) -> tuple[int, ...]:
    return () if text is None else orders_of_quote(text)
