"""Reading .xls and .xlsx in a process of their own.

calamine is fast, but a damaged workbook can make it panic, eat all memory or abort the whole process (its issues 550,
684, 714). In a child process with bounded memory each of these is one refused file, and the service goes on.
"""

import mmap
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from handlers.intake.text import Cell
from handlers.refusal import Refusal

MAX_MEMORY: Final = 4 * 2**30
"""Address space of the child, in bytes. 200 MB of workbook stay below it; a damaged length field does not."""

MAX_EXPANSION: Final = 20
"""An .xlsx may unpack to this many times the size limit of a file. Real ones stay below 20 times their own size."""

_CHILD: Final = Path(__file__).with_name("workbook_child.py")
_LOCKED: Final = "文件有密码。请用 Excel 或 WPS 打开，取消密码后另存再导入。"
_BROKEN: Final = "表格文件不完整或已损坏，读不出来。请重新导出，或用 Excel、WPS 打开后另存为 .xlsx。"
_NOT_A_TABLE: Final = "这不是表格文件（.xls .xlsx .csv）。请用系统导出的原表。"


@dataclass(frozen=True, slots=True)
class Head:
    """A sheet's name, whether it is visible, its first rows from row 1, and its height in rows."""

    name: str
    visible: bool
    height: int
    rows: Sequence[Sequence[Cell]]


class WorkbookReader:
    """A workbook opened in a child process: first the heads of all sheets, then the rows of one.

    Raises:
        Refusal: it is damaged.
    """

    def __init__(self, path: Path, head_rows: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and script
            [sys.executable, "-I", str(_CHILD), str(path), str(head_rows), str(MAX_MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.heads = tuple(Head(*head) for head in self._receive())
        except Refusal:
            self.close()
            raise

    def rows(self, sheet: int, skip: int) -> Iterator[tuple[int, Sequence[Cell]]]:
        """Give (row number from 1, cells) of one sheet after its first `skip` rows, once; closes the reader at the end.

        Raises:
            Refusal: the child broke off.
        """
        try:
            self._ask(sheet, skip)
            row = skip
            while chunk := self._receive():
                for cells in chunk:
                    row += 1
                    yield row, cells
        finally:
            self.close()

    def close(self) -> None:
        """End the child. May be called again."""
        process = self._process
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe and not pipe.closed:
                pipe.close()
        process.wait()

    def _ask(self, sheet: int, skip: int) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(f"{sheet} {skip}\n".encode())
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise Refusal(_BROKEN) from error

    def _receive(self) -> Any:
        assert self._process.stdout
        try:
            return pickle.load(self._process.stdout)  # noqa: S301 - written by our own child
        except (EOFError, pickle.UnpicklingError, ValueError) as error:
            raise Refusal(_BROKEN) from error


def check_ole(path: Path) -> None:
    """Look into an OLE container before it is opened as .xls.

    Raises:
        Refusal: it holds an encrypted .xlsx, an encrypted .xls (FilePass record), or no workbook.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.find("EncryptedPackage".encode("utf-16-le")) >= 0:
            raise Refusal(_LOCKED)
        if data.find("Workbook".encode("utf-16-le")) < 0 and data.find("Book".encode("utf-16-le")) < 0:
            is_other = any(data.find(name.encode("utf-16-le")) >= 0 for name in ("WordDocument", "PowerPoint Document"))
            raise Refusal(_NOT_A_TABLE if is_other else _BROKEN)
        if _has_file_pass(data):
            raise Refusal(_LOCKED)


def check_zip(path: Path, limit: int) -> None:
    """Look into a zip archive before it is opened as .xlsx.

    Raises:
        Refusal: it is cut off, is no .xlsx, has a password, or unpacks to more than `MAX_EXPANSION` times `limit`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Refusal(_BROKEN) from error
    if "xl/workbook.xml" not in {member.filename.lower() for member in members}:
        raise Refusal(f"这是{_contents(members)}，不是能导入的表格（.xls .xlsx .csv）。请用系统导出的原表。")
    if any(member.flag_bits & 1 for member in members):
        raise Refusal(_LOCKED)
    if sum(member.file_size for member in members) > limit * MAX_EXPANSION:
        raise Refusal("表格展开后太大，不像正常的导出文件。请重新导出，或分成几个文件导入。")


def _contents(members: Sequence[zipfile.ZipInfo]) -> str:
    """What a zip archive is that holds no table."""
    names = {member.filename.lower() for member in members}
    found = next((name for part, name in _ZIPPED if part in names), None)
    return found or "压缩包（表格要先解压出来）"


_ZIPPED: Final = (
    ("word/document.xml", "Word 文档"),
    ("ppt/presentation.xml", "PPT 演示"),
    ("androidmanifest.xml", "程序"),
    ("meta-inf/manifest.mf", "程序"),
)

# [MS-XLS] 2.4.21 and 2.4.117: the stream of globals begins with BOF (version 0x0600 or 0x0500, type 5), and FilePass
# follows it, at most a few records later.
_BOF_GLOBALS: Final = (b"\x09\x08\x10\x00\x00\x06\x05\x00", b"\x09\x08\x08\x00\x00\x05\x05\x00")
_FILE_PASS: Final = 0x2F
_RECORDS_BEFORE: Final = 6


def _has_file_pass(data: mmap.mmap) -> bool:
    for beginning in _BOF_GLOBALS:
        at = data.find(beginning)
        if at < 0:
            continue
        for _ in range(_RECORDS_BEFORE):
            if at + 4 > len(data):
                break
            record, length = struct.unpack_from("<HH", data, at)
            if record == _FILE_PASS:
                return True
            at += 4 + length
    return False
