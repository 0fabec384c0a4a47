"""评定, 结案, 驳回, 重开 (domain, section 2, rows 18, 21, 22)."""

import pytest

from storage.tables import Contact, Evaluation, Remark
from tests.street import TO, Street, at, row, with_roles

REPORTED = TO["待评定"]
RATED = TO["待结案"]


def test_a_good_answer_hands_the_order_to_the_office(street: Street) -> None:
    street.import_rows(row())
    street.through(1, *REPORTED)
    street.notices()

    reply = street.say("gao", "/评定 1 是 解决 基本满意 录音 A0012 来电人表示感谢", chat="supervision")

    order = street.order()
    assert (order.state, order.rated_by) == ("待结案", "gao")
    answer = next(item for item in street.rows(Evaluation, 1) if item.origin == "复核")
    assert (answer.responded, answer.solved, answer.satisfied, answer.recording, answer.note, answer.by) == (
        True,
        "解决",
        "基本满意",
        "A0012",
        "来电人表示感谢",
        "gao",
    )
    assert not street.clock("评定").running
    assert reply == "✔ 【#1】已评定：响应：是；解决：解决；满意：基本满意\n待结案，由综合科审核：/结案 1"
    notices = street.notices()
    assert notices.lines == ["dispatch: rated #1 @sun @ma"]
    assert "说明：来电人表示感谢" in notices[0].text
    street.check()


@pytest.mark.parametrize("answer", ["否 解决 一般", "是 未解决 不满意", "否 未解决 未评价"])
def test_a_bad_answer_sends_the_order_back_while_there_is_time(street: Street, answer: str) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *REPORTED)
    due = street.clock("办结").due_at
    street.move(hours=3)
    street.notices()

    reply = street.say("gao", f"/评定 1 {answer}")

    order = street.order()
    assert (order.state, order.generation, order.department, order.handler) == ("办理中", 1, "chengguan", "wang")
    for kind in ("办结", "超4天"):
        first, second = street.clocks(1, kind)
        assert (second.generation, second.due_at, second.running) == (1, first.due_at, True)
        assert first.met_at is not None, "the first round stays as it ended"
    assert street.clock("办结").due_at == due
    assert street.clock("办结").basis.endswith("（退回重办，时限不变）")
    assert "退回科室重办，时限不变：06-08 08:50" in reply
    notices = street.notices()
    assert notices.lines == ["dispatch: rated #1 @wang", "chengguan: rated #1 @wang"]
    assert "退回重办" in notices[0].text
    street.check()


def test_a_second_round_may_be_sent_back_again(one: Street) -> None:
    one.through(1, *REPORTED, "不解决", "反馈", "办结", "不解决", "反馈", "办结", "评定", "结案")

    assert [clock.generation for clock in one.clocks(1, "办结")] == [0, 1, 2]
    assert one.clock("办结").basis.count("退回重办") == 1
    assert [clock.generation for clock in one.clocks(1, "评定")] == [0, 1, 2]
    one.check()


def test_a_bad_answer_without_time_left_goes_to_the_office(one: Street) -> None:
    one.through(1, *REPORTED)
    one.sleep(days=8)

    one.through(1, "不解决")

    assert (one.order().state, one.order().generation) == ("待结案", 0)


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/评定 1", "缺少响应，可以是：是、否"),
        ("/评定 1 满意", "响应不能是“满意”"),
        ("/评定 1 是", "缺少解决，可以是：解决、部分解决、未解决"),
        ("/评定 1 是 解决", "缺少满意，可以是：满意、基本满意、一般、不满意、未评价"),
        ("/评定 1 是 解决 很好", "满意不能是“很好”"),
        ("/评定 1 是 解决 满意 录音", "缺少录音编号"),
    ],
)
def test_an_answer_has_three_parts(one: Street, typed: str, wrong: str) -> None:
    one.through(1, *REPORTED)

    reply = one.say("gao", typed)

    assert reply.startswith(f"✘ 【#1】{wrong}")
    assert "用法：/评定 N 是|否 解决|部分解决|未解决" in reply
    assert "例：/评定 1 是 解决 满意 录音 A0012" in reply
    assert one.order().state == "待评定"


@pytest.mark.parametrize(
    ("step", "did"), [("反馈", "/反馈 1 已接通 已告知"), ("办结", "/办结 1 代 城管科 解决 已处理")]
)
def test_nobody_rates_an_order_they_handled(one: Street, step: str, did: str) -> None:
    one.organisation = with_roles("gao", "reviewer", "duty")
    one.through(1, *REPORTED[: REPORTED.index(step)])
    assert one.say("gao", did).startswith("✔")
    one.through(1, *REPORTED[REPORTED.index(step) + 1 :])

    assert one.say("gao", "/评定 1 是 解决 满意") == "✘ 【#1】您经办过这个工单，不能自己评定：请由另一位复核专员评定"
    assert one.say("luo", "/评定 1 是 解决 满意").startswith("✔")


