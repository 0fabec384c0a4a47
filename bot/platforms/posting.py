"""One request to a platform, and what HTTP alone says about its fate.

The question that matters afterwards is whether the message may have arrived. It may from the moment the first byte of
the body was handed to the socket; the body itself notes that moment. For this to be exact every request has a fresh
connection (`webhook_session`): on a kept one the server may have hung up already, which looks like a lost answer.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import IO

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from yarl import URL

from bot.platforms.contract import Answer, Outcome
from bot.platforms.resolving import Guarded, PrivateAddress
from config.texts import cut

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; a longer one counts as unreadable."""
DEFAULT_WAIT = timedelta(seconds=60)
"""★ The pause where a platform asks for one without saying how long: the window of the limits that we know."""
LONGEST_WAIT = timedelta(hours=1)
"""★ A platform that asks for more is asked again after this time."""
JSON = "application/json; charset=utf-8"
_WORDS = 60
_TELLTALE = re.compile(r"https?://\S+|\S+@\S+|[0-9A-Za-z+/=_\-]{20,}|\d+(?:[.:\-]\d+)+|\d{5,}")
"""Addresses, dotted numbers, phones, e-mail, and runs of letters and digits as long as a key."""


class Redirected(aiohttp.ClientError):
    """An answer sent us to another address, where nothing of ours has any business. Its text holds neither."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. `body` is None where it was cut off, too long (`too_long`) or not decodable. `wait` is its
    Retry-After, `date` what the other side's clock showed (aware)."""

    status: int
    body: bytes | None
    wait: timedelta | None = None
    date: datetime | None = None
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class NoReply:
    """No HTTP answer came. `written`: whether any of the message was handed to the line. `reason` is Chinese."""

    written: bool
    reason: str


def unlisted(answer: Answer, words: object) -> Answer:
    """An answer whose code no table knows, with the platform's own words for whoever looks it up: on one line, short,
    and without addresses, numbers and anything as long as a key."""
    if answer.outcome is not Outcome.UNKNOWN or not isinstance(words, str):
        return answer
    kept = _TELLTALE.sub("…", "".join(mark if mark.isprintable() else " " for mark in words))
    said = cut(kept, _WORDS)
    return replace(answer, detail=f"{answer.detail}，原话：{said}") if said else answer


def webhook_session(trusted: Collection[str] = (), resolver: AbstractResolver | None = None) -> aiohttp.ClientSession:
    """A session for `post_json` and WebSockets: a fresh connection per request, no cookies, no redirects. The caller
    closes it.

    Only `trusted` hosts may lead into a private network (`bot.platforms.resolving`).
    """
    connector = aiohttp.TCPConnector(force_close=True, resolver=Guarded(trusted, resolver))
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[tracing])


async def _refuse_redirect(session: object, context: object, given: aiohttp.TraceRequestRedirectParams) -> None:
    """aiohttp's WebSockets follow redirects, wherever they lead, and take no argument that forbids it."""
    given.response.close()
    raise Redirected("redirected")


async def post_json(session: aiohttp.ClientSession, url: str, body: bytes, patience: timedelta) -> Reply | NoReply:
    """Post once: `request` with POST and JSON."""
    return await request(session, "POST", url, patience, body=body)


async def request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    patience: timedelta,
    *,
    body: bytes | None = None,
    media: str = JSON,
    headers: Mapping[str, str] | None = None,
    into: IO[bytes] | None = None,
    most: int = LARGEST_ANSWER,
) -> Reply | NoReply:
    """Ask once, follow no redirect; `patience` is for all of it.

    At most `LARGEST_ANSWER` bytes of the answer are read. With `into` the body of a 200 is written there instead, as
    far as it has no more than `most` bytes; its reply has the body `b""`, or None where it was longer or cut off.
    Address and headers may hold a key: no exception of the network leaves this function, for its text would name it.
    Raises ValueError for a session that keeps connections.
    """
    if session.connector is not None and not session.connector.force_close:
        raise ValueError("the session keeps connections; open it with webhook_session()")
    noted = None if body is None else _NotedBody(body, content_type=media)
    try:
        async with session.request(
            method,
            URL(url, encoded=True),
            data=noted,
            headers=headers,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=patience.total_seconds()),
        ) as response:
            read, too_long = None, False
            try:
                if into is not None and response.status == 200:
                    read = await _save(response, into, most)
                else:
                    read = await _read(response)
            except _TooLong:
                too_long = True
            date = _http_date(response.headers.get("Date", ""))
            return Reply(response.status, read, _retry_after(response), date, too_long)
    except (aiohttp.ClientError, OSError) as error:
        written = noted is not None and noted.written
        cause = error.os_error if isinstance(error, aiohttp.ClientConnectorDNSError) else error
        kept = cause if isinstance(cause, PrivateAddress) else error
        return NoReply(written, next(reason for kind, reason in _REASONS if isinstance(kept, kind)))


