"""The same day on every platform leaves the same in the store, and everything that it said was sent."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiohttp.test_utils import TestClient, TestServer

from bot.platforms import connected
from bot.service import Connect, Service, open_office, running
from bot.web.app import application
from config.organisation import Organisation
from config.settings import load_settings
from storage.columns import table
from storage.store import Store
from storage.tables import Event, Inbox, OrderTable, Outbox
from storage.verify import verify
from tests.conftest import KEY
from tests.platforms import dingtalk_server, example_server, feishu_server, matrix_server, wecom_gateway
from tests.platforms.desk import connect as example_connected
from tests.street import at, row, sample_organisation

TOKEN = "a-token-for-tests"
TALK = "中午吃什么"
_SIGNS = re.compile(r"^(?:@\S+ |/)+")
"""What stands before a command: a slash, or the mention where the platform hands it on."""
DAY = (
    ("zhang", "group", "签收 1"),
    ("li", "group", "签收 1"),
    ("zhang", "group", "派单 1 城管科 请今日到场"),
    ("qian", "group", "接单 1"),
    ("qian", "private", "反馈 1 已接通 已告知今日到场"),
    ("zhang", "private", "揭示 1 回访核实"),
    ("zhang", "group", "签收 2-3"),
    ("zhang", "group", "催办 2"),
    ("qian", "group", "办结 1 解决 已责令停工"),
    ("gao", "private", "评定 1 是 解决 满意 录音 A0001"),
    ("zhang", "group", TALK),
    ("sun", "group", "结案 1"),
    ("zhang", "private", "查 1"),
    ("zhang", "private", "撤回"),
)
"""Who writes where, minute by minute; what a command is not is talk."""


@dataclass
class Way:
    """One platform's way in: its settings, its ids of a person and of the work group, and how somebody writes there."""

    platform: str
    environ: Mapping[str, str]
    account: Callable[[str], str]
    chat: str
    write: Callable[[str, bool, str, TestClient[Any, Any]], Awaitable[object]]
    """Given an account, whether it is in private, and a text."""
    connect: Connect = connected
    hears_talk: bool = True
    """Whether what people say to each other comes in as well, or only what is said to the bot."""


@contextlib.asynccontextmanager
async def console() -> AsyncIterator[Way]:
    async def write(person: str, private: bool, text: str, client: TestClient[Any, Any]) -> None:
        group = f"@{person}" if private else "dispatch"
        body = {"person": person, "group": group, "text": f"/{text}" if text != TALK else text}
        async with client.post("/console/messages", json=body) as answer:
            assert answer.status == 200

    yield Way("console", {"JIESU_CONSOLE__ENABLED": "true"}, str, "dispatch", write)


@contextlib.asynccontextmanager
async def example() -> AsyncIterator[Way]:
    async with example_server.ExampleServer() as server:

        async def write(person: str, private: bool, text: str, client: TestClient[Any, Any]) -> None:
            where = {} if private else {"chat": "!work:example.test", "mentioned": text != TALK}
            await server.write(client, person, text, **where)

        yield Way("matrix", server.environ, "@{}:example.test".format, "!work:example.test", write, example_connected)
        assert server.errors == []


@contextlib.asynccontextmanager
async def wecom() -> AsyncIterator[Way]:
    async with wecom_gateway.FakeGateway() as server:
        server._chats["wr-dispatch"] = 2  # the platform lets the bot begin only where somebody spoke to it before

        async def write(person: str, private: bool, text: str, client: TestClient[Any, Any]) -> None:
            await server.say(text, person, None if private else "wr-dispatch")

        environ = {
            "JIESU_WECOM__BOT_ID": wecom_gateway.BOT,
            "JIESU_WECOM__SECRET": wecom_gateway.SECRET,
            "JIESU_WECOM__WS_URL": server.url,
            "JIESU_WECOM__API_BASE": server.url.replace("ws", "http"),
        }
        yield Way("wecom", environ, str, "wr-dispatch", write, hears_talk=False)
        assert server.errors == []


@contextlib.asynccontextmanager
async def dingtalk() -> AsyncIterator[Way]:
    async with dingtalk_server.FakeDingTalk() as server:
        server.members |= {f"id-{person.id}" for person in sample_organisation().people}
        numbers = iter(range(1000))

        async def write(person: str, private: bool, text: str, client: TestClient[Any, Any]) -> None:
            number = f"m{next(numbers)}"
            where = {"conversationType": "1", "conversationId": f"private-{person}"} if private else {}
            await server.push(server.said(text, number=number, senderStaffId=person, **where), number=number)
            assert (await server.acknowledged.get())["code"] == 200

        environ = {
            "JIESU_DINGTALK__CLIENT_ID": dingtalk_server.CLIENT,
            "JIESU_DINGTALK__CLIENT_SECRET": dingtalk_server.CLIENT_SECRET,
            "JIESU_DINGTALK__API_BASE": server.base,
            "JIESU_DINGTALK__OAPI_BASE": server.base,
        }
        yield Way("dingtalk", environ, "id-{}".format, "cid1", write, hears_talk=False)
        assert server.errors == []


@contextlib.asynccontextmanager
async def feishu() -> AsyncIterator[Way]:
    async with feishu_server.FakeFeishu() as server:
        server.people = {f"ou_{person.id}" for person in sample_organisation().people}
        numbers = iter(range(1000))

        async def write(person: str, private: bool, text: str, client: TestClient[Any, Any]) -> None:
            chat = None if private else feishu_server.GROUP
            event = feishu_server.message_event(text, number=f"om_m{next(numbers)}", person=person, chat=chat)
            await server.push(event)

        environ = {
            "JIESU_FEISHU__APP_ID": feishu_server.APP_ID,
            "JIESU_FEISHU__APP_SECRET": feishu_server.APP_SECRET,
            "JIESU_FEISHU__API_BASE": server.base,
        }
        yield Way("feishu", environ, "ou_{}".format, feishu_server.GROUP, write, hears_talk=False)
        assert server.errors == []


