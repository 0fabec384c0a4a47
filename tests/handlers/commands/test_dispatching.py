"""派单, 电话, 接单, 改派 and acting on behalf of a 科室 (domain, section 2, rows 7 to 11)."""

import pytest

from config.organisation import Organisation
from storage.tables import Dispatch, Remark
from tests.street import TO, URGENT, Street, at, row


def test_a_dispatch_calls_everybody_of_its_departments(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, "签收")
    street.notices()

    reply = street.say("zhang", "/派单 1 城管科+平安办 请今日到场")

    order = street.order()
    assert (order.state, order.department, order.assisting) == ("待接单", "chengguan", ("pingan",))
    assert (order.dispatched_by, order.dispatches) == ("zhang", 1)
    assert street.clock("派单").late_seconds == 0
    assert [(row.department, row.role, row.note) for row in street.rows(Dispatch, 1)] == [
        ("chengguan", "主办", "请今日到场"),
        ("pingan", "协办", "请今日到场"),
    ]
    assert reply.splitlines()[0] == "✔ 【#1】已派单，主办：城管科；协办：平安建设科"
    assert "视为已在市级系统同步派单" in reply
    notices = street.notices()
    assert notices.lines == ["dispatch: dispatched #1 @wang @chen @qian @shi", "chengguan: dispatched #1 @wang @qian"]
    for words in (
        "【#1】派单 主办：城管科；协办：平安建设科",
        "夜间施工噪声扰民",
        "地点：科源社区 桃花巷工地",
        "/接单 1",
    ):
        assert words in notices[0].text
    assert "派单说明：请今日到场" in notices[0].text
    street.check()


def test_the_assisting_department_reads_what_it_may_do(one: Street) -> None:
    one.through(1, "签收")
    one.notices()

    one.say("zhang", "/派单 1 城管科+社区建设科 请今日到场")

    notices = one.notices()
    assert notices.lines == [
        "dispatch: dispatched #1 @wang @liu @qian @he",
        "chengguan: dispatched #1 @wang @qian",
        "shequ: dispatched_assisting #1 @liu @he",
    ]
    text = notices[2].text
    assert text.startswith("【#1】协办 社区建设科；主办：城管科\n")
    assert "\n\n" not in text, "no hole behind the first line"
    assert "派单说明：请今日到场" in text and "夜间施工噪声扰民" in text
    assert "协办下一步：/核查 1 结果；联系来电人后 /反馈 1 已接通 说明" in text
    assert "/接单" not in text and "/改派" not in text
    assert "协办科室：/核查 1 结果" in notices[0].text, "a 协办 without a group of its own reads it here"


@pytest.mark.parametrize("named", ["城管科", "城管", "综合执法", "chengguan", "@城管科"])
def test_a_department_is_named_as_people_name_it(one: Street, named: str) -> None:
    one.through(1, "签收")

    reply = one.say("zhang", f"/派单 1 {named}")

    assert ("主办：城管科" in reply) == (named != "@城管科")


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/派单 1", "缺少主办科室"),
        ("/派单 1 城管课", "没有叫“城管课”的科室，是不是：城管科"),
        ("/派单 1 城管科+城管", "城管科写了两次"),
        ("/派单 城管科", "缺少单号"),
    ],
)
def test_a_dispatch_to_nobody_shows_usage_and_example(one: Street, typed: str, wrong: str) -> None:
    one.through(1, "签收")

    reply = one.say("zhang", typed)

    assert wrong in reply
    named = 1 if typed.startswith("/派单 1") else 123
    assert f"用法：/派单 N… 主办[+协办+协办] [说明]\n例：/派单 {named} 城管科" in reply
    assert one.order().state == "待派单"
    assert one.told() == []


def test_several_orders_go_to_one_department(one: Street) -> None:
    one.import_rows(row(2), row(3))
    one.say("zhang", "/签收 1-3")

    assert one.say("zhang", "/派单 1 3 市政 今日内").count("✔") == 2
    assert [one.order(number).state for number in (1, 2, 3)] == ["待接单", "待派单", "待接单"]


# ------------------------------------------------------------------------------------------------------------ 电话


