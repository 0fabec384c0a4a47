"""Times as people write them: `今天17:00`, `6月5日 下午5点半`, `3个工作日后`, `30分钟后`.

A date may be followed by a time of day; a bare date means ★ 18:00; `10:30` alone is today (interface, section Chat).
All reading is in Asia/Shanghai; what comes out is aware UTC.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Protocol

from config.shanghai import at_time, day_of, full_text
from handlers.dates import AFTER, BEFORE, NUMERAL, Lean, days, number
from handlers.periods import Period, read_period
from handlers.references import fold
from handlers.refusal import Refusal

__all__ = ["BARE_TIME", "Lean", "Period", "When", "Workdays", "parse_when", "read_period", "read_span", "read_when"]

BARE_TIME: Final = time(18, 0)
"""★ default of what a bare date means."""


class Workdays(Protocol):
    """The working calendar, as much of it as is needed here."""

    def due_after_workdays(self, at: datetime, n: int, /) -> tuple[datetime, bool]:
        """24:00 of the n-th workday after the day of `at`, aware; whether the answer is provisional."""
        ...


@dataclass(frozen=True, slots=True)
class When:
    """A moment that somebody wrote.

    `at` is aware UTC. `provisional`: counted over workdays that no published calendar covers yet. `day_only`: no time
    of day was written. `day` is the Shanghai day that was written; a `24:00` belongs to the day it ends.
    """

    at: datetime
    provisional: bool
    day_only: bool
    day: date


def parse_when(
    text: str,
    now: datetime,
    calendar: Workdays,
    *,
    bare_time: time = BARE_TIME,
    lean: Lean = "future",
    past_ok: bool = True,
    future_ok: bool = True,
) -> When | None:
    """The moment that all of the text names, or None when it names none. Otherwise like `read_when`."""
    read = read_when(text, now, calendar, bare_time=bare_time, lean=lean, past_ok=past_ok, future_ok=future_ok)
    return read[0] if read and not read[1] else None


def read_when(
    text: str,
    now: datetime,
    calendar: Workdays,
    *,
    bare_time: time = BARE_TIME,
    lean: Lean = "future",
    past_ok: bool = True,
    future_ok: bool = True,
) -> tuple[When, str] | None:
    """The moment at the head of the text and the rest of it, or None when none stands there.

    A moment ends at a space or a punctuation mark, so that `3号楼` is none. `now` is aware. `lean` says on which side
    of today a date without a year is looked for. With `future_ok` false a bare date is that day: something that has
    happened by its last minute, today by `now`; `bare_time` is for what lies ahead.

    Raises Refusal for days and hours that do not exist, and for a moment on a side that is not allowed.
    """
    typed = text.lstrip()
    folded = fold(typed)
    reading = _Reading(folded, now, calendar, bare_time, lean)
    found = reading.dated() or reading.workdays() or reading.away() or reading.clock_alone()
    if found is None:
        return None
    when, end = found
    written = typed[:end]
    if not past_ok and when.at < now:
        raise Refusal(f"“{written}”已经过去：现在是 {full_text(now)}，请写以后的时间")
    if not future_ok and when.day_only and when.day <= day_of(now):
        last = now if when.day == day_of(now) else at_time(when.day, _LAST_MINUTE)
        when = When(last, when.provisional, when.day_only, when.day)
    if not future_ok and when.at > now:
        raise Refusal(f"“{written}”还没有到：现在是 {full_text(now)}，请写已经发生的时间")
    return when, typed[end:].lstrip(_PUNCTUATION)


def read_span(text: str) -> tuple[timedelta, str] | None:
    """The length of time at the head of the text and the rest: `30分钟`, `2小时`, `一个半小时`, `1天`; None if none."""
    typed = text.lstrip()
    match = re.compile(_SPAN + _END).match(fold(typed))
    if match is None or not match[0]:
        return None
    return _span(match), typed[match.end() :].lstrip(_PUNCTUATION)


_LAST_MINUTE: Final = time(23, 59)
_PUNCTUATION: Final = " \t\n\u3000,;.:，；。、：．"
_END: Final = r"(?=[\s,;。、!?)]|$)"
_SPAN: Final = (
    rf"(?=[0-9半零〇一二两三四五六七八九十])(?:(?P<days>{NUMERAL})天)?"
    rf"(?:(?:(?P<hours>{NUMERAL}(?:\.[0-9]{{1,2}})?|半)个?(?P<half>半)?(?:小时|钟头)))?"
    rf"(?:(?P<minutes>{NUMERAL})分钟?)?(?<=[天时头分钟])"
)
_PART: Final = r"凌晨|清晨|早晨|早上|上午|中午|下午|傍晚|晚上|夜里|深夜|早|晚"
_CLOCK: Final = (
    rf"(?:(?P<part>{_PART})\s?)?(?:"
    r"(?P<h1>[0-9]{1,2}):(?P<m1>[0-9]{2})(?::[0-9]{2})?"
    rf"|(?P<h2>{NUMERAL})[点时](?:钟|整|(?P<half>半)|(?P<quarters>[一三])刻|(?P<m2>{NUMERAL})分?)?)"
    r"|(?P<noon>中午|正午)"
)
_COMPACT: Final = r"(?P<h3>[0-9]{2})(?P<m3>[0-9]{2})(?:[0-9]{2})?"
_WEEKDAY_BESIDE: Final = re.compile(r"\s?\((?:周|星期)[一二三四五六日天]\)")
_AFTER_A_DAY: Final = re.compile(rf"(?:(?:\s+|T|,\s?)?(?:{_CLOCK})|{_COMPACT}){BEFORE}?{_END}")
_BARE: Final = re.compile(rf"{BEFORE}?{_END}")
_ALONE: Final = re.compile(rf"(?:{_CLOCK}){BEFORE}?{_END}")
_WORKDAYS: Final = re.compile(rf"(?P<n>{NUMERAL})个?工作日(?:{AFTER})?")
_AWAY: Final = re.compile(rf"{_SPAN}(?:{AFTER}|(?P<before>{BEFORE})){_END}")
_NOW: Final = re.compile(rf"(?:现在|此刻|刚才|刚刚){_END}")
_MOST_WORKDAYS: Final = 250

# For each word the hours it goes with, as written, and the hours they mean.
_ANY: Final = {hour: hour for hour in range(25)}
_DAWN: Final = {hour: hour for hour in range(7)} | {12: 0}
_MORNING: Final = {hour: hour for hour in range(4, 13)}
_NOON: Final = {11: 11, 12: 12, 13: 13, 14: 14, 1: 13, 2: 14}
_AFTERNOON: Final = {hour: hour for hour in range(12, 20)} | {hour: hour + 12 for hour in range(1, 8)}
_DUSK: Final = {hour: hour for hour in range(16, 21)} | {hour: hour + 12 for hour in range(4, 9)}
_EVENING: Final = {hour: hour for hour in range(17, 25)} | {hour: hour + 12 for hour in range(5, 13)}
_PARTS: Final = {
    "": _ANY,
    "凌晨": _DAWN,
    "清晨": _MORNING,
    "早晨": _MORNING,
    "早上": _MORNING,
    "早": _MORNING,
    "上午": _MORNING,
    "中午": _NOON,
    "下午": _AFTERNOON,
    "傍晚": _DUSK,
    "晚上": _EVENING,
    "晚": _EVENING,
    "夜里": _EVENING,
    "深夜": _EVENING,
}


@dataclass(frozen=True, slots=True)
class _Reading:
    """One text being read. Each method is one shape a time can have: the moment and where it ends, or None."""

    text: str
    now: datetime
    calendar: Workdays
    bare_time: time
    lean: Lean

    def dated(self) -> tuple[When, int] | None:
        """A day, mostly with a time of day."""
        today = day_of(self.now)
        for match, meaning in days(self.text, 0):
            beside = _WEEKDAY_BESIDE.match(self.text, match.end())
            end = beside.end() if beside else match.end()
            if clock := _AFTER_A_DAY.match(self.text, end):
                day = meaning(match, today, self.lean)
                return _on(day, *_hour_and_minute(clock)), clock.end()
            if bare := _BARE.match(self.text, end):
                day = meaning(match, today, self.lean)
                return When(at_time(day, self.bare_time), False, True, day), bare.end()
        return None

    def workdays(self) -> tuple[When, int] | None:
        """`3个工作日后`: 24:00 of the last of them (domain, section 3), unless a time of day follows."""
        match = _WORKDAYS.match(self.text)
        if match is None:
            return None
        clock = _AFTER_A_DAY.match(self.text, match.end())
        end = clock or _BARE.match(self.text, match.end())
        if end is None:
            return None
        count = number(match["n"])
        if not 1 <= count <= _MOST_WORKDAYS:
            raise Refusal(f"“{match[0]}”不行：请写 1 到 {_MOST_WORKDAYS} 个工作日")
        due, provisional = self.calendar.due_after_workdays(self.now, count)
        day = day_of(due - timedelta(microseconds=1))
        at = _on(day, *_hour_and_minute(clock)).at if clock else due
        return When(at, provisional, False, day), end.end()

    def away(self) -> tuple[When, int] | None:
        """`2小时后`, `30分钟前`, `现在`."""
        if match := _NOW.match(self.text):
            return When(self.now, False, False, day_of(self.now)), match.end()
        match = _AWAY.match(self.text)
        if match is None:
            return None
        at = self.now - _span(match) if match["before"] else self.now + _span(match)
        return When(at, False, False, day_of(at)), match.end()

    def clock_alone(self) -> tuple[When, int] | None:
        """`10:30`: today."""
        match = _ALONE.match(self.text)
        return None if match is None else (_on(day_of(self.now), *_hour_and_minute(match)), match.end())


def _on(day: date, hour: int, minute: int) -> When:
    """A time of day on a day, where 24:00 is the day's end."""
    at = at_time(day, time()) + timedelta(hours=hour, minutes=minute)
    return When(at, False, False, day)


