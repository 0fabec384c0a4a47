"""Invitations of the bot on Matrix: whose it accepts, and that none of them keeps anybody else from being heard."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from loguru import logger

from bot.platforms.matrix.invitations import EACH, MOST, TRIES, Invitations
from bot.platforms.posting import webhook_session
from tests.platforms.faults import Behaviour, hang, status
from tests.platforms.matrix_office import LI, WANG, ZHANG, Office
from tests.platforms.matrix_server import BOT, FakeMatrix, errcode

NEVER = timedelta(days=1)
AT_ONCE = timedelta()


class Lines:
    """What the log says while a test runs."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self._news.set()

    def about(self, room: str) -> list[str]:
        return [line for line in self.lines if room in line]

    async def of(self, room: str, words: str) -> list[str]:
        """All that was said of a room, once these words were."""
        async with asyncio.timeout(20):
            while not any(words in line for line in self.about(room)):
                self._news.clear()
                await self._news.wait()
        return self.about(room)


@pytest.fixture
def log():
    lines = Lines()
    sink = logger.add(lambda message: lines(message.record["message"]), level="INFO")
    yield lines
    logger.remove(sink)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with FakeMatrix() as server, webhook_session() as session:
        yield Office(server, tmp_path, session)
        assert server.errors == []


@contextlib.asynccontextmanager
async def answering(office: Office, pause: timedelta) -> AsyncIterator[Invitations]:
    """Invitations that are answered without a feed, with the same pause after each failure."""
    platform = office.platform()
    waits = lambda attempt, random: pause  # noqa: E731
    invitations = Invitations(office.wiring(), platform._api, platform._rooms, BOT, waits)
    task = asyncio.create_task(invitations.answer())
    try:
        yield invitations
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def shown(*rooms: str, by: str = ZHANG, direct: bool = False) -> dict:
    """An answer to `/sync` with these invitations."""
    content = {"membership": "invite", "is_direct": direct}
    event = {"type": "m.room.member", "state_key": BOT, "sender": by, "content": content}
    return {"rooms": {"invite": {room: {"invite_state": {"events": [event]}} for room in rooms}}}


def joins(server: FakeMatrix, room: str) -> int:
    return server.requests.count(f"POST /_matrix/client/v3/rooms/{room}/join")


@pytest.mark.parametrize(
    ("inviter", "direct", "known_room", "comes"),
    [
        (ZHANG, False, False, True),
        ("@new:chat.test", True, False, True),
        ("@new:chat.test", False, False, False),
        (WANG, True, False, False),
        (WANG, False, True, True),
    ],
)
async def test_the_bot_comes_where_it_is_known_who_invites(office: Office, log, inviter, direct, known_room, comes):
    server = office.server
    room = server.room("invited", inviter)
    if known_room:
        office.known.add(room)
    await server.invite(room, inviter, direct=direct)
    async with office.listening():
        await log.of(room, "came into" if comes else "left alone")
    assert server.rooms[room].members[BOT] == ("join" if comes else "invite")


@pytest.mark.parametrize(
    "behaviour",
    [
        status(504),
        hang(),
        errcode("M_INCOMPATIBLE_ROOM_VERSION"),
        errcode("M_LIMIT_EXCEEDED", 429, retry_after_ms=3_600_000),
    ],
)
async def test_a_room_that_cannot_be_entered_makes_nobody_unheard(office: Office, behaviour: Behaviour):
    server = office.server
    work, bad = server.room("work", BOT, ZHANG, LI), server.room("bad", ZHANG)
    server.joining[bad] = behaviour
    async with office.listening() as platform:
        await server.invite(bad, ZHANG, direct=True)
        await server.until(lambda: joins(server, bad))
        await server.say(work, LI, "/签收 1")
        assert await office.hears(1) == ["/签收 1"]
        assert platform.connected


async def test_a_room_is_entered_when_it_can_be_and_the_log_tells_it_once(office: Office, log):
    server = office.server
    bad, good = server.room("bad", ZHANG), server.room("good", ZHANG)
    for room in (bad, good):
        await server.invite(room, ZHANG)
    server.joining[bad] = status(504)
    async with answering(office, AT_ONCE) as invitations:
        invitations.note(shown(bad, good))
        await server.until(lambda: joins(server, bad) >= 5 and server.rooms[good].members[BOT] == "join")
        server.joining.clear()
        told = await log.of(bad, "came into")
    assert len(told) == 2 and "cannot be entered" in told[0]
    assert invitations.kept() == {}


