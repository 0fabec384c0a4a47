"""The three ways in: rows of a table, JSON of the API, text of /登记. Each gives an order or the reasons against it."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from handlers.intake.columns import BY_NAME, ColumnMap, Kind, lookup, recognise
from handlers.intake.orders import IncomingOrder, RejectedRow, Source, raw_values
from handlers.intake.text import Cell, clean, shown
from handlers.intake.validate import build
from handlers.refusal import Refusal

if TYPE_CHECKING:
    from handlers.intake.files import Table

__all__ = ["IncomingOrder", "RejectedRow", "Source", "from_mapping", "from_text", "raw_values", "read_rows"]

MAX_TEXT: Final = 65_536
EXAMPLE: Final = "每行一项“列名：值”，例如“工单编号：热线-260605-000001”"

_LABEL = re.compile(r"\s*([^:：\t]{1,20}?)\s*[:：]\s*(.*)", re.DOTALL)
_JSON_TYPES = {bool: "true/false", float: "小数", list: "列表", dict: "对象"}


def read_rows(
    table: "Table", default_source: Source | None = None, noise: Iterable[str] = ()
) -> Iterator[IncomingOrder | RejectedRow]:
    """Validate a table row by row, each on its own; wholly blank rows and a repeated header are skipped.

    An order that stands in the file twice (same source and number) is accepted the first time and rejected after.
    `default_source` and `noise` as in `validate.build`.

    Raises:
        Refusal: the file fails while it is read on; nothing of it may then be stored.
    """
    noise = tuple(noise)
    columns = table.columns
    seen: dict[tuple[str, str], int] = {}
    for row, cells in table.rows:
        read = _row(row, cells, columns, table.ragged, default_source, noise)
        if read is None:
            continue
        if isinstance(read, IncomingOrder):
            first = seen.setdefault((read.source, read.number), row)
            if first != row:
                read = RejectedRow(row, read.number, (f"工单编号与第 {first} 行重复",))
        yield read


def from_mapping(
    values: object, index: int, default_source: Source | None = None, noise: Iterable[str] = ()
) -> IncomingOrder | RejectedRow:
    """Validate one JSON object of the API, with Chinese column names (and their synonyms) or our English ones.

    Text fields take text or a whole number, times also a number, `category` and `tags` also a list of texts, null is
    a blank. An unknown key, a key given twice under two names and any other type are errors that name the key.
    `index` is the place in the list and becomes `row`. Never raises.
    """
    if not isinstance(values, Mapping):
        return RejectedRow(index, None, ("应为一个对象，如 {“工单编号”: “…”}",))
    errors: list[str] = []
    read: dict[str, Cell] = {}
    for key, value in values.items():
        field = lookup(key) if isinstance(key, str) else None
        if field is None:
            errors.append(f"不认识的键“{shown(key)}”")
        elif field.name in read:
            errors.append(f"“{shown(key)}”与另一个键都是 {field.column}，只能给一个")
        else:
            read[field.name] = _json(value, field.name, str(key), errors)
    return build(index, read, {}, default_source=default_source, noise=noise, errors=errors)


def from_text(
    text: str, default_source: Source | None = None, noise: Iterable[str] = ()
) -> IncomingOrder | RejectedRow:
    """Validate what follows /登记: `列名：值` lines, or a pasted header and row (tabs or commas).

    A line that begins with no known label continues the value before it. In a pasted row a line break belongs to the
    cell it stands in. `row` is 1. Never raises.
    """
    if len(text) > MAX_TEXT:
        return RejectedRow(1, None, (f"内容有 {len(text)} 个字，最多 {MAX_TEXT} 个；请删减，或用文件导入",))
    text = re.sub(r"\r\n?", "\n", text).strip("\n\ufeff ")
    if not text.strip():
        return RejectedRow(1, None, (f"没有内容。{EXAMPLE}",))
    first, _, rest = text.partition("\n")
    for delimiter in ("\t", ",", "，"):
        header = [cell.strip() for cell in first.split(delimiter)]
        if len(header) > 1 and any((field := lookup(cell)) and field.name == "number" for cell in header):
            return _pasted(header, rest, delimiter, default_source, tuple(noise))
    return _labelled(text, default_source, noise)


def _row(
    row: int,
    cells: Sequence[Cell],
    columns: ColumnMap,
    ragged: bool,
    default_source: Source | None,
    noise: tuple[str, ...],
) -> IncomingOrder | RejectedRow | None:
    width = len(cells)
    values = {name: cell for name, index in columns.known if index < width and (cell := cells[index]) != ""}
    extra = {name: text for name, index in columns.extra if index < width and (text := clean(cells[index]))}
    number = values.get("number", "")
    if not clean(number) and not any(clean(cell) for cell in cells):
        return None
    if isinstance(number, str) and not number[-1:].isdigit() and (field := lookup(number)) and field.name == "number":
        return None  # the header again, as in exports that were put one below the other
    errors: list[str] = []
    warnings: list[str] = []
    if ragged and width != columns.width:
        beyond = sum(1 for cell in cells[columns.width :] if clean(cell))
        if beyond:
            errors.append(f"比表头多出 {beyond} 列，可能是内容里的逗号或引号没有处理好")
        elif width < columns.width:
            warnings.append(f"只有 {width} 列，表头有 {columns.width} 列，缺的按空处理")
    return build(row, values, extra, default_source=default_source, noise=noise, errors=errors, warnings=warnings)


def _json(value: object, name: str, key: str, errors: list[str]) -> Cell:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    kind = BY_NAME[name].kind
    if isinstance(value, float) and kind is Kind.DATE:
        return value
    if isinstance(value, list) and name in {"category", "tags"} and all(isinstance(part, str) for part in value):
        return ("->" if name == "category" else ",").join(value)
    wanted = "文字或文字的列表" if name in {"category", "tags"} else "文字"
    errors.append(f"“{shown(key)}”应为{wanted}，不能是{_JSON_TYPES.get(type(value), type(value).__name__)}")
    return None


def _labelled(text: str, default_source: Source | None, noise: Iterable[str]) -> IncomingOrder | RejectedRow:
    values: dict[str, list[str]] = {}
    errors: list[str] = []
    current: list[str] | None = None
    for line in text.split("\n"):
        found = _LABEL.fullmatch(line)
        field = lookup(found.group(1)) if found else None
        if found and field:
            if field.name in values:
                errors.append(f"{field.column} 写了两次")
            current = values[field.name] = [found.group(2)]
        elif current is not None:
            current.append(line)
        elif line.strip():
            errors.append(f"第一行没有认识的列名。{EXAMPLE}")
            current = []
    joined: dict[str, Cell] = {name: "\n".join(lines) for name, lines in values.items()}
    return build(1, joined, {}, default_source=default_source, noise=noise, errors=errors)


def _pasted(
    header: list[str], rest: str, delimiter: str, default_source: Source | None, noise: tuple[str, ...]
) -> IncomingOrder | RejectedRow:
    try:
        columns = recognise(header)
    except Refusal as refusal:
        return RejectedRow(1, None, (refusal.message,))
    records = _records(rest, delimiter)
    if len(records) > 1 and rest.count(delimiter) == len(header) - 1:
        # One row whose cells hold line breaks, pasted without quotes: only the delimiters part the cells.
        records = [rest.split(delimiter)]
    if not records:
        return RejectedRow(1, None, ("只有表头，没有数据行；请把表头和一行数据一起粘贴",))
    if len(records) > 1:
        return RejectedRow(1, None, (f"一次登记一条工单，这里有 {len(records)} 行；多条请用文件导入",))
    read = _row(1, records[0], columns, True, default_source, noise)
    return read or RejectedRow(1, None, ("缺少 工单编号",))


def _records(text: str, delimiter: str) -> list[list[str]]:
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:  # unreadable quoting: take the quotes as part of the text
        records = [line.split(delimiter) for line in text.split("\n")]
    return [record for record in records if any(clean(cell) for cell in record)]
