"""/查 /待办 /我的 /列表: what each person reads about the orders."""

import re

import pytest

from handlers.commands.asking import listing, mine, search, show, todo
from handlers.lines import short_category
from handlers.refusal import Refusal
from storage.store import Store
from tests.handlers.desk import Desk, at, office_of
from tests.street import CALLER, Street, row


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(office_of(store))


# ------------------------------------------------------------------------------------------------------------- 查


def test_an_order_begins_with_its_number_and_its_state_alone(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1, "10:10")))

    lines = desk.show(at(1, "10:20"), "zhang", order, show).splitlines()

    assert lines[0] == "【#1】 热线-260601-000001"
    assert lines[1] == "状态：待派单"


def test_who_works_on_it_reads_everything(desk: Desk) -> None:
    order = desk.order(at(1), upstream_status="待签收")
    desk.through(order, ("签收", at(1, "10:10")), ("派单", at(1, "10:20")), ("接单", at(1, "10:30")))
    desk.through(order, ("联系不上", at(1, "10:40")))

    text = desk.show(at(1, "11:00"), "wang", order, show)

    for words in (
        "一般 · 投诉 · 噪声→施工噪声",
        "标题：夜间施工噪声扰民",
        "地点：科源社区 桃花巷工地",
        "来电人：张** 138****0001",
        "承办：主办 城管科，经办人 王科长",
        "来源状态：待签收",
        "响应：06-02 10:00 到期，剩 23小时",
        "自到达 2026-06-01 10:00 起 24小时",
        "10:20 张坐席 派单 主办 城管科",
        "10:40 王科长 反馈 联系不上 无人接听",
        f"/反馈 {order} 已接通 说明",
        f"/办结 {order} 解决 结果",
    ):
        assert words in text


def test_a_red_clock_says_why(desk: Desk) -> None:
    order = desk.order(at(1), level="紧急")
    desk.through(order, ("签收", at(1, "10:25")), ("派单", at(1, "10:30")), ("接单", at(1, "10:40")))

    text = desk.show(at(1, "13:00"), "zhang", order, show)

    assert "⚠ 响应：12:00 到期，已超 1小时" in text
    assert "到时还没有接通来电人的反馈，所以红" in text
    assert "还缺电话、首次联系，所以红" in text
    assert "签收：10:25 完成，超时 10分钟" in text


def test_an_undone_step_is_marked_and_others_are_not(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1, "10:10")))
    desk.undo(at(1, "10:11"), "zhang")

    text = desk.show(at(1, "10:12"), "zhang", order, show)

    assert "10:10 张坐席 签收（已撤回）" in text
    assert text.count("已撤回") == 1
    assert "状态：待签收" in text


@pytest.mark.parametrize(
    ("person", "details"),
    [("zhang", True), ("gao", True), ("sun", True), ("zheng", True), ("wang", True), ("liu", False), ("deng", False)],
)
def test_other_departments_read_masked_lines_only(desk: Desk, person: str, details: bool) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1, "10:10")), ("派单", at(1, "10:20")))

    text = desk.show(at(1, "11:00"), person, order, show)

    assert text.splitlines()[1] == "状态：待接单"
    for words in ("来电人", "内容：", "最近经过", "桃花巷工地"):
        assert (words in text) == details
    if not details:
        assert "#1 一般 噪声→施工噪声 科源社区 夜间施工噪声扰民 待接单 城管科" in text


def test_an_assisting_department_reads_the_details(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1, "10:10")))
    desk.through(order, ("派单", at(1, "10:20")), department="城管科+物业科")

    assert "来电人：" in desk.show(at(1, "11:00"), "liu", order, show)


def test_the_caller_who_wants_secrecy_is_not_named(desk: Desk) -> None:
    order = desk.order(at(1), confidential=True)

    text = desk.show(at(1, "11:00"), "zhang", order, show)

    assert "来电人：保密" in text
    assert "138" not in text


