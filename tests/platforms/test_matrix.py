"""The bot on a home server on loopback: what it hears, what it sends, where it goes in.

The server is `matrix_server.FakeMatrix`; `make test-servers` tries the same on a real Synapse.
"""

import asyncio
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.platforms.contract import Incoming, Outcome, Outgoing, OutgoingFile
from bot.platforms.matrix import api as api_module
from bot.platforms.matrix.api import result_of
from bot.platforms.matrix.feed import PLACE, Feed
from bot.platforms.posting import webhook_session
from config.errors import ConfigError
from tests.platforms.faults import cut_after_reading, garbage, redirect, status
from tests.platforms.matrix_office import LI, ZHANG, Office
from tests.platforms.matrix_server import BOT, BOT_TOKEN, FakeMatrix, errcode


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with FakeMatrix() as server, webhook_session() as session:
        yield Office(server, tmp_path, session)
        assert server.errors == []


# ------------------------------------------------------------------------------------------------------ what is heard


async def test_a_message_arrives_with_the_platforms_own_ids(office: Office):
    server = office.server
    room = server.room("work", BOT, ZHANG, LI)
    async with office.listening() as platform:
        assert platform.connected
        event = await server.say(
            room, ZHANG, "接诉 助手: 签收", **{"m.relates_to": {"m.in_reply_to": {"event_id": "$9"}}}
        )
        await office.hears(1)
    (incoming,) = office.received
    assert incoming == Incoming(
        "matrix", event, room, ZHANG, "签收", quote="$9", mentioned=True, reply={"event": event}
    )
    assert not platform.connected


async def test_a_long_answer_is_read_beside_the_loop(office: Office, monkeypatch):
    threads = set()

    def noted(reply):
        threads.add(threading.current_thread() is threading.main_thread())
        return result_of(reply)

    monkeypatch.setattr(api_module, "result_of", noted)
    monkeypatch.setattr(api_module, "LONG_JSON", 2000)
    room = office.server.room("work", BOT, ZHANG)
    async with office.listening():
        await office.server.say(room, ZHANG, "长" * 1000)
        assert await office.hears(1) == ["长" * 1000]
    assert threads == {True, False}, "short ones at once, the long one in a thread"


async def test_history_is_left_alone_and_what_was_said_in_absence_is_heard_once(office: Office):
    server = office.server
    room = server.room("work", BOT, ZHANG)
    await server.say(room, ZHANG, "早先的话")
    async with office.listening():
        await server.say(room, ZHANG, "第一句")
        await server.until(lambda: server.account_data[BOT, PLACE]["since"] == f"s{server.position}")
    for number in range(250):
        await server.say(room, ZHANG, f"不在时 {number}")
    async with office.listening():
        await server.say(room, ZHANG, "回来了")
        texts = await office.hears(252)
        await server.until(lambda: server.account_data[BOT, PLACE]["since"] == f"s{server.position}")
    assert texts == ["第一句", *(f"不在时 {number}" for number in range(250)), "回来了"]


async def test_a_place_that_the_server_does_not_know_is_given_up(office: Office):
    office.server.account_data[BOT, PLACE] = {"since": "from another server"}
    room = office.server.room("work", BOT, ZHANG)
    await office.server.say(room, ZHANG, "早先的话")
    async with office.listening():
        await office.server.say(room, ZHANG, "之后")
        assert await office.hears(1) == ["之后"]


async def test_what_was_said_before_the_bot_came_in_was_not_said_to_it(office: Office):
    server = office.server
    async with office.listening():
        room = server.room("work", ZHANG, LI)
        await server.say(room, ZHANG, "/签收 1")
        await server.invite(room, ZHANG)
        await server.until(lambda: server.rooms[room].members[BOT] == "join")
        await server.say(room, ZHANG, "/签收 2")
        assert await office.hears(1) == ["/签收 2"]


async def test_only_the_two_of_them_make_it_private(office: Office):
    server = office.server
    async with office.listening():
        room = server.room("private", ZHANG)
        await server.invite(room, ZHANG, direct=True)
        await server.until(lambda: (BOT, "m.direct") in server.account_data)
        await server.say(room, ZHANG, "待办")
        await office.hears(1)
        await server.invite(room, ZHANG, LI)
        await server.say(room, ZHANG, "待办")
        await office.hears(2)
        two = server.room("group", BOT, ZHANG)
        await server.say(two, ZHANG, "待办")
        await office.hears(3)
    assert [incoming.chat for incoming in office.received] == [None, room, two]


