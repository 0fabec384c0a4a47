"""An event on its way to the office: read, its files fetched, taken; and what the platform hears within a second."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from loguru import logger

from bot.platforms.contract import Incoming, Knows, Receive
from bot.platforms.feishu.api import OpenApi
from bot.platforms.feishu.events import NAME, Received, received
from bot.platforms.feishu.resources import fetched
from bot.platforms.taking import Taking

LONGEST_TOAST: Final = 60
"""★ Characters that a toast can show."""
BOT_PATH: Final = "/open-apis/bot/v3/info"


class Arrivals:
    """Takes verified events of one app, from whichever line they come. `largest` is the bytes of a file that is
    fetched, in a group and in private; `folder` where it lies meanwhile."""

    def __init__(self, api: OpenApi, receive: Receive, knows: Knows, largest: tuple[int, int], folder: Path) -> None:
        self._api = api
        self._receive = receive
        self._knows = knows
        self._largest = largest
        self._folder = folder
        self._taking = Taking(NAME)
        self._bot: str | None = None

    async def take(
        self, event: Mapping[str, Any], first: Callable[[], Awaitable[bool]] | None = None
    ) -> dict[str, Any]:
        """Take an event, of a callback behind its nonce (`first`); the answer to give. What fails here goes on being
        tried; raises Full where nothing more is taken, and Replayed."""
        found = received(event, self._bot)
        if found is None:
            header = event.get("header")
            kind = header.get("event_type") if isinstance(header, dict) else None
            logger.bind(platform=NAME).debug("nothing for us: {}", str(kind)[:64])
            return {}
        work, number, who = partial(self._taken, event, found), found.incoming.message_id, found.incoming.account
        if first is None:
            said = await self._taking(work, number=number, who=who)
        else:
            said = await self._taking.once(first, work, number, who)
        return _toast(said) if found.incoming.button else {}

    async def know_bot(self) -> str | None:
        """Ask who the bot is, until it is known: its open_id, by which a mention is told from those of people."""
        if self._bot is None:
            result = await self._api.call("GET", BOT_PATH)
            bot = result.said.get("bot")
            number = bot.get("open_id") if result.ok and isinstance(bot, dict) else None
            self._bot = number if isinstance(number, str) and number else None
        return self._bot

    async def stop(self) -> None:
        """Let what is under way end."""
        await self._taking.stop()

    async def _taken(self, event: Mapping[str, Any], found: Received) -> list[str]:
        if self._bot is None and not found.incoming.button:
            await self.know_bot()
            found = received(event, self._bot) or found
        incoming = found.incoming
        if not (found.resources and await self._ours(incoming)):
            return await self._receive(incoming)
        most = self._largest[incoming.chat is None]
        async with fetched(self._api, incoming.message_id, found.resources, most, self._folder) as files:
            return await self._receive(replace(incoming, files=files))

    async def _ours(self, incoming: Incoming) -> bool:
        """Whether a message's files are for us: people of the office sent them, to us or to one of our messages."""
        meant = incoming.chat is None or incoming.quote is not None or incoming.mentioned
        return (
            meant
            and await self._knows(NAME, incoming.account)
            and (incoming.chat is None or await self._knows(NAME, incoming.chat))
        )


def _toast(said: list[str] | None) -> dict[str, Any]:
    """What who pressed a button sees for a moment; the whole answer comes as a message."""
    if said is None:
        return {"toast": {"type": "info", "content": "已收到，正在办理"}}
    line = said[0].strip().partition("\n")[0] if said else "已收到"
    kind = "error" if line.startswith("✘") else "success"
    return {"toast": {"type": kind, "content": line[:LONGEST_TOAST]}}
