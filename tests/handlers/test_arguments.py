"""The arguments of commands, read piece by piece."""

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.organisation import Community, Department, Organisation, Person
from config.shanghai import at_time, day_of, end_of_day, full_text
from handlers.arguments import Arguments
from handlers.references import FullNumber, ShortNumber
from handlers.refusal import Refusal

NOW = at_time(date(2026, 6, 10), time(10, 32))
ITEMS = ("联系人", "联系时间", "诉求", "结果", "依据", "态度")
ORGANISATION = Organisation(
    people=(
        Person(id="li", name="李四", roles=frozenset({"department"}), department="chengguan"),
        Person(id="wang1", name="王五", roles=frozenset({"department"}), department="chengguan"),
        Person(id="wang2", name="王五", roles=frozenset({"duty"})),
    ),
    departments=(
        Department(id="chengguan", name="城管科", aliases=("城管", "综合执法")),
        Department(id="zonghe", name="综合科"),
        Department(id="pingan", name="平安建设办"),
    ),
    communities=(Community(name="科源社区", aliases=("科源",)),),
)


class Calendar:
    """Every day is a workday."""

    def due_after_workdays(self, at: datetime, n: int) -> tuple[datetime, bool]:
        return end_of_day(day_of(at) + timedelta(days=n)), False


CALENDAR = Calendar()


def test_words_end_at_spaces_and_the_rest_keeps_its_lines():
    arguments = Arguments(" 其他　无\n第一行\n  第二行 ")
    assert arguments.word("类别") == "其他"
    assert arguments.word("单位") == "无"
    assert arguments.rest("说明") == "第一行\n  第二行"
    assert not arguments
    with pytest.raises(Refusal, match="缺少单位"):
        arguments.word("单位")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("部分解决 已清理", "已清理"),
        ("部分解决", ""),
        ("部分解决，已清理", "已清理"),
        ("部分解决：已清理", "已清理"),
        ("部分解决\n联系人：李四", "联系人：李四"),
    ],
)
def test_a_choice_is_the_longest_option_and_may_end_in_a_mark(text, left):
    arguments = Arguments(text)
    assert arguments.choice("结果", ("解决", "部分解决", "部分")) == "部分解决"
    assert arguments.left == left


def test_a_choice_gives_what_the_option_means():
    answers = {"是": True, "已响应": True, "否": False}
    assert Arguments("已响应").choice("响应", answers) is True
    assert Arguments("否").choice("响应", answers) is False


@pytest.mark.parametrize(("text", "message"), [("", "缺少结果"), ("搞定 了", "“搞定”"), ("解决了", "“解决了”")])
def test_another_word_is_refused_with_the_options(text, message):
    with pytest.raises(Refusal, match=message) as refusal:
        Arguments(text).choice("结果", ("解决", "未解决"))
    assert "解决、未解决" in refusal.value.message


def test_an_optional_choice_that_is_absent_reads_nothing():
    arguments = Arguments("录音 A12 满意")
    assert arguments.optional_choice(("取消",)) is None
    assert arguments.optional_choice({"录音": 1}) == 1
    assert arguments.left == "A12 满意"


@pytest.mark.parametrize("text", ["代 城管科 解决", "代城管科 解决", "代　城管科 解决"])
def test_on_behalf_of_whom(text):
    arguments = Arguments(text)
    assert arguments.behalf() == "城管科"
    assert arguments.left == "解决"


def test_nobody_is_acted_for_without_the_word():
    arguments = Arguments("解决 代办已完成")
    assert arguments.behalf() is None
    assert arguments.left == "解决 代办已完成"
    with pytest.raises(Refusal, match="缺少代的科室或人"):
        Arguments("代").behalf()


