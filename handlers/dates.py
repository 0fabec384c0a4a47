"""Days as people write them: `今天`, `6月5日`, `2026/6/5`, `下周三`, `月底`, `3天后`.

A table of patterns, tried in order. A pattern is matched first and given its meaning later, when the reader knows
that the words around it make sense: `6.5` is a day, `6.5小时后` is not.
"""

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Final, Literal

from handlers.refusal import Refusal

Lean = Literal["future", "past"]
"""Where a day without a year is looked for: ahead for deadlines, behind for what has happened."""

Meaning = Callable[[re.Match[str], date, Lean], date]

NUMERAL: Final = r"(?:[0-9]{1,4}|[零〇一二两三四五六七八九十]{1,3})"
"""A number up to 9999 in digits, up to 99 in Chinese. Read it with `number`."""

AFTER: Final = r"(?:之?后|以后|以?内|之内)"
BEFORE: Final = r"(?:之?前|以前)"

_FIRST_YEAR: Final = 2000
_LAST_YEAR: Final = 2099
_FARTHEST: Final = timedelta(days=3660)
_ONE_DAY: Final = timedelta(days=1)
_ONE_WEEK: Final = timedelta(weeks=1)
_WINDOW: Final = timedelta(days=90)
_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_WEEKDAYS: Final = {char: value % 7 for value, char in enumerate("一二三四五六日1234567")} | {"天": 6}
_WEEKS: Final = {"上上": -2, "上": -1, "本": 0, "这": 0, "下": 1, "下下": 2}
_MONTHS: Final = {"上": -1, "本": 0, "这": 0, "下": 1}
_RELATIVE: Final = {"大前": -3, "前": -2, "昨": -1, "今": 0, "本": 0, "明": 1, "后": 2, "大后": 3}


def days(text: str, start: int) -> Iterator[tuple[re.Match[str], Meaning]]:
    """Every way in which folded text has a day at `start`, the likeliest first."""
    for pattern, meaning in _DAYS:
        if match := pattern.match(text, start):
            yield match, meaning


def read_day(text: str, today: date, lean: Lean = "future") -> date | None:
    """The day that folded text names, all of it. Raises Refusal for a day that is in no calendar."""
    for match, meaning in days(text, 0):
        if match.end() == len(text):
            return meaning(match, today, lean)
    return None


def number(text: str) -> int:
    """The value of a NUMERAL: `12`, `两`, `十`, `二十五`. Raises Refusal when the signs make no number."""
    if text.isascii():
        return int(text)
    tens, ten, ones = text.rpartition("十")
    if len(tens) > 1 or len(ones) > 1 or "十" in tens:
        raise Refusal(f"看不懂数字“{text}”，请写阿拉伯数字")
    return (_DIGITS[tens] if tens else 1) * 10 * bool(ten) + (_DIGITS[ones] if ones else 0)


def calendar_day(year: int, month: int, day: int) -> date:
    """A day of the calendar. Raises Refusal when there is none such, or it is not of this century."""
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        raise Refusal(f"年份 {year} 不对：请写 {_FIRST_YEAR} 到 {_LAST_YEAR} 年之间的日期")
    if not 1 <= month <= 12:
        raise Refusal(f"没有 {month} 月，请核对日期")
    if not 1 <= day <= monthrange(year, month)[1]:
        raise Refusal(f"{year} 年 {month} 月没有 {day} 日，请核对日期")
    return date(year, month, day)


def add_months(day: date, months: int) -> date:
    """The same day of another month, or that month's last."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return calendar_day(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def shifted(day: date, span: timedelta) -> date:
    """A day so much later or earlier. Raises Refusal beyond ten years: a slip of the finger."""
    if abs(span) > _FARTHEST:
        raise Refusal("时间太远：最多前后十年")
    return day + span


def _complete(match: re.Match[str], today: date, lean: Lean) -> date:
    year = int(match["y"])
    return calendar_day(year + 2000 if year < 100 else year, number(match["m"]), number(match["d"]))


def _without_year(match: re.Match[str], today: date, lean: Lean) -> date:
    return _nearest(number(match["m"]), number(match["d"]), today, lean)


def _nearest(month: int, day: int, today: date, lean: Lean) -> date:
    """The nearest such day, mostly on the side of `lean`: a deadline `1月5日` written in December is next year's."""
    years = (today.year - 1, today.year, today.year + 1)
    found = [date(year, month, day) for year in years if 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]]
    if not found:
        return calendar_day(today.year, month, day)
    if lean == "future":
        return next((each for each in found if each >= today - _WINDOW), found[-1])
    return next((each for each in reversed(found) if each <= today + _WINDOW), found[0])


