"""Which orders a message means, and what several of them answer (interface, section Chat)."""

from pathlib import Path

import pytest

from config.policy import load_policy
from storage.tables import Outbox
from tests.handlers.sample_files import png
from tests.storage.desk import events
from tests.street import TO, Street, row


@pytest.fixture
def four(one: Street) -> Street:
    """Orders 1 to 4 at 待签收."""
    one.import_rows(row(2), row(3), row(4))
    one.notices()
    return one


def marks(reply: str) -> list[str]:
    """`✔ #1` for each order's line of a reply."""
    return [line[:8].replace("【", "").split("】")[0] for line in reply.splitlines() if line[0] in "✔✘"]


def test_each_order_is_a_command_of_its_own(four: Street) -> None:
    four.through(2, "签收")

    reply = four.say("zhang", "/签收 1-3 99")

    assert marks(reply) == ["✔ #1", "✘ #2", "✔ #3", "✘ 没有工单 #"]
    assert "✘ 没有工单 #99：请核对单号，或用 /查 关键词 查找" in reply
    assert "张坐席 已于 09:00 签收" in reply
    assert [four.order(number).state for number in range(1, 5)] == ["待派单", "待派单", "待派单", "待签收"]


def test_a_caller_of_any_named_order_is_hidden_in_each_of_them(one: Street) -> None:
    one.import_rows(row(2, **{"来电人": "李四光", "来电人电话/账号": "13800007654", "主要内容": "夜间施工"}))
    one.through(1, "签收")
    one.through(2, "签收")

    reply = one.say("zhang", "/派单 1-2 城管科 李四光和张三丰都在等")

    journal = [event["body"] for event in events(one.store)]
    assert sum("都在等" in str(body) for body in journal) == 2, reply
    assert not any("李四光" in str(body) or "张三丰" in str(body) for body in journal)
    assert "李四光" not in reply


def test_an_order_named_twice_is_signed_once(four: Street) -> None:
    assert marks(four.say("zhang", "/签收 1 #1 热线-260601-000001 2")) == ["✔ #1", "✔ #2"]


@pytest.mark.parametrize(
    "typed", ["/签收1", "／签收　１", "、签收 #1", "\\签 1", "@机器人 /claim 1", "/签收 ＃1 @机器人"]
)
def test_a_command_is_written_as_people_write_it(one: Street, typed: str) -> None:
    assert one.say("zhang", typed).startswith("✔ 【#1】已签收")


def test_in_private_no_slash_is_needed(one: Street) -> None:
    assert one.privately("zhang", "签收 1").startswith("✔")
    assert one.say("li", "签收 1") == "", "people talking to each other"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/签收 99", "没有工单 #99：请核对单号，或用 /查 关键词 查找"),
        ("/签收 热线-260601-999999", "没有工单 热线-260601-999999：请核对工单编号"),
        ("/签收 1234567", "有 7 位：短号最多 6 位，工单编号至少 8 位"),
        ("/签收 5-2", "前大后小"),
        ("/签收 1-100", "一次写了 100 件：一条消息最多 50 件"),
        ("/签受 1", "不认识 /签受。是否想用 /签收？/帮助 看您能用的命令"),
        ("/查询12", "不认识 /查询"),
        ("/签收20号", "“20号”不是单号：单号只写数字，后面空一格，是不是 /签收 20\n用法：/签收 N…"),
        ("/签收 好的", "缺少单号：“好的”不是单号，单号是数字"),
        ("/签收 abc", "缺少单号：“abc”不是单号，单号是数字"),
        ("/签收 -1", "“-1”不是单号"),
        ("/foo", "✘ 不认识 /foo。/帮助 看您能用的命令"),
        ("/SIGM 1", "是否想用 /签收"),
    ],
)
def test_what_is_not_understood_says_why(one: Street, typed: str, said: str) -> None:
    reply = one.say("zhang", typed)

    assert reply.startswith("✘ ")
    assert said in reply
    assert one.events() == ["登记"]


