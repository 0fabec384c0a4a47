"""The console's HTTP surface (interface, section The console)."""

import asyncio
import json
import re
import uuid
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from bot.clock import RehearsalClock
from bot.console import messages
from bot.console.speaking import Speaker, as_json, speak
from bot.web.body import BadBody, read_json
from bot.web.keys import SERVICE
from bot.web.middleware import Handler, refusal
from config.shanghai import SHANGHAI, full_text, local
from handlers.completion import offered
from handlers.registry import COMMANDS
from handlers.work import department_name

STATIC = Path(__file__).parent / "static"
HEARTBEAT = 15.0
LONGEST_JUMP = timedelta(days=400)
"""★ A rehearsal's clock is moved at once. More than a year is a slip of the hand, and days of work at every due moment.
"""
LONGEST_ID = 200
LONGEST_TEXT = 100_000
_AFTER = "after 应为一条消息的 id（数字），不写则从最新的消息往前取"
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_MENTION = re.compile(r"^[@＠](?:接诉即办|机器人)(?=\s|$)|(?:^|\s)[@＠](?:接诉即办|机器人)$")
"""The bot called by name at either end of a message."""


def add_routes(app: web.Application) -> None:
    """Mount the console on an application that has the middleware below."""
    app.router.add_get("/", page)
    app.router.add_static("/static/console/", STATIC)
    app.router.add_get("/console/people", people)
    app.router.add_get("/console/groups", groups)
    app.router.add_get("/console/commands", commands)
    app.router.add_get("/console/complete", complete)
    app.router.add_get("/console/messages", get_messages)
    app.router.add_post("/console/messages", post_message)
    app.router.add_get("/console/stream", stream)
    app.router.add_get("/console/clock", get_clock)
    app.router.add_post("/console/clock", move_clock)


