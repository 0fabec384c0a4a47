"""Rows, JSON and pasted text become orders, or are rejected each on its own with every reason."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo_orders import generate_day, write_csv
from handlers.intake.columns import recognise
from handlers.intake.files import FileKind, Table, read_table
from handlers.intake.rows import IncomingOrder, RejectedRow, from_mapping, from_text, raw_values, read_rows

from .old_excel import workbook
from .test_files import xlsx

NUMBER = "热线-260605-000001"
SHANGHAI = ZoneInfo("Asia/Shanghai")


def table(header, *rows, ragged=False) -> Table:
    numbered = ((number, row) for number, row in enumerate(rows, 2))
    return Table("表", FileKind.XLSX, "", tuple(header), 1, recognise(header), numbered, len(rows), ragged)


def read(header, *rows, ragged=False, **how) -> list[IncomingOrder | RejectedRow]:
    return list(read_rows(table(header, *rows, ragged=ragged), **how))


def one(how=None, **values) -> IncomingOrder | RejectedRow:
    return from_mapping({"number": NUMBER, **values}, 0, **(how or {}))


def test_a_full_row():
    header = ["工单编号", "问题分类", "标签", "标题", "来电人", "来电人电话/账号", "到达时间", "紧急程度", "成案领域"]
    row = [NUMBER, "生态环境->噪声->施工噪声", "多样性,七有五性", "噪声#微信服务号#", "张三", 13800001234.0]
    (order,) = read(header, [*row, "2026-06-05 09:00:00", "特急", "控烟"], noise=("#微信服务号#",))
    assert isinstance(order, IncomingOrder)
    assert (order.row, order.number, order.source, order.level) == (2, NUMBER, "市", "紧急")
    assert order.category == ("生态环境", "噪声", "施工噪声")
    assert order.category_path == "生态环境->噪声->施工噪声"
    assert order.tags == ("多样性", "七有五性")
    assert (order.title, order.title_as_given) == ("噪声", "噪声#微信服务号#")
    assert (order.caller, order.phone) == ("张三", "13800001234")
    assert order.arrived_at == datetime(2026, 6, 5, 1, tzinfo=UTC)
    assert order.extra == {"成案领域": "控烟"}
    assert order.warnings == ()


@pytest.mark.parametrize(
    ("cell", "number", "source"),
    [
        (NUMBER, NUMBER, "市"),
        ("  热线－260605－000001\u200b ", NUMBER, "市"),
        ("网络–260605–000001", "网络-260605-000001", "市"),
        (202606010001.0, "202606010001", "区"),
        (2.02606010001e11, "202606010001", "区"),
        ("'202606010001", "202606010001", "区"),
        ('="202606010001"', "202606010001", "区"),
        ("２０２６０６０１０００１", "202606010001", "区"),
        ("\t202606010001\0", "202606010001", "区"),
        ("12345678", "12345678", "区"),
    ],
)
def test_numbers_are_exact_in_each_dress_and_tell_the_source(cell, number, source):
    (order,) = read(["工单编号"], [cell])
    assert (order.number, order.source) == (number, source)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("", "缺少 工单编号"),
        ("-", "缺少 工单编号"),
        ("热线 260605 000001", "空格"),
        ("热线-260605\n-000001", "空格或换行"),
        ("1234567", "至少 8 位"),
        ("#12345678", "不像编号"),
        ("热线/260605", "不像编号"),
        ("合计", "没有数字"),
        ("热" * 70 + "1", "不像编号"),
        ("2.02606E+11", "末尾几位已丢失"),
        (2026060100010001234.0, "末尾几位已丢失"),
    ],
)
def test_numbers_that_are_none(cell, reason):
    (rejected,) = read(["工单编号", "标题"], [cell, "噪声"])
    assert isinstance(rejected, RejectedRow)
    assert reason in rejected.line
    assert rejected.line.startswith("第 2 行：")
    assert "\n" not in rejected.line


def test_the_line_for_a_row_without_a_number():
    (rejected,) = read(["工单编号", "标题"], ["", "噪声"])
    assert rejected.line == "第 2 行：缺少 工单编号"


def test_rows_stand_alone_and_blank_ones_are_skipped():
    header = ["工单编号", "办结时间"]
    good, bad = [NUMBER, ""], ["热线-260605-000002", "2026-02-30"]
    first, second, third = read(
        header, good, ["", None], [" ", "\u3000"], bad, ["工单编号", "办结时间"], ["12345678", ""]
    )
    assert isinstance(first, IncomingOrder)
    assert second == RejectedRow(5, "热线-260605-000002", ("办结时间 “2026-02-30”不是日历上有的日期",))
    assert second.line == "第 5 行（热线-260605-000002）：办结时间 “2026-02-30”不是日历上有的日期"
    assert isinstance(third, IncomingOrder)


def test_the_same_number_twice_in_a_file():
    first, second, other = read(["工单编号", "来源"], [NUMBER, "市"], [NUMBER, ""], [NUMBER, "区"])
    assert isinstance(first, IncomingOrder)
    assert second == RejectedRow(3, NUMBER, ("工单编号与第 2 行重复",))
    assert isinstance(other, IncomingOrder)


def test_every_reason_of_a_row_is_told():
    (rejected,) = read(["工单编号", "办结时间", "到达时间"], ["123", "2026-02-30", "昨天"])
    assert len(rejected.errors) == 3


@pytest.mark.parametrize(
    ("number", "said", "default", "source"),
    [
        (NUMBER, "", None, "市"),
        ("202606010001", "", None, "区"),
        ("202606010001", "", "市", "市"),
        (NUMBER, "区级", None, "区"),
        (NUMBER, "市12345热线", None, "市"),
        (NUMBER, "市中心", "区", "市"),
        (NUMBER, "电话", None, "市"),
        (NUMBER, "社区上报", "区", "区"),
    ],
)
def test_the_source(number, said, default, source):
    (order,) = read(["工单编号", "来源"], [number, said], default_source=default)
    assert order.source == source
    if said in {"电话", "社区上报"}:
        assert order.extra == {"来源（原文）": said}


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("a->b->c", ("a", "b", "c")),
        ("a - b - c", ("a", "b", "c")),
        ("a/b", ("a", "b")),
        ("噪声/扰民->施工-夜间", ("噪声/扰民", "施工-夜间")),
        ("a→b", ("a", "b")),
        ("单级", ("单级",)),
        ("1->2->3->4->5->6", ("1", "2", "3", "4", "5")),
    ],
)
def test_classes(text, levels):
    assert one(category=text).category == levels


@pytest.mark.parametrize("text", ["甲,乙", "甲，乙", "甲；乙", "甲、乙、甲", "甲 ; 乙;"])
def test_tags(text):
    assert one(tags=text).tags == ("甲", "乙")


@pytest.mark.parametrize(
    ("word", "level"), [("加急", "紧急"), ("普通", "一般"), ("疑难", "疑难"), ("", ""), ("无", "")]
)
def test_levels(word, level):
    assert one(level=word).level == level


def test_an_unknown_level_is_kept_and_told():
    order = one(level="三星")
    assert (order.level, order.extra) == ("", {"紧急程度（原文）": "三星"})
    assert "紧急程度" in order.warnings[0]


@pytest.mark.parametrize("values", [{"caller": "保密"}, {"phone": "保密"}, {"phone": "（保密）"}])
def test_confidential_callers(values):
    assert one(**values).confidential
    assert not one(caller="张三").confidential


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"closed_at": "2026-06-04"}, "早于编号里的日期 2026-06-05"),
        ({"due_at": "2026-06-05 08:00", "arrived_at": "2026-06-05 09:00"}, "办理时限 2026-06-05 08:00 早于到达时间"),
        ({"closed_at": "2026-06-05 08:00", "arrived_at": "2026-06-05 09:00"}, "办结时间 2026-06-05 08:00 早于到达时间"),
        ({"reported_at": "2026-06-05 10:00", "arrived_at": "2026-06-05 09:00"}, "早于来话时间"),
        ({"phone": "136××××"}, "已打码"),
        ({"phone": "138****1234"}, "已打码"),
        ({"phone": "1.38E+10"}, "末尾几位已丢失"),
        ({"due_at": "7个工作日"}, "时长"),
        ({"title": "长" * 501}, "只留前 500"),
    ],
)
def test_what_is_odd_is_accepted_with_a_warning(values, warning):
    order = one(**values)
    assert isinstance(order, IncomingOrder)
    assert len(order.warnings) == 1
    assert warning in order.warnings[0]


def test_a_due_date_means_the_end_of_that_day():
    assert one(due_at="2026-06-10").due_at == datetime(2026, 6, 11, tzinfo=SHANGHAI)


def test_the_given_source_is_the_default_and_a_contradiction_is_told():
    assert "以表内为准" in one({"default_source": "区"}, source="市").warnings[0]


def test_content_is_never_cut():
    assert one(content="字" * 32_767).content == "字" * 32_767
    rejected = one(content="字" * 100_000)
    assert rejected.errors == ("主要内容 有 100000 个字，最多 32767 个",)


def test_controls_are_stripped_and_everything_else_stays():
    order = one(content="一\0二\r\n三\u202e四\ud800😀👨‍👩‍👧，（全角）　\x07")
    assert order.content == "一二\n三四😀👨‍👩‍👧，（全角）"


def test_a_broken_csv_row_is_rejected_and_a_short_one_told():
    long, short = read(["工单编号", "标题"], [NUMBER, "a", "多", ""], ["12345678"], ragged=True)
    assert "多出 1 列" in long.line
    assert "只有 1 列" in short.warnings[0]


@given(
    st.permutations(
        ["张三", "13800001234", "科源小区3号楼2单元501室", NUMBER, "2026-06-05", "诉求人张三称楼上漏水", ""]
    )
)
def test_a_row_whose_columns_slipped_tells_nothing_personal(cells):
    header = ["工单编号", "到达时间", "办理时限", "紧急程度", "来源", "问题分类", "标签"]
    (read_row,) = read(header, cells)
    told = "".join(read_row.warnings if isinstance(read_row, IncomingOrder) else read_row.errors)
    assert not any(word in told for word in ("张三", "1380000", "科源", "501"))


# JSON


def test_json_takes_chinese_and_english_names_numbers_and_lists():
    order = from_mapping(
        {"工单编号": 202606010001, "category": ["甲", "乙"], "标签": ["丙"], "arrived_at": 46178.5, "title": None}, 3
    )
    assert (order.row, order.number, order.source) == (3, "202606010001", "区")
    assert (order.category, order.tags, order.title) == (("甲", "乙"), ("丙",), "")
    assert order.arrived_at == datetime(2026, 6, 5, 12, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"number": NUMBER, "color": "red"}, "不认识的键“color”"),
        ({"number": NUMBER, "标题": "a", "title": "b"}, "“title”与另一个键都是 标题"),
        ({"number": NUMBER, "title": {"a": 1}}, "“title”应为文字，不能是对象"),
        ({"number": NUMBER, "title": ["a"]}, "“title”应为文字，不能是列表"),
        ({"number": NUMBER, "tags": [1]}, "“tags”应为文字或文字的列表"),
        ({"number": NUMBER, "solved": True}, "“solved”应为文字，不能是true/false"),
        ({"number": 1.5}, "“number”应为文字，不能是小数"),
        ({"number": NUMBER, "到达时间": "2026-02-30"}, "到达时间 “2026-02-30”"),
        ({}, "缺少 工单编号"),
        ([], "应为一个对象"),
        ("x", "应为一个对象"),
        (None, "应为一个对象"),
    ],
)
def test_json_that_is_wrong_names_the_key(values, words):
    rejected = from_mapping(values, 7)
    assert isinstance(rejected, RejectedRow)
    assert rejected.row == 7
    assert any(words in error for error in rejected.errors)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["number", "title", "tags", "category", "due_at", "工单编号", "来源", "紧急程度"])


@given(json_values | st.dictionaries(names | st.text(max_size=4), json_values, max_size=5))
def test_no_json_raises(values):
    assert isinstance(from_mapping(values, 0), IncomingOrder | RejectedRow)


# /登记


def test_labelled_lines_go_on_until_the_next_known_label():
    order = from_text(
        f"工单编号：{NUMBER}\r\n标题: 夜间施工\n主要内容：第一行\n时间：17:00 前\n\n注：请及时向来电人反馈\n"
        "来电人：张三\n到达时间：2026年6月5日17时"
    )
    assert order.number == NUMBER
    assert order.title == "夜间施工"
    assert order.content == "第一行\n时间：17:00 前\n\n注：请及时向来电人反馈"
    assert order.caller == "张三"
    assert order.arrived_at == datetime(2026, 6, 5, 17, tzinfo=SHANGHAI)


@pytest.mark.parametrize("mark", ["\t", ","])
def test_a_pasted_header_and_row(mark):
    order = from_text(f"工单编号{mark}标题{mark}成案领域\n{NUMBER}{mark}噪声{mark}环境\n")
    assert (order.number, order.title, order.extra) == (NUMBER, "噪声", {"成案领域": "环境"})


@pytest.mark.parametrize("content", ["一\n二\n三", '"一\n二\n三"'])
def test_a_pasted_cell_may_hold_line_breaks_with_or_without_quotes(content):
    order = from_text(f"工单编号\t主要内容\t来电人\n{NUMBER}\t{content}\t张三")
    assert (order.content, order.caller) == ("一\n二\n三", "张三")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "没有内容"),
        (" \n\t\n", "没有内容"),
        ("你好", "没有认识的列名"),
        ("标题：噪声", "缺少 工单编号"),
        (f"工单编号：{NUMBER}\n标题：a\n标题：b", "标题 写了两次"),
        ("工单编号\t标题", "只有表头"),
        (f"工单编号\t标题\n{NUMBER}\ta\n12345678\tb", "一次登记一条工单，这里有 2 行"),
        (f"工单编号\t标题\t标题\n{NUMBER}\ta\tb", "出现了两次"),
        (f"工单编号,标题\n{NUMBER},a,b", "多出 1 列"),
        ("字" * 100_000, "最多 65536"),
    ],
)
def test_text_that_cannot_be_registered(text, words):
    rejected = from_text(text)
    assert isinstance(rejected, RejectedRow)
    assert words in rejected.line


labels = st.sampled_from(
    ["工单编号：", "工单编号\t", "标题：", "到达时间:", ",", "\t", "\n", '"', NUMBER, "保密", "->"]
)


@given(st.lists(labels | st.text(max_size=6), max_size=12).map("".join) | st.text())
def test_no_text_raises(text):
    read = from_text(text)
    assert isinstance(read, IncomingOrder | RejectedRow)
    if isinstance(read, IncomingOrder):
        raw_values(read)
    else:
        assert read.errors
        assert all(error and "\n" not in error for error in read.errors)


# What is compared


def test_raw_values_are_in_fixed_order_without_blanks_and_with_the_given_title():
    order = one(
        {"noise": ("#微信服务号#",)},
        title="噪声#微信服务号#",
        content=" 一\n 二 ",
        tags="甲、乙",
        due_at="2026/6/6 9:05:59",
    )
    assert list(raw_values(order).items()) == [
        ("工单编号", NUMBER),
        ("来源", "市"),
        ("标签", "甲,乙"),
        ("标题", "噪声#微信服务号#"),
        ("主要内容", "一 二"),
        ("办理时限", "2026-06-06 09:05"),
    ]


def test_the_same_rows_are_the_same_from_each_kind_of_file(tmp_path):
    moment, label = datetime(2026, 6, 5, 17, 0, 3), "2026/6/5 17:00"  # noqa: DTZ001
    header = ["工单编号", "标题", "主要内容", "来电人电话", "到达时间", "登记日期"]
    typed = [202606010001, "噪声 ", "一\n二", 13800001234, moment, moment]
    plain = ["202606010001", "噪声", "一\r\n二", "13800001234", label, label]
    (tmp_path / "a.xls").write_bytes(workbook([header, typed]))
    xlsx(tmp_path / "a.xlsx", {"Sheet1": [["标题"], [], header, typed]})
    write_csv([dict(zip(header, plain, strict=True))], tmp_path / "a.csv")
    read = []
    for name in ("a.xls", "a.xlsx", "a.csv"):
        with read_table(tmp_path / name) as opened:
            read += [raw_values(order) for order in read_rows(opened)]
    assert read[0] == read[1] == read[2]
    assert list(read[0]) == list(read[1]) == list(read[2])
    assert len(read[0]) == 7


@given(st.integers(0, 10_000))
def test_raw_values_read_again_are_the_same(seed):
    for row in generate_day(date(2026, 6, 1), 3, seed, ["科源社区"], "学院路街道"):
        order = from_mapping(row, 0)
        again = from_mapping(raw_values(order), 0)
        assert raw_values(again) == raw_values(order)
        lines = "\n".join(f"{column}：{value}" for column, value in row.items())
        assert raw_values(from_text(lines)) == raw_values(order)


def test_a_generated_day_reads_whole_from_csv(tmp_path):
    path = tmp_path / "一天.csv"
    write_csv(generate_day(date(2026, 6, 1), 120, 5, ["科源社区", "柳荫社区"], "学院路街道"), path)
    with read_table(path) as opened:
        read = list(read_rows(opened))
    assert len(read) == 120
    assert all(isinstance(order, IncomingOrder) for order in read)