async def test_what_is_shown_again_is_not_tried_again_before_its_time(office: Office, log):
    server = office.server
    bad = server.room("bad", ZHANG)
    server.joining[bad] = status(504)
    async with answering(office, NEVER) as invitations:
        invitations.note(shown(bad))
        await log.of(bad, "cannot be entered")
        invitations.note(shown(bad, "!other:chat.test"))
        await log.of("!other:chat.test", "does not hold")
    assert joins(server, bad) == 1 and set(invitations.kept()) == {bad}


async def test_a_room_that_can_never_be_entered_is_given_up(office: Office, log):
    server = office.server
    bad = server.room("bad", ZHANG)
    server.joining[bad] = status(504)
    async with answering(office, AT_ONCE) as invitations:
        invitations.note(shown(bad))
        await log.of(bad, "given up")
    assert joins(server, bad) == TRIES and invitations.kept() == {}


async def test_an_invitation_waits_through_a_restart(office: Office, log):
    server = office.server
    work, bad = server.room("work", BOT, ZHANG, LI), server.room("bad", ZHANG)
    server.joining[bad] = status(504)
    async with office.listening():
        await server.invite(bad, ZHANG)
        await log.of(bad, "cannot be entered")
        await server.say(work, LI, "/签收 1")  # after which the place is kept
        await office.hears(1)
        looks = len(server.syncs)
        await server.until(lambda: len(server.syncs) > looks)
    server.joining.clear()
    async with office.listening():
        await log.of(bad, "came into")
    assert server.rooms[bad].members[BOT] == "join"


async def test_a_flood_of_invitations_leaves_room_for_others(office: Office):
    server = office.server
    server.joining = {f"!flood{n}:chat.test": status(504) for n in range(2 * MOST)}
    good = server.room("good", LI)
    await server.invite(good, LI)
    async with answering(office, NEVER) as invitations:
        invitations.note(shown(*server.joining))
        assert len(invitations.kept()) == EACH
        for n, room in enumerate(server.joining):
            invitations.note(shown(room, by=f"@flood{n}:chat.test", direct=True))
        assert len(invitations.kept()) == MOST
        invitations.note(shown(good, by=LI))
        await server.until(lambda: server.rooms[good].members[BOT] == "join")


async def test_an_invitation_that_was_taken_back_is_forgotten(office: Office, log):
    server = office.server
    bad = server.room("bad", ZHANG)
    server.joining[bad] = status(504)
    async with answering(office, NEVER) as invitations:
        invitations.note(shown(bad))
        await log.of(bad, "cannot be entered")
        invitations.note({"rooms": {"leave": {bad: {}}}})
        assert invitations.kept() == {}


async def test_a_fault_of_ours_leaves_only_its_own_invitation_alone(office: Office, log, monkeypatch):
    server = office.server
    known = office.knows

    async def knows(platform: str, native: str) -> bool:
        if native == WANG:
            raise ZeroDivisionError
        return await known(platform, native)

    monkeypatch.setattr(office, "knows", knows)
    good = server.room("good", ZHANG)
    await server.invite(good, ZHANG)
    async with answering(office, NEVER) as invitations:
        invitations.note(shown("!bad:elsewhere.test", by=WANG))
        invitations.note(shown(good))
        await server.until(lambda: server.rooms[good].members[BOT] == "join")
    assert "left alone" in log.about("!bad:elsewhere.test")[0]


async def test_who_writes_at_once_is_in_private_before_the_server_has_noted_it(office: Office):
    room = office.server.room("private", BOT, ZHANG)
    rooms = office.platform()._rooms
    assert not await rooms.private(room, ZHANG)
    rooms.expect(ZHANG, room)
    assert await rooms.private(room, ZHANG) and not await rooms.private(room, LI)
    rooms.expect(None, room)
    assert not await rooms.private(room, ZHANG)
