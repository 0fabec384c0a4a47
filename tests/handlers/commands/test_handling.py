"""核查, 反馈, 办结, 补要件 (domain, section 2, rows 12, 13, 16, 17)."""

from datetime import timedelta

import pytest

from handlers.erasing import erase
from storage.tables import CloseItem, Contact, Evaluation, Remark
from tests.street import TO, URGENT, Street, at, row

HANDLED = TO["办理中"]


def test_a_check_is_a_record_beside_the_state(one: Street) -> None:
    reply = one.say("zhang", "/核查 1 现场无人施工\n已拍照")

    assert reply == "✔ 【#1】已记信息核查"
    assert [(item.kind, item.text, item.by) for item in one.rows(Remark, 1)] == [
        ("核查", "现场无人施工\n已拍照", "zhang")
    ]
    assert one.order().state == "待签收"
    assert "缺少结果\n用法：/核查 N 结果" in one.say("zhang", "/核查 1")


# ------------------------------------------------------------------------------------------------------------ 反馈


def test_the_first_contact_meets_the_response_clock(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *HANDLED)
    street.move(hours=1)

    reply = street.say("wang", "/反馈 1 已接通 已告知今日处理")

    contact = street.rows(Contact, 1)[0]
    assert (contact.channel, contact.text, contact.by, contact.department) == (
        "已接通",
        "已告知今日处理",
        "wang",
        "chengguan",
    )
    assert contact.at == contact.recorded_at == street.order().first_contact_at
    assert street.clock("响应").met_at == contact.at
    assert "响应时限已满足" in reply
    assert "响应时限已满足" not in street.say("wang", "/反馈 1 已接通 再次告知"), "it was met before"
    street.check()


def test_a_contact_counts_from_when_it_was_made(one: Street) -> None:
    one.through(1, *HANDLED)
    one.move(hours=25)
    assert one.clock("响应").breached_at == at(2, "09:00")

    reply = one.say("wang", "/反馈 1 6月1日 17:30 已接通 已告知")

    assert "06-01 17:30 已接通" in reply
    clock = one.clock("响应")
    assert (clock.met_at, clock.late_seconds) == (at(1, "17:30"), 0)
    assert clock.breached_at == at(2, "09:00"), "the mark that was set stays"
    assert one.rows(Contact, 1)[0].recorded_at.date() == at(2).date()


@pytest.mark.parametrize(
    ("typed", "made"),
    [
        ("/反馈 1 10:30 已接通 已告知", at(1, "10:30")),
        ("/反馈 1 今天10:30 已接通 已告知", at(1, "10:30")),
        ("/反馈 1 2026-06-01 10:30 已接通 已告知", at(1, "10:30")),
        ("/反馈 1 已接通，10:30 已告知", at(1, "12:00")),
    ],
)
def test_when_is_written_as_people_write_it(one: Street, typed: str, made: object) -> None:
    one.through(1, *HANDLED)
    one.move(to=at(1, "12:00"))

    assert one.say("wang", typed).startswith("✔")
    assert one.rows(Contact, 1)[0].at == made


def test_today_without_a_time_is_now_and_hides_no_lateness(street: Street) -> None:
    street.now = at(1, "16:05")
    street.import_rows(row(到达时间="2026-06-01 16:00", **URGENT))
    street.through(1, *HANDLED)
    street.move(to=at(1, "19:30"))

    reply = street.say("wang", "/反馈 1 今天 已接通 已告知")

    assert "19:30 已接通" in reply
    assert "只写了日期：按现在计。要按实际时间，先 /撤回，再写 /反馈 1 2026-06-01 时:分 已接通 说明" in reply
    clock = street.clock("响应")
    assert (clock.due_at, clock.met_at, clock.late_seconds) == (at(1, "18:00"), at(1, "19:30"), 5400)
    street.check()


def test_an_earlier_day_without_a_time_counts_to_its_last_minute(one: Street) -> None:
    one.through(1, *HANDLED)
    one.move(to=at(3))

    reply = one.say("wang", "/反馈 1 昨天 已接通 已告知")

    assert "06-02 23:59 已接通" in reply
    assert "只写了日期：按当天最后一分钟计。要按实际时间，先 /撤回，再写 /反馈 1 2026-06-02 时:分 已接通 说明" in reply
    assert one.clock("响应").late_seconds == 14 * 3600 + 59 * 60, "due on the 2nd at 09:00"


