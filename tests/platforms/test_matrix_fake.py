"""The fake home server held against somebody else's client: matrix-nio does with it what it does with a real one."""

from collections.abc import AsyncIterator

import nio
import pytest

from tests.platforms.matrix_server import BOT, BOT_TOKEN, FakeMatrix

ZHANG = "@zhang:chat.test"


@pytest.fixture
async def server() -> AsyncIterator[FakeMatrix]:
    async with FakeMatrix() as fake:
        yield fake
        assert fake.errors == []


@pytest.fixture
async def client(server: FakeMatrix) -> AsyncIterator[nio.AsyncClient]:
    found = nio.AsyncClient(server.url, BOT, config=nio.AsyncClientConfig(max_limit_exceeded=0))
    found.restore_login(BOT, "D", BOT_TOKEN)
    yield found
    await found.close()


async def test_what_is_said_is_synced_and_what_was_missed_is_fetched(server: FakeMatrix, client: nio.AsyncClient):
    room = server.room("work", BOT, ZHANG)
    who = await client.whoami()
    assert isinstance(who, nio.WhoamiResponse) and who.user_id == BOT
    first = await client.sync(timeout=0)
    assert isinstance(first, nio.SyncResponse), first
    for number in range(13):
        await server.say(room, ZHANG, f"第 {number} 句")
    news = await client.sync(timeout=1000, sync_filter={"room": {"timeline": {"limit": 3}}})
    assert isinstance(news, nio.SyncResponse), news
    timeline = news.rooms.join[room].timeline
    assert timeline.limited and [event.body for event in timeline.events] == ["第 10 句", "第 11 句", "第 12 句"]
    before = await client.room_messages(room, timeline.prev_batch, first.next_batch, limit=100)
    assert isinstance(before, nio.RoomMessagesResponse), before
    assert [event.body for event in before.chunk] == [f"第 {number} 句" for number in range(9, -1, -1)]


async def test_an_invitation_is_shown_and_taken(server: FakeMatrix, client: nio.AsyncClient):
    room = server.room("private", ZHANG)
    await server.invite(room, ZHANG, direct=True)
    news = await client.sync(timeout=0)
    assert isinstance(news, nio.SyncResponse) and set(news.rooms.invite) == {room}
    assert isinstance(await client.join(room), nio.JoinResponse)
    made = await client.room_create(is_direct=True, invite=[ZHANG])
    assert isinstance(made, nio.RoomCreateResponse) and server.rooms[made.room_id].members[ZHANG] == "invite"


async def test_a_transaction_counts_once_and_refusals_are_understood(server: FakeMatrix, client: nio.AsyncClient):
    room = server.room("work", BOT)
    content = {"msgtype": "m.text", "body": "甲"}
    once, again = [await client.room_send(room, "m.room.message", content, tx_id="1") for _ in range(2)]
    assert isinstance(once, nio.RoomSendResponse) and once.event_id == again.event_id
    assert len(server.said(room)) == 1
    for body, other, code in (("甲" * 30_000, room, "M_TOO_LARGE"), ("甲", "!other:chat.test", "M_FORBIDDEN")):
        refused = await client.room_send(other, "m.room.message", {"msgtype": "m.text", "body": body}, tx_id="2")
        assert isinstance(refused, nio.RoomSendError) and refused.status_code == code
    for number in range(9):
        assert isinstance(
            await client.room_send(room, "m.room.message", content, tx_id=f"n{number}"), nio.RoomSendResponse
        )
    over = await client.room_send(room, "m.room.message", content, tx_id="over")
    assert isinstance(over, nio.RoomSendError)
    assert over.status_code == "M_LIMIT_EXCEEDED" and over.retry_after_ms > 0
    client.access_token = "stale"
    unknown = await client.whoami()
    assert isinstance(unknown, nio.WhoamiError) and unknown.status_code == "M_UNKNOWN_TOKEN"


async def test_a_file_is_kept(server: FakeMatrix, client: nio.AsyncClient):
    server.media["photo"] = ("image/png", b"picture")
    found = await client.download("mxc://chat.test/photo")
    assert isinstance(found, nio.DownloadResponse), found
    assert (found.content_type, found.body) == ("image/png", b"picture")
