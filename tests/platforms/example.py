"""A whole platform, as small as one can be: signed callbacks in, one POST out.

In tests it stands in Matrix's place, because settings and organisation files know that name.
"""

import asyncio
import hmac
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256

from aiohttp import web

from bot.platforms.contract import Answer, Avoid, Incoming, Limit, Outcome, Outgoing, Probe, Sender, Wiring
from bot.platforms.posting import NoReply, Reply, answer_by_status, answer_without_reply, post_json
from bot.platforms.splitting import split_text
from bot.platforms.taking import Replayed, Taking
from config.entries import Robot
from config.errors import ConfigError

_MOMENT = re.compile("[0-9]{1,11}")
OUTCOMES = {
    "sent": (Outcome.SENT, "已送达"),
    "full": (Outcome.RETRY, "平台正忙，稍后自动重试"),
    "gone": (Outcome.PERMANENT, "会话已不存在，请重新绑定"),
}


def connect(wiring: Wiring) -> "Example":
    """The platform as the settings configure it; what does not fit together is named as the user writes it."""
    if wiring.settings.matrix.access_token is None:
        raise ConfigError("JIESU_MATRIX__ACCESS_TOKEN：没有设置，请从平台的管理页复制")
    return Example(wiring)


class Example:
    """A `Platform`, and a `Connecting` one."""

    name = "matrix"
    receives = True

    def __init__(self, wiring: Wiring) -> None:
        assert wiring.settings.matrix.access_token is not None
        self.token = wiring.settings.matrix.access_token.get_secret_value()
        self.wiring = wiring
        self.connected, self.reason = False, ""
        self.taking = Taking(self.name)

    def robot(self, robot: Robot) -> Sender:
        raise ConfigError("这个平台没有群机器人")

    def chat(self, chat: str) -> Sender:
        return ExampleSender(self, chat)

    def person(self, account: str) -> Sender:
        return ExampleSender(self, f"@{account}")

    # ------------------------------------------------------------------------------------------------------ coming in

    def add_routes(self, app: web.Application) -> None:
        app.router.add_post(f"/callbacks/{self.name}", self._called)

    async def _called(self, request: web.Request) -> web.Response:
        body = await self.wiring.door.body(request)
        stamp, nonce, given = (request.headers.get(f"X-{name}", "") for name in ("Time", "Nonce", "Signature"))
        if not hmac.compare_digest(signed(self.token, stamp, nonce, body), given.encode("utf-8", "replace")):
            return web.json_response({"refusal": "签名不对"}, status=403)
        if not (_MOMENT.fullmatch(stamp) and self.wiring.door.fresh(datetime.fromtimestamp(int(stamp), UTC))):
            return web.json_response({"refusal": "请求过时了，请核对两边的时钟"}, status=403)
        if (incoming := read(self.name, body)) is not None:
            first = partial(self.wiring.door.first, self.name, nonce, body)
            receive = partial(self.wiring.receive, incoming)
            try:  # both within a second; our own fault is no refusal
                await self.taking.once(first, receive, incoming.message_id, incoming.account)
            except Replayed:
                return web.json_response({"refusal": "这个请求来过，内容却不同"}, status=403)
        return web.json_response({})

    async def run(self) -> None:
        try:
            await self.wiring.lead(f"socket:{self.name}", self._connection)
        finally:
            await self.taking.stop()

    async def _connection(self) -> None:
        try:
            probe = (await self.probe())[0]
            self.connected, self.reason = probe.ok, "" if probe.ok else f"{probe.detail}。{probe.mend}"
            await asyncio.Event().wait()  # another platform reads its socket here
        finally:
            self.connected = False

    async def probe(self) -> list[Probe]:
        reply = await self.post("/me", {})
        if isinstance(reply, Reply) and reply.status == 200:
            return [Probe("机器人", True, "答得上来")]
        why = reply.reason if isinstance(reply, NoReply) else f"HTTP {reply.status}"
        return [Probe("机器人", False, why, "请检查 JIESU_MATRIX__HOMESERVER 和 JIESU_MATRIX__ACCESS_TOKEN")]

    async def post(self, path: str, body: dict[str, object]) -> Reply | NoReply:
        url = f"{self.wiring.settings.matrix.homeserver}{path}"
        text = json.dumps({"token": self.token, **body}, ensure_ascii=False)
        return await post_json(self.wiring.session, url, text.encode(), timedelta(seconds=10))


class ExampleSender:
    """The bot in one chat."""

    limits = (Limit(60, timedelta(minutes=1)),)
    avoid: tuple[Avoid, ...] = ()
    edits = False
    ready = True

    def __init__(self, platform: Example, to: str) -> None:
        self._platform, self._to = platform, to

    def parts(self, message: Outgoing) -> list[Outgoing]:
        pieces = split_text(message.text, 1000)
        return [
            replace(message, text=piece, mentions=() if number else message.mentions)
            for number, piece in enumerate(pieces)
        ]

    async def send(self, message: Outgoing) -> Answer:
        calls = [mention.account for mention in message.mentions if mention.account is not None]
        answers = (message.reply or {}).get("message", "")
        body = {"key": message.key, "to": self._to, "text": message.text, "calls": calls, "answers": answers}
        reply = await self._platform.post("/send", body)
        return answer_without_reply(reply) if isinstance(reply, NoReply) else answer_of(reply)


def answer_of(reply: Reply) -> Answer:
    """The platform's answer: a code that the table does not know is kept as unknown and shown."""
    told = _object(reply.body or b"")
    code = told.get("result")
    if reply.status != 200 or not isinstance(code, str):
        return answer_by_status(reply)
    outcome, detail = OUTCOMES.get(code, (Outcome.UNKNOWN, f"没见过的结果 {code[:20]}"))
    return Answer(outcome, detail, reply.status, remote=str(told["id"]) if "id" in told else None)


def signed(token: str, stamp: str, nonce: str, body: bytes) -> bytes:
    """The signature over the moment, the nonce and the raw body."""
    over = f"{stamp}\n{nonce}\n".encode("utf-8", "surrogateescape") + body
    return hmac.new(token.encode(), over, sha256).hexdigest().encode()


def read(platform: str, body: bytes) -> Incoming | None:
    """A verified body → a message; None for kinds of events that are not ours. Never raises."""
    told = _object(body)
    if not all(isinstance(told.get(name), str) for name in ("id", "person", "text")):
        return None
    chat, quote = (told[name] if isinstance(told.get(name), str) else None for name in ("chat", "quote"))
    return Incoming(
        platform,
        told["id"],
        chat,
        told["person"],
        told["text"],
        quote=quote,
        mentioned=told.get("mentioned") is True,
        reply={"message": told["id"]},
    )


def _object(body: bytes) -> dict[str, object]:
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