NOT_YOURS = "✘ 【#1】您经办过这个工单，不能自己评定：请由另一位复核专员评定"


@pytest.mark.parametrize(
    "handled",
    [
        (("wang", "/接单 1"), ("wang", "/分办 1 钱队员")),
        (("qian", "/接单 1"), ("qian", "/分办 1 王科长"), ("qian", "/分办 1 钱队员")),
        (("zhang", "/接单 1 代 城管科"), ("qian", "/分办 1 钱队员")),
        (("qian", "/分办 1 王科长"), ("qian", "/接单 1")),
    ],
    ids=["accepted", "assigned", "on behalf", "assigned before"],
)
def test_nobody_rates_an_order_that_was_ever_theirs(one: Street, handled: tuple[tuple[str, str], ...]) -> None:
    one.organisation = with_roles("wang", "department", "reviewer")
    one.through(1, "签收", "派单")
    for person, typed in handled:
        assert one.say(person, typed).startswith("✔")
    assert one.say("qian", "/反馈 1 已接通 已告知").startswith("✔")
    assert one.say("qian", "/办结 1 解决 已处理").startswith("✔")

    assert one.say("wang", "/评定 1 是 解决 满意") == NOT_YOURS
    one.through(1, "评定")


def test_nobody_rates_what_they_handled_before_it_went_to_another_department(street: Street) -> None:
    street.organisation = with_roles("wang", "department", "reviewer")
    street.import_rows(row())
    street.through(1, "签收", "派单", "接单", "改派")
    for person, typed in (("zhang", "/派单 1 平安办"), ("chen", "/接单 1"), ("chen", "/反馈 1 已接通 已告知")):
        assert street.say(person, typed).startswith("✔")
    assert street.say("chen", "/办结 1 解决 已处理").startswith("✔")

    assert street.say("wang", "/评定 1 是 解决 满意") == NOT_YOURS


def test_who_took_it_back_at_once_did_not_handle_it(one: Street) -> None:
    one.organisation = with_roles("wang", "department", "reviewer")
    one.through(1, "签收", "派单", "接单")
    assert one.say("wang", "/撤回").startswith("✔")
    assert one.say("qian", "/接单 1").startswith("✔")
    assert one.say("qian", "/分办 1 王科长").startswith("✔")
    assert one.say("qian", "/撤回").startswith("✔")
    for typed in ("/反馈 1 已接通 已告知", "/办结 1 解决 已处理"):
        assert one.say("qian", typed).startswith("✔")

    assert one.say("wang", "/评定 1 是 解决 满意").startswith("✔")


# ------------------------------------------------------------------------------------------------------------ 结案


def test_the_office_closes(street: Street) -> None:
    street.import_rows(row())
    street.through(1, *RATED)
    street.notices()

    reply = street.say("sun", "/结案 1", chat="supervision")

    order = street.order()
    assert (order.state, order.open, order.finished_at) == (
        "已结案",
        False,
        street.clock("办结").met_at.replace(second=6),
    )
    assert street.running() == set()
    assert street.timers() == {}
    assert "视为已在市级系统同步结案" in reply
    assert street.told() == ["dispatch: closed #1"]
    street.move(days=10)
    assert street.told() == []
    street.check()


def test_a_closing_ends_what_nobody_ever_met(one: Street) -> None:
    one.through(1, *TO["办理中"], "联系不上", "联系不上", "联系不上", "办结", "评定", "结案")

    assert (one.clock("响应").cancelled_at, one.clock("响应").cancel_reason) == (one.order().finished_at, "已结案")


def test_several_orders_are_closed_at_once(one: Street) -> None:
    one.import_rows(row(2), row(3))
    one.through(1, *RATED)
    one.through(2, *REPORTED)
    one.through(3, *RATED)

    lines = one.say("sun", "/结案 1-3").splitlines()

    assert [line[:7] for line in lines if line[0] in "✔✘"] == ["✔ 【#1】已", "✘ 【#2】现", "✔ 【#3】已"]


# ------------------------------------------------------------------------------------------------------------ 驳回


