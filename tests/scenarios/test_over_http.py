"""The same office from outside: browser, API and command line, with the service running and restarted."""

import asyncio
from pathlib import Path

import pytest

from storage import verify
from storage.store import Store
from tests.conftest import OpenStore
from tests.scenarios.house import House, opened
from tests.street import CALLER, PHONE, assert_no_personal_data, at, row


async def through(house: House, order: int) -> None:
    """From 待派单 to 已结案."""
    for person, text in (
        ("zhang", "/派单 {} 城管科"),
        ("wang", "/接单 {}"),
        ("wang", "/反馈 {} 已接通 已告知"),
        ("wang", "/办结 {} 解决 已处理"),
        ("gao", "/评定 {} 是 解决 满意"),
        ("sun", "/结案 {}"),
    ):
        reply = await house.say(person, text.format(order))
        assert reply.startswith(f"✔ 【#{order}】"), reply


async def test_a_day_in_the_browser(database_url: str, tmp_path: Path, open_store: OpenStore) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        # An export comes in by the command line while the service runs; the groups read of it when the clock moves on.
        assert await house.command_line_import(row(1, 到达时间="2026-06-01 08:50"), row(2, 工单状态="回复完成")) == 0
        await house.move(at(1, "09:01"))
        (announced,) = await house.notices()
        assert announced["text"].startswith("【#1】新工单")
        assert announced["from"] == "bot"
        assert PHONE not in announced["text"]

        # Two seats answer the notice at the same moment, by quoting it.
        first, second = await asyncio.gather(
            house.say("zhang", "/签收", quote=announced["id"]), house.say("li", "/签收", quote=announced["id"])
        )
        won, lost = sorted((first, second), key=lambda reply: reply[0] == "✘")
        assert won.startswith("✔ 【#1】已签收")
        assert "坐席 已于 09:01 签收" in lost

        # The dispatch calls the people of the 科室 in their own group.
        await house.say("zhang", "/派单 1 城管科")
        for group in ("dispatch", "chengguan"):
            dispatched = (await house.notices(group))[-1]
            assert dispatched["mentions"] == ["wang", "qian"]
            assert dispatched["text"].startswith("【#1】派单 主办：城管科")

        # The caller's number is shown to 王科长 alone, and again the same for the same message, and stored nowhere.
        status, shown = await house.post("wang", "/揭示 1 联系来电人", group="@wang", message_id="m1")
        assert status == 200
        assert PHONE in shown["replies"][0]["text"]
        assert shown["replies"][0]["private"]
        assert (await house.post("wang", "/揭示 1 联系来电人", group="@wang", message_id="m1"))[1] == shown
        assert all(PHONE not in item["text"] for item in await house.messages("@wang"))

        # Nobody reports back: a day later the reminders stand in the group, each at its own time, the night's at seven.
        await house.say("wang", "/接单 1")
        await house.move(at(2, "09:30"))
        reminders = [item for item in await house.notices("chengguan") if item["kind"] == "reminder"]
        assert [item["at"][5:16] for item in reminders] == ["06-02T07:00", "06-02T07:50", "06-02T08:50"]
        assert "响应：08:50 到期，刚刚超期" in reminders[-1]["text"]

    # The service is stopped and started again: nothing is said twice, the same message still has its answer.
    async with opened(database_url, tmp_path, at(2, "09:30")) as house:
        count = len(await house.messages("chengguan"))
        await house.move(at(2, "09:40"))
        assert len(await house.messages("chengguan")) == count
        assert (await house.post("wang", "/揭示 1 联系来电人", group="@wang", message_id="m1"))[1] == shown
        await house.say("zhang", "/撤回")
        for person, text in (
            ("wang", "/反馈 1 已接通 已告知"),
            ("wang", "/办结 1 解决 已处理"),
            ("gao", "/评定 1 是 解决 满意"),
            ("sun", "/结案 1"),
        ):
            assert (await house.say(person, text)).startswith("✔"), text
        assert "状态：已结案" in await house.say("zheng", "/查 1")
        assert "【日报】" in await house.say("zheng", "/日报 今日")

    _check(open_store(database_url))


async def test_the_api_and_the_group_meet(database_url: str, tmp_path: Path, open_store: OpenStore) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        status, answer = await house.orders(row(1), row(2, 到达时间="2026-02-30"), {"title": "无编号"})
        assert status == 207
        assert answer["accepted"] == ["热线-260601-000001"]
        assert [item["index"] for item in answer["rejected"]] == [1, 2]
        assert (await house.orders(row(1)))[1]["unchanged"] == ["热线-260601-000001"]
        assert (await house.orders(row(1, 标题="整夜施工")))[1]["changed"] == ["热线-260601-000001"]
        assert (await house.orders(row(3), token="wrong"))[0] == 401
        await house.move(at(1, "09:01"))
        assert [item["text"].splitlines()[0] for item in await house.notices()] == [
            "【#1】新工单",
            "【#1】来源系统有变更：标题",
        ]
        await house.say("zhang", "签收 1", group="@zhang")
        await through(house, 1)

    _check(open_store(database_url))


async def test_a_hundred_commands_at_once(database_url: str, tmp_path: Path, open_store: OpenStore) -> None:
    async with opened(database_url, tmp_path, at(1, "09:00")) as house:
        await house.orders(*(row(number) for number in range(1, 21)))

        replies = await asyncio.gather(
            *(house.say(person, f"/签收 {order}") for order in range(1, 21) for person in ("zhang", "li", "zhao"))
        )

        assert sum(reply.startswith("✔") for reply in replies) == 20
        assert sum("已于 09:00 签收" in reply for reply in replies) == 40

    _check(open_store(database_url))


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"person": "nobody"}, 404, "没有这个人"),
        ({"group": "nowhere"}, 404, "没有这个群"),
        ({"group": "@li"}, 403, "这是别人的私聊"),
        ({"text": ""}, 400, "不能为空"),
        ({"text": "好" * 100_001}, 413, "最多 100000 字"),
        ({"quote": "x"}, 400, "quote 应为一条消息的 id"),
    ],
)
async def test_what_the_work_group_refuses(
    sqlite_url: str, tmp_path: Path, body: dict[str, str], status: int, said: str
) -> None:
    async with opened(sqlite_url, tmp_path, at(1, "09:00")) as house:
        got, answer = await house.post(**{"person": "zhang", "text": "/签收 1", **body})

        assert got == status
        assert said in str(answer)
        assert await house.messages() == []


def _check(store: Store) -> None:
    with store.connect() as connection:
        assert verify.verify(connection).problems == []
    assert_no_personal_data(store, [CALLER, PHONE])
