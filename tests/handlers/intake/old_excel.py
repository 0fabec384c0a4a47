"""A tiny writer of old binary workbooks (.xls): what no library writes any more, for the tests only.

An OLE container (one FAT sector, one directory sector, one stream) around a BIFF8 stream of text and number cells.
"""

import struct
from collections.abc import Sequence
from datetime import datetime

SECTOR = 512
_END, _FAT, _FREE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
DATE_FORMAT = 1  # index of the cell format that shows a date


def workbook(rows: Sequence[Sequence[object]], *, encrypted: bool = False) -> bytes:
    """Give the bytes of a workbook with one sheet, its cells text, numbers or naive datetimes."""
    return container("Workbook", _stream(rows, encrypted))


def container(name: str, stream: bytes) -> bytes:
    """Give an OLE container with one stream, long enough not to be kept in the mini stream."""
    stream = stream.ljust(max(4096, -(-len(stream) // SECTOR) * SECTOR), b"\0")
    count = len(stream) // SECTOR
    assert count <= SECTOR // 4 - 2, "one FAT sector is enough for the tests"
    fat = [_FAT, _END, *range(3, count + 2), _END]
    fat += [_FREE] * (SECTOR // 4 - len(fat))
    magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header = struct.pack("<8s16xHHHHH6x", magic, 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, 1, 1, 0, 4096, _END, 0, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    directory = _entry("Root Entry", 5, _FREE, 1, _END, 0) + _entry(name, 2, _FREE, _FREE, 2, len(stream))
    directory += _entry("", 0, _FREE, _FREE, 0, 0) * 2
    return header + struct.pack(f"<{len(fat)}I", *fat) + directory + stream


def _entry(name: str, kind: int, sibling: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le")
    length = len(text) + 2 if name else 0
    return struct.pack("<64sHBBIII16sIQQIQ", text, length, kind, 1, sibling, _FREE, child, b"", 0, 0, 0, start, size)


def _stream(rows: Sequence[Sequence[object]], encrypted: bool) -> bytes:
    bof = struct.pack("<HHHHII", 0x0600, 0x0005, 0, 1997, 0, 6)
    start = _record(0x0809, bof)
    if encrypted:
        start += _record(0x002F, struct.pack("<HHH", 1, 1, 1) + bytes(48))
    start += _record(0x0042, struct.pack("<H", 1200))
    text = "yyyy-mm-dd hh:mm:ss"
    start += _record(0x041E, struct.pack("<HHB", 164, len(text), 0) + text.encode())
    start += _record(0x00E0, struct.pack("<HHH14x", 0, 0, 0)) + _record(0x00E0, struct.pack("<HHH14x", 0, 164, 0))
    name = "Sheet1".encode("utf-16-le")
    sheet_record = 4 + 8 + len(name)
    end = _record(0x000A, b"")
    offset = len(start) + sheet_record + len(end)
    start += _record(0x0085, struct.pack("<IBBBB", offset, 0, 0, 6, 1) + name) + end
    return start + _sheet(rows)


def _sheet(rows: Sequence[Sequence[object]]) -> bytes:
    width = max(map(len, rows), default=0)
    out = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 1997, 0, 6))
    out += _record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, datetime):
                days = (cell - datetime(1899, 12, 30)).total_seconds() / 86400  # noqa: DTZ001
                out += _record(0x0203, struct.pack("<HHHd", r, c, DATE_FORMAT, days))
            elif isinstance(cell, int | float):
                out += _record(0x0203, struct.pack("<HHHd", r, c, 0, cell))
            elif cell:
                text = str(cell)
                out += _record(0x0204, struct.pack("<HHHHB", r, c, 0, len(text), 1) + text.encode("utf-16-le"))
    return out + _record(0x000A, b"")


def _record(kind: int, data: bytes) -> bytes:
    return struct.pack("<HH", kind, len(data)) + data
