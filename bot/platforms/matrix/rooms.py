"""Which room is the private chat of the bot with whom.

The account's own `m.direct` on the server says so, and the room's members prove it: a room that somebody else was
invited to is no private chat any more, whatever it once was.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from bot.platforms.contract import Answer, Outcome
from bot.platforms.matrix.api import CLIENT, Api, Trouble, segment
from bot.platforms.matrix.content import ACCOUNT

PRESENT: Final = frozenset({"join", "invite"})


class Rooms:
    """The private rooms of one account."""

    def __init__(self, api: Api, user_id: str) -> None:
        self._api = api
        self._user_id = user_id
        self._writing = asyncio.Lock()
        self._expected: dict[str, str] = {}

    def expect(self, account: str | None, room: str) -> None:
        """Take a room for the private chat with a person before `add` could note it with the server, for they may
        write as soon as the bot is there; None ends that."""
        if account is None:
            self._expected.pop(room, None)
        else:
            self._expected[room] = account

    async def private(self, room: str, account: str) -> bool:
        """Whether nobody but the bot and this person is in the room, and it is meant for the two; raises Trouble."""
        meant = self._expected.get(room) == account or room in (await self._direct()).get(account, ())
        return meant and await self._alone(room, account)

    async def of(self, account: str) -> str:
        """The private room with a person, made where there is none; raises Trouble.

        Two that are made because an answer was lost do no harm: the person is invited twice, and told once.
        """
        if not ACCOUNT.fullmatch(account) or account == self._user_id:
            raise Trouble(Answer(Outcome.CLOSED, "Matrix 账号写法不对：应为 @用户:服务器，请核对组织文件"))
        for room in reversed((await self._direct()).get(account, ())):
            if await self._alone(room, account):
                return room
        made = await self._api.ask("POST", f"{CLIENT}/createRoom", _private_room(account))
        new = made.get("room_id")
        if not isinstance(new, str):
            raise Trouble(Answer(Outcome.RETRY, "服务器没有给出新房间的编号，稍后自动重试"))
        await self.add(account, new)
        return new

    async def add(self, account: str, room: str) -> None:
        """Note that a room is the private chat with a person; raises Trouble."""
        async with self._writing:
            direct = await self._direct()
            if room not in direct.get(account, ()):
                direct[account] = [*direct.get(account, ()), room]
                await self._api.ask("PUT", self._account_data("m.direct"), direct)

    async def remembered(self, kind: str) -> dict[str, Any]:
        """What was kept under a name with the account, on the server; empty where nothing was. Raises Trouble."""
        try:
            return await self._api.ask("GET", self._account_data(kind))
        except Trouble as trouble:
            if trouble.code == "M_NOT_FOUND":
                return {}
            raise

    async def remember(self, kind: str, value: Mapping[str, Any]) -> None:
        """Keep something under a name with the account; raises Trouble."""
        await self._api.ask("PUT", self._account_data(kind), value)

    async def _direct(self) -> dict[str, list[str]]:
        stored = await self.remembered("m.direct")
        return {
            account: [room for room in rooms if isinstance(room, str)]
            for account, rooms in stored.items()
            if isinstance(rooms, list)
        }

    async def _alone(self, room: str, account: str) -> bool:
        """A room that the bot has left, or never knew, is nobody's private chat."""
        path = f"{CLIENT}/rooms/{segment(room)}/members"
        try:
            found = await self._api.ask("GET", path, query={"not_membership": "leave"})
        except Trouble as trouble:
            if trouble.answer.outcome.refused and trouble.code in ("M_FORBIDDEN", "M_NOT_FOUND"):
                return False
            raise
        states = {}
        for event in found.get("chunk") or ():
            if isinstance(event, dict) and isinstance(content := event.get("content"), dict):
                states[event.get("state_key")] = content.get("membership")
        present = {member for member, state in states.items() if state in PRESENT}
        return present == {self._user_id, account} and states[self._user_id] == "join"

    def _account_data(self, kind: str) -> str:
        return f"{CLIENT}/user/{segment(self._user_id)}/account_data/{segment(kind)}"


def _private_room(account: str) -> dict[str, Any]:
    """Only the bot may invite; who came in later would not see what was said before."""
    visibility = {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "invited"}}
    return {
        "preset": "private_chat",
        "is_direct": True,
        "invite": [account],
        "initial_state": [visibility],
        "power_level_content_override": {"invite": 100},
    }
