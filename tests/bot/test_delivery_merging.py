"""A robot that is short: ordinary notices become one, and nobody's order gets lost on the way."""

import re
from datetime import timedelta

import pytest

from bot.delivery.crowding import quiet_from
from bot.platforms.contract import Avoid
from handlers.states import State
from storage import outbox
from storage.outbox import Priority, Status
from storage.tables import Outbox
from tests.bot.delivery_desk import MORNING, ROBOT, house
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

MINUTE = timedelta(minutes=1)
NUMBER = re.compile(r"^【#(\d+)】", re.MULTILINE)


@pytest.fixture
async def wecom(clock):
    async with FakeWeCom(now=clock.now) as server:
        yield server
        assert server.errors == []


@pytest.fixture
async def one(store, clock, wecom):
    async with house(store, clock, wecom) as process:
        yield process


async def notices(process, count, **values):
    """So many notices, each of an order of its own, at once."""

    def work(scope):
        for number in range(1, count + 1):
            text = f"【#{number}】已派单\n地点：桃花巷{number}号"
            told = {"kind": "dispatched", "priority": Priority.NOTICE, "endpoints": [ROBOT], "audience": "dispatch"}
            outbox.queue(scope, **{**told, "text": text, "order": number, **values})

    await process.change(work)


def named(contents):
    return sorted(int(number) for content in contents for number in NUMBER.findall(content))


async def test_what_would_wait_too_long_is_merged_and_each_order_is_named(one, wecom):
    await notices(one, 20, mentions=("zhang", "li"))
    await one.delivery.drain()
    (digest,) = wecom.messages
    first, *lines = digest.content.splitlines()
    assert first == "以下 20 条通知合并发送，详情可用 /查 单号："
    assert lines[0] == "【#1】已派单 地点：桃花巷1号 → 张三、李四"
    assert named([digest.content]) == list(range(1, 21))
    assert digest.mentioned == ("zhangsan",), "who was called stays called"
    assert "@李四" in digest.content
    *originals, row = one.rows()
    assert {each.state for each in originals} == {Status.MERGED}
    assert {each.parent_id for each in originals} == {row.id}
    assert (row.state, row.orders, row.order_id) == (Status.SENT, tuple(range(1, 21)), None)


async def test_what_fits_is_sent_one_by_one(one, wecom):
    await notices(one, 18)
    await one.delivery.drain()
    assert len(wecom.contents) == 18
    assert set(one.states()) == {Status.SENT}


async def test_twenty_alerts_in_ten_seconds_all_reach_the_group_within_its_limit_and_none_twice(one, wecom, clock):
    begin = clock.at
    for number in range(1, 21):
        await one.queue(f"【#{number}】新工单", kind="new_order", order=number)
        await one.through(timedelta(seconds=0.5))
    await one.through()
    assert named(wecom.contents) == list(range(1, 21))
    assert wecom.refused == []
    assert clock.at - begin <= timedelta(seconds=75)
    assert all(
        len([m for m in wecom.messages if at <= m.at < at + MINUTE]) <= 18 for at in {m.at for m in wecom.messages}
    )


async def test_urgent_messages_answers_and_reports_are_never_merged(one, wecom):
    for priority in (Priority.URGENT, Priority.REPLY, Priority.REPORT):
        for number in range(8):
            await one.queue(f"{priority.name} {number}", priority)
    await notices(one, 30)
    await one.through()
    for priority in (Priority.URGENT, Priority.REPLY, Priority.REPORT):
        assert sum(content.startswith(priority.name) for content in wecom.contents) == 8
    hurried = [f"{priority.name} {number}" for priority in (Priority.URGENT, Priority.REPLY) for number in range(8)]
    assert wecom.contents[:16] == hurried
    assert named(wecom.contents) == list(range(1, 31))
    assert wecom.refused == []


async def test_lists_parts_and_repeats_stay_what_they_are(one, wecom):
    """A line cannot stand for a list of orders."""
    await one.queue("到期汇总（2 项）\n#1 …\n#2 …", Priority.REMINDER, orders=(1, 2))
    await notices(one, 30)
    await one.through()
    assert "到期汇总（2 项）\n#1 …\n#2 …" in wecom.contents
    assert named(wecom.contents) == list(range(1, 31))


async def test_a_digest_fits_into_one_message(one, wecom):
    await notices(one, 60, mentions=("zhang", "li"), text="【#1】" + "长" * 300)
    await one.delivery.drain()
    digests = one.rows(kind="merged_digest")
    assert len(digests) > 2
    assert all(row.state == Status.SENT and row.part is None for row in digests)
    singly = [row.id for row in one.rows() if row.kind == "dispatched" and row.state == Status.SENT]
    assert sorted([*singly, *(number for row in digests for number in row.names)]) == list(range(1, 61))
    assert len(singly) < 18


async def test_the_work_group_needs_no_merging(store, clock):
    async with house(store, clock, console=True) as process:
        await notices(process, 40, endpoints=["console:dispatch"])
        await process.delivery.drain()
        assert len(process.said()) == 40


