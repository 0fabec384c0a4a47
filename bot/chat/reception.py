"""Where verified messages of chat platforms arrive: who is it, which group, what answer, and the answer's way back.

Answers leave through the outbox like everything else: a message that was taken is answered, whatever happens to this
process or to the line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from loguru import logger

from bot.chat.parser import orders_of_quote
from bot.chat.router import Router
from bot.clock import Clock
from bot.desk import Desk
from bot.directory import Directory
from bot.platforms.contract import Incoming
from config.organisation import Person
from handlers.office import Office
from handlers.work import Said
from storage import outbox
from storage.columns import table
from storage.outbox import Priority
from storage.store import Job
from storage.tables import Outbox, Seen
from storage.transaction import Scope

STRANGER: Final = timedelta(hours=1)
"""★ How often somebody outside the organisation, or a group without a purpose, gets its one polite line."""


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
            if self.incoming.reply is not None and audience == self.chat:
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
    """Takes messages from people of the organisation in groups of the organisation; others get one polite line."""

    def __init__(self, office: Office, router: Router, directory: Directory, desk: Desk, clock: Clock) -> None:
        self._office = office
        self._router = router
        self._directory = directory
        self._desk = desk
        self._clock = clock

    async def take(self, incoming: Incoming) -> list[str]:
        """Take one message; a `Receive`. Raises StoreError."""
        person, chat = await self._known(incoming)
        if person is None:
            return await self._polite(incoming, self._office.texts.render("stranger"))
        if chat is None:
            return await self._polite(incoming, self._office.texts.render("unbound_chat"))
        replies = await self._router.take(
            incoming,
            person,
            chat,
            post=Answers(incoming, person.id, chat),
            stored=None if incoming.quote is None else partial(_orders_of, incoming=incoming),
        )
        return [reply.text for reply in replies]

    async def knows(self, platform: str, native: str) -> bool:
        """Whether an account or chat is ours, as the store has it now; a `Knows`. Raises StoreError."""
        await self._desk.read(self._directory.load, self._clock.now())
        person, group = self._directory.person(platform, native), self._directory.group(platform, native)
        return person is not None or group is not None

    async def _known(self, incoming: Incoming) -> tuple[Person | None, str | None]:
        """Our person and our chat; what is not known is looked for in the store once more."""
        found = self._look_up(incoming)
        if None in found:
            await self._desk.read(self._directory.load, self._clock.now())
            found = self._look_up(incoming)
        return found

    def _look_up(self, incoming: Incoming) -> tuple[Person | None, str | None]:
        person = self._directory.person(incoming.platform, incoming.account)
        if incoming.chat is None:
            return person, None if person is None else f"@{person.id}"
        group = self._directory.group(incoming.platform, incoming.chat)
        return person, None if group is None else group.id

    async def _polite(self, incoming: Incoming, line: str) -> list[str]:
        """One line where it was written, without data, and not again within `STRANGER`; only to who spoke to us."""
        if not (incoming.mentioned or incoming.chat is None):
            return []
        where = f"=@{incoming.account}" if incoming.chat is None else f"={incoming.chat}"
        nonce = f"polite:{incoming.account}:{where}"
        now = self._clock.now()

        def say(scope: Scope) -> bool:
            seen = table(Seen)
            query = sa.select(seen.c.at).where(seen.c.platform == incoming.platform, seen.c.nonce == nonce)
            last = scope.connection.execute(query).scalar_one_or_none()
            if last is not None and now - last < STRANGER:
                return False
            scope.place(Seen, (incoming.platform, nonce), {"digest": "", "at": now})
            outbox.queue(
                scope,
                kind="polite",
                priority=Priority.REPLY,
                endpoints=[f"{incoming.platform}:{where}"],
                audience=where,
                text=line,
                content=None if incoming.reply is None else {"reply": dict(incoming.reply)},
            )
            return True

        cause = f"{incoming.platform}:{incoming.message_id}"
        said = await self._desk.run(Job(lambda unit: unit.attempt(say), now=now, cause=cause))
        logger.bind(platform=incoming.platform).info("a message from outside the organisation, answered: {}", said)
        return [line] if said else []


def _orders_of(scope: Scope, incoming: Incoming) -> tuple[int, ...]:
    """The orders that the quoted message of ours speaks of; of one that is not in the store, those that its first line
    names (platforms give ids of messages that did not come from us, or other ids than at the sending)."""
    box = table(Outbox)
    mine = box.c.remote_id == incoming.quote, box.c.endpoint.startswith(f"{incoming.platform}:", autoescape=True)
    found = scope.connection.execute(sa.select(box.c.orders).where(*mine)).scalars().first()
    if found is None:
        return () if incoming.quote_text is None else orders_of_quote(incoming.quote_text)
    return tuple(found)
