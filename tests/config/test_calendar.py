"""The working calendar: the facts of the domain, and the laws of counting."""

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import chinese_calendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.calendar import WorkCalendar, Workdays
from config.errors import ConfigError

CALENDAR = WorkCalendar()
DAYS = st.dates(date(2019, 1, 1), date(2029, 12, 31))


@pytest.fixture
def overlay(tmp_path: Path):
    def overlay(text: str, name: str = "2027.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return overlay


def test_days_moved_by_the_state_council_are_known():
    assert CALENDAR.is_workday(date(2026, 9, 20))
    assert CALENDAR.is_workday(date(2026, 10, 10))
    assert not CALENDAR.is_workday(date(2026, 9, 25))


@pytest.mark.parametrize(
    ("start", "n", "due"),
    [
        (date(2026, 9, 30), 3, date(2026, 10, 10)),
        (date(2026, 6, 18), 3, date(2026, 6, 24)),
        (date(2026, 11, 2), 10, date(2026, 11, 16)),
    ],
)
def test_workdays_are_counted_from_the_day_after(start: date, n: int, due: date):
    assert CALENDAR.add_workdays(start, n) == Workdays(due, False)


def test_a_limit_in_workdays_is_over_at_midnight_in_shanghai():
    at = datetime(2026, 10, 8, 15, 59, tzinfo=UTC)  # 23:59 in Shanghai, still the 8th
    assert CALENDAR.due_after_workdays(at, 2) == (datetime(2026, 10, 10, 16, tzinfo=UTC), False)
    assert CALENDAR.due_after_workdays(at + timedelta(minutes=1), 2) == (datetime(2026, 10, 12, 16, tzinfo=UTC), False)


def test_years_without_arrangements_go_by_weekday_and_say_so():
    assert CALENDAR.coverage == (2004, 2026)
    assert CALENDAR.is_workday(date(2027, 1, 4)) and not CALENDAR.is_workday(date(2027, 1, 2))
    assert CALENDAR.provisional(date(2027, 1, 4)) and not CALENDAR.provisional(date(2026, 12, 31))
    assert CALENDAR.provisional(date(2003, 12, 31))
    assert CALENDAR.add_workdays(date(2026, 12, 30), 1) == Workdays(date(2026, 12, 31), False)
    assert CALENDAR.add_workdays(date(2026, 12, 30), 2) == Workdays(date(2027, 1, 1), True)


def test_an_overlay_publishes_its_year(overlay):
    path = overlay('year = 2027\nsource = "通知"\ndays_off = [2027-01-01]\nworkdays = [2027-01-03]\n')
    calendar = WorkCalendar([path])
    assert calendar.add_workdays(date(2026, 12, 30), 2) == Workdays(date(2027, 1, 3), False)
    assert calendar.coverage == (2004, 2027)
    assert calendar.provisional(date(2028, 1, 3))
    assert calendar.version != CALENDAR.version
    assert "2027.toml@" in calendar.version and calendar.version.startswith("chinesecalendar ")


def test_an_overlay_corrects_a_published_year(overlay):
    path = overlay('year = 2026\nsource = "更正"\ndays_off = [2026-11-23]\n')
    calendar = WorkCalendar([path])
    assert not calendar.is_workday(date(2026, 11, 23))
    assert calendar.is_workday(date(2026, 9, 25))  # the file stands for the whole year


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('year = 2027\nsource = "x"\ndays_off = [\n  2026-01-01,\n]\n', "第 4 行 days_off：2026-01-01 不在 2027 年"),
        ('year = 2027\nsource = "x"\ndays_off = [2027-01-02]\nworkdays = [2027-01-02]\n', "既写了放假又写了上班"),
        ('year = 2027\nsource = "x"\nworkdays = [2027-01-04]\n', "不是周六日"),
        ('year = 2027\nsource = "x"\nholidays = []\n', "第 3 行 holidays：没有这个键"),
        ("year = 2027\n", "2027.toml source：缺少这一项"),
    ],
)
def test_a_wrong_overlay_is_named(overlay, text: str, message: str):
    with pytest.raises(ConfigError) as caught:
        WorkCalendar([overlay(text)])
    assert message in str(caught.value)


def test_counting_backwards_is_refused():
    with pytest.raises(ValueError, match="forward"):
        CALENDAR.add_workdays(date(2026, 1, 1), -1)


def test_the_published_data_are_loaded_only_when_asked_for():
    code = "import sys, config.calendar as c; c.WorkCalendar(); sys.exit('chinese_calendar' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@settings(deadline=None)
@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)))
def test_published_years_are_as_published(day: date):
    assert CALENDAR.is_workday(day) == chinese_calendar.is_workday(day)


@settings(deadline=None)
@given(DAYS, st.integers(1, 30))
def test_the_due_day_is_a_workday_and_the_nth(start: date, n: int):
    due, provisional = CALENDAR.add_workdays(start, n)
    passed = [start + timedelta(days=number) for number in range(1, (due - start).days + 1)]
    assert CALENDAR.is_workday(due)
    assert sum(map(CALENDAR.is_workday, passed)) == n
    assert provisional == any(map(CALENDAR.provisional, passed))


@settings(deadline=None)
@given(DAYS, st.integers(0, 15), st.integers(0, 15))
def test_counting_in_two_steps_is_counting_once(start: date, first: int, second: int):
    between = CALENDAR.add_workdays(start, first).due_day
    assert CALENDAR.add_workdays(between, second).due_day == CALENDAR.add_workdays(start, first + second).due_day


@settings(deadline=None)
@given(DAYS, st.integers(0, 40), st.integers(1, 15))
def test_a_later_start_is_never_due_earlier(start: date, later: int, n: int):
    assert CALENDAR.add_workdays(start, n) <= CALENDAR.add_workdays(start + timedelta(days=later), n)
