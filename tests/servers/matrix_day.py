"""The office on a real Matrix server, with the limits that the server has by default (`make test-servers`)."""

import asyncio
import contextlib
import json
import zlib
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import sqlalchemy as sa

from bot.platforms.contract import Mention, Outcome, Outgoing, OutgoingFile, Sender, Table
from bot.service import Service, open_office, running
from bot.web.app import application
from config.organisation import Organisation
from config.settings import load_settings
from storage import outbox
from storage.columns import table
from storage.outbox import Priority
from storage.store import Job
from storage.tables import Attempt, Outbox
from tests.servers.synapse import CLIENT, PATIENCE, PYTHON, Account, Line, Synapse

KEY = bytes(range(32))
TOKEN = "a-token-for-tests"
MORNING = datetime.fromisoformat("2026-06-01T09:00:00+08:00")
CALLER, PHONE = "张三丰", "13800001234"
PNG = b"\x89PNG\r\n\x1a\n" + b"".join(
    len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    for kind, data in (
        (b"IHDR", b"\0\0\0\1\0\0\0\1\x08\2\0\0\0"),
        (b"IDAT", zlib.compress(b"\0\0\0\0")),
        (b"IEND", b""),
    )
)
"""A picture of one point."""


@pytest.fixture(scope="module")
def synapse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synapse]:
    assert PYTHON.exists(), "run it by `make test-servers`, which installs the server"
    server = Synapse(tmp_path_factory.mktemp("synapse"))
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Street:
    """The office, its bot's account, and people at their own clients. Every street has its own accounts."""

    def __init__(self, synapse: Synapse, session: aiohttp.ClientSession, folder: Path, name: str) -> None:
        self.synapse = synapse
        self.folder = folder
        self.session = session
        self.line: Line | None = None
        self.start = MORNING
        self.room = ""
        self.per_minute = 600
        self.bot = self.account(f"jiesu-{name}", "接诉 助手")
        self.zhang = self.account(f"zhang-{name}")
        self.wang = self.account(f"wang-{name}")

    def account(self, name: str, display_name: str = "") -> Account:
        return Account(self.session, self.synapse, name, self.synapse.register(name, display_name))

    @property
    def organisation(self) -> Organisation:
        from tests.street import sample_organisation

        sample = sample_organisation()
        accounts = {"zhang": self.zhang.id, "wang": self.wang.id}
        people = [
            person.model_copy(update={"accounts": {"matrix": accounts[person.id]} if person.id in accounts else {}})
            for person in sample.people
        ]
        groups = [
            group.model_copy(update={"chats": {"matrix": self.room} if group.id == "dispatch" else {}, "robots": ()})
            for group in sample.groups
        ]
        return Organisation(people, sample.departments, sample.patches, sample.communities, groups)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[Service]:
        """Start the service as `jiesu run` does, but with a rehearsal's clock; at the end it stops as on SIGTERM."""
        port = self.synapse.port if self.line is None else self.line.port
        self.start += timedelta(minutes=30)
        environ = {
            "JIESU_DATA_DIR": str(self.folder),
            "JIESU_CLOCK__START": self.start.isoformat(),
            "JIESU_CLOCK__SPEED": "1",
            "JIESU_INTAKE__TOKEN": TOKEN,
            "JIESU_VAULT__KEY": KEY.hex(),
            "JIESU_MATRIX__HOMESERVER": f"http://127.0.0.1:{port}",
            "JIESU_MATRIX__USER_ID": self.bot.id,
            "JIESU_MATRIX__ACCESS_TOKEN": self.bot.token,
            "JIESU_MATRIX__PER_MINUTE": str(self.per_minute),
        }
        office = open_office(load_settings(None, environ), self.organisation, live=True)
        try:
            async with running(office) as service:
                yield service
        finally:
            office.store.close()


@pytest.fixture
async def street(synapse: Synapse, tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Street]:
    async with aiohttp.ClientSession() as session:
        yield Street(synapse, session, tmp_path, f"{abs(hash(request.node.name)) % 10**8}")


async def orders(service: Service, *numbers: int) -> None:
    """Orders come in by the API."""
    from aiohttp.test_utils import TestClient, TestServer

    rows = [
        {
            "工单编号": f"热线-260601-{number:06d}",
            "工单类型": "诉求",
            "标题": f"第{number}件：夜间施工噪声",
            "主要内容": f"来电人{CALLER}，电话{PHONE}，反映桃花巷工地夜间施工。",
            "来电人": CALLER,
            "来电人电话/账号": PHONE,
        }
        for number in numbers
    ]
    async with TestClient(TestServer(application(service))) as client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with client.post("/api/orders", json=rows, headers=headers) as response:
            assert response.status == 200, await response.text()


async def queue(service: Service, *texts: str) -> None:
    """Notices of the office to its group."""

    def work(scope: Any) -> None:
        for text in texts:
            outbox.queue(
                scope,
                kind="notice",
                priority=Priority.NOTICE,
                endpoints=["matrix:dispatch"],
                audience="dispatch",
                text=text,
            )

    await service.desk.run(Job(lambda unit: unit.attempt(work), now=service.clock.now(), cause="test:1"))


