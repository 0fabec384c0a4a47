"""催办 and 升级 (domain, section 2, rows 25 and 26)."""

import pytest

from storage.tables import Remark
from tests.street import TO, Street, row

WAITS = [
    ("待签收", ["dispatch: urged #1 @zhang @li @zhao"], "张坐席、李坐席、赵坐席"),
    ("退回中", ["dispatch: urged #1 @zhang @li @zhao"], "张坐席、李坐席、赵坐席"),
    ("待派单", ["dispatch: urged #1 @zhang @li @zhao"], "张坐席、李坐席、赵坐席"),
    ("待接单", ["chengguan: urged #1 @wang"], "王科长"),
    ("办理中", ["chengguan: urged #1 @wang"], "王科长"),
    ("待评定", ["supervision: urged #1 @gao @luo"], "高复核、罗复核"),
    ("待结案", ["supervision: urged #1 @sun @ma"], "孙主任、马干事"),
]


@pytest.mark.parametrize(("state", "told", "names"), WAITS, ids=[state for state, *_ in WAITS])
def test_whoever_must_act_next_is_called_where_they_read(one: Street, state: str, told: list[str], names: str) -> None:
    one.through(1, *TO[state])
    one.notices()

    reply = one.say("ma", "/催办 1")

    assert reply == f"✔ 【#1】已催办（第 1 次）：{names}"
    notices = one.notices()
    assert notices.lines == told
    assert f"催办（第 1 次，马干事）：现在是“{state}”" in notices[0].text
    assert one.order().urged == 1


def test_once_in_ten_minutes_for_an_order_whoever_urges(street: Street) -> None:
    street.import_rows(row(1), row(2))
    street.say("sun", "/催办 1")

    street.move(minutes=4)
    assert street.say("zheng", "/催办 1") == "✘ 【#1】刚催过（第 1 次），10分钟内只催一次，请 5分钟 后再催"
    assert street.say("zheng", "/催办 2").startswith("✔")
    street.move(minutes=6)
    assert "第 2 次" in street.say("zheng", "/催办 1")
    assert [item.text for item in street.rows(Remark, 1)] == ["第 1 次", "第 2 次"]
    street.check()


def test_an_urging_that_was_read_and_taken_back_still_holds_the_ten_minutes(street: Street) -> None:
    street.import_rows(row(1), row(2))
    street.say("sun", "/催办 1")
    street.deliver()
    assert street.say("sun", "/撤回").startswith("✔")
    street.notices()

    street.move(minutes=1)
    assert street.say("sun", "/催办 1") == "✘ 【#1】刚催过（后来撤回了），10分钟内只催一次，请 8分钟 后再催"
    assert street.say("zheng", "/催办 1").startswith("✘ 【#1】刚催过（后来撤回了）")
    assert street.notices().of("urged") == []
    street.move(minutes=9)
    assert "第 1 次" in street.say("sun", "/催办 1"), "what was taken back is not counted"
    street.check()


def test_an_urging_that_nobody_could_read_may_be_given_again(street: Street) -> None:
    street.import_rows(row(1))
    street.say("sun", "/催办 1")
    street.say("sun", "/撤回")

    assert "第 1 次" in street.say("sun", "/催办 1")


def test_a_digest_of_urgings_that_was_taken_back_holds_them_too(street: Street) -> None:
    street.import_rows(*(row(number) for number in range(1, 8)))
    street.say("sun", "/催办 1-7")
    street.deliver()
    street.say("sun", "/撤回")

    assert "✔" not in street.say("sun", "/催办 1-7")
    street.check()


def test_escalation_goes_up_rung_by_rung(street: Street) -> None:
    street.import_rows(row())
    street.through(1, *TO["办理中"])
    street.notices()
    rungs = [
        ("科室", "@wang @qian"),
        ("科室负责人和综合科", "@wang @sun @ma"),
        ("包片领导", "@zheng"),
        ("分中心和街道领导", "@song @zheng @feng @han"),
    ]

    for rung, people in rungs:
        reply = street.say("zhang", "/升级 1 多次未接单")
        assert reply.startswith(f"✔ 【#1】已升级至{rung}：")
        assert street.told() == [f"supervision: escalated #1 {people}"]

    assert "已经升级到最高一级" in street.say("zhang", "/升级 1 还是没有")
    assert street.told() == []
    assert [item.data["rung"] for item in street.rows(Remark, 1)] == [rung for rung, _ in rungs]
    street.check()


def test_an_order_that_nobody_has_yet_goes_to_the_office(one: Street) -> None:
    assert "已升级至科室负责人和综合科：孙主任、马干事" in one.say("zhang", "/升级 1 归属不清")


def test_a_reason_is_needed(one: Street) -> None:
    assert one.say("zhang", "/升级 1").startswith("✘ 【#1】缺少理由\n用法：/升级 N 理由\n例：/升级 1")
