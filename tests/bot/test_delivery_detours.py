"""What will not arrive is named by another way; what has no way waits for one."""

from datetime import timedelta

from bot.platforms.contract import Answer, Outcome
from storage.outbox import Priority, Status
from tests.bot.delivery_desk import ROBOT, house, shown
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

MINUTE = timedelta(minutes=1)


async def test_an_urgent_refusal_is_named_at_once_where_others_of_its_purpose_read(two):
    process, first, second = two
    first.then(fake.errcode(40058))
    await process.queue("【#7】紧急工单：桃花巷", Priority.URGENT, order=7, mentions=("zhang",))
    await process.delivery.drain()
    (named,) = second.messages
    assert named.content.startswith("【#7】紧急消息没有送到dispatch（企业微信，06-01 08:30）：")
    assert "40058" in named.content
    assert "/查 7" in named.content
    assert "桃花巷" not in named.content, "what was refused is not said again"
    assert named.mentioned == ("zhangsan",)
    assert "→ 已换别的出口告知" in shown(process)
    await process.through(timedelta(minutes=5))
    assert (len(second.contents), first.contents) == (1, [])


async def test_ordinary_refusals_are_collected_for_a_minute(two, clock):
    process, first, second = two
    first.then(fake.errcode(40058), fake.errcode(40058))
    await process.queue("【#1】已派单", order=1)
    await process.queue("【#2】已派单", order=2)
    await process.delivery.drain()
    assert second.contents == []
    await process.through(MINUTE)
    (named,) = second.contents
    assert named.count("通知没有送到") == 2
    assert [row.orders for row in process.rows(kind="not_delivered")] == [(1, 2)]


async def test_a_naming_that_is_refused_goes_by_another_way_and_then_no_further(two):
    process, first, second = two
    first.then(*[fake.errcode(40058)] * 50)
    second.then(*[fake.errcode(40058)] * 50)
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.through()
    assert first.requests + second.requests == 3, "the notice, and one naming by each way"
    assert set(process.states()) == {Status.FAILED}
    assert "送不到的（最近）" in shown(process)


async def test_the_work_group_in_the_browser_names_what_a_robot_refused(store, clock):
    async with FakeWeCom(now=clock.now) as wecom, house(store, clock, wecom, console=True) as process:
        wecom.then(fake.errcode(40058))
        await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
        await process.delivery.drain()
        (said,) = process.said()
        assert said.text.startswith("【#7】紧急消息没有送到")
        assert wecom.contents == []


async def test_an_unlisted_answer_to_an_urgent_notice_is_kept_with_its_number_and_named_by_another_way(two):
    process, first, second = two
    first.then(*[fake.errcode(77777)] * 2)
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7)
    await process.delivery.drain()
    await process.through(timedelta(seconds=50))
    assert [row.code for row in process.rows(state=Status.UNKNOWN)] == [77777, 77777]
    (named,) = second.contents
    assert named.startswith("【#7】紧急消息不知道是否送到dispatch")
    assert "77777" in named
    assert "77777" in shown(process)


async def test_what_a_digest_cannot_name_because_of_an_unlisted_answer_is_named_by_another_way_and_no_more(two):
    process, first, second = two
    first.then(*[fake.errcode(77777)] * 1000)
    for number in (1, 2):
        await process.queue(f"【#{number}】已派单", order=number)
    await process.through(timedelta(hours=3))
    assert first.requests == 3, "two notices and one digest"
    (named,) = [content for content in second.contents if content.startswith("【#1")]
    assert named.count("通知不知道是否送到dispatch") == 2
    assert "77777" in named


async def test_a_message_without_a_way_waits_raises_an_alarm_once_and_goes_when_there_is_one(two, clock):
    process, first, second = two
    sender = process.senders.pop(ROBOT)
    await process.queue("【#1】已派单", order=1)
    await process.through(timedelta(minutes=9))
    assert second.contents == []
    assert {row.endpoint for row in process.rows()} == {"nowhere:dispatch"}
    await process.through(timedelta(minutes=50))
    (alarm,) = second.contents
    assert "dispatch（没有出口）" in alarm
    assert "1 条在等" in alarm
    process.senders[ROBOT] = sender
    await process.through(MINUTE)
    works = "✔ dispatch（没有出口）又能发消息了（自 08:30 起不通）"
    assert set(first.contents) == {"【#1】已派单", works}
    assert second.contents[1:] == [works]


async def test_what_is_urgent_and_has_no_way_is_named_at_once(two):
    process, _, second = two
    process.senders.pop(ROBOT)
    await process.queue("【#7】紧急工单", Priority.URGENT, order=7, endpoints=[])
    await process.delivery.drain()
    assert second.contents[0].startswith("【#7】紧急消息没有送到dispatch（没有出口")


async def test_what_has_no_way_for_a_day_is_named_by_another(two, clock):
    process, first, second = two
    sender = process.senders.pop(ROBOT)
    await process.queue("【#1】已派单", order=1, endpoints=[])
    await process.through(timedelta(days=1, minutes=5))
    assert "没有出口" in second.contents[0]
    assert second.contents[1].startswith("【#1】通知没有送到dispatch（没有出口")
    process.senders[ROBOT] = sender
    await process.through()
    assert (len(first.contents), len(second.contents)) == (0, 2)


async def test_a_binding_that_was_undone_gives_nothing_up_and_doubles_nothing(two, clock):
    """One notice for both of a group's ways, and one that only the lost way had."""
    process, first, _ = two
    for text, ways in (("【#1】", ["wecom:dispatch", ROBOT]), ("【#2】", ["wecom:dispatch"])):
        await process.queue(text, endpoints=ways, order=1)
    await process.through()
    assert sorted(first.contents) == ["【#1】", "【#2】"]
    assert sorted(process.states()) == [Status.CANCELLED, Status.SENT, Status.SENT]


async def test_what_was_in_doubt_where_nobody_sends_any_more_is_named_by_another_way(two):
    process, _, second = two
    sender = process.senders[ROBOT]

    async def unclear(message):
        return Answer(Outcome.UNKNOWN, "回答不明", 200)

    sender.send = unclear
    await process.queue("【#1】已派单", order=1)
    await process.delivery.drain()
    del process.senders[ROBOT]
    await process.through(timedelta(minutes=3))
    assert [text.partition("（")[0] for text in second.contents] == ["【#1】通知不知道是否送到dispatch"]


async def test_personal_data_go_by_no_other_way(two):
    process, first, second = two
    await process.queue("（略）", endpoints=["wecom:@zhang"], audience="@zhang", content={"reveal": 1})
    await process.through()
    assert process.states() == [Status.FAILED]
    assert (first.contents, second.contents) == ([], [])