def multipart(fields: Mapping[str, str], name: str, filename: str, media: str, data: bytes) -> tuple[bytes, str]:
    """A form with plain fields and one file, as (body, media type), for `request`. A name cannot end its header."""
    border = secrets.token_hex(16)
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    quoted = re.sub(r'[\x00-\x1f\x7f"\\]', "_", filename)
    head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{quoted}"\r\n'
    parts += [head.encode(), f"Content-Type: {media}\r\n\r\n".encode(), data, f"\r\n--{border}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={border}"


def answer_without_reply(lost: NoReply) -> Answer:
    """Certainly not delivered before the first byte of the message was written, unknown from then on."""
    if lost.written:
        return Answer(Outcome.UNKNOWN, f"{lost.reason}，这条消息可能已经送到")
    return Answer(Outcome.RETRY, f"{lost.reason}，肯定没有送到，稍后自动重试")


def answer_by_status(reply: Reply) -> Answer:
    """What an answer means that carries no code of the platform, from its HTTP status alone."""
    outcome, detail = _STATUSES.get(reply.status) or _CLASSES.get(reply.status // 100, _SENSELESS)
    wait = None
    if outcome is Outcome.RETRY and reply.wait is not None:
        outcome, wait = Outcome.RETRY_AFTER, reply.wait
    elif outcome is Outcome.RETRY_AFTER:
        wait = reply.wait or DEFAULT_WAIT
    return Answer(outcome, f"{detail}（HTTP {reply.status}）", status=reply.status, wait=wait)


# A login page, a proxy or a wrong address turns everything away alike: that is no fault of the message.
# 503 says that the server did not take the request on (RFC 9110, 15.6.4). 500, 502 and 504 come after it was taken:
# the robot may have posted before its program failed or its answer was lost behind the gateway.
_SENSELESS = (Outcome.UNKNOWN, "回答看不懂，这条消息可能已经送到")
_TURNED_AWAY = (Outcome.CLOSED, "请求被拒绝，请检查机器人地址和网关设置")
_STATUSES: dict[int, tuple[Outcome, str]] = {
    **dict.fromkeys((401, 402, 403, 404, 405, 407, 410, 421, 451), _TURNED_AWAY),
    408: (Outcome.RETRY, "平台没有收全请求，稍后自动重试"),
    413: (Outcome.PERMANENT, "平台或网关嫌消息太长，请检查网关的长度限制"),
    425: (Outcome.RETRY, "平台要求稍后再发，稍后自动重试"),
    429: (Outcome.RETRY_AFTER, "发得太快，按平台要求的时间重试"),
    501: (Outcome.CLOSED, "对方不支持这个接口，请检查机器人地址"),
    502: (Outcome.UNKNOWN, "网关没有等到平台的回答，这条消息可能已经送到"),
    503: (Outcome.RETRY, "平台暂时不提供服务，稍后自动重试"),
    504: (Outcome.UNKNOWN, "网关没有等到平台的回答，这条消息可能已经送到"),
    505: (Outcome.CLOSED, "对方不支持这个接口，请检查机器人地址"),
}
_CLASSES: dict[int, tuple[Outcome, str]] = {
    2: (Outcome.UNKNOWN, "回答里没有平台的结果码，这条消息可能已经送到"),
    3: (Outcome.CLOSED, "地址被转到别处，没有跟随；请检查机器人地址，或上网是否需要先登录"),
    4: (Outcome.PERMANENT, "请求被拒绝，请检查机器人地址和网关设置"),
    5: (Outcome.UNKNOWN, "平台内部出错，这条消息可能已经送到"),
}

# The first that fits; the order is from the special to the general.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (PrivateAddress, "域名指向内网，没有连接（确是本单位的主机，请写进 JIESU_PLATFORMS__PRIVATE_HOSTS）"),
    (aiohttp.ClientConnectorCertificateError, "对方的证书不可信（请检查地址，私有部署请安装其根证书）"),
    (aiohttp.ServerFingerprintMismatch, "对方的证书不可信（请检查地址，私有部署请安装其根证书）"),
    (aiohttp.ClientConnectorSSLError, "加密连接建立失败（请检查地址和端口）"),
    (aiohttp.ClientConnectorDNSError, "域名解析不到（请检查网络和 DNS）"),
    (aiohttp.ClientConnectorError, "连接不上（请检查网络和防火墙）"),
    (aiohttp.ConnectionTimeoutError, "连接超时（请检查网络和防火墙）"),
    (TimeoutError, "等待超时"),
    (aiohttp.ClientResponseError, "对方的回答不合 HTTP 规范"),
    (aiohttp.ClientError, "连接中断"),
    (OSError, "连接中断"),
)


class _TooLong(Exception):
    """There is more of a body than is taken."""


class _NotedBody(aiohttp.BytesPayload):
    """A body that notes when it begins to be written. aiohttp keeps the headers back until then."""

    written = False

    async def write(self, writer: AbstractStreamWriter) -> None:
        self.written = True
        await super().write(writer)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self.written = True
        await super().write_with_length(writer, content_length)


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    # The status has arrived and may decide by itself (429), whatever becomes of the body.
    body = bytearray()
    try:
        while chunk := await response.content.read(LARGEST_ANSWER + 1 - len(body)):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise _TooLong
    except (aiohttp.ClientError, OSError):
        return None
    return bytes(body)


async def _save(response: aiohttp.ClientResponse, into: IO[bytes], most: int) -> bytes | None:
    """Write the body; None where it was cut off. One that announces more than `most` is not even read."""
    if (response.content_length or 0) > most:
        raise _TooLong
    size = 0
    try:
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > most:
                raise _TooLong
            into.write(chunk)
    except (aiohttp.ClientError, OSError):
        return None
    return b""


def _retry_after(response: aiohttp.ClientResponse) -> timedelta | None:
    """Retry-After in seconds, or as a date, which is read against the Date of the same answer: no clock but theirs."""
    text = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        wait = timedelta(seconds=int(text))
    else:
        until, now = _http_date(text), _http_date(response.headers.get("Date", ""))
        if until is None or now is None:
            return None
        wait = until - now
    return min(max(wait, timedelta(seconds=1)), LONGEST_WAIT)


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