async def sent(sender: Sender | None, message: Outgoing) -> list[str]:
    """Send a message, waiting as long as the server asks for; the events' ids."""
    assert sender is not None
    events: list[str] = []
    for part in sender.parts(message):
        while (answer := await sender.send(part)).outcome is Outcome.RETRY_AFTER:
            assert answer.wait is not None
            await asyncio.sleep(answer.wait.total_seconds())
        assert answer.outcome is Outcome.SENT and answer.remote is not None, answer
        events.append(answer.remote)
    return events


def mentioned(event: dict[str, Any]) -> list[str]:
    """Who is called by a message."""
    return list(event["content"].get("m.mentions", {}).get("user_ids", ()))


async def recorded(service: Service) -> list[str]:
    """The outcomes of all attempts, once every message is known as sent: a room shows it before our store says so."""
    async with asyncio.timeout(PATIENCE):
        while any(row.state != "sent" for row in await rows(service, Outbox)):  # noqa: ASYNC110 - nothing tells us
            await asyncio.sleep(0.05)
    return [row.outcome for row in await rows(service, Attempt)]


async def rows(service: Service, model: Any) -> list[Any]:
    stored = table(model)
    return await service.desk.read(
        lambda scope: list(scope.connection.execute(sa.select(stored).order_by(stored.c.id))), service.clock.now()
    )


async def test_a_short_day(street: Street) -> None:
    zhang, wang, bot = street.zhang, street.wang, street.bot
    street.room = await zhang.room("派单工作群", bot.id, wang.id)
    stranger = street.account(f"stranger-{zhang.id[1:9]}")
    unwanted = await stranger.room("别的房间", bot.id)
    async with street.at_work() as service:
        await wang.join(street.room)
        await zhang.member(street.room, bot.id)

        # An order is announced; the notice would ring (a notice by `m.notice` never does) and holds nobody's number.
        await orders(service, 1)
        announced = await zhang.reads(street.room, "【#1】新工单", bot.id)
        assert announced["content"]["msgtype"] == "m.text"
        assert PHONE not in json.dumps(announced)

        # A seat signs by quoting it, with the fallback that older clients write in front.
        body = f"> <{bot.id}> 【#1】新工单\n> …\n\n/签收"
        signing = await zhang.say(street.room, body, quoting=announced["event_id"])
        signed = await zhang.reads(street.room, "✔ 【#1】已签收", bot.id)
        assert signed["content"]["m.relates_to"] == {"m.in_reply_to": {"event_id": signing}}
        assert signed["content"]["msgtype"] == "m.notice"
        assert signed["content"]["m.mentions"] == {"user_ids": [zhang.id]}
        assert zhang.id in signed["content"]["formatted_body"]

        # The people of the 科室 are called in the way of the platform.
        await zhang.say(street.room, "接诉 助手: 派单 1 城管科")
        await zhang.reads(street.room, "✔ 【#1】", bot.id, count=2)
        await zhang.until(
            lambda: any(
                wang.id in str(event["content"]["m.mentions"]) for event in zhang.messages(street.room, bot.id)
            ),
            "a notice that calls wang",
        )

        # A picture with a quote is kept with the order; one without anything is people talking.
        await zhang.share(street.room, "午饭.png", "image/png", PNG)
        relation = {"m.relates_to": {"m.in_reply_to": {"event_id": announced["event_id"]}}}
        await zhang.share(street.room, "现场.png", "image/png", PNG, **relation)
        kept = await zhang.reads(street.room, "附件", bot.id)
        assert kept["content"]["body"].startswith("✔ 【#1】"), kept["content"]["body"]
        assert not [event for event in zhang.messages(street.room, bot.id) if "午饭" in event["content"]["body"]]

        # In private no slash is needed, and only there the caller's number is told, to the one who asked.
        private = await wang.room("", bot.id, is_direct=True)
        await wang.member(private, bot.id)
        await wang.say(private, "揭示 1 联系来电人")
        revealed = await wang.reads(private, PHONE, bot.id)
        assert CALLER in revealed["content"]["body"]
        await zhang.look()
        assert PHONE not in json.dumps(zhang.seen, ensure_ascii=False)

        # Somebody who joins the private room makes it no private room any more.
        await wang.done("POST", f"{CLIENT}/rooms/{private}/invite", {"user_id": stranger.id})
        await wang.say(private, "接诉 助手 待办")
        assert "没有设定用途" in (await wang.reads(private, "没有设定用途", bot.id))["content"]["body"]

        # Somebody without a private room gets one, and the next message goes there, too.
        person = service.platforms["matrix"].person(zhang.id)
        await sent(person, Outgoing(1, "只给您看"))
        ((room, inviter),) = (await zhang.until(lambda: zhang.invited, "an invitation")).items()
        assert inviter == bot.id
        await zhang.join(room)
        await sent(person, Outgoing(2, "再给您看"))
        await zhang.reads(room, "再给您看", bot.id)
        assert [event["content"]["body"] for event in zhang.messages(room, bot.id)] == ["只给您看", "再给您看"]

        # A table, a file, a correction.
        chat = service.platforms["matrix"].chat(street.room)
        figures = Table(("科室", "在办"), (("城管科", "12"),))
        message = Outgoing(3, "今日在办\n城管科 12", (Mention("wang", "王科长", wang.id),), table=figures)
        (first,) = await sent(chat, message)
        assert await sent(chat, Outgoing(4, "今日在办 13", edits=first)) == [first]
        await sent(chat, Outgoing(5, "日报", file=OutgoingFile("日报.png", "image/png", PNG)))
        picture = await zhang.reads(street.room, "日报.png", bot.id)
        assert picture["content"]["msgtype"] == "m.image"
        edited = await zhang.reads(street.room, "* 今日在办 13", bot.id)
        assert edited["content"]["m.relates_to"]["event_id"] == first
        assert "<td>城管科</td>" in json.dumps(zhang.messages(street.room, bot.id), ensure_ascii=False)

        assert all(probe.ok for probe in await service.platforms["matrix"].probe())
    # Nobody unknown gets the bot into their room.
    await stranger.look()
    assert not stranger.messages(unwanted, bot.id)
    status, members = await stranger.call("GET", f"{CLIENT}/rooms/{unwanted}/joined_members")
    assert status == 200 and bot.id not in members["joined"]