def test_a_seat_is_offered_to_act_for_the_department(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1, "10:10")), ("派单", at(1, "10:20")))

    text = desk.show(at(1, "11:00"), "zhang", order, show)

    assert f"/接单 {order} 代 城管科" in text


def test_the_likeliest_step_comes_first(desk: Desk) -> None:
    order = desk.order(at(1), level="紧急")
    desk.through(order, ("签收", at(1, "10:10")), ("派单", at(1, "10:20")), ("接单", at(1, "10:30")))

    def first(person: str) -> str:
        text = desk.show(at(1, "11:00"), person, order, show)
        return text.partition("下一步可以：\n")[2].splitlines()[0]

    assert first("zhang") == f"/电话 {order} 被叫人"
    assert first("wang") == f"/反馈 {order} 已接通 说明"
    desk.through(order, ("反馈", at(1, "10:40")))
    assert first("wang") == f"/办结 {order} 解决 结果"


# ----------------------------------------------------------------------------------------------------------- 查 词


def test_words_are_found_in_title_place_community_company_and_number(desk: Desk) -> None:
    for fields in ({"title": "路灯不亮"}, {"place": "梅园北门"}, {"community": "清泉社区"}, {"company": "某某物业"}):
        desk.order(at(1), **fields)

    for word, order in (("路灯", 1), ("梅园", 2), ("清泉", 3), ("物业", 4), ("260601-000002", 2)):
        text = desk.ask(at(1), "zhang", search, word)
        assert re.findall(r"^#(\d+)", text, re.MULTILINE) == [str(order)]
    assert "没有找到“路灯 梅园”" in desk.ask(at(1), "zhang", search, "路灯 梅园")


def test_signs_of_the_database_are_only_characters(desk: Desk) -> None:
    desk.order(at(1), title="缴费涨了100%")
    desk.order(at(1), title="缴费涨了100元")

    assert re.findall(r"^#(\d+)", desk.ask(at(1), "zhang", search, "100%"), re.MULTILINE) == ["1"]
    assert "没有找到" in desk.ask(at(1), "zhang", search, "1_0")
    assert "没有找到" in desk.ask(at(1), "zhang", search, "'; DROP TABLE orders; --")
    assert "没有找到" in desk.ask(at(1), "zhang", search, "a\x00b")


def test_the_newest_ten_come_first_and_the_rest_is_counted(desk: Desk) -> None:
    for _ in range(12):
        desk.order(at(1))

    text = desk.ask(at(1), "zhang", search, "噪声")

    assert "12 件" in text.splitlines()[0]
    assert re.findall(r"^#(\d+)", text, re.MULTILINE) == [str(n) for n in range(12, 2, -1)]
    assert "还有 2 件" in text


def test_a_phone_number_is_not_repeated_into_the_group(desk: Desk) -> None:
    assert "13800001234" not in desk.ask(at(1), "zhang", search, "13800001234")


def test_words_without_end_are_refused(desk: Desk) -> None:
    with pytest.raises(Refusal, match="太长"):
        desk.ask(at(1), "zhang", search, "噪" * 100_000)


# ------------------------------------------------------------------------------------------------------------ 待办


