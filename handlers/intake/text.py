"""What a cell says, as clean text: one rule for every kind of file, so that the same row reads the same from each."""

import math
import re
import unicodedata
from datetime import date, datetime, time, timedelta
from typing import Final

Cell = str | int | float | bool | datetime | date | time | timedelta | None
"""What a file's cell can hold. Times of day from workbooks are naive and mean Asia/Shanghai."""

BLANKS: Final = frozenset(
    {"", "-", "--", "---", "—", "——", "/", "\\", "无", "null", "NULL", "Null", "None", "nan", "NaN", "N/A", "n/a"}
)
"""What exports write where there is nothing."""

# Excel's exact range: beyond fifteen digits it has replaced the last ones by zeros.
EXACT_DIGITS: Final = 10**15

_LINE_ENDS = re.compile(r"(?:_x000D_)?\r?\n|\r|_x000D_|[\x0b\x0c\x85\u2028\u2029]")
# Controls, lone surrogates, byte order marks, zero-width spaces and what turns the writing direction (it can make
# a text on a screen read otherwise than it is). Joiners stay: emoji need them.
_UNWANTED = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_FORMULA_TEXT = re.compile(r'^="(.*)"$|^[\'`](?=.)', re.DOTALL)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣", "-"))
_NUMBERS = re.compile(r"[\u4e00-\u9fff]{0,2}[\d\s#/.:,+~年月日号时点分秒TZE-]+")
_PHONE_OR_IDENTITY = re.compile(r"(?<!\d)(?:1[3-9]\d{9}|0\d{2,3}[\s-]?\d{7,8}|\d{15,18})(?!\d)")
_SIGNS: Final = "，。；！？\n"
_NEAR: Final = 60
_ENDING = re.compile(r"[0-9０-９A-Za-z零〇一二三四五六七八九十幺壹贰叁肆伍陆柒捌玖\s.\-－—_*()（）+]+\Z")
_EXCEL_ERROR = re.compile(r"#(?:N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|GETTING_DATA)")


def clean(cell: object) -> str:
    """Give the cell's text: numbers exact, dates as `YYYY-MM-DD HH:MM:SS`, controls stripped, blanks as "".

    Line ends become a line feed; all other characters stay as the citizen's words were written.
    """
    if isinstance(cell, str):
        text = cell
        # Most cells need nothing more, and this test costs a fraction of the search for what to strip.
        if not text.isprintable():
            text = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))
        text = text.strip()
        if text in BLANKS or (text.startswith("#") and _EXCEL_ERROR.fullmatch(text)):
            return ""
        return text
    return _written(cell)


def identifier(text: str) -> str:
    """Give a number or name as one compares it: half-width, plain dashes, without the marks that keep Excel off it.

    `'202606010001`, `="202606010001"` and `２０２６０６０１０００１` are one number.
    """
    if text.isascii() and text.isalnum():
        return text
    found = _FORMULA_TEXT.match(text)
    if found:
        text = found.group(1) if found.group(1) is not None else text[1:]
    return unicodedata.normalize("NFKC", text).translate(_DASHES).strip()


def shortened(text: str, limit: int) -> str:
    """Give at most `limit` characters of a text that is masked later: cut behind a sentence's sign where one is near,
    never within a number or a name of letters, for a part of one is not recognised any more."""
    if len(text) <= limit:
        return text
    near = max(text.rfind(sign, max(0, limit - _NEAR), limit) for sign in _SIGNS)
    return text[: near + 1] if near >= 0 else _ENDING.sub("", text[:limit])


def shown(value: object, limit: int = 30) -> str:
    """Give a key or a name for an error line: one line, short."""
    text = " ".join(_UNWANTED.sub("", str(value)).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def quoted(value: object) -> str:
    """Give a wrong value for an error line: `“2026-02-30”` where it can be no personal data, else `所填内容`.

    In a row whose columns have slipped, a caller's name or phone stands where a date or a number should; lines about
    rows are printed and logged (domain, section 8).
    """
    text = shown(value, 41)
    harmless = len(text) <= 40 and _NUMBERS.fullmatch(text) and not _PHONE_OR_IDENTITY.search(text)
    return f"“{text}”" if harmless else "所填内容"


def _written(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return ""
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)
