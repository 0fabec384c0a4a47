"""Periods as people and scripts write them. Today is Wednesday 2026-06-10, 10:32."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.shanghai import at_time, day_of, start_of_day
from handlers.periods import assessment_month, read_period
from handlers.refusal import Refusal

NOW = at_time(date(2026, 6, 10), time(10, 32))


@pytest.mark.parametrize(
    ("text", "first", "last", "label"),
    [
        ("今日", "2026-06-10", "2026-06-10", "2026-06-10"),
        ("昨日", "2026-06-09", "2026-06-09", "2026-06-09"),
        ("前天", "2026-06-08", "2026-06-08", "2026-06-08"),
        ("本周", "2026-06-08", "2026-06-14", "2026-W24"),
        ("上周", "2026-06-01", "2026-06-07", "2026-W23"),
        ("本月", "2026-06-01", "2026-06-30", "2026-06"),
        ("上个月", "2026-05-01", "2026-05-31", "2026-05"),
        ("本期", "2026-05-19", "2026-06-18", "2026-06期"),
        ("上期", "2026-04-19", "2026-05-18", "2026-05期"),
        ("今年", "2026-01-01", "2026-12-31", "2026"),
        ("上半年", "2026-01-01", "2026-06-30", "2026-H1"),
        ("2026-11-21", "2026-11-21", "2026-11-21", "2026-11-21"),
        ("2026-W47", "2026-11-16", "2026-11-22", "2026-W47"),
        ("2026-w47", "2026-11-16", "2026-11-22", "2026-W47"),
        ("2020-W53", "2020-12-28", "2021-01-03", "2020-W53"),
        ("2026-11", "2026-11-01", "2026-11-30", "2026-11"),
        ("２０２６年１１月", "2026-11-01", "2026-11-30", "2026-11"),
        ("2026-11期", "2026-10-19", "2026-11-18", "2026-11期"),
        ("2026-01期", "2025-12-19", "2026-01-18", "2026-01期"),
        ("2026年3月期", "2026-02-19", "2026-03-18", "2026-03期"),
        ("2026-H1", "2026-01-01", "2026-06-30", "2026-H1"),
        ("2026-H2", "2026-07-01", "2026-12-31", "2026-H2"),
        ("2026", "2026-01-01", "2026-12-31", "2026"),
        ("5月", "2026-05-01", "2026-05-31", "2026-05"),
        ("11月", "2025-11-01", "2025-11-30", "2025-11"),
        ("2026-11-01..2026-11-15", "2026-11-01", "2026-11-15", "2026-11-01..2026-11-15"),
        ("6月1日..6月5日", "2026-06-01", "2026-06-05", "2026-06-01..2026-06-05"),
        ("6月1日..5日", "2026-06-01", "2026-06-05", "2026-06-01..2026-06-05"),
        ("6月1日至今天", "2026-06-01", "2026-06-10", "2026-06-01..2026-06-10"),
        ("12月20日..1月5日", "2025-12-20", "2026-01-05", "2025-12-20..2026-01-05"),
        ("2026-06-05..2026-06-05", "2026-06-05", "2026-06-05", "2026-06-05"),
    ],
)
def test_a_period_is_whole_days_and_names_itself(text, first, last, label):
    period = read_period(text, NOW)
    start, end = start_of_day(date.fromisoformat(first)), start_of_day(date.fromisoformat(last) + timedelta(days=1))
    assert period == (start, end, label)
    assert period.start.tzinfo is UTC
    assert read_period(label, NOW) == period


@pytest.mark.parametrize(
    ("day", "label"),
    [
        ("2026-12-18", "2026-12期"),
        ("2026-12-19", "2027-01期"),
        ("2026-01-18", "2026-01期"),
        ("2026-02-28", "2026-03期"),
        ("2028-02-29", "2028-03期"),
    ],
)
def test_the_nineteenth_starts_a_new_assessment_period(day, label):
    assert read_period("本期", at_time(date.fromisoformat(day), time(12))).label == label


def test_the_first_day_of_an_assessment_period_is_policy():
    assert read_period("2026-11期", NOW, first_day=26)[0] == start_of_day(date(2026, 10, 26))
    assert read_period("2026-11期", NOW, first_day=1)[:2] == read_period("2026-11", NOW)[:2]
    assert read_period("本期", NOW, first_day=1).label == "2026-06期"


@pytest.mark.parametrize("text", ["", "城管科", "按科室", "三率", "东到家园", "期", "月", "x~y"])
def test_what_is_no_period_is_none(text):
    assert read_period(text, NOW) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2026-13",
        "2026-W60",
        "2025-W53",
        "0期",
        "13月",
        "6月9日..6月1日",
        "6月1日..x",
        "x..6月1日",
        "1800",
    ],
)
def test_a_period_in_no_calendar_is_refused(text):
    with pytest.raises(Refusal):
        read_period(text, NOW)


@given(st.dates(date(2001, 1, 1), date(2098, 12, 31)), st.integers(1, 28))
def test_every_day_lies_in_the_assessment_period_that_it_names(day, first_day):
    label = f"{assessment_month(day, first_day):%Y-%m}期"
    period = read_period(label, NOW, first_day=first_day)
    assert period.start <= start_of_day(day) < period.end
    following = read_period(f"{assessment_month(day_of(period.end), first_day):%Y-%m}期", NOW, first_day=first_day)
    assert following.start == period.end


ALPHABET = "0123456789-.~年月日期周上下半本今昨天WH到至"


@given(
    st.text() | st.text(alphabet=ALPHABET, max_size=14),
    st.integers(1_104_537_600, 3_786_912_000).map(lambda second: datetime.fromtimestamp(second, UTC)),
)
def test_no_text_raises_anything_but_a_refusal(text, now):
    try:
        period = read_period(text, now)
    except Refusal:
        return
    if period is not None:
        assert period.start < period.end
        assert read_period(period.label, now) == period
