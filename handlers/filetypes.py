"""What a file is, by its content alone: never by its name, which anybody may write (★ which kinds an office keeps).

What is on the list is kept under its true type; everything else is refused with its own name where it is known, so
that a program, a script, a page or an archive never comes in by a harmless ending.
"""

import io
import re
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from handlers.refusal import Refusal


@dataclass(frozen=True, slots=True)
class FileType:
    """A kind of file that is kept: its usual ending, its name for people, its media type. `picture`: shown inline."""

    ending: str
    title: str
    media: str
    picture: bool = False
    also: tuple[str, ...] = ()


_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
TYPES: Final[dict[str, FileType]] = {
    kind.ending: kind
    for kind in (
        FileType("jpg", "JPEG 图片", "image/jpeg", picture=True, also=("jpeg", "jfif", "jpe")),
        FileType("png", "PNG 图片", "image/png", picture=True),
        FileType("gif", "GIF 图片", "image/gif", picture=True),
        FileType("webp", "WebP 图片", "image/webp", picture=True),
        FileType("bmp", "BMP 图片", "image/bmp", picture=True, also=("dib",)),
        FileType("heic", "HEIC 图片", "image/heic", also=("heif", "hif")),
        FileType("pdf", "PDF 文档", "application/pdf"),
        FileType("docx", "Word 文档", f"{_OFFICE}wordprocessingml.document"),
        FileType("xlsx", "Excel 表格", f"{_OFFICE}spreadsheetml.sheet"),
        FileType("pptx", "PPT 演示", f"{_OFFICE}presentationml.presentation"),
        FileType("doc", "Word 文档", "application/msword", also=("wps",)),
        FileType("xls", "Excel 表格", "application/vnd.ms-excel", also=("et",)),
        FileType("ppt", "PPT 演示", "application/vnd.ms-powerpoint", also=("dps",)),
        FileType("txt", "文本", "text/plain; charset=utf-8", also=("csv", "md", "log")),
        FileType("amr", "AMR 录音", "audio/amr"),
        FileType("mp3", "MP3 录音", "audio/mpeg"),
        FileType("m4a", "M4A 录音", "audio/mp4"),
        FileType("wav", "WAV 录音", "audio/wav", also=("wave",)),
        FileType("mp4", "MP4 视频", "video/mp4", also=("m4v",)),
    )
}
"""Kinds that are kept, by the ending that stands in the store."""

ACCEPTED: Final = "图片、PDF、Word/Excel/PPT、文本、录音（mp3 m4a amr wav）和 mp4 视频"
_UNKNOWN: Final = f"认不出是什么文件；收{ACCEPTED}"
_ARCHIVE: Final = "是压缩包，不收：请解压后一个一个发"
_PROGRAM: Final = "是程序，不收"
_SCRIPT: Final = "是脚本，不收"
_PAGE: Final = "是网页或矢量图（HTML/SVG/XML），里面可能藏有程序，不收：请截图或存成 PDF 再发"
_MACRO: Final = "里有宏（程序），不收：请另存为不带宏的文档再发"
_BROKEN: Final = "不完整或已损坏：请重新发一次"
_BEGINNINGS: Final = (b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"#!AMR")
_NAMES: Final = (
    (b"%PDF", "PDF 文档"),
    (b"\x89PNG", "PNG 图片"),
    (b"GIF8", "GIF 图片"),
    (b"\xff\xd8\xff", "JPEG 图片"),
    (b"#!AMR", "AMR 录音"),
)
"""Beginnings of kinds that are kept, where a file may be cut off."""
_WORD: Final = re.compile(r"^是 ?|，.*$")
"""What stands around the name in the reason of a refusal."""
_LOCKED: Final = "有打开密码，别人看不了：请去掉密码再发"


def recognise(data: bytes) -> FileType:
    """The kind of a file that may be kept. Raises Refusal: the reason, to stand behind the file's name."""
    if not data:
        raise Refusal("是空的")
    for magic, reason in _REFUSED:
        if data.startswith(magic):
            raise Refusal(reason)
    for ending, known in _KNOWN:
        if known(data):
            return TYPES[ending]
    if data.startswith(_ZIP):
        return TYPES[_office(data)]
    if data.startswith(_OLE):
        return TYPES[_old_office(data)]
    if data.startswith(_BEGINNINGS):
        raise Refusal(_BROKEN)
    if data[257:262] == b"ustar":
        raise Refusal(_ARCHIVE)
    return TYPES[_text(data)]


