"""Dates as exports write them (domain, section 9): text, 年月日, Excel serials, 8, 12 or 14 digits."""

import math
import re
import unicodedata
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Final

from config.shanghai import SHANGHAI
from handlers.intake.text import clean, quoted

# Hotline orders live in this century. The bounds keep a number in the wrong column from becoming a date, and a
# plain number between the two serials is one of Excel's days (1900 system).
FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2099
_SERIAL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock; the zone is added below
_FIRST_SERIAL = 36_526
_END_SERIAL = 73_051

_TEXT = re.compile(
    r"""(?P<year>\d{4})\s*[-/.年]\s*(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*[日号]?
    (?:\s*\(?(?:星期|周)[一二三四五六日天]\)?)?
    (?:[T\s,]*(?P<half>上午|下午|晚上|[AaPp][Mm])?\s*
       (?P<hour>\d{1,2})\s*[:时点]\s*(?:(?P<minute>\d{1,2})\s*[:分]?\s*(?:(?P<second>\d{1,2})(?:\.\d+)?\s*秒?)?)?
       \s*(?P<after>[AaPp][Mm])?
       \s*(?P<zone>Z|[+-]\d{2}:?\d{2})?
    )?""",
    re.VERBOSE,
)
_DIGITS = re.compile(r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?)?")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_AFTERNOON = frozenset({"下午", "晚上", "pm"})
_MORNING = frozenset({"上午", "am"})


class BadDate(ValueError):
    """The value is no calendar date. The message is Chinese and names the value (`“2026-02-30”不是日历上有的日期`)
    unless it could be personal data."""


def parse_date(value: object, *, bare_is_end: bool = False) -> datetime | None:
    """Read a date or a moment; blanks (`-` `/` `无` …) are None.

    Args:
        value: text, a number (Excel serial, or 8, 12, 14 digits), or what a workbook gives; without a zone it is
            Asia/Shanghai.
        bare_is_end: a date without a time means 24:00 of that day instead of 00:00: right for a due time (domain,
            section 3: due at 24:00 of the last day).

    Returns:
        An aware moment in UTC, to the second.

    Raises:
        BadDate: it is no calendar date, or lies outside 2000-2099.
    """
    if isinstance(value, str):
        usual = _usual(value)
        if usual:
            return _finish(usual, value)
        text = unicodedata.normalize("NFKC", clean(value)).strip()
        if not text:
            return None
        if _SERIAL.fullmatch(text):
            return _from_number(float(text), value, bare_is_end)
        return _from_text(text, value, bare_is_end)
    if value is None:
        return None
    if isinstance(value, datetime):
        return _finish(value, value)
    if isinstance(value, date):
        return _finish(datetime(value.year, value.month, value.day), value, bare_is_end)  # noqa: DTZ001 - zone added there
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value, value, bare_is_end)
    raise BadDate(f"{quoted(value)}不是日期")


def is_date_like(text: str) -> bool:
    """Whether a text has the form of a date with separators; says nothing about the calendar."""
    return text[:2] == "20" and _TEXT.fullmatch(text) is not None


def _usual(text: str) -> datetime | None:
    """Read the one form that the city's system writes, `2026-06-05 17:00:03`, many times faster than the rest."""
    if len(text) == 19 and text[4] == text[7] == "-" and text[10] == " " and text[13] == text[16] == ":":
        try:
            return datetime.fromisoformat(text)
        except ValueError:  # the general way says what is wrong with it
            return None
    return None


def _from_number(number: float, value: object, bare_is_end: bool) -> datetime | None:
    if math.isfinite(number):
        if _FIRST_SERIAL <= number < _END_SERIAL:
            moment = _SERIAL_EPOCH + timedelta(days=number)
            return _finish(moment, value, bare_is_end and float(number).is_integer())
        if float(number).is_integer():
            return _from_text(str(int(number)), value, bare_is_end)
    raise BadDate(f"{quoted(value)}不是日期")


def _from_text(text: str, value: object, bare_is_end: bool) -> datetime:
    found = _TEXT.fullmatch(text) or _DIGITS.fullmatch(text)
    if not found:
        raise BadDate(f"{quoted(value)}不是日期，请写成 2026-06-05 17:00 这样")
    parts = found.groupdict()
    hour = int(parts["hour"] or 0)
    half = (parts.get("half") or parts.get("after") or "").lower()
    if half in _AFTERNOON and hour < 12:
        hour += 12
    elif half in _MORNING and hour == 12:
        hour = 0
    minute, second = int(parts["minute"] or 0), int(parts["second"] or 0)
    next_day = (hour, minute, second) == (24, 0, 0)
    try:
        moment = datetime(  # noqa: DTZ001 - the zone is added in _finish
            int(parts["year"]), int(parts["month"]), int(parts["day"]), 0 if next_day else hour, minute, second
        )
    except ValueError as error:
        raise BadDate(f"{quoted(value)}不是日历上有的日期") from error
    if next_day:
        moment += timedelta(days=1)
    zone = parts.get("zone")
    if zone:
        moment = moment.replace(tzinfo=_offset(zone, value))
    return _finish(moment, value, bare_is_end and parts["hour"] is None)


def _offset(zone: str, value: object) -> timezone:
    if zone == "Z":
        return UTC
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:
        raise BadDate(f"{quoted(value)}的时区不对")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if zone[0] == "-" else offset)


def _finish(moment: datetime, value: object, to_end: bool = False) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise BadDate(f"{quoted(value)}不在 {FIRST_YEAR} 到 {LAST_YEAR} 年之间")
    if to_end:
        moment += timedelta(days=1)
    if moment.microsecond:  # a serial is a binary fraction: 17:00:03 is stored as 17:00:02.9999
        moment = (moment + timedelta(microseconds=500_000)).replace(microsecond=0)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(UTC)
