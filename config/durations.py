"""Durations and times of day as policy files write them: `15分钟`, `2小时30分`, `7天`, `22:00`."""

import re
from datetime import time, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator

_UNITS = {"分钟": "minutes", "分": "minutes", "秒": "seconds", "小时": "hours", "天": "days"}
_PART = re.compile(r"(\d{1,6})\s*(分钟|分|小时|天|秒)")
_WHOLE = re.compile(r"(?:\d{1,6}\s*(?:分钟|分|小时|天|秒)\s*)+")
_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def parse_duration(value: Any) -> timedelta:
    """`1小时30分` as a positive timedelta; a day is 24 hours. Raises ValueError with a Chinese sentence."""
    if isinstance(value, timedelta):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if not _WHOLE.fullmatch(text):
        raise ValueError('应为时长，例如 "15分钟" "2小时" "7天"')
    span = sum((timedelta(**{_UNITS[unit]: int(count)}) for count, unit in _PART.findall(text)), timedelta())
    if not span:
        raise ValueError("时长应大于零")
    return span


def parse_time(value: Any) -> time:
    """`22:00` (or TOML's own time) as a time of day. Raises ValueError with a Chinese sentence."""
    if isinstance(value, time):
        return value
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if not found:
        raise ValueError('应为一天中的时刻，例如 "22:00"')
    return time(int(found.group(1)), int(found.group(2)))


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time)]
