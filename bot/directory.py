"""Who and what a platform's ids are: the organisation file's accounts and chats, and what was bound since."""

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from config.organisation import Group, Organisation, Person
from storage.columns import table
from storage.tables import Binding
from storage.transaction import Scope

PERSON: Final = "person"
CHAT: Final = "chat"
"""What a binding binds."""


class Directory:
    """Both ways between a platform's ids and ours. A binding wins over the file: it is newer.

    Bindings are read from the store by `load`: at the start, after each commit that changed them, and by whoever
    meets an id that nobody knows, so that another replica's binding counts at once.
    """

    def __init__(self, organisation: Organisation) -> None:
        self._organisation = organisation
        self._bound: Mapping[tuple[str, str, str], str] = {}
        self._natives: Mapping[tuple[str, str, str], str] = {}

    def load(self, scope: Scope) -> None:
        """Read what is bound now."""
        binding = table(Binding)
        rows = scope.connection.execute(sa.select(binding).order_by(binding.c.at)).all()
        self._bound = {(row.platform, row.kind, row.native): row.target for row in rows}
        self._natives = {(row.platform, row.kind, row.target): row.native for row in rows}

    def person(self, platform: str, account: str) -> Person | None:
        """Whose account this is."""
        bound = self._bound.get((platform, PERSON, account))
        if bound is not None:
            return self._organisation.person(bound)
        return self._organisation.by_account(platform, account)

    def group(self, platform: str, chat: str) -> Group | None:
        """Which group this chat is."""
        bound = self._bound.get((platform, CHAT, chat))
        return self._organisation.by_chat(platform, chat) if bound is None else self._organisation.group(bound)

    def account(self, platform: str, person: str) -> str | None:
        """A person's account on a platform."""
        found = self._organisation.person(person)
        known = None if found is None else found.accounts.get(platform)
        return self._natives.get((platform, PERSON, person), known)

    def chat(self, platform: str, group: str) -> str | None:
        """A group's chat on a platform."""
        found = self._organisation.group(group)
        known = None if found is None else found.chats.get(platform)
        return self._natives.get((platform, CHAT, group), known)
