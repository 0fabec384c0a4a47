"""The platform's side of a WeCom group webhook: refuses what the real one refuses, and fails as told.

In a test's own loop:      async with FakeWeCom() as wecom: ...
In a thread of its own:    with in_thread() as wecom: ...
As a process that outlives the one under test:
    with in_process(folder) as wecom: ...      or     python -m tests.platforms.wecom_server --port-file F --log L

Whatever a correct sender never does (another path, a GET, a kept cookie, a field that does not exist) is answered
like the real server would and remembered in `errors`; a test asserts at its end that there are none.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
import signal
import subprocess
import sys
import threading
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from tests.platforms.faults import (
    Behaviour,
    cut_after_reading,
    cut_answer,
    cut_before_reading,
    garbage,
    hang,
    met,
    on_the_line,
    redirect,
    status,
)

__all__ = [
    "FakeWeCom",
    "cut_after_reading",
    "cut_answer",
    "cut_before_reading",
    "errcode",
    "garbage",
    "hang",
    "in_process",
    "in_thread",
    "redirect",
    "status",
    "whole_answer",
]
"""The robot and all that can happen to it; how it fails is every fake's (`faults`)."""

KEY = "11111111-2222-3333-4444-555555555555"
PATH = "/cgi-bin/webhook/send"
UPLOAD = "/cgi-bin/webhook/upload_media"
PER_WINDOW = 20
WINDOW = timedelta(seconds=60)
LONGEST = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
FIELDS = {
    "text": {"content", "mentioned_list", "mentioned_mobile_list"},
    "markdown": {"content"},
    "image": {"base64", "md5"},
    "file": {"media_id"},
}
LARGEST_IMAGE = 2 * 1024 * 1024
LARGEST_FILE = 20 * 1024 * 1024
KEPT = timedelta(days=3)
OK = {"errcode": 0, "errmsg": "ok"}


def errcode(code: int) -> Behaviour:
    """HTTP 200 with this errcode."""
    return Behaviour("answer", 200, body=json.dumps({"errcode": code, "errmsg": "told to"}))


@dataclass(frozen=True)
class Message:
    """A message that stands in the group."""

    at: datetime
    msgtype: str
    content: str
    mentioned: tuple[str, ...]


