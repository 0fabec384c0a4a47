"""Periods as people and scripts write them: `今日`, `本期`, `2026-W47`, `2026-11期`, `6月1日..6月15日`.

A 考核期 runs from the 19th to the 18th (★ default; domain, section 5) and has the name of the month of its last day.
"""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from config.shanghai import day_of, start_of_day
from handlers.dates import add_months, calendar_day, number, read_day
from handlers.privacy import echoed
from handlers.references import fold
from handlers.refusal import Refusal


class Period(NamedTuple):
    """From `start` to before `end`, aware UTC, whole Shanghai days. `label` is the same period in the form P of the
    interface and reads back as it."""

    start: datetime
    end: datetime
    label: str


def read_period(text: str, now: datetime, *, first_day: int = 19) -> Period | None:
    """The period that all of the text names, or None when it names none.

    `now` is aware. `first_day` is the day of the month on which a 考核期 begins, 1 to 28 (policy). Periods without a
    year are the latest ones: reports look back. Raises Refusal for days in no calendar and for a range written
    backwards.
    """
    today = day_of(now)
    text = fold(text).strip()
    for pattern, meaning in _PERIODS:
        if match := pattern.fullmatch(text):
            span = meaning(match, today, first_day)
            return None if span is None else _period(*span)
    day = read_day(text, today, "past")
    return None if day is None else _period(day, day, day.isoformat())


def spoken(period: Period, now: datetime) -> str:
    """A period as people say it: a week by its days, `本周（11-16 至 11-22）`; any other by its label."""
    match = _WEEK_LABEL.fullmatch(period.label)
    if match is None:
        return period.label
    first, last, today = day_of(period.start), day_of(period.end - _ONE_DAY), day_of(now)
    weeks = (first - today + timedelta(days=today.weekday())).days // 7
    name = {0: "本周", -1: "上周"}.get(weeks, f"{match['y']} 年第 {int(match['w'])} 周")
    return f"{name}（{first:%m-%d} 至 {last:%m-%d}）"


def assessment_month(day: date, first_day: int = 19) -> date:
    """The first day of the month after which the 考核期 that holds a day is named."""
    month = day.replace(day=1)
    return add_months(month, 1) if day.day >= first_day > 1 else month


Span = tuple[date, date, str]
"""First day, last day (both within), label."""

_ONE_DAY: Final = timedelta(days=1)
_WEEK_LABEL: Final = re.compile(r"(?P<y>[0-9]{4})-W(?P<w>[0-9]{2})")
_RELATIVE_DAY: Final = re.compile(r".*[今昨前明后本这上下]")


def _period(first: date, last: date, label: str) -> Period:
    return Period(start_of_day(first), start_of_day(last + _ONE_DAY), label)


def _week_of(day: date) -> Span:
    year, week, weekday = day.isocalendar()
    monday = day - timedelta(days=weekday - 1)
    return monday, monday + timedelta(days=6), f"{year}-W{week:02d}"


def _month_of(day: date) -> Span:
    first = day.replace(day=1)
    return first, add_months(first, 1) - _ONE_DAY, f"{first:%Y-%m}"


def _assessment_of(month: date, first_day: int) -> Span:
    label = f"{month:%Y-%m}期"
    if first_day == 1:
        return *_month_of(month)[:2], label
    return add_months(month, -1).replace(day=first_day), month.replace(day=first_day) - _ONE_DAY, label


def _half(year: int, half: int) -> Span:
    first = calendar_day(year, 1 if half == 1 else 7, 1)
    return first, add_months(first, 6) - _ONE_DAY, f"{year}-H{half}"


def _year(year: int) -> Span:
    return calendar_day(year, 1, 1), calendar_day(year, 12, 31), str(year)


def _named_week(match: re.Match[str], today: date, first_day: int) -> Span:
    year, week = int(match["y"]), int(match["w"])
    calendar_day(year, 1, 1)
    try:
        return _week_of(date.fromisocalendar(year, week, 1))
    except ValueError:
        raise Refusal(f"{year} 年没有第 {week} 周，请核对") from None


