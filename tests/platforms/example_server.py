"""The other side of `tests/platforms/example.py`: chats in which the bot speaks, and people who write to it.

What a correct platform never does (a wrong token, a text that is too long, an unknown field) is refused like the real
server would, and remembered in `errors`; a test asserts at its end that there are none.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from tests.platforms.example import signed

TOKEN = "a-token-of-the-example"
FIELDS = {"token", "key", "to", "text", "calls", "answers"}


@dataclass(frozen=True)
class Sent:
    """A message of the bot's that stands in a chat (`@ACCOUNT` for a private one)."""

    id: str
    to: str
    text: str
    calls: tuple[str, ...]
    answers: str


@dataclass
class ExampleServer:
    """Enter it for its life. `results` are taken first, one per message; then everything is `sent`."""

    up: bool = True
    sent: list[Sent] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    written: int = 0
    called: int = 0
    _known: dict[int, str] = field(default_factory=dict)

    async def __aenter__(self) -> "ExampleServer":
        app = web.Application()
        app.router.add_post("/me", self._me)
        app.router.add_post("/send", self._send)
        self._server = TestServer(app)
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def environ(self) -> dict[str, str]:
        """The settings under which the bot is connected to it."""
        return {
            "JIESU_MATRIX__HOMESERVER": self.url,
            "JIESU_MATRIX__USER_ID": "@bot:example.test",
            "JIESU_MATRIX__ACCESS_TOKEN": TOKEN,
        }

    def texts(self, to: str | None = None) -> list[str]:
        """What the bot said, in one chat or everywhere."""
        return [message.text for message in self.sent if to in (None, message.to)]

    async def write(self, client: TestClient[Any, Any], person: str, text: str, **more: Any) -> str:
        """A person writes; the platform calls the bot back and must be answered 200. Returns the message's id."""
        self.written += 1
        told = {"id": f"m{self.written}", "person": person, "text": text, **more}
        async with await self.call(client, told) as response:
            assert response.status == 200, await response.text()
        return str(told["id"])

    async def call(
        self, client: TestClient[Any, Any], told: Any, *, age: float = 0, nonce: str = "", token: str = TOKEN
    ) -> ClientResponse:
        """One callback, signed `age` seconds ago."""
        body = told if isinstance(told, bytes) else json.dumps(told, ensure_ascii=False).encode()
        self.called += 1
        stamp, nonce = str(int(time.time() - age)), nonce or f"n{self.called}"
        headers = {"X-Time": stamp, "X-Nonce": nonce, "X-Signature": signed(token, stamp, nonce, body).decode()}
        return await client.post("/callbacks/matrix", data=body, headers=headers)

    async def _me(self, request: web.Request) -> web.Response:
        told = await request.json()
        good = self.up and told == {"token": TOKEN}
        return web.json_response({}, status=200 if good else 503)

    async def _send(self, request: web.Request) -> web.Response:
        told = await request.json()
        if told.get("token") != TOKEN or told.keys() != FIELDS or len(told["text"].encode()) > 1000:
            self.errors.append(str(told))
            return web.json_response({"result": "wrong"}, status=400)
        if told["key"] in self._known:  # a repeat of what was taken changes nothing
            return web.json_response({"result": "sent", "id": self._known[told["key"]]})
        if self.results and (result := self.results.pop(0)) != "sent":
            return web.json_response({"result": result})
        message = Sent(f"b{len(self.sent) + 1}", told["to"], told["text"], tuple(told["calls"]), told["answers"])
        self.sent.append(message)
        self._known[told["key"]] = message.id
        return web.json_response({"result": "sent", "id": message.id})