async def test_a_file_is_fetched_where_it_is_meant_for_the_bot(office: Office):
    server = office.server
    room = server.room("work", BOT, ZHANG, LI)
    server.media["photo"] = ("image/png", b"picture")
    photo = {"msgtype": "m.image", "url": "mxc://chat.test/photo", "info": {"size": 7}}
    quoted = {"m.relates_to": {"m.in_reply_to": {"event_id": "$9"}}}
    async with office.listening():
        await server.say(room, ZHANG, "午饭.png", **photo)
        await server.say(room, ZHANG, "现场.png", **photo, **quoted)
        await server.say(room, ZHANG, "没了.png", **{**photo, "url": "mxc://chat.test/gone"}, **quoted)
        await server.say(
            room, ZHANG, "太大.mp4", **{**photo, "msgtype": "m.video", "info": {"size": 1 << 40}}, **quoted
        )
        await office.hears(3)
    assert office.files == [("现场.png", 7, b"picture"), ("没了.png", 0, b""), ("太大.mp4", 1 << 40, b"")]
    assert office.lost == ["", "没有从 Matrix 取到（对方回答 HTTP 404），请再发一次", ""]
    assert list(office.folder.iterdir()) == []


async def test_an_encrypted_room_is_told_once_that_nobody_can_be_heard_there(office: Office):
    server = office.server
    room = server.room("sealed", BOT, ZHANG)
    async with office.listening():
        for _ in range(2):
            server.event(room, ZHANG, "m.room.encrypted", {"algorithm": "m.megolm"})
        await server.say(room, ZHANG, "/帮助")
        await office.hears(1)
    (told,) = server.said(room)
    assert "端到端加密" in told["body"]


async def test_garbage_in_the_feed_is_passed_over(office: Office):
    server = office.server
    room = server.room("work", BOT, ZHANG)
    async with office.listening():
        for content in (
            [],
            None,
            {"body": 3},
            {"msgtype": "m.text"},
            {"msgtype": "m.text", "body": "x", "m.mentions": 1},
        ):
            server.event(room, ZHANG, "m.room.message", content)
        await server.say(room, ZHANG, "/帮助")
        assert await office.hears(2) == ["x", "/帮助"]


async def test_a_wrong_token_or_somebody_elses_is_never_listened_with(office: Office):
    office.server.tokens["others"] = ZHANG
    feed = Feed(
        office.wiring(),
        (platform := office.platform(JIESU_MATRIX__ACCESS_TOKEN="others"))._api,
        platform._rooms,
        BOT,
        waits=lambda attempt, random: timedelta(),
    )
    task = asyncio.create_task(feed.follow())
    await office.server.until(lambda: sum("whoami" in request for request in office.server.requests) >= 3)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert office.server.syncs == [] and not feed.connected
    assert "JIESU_MATRIX__USER_ID" in feed.reason
    (probe,) = await platform.probe()
    assert not probe.ok and "JIESU_MATRIX__USER_ID" in probe.detail


# ------------------------------------------------------------------------------------------------------- what is sent


async def test_a_lost_answer_is_repeated_and_leaves_one_event(office: Office):
    room = office.server.room("work", BOT, ZHANG)
    sender = office.platform().chat(room)
    # two, for aiohttp repeats a PUT by itself once
    office.server.then(*[cut_after_reading(record=True)] * 3, cut_after_reading())
    outcomes = [(await sender.send(Outgoing(7, "【#7】新工单"))) for _ in range(3)]
    assert [answer.outcome for answer in outcomes] == [Outcome.RETRY, Outcome.RETRY, Outcome.SENT]
    assert [content["body"] for content in office.server.said(room)] == ["【#7】新工单"]
    assert outcomes[-1].remote == office.server.rooms[room].events[-1][1]["event_id"]


async def test_the_servers_limit_is_kept_to(tmp_path: Path):
    moment = [datetime(2026, 6, 1, tzinfo=UTC)]
    async with FakeMatrix(now=lambda: moment[0]) as server, webhook_session() as session:
        office = Office(server, tmp_path, session)
        room = server.room("work", BOT)
        sender = office.platform().chat(room)
        answers = [await sender.send(Outgoing(number, "甲")) for number in range(11)]
        assert [answer.outcome for answer in answers] == [Outcome.SENT] * 10 + [Outcome.RETRY_AFTER]
        assert answers[-1].wait is not None
        assert answers[-1].bucket == sender.limits[0].bucket, "the account must wait, not this room alone"
        moment[0] += answers[-1].wait
        assert (await sender.send(Outgoing(10, "甲"))).outcome is Outcome.SENT
        # Ten a minute, which is what one room is sent unless the office says otherwise, never meet it.
        (limit,) = sender.limits
        assert (limit.count, limit.window) == (10, timedelta(minutes=1))