def test_each_role_reads_what_waits_for_it_in_due_order(desk: Desk) -> None:
    slow, urgent = desk.order(at(1, "09:50")), desk.order(at(1, "10:00"), level="紧急")
    handled = desk.order(at(1, "08:00"))
    desk.through(handled, *((name, at(1, "09:00")) for name in ("签收", "派单", "接单", "反馈", "办结")))
    dispatched = desk.order(at(1, "08:00"))
    desk.through(dispatched, ("签收", at(1, "09:00")), ("派单", at(1, "09:00")))

    seat = desk.ask(at(1, "10:05"), "zhang", todo)
    assert re.findall(r"^#(\d+)", seat, re.MULTILINE) == [str(urgent), str(slow)]
    assert f"#{urgent} 紧急 噪声→施工噪声 科源社区 夜间施工噪声扰民 待签收 剩 10分钟" in seat
    assert f"#{dispatched} 一般 噪声→施工噪声 科源社区 夜间施工噪声扰民 待接单 城管科" in desk.ask(
        at(1, "10:05"), "wang", todo
    )
    assert f"#{handled} " in desk.ask(at(1, "10:05"), "gao", todo)
    assert desk.ask(at(1, "10:05"), "liu", todo) == "您的待办：现在没有"
    assert desk.ask(at(1, "10:05"), "sun", todo) == "您的待办：现在没有"
    assert "没有要接着办的环节" in desk.ask(at(1, "10:05"), "zheng", todo)
    assert "城管科的待办 1 件" in desk.ask(at(1, "10:05"), "zheng", todo, "城管")


def test_an_urgent_order_stays_with_the_seat_until_somebody_was_phoned(desk: Desk) -> None:
    order = desk.order(at(1), level="紧急")
    desk.through(order, ("签收", at(1, "10:01")), ("派单", at(1, "10:02")), ("接单", at(1, "10:03")))
    assert f"#{order} " in desk.ask(at(1, "10:04"), "zhang", todo)

    desk.through(order, ("电话", at(1, "10:05")))
    assert f"#{order} " not in desk.ask(at(1, "10:06"), "zhang", todo)


def test_overdue_ones_are_marked_and_counted(desk: Desk) -> None:
    desk.order(at(1, "08:00"))
    for _ in range(25):
        desk.order(at(1, "10:00"))

    lines = desk.ask(at(1, "10:30"), "zhang", todo).splitlines()

    assert lines[0] == "您的待办 26 件（已超时 1 件）："
    assert lines[1] == "#1 一般 噪声→施工噪声 科源社区 夜间施工噪声扰民 待签收 ⚠已超 1小时30分"
    assert len(lines) == 22
    assert "还有 6 件" in lines[-1]


# ------------------------------------------------------------------------------------------------------------ 我的


def test_mine_are_those_i_handle_and_those_i_signed_or_dispatched_today(desk: Desk) -> None:
    yesterday, today, undone = desk.order(at(1)), desk.order(at(2, "09:00")), desk.order(at(2, "09:00"))
    desk.through(yesterday, ("签收", at(1)), ("派单", at(1)), ("接单", at(1)))
    desk.through(today, ("签收", at(2, "09:30")))
    desk.through(undone, ("签收", at(2, "09:31")))
    desk.undo(at(2, "09:32"), "zhang")

    def listed(person: str) -> list[str]:
        return re.findall(r"^#(\d+)", desk.ask(at(2), person, mine), re.MULTILINE)

    assert listed("zhang") == [str(today)]
    assert listed("wang") == [str(yesterday)]
    assert listed("liu") == []
    assert "现在没有经办中的工单" in desk.ask(at(2), "liu", mine)


# ------------------------------------------------------------------------------------------------------------ 列表


def test_conditions_narrow_in_any_order(desk: Desk) -> None:
    urgent = desk.order(at(1), level="紧急", community="科源")
    plain = desk.order(at(2), community="清泉社区")
    desk.through(plain, ("签收", at(2)), ("派单", at(2)))
    returned = desk.order(at(2), state="已退回", open=False)

    def listed(text: str) -> list[int]:
        return [int(n) for n in re.findall(r"^#(\d+)", desk.ask(at(3), "zhang", listing, text), re.MULTILINE)]

    assert sorted(listed("")) == [urgent, plain]
    assert listed("待签收") == listed("紧急") == [urgent]
    assert listed("科源社区 紧急 待签收") == listed("紧急 待签收 科源") == [urgent]
    assert listed("城管科") == listed("待接单 城管") == listed("清泉社区") == [plain]
    assert listed("城管科 紧急") == []
    assert listed("已退回") == [returned]
    assert listed("2026-06-01") == [urgent]
    assert listed("2026-06-02..2026-06-03") == [returned, plain], "all that came in, newest first"
    assert listed("6月1日..6月2日 城管科") == [plain]


