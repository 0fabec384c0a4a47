"""Events by long connection (长连接): no address of ours is called, the app's id and secret are the proof."""

import asyncio
import contextlib
import json
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Mapping
from datetime import timedelta
from random import SystemRandom
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import WSMsgType
from loguru import logger

from bot.platforms.door import LARGEST
from bot.platforms.feishu import frames
from bot.platforms.feishu.api import OpenApi, Result
from bot.platforms.feishu.arrivals import Arrivals
from bot.platforms.feishu.codes import loaded
from bot.platforms.feishu.events import NAME
from bot.platforms.feishu.frames import Frame
from bot.platforms.taking import Full
from bot.platforms.waiting import pause
from config.addresses import checked_address

ENDPOINT_PATH: Final = "/callback/ws/endpoint"
OPENING: Final = timedelta(seconds=10)
"""★ For the connection to stand."""
PING: Final = timedelta(seconds=120)
"""Where the platform does not say how often it wants to hear of us."""
PINGS: Final = (timedelta(seconds=5), timedelta(minutes=5))
"""★ What it says counts within these."""
LONGEST_PAUSE: Final = timedelta(minutes=2)
"""★ Between two attempts to connect; Feishu's own clients wait as long."""
PIECES: Final = 32
"""★ Messages whose pieces are waited for at a time; each has at most as many pieces."""


class Socket:
    """The long connection of one app. Run `connection` under a lease: Feishu gives each event to one of them."""

    def __init__(self, session: aiohttp.ClientSession, api: OpenApi, arrivals: Arrivals) -> None:
        self.connected = False
        self.reason = ""
        """Why the connection does not stand, as far as the last try showed."""
        self._session = session
        self._api = api
        self._arrivals = arrivals
        self._ping = PING
        self._heard = False
        self._random = SystemRandom()
        self._pieces: OrderedDict[str, list[bytes]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()

    async def connection(self) -> None:
        """Connect, and again whenever the line breaks, with growing pauses, until cancelled."""
        attempt = 0
        while True:
            self._heard = False
            reason = self.reason = await self._connected()
            attempt = 1 if self._heard else attempt + 1
            wait = min(pause(attempt, self._random), LONGEST_PAUSE)
            logger.bind(platform=NAME).warning("not connected, again in {:.0f} s: {}", wait.total_seconds(), reason)
            await asyncio.sleep(wait.total_seconds())

    async def ask(self) -> Result:
        """Ask where to connect. Nothing is sent to anybody."""
        return await self._api.ask_with_secret(ENDPOINT_PATH, ("AppID", "AppSecret"))

    async def _connected(self) -> str:
        """One connection, as long as it lasts; why it ended."""
        result = await self.ask()
        url = result.data.get("URL")
        if not result.ok or not isinstance(url, str):
            return result.answer.detail
        try:
            checked_address(url, "wss")
            service = int(parse_qs(urlsplit(url).query)["service_id"][0])
        except (ValueError, KeyError):
            return "飞书给的连接地址不对"
        self._configure(result.data.get("ClientConfig"))
        await self._arrivals.know_bot()
        try:
            async with asyncio.timeout(OPENING.total_seconds()):
                line = await self._session.ws_connect(url, max_msg_size=LARGEST, autoping=True)
        except (aiohttp.ClientError, OSError) as error:
            return f"连接没有建立（{type(error).__name__}）"
        pinging = asyncio.create_task(self._keep_alive(line, service))
        try:
            self.connected, self.reason = True, ""
            logger.bind(platform=NAME).info("connected")
            return await self._listen(line)
        finally:
            self.connected = False
            self._pieces.clear()
            # What these told goes on being taken; only their acknowledgements end with the line.
            ending = {pinging, *self._tasks}
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)
            await line.close()

    async def _listen(self, line: aiohttp.ClientWebSocketResponse) -> str:
        while True:
            try:
                # Each of our pings is answered: silence is a dead line.
                message = await line.receive(timeout=2 * self._ping.total_seconds() + 5)
            except TimeoutError:
                return "对方没有声音"
            if message.type is WSMsgType.BINARY:
                self._heard = True
                self._take(line, message.data)
            elif message.type is not WSMsgType.TEXT:
                return f"对方断开（{line.close_code}）"

    def _take(self, line: aiohttp.ClientWebSocketResponse, data: bytes) -> None:
        frame = frames.read(data)
        if frame is None:
            logger.bind(platform=NAME).warning("a frame cannot be read: {} bytes", len(data))
        elif frame.method == frames.CONTROL:
            if frame.headers.get("type") == "pong":
                self._configure(loaded(frame.payload))
        elif frame.method == frames.DATA and (whole := self._whole(frame)) is not None:
            task = asyncio.create_task(self._answer(line, frame, whole))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, line: aiohttp.ClientWebSocketResponse, frame: Frame, payload: bytes) -> None:
        """Take the event, then acknowledge it; one that could not be acknowledged comes again."""
        began = asyncio.get_running_loop().time()
        said: dict[str, Any] = {}
        if frame.headers.get("type") in ("event", "card"):
            try:
                said = await self._arrivals.take(loaded(payload))
            except Full:
                return
        answer: dict[str, Any] = {"code": 200}
        if said:
            answer["data"] = b64encode(json.dumps(said, ensure_ascii=False).encode()).decode()
        took = {"biz_rt": str(round((asyncio.get_running_loop().time() - began) * 1000))}
        with contextlib.suppress(ConnectionError, RuntimeError, aiohttp.ClientError):
            await line.send_bytes(frames.written(frame.answered(json.dumps(answer).encode(), took)))

    def _whole(self, frame: Frame) -> bytes | None:
        """The payload, once all of its pieces are there; an event comes again whose pieces were lost."""
        count, place = _number(frame.headers.get("sum")), _number(frame.headers.get("seq"))
        number = frame.headers.get("message_id", "")
        if count <= 1:
            return frame.payload
        if count > PIECES or place >= count:
            return None
        pieces = self._pieces.setdefault(number, [b""] * count)
        if len(pieces) == count:
            pieces[place] = frame.payload
        if not all(pieces) or sum(map(len, pieces)) > LARGEST:
            while len(self._pieces) > PIECES:
                self._pieces.popitem(last=False)
            return None
        return b"".join(self._pieces.pop(number))

    async def _keep_alive(self, line: aiohttp.ClientWebSocketResponse, service: int) -> None:
        with contextlib.suppress(ConnectionError, RuntimeError, aiohttp.ClientError):
            while True:
                await line.send_bytes(frames.written(frames.ping(service)))
                await asyncio.sleep(self._ping.total_seconds())

    def _configure(self, given: Any) -> None:
        seconds = given.get("PingInterval") if isinstance(given, Mapping) else None
        if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 1 << 31:
            least, most = PINGS
            self._ping = min(max(timedelta(seconds=seconds), least), most)


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) <= 6 else 0