def test_a_day_without_a_time_is_compared_with_the_arrival_by_day(street: Street) -> None:
    street.now = at(1, "20:05")
    street.import_rows(row(到达时间="2026-06-01 20:00"), row(2, 到达时间="2026-06-01 20:00"))
    street.through(1, *HANDLED)
    street.through(2, *HANDLED)
    assert street.say("wang", "/反馈 1 今天 已接通 已告知").startswith("✔")
    street.move(to=at(2))

    assert street.say("wang", "/反馈 2 6月1日 已接通 已告知").startswith("✔")

    assert street.clock("响应", 2).late_seconds == 0
    assert "早于工单到达" in street.say("wang", "/反馈 2 5月31日 已接通 已告知")
    assert "早于工单到达" in street.say("wang", "/反馈 2 6月1日 19:59 已接通 已告知")
    assert "只写了日期" not in street.say("wang", "/反馈 2 08:30 已接通 已告知")


def test_a_day_on_which_the_order_came_in_its_last_minute_is_no_earlier_than_it(street: Street) -> None:
    street.now = at(1, "23:59") + timedelta(seconds=40)
    street.import_rows(row(到达时间=""))
    street.move(to=at(2))

    assert street.say("zhang", "/反馈 1 昨天 已接通 已告知").startswith("✔")

    assert street.rows(Contact, 1)[0].at == street.order().imported_at


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/反馈 1 15:00 已接通 已告知", "时间不对"),
        ("/反馈 1 明天 已接通 已告知", "时间不对"),
        ("/反馈 1", "缺少联系情况，可以是：已接通、联系不上、无法联系"),
        ("/反馈 1 打通了 已告知", "联系情况不能是“打通了”"),
        ("/反馈 1 已接通", "缺少说明"),
        ("/反馈 1 2026-02-30 已接通 已告知", "时间不对"),
    ],
)
def test_a_contact_that_is_not_clear_is_refused(one: Street, typed: str, wrong: str) -> None:
    one.through(1, *HANDLED)

    reply = one.say("wang", typed)

    assert reply.startswith(f"✘ 【#1】{wrong}"), reply
    assert "用法：/反馈 N [代 科室] [时间] 已接通|联系不上|无法联系 说明" in reply
    assert one.rows(Contact, 1) == []


def test_nobody_answering_is_counted_and_does_not_meet_the_clock(one: Street) -> None:
    one.through(1, *HANDLED)

    assert "再记 2 次联系不上方可办结" in one.say("wang", "/反馈 1 联系不上 无人接听")

    assert one.clock("响应").running
    assert (one.order().unreachable, one.order().reached, one.order().first_contact_at) == (1, False, None)


def test_a_result_is_offered_only_once_it_may_be_reported_and_to_who_may(one: Street) -> None:
    one.through(1, "签收")
    one.say("zhang", "/派单 1 城管科+社区建设科")
    one.through(1, "接单")

    for left in (2, 1):
        reply = one.say("wang", "/反馈 1 联系不上 无人接听")
        assert f"再记 {left} 次联系不上方可办结" in reply and "/办结" not in reply
    assert "下一步：/办结 1 解决|部分解决|未解决 结果" in one.say("wang", "/反馈 1 联系不上 无人接听")
    assert "/办结" not in one.say("liu", "/反馈 1 已接通 已告知"), "a 协办 科室 may not"
    assert "下一步：/办结 1 代 城管科 解决" in one.say("zhang", "/反馈 1 已接通 已告知")


def test_who_cannot_be_reached_at_all_meets_the_clock_with_a_reason(one: Street) -> None:
    one.import_rows(row(2, 来电人="保密", **{"来电人电话/账号": "保密"}))
    one.through(2, *HANDLED)

    assert one.say("wang", "/反馈 2 无法联系 来电人要求保密").startswith("✔")

    assert not one.clock("响应", 2).running
    assert one.say("wang", "/办结 2 解决 已处理").startswith("✔")


def test_who_left_a_number_and_hides_nothing_can_be_called(one: Street) -> None:
    one.through(1, *HANDLED)

    assert one.say("wang", "/反馈 1 无法联系 一直占线") == (
        "✘ 【#1】来电人留了完整的电话，也没有要求保密，不能记“无法联系”：打不通的记 /反馈 1 联系不上 说明，"
        "记满 3 次可以办结"
    )
    assert one.rows(Contact, 1) == []
    one.say("zhang", "/标记 1 保密")
    assert one.say("wang", "/反馈 1 无法联系 来电人要求保密").startswith("✔")


@pytest.mark.parametrize("phone", ["", "保密", "136****5678", "8888000"])
def test_who_left_no_complete_number_cannot_be_called(one: Street, phone: str) -> None:
    one.import_rows(row(2, **{"来电人电话/账号": phone}))
    one.through(2, *HANDLED)

    assert one.say("wang", "/反馈 2 无法联系 没有可用的号码").startswith("✔")
    assert not one.clock("响应", 2).running
    one.through(2, "办结")


