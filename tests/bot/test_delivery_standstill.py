"""Urgent messages behind a way that stands still: named by another way at once and once, sent when it is mended."""

from datetime import timedelta

import sqlalchemy as sa

from bot.platforms.contract import Limit
from storage.columns import table
from storage.outbox import Priority, Status
from storage.tables import Slot
from tests.bot.delivery_desk import ROBOT, SECOND_KEY, Chat, house
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

REMOVED = fake.errcode(93000)
MINUTE, FIVE, DAY = timedelta(minutes=1), timedelta(minutes=5), timedelta(days=1)


def named(server):
    return [text for text in server.contents if "没有送到" in text]


def alarms(server):
    return [text for text in server.contents if text.startswith("⚠")]


async def jump(process, span):
    """What is due then, without all that was due on the way."""
    process.clock.at += span
    await process.delivery.drain()


async def test_urgent_orders_behind_a_shut_robot_are_named_at_once_and_once_and_go_when_it_is_mended(two, clock):
    process, first, second = two
    first.then(*[REMOVED] * 5000)
    await process.queue("【#1】已派单", order=1)
    await process.queue("【#7】紧急工单：桃花巷", Priority.URGENT, order=7, mentions=("zhang",))
    await process.delivery.drain()
    (text,) = named(second)
    assert text.startswith("【#7】紧急消息没有送到dispatch（企业微信，06-01 08:30）：")
    assert "93000" in text
    assert "恢复后自动补发" in text
    assert "桃花巷" not in text, "it may be personal"
    assert second.messages[0].mentioned == ("zhangsan",)
    await process.through(timedelta(minutes=4))
    await process.queue("【#8】紧急工单", Priority.URGENT, order=8)
    await process.delivery.drain()
    assert len(named(second)) == 2, "also what comes while it is shut"
    assert named(second)[1].startswith("【#8】紧急消息没有送到dispatch")
    process.restart("two")
    await process.through(timedelta(hours=1))
    assert len(named(second)) == 2
    first.mend()
    await process.through(timedelta(minutes=6))
    assert [text for text in first.contents if "】" in text] == [
        "【#7】紧急工单：桃花巷",
        "【#8】紧急工单",
        "【#1】已派单",
    ]
    assert len(named(second)) == 2
    assert {row.state for row in process.rows(endpoint=ROBOT)} == {Status.SENT}


async def test_a_pause_of_seconds_is_waited_for_and_failures_that_last_are_named(two, clock):
    process, first, second = two
    first.then(*[fake.errcode(-1)] * 5000)
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.through(timedelta(seconds=110))
    assert second.contents == []
    await process.through(timedelta(seconds=50))
    assert len(named(second)) == 1


async def test_a_long_pause_that_the_platform_asks_for_is_not_waited_for(two):
    process, first, second = two
    first.then(fake.status(429, retry_after=500))
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.delivery.drain()
    assert len(named(second)) == 1
    await process.through()
    assert first.contents == ["【#7】紧急工单"]


async def test_a_long_message_in_parts_is_named_once(two):
    process, first, second = two
    first.then(*[REMOVED] * 100)
    await process.queue("【#7】紧急工单\n" + "一二三四五六七八九十" * 150, Priority.URGENT, order=7)
    await process.through(timedelta(minutes=3))
    (text,) = named(second)
    assert text.count("【#7】") == 1


async def test_a_naming_that_waits_itself_is_named_by_a_way_that_was_not_tried_and_then_no_further(two, clock):
    process, first, second = two
    first.then(*[REMOVED] * 5000)
    second.then(*[REMOVED] * 5000)
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.through(timedelta(hours=1))
    assert len(process.rows(kind="not_delivered")) == 1
    second.mend()
    first.mend()
    await process.through(timedelta(minutes=10))
    assert [text for text in first.contents if "#7】" in text] == ["【#7】紧急工单"]


async def test_without_another_way_it_is_named_as_soon_as_there_is_one(two):
    process, first, second = two
    other = process.senders.pop("wecom:second:0")
    first.then(*[REMOVED] * 5000)
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.through(timedelta(minutes=20))
    process.senders["wecom:second:0"] = other
    await process.through(timedelta(minutes=10))
    assert len(named(second)) == 1


