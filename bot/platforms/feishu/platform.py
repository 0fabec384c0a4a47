"""The platform as the settings configure it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Final

from aiohttp import web

from bot.platforms.contract import Avoid, Limit, Probe, Sender, Wiring
from bot.platforms.feishu.api import PATIENCE, OpenApi
from bot.platforms.feishu.arrivals import BOT_PATH, Arrivals
from bot.platforms.feishu.callbacks import PATH, Callbacks
from bot.platforms.feishu.chat import FeishuChat
from bot.platforms.feishu.events import NAME
from bot.platforms.feishu.socket import Socket
from bot.platforms.feishu.webhook import FeishuWebhook
from bot.platforms.posting import NoReply, request
from bot.platforms.robots import counted
from config.entries import Robot
from config.policy import load_policy
from config.shanghai import day_of
from handlers.intake.files import MAX_BYTES

CROWDED: Final = (timedelta(0), timedelta(minutes=30))
"""Whole and half hours, 10:00 and 17:30 among them, at which Feishu refuses more than usual (platforms, A3)."""

APP: Final = (Limit(45, timedelta(seconds=1)), Limit(900, timedelta(minutes=1)))
"""★ Of the 50 in a second and 1,000 in a minute that an app may send, to all chats together (platforms, A3)."""


def connect(wiring: Wiring) -> "Feishu":
    """A `Platform`. Which settings go together `config.settings` has checked."""
    settings = wiring.settings.feishu
    if settings.app_id is None or settings.app_secret is None:
        return Feishu(wiring, None)
    api = OpenApi(wiring.session, settings.api_base, settings.app_id, settings.app_secret, wiring.now)
    policy = load_policy(wiring.settings.policy_file)
    largest = policy.on(day_of(wiring.now())).attachments.file_mb << 20, MAX_BYTES
    arrivals = Arrivals(api, wiring.receive, wiring.knows, largest, wiring.settings.data_dir)
    if settings.mode == "socket":
        return Feishu(wiring, Bot(api, arrivals, Socket(wiring.session, api, arrivals), None))
    assert settings.encrypt_key is not None and settings.verification_token is not None
    callbacks = Callbacks(
        wiring.door,
        arrivals,
        app_id=settings.app_id,
        encrypt_key=settings.encrypt_key,
        verification_token=settings.verification_token,
    )
    return Feishu(wiring, Bot(api, arrivals, None, callbacks))


class Bot:
    """The app's bot and the one way on which its events come."""

    def __init__(self, api: OpenApi, arrivals: Arrivals, socket: Socket | None, callbacks: Callbacks | None) -> None:
        self.api = api
        self.arrivals = arrivals
        self.socket = socket
        self.callbacks = callbacks


class Feishu:
    """Group robots, and the app's bot where one is configured."""

    name = NAME

    def __init__(self, wiring: Wiring, bot: Bot | None) -> None:
        self._wiring = wiring
        self._bot = bot
        self._robots = False
        settings = wiring.settings.feishu
        second, minute = timedelta(seconds=1), timedelta(minutes=1)
        self._limits = Limit(settings.per_second, second), Limit(settings.per_minute, minute)
        length = timedelta(seconds=settings.crowded)
        self._avoid = tuple(Avoid(start, length) for start in CROWDED) if length else ()

    @property
    def receives(self) -> bool:
        """Whether an app is configured."""
        return self._bot is not None

    @property
    def connected(self) -> bool | None:
        """Whether the long connection stands; None where there is to be none."""
        return None if self._bot is None or self._bot.socket is None else self._bot.socket.connected

    @property
    def reason(self) -> str:
        """Why the long connection does not stand."""
        return "" if self._bot is None or self._bot.socket is None else self._bot.socket.reason

    def robot(self, robot: Robot) -> Sender:
        """The sender of a group robot; raises ConfigError for a wrong address."""
        self._robots = True
        return FeishuWebhook(
            self._wiring.session,
            robot.webhook,
            robot.secret,
            api_base=self._wiring.settings.feishu.api_base,
            limits=counted(robot, self._limits),
            avoid=self._avoid,
            now=self._wiring.now,
        )

    def chat(self, chat: str) -> Sender | None:
        """The bot in a group."""
        return self._sender(chat, person=False)

    def person(self, account: str) -> Sender | None:
        """The bot's private chat with a person; the account is an open_id."""
        return self._sender(account, person=True)

    def add_routes(self, app: web.Application) -> None:
        """The address of the callbacks, where they come by HTTP."""
        if self._bot is not None and self._bot.callbacks is not None:
            app.router.add_post(PATH, self._bot.callbacks.answer)

    async def run(self) -> None:
        """Hold the connection until cancelled, or wait; let what is under way end."""
        if self._bot is None:
            return
        try:
            if self._bot.socket is None:
                await self._bot.arrivals.know_bot()
                await asyncio.Event().wait()
            else:
                await self._wiring.lead(f"socket:{NAME}", self._bot.socket.connection)
        finally:
            await self._bot.arrivals.stop()

    async def probe(self) -> list[Probe]:
        """A token, who the bot is, and where to connect. Robots cannot be asked anything without being heard; where
        there are only such, what time it is there: what they are sent is signed with ours."""
        if self._bot is None:
            return [await self._interface()] if self._robots else []
        got = await self._bot.api.token()
        skew = None if got.date is None else got.date - self._wiring.now()
        if not got.ok:
            mend = "核对 JIESU_FEISHU__APP_ID、JIESU_FEISHU__APP_SECRET 和网络"
            return [Probe("飞书应用", False, got.answer.detail, mend, skew)]
        probes = [Probe("飞书应用", True, "已获取访问令牌", skew=skew)]
        who = await self._bot.api.call("GET", BOT_PATH)
        mend = "在飞书开发者后台给应用添加机器人能力，并发布版本"
        probes.append(Probe("飞书机器人", who.ok, "可以使用" if who.ok else who.answer.detail, "" if who.ok else mend))
        if self._bot.socket is not None:
            where = await self._bot.socket.ask()
            mend = "在飞书开发者后台的“事件与回调”里选“使用长连接接收”，并保存"
            detail = "可以连接" if where.ok else where.answer.detail
            probes.append(Probe("飞书长连接", where.ok, detail, "" if where.ok else mend))
        return probes

    async def _interface(self) -> Probe:
        settings = self._wiring.settings.feishu
        reply = await request(self._wiring.session, "GET", settings.api_base, PATIENCE)
        if isinstance(reply, NoReply):
            return Probe("飞书接口", False, reply.reason, "请检查网络、防火墙和 JIESU_FEISHU__API_BASE")
        skew = None if reply.date is None else reply.date - self._wiring.now()
        return Probe("飞书接口", True, "能连上", skew=skew)

    def _sender(self, native: str, *, person: bool) -> Sender | None:
        if self._bot is None:
            return None
        chat = replace(self._limits[0], bucket=f"{NAME}:{native}")
        app = (replace(limit, bucket=f"{NAME}:app:{self._wiring.settings.feishu.app_id}") for limit in APP)
        return FeishuChat(self._bot.api, native, person=person, limits=(chat, *app), avoid=())