def test_a_close_out_that_is_not_good_enough_goes_back_with_its_due_time(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *RATED)
    street.notices()

    reply = street.say("sun", "/驳回 1 未附现场照片说明")

    assert (street.order().state, street.order().generation) == ("办理中", 1)
    assert [(clock.due_at, clock.running) for clock in street.clocks(1, "办结")] == [
        (at(8, "08:50"), False),
        (at(8, "08:50"), True),
    ]
    assert reply == "✔ 【#1】已驳回，退回城管科重办"
    notices = street.notices()
    assert notices.lines == ["dispatch: rejected #1 @wang", "chengguan: rejected #1 @wang"]
    assert "结案被驳回：未附现场照片说明" in notices[0].text
    assert "办结时限不变：06-08 08:50" in notices[0].text
    street.check()


def test_a_rejection_needs_a_reason(one: Street) -> None:
    one.through(1, *RATED)

    assert one.say("sun", "/驳回 1").startswith("✘ 【#1】缺少理由\n用法：/驳回 N 理由\n例：/驳回 1")


# ------------------------------------------------------------------------------------------------------------ 重开


def test_a_closed_order_is_opened_again_with_new_clocks_and_its_old_result(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *TO["已结案"])
    street.now = at(20, "10:00")
    street.notices()

    reply = street.say("sun", "/重开 1 来电人反映再次发生")

    order = street.order()
    assert (order.state, order.open, order.generation, order.finished_at) == ("办理中", True, 1, None)
    assert order.result == "已要求停止夜间施工"
    assert street.rows(Remark, 1)[-1].data == {"former": "已要求停止夜间施工"}
    assert street.running() == {"响应", "办结", "超4天"}
    assert (street.due("响应"), street.due("办结"), street.due("超4天")) == (
        "06-21 10:00",
        "06-27 10:00",
        "06-24 10:00",
    )
    assert street.clock("办结").basis.startswith("自重开 2026-06-20 10:00 起 7天")
    assert "由城管科办理，办结时限 06-27 10:00" in reply
    notices = street.notices()
    assert notices.lines == ["dispatch: reopened #1 @wang", "chengguan: reopened #1 @wang"]
    assert "本轮还没有联系记录" in street.say("wang", "/办结 1 解决 已处理")
    street.through(1, "反馈", "办结", "评定", "结案")
    assert len(street.rows(Contact, 1)) == 2
    street.check()


def test_the_citys_due_time_still_wins_when_it_lies_ahead(one: Street) -> None:
    one.import_rows(row(2, 办理时限="2026-06-30 18:00"))
    one.through(2, *TO["已结案"], "重开")
    assert one.due("办结", 2) == "06-30 18:00"

    one.through(2, "反馈", "办结", "评定", "结案")
    one.sleep(days=30)
    one.through(2, "重开")
    assert one.due("办结", 2) == "07-08 09:00"


def test_history_without_a_department_is_dispatched_first(one: Street) -> None:
    one.import_rows(row(2, 工单状态="回复完成"))

    reply = one.say("sun", "/重开 2 来电人反映再次发生")

    assert one.order(2).state == "待派单"
    assert one.running(2) == {"派单", "响应", "办结", "超4天"}
    assert "请值班坐席 /派单 2 主办科室" in reply
    assert one.notices().only("reopened").people == ("zhang", "li", "zhao")
    one.through(2, "派单", "接单", "反馈", "办结", "评定", "结案")
    one.check()


def test_a_closed_order_says_how_its_clocks_ended_and_shows_its_whole_history(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *REPORTED)
    street.move(hours=30)
    for number in range(16):
        assert street.say("zhang", f"/反馈 1 已接通 第 {number} 次").startswith("✔")
    street.through(1, *RATED[len(REPORTED) :])
    assert street.say("sun", "/结案 1", chat="supervision").startswith("✔")

    text = street.say("li", "/查 1")

    ended = text[text.index("时限：") : text.index("最近经过：")]
    assert "签收：06-01 " in ended and "完成，按期，早 " in ended
    assert "评定：" in ended and "完成，超时 " in ended
    order = street.order()
    assert f"共 {order.events} 条，看全部：/查 1 经过" in text
    first, second = street.say("li", "/查 1 经过"), street.say("li", "/查 1 经过 ２")
    assert first.splitlines()[:2] == second.splitlines()[:2] == text.splitlines()[:2]
    assert first.endswith("后面还有：/查 1 经过 2")
    events = [line for told in (first, second) for line in told.splitlines()[4:] if "后面还有" not in line]
    assert len(events) == order.events
    assert "签收" in events[1] and "第 0 次" in first and "第 15 次" in second and events[-1].endswith("结案")
    assert "请写 1 到 2 的页码" in street.say("li", "/查 1 经过 3")
    assert "请写 1 到 2 的页码" in street.say("li", "/查 1 经过 全部")
    assert "办理经过由主办、协办科室和" in street.say("liu", "/查 1 经过")
