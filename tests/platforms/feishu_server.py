"""Feishu's side: custom robots, the app's interface, the long connection and pushed events; it refuses what the real
one refuses, and fails as told.

    async with FakeFeishu(now=clock) as feishu: ...

`then("create", …)` says what the next requests of a kind meet. Whatever a correct client never does is answered like
the real server would and remembered in `errors`; a test asserts at its end that there are none.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from bot.platforms.feishu import frames
from tests.platforms.faults import Behaviour, cut_after_reading, met, on_the_line

HOOK = "11111111-2222-3333-4444-555555555555"
APP_ID, APP_SECRET = "cli_a1b2c3", "geheim-app-secret"
ENCRYPT_KEY, TOKEN = "geheim-encrypt-key", "geheim-verification-token"
BOT = "ou_bot"
GROUP, OTHER_GROUP = "oc_dispatch", "oc_elsewhere"
ZHANG, WANG = "ou_zhang", "ou_wang"
KINDS = {"text", "post", "image", "file", "interactive"}
LONGEST = {"text": 150 << 10, "post": 30 << 10, "interactive": 30 << 10, "image": 30 << 10, "file": 30 << 10}
HOOK_BYTES = 20 << 10
HOUR, DAYS = timedelta(hours=1), timedelta(days=14)
WHOLE_ANSWER = on_the_line('{"code":0,"data":{"message_id":"om_cut_off"}}')
"""The bytes of an answer as they go over the line, to be cut anywhere."""
ELEMENTS = {"markdown", "div", "column_set", "button", "select_static"}


@dataclass
class Message:
    """A message that stands in a chat."""

    id: str
    at: datetime
    target: str
    kind: str
    content: dict[str, Any]
    mentions: tuple[str, ...] = ()
    parent: str | None = None
    uuid: str | None = None
    edits: int = 0

    @property
    def text(self) -> str:
        """What can be read, whatever its kind is."""
        return "\n".join(_texts(self.kind, self.content))

    @property
    def buttons(self) -> dict[str, dict[str, Any]]:
        """Label → what comes back when it is pressed; a menu by its placeholder."""
        return {each[0]: each[1] for each in _buttons(self.content)} if self.kind == "interactive" else {}


def code(number: int, msg: str = "told to", status: int = 200) -> Behaviour:
    """An answer with this code."""
    return Behaviour("answer", status, body=json.dumps({"code": number, "msg": msg, "data": {}}))


def lost() -> Behaviour:
    """The request is carried out, and the line drops instead of an answer."""
    return cut_after_reading(record=True)


@dataclass
class FakeFeishu:
    """One robot, one app. `now` is the platform's clock; `limits` False lets everything through."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    secret: str | None = None
    keyword: str | None = None
    limits: bool = True
    lasts: int = 7200
    messages: list[Message] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    resources: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tokens: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self.chats = {GROUP, OTHER_GROUP}
        self.people = {ZHANG, WANG}
        self.connections: list[web.WebSocketResponse] = []
        self.connected, self.pinged = asyncio.Event(), asyncio.Event()
        self.config = {"ReconnectCount": -1, "ReconnectInterval": 120, "ReconnectNonce": 30, "PingInterval": 120}
        self.acknowledged: dict[str, asyncio.Future[frames.Frame]] = {}
        self._script: defaultdict[str, deque[Behaviour]] = defaultdict(deque)
        self._over = asyncio.Event()
        self._token = ""
        self._expires: datetime | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def webhook(self) -> str:
        return f"{self.base}/open-apis/bot/v2/hook/{HOOK}"

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.messages]

    def then(self, kind: str, *behaviours: Behaviour) -> None:
        """What the next requests of a kind meet: hook, token, create, reply, edit, upload, resource, info, endpoint."""
        self._script[kind].extend(behaviours)

    def forget_token(self) -> None:
        """As if the token had been revoked."""
        self._token = ""

    async def __aenter__(self) -> "FakeFeishu":
        app = web.Application(client_max_size=64 << 20)
        app.router.add_get("/ws", self._socket)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._over.set()
        for line in self.connections:
            await line.close()
        await self._runner.cleanup()

    # ---------------------------------------------- what it is asked

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        kind, handler = self._route(request)
        self.requests.append(kind)
        if handler is None:
            self.errors.append(f"{request.method} {request.path}")
            return web.json_response({"code": 404, "msg": "no such address"}, status=404)
        if "Cookie" in request.headers:
            self.errors.append("a cookie")
        behaviour = self._script[kind].popleft() if self._script[kind] else None
        if behaviour is None:
            return await handler(request)
        return await met(request, behaviour, lambda: handler(request), WHOLE_ANSWER, self._over)

    def _route(self, request: web.Request) -> tuple[str, Any]:
        for kind, method, pattern, handler in (
            ("hook", "POST", r"/open-apis/bot/v2/hook/[\w-]+", self._hook),
            ("token", "POST", r"/open-apis/auth/v3/tenant_access_token/internal", self._give_token),
            ("info", "GET", r"/open-apis/bot/v3/info", self._info),
            ("create", "POST", r"/open-apis/im/v1/messages", self._create),
            ("reply", "POST", r"/open-apis/im/v1/messages/[^/]+/reply", self._reply),
            ("edit", "PATCH", r"/open-apis/im/v1/messages/[^/]+", self._edit),
            ("resource", "GET", r"/open-apis/im/v1/messages/[^/]+/resources/[^/]+", self._resource),
            ("upload", "POST", r"/open-apis/im/v1/(images|files)", self._upload),
            ("endpoint", "POST", r"/callback/ws/endpoint", self._endpoint),
            ("home", "GET", "/", self._home),
        ):
            if request.method == method and re.fullmatch(pattern, request.path):
                return kind, handler
        return "unknown", None

    async def _home(self, request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/page"})

    async def _hook(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = _json(raw)
        if request.path.rpartition("/")[2] != HOOK:
            return self._refuse(19001, "param invalid: incoming webhook access token invalid")
        if len(raw) > HOOK_BYTES:
            return self._refuse(19036, "message too long")
        if self.secret is not None and not self._signed(body):
            return self._refuse(19021, "sign match fail or timestamp is not within one hour from current time")
        kind = body.get("msg_type")
        content = body.get("card" if kind == "interactive" else "content")
        if (
            kind not in KINDS
            or not isinstance(content, dict)
            or set(body)
            - {
                "msg_type",
                "content",
                "card",
                "timestamp",
                "sign",
            }
        ):
            return self._refuse(9499, "Bad Request", 400)
        if kind == "post":
            content = content["post"]
        message = Message(f"hook-{len(self.messages)}", self.now(), HOOK, kind, content)
        if (bad := self._malformed(message)) is not None:
            return self._refuse(9499, f"Bad Request: {bad}", 400)
        if message.buttons:
            self.errors.append("a robot's card with buttons")
        if self.keyword is not None and self.keyword not in message.text:
            return self._refuse(19024, "Key Words Not Found")
        if self._crowded(HOOK, (timedelta(seconds=1), 5), (timedelta(minutes=1), 100)):
            return self._refuse(11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]")
        self._keep(message)
        return web.json_response({"StatusCode": 0, "StatusMessage": "success", "code": 0, "data": {}, "msg": "success"})

    def _signed(self, body: dict[str, Any]) -> bool:
        moment = str(body.get("timestamp", ""))
        if not moment.isdecimal() or abs(self.now() - datetime.fromtimestamp(int(moment), UTC)) > HOUR:
            return False
        key = f"{moment}\n{self.secret}".encode()
        return base64.b64encode(hmac.new(key, digestmod=hashlib.sha256).digest()).decode() == body.get("sign")

    async def _give_token(self, request: web.Request) -> web.Response:
        body = _json(await request.read())
        if body.get("app_id") != APP_ID:
            return self._refuse(10003, "invalid param")
        if body.get("app_secret") != APP_SECRET:
            return self._refuse(10014, "app secret invalid")
        self.tokens += 1
        self._token = f"t-geheim-{self.tokens}"
        self._expires = self.now() + timedelta(seconds=self.lasts)
        said = {"code": 0, "msg": "ok", "tenant_access_token": self._token, "expire": self.lasts}
        return web.json_response(said)

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization")
        if given is None:
            return self._refuse(99991661, "Missing access token", 400)
        if given != f"Bearer {self._token}" or self._expires is None or self.now() > self._expires:
            return self._refuse(99991663, "Invalid access token for authorization", 400)
        return None

    async def _info(self, request: web.Request) -> web.Response:
        bad = self._unauthorised(request)
        return bad or web.json_response({"code": 0, "msg": "ok", "bot": {"open_id": BOT, "app_name": "接诉"}})

    async def _create(self, request: web.Request) -> web.Response:
        if (bad := self._unauthorised(request)) is not None:
            return bad
        body = _json(await request.read())
        kind, target = request.query.get("receive_id_type"), body.get("receive_id")
        if kind == "chat_id" and target not in self.chats:
            return self._refuse(230002, "The bot can not be outside the group.", 400)
        if kind == "open_id" and target not in self.people:
            return self._refuse(230013, "Bot has NO availability to this user.", 400)
        if kind not in ("chat_id", "open_id"):
            return self._refuse(230001, "invalid receive_id_type", 400)
        return self._post(body, str(target), None, {"receive_id"})

    async def _reply(self, request: web.Request) -> web.Response:
        if (bad := self._unauthorised(request)) is not None:
            return bad
        question = request.path.split("/")[-2]
        if question == "om_recalled":
            return self._refuse(230011, "The message is recalled.", 400)
        return self._post(_json(await request.read()), "", question, set())

    def _post(self, body: dict[str, Any], target: str, parent: str | None, more: set[str]) -> web.Response:
        if set(body) - {"msg_type", "content", "uuid"} - more:
            self.errors.append(f"unknown fields in {sorted(body)}")
        uuid, content = body.get("uuid"), body.get("content")
        if not isinstance(uuid, str) or not 0 < len(uuid) <= 50:
            self.errors.append("a message without a good uuid")
        if body.get("msg_type") not in KINDS or not isinstance(content, str):
            return self._refuse(230001, "invalid msg_type or content", 400)
        if len(content.encode()) > LONGEST[body["msg_type"]]:
            return self._refuse(230025, "The length of the message content reaches its limit.", 400)
        for message in self.messages:
            if message.uuid == uuid and self.now() - message.at < HOUR:
                return self._posted(message)
        message = Message(
            f"om_{len(self.messages)}", self.now(), target, body["msg_type"], _json(content.encode()), (), parent, uuid
        )
        if (bad := self._malformed(message)) is not None:
            return self._refuse(230099 if message.kind == "interactive" else 230001, bad, 400)
        if self._crowded(target or str(parent), (timedelta(seconds=1), 5)):
            return self._refuse(230020, "This operation triggers the frequency limit.", 400)
        self._keep(message)
        return self._posted(message)

    def _posted(self, message: Message) -> web.Response:
        return web.json_response({"code": 0, "msg": "success", "data": {"message_id": message.id}})

    async def _edit(self, request: web.Request) -> web.Response:
        if (bad := self._unauthorised(request)) is not None:
            return bad
        body, number = _json(await request.read()), request.path.rpartition("/")[2]
        message = next((message for message in self.messages if message.id == number), None)
        if set(body) != {"content"} or message is None or message.kind != "interactive":
            return self._refuse(230001, "not a card of this app", 400)
        if self.now() - message.at > DAYS:
            return self._refuse(230031, "Message can only be modified within 14 days after sending.", 400)
        content = _json(body["content"].encode())
        edited = Message(message.id, message.at, message.target, "interactive", content)
        if (bad_card := self._malformed(edited)) is not None:
            return self._refuse(230099, bad_card, 400)
        message.content, message.edits = content, message.edits + 1
        return web.json_response({"code": 0, "msg": "success", "data": {}})

    async def _upload(self, request: web.Request) -> web.Response:
        if (bad := self._unauthorised(request)) is not None:
            return bad
        form = await request.post()
        kind = request.path.rpartition("/")[2].removesuffix("s")
        part = form.get(kind)
        wanted = {"image": {"image_type", "image"}, "file": {"file_type", "file_name", "file"}}[kind]
        if set(form) != wanted or not isinstance(part, web.FileField):
            return self._refuse(234001, "Invalid request param.", 400)
        data = part.file.read()
        if not data:
            return self._refuse(234010, "File's size can't be 0.", 400)
        if len(data) > (10 if kind == "image" else 30) << 20:
            return self._refuse(234006, "The file size exceed the max value.", 400)
        key = f"{'img' if kind == 'image' else 'file'}_v3_{len(self.uploads)}"
        self.uploads[key] = (part.filename, data)
        return web.json_response({"code": 0, "msg": "success", "data": {f"{kind}_key": key}})

    async def _resource(self, request: web.Request) -> web.Response:
        if (bad := self._unauthorised(request)) is not None:
            return bad
        kind, data = self.resources.get(request.path.rpartition("/")[2], ("", b""))
        if kind != request.query.get("type"):
            return self._refuse(234003, "File not in msg.", 400)
        return web.Response(body=data, content_type="application/octet-stream")

    # ---------------------------------------------- the long connection

    async def _endpoint(self, request: web.Request) -> web.Response:
        body = _json(await request.read())
        if (body.get("AppID"), body.get("AppSecret")) != (APP_ID, APP_SECRET):
            return self._refuse(1000040345, "app_id or app_secret is invalid")
        url = f"{self.base.replace('http', 'ws')}/ws?device_id=7&service_id=42&access_key={secrets.token_hex(8)}"
        return web.json_response({"code": 0, "msg": "", "data": {"URL": url, "ClientConfig": self.config}})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        self.connections.append(line)
        self.connected.set()
        async for message in line:
            frame = frames.read(message.data) if message.type is WSMsgType.BINARY else None
            if frame is None:
                self.errors.append("not a frame")
            elif frame.method == frames.CONTROL and frame.headers.get("type") == "ping":
                self.pinged.set()
                if frame.service != 42:
                    self.errors.append(f"a ping for service {frame.service}")
                pong = frames.Frame(service=42, headers={"type": "pong"}, payload=json.dumps(self.config).encode())
                await line.send_bytes(frames.written(pong))
            elif (waiting := self.acknowledged.pop(frame.headers.get("message_id", ""), None)) is not None:
                waiting.set_result(frame)
            else:
                self.errors.append("an acknowledgement of nothing")
        return line

    async def push(self, event: dict[str, Any], *, pieces: int = 1) -> dict[str, Any]:
        """Push an event to the client that connected last; what it answered, its data unpacked."""
        number, payload = secrets.token_hex(8), json.dumps(event, ensure_ascii=False).encode()
        waiting = self.acknowledged[number] = asyncio.get_running_loop().create_future()
        size = -(-len(payload) // pieces)
        for seq in range(pieces):
            headers = {"type": "event", "message_id": number, "trace_id": "x", "sum": str(pieces), "seq": str(seq)}
            piece = payload[seq * size : (seq + 1) * size]
            frame = frames.Frame(seq + 1, 9, 42, frames.DATA, headers, payload=piece)
            await self.connections[-1].send_bytes(frames.written(frame))
        frame = await asyncio.wait_for(waiting, 60)
        answer = _json(frame.payload)
        if answer.get("code") != 200 or "biz_rt" not in frame.headers:
            self.errors.append(f"acknowledged with {answer}")
        return _json(base64.b64decode(answer["data"])) if "data" in answer else {}

    # ---------------------------------------------- its judgement

    def _malformed(self, message: Message) -> str | None:
        """Why the real one would not take this content."""
        content = message.content
        match message.kind:
            case "text":
                return None if set(content) == {"text"} and content["text"].strip() else "no text"
            case "post":
                lines = content.get("zh_cn", {}).get("content")
                tags = {element.get("tag") for line in lines or [] for element in line}
                return None if lines and tags <= {"text", "at", "a"} else f"a post of {tags}"
            case "image" | "file":
                key = content.get(f"{message.kind}_key")
                return None if key in self.uploads else "unknown key"
        if content.get("schema") != "2.0" or content.get("config", {}).get("update_multi") is not True:
            return "a card that nobody can update"
        for element in _elements(content):
            if element.get("tag") not in ELEMENTS:
                return f"unknown element {element.get('tag')}"
            label = element.get("text", {}).get("content") if element["tag"] == "button" else "x"
            values = [option["value"] for option in element.get("options", ())]
            if not label or len(label) > 100 or len(set(values)) != len(values):
                return "a wrong button or menu"
        return None

    def _crowded(self, target: str, *limits: tuple[timedelta, int]) -> bool:
        mine = [message for message in self.messages if target in (message.target, message.parent)]
        return self.limits and any(
            sum(self.now() - message.at < window for message in mine) >= count for window, count in limits
        )

    def _keep(self, message: Message) -> None:
        message.mentions = tuple(_mentions(message.kind, message.content))
        self.messages.append(message)

    def _refuse(self, number: int, msg: str, status: int = 200) -> web.Response:
        self.refused.append(number)
        return web.json_response({"code": number, "msg": msg, "data": {}}, status=status)


# ---------------------------------------------- what is pushed


def message_event(
    text: str = "/工单 12",
    *,
    number: str = "om_q1",
    person: str = ZHANG,
    chat: str | None = GROUP,
    at_bot: bool = True,
    kind: str = "text",
    content: dict[str, Any] | None = None,
    mentions: tuple[tuple[str, str], ...] = (),
    parent: str = "",
    sender: str = "user",
) -> dict[str, Any]:
    """im.message.receive_v1 as the documents show it; a group message begins with the bot's mention."""
    mentioned = (((BOT, "接诉"),) if at_bot and chat else ()) + mentions
    body = content if content is not None else {"text": f"@_user_1 {text}" if at_bot and chat else text}
    message = {
        "message_id": number,
        "root_id": parent,
        "parent_id": parent,
        "create_time": "1608725989000",
        "chat_id": chat or "oc_private",
        "thread_id": "",
        "chat_type": "group" if chat else "p2p",
        "message_type": kind,
        "content": json.dumps(body, ensure_ascii=False),
        "mentions": [
            {"key": f"@_user_{n}", "id": {"open_id": account, "union_id": "on_x", "user_id": ""}, "name": name}
            for n, (account, name) in enumerate(mentioned, start=1)
        ],
    }
    ids = {"union_id": "on_1", "user_id": "", "open_id": person}
    return _event(
        "im.message.receive_v1",
        {"sender": {"sender_id": ids, "sender_type": sender, "tenant_key": "t"}, "message": message},
    )


def press_event(
    value: dict[str, Any],
    *,
    option: str | None = None,
    person: str = ZHANG,
    chat: str = GROUP,
    card: str = "om_0",
    number: str | None = None,
) -> dict[str, Any]:
    """card.action.trigger as the documents show it; its time counts microseconds."""
    action: dict[str, Any] = {"value": value, "tag": "button", "timezone": "Asia/Shanghai"}
    if option is not None:
        action |= {"tag": "select_static", "option": option}
    body = {
        "operator": {"tenant_key": "t", "user_id": "", "open_id": person, "union_id": "on_1"},
        "token": "c-295ee57216a5dc9de90fefd0aadb4b1d7d",
        "action": action,
        "host": "im_message",
        "context": {"open_message_id": card, "open_chat_id": chat},
    }
    return _event("card.action.trigger", body, number, "1608725989000000")


def _event(
    kind: str, body: dict[str, Any], number: str | None = None, created: str = "1608725989000"
) -> dict[str, Any]:
    header = {
        "event_id": number or secrets.token_hex(16),
        "event_type": kind,
        "create_time": created,
        "token": TOKEN,
        "app_id": APP_ID,
        "tenant_key": "t",
    }
    return {"schema": "2.0", "header": header, "event": body}


def sealed(event: dict[str, Any], key: str = ENCRYPT_KEY) -> bytes:
    """A callback's body, encrypted as the platform does (platforms, C)."""
    plain = json.dumps(event, ensure_ascii=False).encode()
    count = 16 - len(plain) % 16
    plain += bytes([count]) * count
    iv = os.urandom(16)
    encryptor = Cipher(AES(hashlib.sha256(key.encode()).digest()), CBC(iv)).encryptor()
    return json.dumps(
        {"encrypt": base64.b64encode(iv + encryptor.update(plain) + encryptor.finalize()).decode()}
    ).encode()


def signed(body: bytes, timestamp: str, nonce: str = "", key: str = ENCRYPT_KEY) -> dict[str, str]:
    """A callback's headers."""
    nonce = nonce or secrets.token_hex(8)
    signature = hashlib.sha256((timestamp + nonce + key).encode() + body).hexdigest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "X-Lark-Request-Timestamp": timestamp,
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": signature,
    }


def _json(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _elements(card: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for element in card.get("body", {}).get("elements", []):
        found.append(element)
        for column in element.get("columns", ()):
            found += column["elements"]
    return found


def _buttons(card: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        ((element.get("text") or element["placeholder"])["content"], element["behaviors"][0]["value"])
        for element in _elements(card)
        if element["tag"] in ("button", "select_static")
    ]


def _texts(kind: str, content: dict[str, Any]) -> list[str]:
    match kind:
        case "text":
            return [content["text"]]
        case "post":
            lines = content["zh_cn"]["content"]
            return ["".join(element.get("text", "") for element in line) for line in lines]
        case "interactive":
            shown = (e for e in _elements(content) if e["tag"] in ("markdown", "div"))
            return [e["content"] if e["tag"] == "markdown" else e["text"]["content"] for e in shown]
    return []


def _mentions(kind: str, content: dict[str, Any]) -> list[str]:
    """Who is called, by whatever the platform would read as a mention."""
    match kind:
        case "text":
            return re.findall(r'<\s*at\s+user_id="([^"]*)"', content["text"])
        case "post":
            lines = content["zh_cn"]["content"]
            return [element["user_id"] for line in lines for element in line if element["tag"] == "at"]
        case "interactive":
            shown = "\n".join(e["content"] for e in _elements(content) if e["tag"] == "markdown")
            return re.findall(r"<\s*at\s+ids?=['\"]?([\w,-]+)", shown)
    return []
