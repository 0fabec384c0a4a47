"""Days and times at the surface."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config import shanghai

NIGHT = datetime(2026, 5, 31, 16, 30, tzinfo=UTC)  # 00:30 on 1 June in Shanghai


def test_a_day_begins_at_midnight_in_shanghai():
    assert shanghai.day_of(NIGHT) == date(2026, 6, 1)
    assert shanghai.start_of_day(date(2026, 6, 1)) == datetime(2026, 5, 31, 16, tzinfo=UTC)
    assert shanghai.end_of_day(date(2026, 6, 1)) == datetime(2026, 6, 1, 16, tzinfo=UTC)
    assert shanghai.at_time(date(2026, 6, 1), time(18)) == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert shanghai.start_of_day(date(2026, 6, 1)).tzinfo is UTC


def test_times_are_written_in_one_way():
    assert shanghai.clock_text(NIGHT) == "00:30"
    assert shanghai.time_text(NIGHT) == "06-01 00:30"
    assert shanghai.full_text(NIGHT) == "2026-06-01 00:30"
    assert shanghai.day_text(NIGHT) == shanghai.day_text(date(2026, 6, 1)) == "2026-06-01"
    assert shanghai.weekday_text(NIGHT) == shanghai.weekday_text(date(2026, 6, 1)) == "周一"


def test_near_times_are_short():
    assert shanghai.near_text(NIGHT, NIGHT + timedelta(hours=5)) == "00:30"
    assert shanghai.near_text(NIGHT, NIGHT - timedelta(hours=1)) == "06-01 00:30"
    assert shanghai.near_text(NIGHT, NIGHT + timedelta(days=300)) == "2026-06-01 00:30"


def test_a_due_time_at_midnight_ends_the_last_day():
    due = shanghai.end_of_day(date(2026, 6, 4))
    assert shanghai.due_text(due, NIGHT) == "06-04 24:00"
    assert shanghai.due_text(due, due - timedelta(hours=3)) == "24:00"
    assert shanghai.due_text(due, due + timedelta(hours=3)) == "06-04 24:00"
    assert shanghai.due_text(due, due - timedelta(days=300)) == "2026-06-04 24:00"
    assert shanghai.full_due_text(due) == "2026-06-04 24:00"
    assert shanghai.due_text(due + timedelta(minutes=1), NIGHT) == "06-05 00:01"
    assert shanghai.full_due_text(due - timedelta(minutes=1)) == "2026-06-04 23:59"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0分钟"),
        (timedelta(seconds=59), "不到1分钟"),
        (timedelta(minutes=15), "15分钟"),
        (timedelta(hours=2), "2小时"),
        (timedelta(hours=2, minutes=5), "2小时5分"),
        (timedelta(hours=24), "24小时"),
        (timedelta(days=4), "4天"),
        (timedelta(days=2, hours=3, minutes=59), "2天3小时"),
        (timedelta(minutes=-90), "-1小时30分"),
    ],
)
def test_spans_are_written_as_people_say_them(span: timedelta, text: str):
    assert shanghai.span_text(span) == text


def test_a_time_without_a_zone_is_a_fault():
    with pytest.raises(ValueError, match="zone"):
        shanghai.local(datetime(2026, 6, 1))  # noqa: DTZ001


@settings(deadline=None)
@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_moment_lies_in_its_day(at: datetime):
    day = shanghai.day_of(at)
    assert shanghai.start_of_day(day) <= at < shanghai.end_of_day(day)
    assert shanghai.end_of_day(day) == shanghai.start_of_day(day + timedelta(days=1))