@pytest.mark.parametrize(
    ("behaviour", "outcome", "words"),
    [
        (errcode("M_UNKNOWN_TOKEN", 401), Outcome.CLOSED, "JIESU_MATRIX__ACCESS_TOKEN"),
        (errcode("M_FORBIDDEN", 403), Outcome.CLOSED, "邀请"),
        (errcode("M_TOO_LARGE", 413), Outcome.PERMANENT, "长度"),
        (errcode("M_LIMIT_EXCEEDED", 429, retry_after_ms=2000), Outcome.RETRY_AFTER, "太快"),
        (errcode("M_NEVER_SEEN", 400), Outcome.PERMANENT, "M_NEVER_SEEN"),
        (status(429, retry_after=7), Outcome.RETRY_AFTER, "太快"),
        (garbage("<html>sign in</html>"), Outcome.RETRY, "稍后"),
        (garbage("{}"), Outcome.RETRY, "稍后"),
        (status(502, record=True), Outcome.RETRY, "稍后"),
        (redirect("https://elsewhere.test/"), Outcome.CLOSED, "没有跟随"),
    ],
)
async def test_answers_are_told_apart(office: Office, behaviour, outcome, words):
    room = office.server.room("work", BOT)
    office.server.then(behaviour)
    answer = await office.platform().chat(room).send(Outgoing(1, "甲"))
    assert answer.outcome is outcome
    assert words in answer.detail
    assert BOT_TOKEN not in repr(answer)


async def test_a_room_where_the_bot_is_not_and_a_server_that_is_away(office: Office):
    sender = office.platform().chat(office.server.room("other", ZHANG))
    assert (await sender.send(Outgoing(1, "甲"))).outcome is Outcome.CLOSED
    await office.server.stop()
    assert (await sender.send(Outgoing(1, "甲"))).outcome is Outcome.RETRY


async def test_a_picture_is_uploaded_and_shown_once(office: Office):
    room = office.server.room("work", BOT)
    sender = office.platform().chat(room)
    office.server.then(*[cut_after_reading(record=True)] * 2)
    picture = Outgoing(3, "日报.png", file=OutgoingFile("日报.png", "image/png", b"picture"))
    assert (await sender.send(picture)).outcome is Outcome.RETRY
    assert (await sender.send(picture)).outcome is Outcome.SENT
    (content,) = office.server.said(room)
    assert office.server.media[content["url"].rpartition("/")[2]] == ("image/png", b"picture")


async def test_a_person_is_told_in_private_and_in_no_room_with_a_third(office: Office):
    server = office.server
    sender = office.platform().person(ZHANG)
    assert (await sender.send(Outgoing(1, "只给您看"))).outcome is Outcome.SENT
    assert (await sender.send(Outgoing(2, "再给您看"))).outcome is Outcome.SENT
    (first,) = server.rooms
    assert [content["body"] for content in server.said(first)] == ["只给您看", "再给您看"]
    assert server.account_data[BOT, "m.direct"] == {ZHANG: [first]}
    await server.join(first, ZHANG)
    await server.invite(first, ZHANG, LI)
    assert (await sender.send(Outgoing(3, "13800001234"))).outcome is Outcome.SENT
    assert len(server.rooms) == 2 and len(server.said(first)) == 2
    assert (await office.platform().person("zhang").send(Outgoing(4, "甲"))).outcome is Outcome.CLOSED


# ------------------------------------------------------------------------------------------------------------ settings


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("JIESU_MATRIX__HOMESERVER", "", "没有设置"),
        ("JIESU_MATRIX__USER_ID", "", "没有设置"),
        ("JIESU_MATRIX__ACCESS_TOKEN", "", "没有设置"),
        ("JIESU_MATRIX__USER_ID", "jiesu", "@用户:服务器"),
        ("JIESU_MATRIX__ACCESS_TOKEN", "ab\ncd", "换行"),
        ("JIESU_MATRIX__HOMESERVER", "https://chat.test/?a=b", "主机名"),
    ],
)
async def test_settings_that_do_not_fit_are_named(office: Office, name, value, words):
    with pytest.raises(ConfigError) as refused:
        office.platform(**{name: value})
    assert str(refused.value).startswith(name) and words in str(refused.value)
    assert BOT_TOKEN not in str(refused.value)


async def test_the_probe_tells_who_the_token_is_for_and_the_servers_time(office: Office):
    (probe,) = await office.platform().probe()
    assert probe.ok and probe.skew is not None and abs(probe.skew) < timedelta(seconds=5)
    (wrong,) = await office.platform(JIESU_MATRIX__ACCESS_TOKEN="stale").probe()
    assert not wrong.ok and "JIESU_MATRIX__ACCESS_TOKEN" in wrong.mend
    await office.server.stop()
    (away,) = await office.platform().probe()
    assert not away.ok and away.mend