def _hour_and_minute(match: re.Match[str]) -> tuple[int, int]:
    groups = match.groupdict()
    if groups["noon"]:
        return 12, 0
    hour = number(next(groups[key] for key in ("h1", "h2", "h3") if groups.get(key)))
    minute = number(next((groups[key] for key in ("m1", "m2", "m3") if groups.get(key)), "0"))
    if groups["half"]:
        minute = 30
    elif groups["quarters"]:
        minute = 15 * number(groups["quarters"])
    hours = _PARTS[groups["part"] or ""]
    if hour not in hours or minute > 59 or (hour == 24 and minute):
        raise Refusal(f"没有“{match[0].strip()}”这个时间，请按 24 小时制写，例如 17:30")
    return hours[hour], minute


def _span(match: re.Match[str]) -> timedelta:
    days_, hours, minutes = match["days"], match["hours"], match["minutes"]
    span = timedelta(days=number(days_) if days_ else 0, minutes=number(minutes) if minutes else 0)
    if hours:
        whole, _, fraction = hours.partition(".")
        span += timedelta(hours=0.5 if hours == "半" else number(whole) + float(f"0.{fraction or 0}"))
    if match["half"]:
        span += timedelta(minutes=30)
    if not timedelta() < span <= timedelta(days=3660):
        raise Refusal(f"“{match[0].strip()}”不行：请写十年以内的一段时间，例如 30分钟")
    return span
