"""What an import tells, and to whom (domain, section 9)."""

import pytest

from handlers.intake.announcing import finish
from handlers.intake.register import take_in
from storage.tables import Unannounced
from tests.street import TO, URGENT, Street, row


def test_each_new_order_is_announced_with_what_to_type(street: Street) -> None:
    street.import_rows(
        row(1, 到达时间="2026-06-01 08:50", 工单状态="待签收"), row(2, 到达时间="2026-06-01 08:55", **URGENT)
    )

    notices = street.notices()
    assert notices.lines == ["dispatch: new_order #2 @zhang @li @zhao", "dispatch: new_order #1"]
    assert [notice.urgent for notice in notices] == [True, False]
    text = notices[1].text
    assert text.splitlines()[0] == "【#1】新工单"
    for words in (
        "诉求 · 生态环境→噪声→施工噪声",
        "夜间施工噪声扰民",
        "来电人张**，电话138****1234",
        "地点：科源社区 桃花巷工地",
        "来电人：张** 138****1234",
        "签收：09:50 前（剩 50分钟）",
        "办结 06-08 08:50",
        "来源状态：待签收",
        "/签收 1",
        "/退回 1 类别 单位 说明",
    ):
        assert words in text
    assert notices[0].text.startswith("【#2】新工单 ⚠ 紧急")
    street.check()


def test_up_to_twenty_are_told_one_by_one(street: Street) -> None:
    street.import_rows(*(row(number) for number in range(1, 21)))

    assert street.told() == [f"dispatch: new_order #{number}" for number in range(1, 21)]


def test_more_are_one_digest_and_each_urgent_one(street: Street) -> None:
    rows = [row(number, **(URGENT if number in (7, 19) else {})) for number in range(1, 24)]
    street.import_rows(*rows, row(24, 工单状态="回复完成"), row(25))

    notices = street.notices()
    seats = "@zhang @li @zhao"
    assert sorted(notices.lines) == sorted(
        [f"dispatch: new_order #7 {seats}", f"dispatch: new_order #19 {seats}", f"dispatch: new_orders_digest {seats}"]
    )
    text = notices.only("new_orders_digest").text
    assert text.startswith(
        "新工单汇总：本次导入 24 件待签收\n其中紧急 2 件，已逐件通知\n【#1】热线-260601-000001 噪声→施工噪声 "
    )
    assert text.endswith("另有 7 件：/列表 待签收\n下一步：/签收 1-23 25")
    assert street.say("zhang", "/签收 1-23 25").count("✔") == 24


def test_a_digest_of_hundreds_offers_fifty(street: Street) -> None:
    street.import_rows(*(row(number) for number in range(1, 121)))

    text = street.notices().only("new_orders_digest").text
    assert text.endswith("下一步：/签收 1-50（一次最多 50 件，还有 70 件分次签收）")
    assert len(text) < 1500


def test_many_changes_are_one_digest(one: Street) -> None:
    one.import_rows(*(row(number) for number in range(2, 30)))
    one.notices()

    one.import_rows(*(row(number, 标题="改过的标题") for number in range(2, 30)))

    assert one.told() == ["dispatch: changes_digest @zhang @li @zhao"]


def test_an_import_in_several_pieces_is_told_once_when_it_is_finished(street: Street) -> None:
    rows = street.file(*(row(number) for number in range(1, 31)))
    for part in (rows[:15], rows[15:]):
        street._run(lambda scope, part=part: take_in(street.office, scope, part, origin="导入", batch="b"), "import")
        street.tick()
        assert street.told() == []
    street._run(lambda scope: finish(scope, "b"), "import")
    street.tick()

    assert street.told() == ["dispatch: new_orders_digest @zhang @li @zhao"]
    street.restarted().tick()
    assert street.told() == []
    assert street.rows(Unannounced) == []


def test_what_a_dead_import_found_is_told_all_the_same(street: Street) -> None:
    rows = street.file(row(1), row(2))
    street._run(lambda scope: take_in(street.office, scope, rows, origin="导入", batch="b"), "import")

    street.move(minutes=1)
    assert street.told() == []
    street.move(minutes=2)
    assert street.told() == ["dispatch: new_order #1", "dispatch: new_order #2"]


