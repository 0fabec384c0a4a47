"""The bot in one room, or in its private room with one person.

Every request for a message carries the same transaction id, which the server takes once (platforms, A6): after a lost
answer it is simply made again.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot.platforms.contract import Answer, Avoid, Limit, Outcome, Outgoing, OutgoingFile
from bot.platforms.matrix import content
from bot.platforms.matrix.api import CLIENT, Api, Trouble, result_of, segment

WHOLE: Final = timedelta(seconds=12)
"""★ For all requests that one message needs; delivery waits no longer than 15 s."""


class MatrixRoom:
    """A `Sender`, and an `Idempotent` one. `room` finds the room's id when something goes there; it raises Trouble."""

    avoid: tuple[Avoid, ...] = ()
    edits = True
    takes_once = timedelta(hours=12)
    """★ Synapse forgets a transaction after a day."""

    def __init__(self, api: Api, room: Callable[[], Awaitable[str]], limits: tuple[Limit, ...]) -> None:
        self.limits = limits
        self._api = api
        self._room = room

    @property
    def ready(self) -> bool:
        """Always: sending needs no connection that another replica could hold."""
        return True

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """The messages to send, in order."""
        return content.parts(message)

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts`. Never unknown: what was not confirmed is repeated, and taken once."""
        try:
            async with asyncio.timeout(WHOLE.total_seconds()):
                return await self._send(message)
        except Trouble as trouble:
            return trouble.answer.pausing(self.limits[0].bucket)  # the server counts what the account sends
        except TimeoutError:
            return Answer(Outcome.RETRY, "等待超时，稍后自动重试，不会重复")

    async def _send(self, message: Outgoing) -> Answer:
        room = await self._room()
        if message.file is None:
            event = content.said(message)
        else:
            event = content.shared(message.file, await self._upload(message.file), message.reply)
        path = f"{CLIENT}/rooms/{segment(room)}/send/m.room.message/{transaction(message)}"
        answered = await self._api.ask("PUT", path, event)
        event_id = answered.get("event_id")
        if not isinstance(event_id, str):
            return Answer(Outcome.RETRY, "服务器没有给出消息编号，稍后自动重试，不会重复", 200)
        # An answer to an edited message, and the next edit of it, name the first event.
        return Answer(Outcome.SENT, "服务器已收下", 200, remote=message.edits or event_id)

    async def _upload(self, file: OutgoingFile) -> str:
        """The file's address on the server. Nothing stands in the room by an upload alone."""
        # A name can end no header: it is part of the query.
        query = {"filename": file.name}
        reply = await self._api.send(
            "POST", "/_matrix/media/v3/upload", file.data, media=file.media, query=query, patience=WHOLE
        )
        address = result_of(reply).get("content_uri")
        if not isinstance(address, str):
            raise Trouble(Answer(Outcome.RETRY, "服务器没有给出文件的地址，稍后自动重试，不会重复"))
        return address


def transaction(message: Outgoing) -> str:
    """The id under which the server takes a message once: the outbox row and all that it says.

    The row's number alone would not do: a store that was restored from a backup gives the same numbers again, and
    the server would swallow its messages.
    """
    digest = hashlib.sha256(repr(replace(message, file=None)).encode())
    if message.file is not None:
        digest.update(repr((message.file.name, message.file.media)).encode())
        digest.update(message.file.data)
    return f"jiesu.{message.key}.{digest.hexdigest()[:24]}"
