"""Feishu's interface for apps: the token, and one request with it."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any, Final

import aiohttp
from pydantic import SecretStr

from bot.platforms.contract import Answer, Outcome
from bot.platforms.feishu.codes import BRIEF, EXPIRED, answer_of, loaded
from bot.platforms.posting import JSON, LARGEST_ANSWER, NoReply, Reply, request

TOKEN_PATH: Final = "/open-apis/auth/v3/tenant_access_token/internal"  # noqa: S105 - a path
MARGIN: Final = timedelta(minutes=5)
"""★ A token is renewed this long before it expires."""
TOO_LONG: Final = "文件太大"
PATIENCE: Final = timedelta(seconds=4)
"""★ For one request: delivery gives a message 15 seconds, in which it may be asked for three times."""


@dataclass(frozen=True, slots=True)
class Result:
    """One request's fate: how it is to be taken, and what the platform said (empty where that is unreadable)."""

    answer: Answer
    said: Mapping[str, Any] = field(default_factory=dict)
    date: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the platform did what it was asked."""
        return self.answer.outcome is Outcome.SENT

    @property
    def data(self) -> Mapping[str, Any]:
        """The part of the answer that holds its results."""
        data = self.said.get("data")
        return data if isinstance(data, dict) else {}


class OpenApi:
    """The interface of one app. Its token is kept in memory; nothing of it is ever shown."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        app_id: str,
        app_secret: SecretStr,
        now: Callable[[], datetime],
    ) -> None:
        self.base = base
        self.app_id = app_id
        self._session = session
        self._secret = app_secret
        self._now = now
        self._turn = asyncio.Lock()
        self._token: SecretStr | None = None
        self._until: datetime | None = None

    def __repr__(self) -> str:
        return f"OpenApi({self.app_id})"

    async def call(
        self,
        method: str,
        path: str,
        content: Mapping[str, Any] | None = None,
        *,
        form: tuple[bytes, str] | None = None,
        into: IO[bytes] | None = None,
        most: int = LARGEST_ANSWER,
        patience: timedelta = PATIENCE,
    ) -> Result:
        """Ask once, with JSON or a form; with `into` the answer's body goes there. A token that the platform no longer
        takes is renewed once: such a request was certainly not carried out. Raises nothing for what the network does.
        """
        body, media = form or (None if content is None else _encoded(content), JSON)
        result = Result(Answer(Outcome.RETRY, "没有访问令牌，稍后自动重试"))
        for _ in range(2):
            got = await self._valid_token(patience)
            if isinstance(got, Result):
                return got
            reply = await request(
                self._session,
                method,
                f"{self.base}{path}",
                patience,
                body=body,
                media=media,
                headers={"Authorization": f"Bearer {got.get_secret_value()}"},
                into=into,
                most=most,
            )
            result = _result(reply, stored=into is not None)
            if result.answer.code not in EXPIRED:
                return result
            if self._token is got:
                self._token = None
        return result

    async def ask_with_secret(self, path: str, names: tuple[str, str], patience: timedelta = PATIENCE) -> Result:
        """A request that app id and secret themselves authorise, under the names that it has for them."""
        content = dict(zip(names, (self.app_id, self._secret.get_secret_value()), strict=True))
        reply = await request(self._session, "POST", f"{self.base}{path}", patience, body=_encoded(content))
        said = loaded(reply.body) if isinstance(reply, Reply) else {}
        return Result(answer_of(reply), said, reply.date if isinstance(reply, Reply) else None)

    async def token(self) -> Result:
        """Fetch a new token; its result says what is wrong where there is none."""
        async with self._turn:
            return await self._fetch(PATIENCE)

    async def _valid_token(self, patience: timedelta) -> SecretStr | Result:
        async with self._turn:
            if self._token is None or self._until is None or self._now() >= self._until:
                result = await self._fetch(patience)
                if not result.ok:
                    # Whatever became of the question for a token, no message was sent with it.
                    answer = Answer(Outcome.RETRY, result.answer.detail, result.answer.status, result.answer.code)
                    return Result(answer, result.said, result.date)
            assert self._token is not None
            return self._token

    async def _fetch(self, patience: timedelta) -> Result:
        result = await self.ask_with_secret(TOKEN_PATH, ("app_id", "app_secret"), patience)
        if not result.ok:
            return result
        token, seconds = result.said.get("tenant_access_token"), result.said.get("expire")
        if not isinstance(token, str) or not _sendable(token):
            return Result(Answer(Outcome.RETRY, "飞书没有给出访问令牌，稍后自动重试"), date=result.date)
        lasts = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds < 1 << 31 else MARGIN
        self._token = SecretStr(token)
        self._until = self._now() + max(lasts - MARGIN, MARGIN)
        return result


def _result(reply: Reply | NoReply, *, stored: bool) -> Result:
    """A file that came whole has no code; everything else must."""
    if stored and isinstance(reply, Reply) and reply.status == 200:
        if reply.too_long:
            return Result(Answer(Outcome.PERMANENT, TOO_LONG, 200), date=reply.date)
        if reply.body is None:
            return Result(Answer(Outcome.RETRY, "文件没有收全", 200), date=reply.date)
        return Result(Answer(Outcome.SENT, "已取到", 200), date=reply.date)
    said = loaded(reply.body) if isinstance(reply, Reply) else {}
    return Result(answer_of(reply, BRIEF), said, reply.date if isinstance(reply, Reply) else None)


def _sendable(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token


def _encoded(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()