def test_an_erased_caller_cannot_be_called(one: Street) -> None:
    one.through(1, *HANDLED)
    one._run(lambda scope: erase(scope, scope.order(1)), "test")

    assert one.say("wang", "/反馈 1 无法联系 个人信息已删除").startswith("✔")


def test_urgent_handling_ends_when_accepted_phoned_and_reached(one: Street) -> None:
    one.import_rows(row(2, **URGENT))
    one.through(2, "签收", "派单", "接单", "反馈")
    assert one.clock("紧急处置", 2).running

    one.through(2, "电话")

    assert one.clock("紧急处置", 2).met_at == one.order(2).phoned_at


def test_urgent_handling_ends_when_the_last_of_the_three_was_made_not_written_down(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT), row(3, 到达时间="2026-06-01 09:00", **URGENT))
    one.move(minutes=5)
    for number in (2, 3):
        one.through(number, "签收", "派单", "接单", "电话")
    phoned = one.order(2).phoned_at
    one.move(to=at(1, "11:10"))

    one.say("wang", "/反馈 2 10:40 已接通 已告知")
    one.say("wang", "/反馈 3 09:02 已接通 早已告知")

    clock = one.clock("紧急处置", 2)
    assert (clock.met_at, clock.late_seconds) == (at(1, "10:40"), 0)
    assert one.clock("紧急处置", 3).met_at == one.order(3).phoned_at != phoned
    one.check()


def test_what_people_write_is_masked(one: Street) -> None:
    one.through(1, *HANDLED)

    one.say("wang", "/反馈 1 已接通 张三丰说打13800009876找邻居")

    assert one.rows(Contact, 1)[0].text == "张**说打138****9876找邻居"
    one.secrets.append("13800009876")
    one.check()


# ------------------------------------------------------------------------------------------------------------ 办结


def test_a_result_is_reported_and_handed_to_the_reviewers(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *HANDLED, "反馈")
    street.move(hours=2)
    street.notices()

    reply = street.say("wang", "/办结 1 解决 已要求停止夜间施工", chat="chengguan")

    order = street.order()
    assert (order.state, order.outcome, order.result) == ("待评定", "解决", "已要求停止夜间施工")
    assert street.running() == {"评定"}
    assert street.clock("办结").met_at == street.clock("超4天").met_at == order.reported_done_at
    assert street.due("评定") == "06-02 11:00"
    assert "待评定（时限 06-02 11:00）" in reply
    answer = street.rows(Evaluation, 1)[0]
    assert (answer.origin, answer.solved, answer.responded, answer.by) == ("科室", "解决", True, "wang")
    notices = street.notices()
    assert notices.lines == ["dispatch: reported_done #1 @gao @luo"]
    assert "结果：已要求停止夜间施工" in notices[0].text
    street.check()


def test_labelled_lines_are_the_items_of_the_close_out(one: Street) -> None:
    one.through(1, *HANDLED, "反馈")

    one.say("wang", "/办结 1 部分解决 已到场\n联系人：王科长\n诉求：停止夜间施工\n依据：噪声污染防治法；态度：认可")

    items = {item.item: item.text for item in one.rows(CloseItem, 1)}
    assert items == {
        "结果": "已到场",
        "联系人": "王科长",
        "联系时间": "09:00",
        "诉求": "停止夜间施工",
        "依据": "噪声污染防治法",
        "态度": "认可",
    }
    assert one.order().outcome == "部分解决"


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/办结 1", "缺少办理结果，可以是：解决、部分解决、未解决"),
        ("/办结 1 搞定 已处理", "办理结果不能是“搞定”"),
        ("/办结 1 解决", "缺少办理结果：请写明做了什么、结果如何"),
        ("/办结 1 解决 态度：认可", "缺少办理结果：请写明做了什么、结果如何"),
    ],
)
def test_a_result_must_be_said(one: Street, typed: str, wrong: str) -> None:
    one.through(1, *HANDLED, "反馈")
    one.notices()

    reply = one.say("wang", typed)

    assert reply.startswith(f"✘ 【#1】{wrong}")
    assert "用法：/办结 N [代 科室] 解决|部分解决|未解决 结果\n例：/办结 1 解决" in reply
    assert one.order().state == "办理中"
    assert one.told() == []


