"""Following `/sync`: everything that was said where the bot is, in order, also while it was down.

The place read up to is kept with the account on the server, after everything before it is durable here. Where a crash
comes between the two, the same events come again and the inbox knows them.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from random import Random, SystemRandom
from typing import Any, Final

from loguru import logger

from bot.platforms.contract import Answer, Incoming, Outcome, Wiring
from bot.platforms.matrix.api import CLIENT, Api, Trouble, segment
from bot.platforms.matrix.invitations import Invitations
from bot.platforms.matrix.media import fetched
from bot.platforms.matrix.reading import Heard, Me, heard
from bot.platforms.matrix.rooms import Rooms
from bot.platforms.taking import Full, Taking
from bot.platforms.waiting import pause

POLL: Final = timedelta(seconds=30)
"""How long the server keeps a question that nothing answers."""
SLACK: Final = timedelta(seconds=15)
LONGEST_PAUSE: Final = timedelta(seconds=30)
"""★ A server that is back is noticed within this time."""
PLACE: Final = "cn.jiesu.sync"
"""The account data that hold the place."""
PAGE: Final = 100
"""Events of a room that are asked for at once."""
PAGES: Final = 50
"""★ How many times for one room: what was said there in a long absence."""
ENDLESS: Final = timedelta(days=1)
ENCRYPTED: Final = "这个房间开了端到端加密，我读不了里面的消息。请另建一个不加密的房间再邀请我。"
WRONG_ACCOUNT: Final = "访问令牌不是 JIESU_MATRIX__USER_ID 的：请用机器人的账号登录取得令牌，或改正账号"
_TYPES: Final = ["m.room.message", "m.room.member", "m.room.encrypted"]
_NOTHING: Final[Mapping[str, Any]] = {"types": []}
FILTER: Final = json.dumps(
    {
        "presence": _NOTHING,
        "account_data": _NOTHING,
        "room": {
            "ephemeral": _NOTHING,
            "account_data": _NOTHING,
            "state": _NOTHING,
            "timeline": {"types": _TYPES, "limit": PAGE},
        },
    }
)


class Feed:
    """The events of one account. `connected` is whether the last look at them succeeded, `reason` why not; `waits` is
    the pause after a failed one (from 1)."""

    def __init__(
        self,
        wiring: Wiring,
        api: Api,
        rooms: Rooms,
        user_id: str,
        waits: Callable[[int, Random], timedelta] = pause,
    ) -> None:
        self.connected = False
        self.reason = ""
        self._wiring = wiring
        self._api = api
        self._rooms = rooms
        self._user_id = user_id
        self._me = Me(user_id)
        self._told: set[str] = set()
        self._taking = Taking("matrix")
        self._invitations = Invitations(wiring, api, rooms, user_id, waits)
        self._waits = waits
        self._random: Random = SystemRandom()

    async def follow(self) -> None:
        """Read until cancelled; whatever fails is tried again after a growing pause."""
        failures = 0
        since: str | None = None
        entering = asyncio.create_task(self._invitations.answer())
        try:
            while True:
                try:
                    if since is None:
                        since = await self._begin()
                    since = await self._look(since)
                    failures, self.connected, self.reason = 0, True, ""
                except (Trouble, Full, OSError) as error:
                    # Nothing was passed over: the place is kept only after everything before it was taken.
                    trouble = error if isinstance(error, Trouble) else Trouble(Answer(Outcome.RETRY, _told(error)))
                    failures += 1
                    self.connected, self.reason = False, trouble.answer.detail
                    wait = trouble.answer.wait or min(self._waits(failures, self._random), LONGEST_PAUSE)
                    level = "ERROR" if trouble.answer.outcome.refused else "WARNING"
                    logger.bind(platform="matrix").log(level, "nothing is heard: {}", trouble.answer.detail)
                    await asyncio.sleep(wait.total_seconds())
        finally:
            self.connected = False
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
            await self._taking.stop()

    async def _begin(self) -> str:
        """Who we are, and where reading goes on; raises Trouble. Before the first start nothing was said to us."""
        self._me = await whoami(self._api, self._user_id)
        place = await self._rooms.remembered(PLACE)
        if isinstance(since := place.get("since"), str):
            self._invitations.recall(place.get("invited"))
            return since
        found = await self._sync(None)
        self._invitations.note(found)
        return await self._keep(found)

    async def _look(self, since: str) -> str:
        """Take what was said since then, and return the next place; raises Trouble, and everything is looked at
        again."""
        try:
            found = await self._sync(since, POLL if self.connected else timedelta())
        except Trouble as trouble:
            if trouble.answer.status != 400:
                raise
            logger.bind(platform="matrix").error("the server does not know our place any more; reading begins anew")
            found = await self._sync(None)
            self._invitations.note(found)
            return await self._keep(found)
        self._invitations.note(found)
        rooms = _dict(_dict(found.get("rooms")).get("join"))
        said = {
            room: await self._missed(room, _dict(_dict(state).get("timeline")), since) for room, state in rooms.items()
        }
        # All of them end before anything is looked at again: two must never read one room.
        read = (self._read(room, events) for room, events in said.items() if events)
        for failed in await asyncio.gather(*read, return_exceptions=True):
            if failed is not None:
                raise failed
        return await self._keep(found) if any(said.values()) else _place(found)

    async def _sync(self, since: str | None, wait: timedelta = timedelta()) -> dict[str, Any]:
        """What there is since then, or as soon as there is something; raises Trouble."""
        query = {"filter": FILTER, "set_presence": "offline", "timeout": str(wait // timedelta(milliseconds=1))}
        if since is not None:
            query["since"] = since
        return await self._api.ask("GET", f"{CLIENT}/sync", query=query, patience=wait + SLACK)

    async def _keep(self, found: Mapping[str, Any]) -> str:
        place = _place(found)
        await self._rooms.remember(PLACE, {"since": place, "invited": self._invitations.kept()})
        return place

    async def _missed(self, room: str, timeline: Mapping[str, Any], since: str) -> Sequence[Any]:
        """A room's events since then, in order, from the bot's own entry on; raises Trouble.

        Where there are more than the server gives at once, the rest is fetched backwards.
        """
        events = _list(timeline.get("events"))
        before = timeline.get("prev_batch")
        path = f"{CLIENT}/rooms/{segment(room)}/messages"
        wanted = {"dir": "b", "to": since, "limit": str(PAGE), "filter": json.dumps({"types": _TYPES})}
        if timeline.get("limited") is True:
            for _ in range(PAGES):
                if self._entry(events) is not None or not isinstance(before, str):
                    break
                page = await self._api.ask("GET", path, query={**wanted, "from": before})
                events = [*reversed(_list(page.get("chunk"))), *events]
                before = page.get("end")
            else:
                logger.bind(platform="matrix").error("more was said in {} than can be read; the oldest is lost", room)
        return events[self._entry(events) or 0 :]

    def _entry(self, events: Sequence[Any]) -> int | None:
        """Where the bot came in: what was said before was not said to it."""
        for place in reversed(range(len(events))):
            event = _dict(events[place])
            if event.get("type") == "m.room.member" and event.get("state_key") == self._user_id:
                before = _dict(_dict(event.get("unsigned")).get("prev_content")).get("membership")
                if _dict(event.get("content")).get("membership") == "join" and before != "join":
                    return place
        return None

    async def _read(self, room: str, events: Sequence[Any]) -> None:
        """Take a room's messages one after the other; returns when all are durable. Raises Trouble."""
        for event in events:
            if (said := heard(event, self._me)) is not None:
                await self._take(room, said)
            elif _dict(event).get("type") == "m.room.encrypted" and _dict(event).get("sender") != self._user_id:
                await self._cannot_read(room)

    async def _take(self, room: str, said: Heard) -> None:
        private = await self._rooms.private(room, said.sender)
        if said.file is not None and not (private or said.quote or said.mentioned or said.text):
            return  # people show each other pictures
        reply = {"event": said.event} | ({"thread": said.thread} if said.thread else {})
        incoming = Incoming(
            platform="matrix",
            message_id=said.event,
            chat=None if private else room,
            account=said.sender,
            text=said.text,
            quote=said.quote,
            mentioned=said.mentioned,
            reply=reply,
        )
        if said.file is None:
            await self._taking(partial(self._wiring.receive, incoming), ENDLESS, said.event, said.sender)
            return
        async with fetched(self._api, said.file, self._wiring.settings.data_dir, private=private) as file:
            receive = partial(self._wiring.receive, replace(incoming, files=(file,)))
            await self._taking(receive, ENDLESS, said.event, said.sender)

    async def _cannot_read(self, room: str) -> None:
        """Say once, and again after a restart only the next day, why nobody is answered there."""
        if room in self._told:
            return
        self._told.add(room)
        path = f"{CLIENT}/rooms/{segment(room)}/send/m.room.message/jiesu.encrypted.{self._wiring.now():%Y%m%d}"
        content = {"msgtype": "m.notice", "body": ENCRYPTED, "m.mentions": {}}
        try:
            await self._api.ask("PUT", path, content)
        except Trouble as trouble:
            logger.bind(platform="matrix").warning("{} is encrypted, and could not be told: {}", room, trouble)


async def whoami(api: Api, user_id: str) -> Me:
    """The account as the server knows it; raises Trouble, also when the token is somebody else's."""
    found = await api.ask("GET", f"{CLIENT}/account/whoami")
    if found.get("user_id") != user_id:
        raise Trouble(Answer(Outcome.CLOSED, WRONG_ACCOUNT))
    profile: Mapping[str, Any] = {}
    try:
        profile = await api.ask("GET", f"{CLIENT}/profile/{segment(user_id)}/displayname")
    except Trouble as trouble:
        if trouble.code != "M_NOT_FOUND":
            raise
    name = profile.get("displayname")
    return Me(user_id, name if isinstance(name, str) else "")


def _told(error: Full | OSError) -> str:
    return str(error) if isinstance(error, Full) else f"附件没有地方放（{error.strerror or type(error).__name__}）"


def _place(found: Mapping[str, Any]) -> str:
    place = found.get("next_batch")
    if not isinstance(place, str):
        raise Trouble(Answer(Outcome.RETRY, "服务器的 /sync 回答看不懂，稍后自动重试"))
    return place


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
