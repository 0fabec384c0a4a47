"""`POST /callbacks/dingtalk`: messages to the app's robot by HTTP.

The signature does not cover the body (platforms, B2). A pair of moment and signature is therefore good for one body
only, within a small window: whoever overheard one cannot put words of their own under it.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import web
from loguru import logger
from pydantic import SecretStr

from bot.platforms.contract import Doorkeeper
from bot.platforms.dingtalk.answers import json_object
from bot.platforms.dingtalk.messages import NAME, account_of
from bot.platforms.dingtalk.signing import signed_at
from bot.platforms.taking import Replayed, Taking
from bot.web.middleware import refusal

PATH: Final = "/callbacks/dingtalk"

Take = Callable[[dict[str, Any]], Awaitable[None]]
"""Takes what DingTalk told, whatever it is; returns when it is durable."""


class Callback:
    """The HTTP callback of one app."""

    def __init__(self, door: Doorkeeper, secret: SecretStr, take: Take, taking: Taking) -> None:
        self._door = door
        self._secret = secret
        self._take = take
        self._taking = taking

    async def answer(self, request: web.Request) -> web.Response:
        """200 for what is genuine, at once or within a second; 403 in one line for the rest. Raises Full (a 503)."""
        moment, given = request.headers.get("timestamp", ""), request.headers.get("sign", "")
        body = await self._door.body(request)
        signed = signed_at(moment, given, self._secret.get_secret_value())
        if signed is None:
            return _refused("签名不对")
        if not self._door.fresh(signed):
            return _refused("请求已经过时，或两边的时钟相差太多")
        told = json_object(body)
        first, take = partial(self._door.first, NAME, f"{moment}:{given}", body), partial(self._take, told)
        try:
            await self._taking.once(first, take, str(told.get("msgId", ""))[:128], account_of(told))
        except Replayed:
            return _refused("这个签名已经用过")
        return web.Response()


def _refused(why: str) -> web.Response:
    logger.bind(platform=NAME).warning("a callback was refused: {}", why)
    return refusal(403, f"没有接受：{why}")