def test_a_phone_call_is_recorded_once_and_may_be_repeated(one: Street) -> None:
    one.import_rows(row(2, **URGENT))
    one.through(2, "签收")
    reply = one.say("zhang", "/派单 2 城管科")
    assert "紧急工单还要电话通知：/电话 2 被叫人" in reply

    reply = one.say("zhang", "/电话 2 王科长 已告知现场情况")

    first = one.order(2).phoned_at
    assert reply.startswith("✔ 【#2】已记电话：09:00 通知 王科长")
    one.move(minutes=5)
    one.through(2, "电话")
    assert one.order(2).phoned_at == first
    assert [(item.kind, item.text) for item in one.rows(Remark, 2)] == [
        ("电话", "王科长 已告知现场情况"),
        ("电话", "王科长"),
    ]


def test_a_number_that_was_dialled_is_kept_masked(one: Street) -> None:
    one.through(1, "签收")

    reply = one.say("zhang", "/电话 1 13800009876 无人接听")

    assert "13800009876" not in reply
    assert one.rows(Remark, 1)[0].text == "138****9876 无人接听"
    one.secrets.append("13800009876")
    one.check()


def test_somebody_must_have_been_phoned(one: Street) -> None:
    one.through(1, "签收")
    reply = one.say("zhang", "/电话 1")

    assert "缺少被叫人" in reply
    assert "用法：/电话 N 被叫人 [说明]" in reply


# ------------------------------------------------------------------------------------------------------------ 接单


def test_who_accepts_is_the_handler(street: Street) -> None:
    street.import_rows(row())
    street.through(1, "签收", "派单")
    street.notices()

    reply = street.say("qian", "/接单 1", chat="chengguan")

    order = street.order()
    assert (order.state, order.handler, order.accepted_at) == ("办理中", "qian", at(1).replace(second=2))
    assert reply.splitlines()[0] == "✔ 【#1】已接单，经办人：钱队员"
    assert "/反馈 1 已接通 说明" in reply
    notices = street.notices()
    assert notices.lines == ["dispatch: accepted #1"]
    assert notices[0].text == "【#1】钱队员 已接单"
    street.check()


def test_the_second_of_a_department_reads_who_accepted(one: Street) -> None:
    one.through(1, "签收", "派单", "接单")

    assert "不能接单：王科长 已于 09:00 接单" in one.say("qian", "/接单 1")


@pytest.mark.parametrize(
    ("typed", "handler", "word"),
    [
        ("/接单 1 代 城管科", "wang", "据王科长"),
        ("/接单 1 代城管", "wang", "据王科长"),
        ("/接单 1 代 钱队员", "qian", "据钱队员"),
    ],
)
def test_a_seat_accepts_for_a_department_on_somebodys_word(one: Street, typed: str, handler: str, word: str) -> None:
    one.through(1, "签收", "派单")

    reply = one.say("zhang", typed)

    assert f"（代 城管科，{word}）" in reply
    assert one.order().handler == handler
    data = one.event()["data"]
    assert (data["behalf"], data["word_from"], one.event()["actor"]) == ("chengguan", handler, "zhang")


def test_a_seat_may_not_accept_in_its_own_name(one: Street) -> None:
    one.through(1, "签收", "派单")

    reply = one.say("zhang", "/接单 1")

    assert reply == "✘ 【#1】值班坐席只能代科室接单：请写 /接单 1 代 城管科"
    assert one.order().state == "待接单"


@pytest.mark.parametrize(
    ("person", "typed", "wrong"),
    [
        ("zhang", "/接单 1 代 社区建设科", "主办科室是城管科，不能代社区建设科接单"),
        ("zhang", "/接单 1 代 平安办", "主办科室是城管科，不能代平安建设科接单"),
        ("zhang", "/接单 1 代 无此科", "“代 无此科”：没有这个科室或科室人员"),
        ("zhang", "/接单 1 代 张坐席", "没有这个科室或科室人员"),
        ("zhang", "/接单 1 代", "缺少代的科室或人"),
        ("qian", "/接单 1 代 城管科", "只有值班坐席可以代科室接单，您直接 /接单 1 即可"),
    ],
)
def test_on_behalf_has_its_limits(one: Street, person: str, typed: str, wrong: str) -> None:
    one.through(1, "签收")
    one.say("zhang", "/派单 1 城管科+平安办")

    assert wrong in one.say(person, typed)
    assert one.order().state == "待接单"