def name_of(head: bytes) -> str | None:
    """What a file is by its first bytes, for people; None for a text, and for what is not on our lists.

    For doors that take no attachments: what it may be kept as, only `recognise` says.
    """
    beginnings = [(magic, _WORD.sub("", reason)) for magic, reason in _REFUSED] + list(_NAMES)
    # A text may begin with the letters of a program; only what is no text has a NUL soon.
    known = [name for magic, name in beginnings if head.startswith(magic) and (b"\0" in head or len(magic) > 2)]
    return next(iter(known), None) or next((TYPES[ending].title for ending, test in _KNOWN if test(head)), None)


def matching(ending: str, kind: FileType) -> bool:
    """Whether a name's ending says what the content is."""
    return ending == kind.ending or ending in kind.also


_Test = Callable[[bytes], bool]
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_REFUSED: Final = (
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
    (b"\xfe\xed\xfa\xce", _PROGRAM),
    (b"\xfe\xed\xfa\xcf", _PROGRAM),
    (b"\xce\xfa\xed\xfe", _PROGRAM),
    (b"\xcf\xfa\xed\xfe", _PROGRAM),
    (b"\xca\xfe\xba\xbe", _PROGRAM),
    (b"dex\n", _PROGRAM),
    (b"\x4c\x00\x00\x00\x01\x14\x02\x00", "是快捷方式，不收"),
    (b"Rar!\x1a\x07", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"\x1f\x8b\x08", _ARCHIVE),
    (b"\xfd7zXZ\x00", _ARCHIVE),
    (b"BZh", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"MSCF", _ARCHIVE),
    (b"PK\x05\x06", _ARCHIVE),
    (b"PK\x07\x08", _ARCHIVE),
    (b"ITSF", "是帮助文件（CHM），里面可能藏有程序，不收"),
    (b"{\\rtf", "是 RTF 文档，不收：请另存为 .docx 或 PDF 再发"),
    (b"SQLite format 3\x00", "是数据库文件，不收"),
)


def _jpeg(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff" and len(data) > 32 and data[3] in _JPEG_FIRST and b"\xff\xda" in data


_JPEG_FIRST: Final = frozenset((0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)))


def _bmp(data: bytes) -> bool:
    if len(data) < 26 or data[:2] != b"BM" or data[6:10] != bytes(4):
        return False
    size, start, header = struct.unpack_from("<I4xII", data, 2)
    return header in (12, 40, 52, 56, 64, 108, 124) and 14 + header <= start <= len(data) and size in (0, len(data))


def _riff(form: bytes) -> _Test:
    def test(data: bytes) -> bool:
        return data[:4] == b"RIFF" and data[8:12] == form and len(data) > 20

    return test


def _brand(*brands: bytes) -> _Test:
    """ISO base media: the first box is `ftyp`, and its major brand says what it is."""

    def test(data: bytes) -> bool:
        if data[4:8] != b"ftyp":
            return False
        length = int.from_bytes(data[:4], "big")
        return 12 <= length <= min(len(data), 512) and data[8:12] in brands and len(data) > length

    return test


def _mp3(data: bytes) -> bool:
    """A tag and a frame behind it, or two frames in a row: two bytes alone are in every other file."""
    if data[:3] == b"ID3" and len(data) > 10 and data[3] <= 4 and all(byte < 0x80 for byte in data[6:10]):
        size = (data[6] << 21) | (data[7] << 14) | (data[8] << 7) | data[9]
        # Some encoders fill up behind the tag.
        start = 10 + size + (10 if data[5] & 0x10 else 0)
        rest = data[start : start + 4096].lstrip(b"\0")
        return _frame(rest) > 0
    first = _frame(data)
    return first > 0 and _frame(data[first : first + 4]) > 0


