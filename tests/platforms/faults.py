"""How a fake platform fails when a test tells it to: an answer of the test's, none at all, or a line that is cut.

What one request meets is a `Behaviour`; a fake keeps them in a queue and lets `met` carry the first one out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import web


@dataclass(frozen=True)
class Behaviour:
    """What happens to one request. `record`: whether it is carried out all the same."""

    kind: str
    code: int = 0
    record: bool = False
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    at: int = 0


def status(
    code: int, retry_after: str | int | None = None, body: str = "", record: bool = False, date: datetime | None = None
) -> Behaviour:
    """A bare HTTP status, as a gateway gives it."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if date is not None:
        headers["Date"] = format_datetime(date.astimezone(UTC), usegmt=True)
    return Behaviour("answer", code, record, body, headers)


def garbage(body: str = "<html>ok</html>", record: bool = False) -> Behaviour:
    """HTTP 200 with something that is no answer."""
    return Behaviour("answer", 200, record, body)


def redirect(to: str) -> Behaviour:
    """A way to somewhere else."""
    return Behaviour("answer", 302, headers={"Location": to})


def hang(record: bool = False) -> Behaviour:
    """Read everything and never answer."""
    return Behaviour("hang", record=record)


def cut_before_reading() -> Behaviour:
    """Drop the line when the head of the request has arrived."""
    return Behaviour("cut_before_reading")


def cut_after_reading(record: bool = False) -> Behaviour:
    """Drop the line instead of answering."""
    return Behaviour("cut_answer", record=record)


def cut_answer(at: int, record: bool = True) -> Behaviour:
    """Answer well, but drop the line after this many bytes of the answer."""
    return Behaviour("cut_answer", at=at, record=record)


async def met(
    request: web.Request,
    behaviour: Behaviour,
    carry_out: Callable[[], Awaitable[object]],
    whole: bytes,
    over: asyncio.Event,
) -> web.StreamResponse:
    """Let a request meet its behaviour. `carry_out` does what was asked, `whole` are the bytes of a good answer as
    they go over the line, `over` ends what hangs."""
    if behaviour.kind == "cut_before_reading":
        return cut(request)
    await request.read()
    if behaviour.record:
        await carry_out()
    if behaviour.kind == "hang":
        await over.wait()
        return cut(request)
    if behaviour.kind == "cut_answer":
        return cut(request, whole[: behaviour.at])
    return web.Response(status=behaviour.code, text=behaviour.body, headers=behaviour.headers)


def cut(request: web.Request, answer: bytes = b"") -> web.StreamResponse:
    """Drop the line, after these bytes."""
    if request.transport is None:  # the other side was quicker
        return web.Response()
    if answer:
        request.transport.write(answer)
        request.transport.close()
    else:
        request.transport.abort()
    return web.Response()


def on_the_line(body: str) -> bytes:
    """A 200 with this JSON as it goes over the line."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body.encode()
