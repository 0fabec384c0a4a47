"""The columns an export can have: our names, the city's names, and what else they are called.

Two times are easily confused (domain, section 2: they never stand in for one another).

- `reported_at`, when the citizen spoke: 来话时间 来电时间 创建时间 受理时间 登记时间. The hotline takes the
  call, writes it down and accepts it in one breath.
- `arrived_at`, when the order reached the street: 到达时间 派发时间 下派时间 转派时间 交办时间 接收时间. It alone
  starts clocks.

派单时间 is neither: it is the office's own step, so it stays an unknown column.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from handlers.intake.text import clean
from handlers.refusal import Refusal


class Kind(Enum):
    """How a field's cells are read."""

    TEXT = auto()
    LONG = auto()
    """Text that matters in full: too long is an error, never cut."""
    DATE = auto()
    LIST = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One canonical field: our English name, the export's column, its other names, most characters it may have.

    A shorter `limit` cuts with a warning, because a row kept out for a long title is an order that nobody signs; for
    LONG it is Excel's own limit of a cell, and more is an error.
    """

    name: str
    column: str
    synonyms: tuple[str, ...] = ()
    kind: Kind = Kind.TEXT
    limit: int = 200


def _field(name: str, names: str, kind: Kind = Kind.TEXT, limit: int = 200) -> Field:
    column, *synonyms = names.split()
    return Field(name, column, tuple(synonyms), kind, limit)


LONGEST: Final = 32_767

FIELDS: Final[tuple[Field, ...]] = (
    _field("number", "工单编号 工单号 诉求编号 受理编号 工单编码 案件编号 热线编号"),
    _field("source", "来源 工单来源 诉求来源"),
    _field("type", "工单类型 诉求类型 类型"),
    _field("category", "问题分类 诉求分类 问题类别 工单分类 分类", limit=300),
    _field("tags", "标签 工单标签", Kind.LIST, 500),
    _field("title", "标题 工单标题 诉求标题", limit=500),
    _field("content", "主要内容 诉求内容 反映内容 来电内容 工单内容 问题描述 诉求描述", Kind.LONG, LONGEST),
    _field("status", "工单状态 办理状态 处理状态 状态"),
    _field("caller", "来电人 来电人姓名 诉求人 诉求人姓名 反映人 反映人姓名 市民姓名 联系人 姓名"),
    _field(
        "phone",
        "来电人电话/账号 来电人电话 来电号码 来电电话 诉求人电话 反映人电话 联系电话 联系方式 "
        "电话号码 手机号 手机号码 电话",
    ),
    _field("district", "被反映区 所属区 所在区 区县"),
    _field("street", "被反映街乡镇 被反映街道 所属街乡镇 所属街道 街乡镇 街道乡镇 街道"),
    _field("community", "村/社区 社区/村 社区村 村社区 所属社区 所在社区 社区"),
    _field("place", "小区点位 详细地址 具体地址 诉求地址 事发地址 反映地址 点位 地址", limit=500),
    _field("result", "办理结果 处理结果", Kind.LONG, LONGEST),
    _field("reply", "回复内容 答复内容", Kind.LONG, LONGEST),
    _field("handling", "处理受理方式 处理方式 受理方式"),
    _field("closed_at", "办结时间 办结日期", Kind.DATE),
    _field("company", "企业名称 被反映企业 企业", limit=500),
    _field("solved", "是否解决 解决情况"),
    _field("satisfied", "是否满意 满意情况 满意度"),
    _field("nature", "工单性质"),
    _field("reported_at", "来话时间 来电时间 反映时间 诉求时间 创建时间 受理时间 登记时间", Kind.DATE),
    _field("arrived_at", "到达时间 派发时间 下派时间 转派时间 下发时间 交办时间 接收时间", Kind.DATE),
    _field(
        "due_at", "办理时限 截止时间 截止日期 办理截止时间 到期时间 办结时限 办理期限 处理时限 要求办结时间", Kind.DATE
    ),
    _field("level", "紧急程度 紧急级别 工单级别 工单等级 缓急程度"),
    _field("department", "承办单位 责任单位 主办单位 承办部门 责任部门 办理单位", limit=300),
)

BY_NAME: Final = {field.name: field for field in FIELDS}

_MARKS = re.compile(r"[\s\u200b\u200c\u200d\u2060\ufeff*\"'“”‘’【】\[\]:]+")
_NOTE = re.compile(r"\([^()]*\)")


def normalise(header: object) -> str:
    """Give a header cell as it is compared: half-width, lower case, without blanks, BOM, `*`, quotes and brackets."""
    return _MARKS.sub("", unicodedata.normalize("NFKC", clean(header))).lower()


_LOOKUP: Final = {
    normalise(word): (field, rank)
    for field in FIELDS
    for rank, word in enumerate((field.column, field.name, *field.synonyms))
}
_PERSONAL = re.compile("姓名|电话|手机|联系方式|联系人|身份证|证件|账号|微信|邮箱|来电人|诉求人|反映人|住址|家庭")


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Where the fields stand in a row: `known` as (field name, index), `extra` as (column name, index).

    `extra` holds unknown columns, and a second name of a field that is already there (来话时间 beside 创建时间):
    the name that stands first in `FIELDS` is the field.
    """

    known: tuple[tuple[str, int], ...]
    extra: tuple[tuple[str, int], ...]
    width: int


