"""What a person says on the page, taken like every platform's messages, and the answer that the page shows."""

import json
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from bot.console import messages
from bot.console.messages import Posted
from bot.platforms.contract import Incoming, IncomingFile
from bot.routes import CONSOLE
from bot.service import Service
from config.organisation import Person


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says something where: in the group `chat`, or with `@PERSON` in private; `quote` is a message's id."""

    person: Person
    chat: str
    message_id: str
    quote: int | None


async def speak(
    service: Service, speaker: Speaker, text: str, *, mentioned: bool = False, files: tuple[IncomingFile, ...] = ()
) -> web.Response:
    """Take a message; answers when it and everything it did is durable. The same `message_id` is answered the same."""
    incoming = Incoming(
        platform=CONSOLE,
        message_id=f"{speaker.person.id}/{speaker.message_id}",
        chat=None if speaker.chat.startswith("@") else speaker.chat,
        account=speaker.person.id,
        text=text,
        quote=None if speaker.quote is None else str(speaker.quote),
        mentioned=mentioned,
        files=files,
    )
    replies = await service.reception.converse(
        incoming,
        post=Posted(speaker.chat, speaker.person.id, speaker.message_id, speaker.quote),
        stored=partial(messages.orders_of, message=speaker.quote or 0),
    )
    told = [{"id": reply.id, "text": await service.router.shown(reply), "private": reply.private} for reply in replies]
    return as_json({"message_id": speaker.message_id, "replies": told})


def as_json(value: object) -> web.Response:
    """An answer whose Chinese stays readable."""
    return web.json_response(value, dumps=partial(json.dumps, ensure_ascii=False))