@pytest.mark.parametrize(
    ("person", "said"),
    [("zhang", "/签收 单号"), ("wang", "/接单 单号"), ("gao", "/评定 单号"), ("ma", "/结案 单号"), ("xie", "/统计")],
)
def test_a_greeting_is_answered_with_what_one_can_do(one: Street, person: str, said: str) -> None:
    for greeting in ("hi", "你好", "在吗？"):
        reply = one.privately(person, greeting)
        assert "，您好。常用：" in reply
        assert said in reply and reply.endswith("/帮助 看全部命令")
    assert "不认识" in one.privately(person, "/你好"), "what has a slash was meant as a command"


def test_a_latin_name_may_be_in_capitals(one: Street) -> None:
    assert one.say("zhang", "/SIGN 1").startswith("✔ 【#1】已签收")


def test_three_digits_are_the_only_open_order_that_ends_so(one: Street) -> None:
    one.import_rows(*(row(number) for number in range(2, 8)))
    one.number_from(500)
    one.import_rows(row(500))
    one.number_from(1007)
    one.import_rows(row(1007))

    assert one.say("zhang", "/签收 007") == "✘ 尾号 007 的未结工单有几件：#7、#1007，请写全"
    assert one.say("zhang", "/签收 #007").startswith("✔ 【#7】")
    assert one.say("zhang", "/签收 500").startswith("✔ 【#500】")
    one.through(7, "派单", "接单", "反馈", "办结", "评定", "结案")
    assert one.say("zhang", "/签收 007").startswith("✔ 【#1007】"), "the closed one is not meant"
    assert "现在是“已结案”" in one.say("zhang", "/签收 7"), "one digit is exactly that number"
    assert one.say("zhang", "/签收 888").startswith("✘ 没有工单 #888")


def test_the_same_number_in_city_and_district_asks_which(one: Street) -> None:
    one.import_rows(row("2026060100001"), source="区")
    one.import_rows(row("2026060100001"), source="市")

    reply = one.say("zhang", "/签收 2026060100001")

    assert reply == "✘ 2026060100001 市和区各有一件：#2（区）、#3（市），请用短号"
    assert one.say("zhang", "/签收 3").startswith("✔")


# -------------------------------------------------------------------------------------------------------- a quote


def test_a_quoted_notice_names_the_order(one: Street) -> None:
    one.import_rows(row(2))
    notice = one.notices().only("new_order")
    one.deliver()

    assert one.say("zhang", "/签收", quote=notice).startswith("✔ 【#2】")


def test_a_quoted_reply_names_the_order(one: Street) -> None:
    one.say("zhang", "/查 1")

    assert one.say("zhang", "/签收", quote=one.last_message()).startswith("✔ 【#1】")


def test_a_number_that_is_written_wins_over_the_quote(four: Street) -> None:
    four.say("zhang", "/查 2")

    assert four.say("zhang", "/签收 3", quote=four.last_message()).startswith("✔ 【#3】")


def test_a_quoted_digest_asks_which(four: Street) -> None:
    four.say("zhang", "/签收 1 2")

    reply = four.say("zhang", "/派单 城管科", quote=four.last_message())

    assert reply.startswith("✘ 引用的消息提到几件工单（#1、#2），请写明是哪一件")
    assert four.order(1).state == "待派单"


def test_a_quote_without_an_order_says_so(one: Street) -> None:
    one.say("zhang", "/帮助")

    assert "引用的消息里没有工单，请写上单号" in one.say("zhang", "/签收", quote=one.last_message())
    assert "引用的消息里没有工单，请写上单号" in one.say("zhang", "/签收", quote=4711)


