"""What may have arrived on Feishu is asked for again for as long as the platform knows it, and not a moment longer."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import SecretStr

from bot.delivery.asking import LONGEST
from bot.platforms.contract import Limit
from bot.platforms.feishu import chat as module
from bot.platforms.feishu.api import OpenApi
from bot.platforms.feishu.chat import FeishuChat
from storage.outbox import Priority, Status
from tests.bot.delivery_desk import ROBOT, house
from tests.platforms.faults import hang, status
from tests.platforms.feishu_server import APP_ID, APP_SECRET, GROUP, FakeFeishu, lost

FOUR = (Limit(4, timedelta(seconds=1)),)


@pytest.fixture
async def feishu(clock):
    async with FakeFeishu(now=clock.now) as server:
        yield server
        assert server.errors == []


@pytest.fixture
async def one(sqlite_url, open_store, clock, feishu):
    async with house(open_store(sqlite_url), clock) as process:
        process.senders[ROBOT] = chat(process, feishu)
        yield process


def chat(process, feishu):
    api = OpenApi(process.session, feishu.base, APP_ID, SecretStr(APP_SECRET), process.clock.now)
    return FeishuChat(api, GROUP, person=False, limits=FOUR, avoid=())


def test_a_message_with_all_that_belongs_to_it_ends_before_delivery_gives_up():
    assert module.BUDGET < LONGEST


async def test_a_lost_answer_is_asked_for_until_it_comes_and_nothing_is_said_twice(one, feishu):
    feishu.then("create", *[lost()] * 2 * module.TRIES)
    await one.queue("【#1】", Priority.URGENT)
    await one.delivery.drain()
    assert one.states() == [Status.RETRY]
    await one.through()
    assert one.states() == [Status.SENT]
    assert feishu.texts == ["【#1】"], "asked for seven times under one uuid"


async def test_another_process_asks_for_it_too(one, feishu):
    feishu.then("create", *[lost()] * module.TRIES)
    await one.queue("【#1】")
    await one.delivery.drain()
    one.restart("two")
    one.senders[ROBOT] = chat(one, feishu)
    one.clock.at += timedelta(minutes=40)
    await one.through()
    assert (one.states(), feishu.texts) == ([Status.SENT], ["【#1】"])


async def test_what_the_platform_may_have_forgotten_is_in_doubt_like_anything_else(one, feishu):
    feishu.then("create", *[lost()] * module.TRIES)
    await one.queue("【#1】", Priority.URGENT)
    await one.delivery.drain()
    await one.delivery.stop()
    one.restart("two")
    one.senders[ROBOT] = chat(one, feishu)
    one.clock.at += FeishuChat.takes_once
    await one.through()
    assert one.states() == [Status.UNKNOWN, Status.SENT]
    assert feishu.texts == ["【#1】", "【#1】（可能重复）"]


async def test_certain_failures_before_do_not_count(one, feishu):
    feishu.then("create", *[status(503)] * 14)
    await one.queue("【#1】", Priority.URGENT)
    await one.through(timedelta(hours=1))
    feishu.then("create", *[lost()] * module.TRIES)
    await one.through()
    assert (one.states(), feishu.texts) == ([Status.SENT], ["【#1】"])


async def test_silence_is_asked_again_too(one, feishu, monkeypatch):
    monkeypatch.setattr(module, "BUDGET", timedelta(seconds=0.3))
    await one.senders[ROBOT]._api.token()
    feishu.then("create", hang(record=True))
    await one.queue("【#1】")
    await one.delivery.drain()
    assert one.states() == [Status.RETRY]
    monkeypatch.undo()
    async with asyncio.timeout(20):
        await one.through()
    assert (one.states(), feishu.texts) == ([Status.SENT], ["【#1】"])
