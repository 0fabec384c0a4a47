"""Who and what a platform's ids are: the organisation file's accounts and chats, and what was bound since."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa
from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import SystemClock
from bot.desk import Desk
from config.organisation import Group, Organisation, Person
from handlers.binding import CHAT, PERSON, bindings
from storage.columns import table
from storage.errors import StoreError
from storage.tables import Inbox
from storage.transaction import Scope

EVERY: Final = 10.0
"""★ Seconds after which what another replica bound counts for messages on their way out."""

Key = tuple[str, str, str]
"""Platform, kind, and an id: the platform's or ours."""


@dataclass(frozen=True, slots=True)
class _Known:
    """Both ways at once, one to one: an account has one person and a person, on each platform, one account."""

    ours: Mapping[Key, str] = field(default_factory=dict)
    natives: Mapping[Key, str] = field(default_factory=dict)


class Directory:
    """Both ways between a platform's ids and ours. A binding wins over the file: it is newer, and what it takes the
    place of counts no more, so that nothing private reaches an account that was given up or is somebody else's.

    Bindings are read from the store by `load`: at the start, before a message is judged, and by `follow`.
    """

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._file = {
            **{(on, PERSON, person.id): id for person in organisation.people for on, id in person.accounts.items()},
            **{(on, CHAT, group.id): id for group in organisation.groups for on, id in group.chats.items()},
        }
        self._known = _Known(_inverted(self._file), self._file)
        self._last: dict[str, str] = {}

    def load(self, scope: Scope) -> None:
        """Read what is bound now."""
        natives = dict(self._file)
        ours = _inverted(natives)
        for row in bindings(scope):
            native, target = (row.platform, row.kind, row.native), (row.platform, row.kind, row.target)
            if native in ours:
                natives.pop((row.platform, row.kind, ours[native]), None)
            if target in natives:
                ours.pop((row.platform, row.kind, natives[target]), None)
            ours[native], natives[target] = row.target, row.native
        self._known = _Known(ours, natives)

    def recall(self, scope: Scope) -> None:
        """Read on which platform people wrote last, for those who are known on several."""
        platforms = Counter(target for _, kind, target in self._known.natives if kind == PERSON)
        several = [person for person, count in platforms.items() if count > 1]
        if several:
            inbox = table(Inbox)
            query = sa.select(inbox.c.person, inbox.c.platform).where(inbox.c.person.in_(several))
            latest = query.group_by(inbox.c.person, inbox.c.platform).order_by(sa.func.max(inbox.c.at))
            self._last.update({row.person: row.platform for row in scope.connection.execute(latest)})

    async def follow(self, desk: Desk) -> None:
        """Go on loading what is bound: after each commit here, and every `EVERY` seconds for the other replicas."""
        changed = asyncio.Event()
        desk.on_rows("binding", changed.set)
        while True:
            try:
                async with asyncio.timeout(EVERY):
                    await changed.wait()
            except TimeoutError:
                pass
            changed.clear()
            try:
                await desk.read(self.load, SystemClock().now())
            except (StoreError, SQLAlchemyError) as error:
                logger.warning("what is bound cannot be read: {}", error)

    def wrote(self, person: str, platform: str) -> None:
        """Note where a person wrote just now."""
        self._last[person] = platform

    def last(self, person: str) -> str | None:
        """The platform on which a person wrote last."""
        return self._last.get(person)

    def person(self, platform: str, account: str) -> Person | None:
        """Whose account this is."""
        found = self._known.ours.get((platform, PERSON, account))
        return None if found is None else self._organisation.person(found)

    def group(self, platform: str, chat: str) -> Group | None:
        """Which group this chat is."""
        found = self._known.ours.get((platform, CHAT, chat))
        return None if found is None else self._organisation.group(found)

    def account(self, platform: str, person: str) -> str | None:
        """A person's account on a platform."""
        return self._known.natives.get((platform, PERSON, person))

    def chat(self, platform: str, group: str) -> str | None:
        """A group's chat on a platform."""
        return self._known.natives.get((platform, CHAT, group))


def _inverted(natives: Mapping[Key, str]) -> dict[Key, str]:
    return {(platform, kind, native): ours for (platform, kind, ours), native in natives.items()}
