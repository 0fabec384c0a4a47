"""What runs on when an order is sent back, and what begins anew with /重开 (domain, section 2, rows 18, 21, 22)."""

from datetime import datetime

import pytest

from tests.street import TO, URGENT, Street, at, row

BACK = {"评定": ("待评定", "gao", "/评定 1 否 未解决 不满意"), "驳回": ("待结案", "sun", "/驳回 1 未附现场照片")}


# ------------------------------------------------------------------------------------------- the city's own due time


@pytest.mark.parametrize("how", BACK)
def test_a_due_time_that_the_city_gave_meanwhile_wins(one: Street, how: str) -> None:
    state, person, typed = BACK[how]
    one.through(1, *TO[state])
    one.import_rows(row(办理时限="2026-06-10 12:00"))
    one.notices()

    reply = one.say(person, typed)

    assert (one.order().state, one.clock("办结").due_at) == ("办理中", at(10, "12:00"))
    assert one.clock("办结").basis == "市级给定的办理时限 2026-06-10 12:00"
    assert "时限不变" not in reply + one.notices()[0].text
    one.through(1, "反馈", "办结", "不解决")
    assert one.clock("办结").due_at == at(10, "12:00")
    assert one.clock("办结").basis.endswith("（退回重办，时限不变）")
    one.check()


def test_time_is_left_by_what_the_city_gave_last(one: Street) -> None:
    one.import_rows(row(2, 办理时限="2026-06-02 12:00"), row(3, 办理时限="2026-06-10 12:00"))
    one.through(2, *TO["待评定"])
    one.through(3, *TO["待评定"])
    one.import_rows(row(2, 办理时限="2026-06-10 12:00"), row(3, 办理时限="2026-06-02 12:00"))
    one.move(to=at(3))

    one.through(2, "不解决")
    one.through(3, "不解决")

    assert [one.order(number).state for number in (2, 3)] == ["办理中", "待结案"]
    one.through(3, "驳回")
    assert (one.clock("办结", 3).due_at, one.clock("办结", 3).running) == (at(2, "12:00"), True)
    one.move(minutes=1)
    assert one.clock("办结", 3).breached_at == at(2, "12:00")
    one.check()


def test_a_due_time_of_an_earlier_round_does_not_come_back(one: Street) -> None:
    one.import_rows(row(2))
    one.through(2, *TO["待评定"])
    one.import_rows(row(2, 办理时限="2026-06-02 12:00"))
    one.through(2, "评定", "结案")
    one.move(to=at(5))
    one.through(2, "重开", "反馈", "办结", "评定", "驳回")

    assert one.clock("办结", 2).due_at.date() == at(12).date()
    one.check()


# --------------------------------------------------------------------------------------------------------------- 督办


def test_a_supervision_comes_back_with_the_order(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.say("sun", "/督办 1 区 2026-06-03 12:00")
    street.say("sun", "/督办 1 市 2026-06-04 12:00")
    street.say("sun", "/督办 1 市 取消")
    street.through(1, *TO["已结案"])
    street.move(to=at(2))
    street.notices()

    street.through(1, "重开")

    assert street.running() == {"响应", "办结", "超4天", "区级督办"}
    first, again = street.clocks(1, "区级督办")
    assert (first.late_seconds, again.due_at) == (0, at(3, "12:00"))
    assert again.basis == "区级督办给定的截止时间 2026-06-03 12:00（重开，时限不变）"
    assert "区级督办：06-03 12:00 到期，剩 " in street.notices()[0].text
    street.move(to=at(3, "12:00"))
    assert street.clock("区级督办").breached_at == at(3, "12:00")
    street.through(1, "反馈", "办结")
    assert street.clock("区级督办").late_seconds == 1
    street.check()


def test_who_gets_an_order_back_reads_of_its_supervision(one: Street) -> None:
    one.say("sun", "/督办 1 区 2026-06-03 12:00")
    one.through(1, *TO["待结案"])
    one.notices()

    one.through(1, "驳回")

    assert "区级督办：06-03 12:00 到期，剩 " in one.notices()[0].text
    assert one.clock("区级督办").basis.endswith("（退回重办，时限不变）")


# --------------------------------------------------------------------------------------------------------------- 紧急


@pytest.mark.parametrize("by", ["定级", "导入"])
def test_what_became_urgent_while_it_was_rated_comes_back_urgent(one: Street, by: str) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00"))
    one.through(2, *TO["待评定"])
    if by == "定级":
        one.say("zhang", "/定级 2 紧急 有人受伤")
    else:
        one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT))
    assert "紧急处置" not in one.running(2)
    one.move(to=at(1, "10:00"))

    one.through(2, "不解决")

    assert one.running(2) == {"办结", "超4天", "紧急处置"}
    assert {clock.urgent for clock in one.clocks(2) if clock.running} == {True}
    assert (one.due("紧急处置", 2), one.due("办结", 2)) == ("12:00", "06-08 09:00")
    assert "还缺 /电话 2 被叫人" in _reminded(one, 2, at(1, "11:00"))
    one.through(2, "电话")
    assert (one.clock("紧急处置", 2).running, one.clock("紧急处置", 2).late_seconds) == (False, 0)
    one.check()


def test_urgent_handling_that_was_done_in_this_round_does_not_begin_again(one: Street) -> None:
    one.import_rows(row(2, **URGENT))
    one.through(2, "签收", "派单", "电话", "接单", "反馈", "办结", "不解决")
    assert [clock.running for clock in one.clocks(2, "紧急处置")] == [False]

    one.through(2, "反馈", "办结", "评定", "驳回")

    assert len(one.clocks(2, "紧急处置")) == 1
    one.check()


