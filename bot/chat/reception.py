"""Where verified messages of chat platforms arrive: who is it, which group, what answer, and the answer's way back.

Answers leave through the outbox like everything else: a message that was taken is answered, whatever happens to this
process or to the line.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa
from loguru import logger

from bot.chat.offering import next_steps
from bot.chat.parser import Invocation, orders_of_quote, parse
from bot.chat.router import INDEX, Router
from bot.clock import Clock
from bot.desk import Desk
from bot.directory import Directory
from bot.platforms.contract import Action, Incoming
from bot.platforms.splitting import without_surrogates
from bot.turns import Speaking
from config.organisation import Group, Person
from handlers import binding
from handlers.commands.binding import WORDS
from handlers.inbound import Post, Quoted, Reply
from handlers.office import Office
from handlers.work import SYSTEM, Said
from storage import outbox
from storage.columns import table
from storage.outbox import Priority
from storage.store import Job, Unit
from storage.tables import Inbox, Outbox, Seen
from storage.transaction import Scope

STRANGER: Final = timedelta(hours=1)
"""★ How often somebody outside the organisation, or a group without a purpose, gets its one polite line."""
LONGEST_ID: Final = 400
"""Characters of a platform's id that is kept as it is; a longer one, which no platform has, becomes its hash."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Queues the answers to one message where it was written, private ones in private: a `Post`."""

    incoming: Incoming
    person: str
    chat: str

    def __call__(self, scope: Scope, text: str, said: Sequence[Said]) -> Sequence[None]:
        """Insert the outbox rows in the command's own transaction."""
        for item in said:
            private = item.private or self.chat.startswith("@")
            audience = f"@{self.person}" if private else self.chat
            content: dict[str, Any] = {}
            # Personal data go to the person's own chat by its id, never to where a message says that it came from,
            # unless the platform itself has signed that.
            safe = item.reveal is None or self.incoming.proven
            if self.incoming.reply is not None and audience == self.chat and safe:
                content["reply"] = dict(self.incoming.reply)
            if item.reveal is not None:
                content["reveal"] = item.reveal
            outbox.queue(
                scope,
                kind="reply",
                priority=Priority.REPLY,
                endpoints=[f"{self.incoming.platform}:{audience}"],
                audience=audience,
                text=item.text,
                mentions=() if private else (self.person,),
                orders=item.orders,
                content=content or None,
            )
        return [None] * len(said)


