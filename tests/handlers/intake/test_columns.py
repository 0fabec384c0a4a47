"""Which column is which, and what is said when none is."""

import pytest

from handlers.intake.columns import FIELDS, is_personal, lookup, recognise, score
from handlers.refusal import Refusal

# The column names of domain.md, section 9, and the English names of interface.md.
EXPORT = (
    *("工单编号", "工单类型", "问题分类", "标签", "标题", "主要内容", "工单状态"),
    *("来电人", "来电人电话/账号", "被反映区", "被反映街乡镇", "办理结果", "回复内容", "处理受理方式"),
    *("办结时间", "企业名称", "是否解决", "是否满意", "工单性质", "村/社区", "小区点位"),
)
ENGLISH = (
    *("number", "source", "type", "category", "tags", "title", "content", "status", "caller"),
    *("phone", "district", "street", "community", "place", "result", "reply", "handling", "closed_at"),
    *("company", "solved", "satisfied", "nature", "reported_at", "arrived_at", "due_at", "level", "department"),
)


def test_the_export_and_the_english_names_are_all_known():
    columns = recognise(EXPORT)
    assert len(columns.known) == 21
    assert columns.extra == ()
    assert tuple(field.name for field in FIELDS) == ENGLISH
    assert all(lookup(name) is lookup(lookup(name).column) for name in ENGLISH)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("工单号", "number"),
        ("诉求编号", "number"),
        ("受理编号", "number"),
        ("反映内容", "content"),
        ("来话时间", "reported_at"),
        ("受理时间", "reported_at"),
        ("创建时间", "reported_at"),
        ("到达时间", "arrived_at"),
        ("派发时间", "arrived_at"),
        ("下派时间", "arrived_at"),
        ("截止时间", "due_at"),
        ("责任单位", "department"),
        ("详细地址", "place"),
        ("\ufeff工单编号", "number"),
        (" 工单 编号 * ", "number"),
        ("＊工单编号（必填）", "number"),
        ("来电人电话／账号", "phone"),
        ("村/社区（全称）", "community"),
        ("“标题”：", "title"),
        ("NUMBER", "number"),
    ],
)
def test_headers_are_recognised_however_they_are_dressed(header, name):
    assert lookup(header).name == name


def test_the_offices_own_dispatch_time_is_not_the_arrival():
    assert lookup("派单时间") is None


def test_unknown_columns_keep_their_names_and_a_second_name_of_a_field_is_extra():
    columns = recognise(["成案领域", "创建时间", "工单编号", "来话时间", "", "备注", "备注"])
    assert dict(columns.known) == {"number": 2, "reported_at": 3}
    assert columns.extra == (("成案领域", 0), ("创建时间", 1), ("备注", 5), ("备注（第 7 列）", 6))


def test_a_header_that_stands_twice_is_refused():
    with pytest.raises(Refusal, match=r"“标题”一列出现了两次（第 2 列和第 4 列）"):
        recognise(["工单编号", "标题", "来电人", "标题"])


def test_without_a_number_the_refusal_names_the_headers():
    with pytest.raises(Refusal) as refused:
        recognise(["姓名", "地址", "备注"])
    assert "读到的列名：姓名、地址、备注" in refused.value.message
    assert "\n" not in refused.value.message


def test_a_row_of_data_is_never_named_as_headers():
    with pytest.raises(Refusal) as refused:
        recognise(["热线-260605-000001", "张三", "13800001234"])
    assert "张三" not in refused.value.message
    assert "1380000" not in refused.value.message


def test_only_a_row_with_the_number_scores():
    assert score(["工单编号", "标题", "别的"]) == 2
    assert score(["标题", "主要内容", "来电人"]) == 0


@pytest.mark.parametrize(
    ("column", "personal"), [("联系电话", True), ("身份证号", True), ("成案领域", False), ("备注", False)]
)
def test_personal_columns_are_told_by_their_names(column, personal):
    assert is_personal(column) is personal
