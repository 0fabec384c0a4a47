"""Asia/Shanghai at the surface: days, and times as people read them.

Inside the program every time is aware UTC. What people see and what counts as a day is Asia/Shanghai; this module is
the only place that knows it, so that code and message templates write times alike.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
WEEKDAYS: Final = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")

_DAY = timedelta(days=1)
_MIDNIGHT: Final = "24:00"


def local(at: datetime) -> datetime:
    """The same moment with Asia/Shanghai as its zone. Raises ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone has no place here")
    return at.astimezone(SHANGHAI)


def day_of(at: datetime) -> date:
    """The Shanghai calendar day in which an aware time lies."""
    return local(at).date()


def start_of_day(day: date) -> datetime:
    """00:00 of a Shanghai day, as aware UTC."""
    return at_time(day, time())


def end_of_day(day: date) -> datetime:
    """24:00 of a Shanghai day, which is 00:00 of the next, as aware UTC."""
    return at_time(day + _DAY, time())


def at_time(day: date, clock: time) -> datetime:
    """A time of day on a Shanghai day, as aware UTC."""
    return datetime.combine(day, clock, SHANGHAI).astimezone(UTC)


def time_text(at: datetime) -> str:
    """`06-01 10:32`."""
    return f"{local(at):%m-%d %H:%M}"


def clock_text(at: datetime) -> str:
    """`10:32`."""
    return f"{local(at):%H:%M}"


def day_text(at: datetime | date) -> str:
    """`2026-06-01`, of an aware time or of a day."""
    return (day_of(at) if isinstance(at, datetime) else at).isoformat()


def full_text(at: datetime) -> str:
    """`2026-06-01 10:32`."""
    return f"{local(at):%Y-%m-%d %H:%M}"


def near_text(at: datetime, now: datetime | None) -> str:
    """As short as is clear: `10:32` today, `06-01 10:32` this year, else with the year; in full where None says that
    it will be read on any day."""
    if now is None:
        return full_text(at)
    here, there = local(at), local(now)
    if here.date() == there.date():
        return clock_text(at)
    return time_text(at) if here.year == there.year else full_text(at)


def due_text(due: datetime, now: datetime | None) -> str:
    """A due time as `near_text` writes a moment; midnight is 24:00 of the day that ends, the last on which one may."""
    if not _ends_a_day(due):
        return near_text(due, now)
    last = due - _DAY
    if now is not None and day_of(last) == day_of(now):
        return _MIDNIGHT
    return f"{near_text(last, now).removesuffix(' 00:00')} {_MIDNIGHT}"


def full_due_text(due: datetime) -> str:
    """`2026-06-04 17:00`, `2026-06-04 24:00`."""
    return f"{day_text(due - _DAY)} {_MIDNIGHT}" if _ends_a_day(due) else full_text(due)


def weekday_text(at: datetime | date) -> str:
    """`周一` … `周日`, of an aware time or of a day."""
    return WEEKDAYS[(day_of(at) if isinstance(at, datetime) else at).weekday()]


def _ends_a_day(at: datetime) -> bool:
    return local(at).time() == time()


def over_text(late: timedelta) -> str:
    """`刚刚超期` within the first minute, then `已超 3小时`."""
    return "刚刚超期" if late < timedelta(minutes=1) else f"已超 {span_text(late)}"


def span_text(span: timedelta) -> str:
    """`15分钟`, `2小时`, `2小时5分`, `24小时`, `7天`, `2天3小时`; seconds are dropped, a minus sign is kept.

    Days are used from two days on, because limits of one day are spoken of as 24 hours.
    """
    sign = "-" if span < timedelta() else ""
    minutes = int(abs(span).total_seconds()) // 60
    if minutes >= 2 * 24 * 60:
        days, minutes = divmod(minutes, 24 * 60)
        hours = minutes // 60
        return f"{sign}{days}天{hours}小时" if hours else f"{sign}{days}天"
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{sign}{minutes}分钟" if minutes else "不到1分钟" if span else "0分钟"
    return f"{sign}{hours}小时{minutes}分" if minutes else f"{sign}{hours}小时"