async def test_what_the_server_finds_too_much_comes_later_and_once(street: Street) -> None:
    zhang, bot = street.zhang, street.bot
    street.room = await zhang.room("派单工作群", bot.id)
    async with street.at_work() as service:
        await zhang.member(street.room, bot.id)
        texts = [f"【#{number}】第 {number} 条通知" for number in range(1, 15)]
        await queue(service, *texts)
        await zhang.reads(street.room, texts[-1], bot.id)
        attempts = await recorded(service)
    said = [event["content"]["body"] for event in zhang.messages(street.room, bot.id)]
    assert said == texts
    assert attempts.count("retry_after") >= 2, attempts
    assert set(attempts) == {"retry_after", "sent"}


async def test_an_answer_that_is_lost_on_the_line_leaves_one_event(street: Street) -> None:
    zhang, bot = street.zhang, street.bot
    street.room = await zhang.room("派单工作群", bot.id)
    async with Line(street.synapse.port) as street.line, street.at_work() as service:
        await zhang.member(street.room, bot.id)
        street.line.cut_answers = 3  # the first attempt loses two: aiohttp itself repeats a PUT once
        await queue(service, "【#7】线路断开时的通知", "【#8】之后的通知")
        await zhang.reads(street.room, "【#8】", bot.id)
        assert street.line.lost == 3
        said = [event["content"]["body"] for event in zhang.messages(street.room, bot.id)]
        assert said == ["【#7】线路断开时的通知", "【#8】之后的通知"]
        attempts = await recorded(service)
        assert set(attempts) == {"retry", "sent"}, attempts
        # The event that the store knows is the one that stands in the room: a quote of it finds its order.
        stored = [row.remote_id for row in await rows(service, Outbox)]
        assert stored == [event["event_id"] for event in zhang.messages(street.room, bot.id)]


async def test_what_was_said_while_the_bot_was_down_is_answered_once(street: Street) -> None:
    zhang, bot = street.zhang, street.bot
    street.room = await zhang.room("派单工作群", bot.id)
    await bot.join(street.room)
    await zhang.say(street.room, "/查 5 在第一次启动之前")
    async with street.at_work() as service:
        await orders(service, 1)
        await zhang.reads(street.room, "【#1】新工单", bot.id)
        await zhang.say(street.room, "/签收 1")
        await zhang.reads(street.room, "✔ 【#1】已签收", bot.id)
    for number in range(3):
        await zhang.say(street.room, f"/查 1{number}")
    await zhang.say(street.room, "/状态")
    async with street.at_work():
        await zhang.reads(street.room, "✘", bot.id, count=3)
        await zhang.until(lambda: len(zhang.messages(street.room, bot.id)) >= 6, "six messages")
    said = [event["content"]["body"] for event in zhang.messages(street.room, bot.id)]
    assert len(said) == 6, said
    assert not any("5" in text.split("\n")[0] for text in said[2:]), said


async def test_the_server_comes_back_and_everything_goes_on(street: Street) -> None:
    zhang, bot = street.zhang, street.bot
    street.room = await zhang.room("派单工作群", bot.id)
    async with street.at_work() as service:
        await zhang.member(street.room, bot.id)
        await asyncio.to_thread(street.synapse.stop)
        await queue(service, "【#9】服务器停着时的通知")
        await asyncio.to_thread(street.synapse.start)
        await zhang.reads(street.room, "【#9】", bot.id)
        await zhang.say(street.room, "/帮助")
        await zhang.reads(street.room, "/签收", bot.id)
    said = [event["content"]["body"] for event in zhang.messages(street.room, bot.id)]
    assert len([text for text in said if "【#9】" in text]) == 1