def _latest_month(match: re.Match[str], today: date) -> date:
    month = calendar_day(today.year, number(match["m"]), 1)
    return month if month <= today else calendar_day(today.year - 1, month.month, 1)


def _latest_assessment(match: re.Match[str], today: date, first_day: int) -> Span:
    current = assessment_month(today, first_day)
    return _assessment_of(_latest_month(match, current), first_day)


def _range(match: re.Match[str], today: date, first_day: int) -> Span | None:
    first = read_day(match["a"].strip(), today, "past")
    if first is None:
        # `到` and `至` stand in names too; two dots are never anything else.
        if match["between"] in ("至", "到", "~"):
            return None
        raise Refusal(f"看不懂日期“{echoed(match['a'])}”，请写成 2026-06-01..2026-06-15")
    second = match["b"].strip()
    # `12月20日..1月5日`: the end is looked for from the beginning on, unless it is a word like 今天.
    last = read_day(second, today, "past") if _RELATIVE_DAY.match(second) else read_day(second, first, "future")
    if last is None:
        raise Refusal(f"看不懂日期“{echoed(match['b'])}”，请写成 2026-06-01..2026-06-15")
    if last < first:
        raise Refusal(f"期间前后颠倒：{first} 在 {last} 之后，请把早的写在前面")
    return first, last, f"{first}..{last}" if first < last else str(first)


_Y: Final = r"(?P<y>[0-9]{4})"
_M: Final = r"(?P<m>[0-9]{1,2})"
_LATEST_M: Final = r"(?P<m>[0-9]{1,2}|[一二三四五六七八九十]{1,2})"

Meaning = Callable[[re.Match[str], date, int], Span | None]

_PERIODS: Final[tuple[tuple[re.Pattern[str], Meaning], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"(?P<a>.{1,20}?)\s*(?P<between>\.\.+|…+|~|至|到)\s*(?P<b>.{1,20})", _range),
        (r"[本这]个?周", lambda match, today, first_day: _week_of(today)),
        (r"上个?周", lambda match, today, first_day: _week_of(today - timedelta(weeks=1))),
        (r"[本这]个?月", lambda match, today, first_day: _month_of(today)),
        (r"上个?月", lambda match, today, first_day: _month_of(add_months(today.replace(day=1), -1))),
        (
            r"[本这]个?(?:考核)?期",
            lambda match, today, first_day: _assessment_of(assessment_month(today, first_day), first_day),
        ),
        (
            r"上个?(?:考核)?期",
            lambda match, today, first_day: _assessment_of(
                add_months(assessment_month(today, first_day), -1), first_day
            ),
        ),
        (r"[今本]年", lambda match, today, first_day: _year(today.year)),
        (r"去年", lambda match, today, first_day: _year(today.year - 1)),
        (r"上半年", lambda match, today, first_day: _half(today.year, 1)),
        (r"下半年", lambda match, today, first_day: _half(today.year, 2)),
        (rf"{_Y}-?w(?P<w>[0-9]{{1,2}})", _named_week),
        (rf"{_Y}年第?(?P<w>[0-9]{{1,2}})周", _named_week),
        (rf"{_Y}-?h(?P<h>[12])", lambda match, today, first_day: _half(int(match["y"]), int(match["h"]))),
        (rf"{_Y}年上半年", lambda match, today, first_day: _half(int(match["y"]), 1)),
        (rf"{_Y}年下半年", lambda match, today, first_day: _half(int(match["y"]), 2)),
        (
            rf"{_Y}[-/年]{_M}月?(?:考核)?期",
            lambda match, today, first_day: _assessment_of(
                calendar_day(int(match["y"]), int(match["m"]), 1), first_day
            ),
        ),
        (
            rf"{_Y}[-/年]{_M}月?",
            lambda match, today, first_day: _month_of(calendar_day(int(match["y"]), int(match["m"]), 1)),
        ),
        (rf"{_Y}年?", lambda match, today, first_day: _year(int(match["y"]))),
        (rf"{_LATEST_M}月?(?:考核)?期", _latest_assessment),
        (rf"{_LATEST_M}月", lambda match, today, first_day: _month_of(_latest_month(match, today))),
    )
)
