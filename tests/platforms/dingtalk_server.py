"""The platform's side of DingTalk: a custom robot's address, reply addresses, the app's interface, its Stream gateway.

Refuses what the real one refuses and fails as told (`then`). Whatever a correct client never does (another path, a
GET, a kept cookie, a field that does not exist, a ticket used twice) is answered as the real server would and
remembered in `errors`; a test asserts at its end that there are none.
"""

import asyncio
import hashlib
import hmac
import json
from base64 import b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import WSMsgType, web

from tests.platforms.faults import Behaviour, met
from tests.platforms.wecom_server import whole_answer

TOKEN = "0123456789abcdef" * 4
SECRET = "SEC" + "1" * 64
CLIENT, CLIENT_SECRET = "dingabcdefgh", "client-secret-of-the-app"
CORP = "ding-corp-1"
PER_WINDOW = 20
WINDOW = timedelta(seconds=60)
BAN = timedelta(minutes=10)
LARGEST = 20_000
OK = {"errcode": 0, "errmsg": "ok"}
TICKET_LIFE = timedelta(seconds=90)
KINDS = {"text": {"content"}, "markdown": {"title", "text"}}


@dataclass(frozen=True)
class Message:
    """A message that stands in a group or a private chat. `where`: robot, session, or the id it was pushed to."""

    at: datetime
    where: str
    kind: str
    content: str
    called: tuple[str, ...] = ()
    title: str = ""