class FakeWeCom:
    """One robot of one group. `now` is the platform's clock; `per_window` None switches its limit off."""

    def __init__(
        self,
        key: str = KEY,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        per_window: int | None = PER_WINDOW,
        log: Path | None = None,
    ) -> None:
        self.key = key
        self.now = now
        self.per_window = per_window
        self.messages: list[Message] = []
        self.refused: list[int] = []
        self.errors: list[str] = []
        self.requests = 0
        self.uploads: dict[str, tuple[datetime, str, bytes]] = {}
        self.connections: set[object] = set()
        self.reached = asyncio.Event()
        self.port = 0
        self._log = log
        self._script: deque[Behaviour] = deque()
        self._over = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def webhook(self) -> str:
        """The address that the office copies from the robot's page."""
        return f"{self.base}{PATH}?key={self.key}"

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def contents(self) -> list[str]:
        return [message.content for message in self.messages]

    def then(self, *behaviours: Behaviour) -> None:
        """What the next requests meet, in order; after them the robot is itself again."""
        self._script.extend(behaviours)

    def mend(self) -> None:
        """The robot is itself again at once, whatever was still to come."""
        self._script.clear()

    async def __aenter__(self) -> "FakeWeCom":
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        app = web.Application(client_max_size=2 * LARGEST_FILE)
        app.router.add_route("*", "/{anything:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self._over.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        self.reached.set()
        self.connections.add(request.transport)
        if request.path not in (PATH, UPLOAD) or request.method != "POST":
            self._wrong(f"{request.method} {request.path}")
            return web.Response(status=405 if request.path in (PATH, UPLOAD) else 404)
        behaviour = self._script.popleft() if self._script else None
        if behaviour is not None:
            return await met(request, behaviour, lambda: self._record(request), whole_answer(), self._over)
        if request.path == UPLOAD:
            return web.json_response(await self._take_upload(request))
        raw = await request.read()
        self._look_at(request)
        return web.json_response(self._judge(request.query.get("key"), raw))

    async def _record(self, request: web.Request) -> None:
        self._look_at(request)
        verdict = self._judge(request.query.get("key"), await request.read())
        if verdict != OK:
            self._wrong(f"a message to be recorded was refused: {verdict}")

    def _look_at(self, request: web.Request) -> None:
        uploading = request.path == UPLOAD
        if request.content_type != ("multipart/form-data" if uploading else "application/json"):
            self._wrong(f"content type {request.content_type}")
        if set(request.query) - ({"key", "type"} if uploading else {"key"}):
            self._wrong(f"query {sorted(request.query)}")
        if "Cookie" in request.headers:
            self._wrong("a cookie")

    def _judge(self, key: str | None, raw: bytes) -> dict[str, object]:
        """The real robot's order of refusals as far as it is known."""
        if key != self.key:
            return self._refuse(93000, "invalid webhook url")
        try:
            body = json.loads(raw.decode())
        except ValueError:
            return self._refuse(40008, "invalid message type. Warning: wrong json format.")
        kind = body.get("msgtype") if isinstance(body, dict) else None
        if kind not in LONGEST and kind not in FIELDS:
            return self._refuse(40008, "invalid message type")
        if re.search(rb"\\u[0-9A-Fa-f]{4}", raw):
            return self._refuse(40033, "invalid request char")
        part = body.get(kind)
        if kind in ("image", "file"):
            if not isinstance(part, dict) or set(body) != {"msgtype", kind} or set(part) != FIELDS[kind]:
                return self._refuse(40058, f"{kind} is ill-formed")
            content, code = self._picture(part) if kind == "image" else self._file(part)
            return self._refuse(code, f"invalid {kind}") if code else self._post(kind, content, ())
        content = part.get("content") if isinstance(part, dict) else None
        if not isinstance(content, str) or not content:
            return self._refuse(44004, "empty content")
        mentioned = part.get("mentioned_list", [])
        if set(body) != {"msgtype", kind} or set(part) - FIELDS.get(kind, {"content"}):
            self._wrong(f"unknown fields in {sorted(body)} {sorted(part)}")
        if not isinstance(mentioned, list) or not all(isinstance(one, str) and one for one in mentioned):
            self._wrong("mentioned_list is no list of accounts")
            mentioned = []
        if len(content.encode()) > LONGEST[kind]:
            return self._refuse(40058, f"{kind}.content exceed max length {LONGEST[kind]}. Invalid input")
        return self._post(kind, content, tuple(mentioned))

    def _post(self, kind: str, content: str, mentioned: tuple[str, ...]) -> dict[str, object]:
        now = self.now()
        lately = sum(now - message.at < WINDOW for message in self.messages)
        if self.per_window is not None and lately >= self.per_window:
            return self._refuse(45009, "api freq out of limit, hint: [], from ip: 127.0.0.1")
        message = Message(now, kind, content, mentioned)
        # on the disk before the answer leaves: a message that was confirmed is in the log, whoever dies next
        self._write("accepted", asdict(message) | {"at": now.isoformat()})
        self.messages.append(message)
        return OK

    @staticmethod
    def _picture(part: dict[str, object]) -> tuple[str, int]:
        """A picture's md5, and an errcode where it is none."""
        try:
            data = b64decode(str(part["base64"]), validate=True)
        except ValueError:
            return "", 301019
        if not data.startswith((b"\x89PNG", b"\xff\xd8")):
            return "", 40009
        if len(data) > LARGEST_IMAGE:
            return "", 40009
        digest = hashlib.md5(data).hexdigest()
        return digest, 0 if part["md5"] == digest else 301019

    def _file(self, part: dict[str, object]) -> tuple[str, int]:
        """A file's name, and an errcode where its media id is unknown or older than three days."""
        at, name, _ = self.uploads.get(str(part["media_id"]), (None, "", b""))
        return name, 0 if at is not None and self.now() - at < KEPT else 40007

    async def _take_upload(self, request: web.Request) -> dict[str, object]:
        self._look_at(request)
        if request.query.get("key") != self.key:
            return self._refuse(93000, "invalid webhook url")
        if request.query.get("type") != "file":
            return self._refuse(40004, "invalid media type")
        form = await request.post()
        media = form.get("media")
        if set(form) != {"media"} or not isinstance(media, web.FileField) or not media.filename:
            return self._refuse(44001, "empty media data")
        data = media.file.read()
        if not 5 < len(data) <= LARGEST_FILE:
            return self._refuse(40006, "invalid file size")
        number = f"media-{len(self.uploads) + 1}"
        self.uploads[number] = (self.now(), media.filename, data)
        return {"errcode": 0, "errmsg": "", "type": "file", "media_id": number, "created_at": "1380000000"}

    def _refuse(self, code: int, errmsg: str) -> dict[str, object]:
        self.refused.append(code)
        self._write("refused", {"errcode": code})
        return {"errcode": code, "errmsg": errmsg}

    def _wrong(self, what: str) -> None:
        self.errors.append(what)
        self._write("error", {"what": what})

    def _write(self, kind: str, values: dict[str, object]) -> None:
        if self._log is not None:
            with self._log.open("a", encoding="utf-8") as log:
                log.write(json.dumps({"kind": kind, **values}, ensure_ascii=False) + "\n")


def whole_answer() -> bytes:
    """The bytes of an OK as they go over the line."""
    return on_the_line(json.dumps(OK))


@contextlib.contextmanager
def in_thread(**settings: object) -> Iterator[FakeWeCom]:
    """A fake with a loop of its own, for code that blocks or owns the test's loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    fake = FakeWeCom(**settings)  # type: ignore[arg-type]
    try:
        asyncio.run_coroutine_threadsafe(fake.start(), loop).result(10)
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@dataclass(frozen=True)
class WeComProcess:
    """A fake in a process of its own; what happened is read from its log."""

    port: int
    key: str
    log: Path

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}?key={self.key}"

    def entries(self, kind: str = "accepted") -> list[dict[str, object]]:
        """The log's entries of one kind (accepted, refused, error), in order."""
        if not self.log.exists():
            return []
        entries = [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]
        return [entry for entry in entries if entry["kind"] == kind]


@contextlib.contextmanager
def in_process(folder: Path, *script: Behaviour, key: str = KEY, limit: bool = True) -> Iterator[WeComProcess]:
    """A fake that outlives the process under test. Log and port file lie in the folder."""
    log, port_file = folder / "wecom.jsonl", folder / "wecom.port"
    command = [sys.executable, "-m", "tests.platforms.wecom_server", "--key", key]
    command += ["--log", str(log), "--port-file", str(port_file)]
    command += ["--script", json.dumps([asdict(behaviour) for behaviour in script])]
    command += [] if limit else ["--no-limit"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline()
            assert port, "the fake did not start"
            yield WeComProcess(int(port), key, log)
        finally:
            process.terminate()


async def _serve(fake: FakeWeCom, port: int, port_file: Path | None) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await fake.start(port)
    if port_file is not None:
        unfinished = port_file.with_suffix(".new")
        unfinished.write_text(str(fake.port))
        unfinished.replace(port_file)
    print(fake.port, flush=True)
    await stopped.wait()
    await fake.stop()


async def _main() -> None:
    parser = argparse.ArgumentParser(description="a WeCom group robot on 127.0.0.1; prints its port")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--port-file", type=Path)
    parser.add_argument("--log", type=Path, help="JSON lines: accepted, refused, error")
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--no-limit", action="store_true", help="take more than 20 messages a minute")
    parser.add_argument("--script", default="[]", help="behaviours for the first requests, a JSON list")
    given = parser.parse_args()
    fake = FakeWeCom(given.key, per_window=None if given.no_limit else PER_WINDOW, log=given.log)
    fake.then(*(Behaviour(**one) for one in json.loads(given.script)))
    await _serve(fake, given.port, given.port_file)


if __name__ == "__main__":
    asyncio.run(_main())
