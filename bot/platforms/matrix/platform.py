"""The bot's account on a home server, as a `Platform`."""

import re
from datetime import timedelta
from functools import partial
from typing import Final

from aiohttp import web
from pydantic import SecretStr

from bot.platforms.contract import Limit, Probe, Sender, Wiring
from bot.platforms.matrix.api import CLIENT, Api, Trouble, answer_of, result_of
from bot.platforms.matrix.content import ACCOUNT
from bot.platforms.matrix.feed import WRONG_ACCOUNT, Feed
from bot.platforms.matrix.rooms import Rooms
from bot.platforms.matrix.sender import MatrixRoom
from bot.platforms.posting import NoReply
from config.entries import Robot
from config.errors import ConfigError

_TOKEN: Final = re.compile(r"[!-~]{1,4096}")


def connect(wiring: Wiring) -> "Matrix":
    """The platform as the settings configure it; raises ConfigError where they do not fit together."""
    return Matrix(wiring)


class Matrix:
    """A `Platform`, and a `Connecting` one: the feed holds the lease `socket:matrix`."""

    name = "matrix"
    receives = True

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        homeserver, self._user_id, token = _given(wiring)
        # A server counts what an account says in all rooms together.
        bucket = f"matrix:{wiring.settings.matrix.user_id}"
        limit = Limit(wiring.settings.matrix.per_minute, timedelta(minutes=1), bucket)
        self._limits = (limit,)
        self._api = Api(wiring.session, homeserver, token)
        self._rooms = Rooms(self._api, self._user_id)
        self._feed = Feed(wiring, self._api, self._rooms, self._user_id)

    @property
    def connected(self) -> bool:
        """Whether the last look at the feed succeeded."""
        return self._feed.connected

    @property
    def reason(self) -> str:
        """Why the last look at the feed did not succeed."""
        return self._feed.reason

    def robot(self, robot: Robot) -> Sender:
        """None here; raises ConfigError."""
        raise ConfigError("Matrix 没有群机器人：请把机器人的账号邀请进房间，在组织文件里写 chats")

    def chat(self, chat: str) -> Sender:
        """The bot in a room."""

        async def room() -> str:
            return chat

        return MatrixRoom(self._api, room, self._limits)

    def person(self, account: str) -> Sender:
        """The bot's private room with a person; made when something goes there."""
        return MatrixRoom(self._api, partial(self._rooms.of, account), self._limits)

    def add_routes(self, app: web.Application) -> None:
        """None: the bot asks, the server never calls."""

    async def run(self) -> None:
        """Follow the feed, in one replica at a time."""
        await self._wiring.lead("socket:matrix", self._feed.follow)

    async def probe(self) -> list[Probe]:
        """Who the token is for, and what time it is on the server."""
        reply = await self._api.send("GET", f"{CLIENT}/account/whoami")
        skew = None
        if not isinstance(reply, NoReply) and reply.date is not None:
            skew = reply.date - self._wiring.now()
        try:
            found = result_of(reply)
        except Trouble as trouble:
            detail, _, mend = answer_of(reply).detail.partition("：")
            mend = mend if trouble.answer.outcome.refused else "请核对 JIESU_MATRIX__HOMESERVER 和网络"
            return [Probe("Matrix", False, detail, mend, skew)]
        if found.get("user_id") != self._user_id:
            detail, _, mend = WRONG_ACCOUNT.partition("：")
            return [Probe("Matrix", False, detail, mend, skew)]
        return [Probe("Matrix", True, "服务器认得机器人的账号和令牌", skew=skew)]


def _given(wiring: Wiring) -> tuple[str, str, SecretStr]:
    """Home server, account, token; raises ConfigError with the name of what is missing or wrong."""
    settings = wiring.settings.matrix
    values = {
        "JIESU_MATRIX__HOMESERVER": settings.homeserver,
        "JIESU_MATRIX__USER_ID": settings.user_id,
        "JIESU_MATRIX__ACCESS_TOKEN": settings.access_token,
    }
    for name, value in values.items():
        if value is None:
            others = "、".join(other for other, given in values.items() if given is not None)
            raise ConfigError(f"{name}：没有设置；已设 {others}，三项要一起给")
    assert settings.homeserver is not None and settings.user_id is not None and settings.access_token is not None
    if not ACCOUNT.fullmatch(settings.user_id):
        raise ConfigError("JIESU_MATRIX__USER_ID：应为 @用户:服务器，例如 @jiesu:chat.example.cn")
    if not _TOKEN.fullmatch(settings.access_token.get_secret_value()):
        raise ConfigError("JIESU_MATRIX__ACCESS_TOKEN：里面有空格、换行或中文，请重新复制")
    if "?" in settings.homeserver or "#" in settings.homeserver:
        raise ConfigError("JIESU_MATRIX__HOMESERVER：只写到主机名和端口，例如 https://chat.example.cn")
    return settings.homeserver, settings.user_id, settings.access_token
