"""The platform's side of the 智能机器人's WebSocket: refuses what the real one refuses, and fails as told.

    async with FakeGateway() as gateway: ...

It is itself checked by the official client (test_wecom_socket). What a correct bot never does is remembered in
`errors`; a test asserts at its end that there are none.
"""

import asyncio
import hashlib
import itertools
import json
import re
from base64 import b64decode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import WSMsgType, web

BOT, SECRET = "AIBOT-1", "bot-secret"
LONGEST = 20480
KINDS = ("markdown", "template_card", "image", "file")
LIMITS = ((30, timedelta(minutes=1)), (1000, timedelta(hours=1)))
TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
UPDATE_WITHIN = timedelta(seconds=5)


@dataclass
class Said:
    """Something that stands in a chat: by which command, what kind, its content."""

    chat: str
    command: str
    kind: str
    content: Any
    at: datetime


@dataclass
class Asked:
    """A message or press that was handed on: what its answers may be."""

    chat: str
    kind: str
    card: str | None
    at: datetime
    streams: set[str] = field(default_factory=set)
    updated: bool = False


class FakeGateway:
    """One bot. `now` is the platform's clock."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self.said: list[Said] = []
        self.updates: list[dict[str, Any]] = []
        self._counted: list[tuple[str, datetime]] = []
        self.refused: list[int] = []
        self.errors: list[str] = []
        self.connections = 0
        self.pings = 0
        self.answers_pings = True
        self.subscribed = asyncio.Event()
        self.port = 0
        self._numbers = itertools.count(1)
        self._line: web.WebSocketResponse | None = None
        self._asked: dict[str, Asked] = {}
        self._cards: dict[str, str] = {}
        self._chats: dict[str, int] = {}
        self._script: deque[int | str] = deque()
        self._told: dict[str, Any] = {}
        self._uploads: dict[str, tuple[dict[str, Any], dict[int, bytes]]] = {}
        self.files: dict[str, tuple[str, bytes]] = {}
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def then(self, *behaviours: int | str) -> None:
        """What the next frames meet: an errcode, `cut`, `cut_after` (it counts all the same) or `hang`."""
        self._script.extend(behaviours)

    async def __aenter__(self) -> "FakeGateway":
        app = web.Application()
        app.router.add_get("/", self._connected)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exception: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    # What people do

    async def say(self, text: str, person: str = "zhangsan", chat: str | None = "wr-dispatch", **more: Any) -> str:
        """Somebody writes to the bot; the frame's id. In a group the platform hands on the mention too."""
        body = self._body(person, chat) | {
            "msgtype": "text",
            "text": {"content": text if chat is None else f"@助手 {text}"},
        }
        return await self._hand_on("aibot_msg_callback", body | more, chat or person, "message")

    async def press(
        self, task: str, key: str, person: str = "zhangsan", chat: str | None = "wr-dispatch", chosen: str | None = None
    ) -> str:
        """Somebody presses a button of a card; it is told once and never again."""
        items = [] if chosen is None else [{"question_key": key, "option_ids": {"option_id": [chosen]}}]
        event = {
            "card_type": "button_interaction",
            "event_key": key,
            "task_id": task,
            "selected_items": {"selected_item": items},
        }
        return await self.event("template_card_event", person, chat, template_card_event=event, card=task)

    async def event(
        self, kind: str, person: str = "zhangsan", chat: str | None = None, card: str | None = None, **more: Any
    ) -> str:
        body = self._body(person, chat) | {"msgtype": "event", "event": {"eventtype": kind} | more}
        return await self._hand_on("aibot_event_callback", body, chat or person, "press" if card else "event", card)

    async def send_raw(self, data: str | bytes) -> None:
        assert self._line is not None
        await (self._line.send_str(data) if isinstance(data, str) else self._line.send_bytes(data))

    def cut(self) -> None:
        """Drop the line without a word."""
        assert self._line is not None and self._line._req is not None and self._line._req.transport is not None
        self._line._req.transport.abort()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to have come in."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(condition)

    # What a bot does

    async def _connected(self, request: web.Request) -> web.WebSocketResponse:
        line = web.WebSocketResponse()
        await line.prepare(request)
        self.connections += 1
        async for message in line:
            if message.type is not WSMsgType.TEXT:
                self.errors.append(f"a frame of type {message.type}")
                continue
            await self._frame(line, json.loads(message.data))
            async with self._changed:
                self._changed.notify_all()
        if self._line is line:
            self._line = None
            self.subscribed.clear()
        return line

    async def _frame(self, line: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        command, request = frame.get("cmd"), frame.get("headers", {}).get("req_id")
        if set(frame) - {"cmd", "headers", "body"} or not isinstance(request, str) or not request:
            self.errors.append(f"an ill-formed frame {sorted(frame)}")
            return
        body = frame.get("body", {})
        if command == "aibot_subscribe":
            await self._subscribe(line, request, body)
        elif line is not self._line:
            self.errors.append(f"{command} before aibot_subscribe")
        elif command == "ping":
            self.pings += 1
            if self.answers_pings:
                await self._ack(line, request, 0)
        else:
            await self._said(line, str(command), request, body)

    async def _subscribe(self, line: web.WebSocketResponse, request: str, body: dict[str, Any]) -> None:
        known = body == {"bot_id": BOT, "secret": SECRET}
        if self._script and isinstance(self._script[0], int) and self._script[0] < 0:
            known = self._script.popleft() == 0
        await self._ack(line, request, 0 if known else 853000)
        if not known:
            return
        old, self._line = self._line, line
        if old is not None:
            event = {"msgtype": "event", "event": {"eventtype": "disconnected_event"}}
            frame = {"cmd": "aibot_event_callback", "headers": {"req_id": "kick"}, "body": event}
            await old.send_str(json.dumps(frame))
            await old.close()
        self.subscribed.set()

    async def _said(self, line: web.WebSocketResponse, command: str, request: str, body: dict[str, Any]) -> None:
        behaviour = self._script.popleft() if self._script else 0
        if behaviour == "cut":
            self.cut()
            return
        self._told = {}
        code = behaviour if isinstance(behaviour, int) and behaviour else self._judge(command, request, body)
        if code:
            self.refused.append(code)
        if behaviour == "cut_after":
            self.cut()
        elif behaviour != "hang":
            await self._ack(line, request, code, self._told)

    async def _ack(
        self, line: web.WebSocketResponse, request: str, code: int, body: dict[str, Any] | None = None
    ) -> None:
        frame = {"headers": {"req_id": request}, "errcode": code, "errmsg": "ok"} | ({"body": body} if body else {})
        await line.send_str(json.dumps(frame))

    def _judge(self, command: str, request: str, body: dict[str, Any]) -> int:
        if command == "aibot_respond_update_msg":
            return self._update(request, body)
        if command == "aibot_respond_msg":
            asked = self._asked.get(request)
            if asked is None or asked.kind != "message" or self.now() - asked.at > timedelta(hours=24):
                return 846605
            code = self._stream(asked, body)
            return code or self._post(asked.chat, command, "stream", body["stream"]["content"])
        if command == "aibot_send_msg":
            return self._send(body)
        if command.startswith("aibot_upload_media_"):
            return self._upload(command.removeprefix("aibot_upload_media_"), body)
        self.errors.append(f"unknown command {command}")
        return 40008

    def _stream(self, asked: Asked, body: dict[str, Any]) -> int:
        stream = body.get("stream", {})
        if body.get("msgtype") != "stream" or set(stream) != {"id", "finish", "content"} or not stream["content"]:
            return 40008
        if len(stream["content"].encode()) > LONGEST:
            return 40058
        if stream["id"] in asked.streams:
            return 846608
        if stream["finish"]:
            asked.streams.add(stream["id"])
        return 0

    def _send(self, body: dict[str, Any]) -> int:
        chat, kind = body.get("chatid"), body.get("msgtype")
        if set(body) - {"chatid", "chat_type", "msgtype", str(kind)} or kind not in KINDS:
            self.errors.append(f"unknown fields {sorted(body)}")
            return 40008
        if chat not in self._chats or body.get("chat_type", self._chats[chat]) != self._chats[chat]:
            return 846604
        if kind == "template_card":
            code = self._card(chat, body[kind])
            return code or self._post(chat, "aibot_send_msg", kind, body[kind])
        if kind in ("image", "file"):
            if self.files.get(body[kind].get("media_id"), ("", ""))[0] != kind:
                return 40007
            return self._post(chat, "aibot_send_msg", kind, self.files[body[kind]["media_id"]][1])
        content = body[kind].get("content", "")
        if not 0 < len(content.encode()) <= LONGEST or set(body[kind]) != {"content"}:
            return 40058
        return self._post(chat, "aibot_send_msg", kind, content)

    def _upload(self, step: str, body: dict[str, Any]) -> int:
        if step == "init":
            number = f"upload-{next(self._numbers)}"
            self._uploads[number] = (body, {})
            self._told = {"upload_id": number}
            return 0 if set(body) == {"type", "filename", "total_size", "total_chunks", "md5"} else 40008
        if body.get("upload_id") not in self._uploads:
            return 40007
        told, pieces = self._uploads[body["upload_id"]]
        if step == "chunk":
            data = b64decode(body["base64_data"], validate=True)
            pieces[body["chunk_index"]] = data
            return 0 if len(data) <= 512 * 1024 and body["chunk_index"] < told["total_chunks"] <= 100 else 40006
        whole = b"".join(pieces.get(number, b"") for number in range(told["total_chunks"]))
        if len(whole) != told["total_size"] or hashlib.md5(whole).hexdigest() != told["md5"]:
            return 40006
        media = f"media-{next(self._numbers)}"
        self.files[media] = (told["type"], whole)
        self._told = {"type": told["type"], "media_id": media, "created_at": "1380000000"}
        return 0

    def _card(self, chat: str, card: dict[str, Any]) -> int:
        task = card.get("task_id", "")
        if not _pressable(card) or TASK_ID.fullmatch(task) is None or task in self._cards:
            return 42014
        self._cards[task] = chat
        return 0

    def _update(self, request: str, body: dict[str, Any]) -> int:
        asked, card = self._asked.get(request), body.get("template_card", {})
        if asked is None or asked.kind != "press" or asked.updated or self.now() - asked.at > UPDATE_WITHIN:
            return 846605
        if body.get("response_type") != "update_template_card" or card.get("task_id") != asked.card:
            return 42014
        leads = card.get("card_type") == "text_notice" and bool(card.get("card_action", {}).get("url"))
        if not (leads or _pressable(card)):
            return 42014
        if not self._room(asked.chat):
            return 45009
        asked.updated = True
        self.updates.append(body)
        return 0

    def _post(self, chat: str, command: str, kind: str, content: Any) -> int:
        if not self._room(chat):
            return 45009
        self.said.append(Said(chat, command, kind, content, self.now()))
        return 0

    def _room(self, chat: str) -> bool:
        """Whether a conversation takes one more, which counts then: answers, notices and changes of cards together."""
        now = self.now()
        for count, window in LIMITS:
            if sum(where == chat and now - at < window for where, at in self._counted) >= count:
                return False
        self._counted.append((chat, now))
        return True

    def _body(self, person: str, chat: str | None) -> dict[str, Any]:
        number = next(self._numbers)
        body = {"msgid": f"CAIQ-{number}", "aibotid": BOT, "from": {"userid": person}, "create_time": number}
        return body | ({"chattype": "single"} if chat is None else {"chattype": "group", "chatid": chat})

    async def _hand_on(self, command: str, body: dict[str, Any], chat: str, kind: str, card: str | None = None) -> str:
        self._chats[chat] = 2 if "chatid" in body else 1
        request = f"R{next(self._numbers)}"
        self._asked[request] = Asked(chat, kind, card, self.now())
        await self.send_raw(json.dumps({"cmd": command, "headers": {"req_id": request}, "body": body}))
        return request


def _pressable(card: dict[str, Any]) -> bool:
    """Whether it is a card with buttons as the platform takes one."""
    buttons = card.get("button_list", [])
    keys = [button["key"] for button in buttons]
    fits = (
        card.get("card_type") == "button_interaction"
        and bool(card.get("main_title", {}).get("title"))
        and 1 <= len(buttons) <= 6
        and len(set(keys)) == len(keys)
        and all(0 < len(key.encode()) <= 1024 for key in keys)
        and all(button["text"] for button in buttons)
    )
    selection = card.get("button_selection")
    if selection is not None:
        options = [option["id"] for option in selection["option_list"]]
        fits = (
            fits and 1 <= len(options) <= 10 and len(set(options)) == len(options) and selection["question_key"] != ""
        )
    return fits
