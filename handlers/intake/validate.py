"""From named values to an accepted order or the reasons against it: the rules that all three ways in share."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from config.shanghai import day_of, full_due_text, full_text
from handlers.categories import levels_of
from handlers.intake.columns import BY_NAME, FIELDS, Kind
from handlers.intake.dates import BadDate, parse_date
from handlers.intake.orders import IncomingOrder, RejectedRow, Source
from handlers.intake.text import EXACT_DIGITS, Cell, clean, identifier, quoted, shortened

CITY: Final[Source] = "市"
DISTRICT: Final[Source] = "区"

# What the words of 紧急程度 mean. An order has exactly these three levels (domain, section 2).
LEVELS: Final = {
    **dict.fromkeys(
        ("紧急", "特急", "加急", "特别紧急", "非常紧急", "急", "急件", "紧急件", "特急件", "加急件"), "紧急"
    ),
    **dict.fromkeys(("疑难", "疑难件", "复杂", "疑难复杂"), "疑难"),
    **dict.fromkeys(("一般", "普通", "正常", "平件", "一般件", "普通件", "常规", "不紧急"), "一般"),
}
CONFIDENTIAL: Final = "保密"
CATEGORY_LEVELS: Final = 5

# Seven digits and fewer would be read as #123 in the chat (interface, Chat); `/` and `#` would break a command or an
# address. A letter or 汉字 in front is the city's form, 热线-YYMMDD-NNNNNN.
_NUMBER = re.compile(r"[0-9A-Za-z\u3400-\u9fff](?:[0-9A-Za-z\u3400-\u9fff._-]{0,62}[0-9A-Za-z\u3400-\u9fff])?")
_SHORTEST_DIGITS = 8
# The usual forms at one look: 热线-260605-000001, and eight digits or more.
_PLAIN_NUMBER = re.compile(r"(?:[\u4e00-\u9fff]{2,4}-\d{6}-\d{6}|\d{8,64})", re.ASCII)
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?E\+?\d+", re.IGNORECASE)
_NUMBER_DATE = re.compile(r"-(\d\d)(\d\d)(\d\d)-")
_SOURCE = re.compile(r"(?:北京)?(市|区)(?:级|热线|平台|中心|系统|派|转派|下派|派单|12345)*")
_DURATION = re.compile(r"\d+(?:\.\d+)?\s*个?(?:工作日|自然日|天|日|周|小时|时|分钟)(?:以?内)?")
MASKED_PHONE = "来电人电话 已打码，无法回拨"
"""The warning that old exports give on every row; whoever tells a whole file counts it instead."""
_MASKED = re.compile(r"[×✕＊*●•■□xX]{2,}|[×✕＊*]")
_TAG_BREAK = re.compile(r"[,，;；、\n|]+")
_OWN_RULES: Final = frozenset({"number", "source", "category", "title", "level", "phone"})
_LIMITS: Final = {f.name: f.limit for f in FIELDS if f.kind in {Kind.TEXT, Kind.LONG} and f.name not in _OWN_RULES}
_DATES: Final = tuple(f.name for f in FIELDS if f.kind is Kind.DATE)


def build(
    row: int,
    values: Mapping[str, Cell],
    extra: dict[str, str],
    *,
    default_source: Source | None = None,
    noise: Iterable[str] = (),
    errors: Iterable[str] = (),
    warnings: Iterable[str] = (),
) -> IncomingOrder | RejectedRow:
    """Validate one row.

    Args:
        row: its place, for the person who mends it.
        values: our field name → the cell as it was read.
        extra: unknown columns, already clean; this function may add to it and keeps it.
        default_source: for rows whose 来源 does not say 市 or 区; without it an all-digit number is 区, any other 市.
        noise: words to take out of the title, such as `#微信服务号#`.
        errors: what the caller already found wrong; the row is then rejected with these and its own errors.
        warnings: what the caller already found odd.
    """
    wrong = list(errors)
    odd = list(warnings)
    fields: dict[str, Any] = {}
    number = _number(values.get("number"), wrong)
    for name, cell in values.items():
        limit = _LIMITS.get(name)
        if limit and cell != "":
            text = clean(cell)
            fields[name] = text if len(text) <= limit else _too_long(name, text, wrong, odd)
    for name in _DATES:
        if (cell := values.get(name, "")) != "":
            fields[name] = _date(name, cell, extra, wrong, odd)
    _title(values.get("title", ""), noise, fields, wrong, odd)
    _phone(values.get("phone", ""), fields, wrong, odd)
    _lists(values, fields, wrong, odd)
    _level(values.get("level", ""), extra, fields, odd)
    source = _source(values.get("source", ""), number, default_source, extra, odd)
    if wrong or number is None:
        return RejectedRow(row, number, tuple(wrong))
    if CONFIDENTIAL in fields.get("caller", "") or CONFIDENTIAL in fields["phone"]:
        fields["confidential"] = True
    _order_of_dates(number, fields, odd)
    return IncomingOrder(row=row, number=number, source=source, extra=extra, warnings=tuple(odd), **fields)


def _number(cell: Cell, wrong: list[str]) -> str | None:
    text = clean(cell)
    if not text:
        wrong.append("缺少 工单编号")
        return None
    if text.__class__ is cell.__class__ and _PLAIN_NUMBER.fullmatch(text):
        return text
    number = identifier(text)
    if (isinstance(cell, float) and abs(cell) >= EXACT_DIGITS) or _SCIENTIFIC.fullmatch(number):
        wrong.append(f"工单编号 {quoted(number)} 被表格软件存成了数值，末尾几位已丢失；请把这一列设为文本后重新导出")
    elif any(c.isspace() for c in number):
        wrong.append(f"工单编号 {quoted(number)} 中间有空格或换行")
    elif number.isdecimal() and len(number) < _SHORTEST_DIGITS:
        wrong.append(f"工单编号 {number} 太短：纯数字的编号至少 {_SHORTEST_DIGITS} 位")
    elif not _NUMBER.fullmatch(number):
        wrong.append(f"工单编号 {quoted(number)} 不像编号：只能用汉字、字母、数字和 - _ .，最多 64 个字")
    elif not any(c.isdecimal() for c in number):
        wrong.append(f"工单编号 {quoted(number)} 里没有数字")
    else:
        return number
    return None


def _limited(name: str, text: str, wrong: list[str], odd: list[str]) -> str:
    return text if len(text) <= BY_NAME[name].limit else _too_long(name, text, wrong, odd)


def _too_long(name: str, text: str, wrong: list[str], odd: list[str]) -> str:
    field = BY_NAME[name]
    if field.kind is Kind.LONG:
        wrong.append(f"{field.column} 有 {len(text)} 个字，最多 {field.limit} 个")
        return ""
    odd.append(f"{field.column} 有 {len(text)} 个字，只留前 {field.limit} 个")
    return shortened(text, field.limit)


def _date(name: str, cell: Cell, extra: dict[str, str], wrong: list[str], odd: list[str]) -> datetime | None:
    column = BY_NAME[name].column
    try:
        return parse_date(cell, bare_is_end=name == "due_at")
    except BadDate as error:
        text = clean(cell)
        if name == "due_at" and _DURATION.fullmatch(text):
            extra[f"{column}（原文）"] = text
            odd.append(f"{column} 写的是时长“{text}”，不是时间，未作为截止时间")
        else:
            wrong.append(f"{column} {error}")
        return None


def _title(cell: Cell, noise: Iterable[str], fields: dict[str, Any], wrong: list[str], odd: list[str]) -> None:
    if cell == "":
        return
    given = title = _limited("title", clean(cell), wrong, odd)
    for word in noise:
        if word and word in title:
            title = title.replace(word, "").strip()
    fields["title_as_given"], fields["title"] = given, title


def _phone(cell: Cell, fields: dict[str, Any], wrong: list[str], odd: list[str]) -> None:
    phone = fields["phone"] = _limited("phone", identifier(clean(cell)), wrong, odd) if cell != "" else ""
    if not phone or phone.isdecimal() or CONFIDENTIAL in phone:
        return
    if _SCIENTIFIC.fullmatch(phone):
        odd.append("来电人电话 被表格软件存成了数值，末尾几位已丢失")
    elif _MASKED.search(phone):
        odd.append(MASKED_PHONE)


def _lists(values: Mapping[str, Cell], fields: dict[str, Any], wrong: list[str], odd: list[str]) -> None:
    if text := clean(values.get("category", "")):
        levels = levels_of(_limited("category", text, wrong, odd))
        if len(levels) > CATEGORY_LEVELS:
            odd.append(f"问题分类 多于 {CATEGORY_LEVELS} 级，只留前 {CATEGORY_LEVELS} 级")
        fields["category"] = levels[:CATEGORY_LEVELS]
    if text := clean(values.get("tags", "")):
        fields["tags"] = _tags(_limited("tags", text, wrong, odd))


@lru_cache(maxsize=4096)
def _tags(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip() for tag in _TAG_BREAK.split(text) if tag.strip()))


def _level(cell: Cell, extra: dict[str, str], fields: dict[str, Any], odd: list[str]) -> None:
    text = clean(cell)
    if not text:
        return
    level = LEVELS.get(identifier(text))
    if level:
        fields["level"] = level
    else:
        extra["紧急程度（原文）"] = shortened(text, 200)
        odd.append("紧急程度 的写法不认识，按没有填写处理")


def _source(cell: Cell, number: str | None, default: Source | None, extra: dict[str, str], odd: list[str]) -> Source:
    text = clean(cell)
    said = _SOURCE.fullmatch(identifier(text)) if text else None
    if said:
        source = CITY if said.group(1) == CITY else DISTRICT
        if default and source != default:
            odd.append(f"来源 写的是{source}，与指定的{default}不同，以表内为准")
        return source
    if text:  # 电话, 网站 and the like: a channel, not who sent it
        extra["来源（原文）"] = shortened(text, 200)
    return default or (DISTRICT if (number or "").isdecimal() else CITY)


def _order_of_dates(number: str, fields: Mapping[str, Any], odd: list[str]) -> None:
    closed, reported = fields.get("closed_at"), fields.get("reported_at")
    arrived, due = fields.get("arrived_at"), fields.get("due_at")
    if closed:
        day = _numbered_day(number)
        if day and day_of(closed) < day:
            odd.append(f"办结时间 {full_text(closed)} 早于编号里的日期 {day.isoformat()}")
        if arrived and closed < arrived:
            odd.append(f"办结时间 {full_text(closed)} 早于到达时间 {full_text(arrived)}")
    if due and arrived and due < arrived:
        odd.append(f"办理时限 {full_due_text(due)} 早于到达时间 {full_text(arrived)}")
    if reported and arrived and arrived < reported:
        odd.append(f"到达时间 {full_text(arrived)} 早于来话时间 {full_text(reported)}")


@lru_cache(maxsize=4096)
def _numbered_day(number: str) -> date | None:
    found = _NUMBER_DATE.search(number)
    if not found:
        return None
    try:
        return date(2000 + int(found[1]), int(found[2]), int(found[3]))
    except ValueError:  # six digits that are no date: the city's numbers are not ours to judge
        return None