@pytest.mark.parametrize(
    ("text", "departments", "left"),
    [
        ("城管科", ["chengguan"], ""),
        ("城管 请今天联系", ["chengguan"], "请今天联系"),
        ("chengguan", ["chengguan"], ""),
        ("城管科+综合科+平安建设办 说明", ["chengguan", "zonghe", "pingan"], "说明"),
        ("城管科＋综合科", ["chengguan", "zonghe"], ""),
        ("城管科、综合科 说明", ["chengguan", "zonghe"], "说明"),
        ("城管科 + 综合科 说明", ["chengguan", "zonghe"], "说明"),
        ("城管科+ 说明", None, ""),
        ("城管科+", ["chengguan"], ""),
        ("城管科\n综合科 一起看", ["chengguan"], "综合科 一起看"),
    ],
)
def test_the_first_department_leads_and_the_others_assist(text, departments, left):
    arguments = Arguments(text)
    if departments is None:
        with pytest.raises(Refusal, match="没有叫“说明”的科室"):
            arguments.departments(ORGANISATION)
        return
    assert [department.id for department in arguments.departments(ORGANISATION)] == departments
    assert arguments.left == left


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "缺少主办科室"),
        ("+", "缺少主办科室"),
        ("城管处", "城管科"),
        ("城管科+城管", "写了两次"),
        ("城管科综合科", "没有叫“城管科综合科”的科室"),
    ],
)
def test_departments_that_cannot_be_are_refused(text, message):
    with pytest.raises(Refusal, match=message):
        Arguments(text).departments(ORGANISATION)


@pytest.mark.parametrize("text", ["李四 今天去", "li 今天去", "@李四 今天去", "＠李四 今天去"])
def test_a_person_by_name_id_or_mention(text):
    arguments = Arguments(text)
    assert arguments.person(ORGANISATION).id == "li"
    assert arguments.left == "今天去"


def test_a_person_mentioned_at_the_end_of_the_message():
    assert Arguments("", mentions=("机器人", "李四")).person(ORGANISATION).id == "li"
    with pytest.raises(Refusal, match="缺少人"):
        Arguments("", mentions=("机器人",)).person(ORGANISATION)


def test_people_of_one_name_are_told_apart_by_id():
    with pytest.raises(Refusal, match=r"wang1.*wang2"):
        Arguments("王五").person(ORGANISATION)
    with pytest.raises(Refusal, match="没有叫“赵六”的人"):
        Arguments("赵六").person(ORGANISATION)


def test_what_may_be_absent_is_read_only_where_it_stands():
    arguments = Arguments("综合执法 科源 紧急")
    assert arguments.optional_community(ORGANISATION) is None
    assert arguments.optional_department(ORGANISATION).id == "chengguan"
    assert arguments.optional_department(ORGANISATION) is None
    assert arguments.optional_community(ORGANISATION).name == "科源社区"
    assert arguments.left == "紧急"
    assert Arguments("").optional_department(ORGANISATION) is None


@pytest.mark.parametrize(
    ("text", "order"),
    [("45", ShortNumber(45)), ("＃４５", ShortNumber(45)), ("热线-260601-000001", FullNumber("热线-260601-000001"))],
)
def test_an_order_among_the_arguments(text, order):
    assert Arguments(text).order("保留的单号") == order


@pytest.mark.parametrize("text", ["", "1234567", "3号楼", "0", "4-5"])
def test_what_is_no_order_is_refused(text):
    with pytest.raises(Refusal):
        Arguments(text).order("保留的单号")


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("13800001234", "13800001234"),
        ("１３８００００１２３４", "13800001234"),
        ("138-0000-1234", "13800001234"),
        ("+8613800001234", "13800001234"),
        ("010-66660000", "01066660000"),
        ("66660000", "66660000"),
    ],
)
def test_a_telephone_number(text, digits):
    assert Arguments(text).phone() == digits


@pytest.mark.parametrize("text", ["", "123", "李四", "1380000123"])
def test_what_is_no_telephone_number_is_refused_without_repeating_it(text):
    with pytest.raises(Refusal) as refusal:
        Arguments(text).phone()
    assert not text or text not in refusal.value.message


def test_a_deadline_lies_ahead():
    arguments = Arguments("3个工作日后 等待配件")
    assert full_text(arguments.when("新截止", now=NOW, calendar=CALENDAR).at) == "2026-06-14 00:00"
    assert arguments.left == "等待配件"
    for text, message in [
        ("", "缺少新截止"),
        ("尽快 处理", "看不懂新截止“尽快”"),
        ("昨天", "新截止不对"),
        ("2026-02-30", "没有 30 日"),
    ]:
        with pytest.raises(Refusal, match=message):
            Arguments(text).when("新截止", now=NOW, calendar=CALENDAR)