_RATES: Final = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_BITS: Final = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _frame(data: bytes) -> int:
    """Length of the layer-3 frame that begins here; 0 where none does."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return 0
    version, bits, rate = (data[1] >> 3) & 3, data[2] >> 4, (data[2] >> 2) & 3
    if version == 1 or bits in (0, 15) or rate == 3:
        return 0
    per_frame = 144 if version == 3 else 72
    return per_frame * _BITS[version == 3][bits - 1] * 1000 // _RATES[version][rate] + ((data[2] >> 1) & 1)


_KNOWN: Final = (
    ("jpg", _jpeg),
    ("png", lambda data: data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR"),
    ("gif", lambda data: data[:6] in (b"GIF87a", b"GIF89a") and len(data) > 13),
    ("webp", lambda data: _riff(b"WEBP")(data) and data[12:16] in (b"VP8 ", b"VP8L", b"VP8X")),
    ("bmp", _bmp),
    ("heic", _brand(b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")),
    ("pdf", lambda data: re.match(rb"%PDF-[12]\.\d", data) is not None and b"%%EOF" in data[-2048:]),
    ("amr", lambda data: data.startswith((b"#!AMR\n", b"#!AMR-WB\n"))),
    ("mp3", _mp3),
    ("m4a", _brand(b"M4A ", b"M4B ")),
    ("wav", lambda data: _riff(b"WAVE")(data) and b"fmt " in data[12:4096]),
    ("mp4", _brand(b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV")),
)


def _office(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {member.filename.lower() for member in archive.infolist()}
            locked = any(member.flag_bits & 1 for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise Refusal(_BROKEN) from error
    for ending, part in (("docx", "word/document.xml"), ("xlsx", "xl/workbook.xml"), ("pptx", "ppt/presentation.xml")):
        if part in names and "[content_types].xml" in names:
            if locked:
                raise Refusal(_LOCKED)
            if any(name.endswith("vbaproject.bin") for name in names):
                raise Refusal(_MACRO)
            return ending
    raise Refusal(_PROGRAM if "androidmanifest.xml" in names or "meta-inf/manifest.mf" in names else _ARCHIVE)


def _old_office(data: bytes) -> str:
    def holds(name: str) -> bool:
        # A directory entry: the name in UTF-16, ended by a zero.
        return name.encode("utf-16-le") + b"\0\0" in data

    if holds("EncryptedPackage"):
        raise Refusal(_LOCKED)
    if holds("_VBA_PROJECT") or holds("VBA"):
        raise Refusal(_MACRO)
    for ending, stream in (
        ("doc", "WordDocument"),
        ("xls", "Workbook"),
        ("xls", "Book"),
        ("ppt", "PowerPoint Document"),
    ):
        if holds(stream):
            return ending
    raise Refusal(_UNKNOWN)


_STREAMS: Final = (("doc", "WordDocument"), ("xls", "Workbook"), ("xls", "Book"), ("ppt", "PowerPoint Document"))
_MARKUP: Final = re.compile(
    r"<\s*(?:!doctype|html|head|body|script|svg|iframe|img|object|embed|meta|link|style|table|form|\?xml|\?php|%|xsl:)",
    re.IGNORECASE,
)
_BINARY: Final = frozenset({"Cc", "Cs", "Co", "Cn"})


def _text(data: bytes) -> str:
    text = _decoded(data)
    if text is None:
        raise Refusal(_UNKNOWN)
    start = text[:4096].lstrip("\ufeff \t\r\n")
    if _MARKUP.search(start) or start.lower().startswith("<?xml"):
        raise Refusal(_PAGE)
    if start.startswith("#!") or start.lower().startswith(("@echo", "windows registry editor", "[internetshortcut]")):
        raise Refusal(_SCRIPT)
    return "txt"


def _decoded(data: bytes) -> str | None:
    """The text, if these bytes are one in an encoding that people here use, without a single control character."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or _chinese(text):
            odd = any(unicodedata.category(character) in _BINARY for character in text if character not in "\t\r\n\x0c")
            return None if odd else text
    return None


def _chinese(text: str) -> bool:
    """GB18030 and UTF-16 give a meaning to almost any bytes: common characters must be most of what is not ASCII."""
    beyond = [character for character in text if character > "\x7f" and character != "\ufeff"]
    common = sum(_common(character) for character in beyond)
    return common * 10 >= len(beyond) * 9


def _common(character: str) -> bool:
    """In GB 2312's first level (the 3755 usual ones) or a Chinese sign."""
    try:
        code = character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return len(code) == 2 and (code[0] <= 0xA3 or 0xB0 <= code[0] <= 0xD7)
