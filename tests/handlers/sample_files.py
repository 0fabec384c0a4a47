"""Small files of every kind that is kept, and of kinds that are not, as their programs write their first bytes."""

import io
import struct
import wave
import zipfile
import zlib


def png(color: int = 0) -> bytes:
    """A picture of one pixel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixel = zlib.compress(bytes((0, color)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


def zipped(*names: str) -> bytes:
    """An archive with these members."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


def office(part: str, *more: str) -> bytes:
    """The skeleton of a document of Office."""
    return zipped("[Content_Types].xml", part, *more)


def ole(*streams: str) -> bytes:
    """The head of an old Office document, and its directory."""
    entries = b"".join((name.encode("utf-16-le") + b"\0\0").ljust(128, b"\0") for name in streams)
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0") + entries


def box(brand: bytes) -> bytes:
    """The first box of ISO media, and something behind it."""
    return struct.pack(">I", 20) + b"ftyp" + brand + bytes(8) + struct.pack(">I", 8) + b"mdat"


def wav() -> bytes:
    """A hundredth of a second of silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 8000, 80, "NONE", ""))
        sound.writeframes(bytes(160))
    return file.getvalue()


FRAME = b"\xff\xfb\x90\x00".ljust(417, b"\0")
BMP = (
    b"BM"
    + struct.pack("<IHHI", 58, 0, 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0)
    + bytes(4)
)

KEPT: dict[str, bytes] = {
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(20) + b"\xff\xda\x00\x0c" + bytes(20) + b"\xff\xd9",
    "png": png(),
    "gif": b"GIF89a\x01\x00\x01\x00\x00\x00\x00;;",
    "webp": b"RIFF\x1a\x00\x00\x00WEBPVP8 \x0e\x00\x00\x00" + bytes(14),
    "bmp": BMP,
    "heic": box(b"heic"),
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n",
    "docx": office("word/document.xml"),
    "xlsx": office("xl/workbook.xml"),
    "pptx": office("ppt/presentation.xml"),
    "doc": ole("Root Entry", "WordDocument"),
    "xls": ole("Root Entry", "Workbook"),
    "ppt": ole("Root Entry", "PowerPoint Document"),
    "txt": "现场已处理，无异味。\n".encode(),
    "amr": b"#!AMR\n" + bytes(40),
    "mp3": FRAME + FRAME,
    "m4a": box(b"M4A "),
    "wav": wav(),
    "mp4": box(b"isom"),
}
"""Ending → a file of that kind."""

REFUSED: dict[str, tuple[bytes, str]] = {
    "windows program": (b"MZ\x90\x00" + bytes(60), "是程序"),
    "linux program": (b"\x7fELF\x02\x01\x01" + bytes(60), "是程序"),
    "java class": (b"\xca\xfe\xba\xbe\x00\x00\x00\x34", "是程序"),
    "phone app": (zipped("AndroidManifest.xml", "classes.dex"), "是程序"),
    "shortcut": (b"\x4c\x00\x00\x00\x01\x14\x02\x00" + bytes(60), "快捷方式"),
    "zip": (zipped("照片.jpg"), "压缩包"),
    "rar": (b"Rar!\x1a\x07\x01\x00", "压缩包"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "压缩包"),
    "gzip": (b"\x1f\x8b\x08\x00", "压缩包"),
    "tar": (b"a.txt".ljust(257, b"\0") + b"ustar\x0000", "压缩包"),
    "half a document": (office("word/document.xml")[:60], "不完整"),
    "document with a macro": (office("word/document.xml", "word/vbaProject.bin"), "宏"),
    "old document with a macro": (ole("WordDocument", "_VBA_PROJECT"), "宏"),
    "locked document": (ole("EncryptionInfo", "EncryptedPackage"), "打开密码"),
    "installer": (ole("Root Entry", "SummaryInformation"), "认不出"),
    "page": (b"<!DOCTYPE html><html><script>alert(1)</script>", "网页"),
    "page after words": ("说明\n<script src=x></script>".encode(), "网页"),
    "vector graphics": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "网页"),
    "shell script": (b"#!/bin/sh\nrm -rf /\n", "脚本"),
    "batch file": (b"@echo off\r\ndel *.*\r\n", "脚本"),
    "rtf": (b"{\\rtf1\\ansi}", "RTF"),
    "database": (b"SQLite format 3\x00" + bytes(80), "数据库"),
    "film of another kind": (box(b"qt  "), "认不出"),
    "nothing": (b"", "空的"),
    "zeros": (bytes(100), "认不出"),
}
"""What it is → the file, and a word of the reason."""