def test_a_contact_lies_behind():
    arguments = Arguments("昨天 15:00 已接通 同意")
    assert full_text(arguments.optional_when("时间", now=NOW, calendar=CALENDAR, past=True).at) == "2026-06-09 15:00"
    assert arguments.optional_when("时间", now=NOW, calendar=CALENDAR, past=True) is None
    assert arguments.left == "已接通 同意"
    with pytest.raises(Refusal, match="还没有到"):
        Arguments("明天").optional_when("时间", now=NOW, calendar=CALENDAR, past=True)


def test_a_length_of_time_and_a_period():
    arguments = Arguments("30分钟 本期 按科室")
    assert arguments.span("时长") == timedelta(minutes=30)
    assert arguments.optional_period(now=NOW).label == "2026-06期"
    assert arguments.optional_period(now=NOW) is None
    assert arguments.left == "按科室"
    with pytest.raises(Refusal, match="缺少时长"):
        arguments.span("时长")


def test_the_rest_may_have_to_be_long_enough():
    assert Arguments("十个字以上的说明 没问题").rest("说明", at_least=10) == "十个字以上的说明 没问题"
    with pytest.raises(Refusal, match="至少 10 个字，现在 4 个字"):
        Arguments("说 明 太 短").rest("说明", at_least=10)
    with pytest.raises(Refusal, match="缺少说明"):
        Arguments("").rest("说明")
    assert Arguments("").rest("说明", at_least=0) == Arguments("").optional_rest() == ""


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("已清理", {"结果": "已清理"}),
        ("已清理\n并回访", {"结果": "已清理\n并回访"}),
        ("联系人：李四\n结果：已清理\n分两次", {"联系人": "李四", "结果": "已清理\n分两次"}),
        ("联系人: 李四\n态度 ：满意", {"联系人": "李四", "态度": "满意"}),
        ("已清理；联系人：李四；态度：满意", {"结果": "已清理", "联系人": "李四", "态度": "满意"}),
        ("联系人：李四 联系时间：10:30 诉求：清理", {"联系人": "李四", "联系时间": "10:30", "诉求": "清理"}),
        ("1. 联系人：李四\n2、诉求：清理\n- 态度：满意", {"联系人": "李四", "诉求": "清理", "态度": "满意"}),
        ("先到场\n结果：后清理", {"结果": "先到场\n后清理"}),
        ("联系人：\n结果：已清理", {"结果": "已清理"}),
        ("处理结果：已清理", {"结果": "处理结果：已清理"}),
        ("", {}),
    ],
)
def test_labelled_lines(text, items):
    assert Arguments(text).labelled(ITEMS) == items


def test_a_label_may_have_other_names():
    assert Arguments("法律依据：条例").labelled({"依据": "依据", "法律依据": "依据"}) == {"依据": "条例"}


def test_nothing_may_be_left_over():
    Arguments("  ").done()
    with pytest.raises(Refusal, match="多了“/签收 2”"):
        Arguments("/签收\n2").done()


TEXT = st.text() | st.text(alphabet="代城管科+、 \n李四：:；解决联系人结果1２#-年月日点今天", max_size=30)
READERS = st.sampled_from(
    [
        lambda arguments: arguments.word("词"),
        lambda arguments: arguments.choice("结果", ("解决", "部分解决")),
        lambda arguments: arguments.optional_choice(("解决",)),
        lambda arguments: arguments.behalf(),
        lambda arguments: arguments.department(ORGANISATION),
        lambda arguments: arguments.departments(ORGANISATION),
        lambda arguments: arguments.optional_department(ORGANISATION),
        lambda arguments: arguments.optional_community(ORGANISATION),
        lambda arguments: arguments.person(ORGANISATION),
        lambda arguments: arguments.order(),
        lambda arguments: arguments.phone(),
        lambda arguments: arguments.optional_when("时间", now=NOW, calendar=CALENDAR),
        lambda arguments: arguments.optional_period(now=NOW),
        lambda arguments: arguments.span("时长"),
        lambda arguments: arguments.labelled(ITEMS),
        lambda arguments: arguments.rest("说明", at_least=3),
        lambda arguments: arguments.done(),
    ]
)


@given(TEXT, st.lists(READERS, max_size=4))
def test_no_text_raises_anything_but_a_refusal_of_one_line(text, readers):
    arguments = Arguments(text)
    try:
        for read in readers:
            read(arguments)
    except Refusal as refusal:
        assert refusal.message
        assert "\n" not in refusal.message
    assert text.strip().endswith(arguments.left)
