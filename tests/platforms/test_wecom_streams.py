"""A whole office whose bot only hears by HTTP callback: what it may answer, and how the rest is said."""

import asyncio
import contextlib
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.platforms.contract import Outcome, Outgoing
from bot.platforms.wecom import streams as module
from bot.platforms.wecom.streams import Streams
from bot.service import open_office, running
from bot.web.app import application
from config.organisation import Organisation
from config.settings import load_settings
from tests.conftest import KEY as VAULT
from tests.platforms.wecom_caller import KEY, TOKEN, Callback, text
from tests.platforms.wecom_server import FakeWeCom
from tests.street import at, row, sample_organisation

CHAT = "wr-dispatch"
REGISTER = "@助手 /登记\n" + "\n".join(f"{name}：{value}" for name, value in row(1).items() if value)
SECOND = timedelta(seconds=1)


class Group:
    """The bot's chats as WeCom shows them: streams that it fetches, and answers by address, each taken once."""

    def __init__(self, service, callback, answers):
        self.service = service
        self.callback = callback
        self.base, self.posted = answers
        self.numbers = itertools.count(1)

    async def ask(self, words, chat=CHAT, person="zhang", fetches=True):
        """Somebody writes; what the stream shows in the end, None where nobody fetches it."""
        number = next(self.numbers)
        body = text(
            words,
            msgid=f"m{number}",
            response_url=f"{self.base}/cgi-bin/aibot/response?response_code={number}",
            **{"from": {"userid": person}},
        )
        if chat is None:
            del body["chatid"]
            body["chattype"] = "single"
        stream = await self.callback.say(body, f"n{number}")
        if not fetches or stream is None:
            await self.service.delivery.drain()
            return None
        delivering = asyncio.create_task(self.service.delivery.drain())
        async with asyncio.timeout(20):
            while not (  # noqa: ASYNC110 - the platform asks again and again
                found := await self.callback.fetch(stream, f"f{next(self.numbers)}")
            )["finish"]:
                await asyncio.sleep(0.05)
        await delivering
        return found["content"]


@pytest.fixture
async def answers():
    """Where `response_url` leads: each code is taken once."""
    said, used = [], set()

    async def respond(request):
        code = request.query["response_code"]
        if code in used:
            return web.json_response({"errcode": 40058, "errmsg": "used"})
        used.add(code)
        said.append((await request.json())["markdown"]["content"])
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    app = web.Application()
    app.router.add_post("/cgi-bin/aibot/response", respond)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}", said


@pytest.fixture
async def wecom():
    async with FakeWeCom() as server:
        yield server
        assert server.errors == []


@contextlib.asynccontextmanager
async def opened(url, folder, answers, robot=None, corp=""):
    sample = sample_organisation()
    people = [person.model_copy(update={"accounts": {"wecom": person.id}}) for person in sample.people]
    robots = [] if robot is None else [{"platform": "wecom", "webhook": robot.webhook}]
    groups = [
        group.model_validate({**group.model_dump(), "chats": {"wecom": CHAT}, "robots": robots})
        if group.id == "dispatch"
        else group
        for group in sample.groups
    ]
    environ = {
        "JIESU_DATA_DIR": str(folder),
        "JIESU_DATABASE_URL": url,
        "JIESU_CLOCK__START": at(1).isoformat(),
        "JIESU_CLOCK__SPEED": "0",
        "JIESU_VAULT__KEY": VAULT.hex(),
        "JIESU_WECOM__TOKEN": TOKEN,
        "JIESU_WECOM__ENCODING_AES_KEY": KEY,
        "JIESU_WECOM__API_BASE": answers[0],
        "JIESU_PLATFORMS__OPTIONAL": "true",
        "JIESU_PLATFORMS__PATIENCE": "0.1",
    } | ({"JIESU_WECOM__CORP_ID": corp} if corp else {})
    people = Organisation(people, sample.departments, sample.patches, sample.communities, groups)
    office = open_office(load_settings(None, environ), people, live=True)
    try:
        async with running(office) as service, TestClient(TestServer(application(service))) as client:
            yield Group(service, Callback(client, lambda: datetime.now(UTC), corp), answers)
    finally:
        office.store.close()


