"""Invitations to rooms: whose are accepted, and how often a room is tried that cannot be entered.

Anybody may invite the bot, into a room on a server that does not answer, too. So this goes on beside reading, one room
at a time, and nothing that becomes of an invitation stops what is said elsewhere from being heard.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random, SystemRandom
from typing import Any, Final

from loguru import logger

from bot.platforms.contract import Outcome, Wiring
from bot.platforms.matrix.api import CLIENT, Api, Trouble, segment
from bot.platforms.matrix.rooms import Rooms
from bot.platforms.waiting import pause
from storage.errors import StoreError

MOST: Final = 100
"""★ Invitations that wait at a time; of further ones the one that failed most often gives way."""
EACH: Final = 5
"""★ How many of them one account may have given."""
TRIES: Final = 30
"""★ Then a room is given up, after about four hours: whoever wants the bot there invites it again."""
GONE: Final = frozenset({"M_FORBIDDEN", "M_NOT_FOUND", "M_UNKNOWN"})
"""What a server says to an invitation that was taken back, or to a room that is no more."""


@dataclass(slots=True)
class Invitation:
    """One room that somebody wants the bot in; `due` is the loop's time of the next try."""

    room: str
    inviter: str
    direct: bool
    failures: int = 0
    due: float = 0.0


class Invitations:
    """The invitations of one account. `waits` is the pause after a failed try (from 1)."""

    def __init__(
        self,
        wiring: Wiring,
        api: Api,
        rooms: Rooms,
        user_id: str,
        waits: Callable[[int, Random], timedelta] = pause,
    ) -> None:
        self._wiring = wiring
        self._api = api
        self._rooms = rooms
        self._user_id = user_id
        self._waits = waits
        self._random: Random = SystemRandom()
        self._waiting: dict[str, Invitation] = {}
        self._news = asyncio.Event()

    def note(self, found: Mapping[str, Any]) -> None:
        """Take down the invitations of an answer to `/sync`, and forget those that it says are over."""
        rooms = _dict(found.get("rooms"))
        for room in _dict(rooms.get("leave")):
            if (over := self._waiting.get(room)) is not None:
                self._drop(over)
        for room, state in _dict(rooms.get("invite")).items():
            inviter, direct = self._read(_dict(_dict(state).get("invite_state")).get("events"))
            if inviter is not None:
                self._add(Invitation(room, inviter, direct))

    def kept(self) -> dict[str, Any]:
        """Those that wait, for the place: whoever reads on from there is not shown them again."""
        return {each.room: [each.inviter, each.direct] for each in self._waiting.values()}

    def recall(self, kept: Any) -> None:
        """Take down what `kept` gave before a restart."""
        for room, told in _dict(kept).items():
            match told:
                case [str(inviter), bool(direct)]:
                    self._add(Invitation(room, inviter, direct))

    async def answer(self) -> None:
        """Try one after the other whenever one is due, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._news.clear()
            now = loop.time()
            due = [each for each in self._waiting.values() if each.due <= now]
            if due:
                # Whoever failed least goes first: rooms that cannot be entered keep nobody waiting for long.
                await self._try(min(due, key=lambda each: each.failures))
                continue
            soonest = min((each.due for each in self._waiting.values()), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(soonest):
                    await self._news.wait()

    async def _try(self, invitation: Invitation) -> None:
        log, room = logger.bind(platform="matrix"), invitation.room
        try:
            if not await self._welcome(invitation):
                log.warning("an invitation to {} from somebody unknown is left alone", room)
                self._drop(invitation)
                return
            if invitation.direct:
                self._rooms.expect(invitation.inviter, room)
            await self._api.ask("POST", f"{CLIENT}/rooms/{segment(room)}/join", {})
            if invitation.direct:
                await self._rooms.add(invitation.inviter, room)
        except (Trouble, StoreError) as error:
            self._failed(invitation, error)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not end the trying of all others
            log.opt(exception=error).error("an invitation to {} could not be answered and is left alone", room)
            self._drop(invitation)
        else:
            log.info("came into {}", room)
            self._drop(invitation)

    async def _welcome(self, invitation: Invitation) -> bool:
        """Whether it comes from somebody we know, into a room that we know, or, to talk in private, from anybody of
        our own server, for a person who is not bound yet can give the one-time code only there. Raises StoreError."""
        if invitation.direct and _server(invitation.inviter) == _server(self._user_id):
            return True
        return await self._known(invitation.inviter) or await self._known(invitation.room)

    async def _known(self, native: str) -> bool:
        return await self._wiring.knows("matrix", native)

    def _failed(self, invitation: Invitation, error: Trouble | StoreError) -> None:
        """Keep it for another try, where one may help. The log tells it once for each room."""
        log, room = logger.bind(platform="matrix"), invitation.room
        invitation.failures += 1
        wait = self._waits(invitation.failures, self._random)
        if isinstance(error, Trouble):
            if error.code in GONE or error.answer.outcome is Outcome.PERMANENT:
                log.warning("an invitation to {} does not hold any more: {}", room, error)
                self._drop(invitation)
                return
            wait = max(wait, error.answer.wait or wait)
        if invitation.failures >= TRIES:
            log.error("{} cannot be entered, and is given up until the bot is invited again: {}", room, error)
            self._drop(invitation)
            return
        invitation.due = asyncio.get_running_loop().time() + wait.total_seconds()
        if invitation.failures == 1:
            log.warning("{} cannot be entered, and is tried again: {}", room, error)

    def _add(self, invitation: Invitation) -> None:
        waits = self._waiting.get(invitation.room)
        if waits is not None and (waits.inviter, waits.direct) == (invitation.inviter, invitation.direct):
            return  # shown once more, because reading began again from before it
        others = [each for each in self._waiting.values() if each is not waits]
        theirs = [each for each in others if each.inviter == invitation.inviter]
        crowd = theirs if len(theirs) >= EACH else others if len(others) >= MOST else []
        if crowd:
            given_up = max(crowd, key=lambda each: each.failures)
            logger.bind(platform="matrix").warning("too many invitations: the one to {} is left alone", given_up.room)
            self._drop(given_up)
        self._waiting[invitation.room] = invitation
        self._news.set()

    def _drop(self, invitation: Invitation) -> None:
        if self._waiting.get(invitation.room) is invitation:
            del self._waiting[invitation.room]
            self._rooms.expect(None, invitation.room)

    def _read(self, events: Any) -> tuple[str | None, bool]:
        """Who invites, and whether to talk in private."""
        for event in map(_dict, events if isinstance(events, list) else []):
            if event.get("type") == "m.room.member" and event.get("state_key") == self._user_id:
                sender, content = event.get("sender"), _dict(event.get("content"))
                if content.get("membership") == "invite" and isinstance(sender, str):
                    return sender, content.get("is_direct") is True
        return None, False


def _server(account: str) -> str:
    return account.partition(":")[2]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