def test_nothing_found_says_what_was_asked(desk: Desk) -> None:
    assert desk.ask(at(1), "zhang", listing, "待派单 城管") == "【列表】待派单、城管科：没有这样的工单"


def test_an_unknown_condition_is_named_with_the_nearest(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"看不懂“物业课”.*物业科"):
        desk.ask(at(1), "zhang", listing, "物业课")


@pytest.mark.parametrize(
    ("path", "short"),
    [
        ("生态环境->噪声->施工噪声", "噪声→施工噪声"),
        ("生态环境-＞噪声-＞施工噪声", "噪声→施工噪声"),
        ("市场管理-预付卡-游泳卡", "预付卡→游泳卡"),
        ("供暖", "供暖"),
        ("", ""),
    ],
)
def test_a_class_is_shown_by_its_last_two_levels(path: str, short: str) -> None:
    assert short_category(path) == short


def test_rules_go_by_topic_and_leave_out_what_is_not_in_force(one) -> None:
    told = one.say("zhang", "/规则")
    assert "\n\n〔提醒和通知〕\n" in told
    assert "（尚未启用）" not in told
    assert "条尚未启用：/规则 尚未启用" in told
    assert "（尚未启用）" in one.say("zhang", "/规则 尚未启用")


def test_rules_of_a_word_begin_with_those_in_force(one) -> None:
    told = one.say("zhang", "/规则 督办")
    titles = [line for line in told.splitlines()[:-1] if "督办" in line and "：" in line]
    idle = ["（尚未启用）" in title for title in titles]
    assert len(idle) > 1
    assert idle == sorted(idle)
    assert told.splitlines()[-1] == "“督办”是一条命令：怎么用看 /帮助 督办"


def test_rules_that_begin_with_the_word_come_first_and_point_nowhere(one) -> None:
    told = one.say("zhang", "/规则 签收")
    assert told.startswith("签收")
    assert "/帮助" not in told


def test_a_word_that_is_only_a_command_is_pointed_to_the_help(one) -> None:
    assert one.say("zhang", "/规则 核查") == (
        "✘ 没有“核查”这条规则：/规则 看全部；“核查”是一条命令，怎么用看 /帮助 核查"
    )
    assert one.say("zhang", "/规则 桃花") == "✘ 没有“桃花”这条规则：/规则 看全部"


def test_a_line_shows_what_it_is_about_cut_and_masked(street: Street) -> None:
    street.import_rows(row(1, 标题=f"{CALLER}反映桃花巷北口井盖缺失多日无人修补", 企业名称="桃花巷物业公司"))

    for typed in ("/查 井盖", "/列表", "/待办"):
        line = next(line for line in street.say("zhang", typed).splitlines() if line.startswith("#1 "))
        assert "科源社区 张**反映桃花巷北口井盖缺… 待签收" in line


def test_an_order_shows_its_company(street: Street) -> None:
    street.import_rows(row(1, 企业名称="桃花巷物业公司"), row(2))

    assert "企业名称：桃花巷物业公司" in street.say("zhang", "/查 1")
    assert "企业名称" not in street.say("zhang", "/查 2")


@pytest.mark.parametrize("name", ["/待办", "/我的", "/超期"])
def test_a_department_that_does_not_exist_is_named_with_near_ones(street: Street, name: str) -> None:
    assert street.say("zhang", f"{name} 没科").startswith("✘ 没有叫“没科”的科室")
    assert "没有叫“城管课”的科室，是不是：城管科" in street.say("zhang", f"{name} 城管课")
    assert "多了“今天”" in street.say("zhang", f"{name} 城管科 今天")