def _of_month(match: re.Match[str], today: date, lean: Lean) -> date:
    """`25号`: the next one from today, or the last one."""
    day = number(match["d"])
    step = 1 if lean == "future" else -1
    for months in range(3):
        month = add_months(today.replace(day=1), step * months)
        if 1 <= day <= monthrange(month.year, month.month)[1]:
            found = month.replace(day=day)
            if (found >= today) if lean == "future" else (found <= today):
                return found
    return calendar_day(today.year, today.month, day)


def _of_named_month(match: re.Match[str], today: date, lean: Lean) -> date:
    month = add_months(today.replace(day=1), _MONTHS[match["w"]])
    return calendar_day(month.year, month.month, number(match["d"]))


def _relative(match: re.Match[str], today: date, lean: Lean) -> date:
    return today + timedelta(days=_RELATIVE[match["w"]])


def _weekday(match: re.Match[str], today: date, lean: Lean) -> date:
    monday = today - timedelta(days=today.weekday())
    day = monday + timedelta(days=_WEEKDAYS[match["d"]])
    if match["w"]:
        return day + timedelta(weeks=_WEEKS[match["w"]])
    if lean == "future" and day < today:
        return day + timedelta(weeks=1)
    if lean == "past" and day > today:
        return day - timedelta(weeks=1)
    return day


def _end_of_month(match: re.Match[str], today: date, lean: Lean) -> date:
    if match["m"]:
        month = _nearest(number(match["m"]), 1, today, lean)
    else:
        month = add_months(today.replace(day=1), _MONTHS[match["w"] or "本"])
    return month.replace(day=monthrange(month.year, month.month)[1])


def _end_of_year(match: re.Match[str], today: date, lean: Lean) -> date:
    return calendar_day(today.year, 12, 31)


def _some_time_away(match: re.Match[str], today: date, lean: Lean) -> date:
    count = number(match["n"]) * (-1 if match["before"] else 1)
    if match["unit"] == "个月":
        shifted(today, timedelta(days=30 * count))
        return add_months(today, count)
    return shifted(today, count * (_ONE_DAY if match["unit"] in "天日" else _ONE_WEEK))


_MONTH: Final = r"(?P<m>[0-9]{1,2}|[一二三四五六七八九十]{1,3})"
_DAY: Final = r"(?P<d>[0-9]{1,2}|[一二三四五六七八九十]{1,3})"
_NOT_A_DIGIT: Final = r"(?![0-9])"
_COMPACT_TIME: Final = r"(?=[0-9]{4}(?:[0-9]{2})?(?![0-9])|(?![0-9]))"

_DAYS: Final[tuple[tuple[re.Pattern[str], Meaning], ...]] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (rf"(?P<y>[0-9]{{4}}|[0-9]{{2}})年\s?{_MONTH}月\s?{_DAY}[日号]?", _complete),
        (rf"(?P<y>[0-9]{{4}})(?P<s>[-/.])(?P<m>[0-9]{{1,2}})(?P=s)(?P<d>[0-9]{{1,2}}){_NOT_A_DIGIT}", _complete),
        (rf"(?P<y>20[0-9]{{2}})(?P<m>[0-9]{{2}})(?P<d>[0-9]{{2}}){_COMPACT_TIME}", _complete),
        (rf"{_MONTH}月{_DAY}[日号]?", _without_year),
        (r"(?P<m>[0-9]{1,2})[-/.](?P<d>[0-9]{1,2})(?![-/.0-9])", _without_year),
        (r"(?P<w>大前|大后|前|昨|今|明|后|本(?=日))[天日]", _relative),
        (r"(?P<w>今|明|昨)(?=[早晚])", _relative),
        (r"(?P<w>上上|上|本|这|下下|下)?个?(?:周|星期|礼拜)(?P<d>[一二三四五六日天1-7])", _weekday),
        (rf"(?:(?P<w>本|这|上|下)个?|{_MONTH})?月[底末]", _end_of_month),
        (r"年[底末]", _end_of_year),
        (rf"(?P<w>本|这|上|下)个?月{_DAY}[日号]?", _of_named_month),
        (rf"(?P<n>{NUMERAL})(?P<unit>天|周|个?(?:星期|礼拜)|个月)(?:{AFTER}|(?P<before>{BEFORE}))", _some_time_away),
        # `5日前` is a deadline on the 5th, not five days ago.
        (rf"(?P<n>{NUMERAL})(?P<unit>日){AFTER}(?P<before>(?!))?", _some_time_away),
        (rf"{_DAY}[日号]", _of_month),
    )
)