def test_taking_over_is_silent_and_nothing_is_due_before_now(street: Street) -> None:
    street.import_rows(
        row(1, 到达时间="2026-05-20 08:00"),
        row(2, 到达时间="2026-06-01 08:30"),
        row(3, 到达时间="2026-05-20 08:00", **URGENT),
        row(4, 到达时间="2026-05-20 08:00", 办理时限="2026-06-03 18:00"),
        takeover=True,
    )

    assert street.told() == []
    assert [street.running(number) for number in (1, 2, 3, 4)] == [
        set(),
        {"签收", "响应", "办结", "超4天"},
        set(),
        {"办结"},
    ]
    assert all(clock.due_at > street.now for number in range(1, 5) for clock in street.clocks(number))
    street.tick()
    assert street.told() == []
    street.through(1, *TO["已结案"])
    street.check()


def test_an_order_of_the_api_is_told_at_once(street: Street) -> None:
    rows = street.file(row(1))
    street._run(lambda scope: take_in(street.office, scope, rows, origin="接口"), "api")

    assert street.told() == ["dispatch: new_order #1"]
    assert street.event()["data"]["origin"] == "接口"


# ------------------------------------------------------------------------------------------------------------ 登记


def test_an_order_is_typed_in(street: Street) -> None:
    reply = street.say(
        "zhang",
        "/登记 工单编号：热线-260601-000001\n标题：路灯不亮\n主要内容：桃花巷路灯不亮\n来电人：张三丰\n"
        "电话：13800001234\n到达时间：2026-06-01 08:00\n社区：科源社区",
    )

    order = street.order()
    assert reply.startswith("✔ 【#1】已登记 热线-260601-000001")
    assert "个人信息已加密保存" in reply
    assert "下一步：/签收 1" in reply
    assert (order.title, order.community, order.arrived_at.isoformat()) == (
        "路灯不亮",
        "科源社区",
        "2026-06-01T00:00:00+00:00",
    )
    assert street.event()["actor"] == "zhang"
    assert street.told() == ["dispatch: new_order #1"]
    assert "13800001234" in street.privately("zhang", "/揭示 1 回访")
    street.check()


def test_a_header_and_a_row_are_pasted(one: Street) -> None:
    reply = one.say(
        "zhang", "/登记\n工单编号\t标题\t来电人\t来电人电话/账号\n热线-260601-000002\t/结案 1 #3\t李四\t13800002222"
    )

    assert reply.startswith("✔ 【#2】已登记")
    assert one.order(1).state == "待签收"
    one.secrets += ["李四", "13800002222"]
    one.check()


def test_typed_again_it_is_known(one: Street) -> None:
    typed = "/登记 工单编号：热线-260601-000002\n标题：路灯不亮"
    one.say("zhang", typed)
    one.notices()

    assert "已经登记过，内容没有变化，状态：待签收" in one.say("li", typed)
    assert one.say("li", typed + "两处").startswith("✔ 【#2】已有此工单，变更：标题")
    assert one.told() == ["dispatch: upstream_change #2 @zhang @li @zhao"]


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/登记", "没有内容"),
        ("/登记 标题：路灯不亮", "缺少 工单编号"),
        ("/登记 工单编号：热线-260601-000002\n到达时间：2026-02-30", "2026-02-30"),
    ],
)
def test_a_registration_that_cannot_be_says_why(one: Street, typed: str, wrong: str) -> None:
    reply = one.say("zhang", typed)

    assert reply.startswith("✘ ")
    assert wrong in reply
    assert "例：/登记 工单编号：热线-260601-000001" in reply
    assert one.events() == ["登记"]


def test_only_a_seat_registers(one: Street) -> None:
    reply = one.say("wang", "/登记 工单编号：热线-260601-000002\n来电人：张三丰")

    assert reply == "✘ 王科长，您没有使用 /登记 的职责。/帮助 看您能用的命令"
    one.check()
