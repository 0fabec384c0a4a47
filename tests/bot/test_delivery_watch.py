"""A robot that does not get through: somebody is told by another way, once, and again when it works."""

from datetime import timedelta

import pytest

from bot import metrics
from storage.outbox import Priority, Status
from tests.bot.delivery_desk import ROBOT, SECOND, Chat, house, shown
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

TEN = timedelta(minutes=10)


async def test_after_ten_minutes_another_way_tells_who_cannot_be_reached_and_why(two, clock):
    process, first, second = two
    first.then(*[fake.errcode(-1)] * 100)
    await process.queue("【#1】已派单")
    begin = clock.at
    await process.through(TEN - timedelta(seconds=1))
    assert second.contents == []
    assert "自 08:30：" in shown(process)
    assert "已告警" not in shown(process)
    await process.through(timedelta(minutes=50))
    (alarm,) = second.contents
    assert second.messages[0].at == begin + TEN
    assert alarm.splitlines() == [
        "⚠ 1 个发消息的出口不通",
        "dispatch（企业微信）自 08:30 起：企业微信系统繁忙，稍后自动重试（错误码 -1），1 条在等",
        "处理：检查服务器能否访问这个平台（网络、代理、防火墙），可运行 jiesu doctor",
        "在等的消息都留着，恢复后自动补发；/状态 看详情",
    ]
    assert "\nwecom:dispatch:0 自 08:30：" in shown(process)
    assert "已告警" in shown(process)


async def test_it_is_told_once_however_often_the_process_begins_anew_and_once_when_it_works(two, clock):
    process, first, second = two
    first.then(*[fake.errcode(-1)] * 16)
    await process.queue("【#1】已派单")
    for name in ("two", "three"):
        await process.through(timedelta(minutes=20))
        process.restart(name)
        await process.through(timedelta(minutes=1))
    await process.through()
    assert first.contents[0] == "【#1】已派单"
    _, works = second.contents
    assert works == "✔ dispatch（企业微信）又能发消息了（自 08:30 起不通）"
    assert "发不出" not in shown(process)
    first.then(*[fake.errcode(-1)] * 100)
    await process.queue("【#2】已派单")
    await process.through(timedelta(minutes=30))
    assert len(second.contents) == 3, "another streak is told anew"


async def test_a_robot_that_was_removed_is_told_and_its_messages_wait_until_it_is_mended(two, clock):
    process, first, second = two
    first.then(*[fake.errcode(93000)] * 2)
    await process.queue("【#1】")
    await process.through(timedelta(minutes=30))
    assert (first.contents, second.contents) == (["【#1】"], []), "one success ends the streak"
    first.then(*[fake.errcode(93000)] * 500)
    await process.queue("【#2】")
    await process.through(timedelta(minutes=30))
    (alarm,) = second.contents
    assert "重新添加机器人" in alarm
    assert "1 条在等" in alarm
    assert process.states()[1] == Status.RETRY
    first.mend()
    await process.through(timedelta(minutes=6))
    assert [text for text in first.contents if "【" in text] == ["【#1】", "【#2】"]


@pytest.mark.parametrize("fault", [fake.redirect("https://login.test/"), fake.status(403), fake.errcode(60020)])
async def test_a_shut_way_loses_nothing_and_sends_nothing_twice(two, clock, fault):
    process, first, _ = two
    first.then(*[fault] * 500)
    await process.queue("【#1】已派单")
    await process.queue("【#2】紧急工单", Priority.URGENT)
    await process.queue("【#3】已派单")
    await process.through(timedelta(minutes=18))
    assert first.contents == []
    first.mend()
    await process.through()
    assert sorted(text for text in first.contents if "【" in text) == ["【#1】已派单", "【#2】紧急工单", "【#3】已派单"]
    assert {row.state for row in process.rows(endpoint=ROBOT)} == {Status.SENT}


async def test_an_answer_whose_handle_expired_says_nothing_of_the_robot(two):
    process, first, second = two
    first.then(fake.errcode(846605))
    await process.queue("✔ 【#1】已签收", Priority.REPLY, kind="reply", content={"reply": {"id": "1"}})
    await process.through(timedelta(minutes=30))
    assert second.contents == []
    assert "dispatch（答复）：✔ 【#1】已签收（" in shown(process)
    assert "（错误码 846605）" in shown(process)


async def test_without_another_way_it_stands_in_the_log_and_the_status(store, clock):
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom) as process:
        wecom.then(*[fake.errcode(-1)] * 100)
        await process.queue("【#1】")
        await process.through(timedelta(minutes=30))
        assert [row.kind for row in process.rows()] == ["notice"]
        assert "wecom:dispatch:0 自 08:30：企业微信系统繁忙" in shown(process)
        assert "已告警" not in shown(process)
        assert metrics.FAILING._value.get() == 1


async def test_the_work_group_in_the_browser_is_another_way(store, clock):
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom, console=True) as process:
        wecom.then(*[fake.errcode(-1)] * 100)
        await process.queue("【#1】")
        await process.through(timedelta(minutes=30))
        (said,) = process.said()
        assert said.text.startswith("⚠ 1 个发消息的出口不通")


async def test_a_connection_that_is_not_there_is_told_like_a_robot_that_fails(two, clock):
    process, _, second = two
    process.senders[ROBOT] = chat = Chat(process.senders[ROBOT])
    await process.through(timedelta(minutes=9))
    assert second.contents == []
    await process.through(timedelta(minutes=30))
    (alarm,) = second.contents
    assert "没有连上平台" in alarm
    chat.ready = True
    await process.through(timedelta(minutes=1))
    assert second.contents[1].startswith("✔ dispatch（企业微信）又能发消息了")


async def test_a_connection_that_another_replica_holds_is_not_missed(two, clock):
    process, _, second = two
    process.elsewhere.add("socket:wecom")
    process.senders[ROBOT] = Chat(process.senders[ROBOT])
    await process.through(timedelta(minutes=30))
    assert second.contents == []


async def test_a_robot_that_was_removed_is_forgotten(two, clock):
    process, first, second = two
    first.then(*[fake.errcode(-1)] * 100)
    await process.queue("【#1】")
    await process.through(timedelta(minutes=15))
    assert len(second.contents) == 1
    del process.senders[ROBOT]
    await process.through(timedelta(minutes=5))
    assert len(second.contents) == 1
    assert process.states()[0] == Status.PENDING, "it waits for another way"
    assert "wecom:dispatch:0 自" not in shown(process)
    assert "dispatch（没有出口）：1 条" in shown(process)


async def test_the_status_lists_what_waits_and_what_was_decided_about_doubtful_messages(two, clock):
    process, first, _ = two
    first.then(fake.errcode(77777), fake.errcode(77777), fake.status(429, retry_after=300))
    await process.queue("【#1】紧急工单", Priority.URGENT)
    await process.queue("【#2】已派单")
    await process.delivery.drain()
    await process.queue("【#3】已派单", endpoints=[SECOND], audience="second")
    text = shown(process)
    assert "【#1】紧急工单（" in text
    assert "→ 已重发一次" in text
    assert "77777" in text
    assert "wecom:second:0：1 条，最早 08:30" in text
    assert "正在使用：\none：wecom:dispatch:0" in text
