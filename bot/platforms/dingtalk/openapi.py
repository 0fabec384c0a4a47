"""The app's own interface (OpenAPI): an access token, and requests with it.

Paths and field names are the published ones of the app's interface; they were not tried against the real platform and
therefore all stand here (deploy/platforms/dingtalk.md tells how to try them once).
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
from pydantic import SecretStr

from bot.platforms.contract import Answer, Outcome, Probe
from bot.platforms.dingtalk.answers import json_object, refused
from bot.platforms.dingtalk.contents import encoded
from bot.platforms.posting import NoReply, Reply, answer_by_status, answer_without_reply, post_json, request

ACCESS: Final = "/v1.0/oauth2/accessToken"
TO_GROUP: Final = "/v1.0/robot/groupMessages/send"
TO_PEOPLE: Final = "/v1.0/robot/oToMessages/batchSend"
DOWNLOAD: Final = "/v1.0/robot/messageFiles/download"
CONNECT: Final = "/v1.0/gateway/connections/open"

HEADER: Final = "x-acs-dingtalk-access-token"
MARGIN: Final = timedelta(minutes=5)
"""★ A token is not used in its last minutes."""
TIMEOUT: Final = timedelta(seconds=5)
"""★ For one request; a token, the message, and both once more still end before delivery gives up."""
_ASKED: Final = "取访问凭证"


class OpenApi:
    """The interface of one app at `base`. The token lives in memory; nothing of it is ever shown."""

    def __init__(
        self, session: aiohttp.ClientSession, base: str, client: str, secret: SecretStr, now: Callable[[], datetime]
    ) -> None:
        self.client = client
        self.base = base.rstrip("/")
        self._session = session
        self._secret = secret
        self._now = now
        self._token: tuple[str, datetime] | None = None
        self._fetching = asyncio.Lock()

    async def call(self, path: str, content: Mapping[str, Any]) -> dict[str, Any] | Answer:
        """The JSON object of a success, else what became of the request. A token that is refused is renewed once."""
        for again in (True, False):
            token = await self._access()
            if isinstance(token, Answer):
                return token
            headers = {HEADER: token}
            body = encoded(dict(content))
            reply = await request(self._session, "POST", self.base + path, TIMEOUT, body=body, headers=headers)
            if isinstance(reply, NoReply):
                return answer_without_reply(reply)
            if reply.status // 100 == 2:
                return json_object(reply.body) or answer_by_status(reply)
            answer, expired = refused(reply)
            if not (expired and again):
                return answer
            self._forget(token)
        raise AssertionError("the second turn returns")

    async def open_connection(self, subscriptions: list[dict[str, str]], agent: str) -> dict[str, Any] | Answer:
        """Ask for a WebSocket: its `endpoint` and `ticket`."""
        content = {
            "clientId": self.client,
            "clientSecret": self._secret.get_secret_value(),
            "subscriptions": subscriptions,
            "ua": agent,
            "localIp": "127.0.0.1",
        }
        reply = await post_json(self._session, self.base + CONNECT, encoded(content), TIMEOUT)
        return self._object(reply, "开 Stream 连接")

    async def probe(self) -> Probe:
        """Fetch a token: it shows whether the app is known, and the platform's clock."""
        reply = await self._ask_token()
        name = "钉钉应用"
        found = self._object(reply, _ASKED)
        skew = reply.date - self._now() if isinstance(reply, Reply) and reply.date is not None else None
        if isinstance(found, Answer):
            detail, _, mend = found.detail.partition("：")
            return Probe(name, False, detail, mend or "检查本机能否访问钉钉，稍后再试", skew)
        return Probe(name, True, "CLIENT_ID 和 CLIENT_SECRET 被接受", skew=skew)

    async def _access(self) -> str | Answer:
        async with self._fetching:
            if self._token is not None and self._now() < self._token[1]:
                return self._token[0]
            found = self._object(await self._ask_token(), _ASKED)
            if isinstance(found, Answer):
                return found
            token, seconds = found.get("accessToken"), found.get("expireIn")
            if not isinstance(token, str) or not _plain(token) or not isinstance(seconds, int) or seconds <= 0:
                return Answer(Outcome.RETRY, f"{_ASKED}时钉钉的回答看不懂，消息没有发出，稍后自动重试")
            span = timedelta(seconds=min(seconds, 86400))
            self._token = token, self._now() + max(span - MARGIN, span / 2)
            return token

    async def _ask_token(self) -> Reply | NoReply:
        content = {"appKey": self.client, "appSecret": self._secret.get_secret_value()}
        return await post_json(self._session, self.base + ACCESS, encoded(content), TIMEOUT)

    def _object(self, reply: Reply | NoReply, asked: str) -> dict[str, Any] | Answer:
        """The answer to what is asked before any message is: whatever became of it, no message was sent."""
        if isinstance(reply, NoReply):
            return Answer(Outcome.RETRY, f"{asked}时{reply.reason}，消息没有发出，稍后自动重试")
        if reply.status // 100 == 2:
            found = json_object(reply.body)
            return found or Answer(Outcome.RETRY, f"{asked}时钉钉的回答看不懂，消息没有发出，稍后自动重试")
        answer, _ = refused(reply)
        outcome = Outcome.RETRY if answer.outcome is Outcome.UNKNOWN else answer.outcome
        return Answer(outcome, f"{asked}没有成功：{answer.detail}", reply.status, wait=answer.wait)

    def _forget(self, token: str) -> None:
        if self._token is not None and self._token[0] == token:
            self._token = None


def _plain(token: str) -> bool:
    """Whether it can stand in a header."""
    return token.isascii() and token.isprintable() and not token.isspace() and 0 < len(token) <= 4096
