"""One request to the home server's client interface, and what its answers mean.

The access token travels in a header only; it appears in no address, log, answer or exception.
"""

import asyncio
import io
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import IO, Any, Final
from urllib.parse import quote, urlencode

import aiohttp
from pydantic import SecretStr

from bot.platforms.contract import Answer, Outcome
from bot.platforms.posting import (
    DEFAULT_WAIT,
    JSON,
    LONGEST_WAIT,
    NoReply,
    Reply,
    answer_by_status,
    request,
)

CLIENT: Final = "/_matrix/client/v3"
PATIENCE: Final = timedelta(seconds=8)
"""★ For one ordinary request."""
LARGEST_JSON: Final = 64 << 20
"""Bytes of an answer to `/sync` or `/messages`; each event has at most 64 KiB."""
LONG_JSON: Final = 256 * 1024
"""★ Bytes of JSON that are read beside the loop: less is read in a few milliseconds."""


class Trouble(Exception):
    """A request that brought no result; `answer` says what that means for a message that depended on it, `code` is
    the server's error code, where it gave one."""

    def __init__(self, answer: Answer, code: str | None = None) -> None:
        super().__init__(answer.detail)
        self.answer = answer
        self.code = code


class Api:
    """The interface of one home server, used as one account."""

    def __init__(self, session: aiohttp.ClientSession, homeserver: str, token: SecretStr) -> None:
        self._session = session
        self._homeserver = homeserver
        self._token = token

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        patience: timedelta = PATIENCE,
    ) -> dict[str, Any]:
        """The object that the server answers with; raises Trouble for anything else. `path` begins with `/_matrix`."""
        into = io.BytesIO()
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        reply = await self.send(method, path, data, query=query, patience=patience, into=into, most=LARGEST_JSON)
        if isinstance(reply, Reply) and reply.status == 200 and reply.body is not None:
            reply = Reply(200, into.getvalue(), reply.wait, reply.date)
            if into.tell() > LONG_JSON:
                # What was said in a long absence takes seconds to read, in which nobody else would be answered.
                return await asyncio.to_thread(result_of, reply)
        return result_of(reply)

    async def send(
        self,
        method: str,
        path: str,
        data: bytes | None = None,
        *,
        media: str = JSON,
        query: Mapping[str, str] | None = None,
        patience: timedelta = PATIENCE,
        into: IO[bytes] | None = None,
        most: int = 0,
    ) -> Reply | NoReply:
        """The bare answer to bytes; `into` and `most` as in `posting.request`."""
        url = f"{self._homeserver}{path}{'?' + urlencode(query) if query else ''}"
        headers = {"Authorization": f"Bearer {self._token.get_secret_value()}"}
        if data is None and method != "GET":
            data = b"{}"
        return await request(
            self._session, method, url, patience, body=data, media=media, headers=headers, into=into, most=most
        )


def segment(text: str) -> str:
    """One piece of a path: ids hold `!`, `@`, `:` and whatever else a server thinks of."""
    return quote(text, safe="")


def result_of(reply: Reply | NoReply) -> dict[str, Any]:
    """The object of a 200; raises Trouble for anything else."""
    if isinstance(reply, Reply) and reply.status == 200:
        found = _object(reply.body)
        if found is not None and "errcode" not in found:
            return found
    raise Trouble(answer_of(reply), code_of(reply))


def answer_of(reply: Reply | NoReply) -> Answer:
    """What an answer means that does not confirm the message. Never UNKNOWN: a request is repeated under the same
    transaction id, and the server takes each id once (platforms, A6)."""
    if isinstance(reply, NoReply):
        return Answer(Outcome.RETRY, f"{reply.reason}，稍后自动重试，不会重复")
    code = code_of(reply)
    if code is None or reply.status // 100 in (2, 5):
        answer = answer_by_status(reply)
        if answer.outcome is not Outcome.UNKNOWN:
            return answer
        return Answer(Outcome.RETRY, f"服务器没有给出结果（HTTP {reply.status}），稍后自动重试，不会重复", reply.status)
    outcome, detail = _CODES.get(code, _REFUSED)
    wait = _wait(reply) if outcome is Outcome.RETRY_AFTER else None
    return Answer(outcome, f"{detail}（{code}）", reply.status, None, wait)


def code_of(reply: Reply | NoReply) -> str | None:
    """The server's error code, where it gave one; `?` for what cannot be one and is shown to nobody."""
    code = None if isinstance(reply, NoReply) else (_object(reply.body) or {}).get("errcode")
    if not isinstance(code, str):
        return None
    return code if code.isascii() and code.isidentifier() and len(code) <= 64 else "?"


_LOGIN_AGAIN = "访问令牌无效或已注销：请用机器人的账号重新登录，把新令牌写进 JIESU_MATRIX__ACCESS_TOKEN，再重启"
_ACCOUNT = "机器人的账号被停用或锁定：请服务器管理员恢复"
_FORM = "服务器不接受消息的格式，请把这一条报告给维护人员"
_REFUSED = (Outcome.PERMANENT, "服务器拒绝了请求，没有送到")
# The client-server interface's common error codes. With any of them the request was refused: nothing was sent.
_CODES: dict[str, tuple[Outcome, str]] = {
    "M_LIMIT_EXCEEDED": (Outcome.RETRY_AFTER, "发得太快，按服务器要求的时间重试"),
    "M_UNKNOWN_TOKEN": (Outcome.CLOSED, _LOGIN_AGAIN),
    "M_MISSING_TOKEN": (Outcome.CLOSED, _LOGIN_AGAIN),
    "M_USER_DEACTIVATED": (Outcome.CLOSED, _ACCOUNT),
    "M_USER_LOCKED": (Outcome.CLOSED, _ACCOUNT),
    "M_USER_SUSPENDED": (Outcome.CLOSED, _ACCOUNT),
    "M_FORBIDDEN": (Outcome.CLOSED, "机器人不在这个房间，或没有发言权：请邀请它进来，并核对组织文件里的房间号"),
    "M_NOT_FOUND": (Outcome.CLOSED, "服务器找不到这个房间或用户：请核对组织文件里的编号"),
    "M_UNRECOGNIZED": (Outcome.CLOSED, "对方不是 Matrix 服务器或版本太旧：请核对 JIESU_MATRIX__HOMESERVER"),
    "M_TOO_LARGE": (Outcome.PERMANENT, "消息或文件超过服务器的长度限制，被拒收"),
    "M_BAD_JSON": (Outcome.PERMANENT, _FORM),
    "M_NOT_JSON": (Outcome.PERMANENT, _FORM),
    "M_INVALID_PARAM": (Outcome.PERMANENT, _FORM),
    "M_CONSENT_NOT_GIVEN": (Outcome.CLOSED, "服务器要求机器人的账号先同意使用条款：请登录一次并同意"),
    "M_RESOURCE_LIMIT_EXCEEDED": (Outcome.RETRY, "服务器用量已满，请服务器管理员处理；稍后自动重试"),
}


def _wait(reply: Reply) -> timedelta:
    """The longer of what header and body ask for."""
    asked = (_object(reply.body) or {}).get("retry_after_ms")
    spans = [] if reply.wait is None else [reply.wait]
    if isinstance(asked, int) and not isinstance(asked, bool) and asked >= 0:
        spans.append(timedelta(milliseconds=min(asked, LONGEST_WAIT / timedelta(milliseconds=1))))
    return min(max(spans), LONGEST_WAIT) if spans else DEFAULT_WAIT


def _object(body: bytes | None) -> dict[str, Any] | None:
    try:
        found = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