class Reception:
    """Takes messages from people of the organisation in groups of the organisation; others get one polite line, and
    whoever gives a good one-time code is bound."""

    def __init__(self, office: Office, router: Router, directory: Directory, desk: Desk, clock: Clock) -> None:
        self._office = office
        self._router = router
        self._directory = directory
        self._desk = desk
        self._clock = clock
        self._redeeming = asyncio.Lock()
        self._speaking = Speaking()

    async def take(self, incoming: Incoming) -> list[str]:
        """Take one message; a `Receive`. Raises StoreError."""
        incoming = _storable(incoming)
        # What was unbound elsewhere a moment ago must not count any more: nothing is remembered between messages.
        await self._desk.read(self._directory.load, self._clock.now())
        person = self._directory.person(incoming.platform, incoming.account)
        group = None if incoming.chat is None else self._directory.group(incoming.platform, incoming.chat)
        if (code := _code_in(incoming)) is not None:
            return await self._redeem(incoming, code, person, group)
        if person is None:
            return await self._polite(incoming, self._office.texts.render("stranger"))
        if incoming.chat is not None and group is None:
            return await self._polite(incoming, self._office.texts.render("unbound_chat"))
        chat = f"@{person.id}" if group is None else group.id
        self._directory.wrote(person.id, incoming.platform)
        replies = await self._router.take(
            incoming,
            person,
            chat,
            post=Answers(incoming, person.id, chat),
            stored=None if incoming.quote is None else partial(_orders_of, incoming=incoming),
        )
        return [reply.text for reply in replies]

    async def converse(self, incoming: Incoming, *, post: Post, stored: Quoted) -> list[Reply]:
        """Take one message of a platform whose accounts and chats are ours, and which keeps its messages in our store:
        the console. What one person says is taken in the order in which it was said, as `Taking` does it for the other
        platforms; here the next goes on once the last stands in the writer's queue, so that one commit takes many.

        Raises StoreError, and LookupError for an account that is nobody's.
        """
        person = self._office.organisation.person(incoming.account)
        if person is None:
            raise LookupError(incoming.account)
        chat = f"@{person.id}" if incoming.chat is None else incoming.chat
        with self._speaking.turn(person.id) as turn:
            await turn.begin()
            return await self._router.take(incoming, person, chat, post=post, stored=stored, turn=turn)

    async def knows(self, platform: str, native: str) -> bool:
        """Whether an account or chat is ours, as the store has it now; a `Knows`. Raises StoreError."""
        await self._desk.read(self._directory.load, self._clock.now())
        person, group = self._directory.person(platform, native), self._directory.group(platform, native)
        return person is not None or group is not None

    async def offered(self, incoming: Incoming) -> tuple[Action, ...]:
        """What the card of a pressed button may offer next where it was pressed; an `Offered`. Raises StoreError."""
        chat = incoming.chat
        if chat is None:
            return ()

        def look(scope: Scope) -> tuple[Action, ...]:
            self._directory.load(scope)
            group = self._directory.group(incoming.platform, chat)
            return () if group is None else next_steps(self._office, scope, incoming.text, group)

        return await self._desk.read(look, self._clock.now())

    async def _redeem(self, incoming: Incoming, code: str, person: Person | None, group: Group | None) -> list[str]:
        offer = binding.Offer(
            platform=incoming.platform,
            account=incoming.account,
            chat=incoming.chat,
            typed=code,
            person=person,
            group=None if group is None else group.id,
        )
        # One after the other: what one job of a batch wrote the next does not see, and tries must be counted.
        async with self._redeeming:
            said = await self._answer(incoming, person, lambda scope: binding.redeem(self._office, scope, offer))
            await self._desk.read(self._directory.load, self._clock.now())
        return said

    async def _polite(self, incoming: Incoming, line: str) -> list[str]:
        """One line where it was written, without data, and not again within `STRANGER`; only to who spoke to us."""
        if not (incoming.mentioned or incoming.chat is None):
            return []

        def once(scope: Scope) -> str | None:
            seen, now = table(Seen), scope.now
            platform, nonce = f"礼貌:{incoming.platform}", f"{_where(incoming)} {incoming.account}"
            query = sa.select(seen.c.at).where(seen.c.platform == platform, seen.c.nonce == nonce)
            last = scope.connection.execute(query).scalar_one_or_none()
            if last is not None and now - last < STRANGER:
                return None
            old = seen.c.platform == platform, seen.c.at <= now - STRANGER, seen.c.nonce != nonce
            scope.execute(sa.delete(seen).where(*old))
            scope.place(Seen, (platform, nonce), {"digest": "", "at": now})
            return line

        said = await self._answer(incoming, None, once)
        logger.bind(platform=incoming.platform).info(
            "a message from outside the organisation, answered: {}", said != []
        )
        return said

    async def _answer(
        self, incoming: Incoming, person: Person | None, work: Callable[[Scope], str | None]
    ) -> list[str]:
        """Answer a message that is no business of the work, where it was written. Of its text nothing is kept; the
        same message again gets the same answer."""
        where = _where(incoming)

        def take(scope: Scope) -> list[str]:
            text = work(scope)
            said = [] if text is None else [text]
            for line in said:
                outbox.queue(
                    scope,
                    kind="reply",
                    priority=Priority.REPLY,
                    endpoints=[f"{incoming.platform}:{where}"],
                    audience=where,
                    text=line,
                    content=None if incoming.reply is None else {"reply": dict(incoming.reply)},
                )
            scope.insert(
                Inbox,
                platform=incoming.platform,
                message_id=incoming.message_id,
                at=scope.now,
                chat=where,
                person="" if person is None else person.id,
                text="",
                replies=[{"id": None, "text": line, "private": False, "reveal": None} for line in said],
            )
            return said

        def once(unit: Unit) -> list[str]:
            stored = unit.replies(incoming.platform, incoming.message_id)
            return unit.attempt(take) if stored is None else [item["text"] for item in stored]

        job = Job(
            once,
            now=self._clock.now(),
            actor=SYSTEM if person is None else person.id,
            cause=f"{incoming.platform}:{incoming.message_id}",
            message=(incoming.platform, incoming.message_id),
        )
        return await self._desk.run(job)


def _storable(incoming: Incoming) -> Incoming:
    """The same message without what no database takes: zero bytes, halves of surrogate pairs, ids without end."""
    return replace(
        incoming,
        message_id=_id(incoming.message_id),
        chat=None if incoming.chat is None else _id(incoming.chat),
        account=_id(incoming.account),
        text=_clean(incoming.text),
        quote=None if incoming.quote is None else _id(incoming.quote),
        quote_text=None if incoming.quote_text is None else _clean(incoming.quote_text),
        reply=None if incoming.reply is None else {_clean(k): _clean(v) for k, v in incoming.reply.items()},
    )


def _clean(text: str) -> str:
    return without_surrogates(text).replace("\x00", "\ufffd")


def _id(text: str) -> str:
    if len(text) <= LONGEST_ID and _clean(text) == text:
        return text
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()  # two ids never become one


def _where(incoming: Incoming) -> str:
    """The place by the platform's own id: what an endpoint says after its platform."""
    return f"=@{incoming.account}" if incoming.chat is None else f"={incoming.chat}"


def _code_in(incoming: Incoming) -> str | None:
    """The one-time code of `/绑定 CODE`, from anybody; None for everything else, the command's other forms too."""
    addressed = incoming.mentioned or incoming.chat is None
    parsed = parse(incoming.text, INDEX, addressed=addressed, quoted=False)
    if not isinstance(parsed, Invocation) or parsed.name != "绑定":
        return None
    words = parsed.rest.split()
    return words[0] if len(words) == 1 and words[0] not in WORDS else None


def _orders_of(scope: Scope, incoming: Incoming) -> tuple[int, ...]:
    """The orders that the quoted message of ours speaks of; of one that is not in the store, those that its first line
    names (platforms give ids of messages that did not come from us, or other ids than at the sending)."""
    box = table(Outbox)
    mine = box.c.remote_id == incoming.quote, box.c.endpoint.startswith(f"{incoming.platform}:", autoescape=True)
    found = scope.connection.execute(sa.select(box.c.orders).where(*mine)).scalars().first()
    if found is None:
        return () if incoming.quote_text is None else orders_of_quote(incoming.quote_text)
    return tuple(found)
