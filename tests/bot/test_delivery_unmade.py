"""A message of which nothing can be made when its turn comes: it fails by itself, aloud, and nobody waits behind it."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from loguru import logger

from handlers import erasing
from storage.columns import table
from storage.outbox import Priority, Status
from storage.store import Job
from storage.tables import Outbox, VaultRow
from tests.bot.delivery_desk import SECOND_KEY, house
from tests.bot.test_reception import arrives, rows
from tests.platforms.desk import account, opened
from tests.platforms.example_server import ExampleServer
from tests.platforms.wecom_server import FakeWeCom
from tests.street import CALLER, PHONE, row

LONG = f"来电人{CALLER}，电话{PHONE}。" + "灯不亮。" * 400
AGAIN = "✘ 【#1】内容在发送途中变了，其余部分没有发送；需要时请重新 /揭示"
LATER = timedelta(minutes=5)


@pytest.fixture
async def server():
    async with ExampleServer() as server:
        yield server
        assert server.errors == []


@pytest.fixture
async def office(sqlite_url, tmp_path, server):
    async with opened(sqlite_url, tmp_path, server, JIESU_INTAKE__TOKEN="token") as office:
        yield office


@pytest.fixture
def logged():
    """What is written to the log."""
    lines = []
    number = logger.add(lines.append, format="{message}")
    yield lines
    logger.remove(number)


async def change(office, work):
    service = office.service
    await service.desk.run(Job(lambda unit: unit.attempt(work), now=service.clock.now()))


async def half_shown(office, server, text):
    """The first part of a showing has arrived, the next is to be tried again."""
    await arrives(office, row(主要内容=text))
    server.results = ["sent", "full"]
    before = len(server.sent)
    await office.write("zhang", "揭示 1 回访", chat=None)
    await office.settle()
    assert len(server.sent) == before + 1
    return before + 1


async def later(office):
    office.service.clock.move_to(office.service.clock.now() + LATER)
    await office.settle()


def parts(office):
    return [row.state for row in rows(office, Outbox) if row.part is not None]


@pytest.mark.parametrize("how", ["shorter", "erased", "longer"])
async def test_a_showing_that_is_cut_otherwise_meanwhile_ends_and_says_so_to_who_asked(office, server, how):
    before = await half_shown(office, server, LONG)
    if how == "erased":
        await change(office, lambda scope: erasing.erase(scope, scope.order(1)))
    else:
        await arrives(office, row(主要内容="灯不亮。" * (1 if how == "shorter" else 1600)))
    await office.write("zhang", "签收 1", chat=None)
    await later(office)

    private = [message.text for message in server.sent[before:] if message.to == f"@{account('zhang')}"]
    assert private.count(AGAIN) == 1
    assert any(text.startswith("✔ 【#1】已签收") for text in private), "nobody waits behind it"
    assert not any("灯不亮" in text for text in private)
    assert set(parts(office)) == {Status.SENT, Status.FAILED}


async def test_a_showing_that_cannot_be_opened_any_more_fails_with_an_id_that_stands_in_the_log(office, server, logged):
    before = await half_shown(office, server, LONG)
    vault = table(VaultRow)
    await change(office, lambda scope: scope.execute(sa.update(vault).values(sealed=b"\x01 forged")))
    await office.write("zhang", "签收 1", chat=None)
    await later(office)

    private = [message.text for message in server.sent[before:] if message.to == f"@{account('zhang')}"]
    assert any(text.startswith("✔ 【#1】已签收") for text in private), "nobody waits behind it"
    (told,) = [text for text in private if text.startswith("✘ 【#1】系统出错")]
    number = told.partition("编号 ")[2].split()[0]
    assert any(number in line for line in logged)
    assert set(parts(office)) == {Status.SENT, Status.FAILED}


async def test_a_notice_of_which_nothing_can_be_made_is_named_by_another_way_and_the_next_goes(store, clock, logged):
    async with (
        FakeWeCom(now=clock.now) as first,
        FakeWeCom(SECOND_KEY, now=clock.now) as second,
        house(store, clock, first, second) as process,
    ):
        broken = {"table": {"head": ["甲"]}}
        await process.queue("【#7】紧急工单", Priority.URGENT, order=7, content=broken)
        await process.queue("【#8】紧急工单", Priority.URGENT, order=8)
        await process.through()
        assert first.contents == ["【#8】紧急工单"]
        (named,) = second.contents
        assert named.startswith("【#7】紧急消息没有送到dispatch")
        failed = process.rows(state=Status.FAILED)
        assert [row.order_id for row in failed] == [7]
        number = failed[0].detail.partition("编号 ")[2].split()[0]
        assert any(number in line and "KeyError" in line for line in logged)
        assert number in named


async def test_where_no_digest_can_be_made_each_goes_by_itself(store, clock):
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as process:
        sender = process.senders["wecom:dispatch:0"]
        whole = sender.parts

        def cutting(message):
            if "\n" in message.text:
                raise ValueError("no digest")
            return whole(message)

        sender.parts = cutting
        for number in range(1, 26):
            await process.queue(f"【#{number}】", order=number)
        await process.through()
        assert sorted(wecom.contents) == sorted(f"【#{number}】" for number in range(1, 26))


async def test_what_cannot_be_named_in_its_own_chat_ends_there(store, clock):
    """A naming of which nothing can be made is not named once more in the same chat."""
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as process:
        sender, cut = process.senders["wecom:dispatch:0"], []

        def cutting(message):
            cut.append(message.key)
            raise ValueError("no parts")

        sender.parts = cutting
        await process.queue("✔ 【#1】已签收", Priority.REPLY, kind="reply", order=1)
        await process.through()
        assert process.states() == [Status.FAILED, Status.FAILED]
        assert len(cut) == 2