def test_no_result_without_having_called(one: Street) -> None:
    one.through(1, *HANDLED)

    assert "本轮还没有联系记录，要先联系来电人：/反馈 1 已接通 说明" in one.say("wang", "/办结 1 解决 已处理")
    for tried in (1, 2):
        one.through(1, "联系不上")
        assert f"本轮已记 {tried} 次联系不上" in one.say("wang", "/办结 1 解决 已处理")
    one.through(1, "联系不上")
    assert one.say("wang", "/办结 1 解决 已处理").startswith("✔")
    assert one.rows(Evaluation, 1)[0].responded is False
    assert one.clock("响应").running, "nobody was reached"


def test_a_contact_of_the_last_round_does_not_count(one: Street) -> None:
    one.through(1, *TO["待结案"], "驳回")

    assert "本轮还没有联系记录" in one.say("wang", "/办结 1 解决 已处理")
    one.through(1, "反馈", "办结")


@pytest.mark.parametrize(
    ("steps", "began"),
    [
        ((*TO["已结案"], "重开"), "09:00 重开"),
        ((*TO["待结案"], "驳回"), "09:00 驳回"),
        ((*TO["待评定"], "不解决"), "09:00 评定退回"),
    ],
    ids=["重开", "驳回", "评定"],
)
def test_a_contact_from_before_this_round_is_refused(one: Street, steps: tuple[str, ...], began: str) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 08:50", 办理时限="2026-06-20 18:00"))
    one.through(2, *steps[:-1])
    one.move(to=at(10, "09:00"))
    one.through(2, steps[-1])
    one.move(to=at(10, "11:00"))

    reply = one.say("wang", "/反馈 2 2026-06-01 09:00 已接通 已告知")

    assert reply == (
        f"✘ 【#2】联系时间 06-01 09:00 早于本轮开始（{began}），不算本轮的联系："
        "请重新联系来电人后再记，时间写错的请改正"
    )
    assert "本轮还没有联系记录" in one.say("wang", "/办结 2 解决 已处理")
    assert one.say("wang", "/反馈 2 09:00 已接通 已告知").startswith("✔"), "times are typed by the minute"
    one.through(2, "办结")
    one.check()


def test_a_step_back_that_was_taken_back_began_no_round(one: Street) -> None:
    one.through(1, *TO["待结案"], "驳回")
    one.say("sun", "/撤回")
    one.move(hours=1)
    one.through(1, "驳回")

    assert "（10:00 驳回）" in one.say("wang", "/反馈 1 09:30 已接通 已告知")


def test_a_late_result_says_so(one: Street) -> None:
    one.through(1, *HANDLED, "反馈")
    one.sleep(days=8)

    assert "办结已超时限" in one.say("wang", "/办结 1 解决 已处理")
    assert one.clock("办结").late_seconds == 86_404


# ---------------------------------------------------------------------------------------------------------- 补要件


def test_items_are_added_until_none_is_missing(one: Street) -> None:
    one.through(1, *TO["待评定"])

    assert one.say("wang", "/补要件 1 诉求 停止夜间施工") == "✔ 【#1】已补要件：诉求\n还缺：依据、态度"
    one.say("zhang", "/补要件 1 依据 噪声污染防治法")
    assert one.say("sun", "/补要件 1 态度 认可") == "✔ 【#1】已补要件：态度\n六项要件已齐"
    one.say("sun", "/补要件 1 结果 另加装隔声屏")
    assert one.order().result == "另加装隔声屏"
    assert {item.item: item.text for item in one.rows(CloseItem, 1)}["结果"] == "另加装隔声屏"
    one.check()


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/补要件 1", "缺少要件，可以是：联系人、"),
        ("/补要件 1 照片 见附件", "要件不能是“照片”"),
        ("/补要件 1 态度", "缺少内容"),
    ],
)
def test_an_item_has_a_name_and_a_text(one: Street, typed: str, wrong: str) -> None:
    one.through(1, *TO["待评定"])

    assert one.say("wang", typed).startswith(f"✘ 【#1】{wrong}")


def test_an_urgent_order_done_without_a_call_says_so_while_it_can_be_mended(street: Street) -> None:
    street.import_rows(row(**URGENT))
    street.through(1, *HANDLED)
    warned = street.say("wang", "/反馈 1 已接通 已告知")
    assert "⚠ 紧急工单必记电话，办结前由值班坐席记：/电话 1 被叫人" in warned

    done = street.say("wang", "/办结 1 解决 已处理")

    assert done.startswith("✔")
    assert "⚠ 紧急工单没有电话记录（必记），办结后不能再补：先 /撤回 这次办结，由值班坐席记 /电话 1 被叫人" in done
    assert street.say("wang", "/撤回").startswith("✔")
    assert street.say("zhang", "/电话 1 王科长").startswith("✔")
    assert "⚠" not in street.say("wang", "/办结 1 解决 已处理")