def test_what_becomes_urgent_when_everything_was_done_is_done(one: Street) -> None:
    one.through(1, "签收", "派单", "电话", "接单", "反馈")

    one.say("zhang", "/定级 1 紧急 有人受伤")

    assert (one.clock("紧急处置").met_at, one.clock("紧急处置").late_seconds) == (one.clock("紧急处置").started_at, 0)
    one.check()


def _reminded(street: Street, order: int, until: datetime) -> str:
    street.notices()
    street.move(to=until)
    return "\n".join(notice.text for notice in street.notices() if notice.order == order and notice.kind == "reminder")


def test_an_urgent_order_that_is_opened_again_is_phoned_about_and_contacted_again(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT))
    one.through(2, "签收", "派单", "电话", "接单", "反馈", "办结", "评定", "结案")
    before = one.standing(2)
    one.move(to=at(2, "10:00"))

    one.through(2, "重开")

    assert one.running(2) == {"响应", "办结", "超4天", "紧急处置"}
    assert (one.due("紧急处置", 2), len(one.clocks(2, "紧急处置"))) == ("12:00", 2)
    assert one.clock("紧急处置", 2).basis == "自重开 2026-06-02 10:00 起 2小时（合同）"
    assert "还缺 /电话 2 被叫人，/反馈 2 已接通 说明" in _reminded(one, 2, at(2, "11:00"))
    assert "#2 紧急" in one.say("zhang", "/待办")
    assert "⚠ 紧急工单必记电话" in one.say("wang", "/反馈 2 已接通 又联系了")
    assert "⚠ 紧急工单没有电话记录" in one.say("wang", "/办结 2 解决 又好了")
    assert one.say("wang", "/撤回").startswith("✔")
    assert one.clock("紧急处置", 2).running
    one.through(2, "电话")
    assert one.clock("紧急处置", 2).met_at == one.order(2).phoned_at
    one.check()
    assert before["orders"][0]["phoned_at"] != one.order(2).phoned_at


def test_taking_a_reopening_back_gives_the_old_records_back(one: Street) -> None:
    one.import_rows(row(2, **URGENT))
    one.through(2, "签收", "派单", "电话", "接单", "反馈", "办结", "评定", "结案")
    before = one.standing(2)
    one.through(2, "重开")

    assert one.say("sun", "/撤回").startswith("✔")

    assert one.standing(2) == before
    assert one.running(2) == set()
    one.check()


# ------------------------------------------------------------------------------------------------ what has passed


def test_a_supervision_that_was_met_is_not_overdue_by_the_reopening(one: Street) -> None:
    one.say("sun", "/督办 1 区 2026-06-03 12:00")
    one.through(1, *TO["已结案"])
    one.move(to=at(20))
    one.notices()

    one.say("sun", "/重开 1 来电人反映再次发生")
    one.move(minutes=1)

    assert one.clock("区级督办").breached_at is None and "区级督办" not in one.running()
    assert "区级督办：原截止 2026-06-03 12:00 已过，请重新定截止时间" in one.notices()[0].text
    assert one.say("sun", "/督办 1 区 2026-06-23 12:00").startswith("✔")
    assert one.clock("区级督办").due_at == at(23, "12:00")
    one.check()


def test_sending_back_after_the_due_time_can_be_taken_back(one: Street) -> None:
    one.through(1, *TO["待结案"])
    one.move(to=at(9))
    before = one.standing()
    one.say("sun", "/驳回 1 缺少现场照片说明")
    one.move(seconds=3)
    assert one.clock("办结").breached_at == at(8, "09:00")

    assert one.say("sun", "/撤回").startswith("✔")

    assert one.standing() == before
    assert one.timers() == {}
    one.check()


def test_a_limit_that_ran_out_after_the_step_still_holds_it(street: Street) -> None:
    street.now = at(1, "23:58")
    street.import_rows(row(到达时间="2026-06-01 23:58"))
    street.now = at(1, "23:59")
    street.say("zhang", "/签收 1")
    street.move(to=at(2, "00:00"))
    assert street.clock("派单").breached_at == at(2, "00:00")

    assert "牵涉的时限已经超时" in street.say("zhang", "/撤回")


def test_urgent_orders_taken_over_late_get_no_new_limit_when_sent_back(street: Street) -> None:
    street.import_rows(row(1, 到达时间="2026-05-20 09:00", **URGENT), takeover=True)
    assert "紧急处置" not in street.running()
    street.through(1, "签收", "派单", "接单", "反馈", "办结", "评定")

    street.say("sun", "/驳回 1 缺少现场照片说明")

    assert "紧急处置" not in street.running()


# ------------------------------------------------------------------------------------------------- opened by the source


def test_a_row_that_reopens_and_makes_urgent_does_both(one: Street) -> None:
    one.import_rows(row(2, 工单状态="办理中"))
    one.through(2, *TO["已结案"])
    one.import_rows(row(2, 工单状态="回复完成"))
    one.notices()

    one.import_rows(row(2, 工单状态="办理中", **URGENT))

    assert (one.order(2).state, one.order(2).level) == ("办理中", "紧急")
    assert "紧急处置" in one.running(2)
    assert any(notice.urgent for notice in one.notices())
    one.check()


def test_an_old_closing_time_opens_an_order_once(one: Street) -> None:
    one.import_rows(row(2, 办结时间="2026-05-20 10:00"))
    one.say("sun", "/重开 2 来电人又反映")
    one.import_rows(row(2, 工单状态="办理中"))
    one.through(2, "派单", "接单", "反馈", "办结", "评定", "结案")

    one.import_rows(row(2, 工单状态="已派单"))

    assert one.order(2).state == "已结案"
    assert "系统状态不符" in one.events(2)
    one.check()