def test_before_a_dispatch_there_is_no_department_to_act_for(one: Street) -> None:
    one.through(1, "签收")

    assert "还没有派单，不能代城管科反馈" in one.say("zhang", "/反馈 1 代 城管科 已接通 已告知")


def test_a_seat_reports_contact_and_result_for_a_department(one: Street) -> None:
    one.through(1, *TO["办理中"])

    assert "值班坐席只能代科室办结" in one.say("zhang", "/办结 1 解决 已处理")
    assert one.say("zhang", "/反馈 1 代 钱队员 已接通 已告知").startswith("✔")
    one.notices()
    assert one.say("zhang", "/办结 1 代 城管科 解决 已处理").startswith("✔")
    assert "（张坐席 代报，据王科长）" in one.notices().only("reported_done").text


# ------------------------------------------------------------------------------------------------------------ 改派


def test_a_wrong_dispatch_is_superseded_counted_and_dispatched_anew(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, "签收", "派单")
    street.move(hours=5)
    street.notices()

    reply = street.say("wang", "/改派 1 属市场监管所职责", chat="chengguan")

    order = street.order()
    assert (order.state, order.department, order.assisting, order.handler) == ("待派单", None, (), None)
    wrong = street.rows(Dispatch, 1)[0]
    assert (wrong.superseded_reason, wrong.superseded_at) == ("属市场监管所职责", street.clock("派单").started_at)
    assert [(clock.generation, clock.running) for clock in street.clocks(1, "派单")] == [(0, False), (1, True)]
    assert street.due("派单") == "16:00"
    assert street.clock("派单").basis.startswith("自改派 2026-06-01 14:00 起 2小时")
    assert "派单时限：16:00" in reply
    notices = street.notices()
    assert notices.lines == ["dispatch: declined #1 @zhang @li @zhao"]
    assert "城管科 要求改派：属市场监管所职责" in notices[0].text

    street.say("zhang", "/派单 1 市场所")
    assert (street.order().department, street.order().dispatches) == ("shichang", 2)
    street.check()


def test_a_reason_is_needed(one: Street) -> None:
    one.through(1, "签收", "派单")

    reply = one.say("wang", "/改派 1")

    assert reply.startswith("✘ 【#1】缺少理由\n用法：/改派 N 理由\n例：/改派 1")


def test_a_seat_takes_a_wrong_dispatch_back_by_itself(one: Street) -> None:
    one.through(1, *TO["办理中"])

    assert one.say("zhang", "/改派 1 派错科室").startswith("✔")


def test_only_the_new_department_may_act_after_a_change(one: Street) -> None:
    one.through(1, "签收", "派单", "改派")
    one.say("zhang", "/派单 1 物业科")

    assert "主办科室是社区建设科" in one.say("wang", "/接单 1")
    assert one.say("liu", "/接单 1").startswith("✔")


@pytest.mark.parametrize("words", ["城管科 市政环卫科", "城管科 环卫 请今日到场", "城管科 市政环卫科，今天到场"])
def test_a_second_department_behind_a_space_is_refused(one: Street, words: str) -> None:
    one.say("zhang", "/签收 1")
    reply = one.say("zhang", f"/派单 1 {words}")
    assert "协办用 + 连接，例如 /派单 1 城管科+市政环卫科" in reply
    assert one.order().state == "待派单"


def test_a_note_that_speaks_of_a_department_is_a_note(one: Street) -> None:
    one.say("zhang", "/签收 1")
    assert one.say("zhang", "/派单 1 城管科 请与市政环卫科联系").startswith("✔")


def test_a_department_without_a_head_keeps_the_handler_that_it_named(one: Street) -> None:
    sample = one.organisation
    headless = [
        each.model_copy(update={"head": None}) if each.id == "chengguan" else each for each in sample.departments
    ]
    one.organisation = Organisation(sample.people, headless, sample.patches, sample.communities, sample.groups)
    one.through(1, *TO["待接单"])
    one.say("wang", "/分办 1 钱队员", chat="chengguan")

    assert "经办人：钱队员" in one.say("zhang", "/接单 1 代 城管科")
    assert one.order().handler == "qian"
    one.check()
