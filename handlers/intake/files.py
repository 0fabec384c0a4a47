"""Opening an export: which kind of file it is by its content, where its header stands, and its rows one by one."""

import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from handlers import filetypes
from handlers.intake.columns import ColumnMap, recognise, score, unknown_columns
from handlers.intake.delimited import DelimitedFile
from handlers.intake.text import Cell, clean
from handlers.intake.workbooks import Head, WorkbookReader, check_ole, check_zip
from handlers.refusal import Refusal

LIMIT: Final = "200 MB"
MAX_BYTES: Final = 200_000_000 - 1
"""Bytes of the largest file that is taken, at every door: one of `LIMIT` is refused. MB are what they are on people's
screens, 1,000,000 bytes; 200 MiB is more, and refused as well."""
HEADER_ROWS: Final = 30
"""The header is looked for in this many first rows; above it stand titles, dates, notes."""


class FileKind(StrEnum):
    """What a file is by its content. Government exports often carry `.xls` on something else."""

    XLS = "xls"
    XLSX = "xlsx"
    CSV = "csv"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Table:
    """An opened table. `rows` can be read once and gives (row number as Excel shows it, cells) below the header.

    `total` is the number of rows below the header, blank ones included, for a progress bar. `ragged` says that a row
    of another length than the header is a sign of broken quoting. `warnings` are Chinese sentences about the file.
    Read the rows to the end, or use it as a context manager, so that the file is closed.
    """

    name: str
    kind: FileKind
    sheet: str
    header: tuple[str, ...]
    header_row: int
    columns: ColumnMap
    rows: Iterator[tuple[int, Sequence[Cell]]] = field(repr=False)
    total: int
    ragged: bool = False
    warnings: tuple[str, ...] = ()
    _close: Callable[[], None] = field(default=lambda: None, repr=False)

    def close(self) -> None:
        """Let go of the file; no row can be read afterwards."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_table(path: Path, *, limit: int = MAX_BYTES) -> Table:
    """Open an export (.xls, .xlsx, .csv, whatever its name says) and find its header.

    The first sheet with a recognisable header is read (visible sheets first). A .csv is UTF-8 with or without BOM,
    UTF-16 with BOM, or GB18030, parted by comma, tab or semicolon, and is checked to its end before the first row.

    Args:
        path: the file.
        limit: most bytes.

    Raises:
        Refusal: one Chinese line that begins with the file's name: no such file, not readable, empty, too large, of an
            unknown kind, password-protected, incomplete, or without 工单编号 among its headers. A workbook whose
            reading breaks off raises it while the rows are read.
    """
    try:
        kind = _kind(path, limit)
        return _workbook(path, kind) if kind is not FileKind.CSV else _delimited(path)
    except Refusal as refusal:
        raise Refusal(f"{path.name}：{refusal.message}") from refusal
    except OSError as error:
        raise Refusal(f"{path.name}：{_REASONS.get(type(error), '文件读不出来')}。请检查路径、权限和磁盘。") from error


def check_table(path: Path, *, limit: int = MAX_BYTES) -> None:
    """Look whether a file can be an export at all, without reading its rows; raises Refusal, or OSError."""
    _kind(path, limit)


_REASONS: Final[dict[type[OSError], str]] = {
    FileNotFoundError: "找不到这个文件",
    IsADirectoryError: "这是一个文件夹，不是文件",
    NotADirectoryError: "找不到这个文件",
    PermissionError: "没有权限读取这个文件",
}

_ADVICE: Final = "请用 Excel 或 WPS 打开后另存为 .xlsx 再导入"
_ORIGINAL: Final = "请用系统导出的原表"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP: Final = b"PK"
_OTHERS: Final = (
    (b"<!doctype", "网页格式的表格"),
    (b"<html", "网页格式的表格"),
    (b"<table", "网页格式的表格"),
    (b"<meta", "网页格式的表格"),
    (b"<style", "网页格式的表格"),
    (b"<?xml", "XML 格式的表格"),
    (b"mime-version:", "网页格式的表格"),
    (b"\x09\x00\x04\x00", "很旧的 Excel 文件（2.0）"),
    (b"\x09\x02\x06\x00", "很旧的 Excel 文件（3.0）"),
    (b"\x09\x04\x06\x00", "很旧的 Excel 文件（4.0）"),
)
# A text has next to no NULs; a few stray ones are stripped later, cell by cell.
_NUL_SHARE: Final = 0.05


def over_limit() -> str:
    """What is said of a file of more than `MAX_BYTES`, the same at every door."""
    return f"文件太大，只收小于 {LIMIT} 的，没有导入。请分成几个文件导入。"


def _kind(path: Path, limit: int) -> FileKind:
    # Before anything of it is read: whatever is in it, it is too large.
    if path.stat().st_size > limit:
        raise Refusal(over_limit())
    with path.open("rb") as file:
        head = file.read(65_536)
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise Refusal("文件是空的。请重新导出。")
    if head.startswith(_OLE):
        check_ole(path)
        return FileKind.XLS
    if head.startswith(_ZIP):
        check_zip(path, limit)
        return FileKind.XLSX
    if (name := filetypes.name_of(head)) is not None:
        raise Refusal(f"这是{name}，不是能导入的表格（.xls .xlsx .csv）。{_ORIGINAL}。")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for magic, name in _OTHERS:
        if start.startswith(magic.lower()):
            raise Refusal(f"这是{name}，不是能导入的表格（.xls .xlsx .csv）。{_ADVICE}。")
    if head[:2] not in {b"\xff\xfe", b"\xfe\xff"} and head.count(0) > len(head) * _NUL_SHARE:
        raise Refusal(f"认不出这是什么文件，只能导入 .xls .xlsx .csv。{_ORIGINAL}。")
    return FileKind.CSV


@dataclass(frozen=True, slots=True)
class _Header:
    index: int
    cells: list[Cell]
    score: int


def _find_header(rows: Sequence[Sequence[Cell]]) -> _Header | None:
    """Find the row that names most fields, 工单编号 among them; on a tie the first.

    A row is also tried with its blanks filled from the row above: headers of two rows with merged cells.
    """
    best: _Header | None = None
    for index, row in enumerate(rows[:HEADER_ROWS]):
        candidates: list[Sequence[Cell]] = [row]
        if index and (above := rows[index - 1]):
            width = max(len(row), len(above))
            pairs = zip(_padded(row, width), _padded(above, width), strict=True)
            candidates.append([cell if clean(cell) else over for cell, over in pairs])
        for candidate in candidates:
            found = score(candidate)
            if found and (best is None or found > best.score):
                best = _Header(index, list(candidate), found)
    return best


def _padded(row: Sequence[Cell], width: int) -> list[Cell]:
    return [*row, *[""] * (width - len(row))]


def _no_header(rows: Sequence[Sequence[Cell]]) -> Refusal:
    """Name the headers of the fullest of the first rows: titles above a header have one or two cells."""
    filled = [[clean(cell) for cell in row] for row in rows[:HEADER_ROWS]]
    return Refusal(unknown_columns(max(filled, key=lambda row: sum(map(bool, row)), default=[])))


def _trimmed(cells: Sequence[Cell]) -> list[Cell]:
    last = max((i for i, cell in enumerate(cells) if clean(cell)), default=-1)
    return list(cells[: last + 1])


def _workbook(path: Path, kind: FileKind) -> Table:
    reader = WorkbookReader(path, HEADER_ROWS)
    try:
        chosen: tuple[int, Head, _Header] | None = None
        also: list[str] = []
        for index, head in sorted(enumerate(reader.heads), key=lambda pair: (not pair[1].visible, pair[0])):
            header = _find_header(head.rows)
            if header and chosen:
                also.append(head.name)
            elif header:
                chosen = index, head, header
        if chosen is None:
            raise _no_header(max((head.rows for head in reader.heads), key=len, default=()))
        index, head, header = chosen
        cells = _trimmed(header.cells)
        table = Table(
            name=path.name,
            kind=kind,
            sheet=head.name,
            header=tuple(map(clean, cells)),
            header_row=header.index + 1,
            columns=recognise(cells),
            rows=reader.rows(index, header.index + 1),
            total=max(head.height - header.index - 1, 0),
            _close=reader.close,
            warnings=tuple(f"工作表“{name}”里也有工单，没有读；请另存为单独的文件导入" for name in also),
        )
    except Refusal:
        reader.close()
        raise
    # Rows that nobody reads must not leave the reading process behind.
    weakref.finalize(table, reader.close)
    return table


def _delimited(path: Path) -> Table:
    file = DelimitedFile(path)
    best: tuple[str, _Header] | None = None
    for delimiter in file.DELIMITERS:
        header = _find_header(file.head(delimiter, HEADER_ROWS))
        if header and (best is None or header.score > best[1].score):
            best = delimiter, header
    if best is None:
        raise _no_header(
            max((file.head(d, HEADER_ROWS) for d in file.DELIMITERS), key=lambda rows: max(map(len, rows), default=0))
        )
    delimiter, header = best
    cells = _trimmed(header.cells)
    columns = recognise(cells)
    count = file.check(delimiter)
    rows = file.rows(delimiter, header.index + 1)
    return Table(
        name=path.name,
        kind=FileKind.CSV,
        sheet="",
        header=tuple(map(clean, cells)),
        header_row=header.index + 1,
        columns=columns,
        rows=rows,
        total=max(count - header.index - 1, 0),
        ragged=True,
        _close=rows.close,
    )