@web.middleware
async def same_origin(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The console has no sign-in: only this machine's own pages may reach it (Host, and Origin where one is sent)."""
    if not request.path.startswith(("/console", "/static/console", "/orders/")) and request.path != "/":
        return await handler(request)
    host = urlsplit(f"//{request.headers.get('Host', '')}")
    try:
        known = host.hostname in _local_names(request) and host.port in (None, _port(request))
    except ValueError:
        known = False
    if not known:
        return refusal(403, "控制台只能从本机打开：请使用启动时显示的地址")
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != request.headers["Host"]:
        return refusal(403, "请求来自别的网站，不予受理")
    return await handler(request)


async def page(request: web.Request) -> web.FileResponse:
    """The work group."""
    return web.FileResponse(STATIC / "index.html", headers={"Content-Type": "text/html; charset=utf-8"})


async def people(request: web.Request) -> web.Response:
    """Who may speak."""
    organisation = request.app[SERVICE].office.organisation
    return as_json(
        [
            {
                "id": person.id,
                "name": person.name,
                "roles": sorted(person.roles),
                "department": person.department,
                "department_name": department_name(request.app[SERVICE].office, person.department),
            }
            for person in organisation.people
        ]
    )


async def groups(request: web.Request) -> web.Response:
    """The groups; a private chat with a person is `@PERSON` and is not listed."""
    organisation = request.app[SERVICE].office.organisation
    return as_json([{"id": group.id, "name": group.name, "purpose": group.purpose} for group in organisation.groups])


async def commands(request: web.Request) -> web.Response:
    """Commands for the page's completion."""
    return as_json(
        [
            {
                "name": command.name,
                "aliases": list(command.aliases),
                "usage": command.usage,
                "summary": command.summary,
                "private": command.private,
            }
            for command in COMMANDS
            if command.provided
        ]
    )


async def complete(request: web.Request) -> web.Response:
    """What can be offered to this person while typing: orders, names, and the grammar of each command."""
    service = request.app[SERVICE]
    person = service.office.organisation.person(request.query.get("person", ""))
    if person is None:
        return nobody()
    return as_json(await service.desk.read(lambda scope: offered(service.office, scope, person), service.clock.now()))


async def get_messages(request: web.Request) -> web.Response:
    """A chat's messages, in order."""
    service = request.app[SERVICE]
    chat = chat_of(request, request.query.get("group"))
    if isinstance(chat, web.Response):
        return chat
    after = _number(given := request.query.get("after"))
    if given is not None and after is None:
        return refusal(400, _AFTER)
    found = await service.desk.read(lambda scope: messages.of_chat(scope, chat, after), service.clock.now())
    return as_json(found)


async def post_message(request: web.Request) -> web.Response:
    """Say something as a person; returns when it and everything it did is durable."""
    service = request.app[SERVICE]
    body = await _body(request)
    if isinstance(body, web.Response):
        return body
    person = service.office.organisation.person(body.get("person", "")) if _text(body, "person") else None
    if person is None:
        return nobody()
    chat = chat_of(request, body.get("group") if _text(body, "group") else None)
    if isinstance(chat, web.Response):
        return chat
    if chat.startswith("@") and chat != f"@{person.id}":
        return refusal(403, "这是别人的私聊")
    if not _text(body, "text") or not body["text"].strip():
        return refusal(400, "text 应为要说的话，不能为空")
    if len(body["text"]) > LONGEST_TEXT:
        return refusal(413, f"这条消息有 {len(body['text'])} 字，最多 {LONGEST_TEXT} 字：请分几条发，或用文件导入")
    message_id = id_of(body.get("message_id"))
    if isinstance(message_id, web.Response):
        return message_id
    quote = body.get("quote")
    if quote is not None and (isinstance(quote, bool) or not str(quote).isdecimal() or len(str(quote)) > 18):
        return refusal(400, "quote 应为一条消息的 id")
    speaker = Speaker(person, chat, message_id, None if quote is None else int(quote))
    text = body["text"].encode("utf-8", "replace").decode()
    return await speak(service, speaker, text, mentioned=_MENTION.search(body["text"].strip()) is not None)


async def stream(request: web.Request) -> web.StreamResponse:
    """The messages of every chat as server-sent events; `after` or Last-Event-ID says where to continue."""
    service = request.app[SERVICE]
    hub = service.hub
    assert hub is not None
    if _number(request.query.get("after", "0")) is None:
        return refusal(400, _AFTER)
    response = web.StreamResponse(
        headers={
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
        }
    )
    queue = await hub.subscribe()
    try:
        after = _number(request.headers.get("Last-Event-ID")) or _number(request.query.get("after"))
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        last = after if after is not None else await service.desk.read(messages.newest, service.clock.now())
        while missed := await service.desk.read(partial(messages.since, after=last), service.clock.now()):
            for message in missed:
                await response.write(_event(message))
            last = missed[-1]["id"]
        while True:
            try:
                async with asyncio.timeout(HEARTBEAT):
                    item = await queue.get()
            except TimeoutError:
                await response.write(b": still here\n\n")
                continue
            if item is None:
                break
            if item["id"] > last:
                last = item["id"]
                await response.write(_event(item))
    except (ConnectionResetError, asyncio.CancelledError):
        pass
    finally:
        hub.leave(queue)
    return response


async def get_clock(request: web.Request) -> web.Response:
    """What time it is here, and whether this is a rehearsal."""
    clock = request.app[SERVICE].clock
    speed = clock.speed if isinstance(clock, RehearsalClock) else None
    now = local(clock.now()).isoformat(timespec="seconds")
    robots = any(group.robots for group in request.app[SERVICE].office.organisation.groups)
    return as_json({"now": now, "speed": speed, "rehearsal": speed is not None, "robots": robots})


async def move_clock(request: web.Request) -> web.Response:
    """Move a standing rehearsal clock forward through every due moment; returns when all of it is done.

    A time without a zone is Shanghai's, as the page sends it. The way ends where whoever asked is gone.
    """
    service = request.app[SERVICE]
    body = await _body(request)
    if isinstance(body, web.Response):
        return body
    if not isinstance(service.clock, RehearsalClock) or service.clock.speed != 0:
        return refusal(409, "只有停住的演练时钟（JIESU_CLOCK__SPEED=0）才能拨动")
    try:
        moment = datetime.fromisoformat(body["now"] if _text(body, "now") else "")
    except ValueError:
        return refusal(400, "now 应为 ISO 格式的时间，例如 2026-06-01T09:00:00+08:00")
    moment = moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
    if moment < service.clock.now():
        return refusal(409, f"时间不能倒退：现在是 {full_text(service.clock.now())}")
    if moment - service.clock.now() > LONGEST_JUMP:
        return refusal(
            400, f"一次最多往前拨 {LONGEST_JUMP.days} 天：现在是 {full_text(service.clock.now())}，请分几次拨"
        )
    if not await service.rehearse(moment, lambda: _connected(request)):
        return refusal(503, f"时钟只拨到 {full_text(service.clock.now())}：服务正在停止，重新启动后再拨")
    return await get_clock(request)


def _connected(request: web.Request) -> bool:
    """Whether somebody still waits for the answer; a handler is not told when nobody does."""
    return request.transport is not None and not request.transport.is_closing()


def _local_names(request: web.Request) -> set[str | None]:
    configured = request.app[SERVICE].office.settings.http.host
    return {"127.0.0.1", "localhost", "::1", configured}


def _port(request: web.Request) -> int | None:
    name = request.transport.get_extra_info("sockname") if request.transport else None
    return name[1] if name else None


def nobody() -> web.Response:
    """The answer to a person's id that is nobody's."""
    return refusal(404, "没有这个人：person 应为组织名册里的人员编号")


def chat_of(request: web.Request, name: Any) -> str | web.Response:
    """The chat that is meant, a group's id or `@PERSON`; the answer where there is none."""
    organisation = request.app[SERVICE].office.organisation
    if isinstance(name, str):
        if name.startswith("@") and organisation.person(name[1:]) is not None:
            return name
        if organisation.group(name) is not None:
            return name
    return refusal(404, "没有这个群：group 应为群的编号，或 @人员编号（私聊）")


def id_of(given: Any) -> str | web.Response:
    """The id under which a message is kept, a new one where none was given; the answer where it cannot be one.

    What no database takes (a zero byte, half a surrogate pair) is not replaced as in texts: two ids would become one.
    """
    if not given:
        return uuid.uuid4().hex
    if not isinstance(given, str) or len(given) > LONGEST_ID:
        return refusal(400, f"message_id 应为不超过 {LONGEST_ID} 个字符的文本")
    if _UNSTORABLE.search(given):
        return refusal(400, "message_id 里有存不下的字符（残缺的字或空字符）：请换一个编号再发")
    return given


async def _body(request: web.Request) -> dict[str, Any] | web.Response:
    try:
        body = read_json(await request.read())
    except BadBody as error:
        return refusal(400, str(error))
    return body if isinstance(body, dict) else refusal(400, "应为一个 JSON 对象")


def _text(body: dict[str, Any], name: str) -> bool:
    return isinstance(body.get(name), str)


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) <= 18 else None


def _event(message: dict[str, Any]) -> bytes:
    return f"id: {message['id']}\ndata: {json.dumps(message, ensure_ascii=False)}\n\n".encode()