async def test_a_digest_in_doubt_leaves_each_of_its_notices_in_doubt(one, wecom):
    """New orders that nobody signed are repeated, together; the rest is named."""
    for number in range(1, 4):
        await one.order(number, State.AWAITING_SIGNATURE)
    await one.order(4, State.AWAITING_DISPATCH)
    await notices(one, 20, kind="new_order", text="【#0】新工单")
    wecom.then(fake.garbage())
    await one.delivery.drain()
    digest, repeat = one.rows(kind="merged_digest")
    assert (digest.state, repeat.repeat_of, repeat.names, repeat.orders) == ("unknown", digest.id, (1, 2, 3), (1, 2, 3))
    assert repeat.text.startswith("（可能重复）以下 3 条")
    await one.through()
    (doubtful,) = one.rows(kind="unknown_digest", parent_id=None)[:1]
    assert sorted(n for row in one.rows(kind="unknown_digest") for n in row.names) == list(range(4, 21))
    assert doubtful.orders == tuple(range(4, 19)), "a quote of it asks which"
    assert doubtful.state == Status.SENT
    assert {row.state for row in one.rows() if row.kind == "new_order"} == {Status.UNKNOWN}


async def test_a_repeated_digest_in_doubt_is_named_and_not_repeated(one, wecom):
    for number in range(1, 3):
        await one.order(number, State.AWAITING_SIGNATURE)
    await notices(one, 20, kind="new_order", text="【#0】新工单")
    wecom.then(fake.garbage(), fake.garbage())
    await one.through()
    assert len(one.rows(kind="merged_digest")) == 2
    assert sorted(n for row in one.rows(kind="unknown_digest") for n in row.names) == list(range(1, 21))


async def test_a_single_unsigned_order_of_a_doubtful_digest_is_repeated_by_itself(one, wecom):
    await one.order(7, State.AWAITING_SIGNATURE)
    await notices(one, 20, kind="new_order", text="【#7】新工单")
    wecom.then(fake.cut_after_reading())
    await one.through()
    assert [row.text for row in one.rows() if row.repeat_of == 7] == ["【#7】（可能重复）新工单"]


async def test_a_digest_that_is_refused_for_good_fails_with_all_it_names(one, wecom):
    wecom.then(fake.errcode(40058))
    await notices(one, 20)
    await one.through()
    *rows, told = one.rows()
    assert {row.state for row in rows} == {Status.FAILED}
    assert all("拒收" in row.detail for row in rows)
    assert (told.kind, told.orders, told.state) == ("not_delivered", tuple(range(1, 21)), Status.SENT)


async def test_a_digest_for_a_robot_that_is_gone_is_taken_apart_and_all_it_names_waits(one, wecom):
    wecom.then(fake.status(429, retry_after=120))
    await notices(one, 20)
    await one.delivery.drain()
    assert one.states().count(Status.MERGED) == 20
    senders = dict(one.senders)
    one.senders.clear()
    await one.through(timedelta(minutes=3))
    *rows, digest = one.rows()
    assert {(row.state, row.endpoint) for row in rows} == {(Status.PENDING, "nowhere:dispatch")}
    assert digest.state == Status.CANCELLED
    one.senders.update(senders)
    await one.through()
    assert named(wecom.contents) == list(range(1, 21))


async def test_a_digest_confirmed_after_all_takes_its_repeat_back(store, database_url, open_store, clock, wecom):
    other = open_store(database_url)
    async with house(store, clock, wecom, holder="a") as a, house(other, clock, wecom, holder="b") as b:
        await a.order(1, State.AWAITING_SIGNATURE)
        await a.order(2, State.AWAITING_SIGNATURE)
        await notices(a, 20, kind="new_order")
        sender, post = a.senders[ROBOT], a.senders[ROBOT].send

        async def slowly(message):
            clock.at += timedelta(seconds=31)
            wecom.then(fake.status(429, retry_after=60))
            await b.delivery.drain()
            return await post(message)

        sender.send = slowly
        await a.delivery.step()
        digest, repeat = a.rows(kind="merged_digest")
        assert (digest.state, repeat.state) == (Status.SENT, Status.CANCELLED)
        assert {row.state for row in a.rows() if row.kind == "new_order"} == {Status.MERGED}
        await b.through()
        assert named(wecom.contents) == list(range(1, 21))


async def test_an_undo_tells_those_who_read_a_digest(one, wecom):
    await notices(one, 20)
    await one.delivery.drain()
    await one.change(lambda scope: outbox.cancel_caused(scope, "test:1", 2))
    assert one.rows(Outbox)[1].state == Status.MERGED


CROWDED = (Avoid(timedelta(minutes=59), timedelta(minutes=3)), Avoid(timedelta(minutes=29), timedelta(minutes=3)))


async def test_crowded_minutes_are_left_to_what_somebody_waits_for(one, wecom, clock):
    one.senders[ROBOT].avoid = CROWDED
    clock.at = MORNING.replace(minute=0)
    await notices(one, 3)
    await one.queue("急", Priority.URGENT)
    await one.queue("答", Priority.REPLY)
    await one.delivery.drain()
    assert wecom.contents == ["急", "答"]
    due = await one.delivery.next_due()
    assert MORNING.replace(minute=2) <= due <= MORNING.replace(minute=2, second=45)
    one.restart("one")
    one.senders[ROBOT].avoid = CROWDED
    assert await one.delivery.next_due() == due, "every look finds the same moment"
    await one.through()
    assert named(wecom.contents) == [1, 2, 3]
    assert clock.at == due


async def test_robots_do_not_come_back_in_the_same_second(clock):
    found = {quiet_from(MORNING, f"feishu:g{number}:0", CROWDED) for number in range(20)}
    assert len(found) == 20
    quiet = MORNING + timedelta(minutes=20)
    assert quiet_from(quiet, ROBOT, CROWDED) == quiet
    assert quiet_from(MORNING, ROBOT, ()) == MORNING
