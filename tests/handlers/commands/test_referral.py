"""报备 and 批复 (domain, section 2, rows 5 and 6)."""

import pytest

from storage.tables import Remark, Reminder
from tests.street import TO, Street, at, row

REFERRED = "/报备 1 占道和噪声，归属不清"


def test_the_centre_is_told_and_asked_again_every_four_hours(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.through(1, "签收")
    street.notices()

    reply = street.say("zhang", REFERRED)

    assert reply.startswith("✔ 【#1】已报备")
    assert "不能免除" not in reply
    assert street.order().state == "待派单"
    assert street.told() == ["dispatch: referred #1 @song"]
    assert street.rows(Remark, 1)[-1].data == {"before_breach": True}
    street.move(to=at(1, "21:30"))
    asked = [item for item in street.rows(Reminder, 1) if item.kind == "批复"]
    assert len(asked) == 3
    street.check()


def test_after_the_breach_it_exempts_from_nothing(one: Street) -> None:
    one.through(1, "签收")
    one.move(hours=3)

    assert "派单时限已过，本次报备不能免除派单失误" in one.say("zhang", REFERRED)
    assert one.rows(Remark, 1)[-1].data == {"before_breach": False}


@pytest.mark.parametrize(
    ("advice", "following", "state"),
    [
        ("/批复 1 派 城管科 主体责任", "/派单 1 城管科", "待接单"),
        ("/批复 1 退 区住建委 属区级项目", "/退回 1 非本级职责 区住建委 ", "退回中"),
        ("/批复 1 退 区住建委", "/退回 1 非本级职责 区住建委 ", "退回中"),
        ("/批复 1 退 无 超出本级权限，建议由区里统筹", "/退回 1 非本级职责 无 ", "退回中"),
    ],
)
def test_what_follows_is_offered_ready_to_send(one: Street, advice: str, following: str, state: str) -> None:
    one.through(1, "签收")
    one.say("zhang", REFERRED)
    one.notices()

    assert one.say("song", advice).startswith("✔ 【#1】已批复")

    notice = one.notices().only("advised")
    assert notice.people == ("zhang", "li", "zhao")
    typed = notice.text.rpartition("下一步：")[2]
    assert typed.startswith(following)
    assert "批复" not in one.running()
    assert one.say("zhang", typed).startswith("✔"), typed
    assert one.order().state == state


def test_an_unsigned_order_is_to_be_signed_first(one: Street) -> None:
    one.say("zhang", REFERRED)
    one.notices()
    one.say("song", "/批复 1 派 城管科")

    first, second = one.notices().only("advised").text.splitlines()[-2:]

    assert (first, second) == ("下一步：/签收 1", "签收后：/派单 1 城管科")
    for typed in (first, second):
        assert one.say("zhang", typed.partition("：")[2]).startswith("✔")
    assert one.order().state == "待接单"


def test_an_unsigned_order_may_be_returned_at_once(one: Street) -> None:
    one.say("zhang", REFERRED)
    one.notices()
    one.say("song", "/批复 1 退 区住建委 属区级项目")

    typed = one.notices().only("advised").text.rpartition("下一步：")[2]

    assert one.say("zhang", typed).startswith("✔")


def test_what_waits_for_the_centre_stands_in_its_list_until_it_answers(street: Street) -> None:
    street.import_rows(row(1), row(2), row(3))
    assert street.say("song", "/待办") == "您的待办：现在没有"
    street.say("zhang", REFERRED)
    street.say("zhang", REFERRED.replace("1", "3"))

    lines = street.say("song", "/待办").splitlines()

    assert lines[0] == "您的待办 2 件："
    assert [line[:3] for line in lines[1:]] == ["#1 ", "#3 "]
    street.say("song", "/批复 1 说明 请先核实权属")
    street.through(3, "签收", "派单")
    assert street.say("song", "/待办") == "您的待办：现在没有"


def test_an_urging_calls_the_centre_while_it_is_asked(street: Street) -> None:
    street.import_rows(row(1))
    street.through(1, "签收")
    street.say("zhang", REFERRED)
    street.notices()

    assert street.say("sun", "/催办 1").endswith("：张坐席、李坐席、赵坐席、宋分中心")

    notice = street.notices().only("urged")
    assert notice.people == ("zhang", "li", "zhao", "song")
    assert notice.text.endswith("请分中心批复：/批复 1 派 科室，或 /批复 1 退 单位，或 /批复 1 说明 …")
    street.say("song", "/批复 1 派 城管科")
    street.move(minutes=10)
    assert "宋分中心" not in street.say("sun", "/催办 1")
    assert "批复" not in street.notices().only("urged").text


def test_words_alone_are_advice_too(one: Street) -> None:
    one.say("zhang", REFERRED)

    assert "缺少说明" in one.say("song", "/批复 1 说明")
    assert one.say("song", "/批复 1 说明 请先核实权属").startswith("✔")
    assert "下一步" not in one.notices().only("advised").text


@pytest.mark.parametrize("step", ["派单", "退回"])
def test_the_centre_is_asked_no_more_once_it_is_decided(one: Street, step: str) -> None:
    one.through(1, "签收")
    one.say("zhang", REFERRED)
    one.through(1, step)
    one.notices()

    one.move(hours=13)

    assert all("song" not in notice.people for notice in one.notices())


def test_a_reason_is_needed_and_only_the_centre_advises(one: Street) -> None:
    assert one.say("zhang", "/报备 1").startswith("✘ 【#1】缺少事由\n用法：/报备 N 事由")
    assert "批复由街道分中心（宋分中心）操作" in one.say("zhang", "/批复 1 派 城管科")
    assert "没有叫“城管课”的科室" in one.say("song", "/批复 1 派 城管课")
    one.through(1, *TO["待接单"])
    assert "不能报备" in one.say("zhang", REFERRED)