class FakeDingTalk:
    """One robot and one app. `now` is the platform's clock; `per_window` None switches the robot's limit off."""

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        secret: str | None = SECRET,
        keywords: tuple[str, ...] = (),
        per_window: int | None = PER_WINDOW,
    ) -> None:
        self.now = now
        self.secret = secret
        self.keywords = keywords
        self.per_window = per_window
        self.banned_until: datetime | None = None
        self.members = {"user123", "user456"}
        self.groups = {"cid1"}
        self.flow_controlled: set[str] = set()
        self.sessions: dict[str, datetime] = {}
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.messages: list[Message] = []
        self.refused: list[object] = []
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.tokens: dict[str, datetime] = {}
        self.tokens_given = 0
        self.tickets: dict[str, datetime] = {}
        self.lines: list[web.WebSocketResponse] = []
        self.connected: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.acknowledged: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.port = 0
        self._script: deque[Behaviour] = deque()
        self._over = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._paths = {
            "/robot/send": self._robot,
            "/robot/sendBySession": self._session,
            "/v1.0/oauth2/accessToken": self._access,
            "/v1.0/robot/groupMessages/send": self._to_group,
            "/v1.0/robot/oToMessages/batchSend": self._to_people,
            "/v1.0/robot/messageFiles/download": self._download,
            "/v1.0/gateway/connections/open": self._open,
        }

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def webhook(self) -> str:
        return f"{self.base}/robot/send?access_token={TOKEN}"

    @property
    def contents(self) -> list[str]:
        return [message.content for message in self.messages]

    def then(self, *behaviours: Behaviour) -> None:
        """What the next requests meet, in order, whatever they ask for."""
        self._script.extend(behaviours)

    def session(self, life: timedelta = timedelta(minutes=90)) -> dict[str, Any]:
        """A reply address as a message brings it."""
        number = f"s{len(self.sessions) + 1}"
        self.sessions[number] = self.now() + life
        return {
            "sessionWebhook": f"{self.base}/robot/sendBySession?session={number}",
            "sessionWebhookExpiredTime": int(self.sessions[number].timestamp() * 1000),
        }

    def said(self, text: str = "/状态", /, number: str = "msg1", **other: Any) -> dict[str, Any]:
        """What the platform tells of a message in the group (platforms, B2)."""
        return {
            "conversationId": "cid1",
            "conversationType": "2",
            "conversationTitle": "派单工作群",
            "atUsers": [{"dingtalkId": "$:LWCP_v1:$bot"}],
            "chatbotCorpId": CORP,
            "chatbotUserId": "$:LWCP_v1:$bot",
            "msgId": number,
            "senderNick": "张三",
            "isAdmin": False,
            "senderStaffId": "user123",
            "senderId": "$:LWCP_v1:$zhang",
            "senderCorpId": CORP,
            "createAt": int(self.now().timestamp() * 1000),
            "isInAtList": True,
            "robotCode": CLIENT,
            "msgtype": "text",
            "text": {"content": f" {text}"},
            **self.session(),
            **other,
        }

    async def push(self, data: object, line: web.WebSocketResponse | None = None, number: str = "f1") -> None:
        """Send a message to the app over its connection."""
        headers = {"topic": "/v1.0/im/bot/messages/get", "messageId": number, "contentType": "application/json"}
        headers["time"] = str(int(self.now().timestamp() * 1000))
        body = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        await self.frame({"specVersion": "1.0", "type": "CALLBACK", "headers": headers, "data": body}, line)

    async def system(self, topic: str, data: str, line: web.WebSocketResponse | None = None) -> None:
        headers = {"topic": topic, "messageId": f"sys-{topic}", "contentType": "application/json"}
        await self.frame({"specVersion": "1.0", "type": "SYSTEM", "headers": headers, "data": data}, line)

    async def frame(self, frame: dict[str, Any], line: web.WebSocketResponse | None = None) -> None:
        await (line or self.lines[-1]).send_str(json.dumps(frame, ensure_ascii=False))

    async def __aenter__(self) -> "FakeDingTalk":
        app = web.Application()
        app.router.add_get("/connect", self._connect)
        app.router.add_get("/files/{code}", self._file)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        self._over.set()
        for line in self.lines:
            if not line.closed and line.prepared:
                await line.close()
        if self._runner is not None:
            await self._runner.cleanup()

    # ---------------------------------------------------------------------------------------------------------- HTTP

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        if request.path not in self._paths or request.method != "POST":
            self.errors.append(f"{request.method} {request.path}")
            return web.json_response({"errcode": 43002, "errmsg": "require POST"})
        behaviour = self._script.popleft() if self._script else None
        if behaviour is not None:
            return await met(request, behaviour, lambda: self._carry_out(request), whole_answer(), self._over)
        return await self._carry_out(request)

    async def _carry_out(self, request: web.Request) -> web.Response:
        raw = await request.read()
        if request.content_type != "application/json":
            self.errors.append(f"content type {request.content_type}")
        if "Cookie" in request.headers:
            self.errors.append("a cookie")
        return self._paths[request.path](request, raw)

    def _robot(self, request: web.Request, raw: bytes) -> web.Response:
        query = dict(parse_qsl(request.url.raw_query_string.replace("+", "%2B")))  # a bare + is no + there
        if set(query) - {"access_token", "timestamp", "sign"}:
            self.errors.append(f"query {sorted(query)}")
        if query.get("access_token") != TOKEN:
            return self._refuse(300005, "token is not exist")
        try:
            body = json.loads(raw.decode())
        except ValueError:
            return self._refuse(40035, "缺少参数 json")
        if (wrong := self._unverified(query, raw)) is not None:
            return self._refuse(310000, wrong)
        now = self.now()
        lately = sum(now - message.at < WINDOW for message in self.messages if message.where == "robot")
        if self.banned_until is not None and now < self.banned_until:
            return self._refuse(130101, "send too fast, exceed 20 times per minute")
        if self.per_window is not None and lately >= self.per_window:
            self.banned_until = now + BAN
            return self._refuse(130101, "send too fast, exceed 20 times per minute")
        return self._write("robot", body, raw)

    def _unverified(self, query: dict[str, str], raw: bytes) -> str | None:
        if self.secret is not None:
            moment = query.get("timestamp", "")
            if not moment.isdecimal() or abs(self.now().timestamp() - int(moment) / 1000) > 3600:
                return "invalid timestamp, more: [https://ding-doc.dingtalk.com]"
            if query.get("sign") != sign(moment, self.secret):
                return "sign not match, more: [https://ding-doc.dingtalk.com]"
        if self.keywords and not any(word in raw.decode() for word in self.keywords):
            return "keywords not in content, more: [https://ding-doc.dingtalk.com]"
        return None

    def _session(self, request: web.Request, raw: bytes) -> web.Response:
        ends = self.sessions.get(request.query.get("session", ""))
        if ends is None or self.now() > ends:
            return self._refuse(300005, "session is not exist")
        return self._write("session", json.loads(raw), raw)

    def _write(self, where: str, body: dict[str, Any], raw: bytes) -> web.Response:
        kind = body.get("msgtype")
        if kind not in KINDS:
            return self._refuse(400105, "unsupported msgtype")
        part, called = body.get(kind, {}), body.get("at", {})
        text = part.get("content" if kind == "text" else "text")
        if not isinstance(text, str) or not text:
            return self._refuse(40035, "缺少参数 content")
        if set(body) - {"msgtype", kind, "at"} or set(part) != KINDS[kind]:
            self.errors.append(f"fields {sorted(body)} {sorted(part)}")
        if len(raw) > LARGEST:
            return self._refuse(460101, "message too long, exceed 20000 bytes")
        if called.get("isAtAll"):
            self.errors.append("everybody was called")
        # somebody is only called when the same @id stands in the text
        reached = tuple(user for user in called.get("atUserIds", []) if f"@{user}" in text)
        self.messages.append(Message(self.now(), where, kind, text, reached, part.get("title", "")))
        return web.json_response(OK)

    def _refuse(self, code: int, errmsg: str) -> web.Response:
        self.refused.append(code)
        return web.json_response({"errcode": code, "errmsg": errmsg})

    # ----------------------------------------------------------------------------------------------------- interface

    def _fault(self, status: int, code: str) -> web.Response:
        self.refused.append(code)
        return web.json_response({"code": code, "message": "描述", "requestid": "R"}, status=status)

    def _access(self, request: web.Request, raw: bytes) -> web.Response:
        if json.loads(raw) != {"appKey": CLIENT, "appSecret": CLIENT_SECRET}:
            return self._fault(400, "invalidClientIdOrSecret")
        self.tokens_given += 1
        token = f"token{self.tokens_given}"
        self.tokens[token] = self.now() + timedelta(hours=2)
        return web.json_response({"accessToken": token, "expireIn": 7200})

    def _allowed(self, request: web.Request) -> web.Response | None:
        ends = self.tokens.get(request.headers.get("x-acs-dingtalk-access-token", ""))
        if ends is None or self.now() > ends:
            return self._fault(400, "InvalidAuthentication")
        return None

    def _to_group(self, request: web.Request, raw: bytes) -> web.Response:
        body = json.loads(raw)
        if (denied := self._allowed(request) or self._wrong_robot(body)) is not None:
            return denied
        if set(body) != {"robotCode", "openConversationId", "msgKey", "msgParam"}:
            self.errors.append(f"fields {sorted(body)}")
        if body["openConversationId"] not in self.groups:
            return self._fault(400, "invalidParameter.openConversationId.invalid")
        return self._push(body["openConversationId"], body)

    def _to_people(self, request: web.Request, raw: bytes) -> web.Response:
        body = json.loads(raw)
        if (denied := self._allowed(request) or self._wrong_robot(body)) is not None:
            return denied
        if set(body) != {"robotCode", "userIds", "msgKey", "msgParam"} or len(body["userIds"]) != 1:
            self.errors.append(f"fields {sorted(body)}")
        person = body["userIds"][0]
        lists: dict[str, list[str]] = {"invalidStaffIdList": [], "flowControlledStaffIdList": []}
        if person not in self.members:
            lists["invalidStaffIdList"] = [person]
        if person in self.flow_controlled:
            lists["flowControlledStaffIdList"] = [person]
        if any(lists.values()):
            return web.json_response({"processQueryKey": "q", **lists})
        return self._push(f"@{person}", body, lists)

    def _wrong_robot(self, body: dict[str, Any]) -> web.Response | None:
        return None if body.get("robotCode") == CLIENT else self._fault(400, "invalidParameter.robotCode.notExsit")

    def _push(self, where: str, body: dict[str, Any], more: dict[str, Any] | None = None) -> web.Response:
        content = json.loads(body["msgParam"])
        keys = {"sampleText": ("text", "content"), "sampleMarkdown": ("markdown", "text")}
        kind, field = keys[body["msgKey"]]
        if set(content) != KINDS[kind] or not content[field]:
            self.errors.append(f"content {sorted(content)}")
        self.messages.append(Message(self.now(), where, kind, content[field], (), content.get("title", "")))
        return web.json_response({"processQueryKey": f"key{len(self.messages)}", **(more or {})})

    def _download(self, request: web.Request, raw: bytes) -> web.Response:
        body = json.loads(raw)
        if (denied := self._allowed(request) or self._wrong_robot(body)) is not None:
            return denied
        code = body["downloadCode"]
        if code in self.redirects:
            return web.json_response({"downloadUrl": self.redirects[code]})
        if code not in self.files:
            return self._fault(400, "invalidParameter.robotCode.downloadCode")
        return web.json_response({"downloadUrl": f"{self.base}/files/{code}"})

    async def _file(self, request: web.Request) -> web.Response:
        self.requests.append(request.path)
        if "x-acs-dingtalk-access-token" in request.headers:
            self.errors.append("the token went to the file store")
        return web.Response(body=self.files[request.match_info["code"]])

    # -------------------------------------------------------------------------------------------------------- stream

    def _open(self, request: web.Request, raw: bytes) -> web.Response:
        body = json.loads(raw)
        if (body.get("clientId"), body.get("clientSecret")) != (CLIENT, CLIENT_SECRET):
            return self._fault(401, "authFailed")
        if {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"} not in body.get("subscriptions", []):
            self.errors.append("no subscription to messages")
        ticket = f"ticket/{len(self.tickets) + 1}+="
        self.tickets[ticket] = self.now()
        return web.json_response({"endpoint": f"ws://127.0.0.1:{self.port}/connect", "ticket": ticket})

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        ticket = unquote(request.url.raw_query_string.removeprefix("ticket="))
        given = self.tickets.pop(ticket, None)
        if given is None or self.now() - given > TICKET_LIFE:
            self.errors.append(f"a ticket that is none: {ticket}")
            return web.Response(status=401)
        self.tickets[f"used {ticket}"] = given
        line = web.WebSocketResponse()
        await line.prepare(request)
        self.lines.append(line)
        self.connected.put_nowait(line)
        async for message in line:
            if message.type == WSMsgType.TEXT:
                self.acknowledged.put_nowait(json.loads(message.data))
        return line


def sign(moment: str, secret: str) -> str:
    """The documented signature, written down once more."""
    return b64encode(hmac.new(secret.encode(), f"{moment}\n{secret}".encode(), hashlib.sha256).digest()).decode()