async def test_ways_that_draw_from_the_bucket_that_pauses_are_no_other_ways(store, clock):
    async with (
        FakeWeCom(now=clock.now) as first,
        FakeWeCom(SECOND_KEY, now=clock.now) as second,
        house(store, clock, first, second) as process,
    ):
        process.limits = (Limit(18, MINUTE, "account"),)
        process.restart("one")
        first.then(fake.status(429, retry_after=500))
        await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
        await process.through()
        assert first.contents == ["【#7】紧急工单"]
        assert process.rows(kind="not_delivered") == [] == second.contents


async def test_a_connection_that_stays_away_is_named_like_a_robot_that_is_shut(two, clock):
    process, _, second = two
    process.senders[ROBOT] = chat = Chat(process.senders[ROBOT])
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.through(timedelta(seconds=100))
    assert second.contents == []
    await process.through(timedelta(seconds=40))
    (text,) = named(second)
    assert "没有连上平台" in text
    chat.ready = True
    await process.through()
    assert len(named(second)) == 1


async def test_the_alarm_lists_the_orders_that_wait_and_is_repeated_every_day_while_it_lasts(two, clock):
    process, first, second = two
    first.then(*[REMOVED] * 50000)
    for number in range(1, 13):
        await process.queue(f"【#{number}】紧急工单", Priority.URGENT, order=number)
    await process.queue("【#99】已派单", order=99)
    await process.delivery.drain()
    await jump(process, 2 * FIVE)
    (alarm,) = alarms(second)
    assert "13 条在等（#1 #2 #3 #4 #5 #6 #7 #8 #9 #10 等 13 件）" in alarm
    await jump(process, timedelta(hours=23))
    assert len(alarms(second)) == 1
    await jump(process, timedelta(hours=1))
    assert len(alarms(second)) == 2
    process.restart("two")
    await jump(process, timedelta(hours=23))
    assert len(alarms(second)) == 2
    await jump(process, timedelta(hours=1))
    assert len(alarms(second)) == 3
    first.mend()
    await jump(process, FIVE)
    await jump(process, 2 * DAY)
    assert len(alarms(second)) == 3


async def test_one_refused_message_behind_which_nothing_waits_is_no_daily_alarm(two, clock):
    process, first, second = two
    first.then(fake.errcode(40058))
    await process.queue("【#1】已派单", order=1)
    for span in (0 * FIVE, 2 * FIVE, DAY, DAY):
        await jump(process, span)
    assert len(alarms(second)) == 1


async def test_an_alarm_given_before_anybody_wrote_down_when_is_repeated_too(two):
    process, first, second = two
    first.then(*[REMOVED] * 50000)
    await process.queue("【#1】已派单", order=1)
    await process.delivery.drain()
    await jump(process, 2 * FIVE)
    assert len(alarms(second)) == 1
    slots = table(Slot)
    await process.change(lambda scope: scope.execute(sa.delete(slots).where(slots.c.job == "robot_told")))
    process.restart("two")
    await jump(process, timedelta(hours=1))
    assert len(alarms(second)) == 1
    await jump(process, DAY)
    assert len(alarms(second)) == 2


async def test_a_long_message_that_was_named_whole_is_not_named_again_in_parts(two):
    """It is divided when its turn comes, long after it was named."""
    process, first, second = two
    first.then(*[REMOVED] * 50000)
    await process.queue("【#1】已派单", order=1)
    await process.delivery.drain()
    await process.queue("【#7】紧急工单：" + "很长的诉求。" * 600, Priority.URGENT, order=7)
    await process.delivery.drain()
    await process.through(timedelta(hours=1))
    assert len(process.rows(state=Status.SPLIT)) == 1
    assert len(named(second)) == 1
    first.mend()
    await process.through(timedelta(minutes=6))
    assert len(named(second)) == 1
    assert {row.state for row in process.rows(endpoint=ROBOT)} == {Status.SENT, Status.SPLIT}
