"""The platform as the settings configure it."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from aiohttp import web
from loguru import logger

from bot.platforms.contract import Incoming, Limit, Probe, Sender, Wiring
from bot.platforms.dingtalk.callback import PATH, Callback
from bot.platforms.dingtalk.chat import DingTalkChat
from bot.platforms.dingtalk.files import Files
from bot.platforms.dingtalk.messages import NAME, told
from bot.platforms.dingtalk.openapi import OpenApi
from bot.platforms.dingtalk.robot import DingTalkRobot
from bot.platforms.dingtalk.stream import Stream
from bot.platforms.robots import counted
from bot.platforms.taking import Taking
from config.entries import Robot
from config.errors import ConfigError

FETCHING: Final = 4
"""★ Messages whose files are fetched at a time."""


def connect(wiring: Wiring) -> "DingTalk":
    """A `Platform`; raises ConfigError for half an app."""
    return DingTalk(wiring)


class DingTalk:
    """Group robots, and the app."""

    name = NAME

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._settings = wiring.settings.dingtalk
        self._limits = (Limit(self._settings.per_minute, timedelta(minutes=1)),)
        self._taking = Taking(NAME)
        self._fetching = asyncio.Semaphore(FETCHING)
        self._api = self._app()
        self._files: Files | None = None
        self._stream: Stream | None = None
        if self._api is not None:
            self._files = Files(wiring.session, self._api, wiring.settings.data_dir)
        if self._api is not None and self._settings.mode == "stream":
            self._stream = Stream(wiring.session, self._api, self._take, self._taking)

    @property
    def receives(self) -> bool:
        """Whether an app is configured."""
        return self._api is not None

    @property
    def connected(self) -> bool | None:
        """Whether the Stream connection stands in this process; None in the mode `http` and without an app."""
        return None if self._stream is None else self._stream.connected

    @property
    def reason(self) -> str:
        """Why the Stream connection does not stand."""
        return "" if self._stream is None else self._stream.reason

    def robot(self, robot: Robot) -> Sender:
        """The sender of a group robot; raises ConfigError for a wrong address."""
        return DingTalkRobot(
            self._wiring.session,
            robot,
            limits=counted(robot, self._limits),
            now=self._wiring.now,
            oapi_base=self._settings.oapi_base,
        )

    def chat(self, chat: str) -> Sender | None:
        """The app's robot in a group, by its open conversation id."""
        return self._chat(group=chat)

    def person(self, account: str) -> Sender | None:
        """The app's robot with a person, by their user id."""
        return self._chat(person=account)

    def add_routes(self, app: web.Application) -> None:
        """`/callbacks/dingtalk`, where the mode is `http`."""
        secret = self._settings.client_secret
        if self.receives and secret is not None and self._settings.mode == "http":
            app.router.add_post(PATH, Callback(self._wiring.door, secret, self._take, self._taking).answer)

    async def run(self) -> None:
        """Hold the Stream connection, where the mode is `stream`; in the end finish what was being taken."""
        try:
            if self._stream is not None:
                await self._wiring.lead(f"socket:{NAME}", self._stream.run)
            elif self._api is not None:
                await asyncio.Event().wait()
        finally:
            await self._taking.stop()

    async def probe(self) -> list[Probe]:
        """Whether the app is known to the platform, and how far the clocks differ."""
        return [] if self._api is None else [await self._api.probe()]

    async def _take(self, data: dict[str, Any]) -> None:
        """Take what DingTalk told; anything but a message is left."""
        message = told(data)
        if message is None or self._files is None:
            logger.bind(platform=NAME).debug("something that is no message was left")
            return
        incoming = message.incoming
        if not (message.enclosures and await self._ours(incoming)):
            await self._wiring.receive(incoming)
            return
        async with self._fetching:
            with ExitStack() as held:
                files = await self._files.fetch(message.enclosures, held)
                await self._wiring.receive(replace(incoming, files=files))

    async def _ours(self, incoming: Incoming) -> bool:
        """Whether people of the office sent it: files of strangers are not fetched."""
        knows, chat = self._wiring.knows, incoming.chat
        return await knows(NAME, incoming.account) and (chat is None or await knows(NAME, chat))

    def _chat(self, group: str | None = None, person: str | None = None) -> Sender | None:
        if self._api is None:
            return None
        return DingTalkChat(
            self._wiring.session,
            self._api,
            bases=(self._settings.oapi_base, self._settings.api_base),
            limits=self._limits,
            now=self._wiring.now,
            group=group,
            person=person,
        )

    def _app(self) -> OpenApi | None:
        client, secret = self._settings.client_id, self._settings.client_secret
        if client is None and secret is None:
            return None
        if client is None:
            raise ConfigError("JIESU_DINGTALK__CLIENT_ID：没有填，却填了 JIESU_DINGTALK__CLIENT_SECRET；两项要一起填")
        if secret is None:
            raise ConfigError("JIESU_DINGTALK__CLIENT_SECRET：没有填，却填了 JIESU_DINGTALK__CLIENT_ID；两项要一起填")
        return OpenApi(self._wiring.session, self._settings.api_base, client, secret, self._wiring.now)
