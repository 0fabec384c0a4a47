"""Reading .csv: encoding, quoting, and a check to the end before the first row is used."""

import codecs
import csv
import itertools
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import ClassVar, Final

from handlers.refusal import Refusal

_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_CHUNK: Final = 2**20


class DelimitedFile:
    """A text table on disk. Row numbers count records, as Excel shows them, not lines.

    Raises:
        Refusal: neither UTF-8 nor GB18030.
    """

    DELIMITERS: ClassVar = (",", "\t", ";")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = _encoding(path)

    def head(self, delimiter: str, rows: int) -> list[list[str]]:
        """Give the first rows, read with this delimiter; as many as it makes sense of."""
        found: list[list[str]] = []
        with self._path.open(encoding=self._encoding, newline="") as file:
            try:
                found.extend(itertools.islice(csv.reader(file, delimiter=delimiter), rows))
            except csv.Error:  # this delimiter does not fit, or the check to the end will say what is wrong
                return found
        return found

    def check(self, delimiter: str) -> int:
        """Read to the end and give the number of records.

        Raises:
            Refusal: a quotation mark is never closed, or a cell is longer than any real one.
        """
        count = 0
        with self._path.open(encoding=self._encoding, newline="") as file:
            lines = _Lines(file)
            try:
                for _ in csv.reader(lines, delimiter=delimiter):
                    count += 1
                    lines.next_record()
                # Only the strict reader notices that the file ends inside quotation marks.
                for _ in csv.reader(lines.last, delimiter=delimiter, strict=True):
                    pass
            except csv.Error as error:
                reason = str(error)
                if "field larger" in reason:
                    raise Refusal(f"第 {count + 1} 行有一格太长，可能是引号没有成对。请重新导出。") from error
                if "unexpected end" in reason:
                    raise Refusal(f"第 {count} 行起的引号没有成对，文件可能不完整。请重新导出。") from error
        return count

    def rows(self, delimiter: str, skip: int) -> Generator[tuple[int, list[str]], None, None]:
        """Give (row number, cells) after the first `skip` rows. The file is open only while it is read."""
        with self._path.open(encoding=self._encoding, newline="") as file:
            yield from itertools.islice(enumerate(csv.reader(file, delimiter=delimiter), 1), skip, None)


class _Lines:
    """The lines of a file, remembering those of the record that is being read and of the last whole one."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._current: list[str] = []
        self.last: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._current.append(line)
        return line

    def next_record(self) -> None:
        self.last, self._current = self._current, []


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(4)
    for bom, encoding in _BOMS:
        if start.startswith(bom):
            if (at := _undecodable(path, encoding)) is None:
                return encoding
            raise Refusal(f"第 {at + 1} 行有认不出的字符，文件可能不完整。请重新导出。")
    for encoding in ("utf-8", "gb18030"):
        if _undecodable(path, encoding) is None:
            return encoding
    raise Refusal("认不出文字编码，只认 UTF-8 和 GB18030（GBK）。请用 Excel 或 WPS 另存为 .xlsx 再导入。")


def _undecodable(path: Path, encoding: str) -> int | None:
    """Give the line (from 0) near which decoding fails, None where all of it decodes."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    lines = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                return lines + chunk.count(b"\n", 0, error.start)
            if not chunk:
                return None
            lines += chunk.count(b"\n")