@contextlib.asynccontextmanager
async def matrix() -> AsyncIterator[Way]:
    async with matrix_server.FakeMatrix(limited=False) as server:
        people = [f"@{person.id}:chat.test" for person in sample_organisation().people]
        work = server.room("work", matrix_server.BOT, *people)
        rooms = {person: server.room(f"private{n}", matrix_server.BOT, person) for n, person in enumerate(people)}
        server.account_data[matrix_server.BOT, "m.direct"] = {person: [room] for person, room in rooms.items()}

        async def write(person: str, private: bool, text: str, client: TestClient[Any, Any]) -> None:
            said = {"body": text, "m.mentions": {"user_ids": [matrix_server.BOT]}} if text != TALK else {"body": text}
            body = said.pop("body")
            await server.say(rooms[person] if private else work, person, str(body), **said)

        environ = {
            "JIESU_MATRIX__HOMESERVER": server.url,
            "JIESU_MATRIX__USER_ID": matrix_server.BOT,
            "JIESU_MATRIX__ACCESS_TOKEN": matrix_server.BOT_TOKEN,
        }
        yield Way("matrix", environ, "@{}:chat.test".format, work, write)
        assert server.errors == []


OF_WAYS = ("robot_failing", "robot_works", "not_delivered", "unknown_digest")
"""Kinds of messages that speak of ways out."""
WAYS = {way.__name__: way for way in (console, example, wecom, dingtalk, feishu, matrix)}


def organisation(way: Way) -> Organisation:
    """The sample office, with everybody's account and the work group on that platform alone."""
    sample = sample_organisation()
    if way.platform == "console":
        return sample
    people = [p.model_copy(update={"accounts": {way.platform: way.account(p.id)}}) for p in sample.people]
    groups = [
        g.model_copy(update={"chats": {way.platform: way.chat} if g.id == "dispatch" else {}, "robots": ()})
        for g in sample.groups
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, groups)


@contextlib.asynccontextmanager
async def opened(way: Way, url: str, folder: Path) -> AsyncIterator[tuple[Service, TestClient[Any, Any]]]:
    settings = load_settings(
        None,
        {
            "JIESU_DATA_DIR": str(folder),
            "JIESU_DATABASE_URL": url,
            "JIESU_CLOCK__START": at(1).isoformat(),
            "JIESU_CLOCK__SPEED": "0",
            "JIESU_INTAKE__TOKEN": TOKEN,
            "JIESU_VAULT__KEY": KEY.hex(),
            **way.environ,
        },
    )
    office = open_office(settings, organisation(way), live=True)
    try:
        async with running(office, way.connect) as service, TestClient(TestServer(application(service))) as client:
            yield service, client
            if service.hub is not None:
                service.hub.close()
    finally:
        office.store.close()


async def live(way: Way, url: str, folder: Path) -> dict[str, Any]:
    """Live the day on a platform; what is in the store at its end."""
    async with opened(way, url, folder) as (service, client):
        came = asyncio.Event()
        service.desk.on_rows("inbox", came.set)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        orders = [row(number) for number in (1, 2, 3)]
        async with client.post("/api/orders", json=orders, headers=headers) as answer:
            assert answer.status == 200
        for person, where, text in DAY:
            await service.rehearse(service.clock.now() + timedelta(minutes=1))
            if text == TALK and not way.hears_talk:
                continue
            came.clear()
            await way.write(way.account(person), where == "private", text, client)
            async with asyncio.timeout(20):
                await came.wait()
        await service.rehearse(service.clock.now() + timedelta(minutes=20))
        with service.office.store.connect() as connection:
            assert verify(connection).problems == []
        return left(service.office.store, way)


def left(store: Store, way: Way) -> dict[str, Any]:
    """What matters of the store, without the platform's own ids."""
    with store.connect() as connection:

        def rows(model: Any) -> list[Mapping[str, Any]]:
            found = table(model)
            return [dict(item) for item in connection.execute(sa.select(found).order_by(*found.primary_key)).mappings()]

        events = [json.loads(event["body"]) for event in rows(Event)]
        # All groups but one are mute on every platform but the console, which raises an alarm there.
        messages = [message for message in rows(Outbox) if message["kind"] not in OF_WAYS]
        sent = [message for message in messages if message["endpoint"].startswith(f"{way.platform}:")]
        assert [message for message in sent if message["state"] not in ("sent", "split")] == []
        return {
            "events": [{name: event[name] for name in event if name != "cause"} for event in events],
            "orders": rows(OrderTable),
            "heard": sorted(
                (
                    item["at"],
                    item["chat"],
                    item["person"],
                    _SIGNS.sub("", item["text"]),
                    [r["text"] for r in item["replies"]],
                )
                for item in rows(Inbox)
                if item["text"] != TALK
            ),
            "told": sorted(
                (message["at"], message["kind"], message["audience"], message["text"], message["order_id"])
                for message in messages
                if message["kind"] != "reply" and message["parent_id"] is None
            ),
        }


async def test_the_same_day_leaves_the_same(new_sqlite_url, tmp_path):
    days = {}
    for name, platform in WAYS.items():
        async with platform() as way:
            days[name] = await live(way, new_sqlite_url(), tmp_path / name)
    on_console = days.pop("console")
    assert len(on_console["heard"]) == len(DAY) - 1
    for name, day in days.items():
        for part in on_console:
            assert day[part] == on_console[part], f"{part} on {name}"
