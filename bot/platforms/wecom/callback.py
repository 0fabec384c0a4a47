"""`/callbacks/wecom`: what the 智能机器人 hands on by encrypted HTTP callback.

Verified, opened, taken, and answered within a second: with a sealed stream that the platform then fetches (`streams`),
or with nothing.
"""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from aiohttp import web
from loguru import logger

from bot.platforms.contract import Doorkeeper
from bot.platforms.taking import Replayed
from bot.platforms.wecom import application
from bot.platforms.wecom.codes import loaded
from bot.platforms.wecom.crypto import Envelope, Sealed
from bot.platforms.wecom.messages import PLATFORM
from bot.web.middleware import refusal

PATH: Final = "/callbacks/wecom"
First = Callable[[], Awaitable[bool]]
"""Remembers the callback's nonce; False where it came with another body. Asked where something is to be taken only."""
Take = Callable[[dict[str, Any], First, bool], Awaitable[dict[str, Any] | str | None]]
"""Takes the JSON that a callback held, and whether it is an application's; returns within a second, with the answer
where there is one: a stream, or an application's text. Raises Replayed, and Full (a 503)."""


_ECHO = re.compile(rb"[0-9A-Za-z_-]{1,64}")
"""What the platform sends to be echoed: digits, as far as anybody saw."""


class Callbacks:
    """The callback's two requests: the platform's test of the address, and messages."""

    def __init__(self, envelope: Envelope, door: Doorkeeper, take: Take, now: Callable[[], datetime]) -> None:
        self._envelope = envelope
        self._door = door
        self._take = take
        self._now = now

    def add_routes(self, app: web.Application) -> None:
        """Mount them."""
        app.router.add_get(PATH, self.test, allow_head=False)
        app.router.add_post(PATH, self.message)

    async def test(self, request: web.Request) -> web.Response:
        """GET with an `echostr`: what is inside goes back as it is, without quotes or a new line."""
        # an address that was not encoded twice has its + turned into spaces
        opened = self._opened(request, request.query.get("echostr", "").replace(" ", "+"))
        if isinstance(opened, web.Response):
            return opened
        if not _ECHO.fullmatch(opened):
            # A message is sealed and signed in the same way: whoever overheard one must not have it opened here.
            return _refused("echostr 里的内容不是平台的验证串")
        return web.Response(body=opened, content_type="text/plain")

    async def message(self, request: web.Request) -> web.Response:
        """POST `{"encrypt"}`, of an application `<Encrypt>`: taken once, answered with a sealed stream, of an
        application with a sealed text, or with an empty 200."""
        body = await self._door.body(request)
        by_xml = application.is_xml(body)
        encrypted = application.fields(body).get("Encrypt") if by_xml else loaded(body).get("encrypt")
        if not isinstance(encrypted, str):
            return _refused("没有 encrypt")
        opened = self._opened(request, encrypted)
        if isinstance(opened, web.Response):
            return opened
        nonce = request.query["nonce"]
        first = partial(self._door.first, PLATFORM, f"{request.query['timestamp']}:{nonce}", body)
        told = application.told(opened) if by_xml else loaded(opened)
        try:
            answer = await self._take(told, first, by_xml)
        except Replayed:
            return _refused("同一个 nonce 又来了一次，内容却不同")
        moment = int(self._now().timestamp())
        if not answer:
            return web.Response()
        if isinstance(answer, str):
            plain = application.answer(told["from"]["userid"], self._envelope.receiver, answer, moment)
            sealed = application.envelope(self._envelope.seal(plain, moment, nonce))
            return web.Response(body=sealed, content_type="application/xml")
        plain = json.dumps(answer, ensure_ascii=False).encode()
        return web.json_response(self._envelope.seal(plain, moment, nonce))

    def _opened(self, request: web.Request, encrypted: str) -> bytes | web.Response:
        """What is inside, once everything about the request is right; else the refusal."""
        signature, timestamp, nonce = (request.query.get(name, "") for name in ("msg_signature", "timestamp", "nonce"))
        if not nonce or not self._envelope.signed(signature, timestamp, nonce, encrypted):
            return _refused("签名不对（请核对 JIESU_WECOM__TOKEN）")
        moment = _moment(timestamp)
        if moment is None or not self._door.fresh(moment):
            return _refused("时间戳离现在太远（请核对本机时钟）")
        try:
            return self._envelope.open(encrypted)
        except Sealed as sealed:
            return _refused(str(sealed))


def _moment(timestamp: str) -> datetime | None:
    """Seconds since 1970 as the platform signs them."""
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 11:
        return None
    return datetime.fromtimestamp(int(timestamp), UTC)


def _refused(why: str) -> web.Response:
    logger.warning("a callback to {} was refused: {}", PATH, why)
    return refusal(403, f"没有接受：{why}")
