"""The interface's section Chat, sentence by sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.parser import (
    AMBIGUOUS,
    LONGEST,
    ArgumentKind,
    CommandIndex,
    FullNumber,
    Grammar,
    Invocation,
    Misread,
    NotACommand,
    References,
    ShortNumber,
    Unknown,
    order_of_quote,
    parse,
    render,
)

NONE, ONE, MANY = References.NONE, References.ONE, References.MANY
PHONE, DATE, ORDER = (frozenset({kind}) for kind in (ArgumentKind.PHONE, ArgumentKind.DATE, ArgumentKind.ORDER))

COMMANDS = CommandIndex(
    [
        Grammar("登记", ("new",), NONE),
        Grammar("签收", ("签", "claim"), MANY),
        Grammar("退回", ("退件", "return"), ONE),
        Grammar("退回结果", ("returned",), ONE),
        Grammar("报备", ("refer",), ONE),
        Grammar("派单", ("派发", "转办", "dispatch"), MANY),
        Grammar("电话", ("phone",), ONE, PHONE),
        Grammar("接单", ("accept",), MANY),
        Grammar("核查", ("check",), ONE),
        Grammar("反馈", ("contact",), ONE, DATE),
        Grammar("延期", ("extend",), ONE, DATE),
        Grammar("办结", ("done",), ONE),
        Grammar("挂账", ("suspend",), ONE, DATE),
        Grammar("作废", ("void",), ONE, ORDER),
        Grammar("确认作废", (), ONE),
        Grammar("督办", ("supervise",), ONE),
        Grammar("撤回", ("undo",), NONE),
        Grammar("查", ("show",), ONE),
        Grammar("统计", ("stats",), NONE),
        Grammar("提醒", ("remind",), NONE),
        Grammar("帮助", ("help",), NONE),
    ]
)
CITY = "热线-260601-000001"


def short(*values: int) -> tuple[ShortNumber, ...]:
    return tuple(ShortNumber(value, 100 <= value <= 999) for value in values)


def read(text: str, *, addressed: bool = False, quoted: bool = False):
    return parse(text, COMMANDS, addressed=addressed, quoted=quoted)


@pytest.mark.parametrize(
    ("text", "name", "values", "rest"),
    [
        ("/签收 12", "签收", (12,), ""),
        ("／签收 12", "签收", (12,), ""),
        ("、签收 12", "签收", (12,), ""),
        ("\\签收 12", "签收", (12,), ""),
        ("＼签收 12", "签收", (12,), ""),
        ("/ 签收 12", "签收", (12,), ""),
        ("  /签收 12  ", "签收", (12,), ""),
        ("/签收123", "签收", (123,), ""),
        ("/签收１２３", "签收", (123,), ""),
        ("/签收　１２", "签收", (12,), ""),
        ("/签收\n12", "签收", (12,), ""),
        ("/签12", "签收", (12,), ""),
        ("/claim 12", "签收", (12,), ""),
        ("/CLAIM12", "签收", (12,), ""),
        ("/ｃｌａｉｍ 12", "签收", (12,), ""),
        ("/签收 15-18", "签收", (15, 16, 17, 18), ""),
        ("/签收 15－18", "签收", (15, 16, 17, 18), ""),
        ("/签收 15～18", "签收", (15, 16, 17, 18), ""),
        ("/签收 #15-#16", "签收", (15, 16), ""),
        ("/签收 1 2,3，4、5　6", "签收", (1, 2, 3, 4, 5, 6), ""),
        ("/签收 1, 2 ，3", "签收", (1, 2, 3), ""),
        ("/签收 5 5 5-6", "签收", (5, 6), ""),
        ("/派单 12 13 城管科+综合科 请今天联系", "派单", (12, 13), "城管科+综合科 请今天联系"),
        ("/派单 12 城管科 3 号楼", "派单", (12,), "城管科 3 号楼"),
        ("/退回结果 12 成功", "退回结果", (12,), "成功"),
        ("/退回 12 其他 无 说明说明", "退回", (12,), "其他 无 说明说明"),
        ("/确认作废 12", "确认作废", (12,), ""),
        ("/报备 12 13 号楼产权不清", "报备", (12,), "13 号楼产权不清"),
        ("/报备 12、13 号楼产权不清", "报备", (12,), "13 号楼产权不清"),
        ("/办结 12 解决\n联系人：张三\n\n结果：已清理　", "办结", (12,), "解决\n联系人：张三\n\n结果：已清理"),
        ("/办结 12 解决\r\n结果", "办结", (12,), "解决\n结果"),
        ("/核查 12 共４０平方米", "核查", (12,), "共４０平方米"),
        ("/查 漏水 小区", "查", (), "漏水 小区"),
        ("/报备 123号楼漏水", "报备", (), "123号楼漏水"),
        ("/报备 3、4号楼漏水", "报备", (), "3、4号楼漏水"),
        ("/提醒10:30 开会", "提醒", (), "10:30 开会"),
        ("/统计 2026-06-01..2026-06-15", "统计", (), "2026-06-01..2026-06-15"),
        ("/撤回", "撤回", (), ""),
    ],
)
def test_a_command_is_its_name_its_orders_and_the_rest(text, name, values, rest):
    expected = tuple(ShortNumber(value, f"{value}" in ("123",)) for value in values)
    assert read(text) == Invocation(name, expected, rest)


@pytest.mark.parametrize(
    ("word", "reference"),
    [
        ("1", ShortNumber(1)),
        ("000007", ShortNumber(7)),
        ("123456", ShortNumber(123456)),
        ("123", ShortNumber(123, three_digits=True)),
        ("007", ShortNumber(7, three_digits=True)),
        ("000", ShortNumber(0, three_digits=True)),
        ("１２３", ShortNumber(123, three_digits=True)),
        ("#123", ShortNumber(123)),
        ("＃１２３", ShortNumber(123)),
        ("12345678", FullNumber("12345678")),
        ("20260601000123", FullNumber("20260601000123")),
        (CITY, FullNumber(CITY)),
        ("热线－２６０６０１－０００００１", FullNumber(CITY)),
        ("网络-260601-000002", FullNumber("网络-260601-000002")),
    ],
)
def test_a_reference_is_a_short_number_or_a_whole_one(word, reference):
    assert read(f"/查 {word}") == Invocation("查", (reference,))
    assert read(f"/签收 {word} 9") == Invocation("签收", (reference, ShortNumber(9)))


@pytest.mark.parametrize("text", [f"/签收{CITY}", f"/签{CITY}", f"/查{CITY}", "/签收#123", "/签收＃123", "/查12345678"])
def test_without_a_space_a_digit_a_hash_or_an_order_number_may_follow(text):
    assert len(read(text).references) == 1


@pytest.mark.parametrize(
    ("text", "name", "nearest"),
    [
        ("/查询12", "查询", "查"),
        ("/签收吧", "签收吧", "签收"),
        ("/签到 12", "签到", "签收"),
        ("/退回结", "退回结", "退回结果"),
        ("/claims", "claims", "签收"),
        ("/dispach 12", "dispach", "派单"),
        ("/请帮我派单", "请帮我派单", "派单"),
    ],
)
def test_an_unknown_command_answers_with_the_nearest_ones(text, name, nearest):
    answer = read(text)
    assert isinstance(answer, Unknown)
    assert answer.name == name
    assert nearest in answer.nearest


@pytest.mark.parametrize("text", ["/", "、", "/12", "/#12", "/ ", "//", "/？？"])
def test_a_slash_without_a_name_is_unknown_and_near_nothing(text):
    answer = read(text)
    assert isinstance(answer, Unknown)
    assert answer.nearest == ()


@pytest.mark.parametrize("text", ["", " ", "签收 12", "好的", "12", "#12", "@李四 签收 12", "我/签收 12"])
def test_people_talking_to_each_other_are_left_alone(text):
    assert read(text) == NotACommand()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("签收 12", Invocation("签收", short(12))),
        ("/签收 12", Invocation("签收", short(12))),
        ("签12", Invocation("签收", short(12))),
        ("你好", Unknown("你好", ())),
        ("", Unknown("", ())),
        ("@机器人", Unknown("", ())),
    ],
)
def test_when_addressed_no_slash_is_needed_and_nothing_stays_unanswered(text, expected):
    assert read(text, addressed=True) == expected


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("@机器人 /签收 12", ("机器人",)),
        ("@机器人\u2005/签收 12", ("机器人",)),
        ("@机器人/签收 12", ("机器人",)),
        ("＠机器人／签收 12", ("机器人",)),
        ("@机器人 @张三\u2005/签收 12", ("机器人", "张三")),
        ("/签收 12 @机器人", ("机器人",)),
        ("/签收 12 @机器人\u2005", ("机器人",)),
        ("/签收 12@机器人", ("机器人",)),
        ("/签收 12\n@bot:chat.test", ("bot:chat.test",)),
        ("@甲 /签收 12 @乙 @丙", ("甲", "乙", "丙")),
    ],
)
def test_mentions_at_either_end_are_fine(text, mentions):
    assert read(text) == Invocation("签收", short(12), mentions=mentions)


def test_an_address_at_the_end_is_no_mention():
    assert read("/报备 12 请发 office@example.com").rest == "请发 office@example.com"
    assert read("/报备 12 请 @李四 今天看").rest == "请 @李四 今天看"


@pytest.mark.parametrize(
    "text",
    [
        "/签收 1234567",
        "/签收 12 1234567",
        "/查 1234567",
        "/查 #1234567",
        "/查 #12345678",
        "/查 0",
        "/查 00",
        "/查 #000",
        "/查 0000",
        "/签收 0-5",
        "/签收 18-15",
        "/签收 1-51",
        "/签收 1-40 101-120",
        "/驳回 15-18 理由".replace("驳回", "核查"),
        "/查 " + "9" * 40,
    ],
)
def test_what_cannot_be_an_order_is_refused_in_one_chinese_line(text):
    answer = read(text)
    assert isinstance(answer, Misread)
    assert answer.message and "\n" not in answer.message and len(answer.message) < 120


def test_fifty_orders_are_the_most_that_one_message_may_name():
    assert len(read("/签收 1-50").references) == 50
    assert len(read("/签收 1-50 50").references) == 50


def test_three_digits_in_a_range_are_endings_like_three_digits_alone():
    assert read("/签收 345-346").references == (ShortNumber(345, True), ShortNumber(346, True))
    assert read("/签收 99-101").references == (ShortNumber(99), ShortNumber(100), ShortNumber(101))


@pytest.mark.parametrize(
    ("text", "values", "rest", "from_quote"),
    [
        ("/签收", (), "", True),
        ("/签收 12", (12,), "", False),
        ("/核查 楼道已清理", (), "楼道已清理", True),
        ("/核查 12 楼道已清理", (12,), "楼道已清理", False),
        ("/核查 3号楼已清理", (), "3号楼已清理", True),
        ("/督办 区 明天", (), "区 明天", True),
        ("/电话 13800001234", (), "13800001234", True),
        ("/电话 １３８００００１２３４", (), "１３８００００１２３４", True),
        ("/电话 13800001234 已告知", (), "13800001234 已告知", True),
        ("/电话 66661234 已告知", (), "66661234 已告知", True),
        ("/电话 13800001234 2 号楼", (), "13800001234 2 号楼", True),
        ("/电话 12 13800001234", (12,), "13800001234", False),
        ("/电话 12 王科长", (12,), "王科长", False),
        ("/作废 45", (), "45", True),
        ("/作废 #45", (), "#45", True),
        (f"/作废 {CITY}", (), CITY, True),
        ("/作废 44 45", (44,), "45", False),
        ("/挂账 20260630 依据", (), "20260630 依据", True),
        ("/挂账 6-30 依据", (), "6-30 依据", True),
        ("/挂账 12 20260630 依据", (12,), "20260630 依据", False),
        ("/挂账 12 依据", (12,), "依据", False),
        ("/反馈 202606051030 已接通 说明", (), "202606051030 已接通 说明", True),
    ],
)
def test_with_a_quote_an_argument_of_the_usages_own_kind_is_no_order(text, values, rest, from_quote):
    answer = read(text, quoted=True)
    assert (answer.references, answer.rest, answer.quoted) == (short(*values), rest, from_quote)


def test_with_a_quote_a_number_that_is_not_of_that_kind_is_the_order():
    assert read("/挂账 20261340 依据", quoted=True).references == (FullNumber("20261340"),)
    assert read("/核查 20260630 已看", quoted=True).references == (FullNumber("20260630"),)


def test_without_a_quote_the_leading_number_is_the_order():
    assert read("/作废 45") == Invocation("作废", short(45))
    assert read("/电话 13800001234") == Invocation("电话", (FullNumber("13800001234"),))


def test_a_command_without_orders_never_takes_one_from_a_quote():
    assert read("/撤回", quoted=True) == Invocation("撤回")


def test_nothing_in_a_registration_is_a_reference_or_a_command():
    body = "123\n工单编号：热线-260601-000001\n/签收 12\n主要内容：1234567"
    assert read(f"/登记 {body}") == Invocation("登记", rest=body)
    assert read(f"/登记\n{body}") == Invocation("登记", rest=body)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("【#123】 热线-260601-000001\n状态：待派单", 123),
        ("⏰ 【#7】 还有 10 分钟\n【#8】", 7),
        ("\n【#7】 新单", 7),
        ("【#7】 与 【#7】", 7),
        ("汇总 3 件\n【#7】\n【#8】", None),
        ("【#7】 【#8】", AMBIGUOUS),
        ("#7", None),
        ("【7】", None),
        ("【#0】", None),
        ("【#1234567】", None),
        ("", None),
    ],
)
def test_a_quoted_text_names_its_order_on_the_first_line_only(text, order):
    assert order_of_quote(text) == order


def test_a_name_is_looked_up_however_it_is_written():
    assert COMMANDS.get("／签").name == COMMANDS.get("Claim").name == "签收"
    assert COMMANDS.get("没有") is None


@pytest.mark.parametrize("grammars", [[Grammar("签"), Grammar("查", ("签",))], [Grammar("签 收")], [Grammar("")]])
def test_an_index_with_a_doubtful_name_is_not_made(grammars):
    with pytest.raises(ValueError):
        CommandIndex(grammars)


def test_a_text_of_a_hundred_thousand_characters_is_answered_at_once():
    for text in ("/报备 12 " + "水" * 100_000, "/查 " + "9" * 100_000, "/签收 " + "1 " * 50_000):
        assert isinstance(read(text), Misread)
    for part in ("@a ", "/", " @a", "签", "-", "a-", "热线-260601-"):
        text = "/签收" + part * (100_000 // len(part))
        assert not isinstance(read(text, quoted=True), NotACommand)
        assert not isinstance(read(text[3:], addressed=True), NotACommand)
        assert order_of_quote(text) is None
    assert isinstance(read("/报备 12 " + "水" * (LONGEST - 10)), Invocation)


def test_marks_that_nobody_sees_are_dropped_and_broken_characters_replaced():
    assert read("\ufeff/签\x00收\u200b 1\x002") == Invocation("签收", short(12))
    assert read("/核查 12 好\ud800的").rest == "好\ufffd的"


TEXT = st.text() | st.text(
    alphabet="/／、\\签收查退回结果登记claim #＃@0123456789１２-－~,，\n\u2005\u3000\x00热线【】a.", max_size=60
)


@given(TEXT, st.booleans(), st.booleans())
def test_no_text_ever_raises(text, addressed, quoted):
    answer = parse(text, COMMANDS, addressed=addressed, quoted=quoted)
    if addressed:
        assert not isinstance(answer, NotACommand)
    order_of_quote(text)


@given(st.from_regex(r"\A/(签收|查|作废|电话|挂账) [ 0-9#,、~-]{0,30}\Z"), st.booleans())
def test_no_numbers_ever_raise(text, quoted):
    assert not isinstance(parse(text, COMMANDS, addressed=False, quoted=quoted), NotACommand | Unknown)


REFERENCE = (
    st.integers(1, 999_999).map(ShortNumber)
    | st.integers(0, 999).map(lambda value: ShortNumber(value, three_digits=True))
    | st.integers(10_000_000, 10**15).map(lambda value: FullNumber(str(value)))
    | st.integers(0, 999_999).map(lambda value: FullNumber(f"网络-261231-{value:06d}"))
)
REST = st.from_regex(r"\A[解决城管科+][^\x00-\x1f\x7f-\x9f@＠]*\Z").filter(
    lambda rest: (
        rest == rest.strip() and not any(ord(char) in range(0x2000, 0x2070) or char == "\ufeff" for char in rest)
    )
)


@given(
    st.builds(Invocation, st.just("签收"), st.lists(REFERENCE, max_size=20, unique=True).map(tuple), st.just("") | REST)
    | st.builds(Invocation, st.just("办结"), st.lists(REFERENCE, max_size=1).map(tuple), st.just("") | REST)
    | st.builds(Invocation, st.just("统计"), st.just(()), st.just("") | REST)
)
def test_a_rendered_command_reads_back_as_itself(invocation):
    assert read(render(invocation)) == invocation
