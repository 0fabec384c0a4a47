"""DingTalk's Stream mode: messages to the app's robot over a WebSocket that we open, so that nobody need reach us.

A ticket opens one connection, within 90 seconds (platforms, B2). A frame is acknowledged when its message is durable,
or after a second when that takes longer. The platform ends connections now and then, after ten seconds' notice.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random, SystemRandom
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from loguru import logger
from yarl import URL

from bot.platforms.contract import Answer
from bot.platforms.dingtalk.answers import json_object
from bot.platforms.dingtalk.messages import NAME, account_of
from bot.platforms.dingtalk.openapi import OpenApi
from bot.platforms.door import LARGEST
from bot.platforms.taking import Full, Taking
from bot.platforms.waiting import pause
from config.addresses import checked_address

MESSAGES: Final = "/v1.0/im/bot/messages/get"
SUBSCRIPTIONS: Final = [{"type": "CALLBACK", "topic": MESSAGES}]
AGENT: Final = "jiesu"
HEARTBEAT: Final = 30.0
"""★ Seconds between our pings; a line that answers none is given up."""
GRACE: Final = timedelta(seconds=10)
"""How long the platform lets a connection stand after it said that it ends it."""
OPENING: Final = 10.0
"""★ Seconds for the WebSocket to open."""


class Stream:
    """One app's connection. `take` takes what a frame tells, `waits` is the pause before attempt n + 1."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api: OpenApi,
        take: Callable[[dict[str, Any]], Awaitable[None]],
        taking: Taking,
        waits: Callable[[int, Random], timedelta] = pause,
    ) -> None:
        self.connected = False
        self.reason = ""
        """Why the connection does not stand, as far as the last try showed."""
        self._session = session
        self._api = api
        self._take = take
        self._taking = taking
        self._waits = waits
        self._random = SystemRandom()

    async def run(self) -> None:
        """Hold a connection until cancelled; after one that brought nothing the pauses grow."""
        failures = 0
        while True:
            failures = 1 if await self._connect() else failures + 1
            await asyncio.sleep(self._waits(failures, self._random).total_seconds())

    async def _connect(self) -> bool:
        """Hold one connection to its end; whether anything came over it."""
        opened = await self._api.open_connection(SUBSCRIPTIONS, AGENT)
        if isinstance(opened, Answer):
            self._failed(opened.detail)
            return False
        address = _address(opened)
        if address is None:
            self._failed("钉钉给的连接地址不能用，请核对 JIESU_DINGTALK__API_BASE")
            return False
        try:
            async with asyncio.timeout(OPENING):
                line = await self._session.ws_connect(
                    URL(address, encoded=True), heartbeat=HEARTBEAT, max_msg_size=LARGEST, autoclose=True
                )
        except (aiohttp.ClientError, OSError) as error:
            self._failed(f"连不上钉钉给的地址（{type(error).__name__}）")  # its text names the ticket
            return False
        async with line:
            logger.bind(platform=NAME).info("connected")
            self.connected, self.reason = True, ""
            try:
                heard = await self._listen(line)
            finally:
                self.connected = False
        logger.bind(platform=NAME).info("the connection ended ({})", line.close_code)
        return heard

    def _failed(self, reason: str) -> None:
        self.reason = reason
        logger.bind(platform=NAME).warning("no connection: {}", reason)

    async def _listen(self, line: aiohttp.ClientWebSocketResponse) -> bool:
        heard = False
        answering: set[asyncio.Task[None]] = set()
        try:
            async for message in line:
                frame = json_object(message.data if isinstance(message.data, (bytes, str)) else None)
                heard = heard or bool(frame)
                if frame.get("type") == "SYSTEM" and _headers(frame).get("topic") == "disconnect":
                    break
                task = asyncio.create_task(self._answer(line, frame))
                answering.add(task)
                task.add_done_callback(answering.discard)
            if answering:
                await asyncio.wait(answering, timeout=GRACE.total_seconds())
        finally:
            for task in answering:
                task.cancel()  # what they told goes on being taken
            await asyncio.gather(*answering, return_exceptions=True)
        return heard

    async def _answer(self, line: aiohttp.ClientWebSocketResponse, frame: dict[str, Any]) -> None:
        """Act on one frame and acknowledge it; of no known kind, it is acknowledged and left."""
        headers = _headers(frame)
        data = frame.get("data")
        match frame.get("type"), headers.get("topic"):
            case "SYSTEM", _:
                answer = data if isinstance(data, str) else "{}"
            case "CALLBACK", topic if topic == MESSAGES:
                found = json_object(data if isinstance(data, str) else None)
                try:
                    named = str(found.get("msgId", ""))[:128]
                    await self._taking(lambda: self._take(found), number=named, who=account_of(found))
                except Full:
                    return
                answer = _RESPONSE
            case "EVENT", _:
                answer = _SUCCESS
            case _:
                logger.bind(platform=NAME).debug("a frame of a kind that is not read")
                answer = _RESPONSE
        number = headers.get("messageId")
        acknowledged = {
            "code": 200,
            "headers": {"contentType": "application/json", "messageId": number if isinstance(number, str) else ""},
            "message": "OK",
            "data": answer,
        }
        try:
            await line.send_str(json.dumps(acknowledged, ensure_ascii=False))
        except (aiohttp.ClientError, OSError) as error:
            # What it told is stored; the platform tells it again over the next connection, which changes nothing.
            logger.bind(platform=NAME).debug("an acknowledgement came too late: {}", type(error).__name__)


_RESPONSE: Final = json.dumps({"response": "OK"})
_SUCCESS: Final = json.dumps({"status": "SUCCESS", "message": "success"})


def _headers(frame: dict[str, Any]) -> dict[str, Any]:
    found = frame.get("headers")
    return found if isinstance(found, dict) else {}


def _address(opened: dict[str, Any]) -> str | None:
    endpoint, ticket = opened.get("endpoint"), opened.get("ticket")
    if not isinstance(endpoint, str) or not isinstance(ticket, str) or not ticket or not endpoint.isascii():
        return None
    try:
        address = checked_address(endpoint, "wss")
    except ValueError:
        return None
    return f"{address}{'&' if '?' in address else '?'}ticket={quote(ticket, safe='')}"