async def test_every_answer_stands_under_its_question(sqlite_url, tmp_path, answers, wecom):
    async with opened(sqlite_url, tmp_path, answers, wecom) as group:
        assert "【#1】" in await group.ask(REGISTER)
        both = await group.ask("@助手 签收 1 2")
        assert "【#1】" in both and "✘" in both, "one question, an answer for each order"
        assert "状态：待派单" in await group.ask("查 1", chat=None)
    assert answers[1] == [], "nobody had to use the address"


async def test_what_nobody_fetches_is_answered_by_the_address_and_the_second_answer_by_the_groups_robot(
    sqlite_url, tmp_path, answers, wecom, monkeypatch
):
    monkeypatch.setattr("bot.platforms.wecom.chat.FETCHED", timedelta(0))
    async with opened(sqlite_url, tmp_path, answers, wecom) as group:
        await group.ask(REGISTER, fetches=False)
        heard = len(wecom.messages)
        chat = group.service.delivery._sender_of(f"wecom:={CHAT}")
        reply = {"response_url": f"{answers[0]}/cgi-bin/aibot/response?response_code=x"}
        for number, words in enumerate(("甲", "乙")):
            assert (await chat.send(Outgoing(number, words, reply=reply))).outcome is Outcome.SENT
        assert (await chat.send(Outgoing(3, "通知"))).outcome is Outcome.SENT
    assert [said for said in answers[1] if said in "甲乙"] == ["甲"]
    assert wecom.contents[heard:] == ["乙", "通知"]


async def test_what_is_said_in_private_stands_there_too(sqlite_url, tmp_path, answers, wecom):
    async with opened(sqlite_url, tmp_path, answers, wecom) as group:
        await group.ask(REGISTER)
        assert "#1" in await group.ask("待办", chat=None)
        assert "私聊" in await group.ask("@助手 揭示 1 回访")
        shown = await group.ask("揭示 1 回访", chat=None)
        assert "1380000" in shown, "what the platform signed as a whole may be answered with personal data"


# The streams themselves


async def fetched(streams, number):
    await asyncio.sleep(0)
    return streams.asked(number)["stream"]


async def test_a_stream_grows_and_is_finished_when_all_is_said():
    streams = Streams()
    assert streams.begin("s")["stream"] == {"id": "s", "finish": False, "content": ""}
    streams.taken("s", 2)
    first = asyncio.create_task(streams.say("s", "甲", SECOND))
    assert (await fetched(streams, "s"))["content"] == "甲"
    assert await first
    second = asyncio.create_task(streams.say("s", "乙", SECOND))
    whole = {"id": "s", "finish": True, "content": "甲\n\n乙"}
    assert await fetched(streams, "s") == whole and await second
    assert await fetched(streams, "s") == whole, "whoever asks again is told the same"
    assert not await streams.say("s", "丙", SECOND)
    assert streams.begin("s")["stream"] == whole, "the message came again"


async def test_what_nobody_fetched_is_not_in_the_stream_any_more():
    streams = Streams()
    streams.begin("s")
    assert not await streams.say("s", "甲", timedelta(0))
    assert (await fetched(streams, "s"))["content"] == ""
    assert not await streams.say("s", "长" * module.SAID_BYTES, SECOND)
    assert not await streams.say("another", "甲", SECOND)


@pytest.mark.parametrize(
    ("answers", "span", "shown"), [(1, "ELSEWHERE", "已答复"), (None, "LONGEST", "还在办理")], ids=str
)
async def test_a_stream_that_nothing_is_said_in_is_ended(monkeypatch, answers, span, shown):
    streams = Streams()
    streams.begin("s")
    if answers is not None:
        streams.taken("s", answers)
    assert not (await fetched(streams, "s"))["finish"]
    monkeypatch.setattr(module, span, timedelta(0))
    stream = await fetched(streams, "s")
    assert stream["finish"] and shown in stream["content"]


async def test_a_stream_that_is_not_here_is_at_its_end(monkeypatch):
    streams = Streams()
    assert (await fetched(streams, "x"))["finish"]
    monkeypatch.setattr(module, "MOST", 1)
    streams.begin("a")
    streams.begin("b")
    assert (await fetched(streams, "a"))["finish"]