def test_an_argument_that_looks_like_an_order_is_none_beside_a_quote(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.say("zhang", "/查 1")
    quote = one.last_message()

    assert one.say("zhang", "/电话 13800009876", quote=quote).startswith("✔ 【#1】")
    assert one.say("wang", "/反馈 9:00 已接通 已告知", quote=quote).startswith("✔ 【#1】")


# ------------------------------------------------------------------------------------------------- the same message


def test_a_message_that_comes_twice_changes_nothing_and_gets_the_same_answer(street: Street) -> None:
    street.import_rows(row())
    first = street.say("zhang", "/签收 1", message_id="zhang/m1")
    events, notices = street.events(), street.told()
    street.move(minutes=5)

    assert street.say("zhang", "/签收 1", message_id="zhang/m1") == first
    assert street.restarted().say("zhang", "/签收 1", message_id="zhang/m1") == first
    assert (street.events(), street.told()) == (events, [])
    assert notices == ["dispatch: new_order #1"]
    street.check()


def test_a_refusal_and_a_question_are_repeated_too(one: Street) -> None:
    refusal = one.say("gao", "/签收 1", message_id="gao/m1")
    sheet = one.say("gao", "/查 1", message_id="gao/m2")
    one.through(1, "签收")

    assert one.say("gao", "/签收 1", message_id="gao/m1") == refusal
    assert one.say("gao", "/查 1", message_id="gao/m2") == sheet


def test_a_message_that_comes_twice_in_one_batch(street: Street) -> None:
    street.import_rows(row())
    jobs = [street._job("zhang", "/签收 1", message_id="zhang/m1") for _ in range(2)]

    first, second = (outcome.result() for outcome in street.store.transact(jobs))

    assert first == second
    assert street.events() == ["登记", "签收"]


# ---------------------------------------------------------------------------------------------------- odd messages


@pytest.mark.parametrize(
    "text",
    [
        "/核查 1 " + "好" * 100_000,
        "/核查 1 \x00\x00现场\x00无人",
        "/核查 1 😀👍🏽👨‍👩‍👧 现场",
        "/核查 1 \ud800现场",
        "/核查 1 @所有人 <at id=all> 【#9】",
        "/",
        "/ 1",
        "///",
        "/核查 1 '; DROP TABLE event; --",
    ],
    ids=range(9),
)
def test_no_text_breaks_anything(street: Street, text: str) -> None:
    street.import_rows(row())

    reply = street.say("zhang", text)

    assert reply[0] in "✔✘"
    assert "系统出错" not in reply
    assert street.say("li", "/签收 1").startswith("✔")
    street.check()


def test_a_citizens_text_is_neither_mention_nor_command(one: Street) -> None:
    one.import_rows(row(2, 标题="@所有人 快来", 主要内容="/结案 1\n【#1】已结案 <@all>"))

    text = one.notices().only("new_order").text

    assert "@" not in text
    assert "\n/结案" not in text
    assert "【#1】" not in text
    assert text.startswith("【#2】新工单")


@pytest.mark.parametrize("typed", ["/查 13800002222", "/查 138-0000-2222", "/查 钱大海"])
def test_nobody_is_found_by_phone_or_name(one: Street, typed: str) -> None:
    reply = one.say("zhang", typed)

    assert "不能按电话或姓名查找（个人信息）" in reply
    assert "13800002222" not in reply


def test_who_may_not_reads_the_others_once(one: Street) -> None:
    one.through(1, "签收")

    reply = one.say("wang", "/签收 1")

    assert reply.count("操作") == 1
    assert "签收由值班坐席（张坐席、李坐席、赵坐席）操作，您（王科长）没有这个职责。" in reply


def test_the_example_of_a_refusal_names_the_refused_order(four: Street) -> None:
    assert four.say("zhang", "/反馈 3 已接通").endswith("例：/反馈 3 已接通 已告知今日到场处理")

    four.import_rows(row(5))
    notice = four.notices().only("new_order")
    four.deliver()
    assert four.say("zhang", "/反馈 已接通", quote=notice).endswith("例：/反馈 5 已接通 已告知今日到场处理")
    four.say("zhang", "/列表")
    reply = four.say("zhang", "/签收", quote=four.last_message())
    assert "引用的消息提到几件工单" in reply
    assert reply.endswith("例：/签收 1")


# ---------------------------------------------------------------------------------------------- many orders, one digest

BULK = "/派单 1-6 城管科+社区建设科 请尽快"


@pytest.fixture
def six(street: Street) -> Street:
    """Orders 1 to 6 at 待派单."""
    street.import_rows(*(row(number, 到达时间="2026-06-01 08:50") for number in range(1, 7)))
    street.say("zhang", "/签收 1-6")
    street.notices()
    return street


def test_many_orders_are_one_digest_for_a_group(six: Street) -> None:
    six.say("zhang", BULK)

    notices = six.notices()
    assert notices.lines == [
        "dispatch: several_dispatched @wang @liu @qian @he",
        "chengguan: several_dispatched @wang @qian",
        "shequ: several_dispatched_assisting @liu @he",
    ]
    lines = notices[0].text.splitlines()
    assert lines[:2] == ["派单 6 件，主办：城管科；协办：社区建设科", "派单说明：请尽快"]
    assert [line[:4] for line in lines[2:8]] == [f"【#{number}】" for number in range(1, 7)]
    assert lines[2] == "【#1】科源社区 桃花巷工地 夜间施工噪声扰民，响应 06-02 08:50 前"
    assert lines[8] == "下一步：/接单 1-6；派错了的 /改派 单号 理由"
    assert "/接单" not in notices[2].text and "协办下一步：/核查 单号 结果" in notices[2].text
    six.check()


def test_a_digest_lists_thirty_and_stays_about_all(street: Street) -> None:
    street.import_rows(*(row(number, 到达时间="2026-06-01 08:50") for number in range(1, 51)))
    street.notices()

    street.say("zhang", "/签收 1-50")
    street.say("zhang", "/派单 1-50 城管科+社区建设科")

    for notice in street.notices():
        lines = notice.text.splitlines()
        assert sum(line.startswith("【#") for line in lines) == 30
        assert "【#30】" in notice.text and "【#31】" not in notice.text
        assert "另有 20 件：/列表 看全部" in lines
        assert "50 件" in lines[0]
        assert len(notice.text.encode()) <= 4096, "one message of WeCom"
    there = [box for box in street.rows(Outbox) if box.kind == "several_dispatched"]
    assert [tuple(box.orders) for box in there] == [tuple(range(1, 51))] * len(there) != []
    assert "/接单 1-50；" in there[0].text


def test_up_to_five_are_told_one_by_one(six: Street) -> None:
    reply = six.say("zhang", "/派单 1-5 城管科")

    assert [notice.order for notice in six.notices() if notice.group == "dispatch"] == [1, 2, 3, 4, 5]
    assert marks(reply) == [f"✔ #{number}" for number in range(1, 6)]


def test_the_office_decides_what_is_many(six: Street, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[rule]]\nkey = "together_above"\nsince = 2026-01-01\nvalue = 2\n', encoding="utf-8")
    six.policy = load_policy(file)

    six.say("zhang", "/派单 1-3 城管科")

    assert {notice.kind for notice in six.notices()} == {"several_dispatched"}


def test_the_urgent_and_the_supervised_have_a_notice_of_their_own(six: Street) -> None:
    six.say("zhang", "/定级 2 紧急 有人被困")
    six.say("sun", "/督办 3 区 6月3日")
    six.notices()

    six.say("zhang", "/派单 1-6 城管科")

    there = [notice for notice in six.notices() if notice.group == "chengguan"]
    assert [(notice.kind, notice.order, notice.urgent) for notice in there] == [
        ("dispatched", 2, True),
        ("dispatched", 3, False),
        ("several_dispatched", None, False),
    ]
    assert "/接单 1 4-6；" in there[2].text


def test_what_was_refused_is_in_no_digest_and_a_lone_one_is_told_as_ever(six: Street) -> None:
    six.say("zhang", "/派单 1-4 城管科")
    six.notices()

    six.say("li", "/派单 1-6 社区建设科")
    there = six.notices()
    assert {notice.kind for notice in there} == {"several_dispatched"}
    assert "#4】" not in there[0].text and "【#5】" in there[0].text

    six.import_rows(row(7))
    six.through(7, "签收")
    six.notices()
    six.say("li", "/派单 1-7 社区建设科")
    assert [(notice.kind, notice.order) for notice in six.notices()] == [("dispatched", 7)] * 2


def test_equal_answers_are_said_once_with_a_mark_for_each_order(six: Street) -> None:
    six.say("zhang", "/定级 2 紧急 有人被困")

    reply = six.say("zhang", "/派单 1-6 9 城管科")

    ordinary = " ".join(f"✔ 【#{number}】" for number in (1, 3, 4, 5, 6))
    assert reply.startswith(f"{ordinary}已派单，主办：城管科\n")
    assert "下一步：主办科室 /接单 1 3-6\n" in reply
    assert "\n✔ 【#2】已派单，主办：城管科\n" in reply and "/电话 2 被叫人" in reply
    assert reply.endswith("✘ 没有工单 #9：请核对单号，或用 /查 关键词 查找")
    assert reply.count("已派单，主办") == 2

    reply = six.say("wang", "/接单 1 3-6 9")
    assert reply.startswith(f"{ordinary}已接单，经办人：王科长\n")
    assert "/反馈 单号 已接通 说明" in reply, "/反馈 takes one order"

    wrong = six.say("wang", "/分办 1 3-6 9 没人")
    assert wrong.count("没有叫“没人”的人") == 1
    assert "例：/分办 1 3-6 钱队员" in wrong


def test_each_command_of_many_orders_has_its_digest(six: Street) -> None:
    said = [
        ("li", "/催办 1-6", "several_urged"),
        ("zhang", BULK, "several_dispatched"),
        ("wang", "/接单 1-6", "several_accepted"),
        ("wang", "/分办 1-6 钱队员", "several_assigned"),
    ]
    for person, typed, kind in said:
        six.say(person, typed, chat=f"@{person}")
        notices = six.notices()
        assert kind in {notice.kind for notice in notices}, typed
        assert {notice.order for notice in notices} == {None}, typed
    for number in range(1, 7):
        six.through(number, "反馈", "办结", "评定")
    six.notices()
    six.say("sun", "/结案 1-6", chat="@sun")
    assert six.notices().only("several_closed").text.startswith("已结案 6 件（孙主任 ")


def test_a_digest_is_taken_back_as_it_was_told(six: Street) -> None:
    six.say("zhang", BULK)
    six.say("zhang", "/撤回", chat="@zhang")
    assert {notice.state for notice in six.notices() if notice.kind != "several_undone"} == {"cancelled"}

    six.say("zhang", BULK)
    six.deliver()
    six.notices()
    reply = six.say("zhang", "/撤回", chat="@zhang")

    assert six.notices().lines == [
        "dispatch: several_undone @wang @liu @qian @he",
        "chengguan: several_undone @wang @qian",
        "shequ: several_undone @liu @he",
    ]
    assert reply.count("已撤回派单，现在是“待派单”") == 1 and reply.count("✔") == 6
    told = next(box.text for box in six.rows(Outbox) if box.kind == "several_undone")
    assert told.splitlines()[0] == "张坐席 撤回了 6 件的派单，现在是“待派单”"
    assert told.splitlines()[1].startswith("【#1】")
    six.check()


def test_a_digest_of_what_was_taken_back_names_every_kind_and_state(one: Street, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('[[rule]]\nkey = "together_above"\nsince = 2026-01-01\nvalue = 1\n', encoding="utf-8")
    one.policy = load_policy(file)
    one.import_rows(row(2))
    one.through(2, "签收")
    one.say("zhang", "/核查 1 现场无人", files={"现场照片.png": png()})
    one.notices()

    one.say("zhang", "/撤回", chat="@zhang")
    assert one.notices().only("several_undone").text.splitlines()[0] == (
        "张坐席 撤回了 1 件的附件、1 件的核查，现在是“待签收”"
    )

    one.say("li", "/催办 1-2")
    one.deliver()
    one.notices()
    one.say("li", "/撤回", chat="@li")
    text = one.notices().only("several_undone").text
    assert text.splitlines()[0] == "李坐席 撤回了 2 件的催办，现在是“待签收” 1 件、“待派单” 1 件"


def test_a_digest_of_which_some_went_on_is_sent_and_then_corrected(six: Street) -> None:
    six.say("zhang", BULK)
    six.through(2, "接单")
    six.notices()

    six.say("zhang", "/撤回", chat="@zhang")

    there = [notice for notice in six.notices() if notice.group == "chengguan"]
    assert [notice.kind for notice in there] == ["several_undone"]
    assert "【#2】" not in there[0].text and "【#3】" in there[0].text
    states = {notice.kind: notice.state for notice in six.rows(Outbox) if notice.audience == "chengguan"}
    assert states["several_dispatched"] == "pending"


def test_a_quoted_digest_of_a_command_asks_which(six: Street) -> None:
    six.say("zhang", BULK)
    digest = next(notice for notice in six.notices() if notice.group == "chengguan")
    six.deliver()

    assert "引用的消息提到几件工单（#1、#2" in six.say("wang", "/接单", quote=digest, chat="chengguan")