def lookup(header: object) -> Field | None:
    """Give the field that a header, a label or a JSON key names, or None. A note in parentheses may follow it."""
    found = _find(header)
    return found[0] if found else None


def score(header: Sequence[object]) -> int:
    """Count the fields that a possible header row names; 0 when 工单编号 is not among them."""
    names = {field.name for cell in header if (field := lookup(cell))}
    return len(names) if "number" in names else 0


def recognise(header: Sequence[object]) -> ColumnMap:
    """Map a header row to the fields.

    Raises:
        Refusal: 工单编号 is not among the headers (they are named), or one header stands there twice.
    """
    best: dict[str, tuple[int, int]] = {}
    named: dict[tuple[str, int], int] = {}
    for index, cell in enumerate(header):
        found = _find(cell)
        if not found:
            continue
        field, rank = found
        if (first := named.setdefault((field.name, rank), index)) != index:
            name = normalise(cell)
            raise Refusal(f"“{name}”一列出现了两次（第 {first + 1} 列和第 {index + 1} 列），请删去一列再导入。")
        best[field.name] = min(best.get(field.name, (rank, index)), (rank, index))
    if "number" not in best:
        raise Refusal(unknown_columns(header))
    taken = {index: name for name, (_, index) in best.items()}
    extra: dict[str, int] = {}
    for index, cell in enumerate(header):
        name = " ".join(clean(cell).split())
        if index not in taken and name:
            extra[name if name not in extra else f"{name}（第 {index + 1} 列）"] = index
    known = tuple((name, index) for index, name in sorted(taken.items()))
    return ColumnMap(known, tuple(extra.items()), len(header))


def unknown_columns(header: Sequence[object]) -> str:
    """Give the Chinese line for a column set without 工单编号. It names the headers and shows no data of a row."""
    names = [" ".join(clean(cell).split()) for cell in header]
    names = [name for name in names if name]
    if not names or any(len(name) > 20 or re.search(r"\d{4}", name) for name in names):
        found = "没有找到像表头的一行"
    else:
        found = f"读到的列名：{'、'.join(names[:30])}{' 等' if len(names) > 30 else ''}"
    return f"认不出表头：缺少“工单编号”一列；{found}。请用系统导出的原表，或把编号一列的表头改为“工单编号”。"


def is_personal(column: str) -> bool:
    """Whether an unknown column's name says that it holds personal data of a caller (domain, section 8)."""
    field = lookup(column)
    return (field is not None and field.name in {"caller", "phone"}) or _PERSONAL.search(column) is not None


def _find(header: object) -> tuple[Field, int] | None:
    name = normalise(header)
    return _LOOKUP.get(name) or _LOOKUP.get(_NOTE.sub("", name))
