"""Events by HTTP: `/callbacks/feishu`.

Every event is encrypted under the Encrypt Key and signed over its raw body. Only the question with which Feishu tries
an address carries no usable signature: it is answered to whoever knows the Verification Token, and changes nothing.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from aiohttp import web
from loguru import logger
from pydantic import SecretStr

from bot.platforms.contract import Doorkeeper
from bot.platforms.feishu.arrivals import Arrivals
from bot.platforms.feishu.codes import loaded
from bot.platforms.feishu.events import NAME
from bot.platforms.feishu.sealing import moment_of, opened, same, signed
from bot.platforms.taking import Replayed
from bot.web.middleware import refusal

PATH: Final = f"/callbacks/{NAME}"


class Callbacks:
    """The handler of one app's callbacks."""

    def __init__(
        self,
        door: Doorkeeper,
        arrivals: Arrivals,
        *,
        app_id: str,
        encrypt_key: SecretStr,
        verification_token: SecretStr,
    ) -> None:
        self._door = door
        self._arrivals = arrivals
        self._app_id = app_id
        self._key = encrypt_key
        self._token = verification_token

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one callback: 403 to what is not Feishu's, 200 to everything else. Raises Full (a 503)."""
        body = await self._door.body(request)
        outer = loaded(body)
        event = self._opened(outer)
        if event.get("type") == "url_verification":
            if not same(event.get("token"), self._token.get_secret_value()):
                return _refused("the verification token is wrong")
            return web.json_response({"challenge": str(event.get("challenge", ""))[:1024]})
        timestamp, nonce, signature = (
            request.headers.get(f"X-Lark-{name}", "") for name in ("Request-Timestamp", "Request-Nonce", "Signature")
        )
        if not signed(self._key.get_secret_value(), timestamp, nonce, body, signature):
            return _refused("the signature is wrong")
        moment = moment_of(timestamp)
        if moment is None or not self._door.fresh(moment):
            return _refused("the time stamp is not fresh")
        header = event.get("header")
        header = header if isinstance(header, dict) else {}
        if not same(header.get("token"), self._token.get_secret_value()) or header.get("app_id") != self._app_id:
            return _refused("it is meant for another app")
        try:
            answer = await self._arrivals.take(event, partial(self._door.first, NAME, f"{timestamp}:{nonce}", body))
        except Replayed:
            return _refused("its nonce came with another body")
        return web.json_response(answer)

    def _opened(self, outer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The event inside; one that was not encrypted is only good for trying the address."""
        encrypted = outer.get("encrypt")
        if isinstance(encrypted, str):
            return loaded(opened(self._key.get_secret_value(), encrypted))
        return outer if outer.get("type") == "url_verification" else {}


def _refused(reason: str) -> web.Response:
    logger.bind(platform=NAME).warning("a callback is refused: {}", reason)
    return refusal(403, "回调没有通过验证：请核对飞书开发者后台的 Encrypt Key、Verification Token 和本机时钟")
