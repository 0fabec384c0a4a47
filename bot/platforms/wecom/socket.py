"""The 智能机器人's WebSocket: the bot calls out, nobody calls in (platforms, B1).

One connection per bot: a new one ends the old, which hears `disconnected_event`. Which replica holds it the lease
decides; whoever is ended does not call again at once.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random, SystemRandom
from typing import Any, Final

import aiohttp
from loguru import logger
from pydantic import SecretStr

from bot.platforms.contract import Answer, Outcome
from bot.platforms.waiting import pause
from bot.platforms.wecom.codes import answer_to, errcode, loaded
from bot.platforms.wecom.messages import DISCONNECTED, Other, read

Take = Callable[[dict[str, Any], str], Awaitable[None]]
"""Takes the body of a message or event and the id of its frame; begins the work and returns."""
MESSAGE, EVENT = "aibot_msg_callback", "aibot_event_callback"
PING: Final = timedelta(seconds=30)
MISSED: Final = 2
"""So many pings without an answer, and the connection is dead."""
ANSWERED: Final = timedelta(seconds=5)
"""How long the platform may take to answer a frame."""
LONGEST: Final = timedelta(minutes=1)
"""★ The longest pause between two attempts to connect."""
KICKED: Final = timedelta(minutes=1)
"""★ After another connection ended ours: longer than a lease, so that a replica that lost it never calls again, and
two programs with one bot do not throw each other out all the time."""
CONNECTED: Final = timedelta(seconds=20)
"""★ How long connecting may take: a firewall that swallows everything says nothing."""
LARGEST_FRAME: Final = 1 << 20


class Socket:
    """The connection of one bot, a `Line`. `rest` waits; tests wait less."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        bot_id: str,
        secret: SecretStr,
        take: Take,
        *,
        ping: timedelta = PING,
        answered: timedelta = ANSWERED,
        rest: Callable[[timedelta], Awaitable[None]] | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._bot_id = bot_id
        self._secret = secret
        self._take = take
        self._ping = ping.total_seconds()
        self._answered = answered.total_seconds()
        self._rest = rest or _rest
        self._random: Random = SystemRandom()
        self._line: aiohttp.ClientWebSocketResponse | None = None
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._writing = asyncio.Lock()
        self.reason = ""
        """Why the connection does not stand, as far as the last try showed."""

    @property
    def ready(self) -> bool:
        """Whether the connection stands and the bot is known there."""
        return self._line is not None and not self._line.closed

    async def run(self) -> None:
        """Hold the connection for as long as nobody else takes it; begin again, with growing pauses, when it ends."""
        failures = 0
        while True:
            try:
                stood, kicked = await self._hold()
            except (aiohttp.ClientError, OSError) as error:
                # the address holds no secret, but the exception's text may hold all sorts of things
                logger.warning("wecom: no connection ({})", type(error).__name__)
                self.reason = f"连不上（{type(error).__name__}），请检查网络、防火墙和 JIESU_WECOM__WS_URL"
                stood, kicked = False, False
            if kicked:
                self.reason = "同一个机器人在别处连上了：请停掉那一处，或另建机器人并改 JIESU_WECOM__BOT_ID"
                logger.warning("wecom: another connection of the same bot ended ours; pausing")
                await self._rest(KICKED)
                return
            failures = 1 if stood else failures + 1
            await self._rest(min(pause(failures, self._random), LONGEST))

    async def ask(self, command: str, body: dict[str, Any], request: str | None = None) -> Answer:
        """Send a frame and classify the answer. Raises nothing for what the network does."""
        return (await self.exchange(command, body, request))[0]

    async def exchange(
        self, command: str, body: dict[str, Any], request: str | None = None
    ) -> tuple[Answer, dict[str, Any]]:
        """The same, and the body of the answer."""
        line = self._line
        if line is None or line.closed:
            return Answer(Outcome.RETRY, "与企业微信的长连接还没有建立，稍后自动重试"), {}
        reply = await self._exchange(line, command, body, request or _fresh(command))
        if reply is None:
            return Answer(Outcome.UNKNOWN, "长连接没有等到回执，这条消息可能已经送到"), {}
        code, told = errcode(reply), reply.get("body")
        if code is None:
            return Answer(Outcome.UNKNOWN, "回执里没有平台的结果码，这条消息可能已经送到"), {}
        return answer_to(code, words=reply.get("errmsg")), told if isinstance(told, dict) else {}

    async def _hold(self) -> tuple[bool, bool]:
        """Connect and read until the end; whether the bot was let in, and whether another connection ended ours."""
        async with asyncio.timeout(CONNECTED.total_seconds()):
            line = await self._session.ws_connect(self._url, max_msg_size=LARGEST_FRAME)
        reader = asyncio.create_task(self._read(line), name="wecom socket reader")
        try:
            if not await self._subscribed(line):
                return False, False
            self._line, self.reason = line, ""
            logger.info("wecom: connected")
            beat = asyncio.create_task(self._beat(line), name="wecom socket beat")
            try:
                kicked = await reader
            finally:
                beat.cancel()
                await asyncio.gather(beat, return_exceptions=True)
            logger.warning("wecom: the connection ended (code {})", line.close_code)
            return True, kicked
        finally:
            self._line = None
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            await line.close()
            for future in self._asked.values():
                if not future.done():
                    future.set_exception(ConnectionResetError())

    async def _subscribed(self, line: aiohttp.ClientWebSocketResponse) -> bool:
        body = {"bot_id": self._bot_id, "secret": self._secret.get_secret_value()}
        reply = await self._exchange(line, "aibot_subscribe", body, _fresh("aibot_subscribe"))
        code = None if reply is None else errcode(reply)
        if code != 0:
            mend = "请核对 JIESU_WECOM__BOT_ID 和 JIESU_WECOM__SECRET"
            refused = f"企业微信不让机器人登录（错误码 {code}），{mend}"
            self.reason = "登录时对方没有回应，请检查网络和 JIESU_WECOM__WS_URL" if code is None else refused
            logger.error("wecom: the bot was not let in: {}", self.reason)
        return code == 0

    async def _read(self, line: aiohttp.ClientWebSocketResponse) -> bool:
        """Hand on what comes in until the line ends; whether because another connection took its place."""
        async for message in line:
            if message.type not in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                continue
            frame = loaded(message.data)
            headers, body = frame.get("headers"), frame.get("body")
            request = headers.get("req_id") if isinstance(headers, dict) else None
            request = request if isinstance(request, str) else ""
            if frame.get("cmd") in (MESSAGE, EVENT) and isinstance(body, dict):
                if read(body, request) == Other(DISCONNECTED):
                    return True
                await self._take(body, request)
            elif (future := self._asked.get(request)) is not None and not future.done():
                future.set_result(frame)
        return False

    async def _beat(self, line: aiohttp.ClientWebSocketResponse) -> None:
        """Ping; after two pings without an answer hang up."""
        missed = 0
        while missed < MISSED:
            await asyncio.sleep(self._ping)
            reply = await self._exchange(line, "ping", None, _fresh("ping"), patience=self._ping)
            missed = 0 if reply is not None else missed + 1
        logger.warning("wecom: no answer to {} pings, hanging up", MISSED)
        await line.close()

    async def _exchange(
        self,
        line: aiohttp.ClientWebSocketResponse,
        command: str,
        body: dict[str, Any] | None,
        request: str,
        patience: float | None = None,
    ) -> dict[str, Any] | None:
        """Send a frame and wait for the one that answers it; None when none comes."""
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[request] = future
        frame = {"cmd": command, "headers": {"req_id": request}} | ({} if body is None else {"body": body})
        try:
            async with asyncio.timeout(patience or self._answered):
                async with self._writing:
                    await line.send_str(json.dumps(frame, ensure_ascii=False))
                return await future
        except (aiohttp.ClientError, OSError):  # also TimeoutError
            return None
        finally:
            if self._asked.get(request) is future:
                del self._asked[request]


def _fresh(command: str) -> str:
    return f"{command}_{secrets.token_hex(8)}"


async def _rest(span: timedelta) -> None:
    await asyncio.sleep(span.total_seconds())
