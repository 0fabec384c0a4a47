"""Endpoint → who sends there, from what the settings and the organisation configure."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final

from bot.directory import Directory
from bot.platforms.contract import OnlyAnswers, Platform, Sender
from bot.routes import Address, address, robots_of
from config.organisation import Organisation

CHATS: Final = 1000
"""Chats of the bots that are kept; whoever writes first has one, so that there is no end of them."""


class Senders:
    """Robots are made at once, so that a wrong address stops the start; the bot's chats when something goes there.

    Raises ConfigError, in one Chinese line, for a robot whose address is wrong.
    """

    def __init__(self, organisation: Organisation, directory: Directory, platforms: Mapping[str, Platform]) -> None:
        self._directory = directory
        self._platforms = platforms
        self._robots = {
            endpoint: platforms[robot.platform].robot(robot)
            for group in organisation.groups
            for endpoint, robot in robots_of(group)
            if robot.platform in platforms
        }
        self._chat = lru_cache(CHATS)(self._made)

    def __call__(self, endpoint: str) -> Sender | None:
        """The sender of an endpoint; None where there is none (any more)."""
        if endpoint in self._robots:
            return self._robots[endpoint]
        where = address(endpoint)
        native = self._native(where)
        # By the platform's own id: a chat that is bound anew so gets its messages, whatever it was before.
        return None if native is None else self._chat(where.platform, native)

    def _made(self, name: str, native: str) -> Sender | None:
        if (platform := self._platforms.get(name)) is None:
            return None
        found = platform.person(native[1:]) if native.startswith("@") else platform.chat(native)
        if isinstance(found, OnlyAnswers) and not native.startswith("@"):
            found.beside = partial(self._robot_in, name, native)
        return found

    def _robot_in(self, platform: str, chat: str) -> Sender | None:
        """The first robot of the same platform in the group that a chat is now."""
        group = self._directory.group(platform, chat)
        own = [] if group is None else [endpoint for endpoint, robot in robots_of(group) if robot.platform == platform]
        return self._robots.get(own[0]) if own else None

    def _native(self, where: Address) -> str | None:
        """The chat's id, or `@ACCOUNT`."""
        if where.index is not None:
            return None
        if where.chat is not None:
            return where.chat
        account = where.account
        if where.person is not None:
            account = self._directory.account(where.platform, where.person)
        if account is not None:
            return f"@{account}"
        return None if where.group is None else self._directory.chat(where.platform, where.group)
