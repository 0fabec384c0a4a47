"""Times as people write them. Today is Wednesday 2026-06-10, 10:32."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.shanghai import at_time, day_of, end_of_day, full_text
from handlers.refusal import Refusal
from handlers.when import When, parse_when, read_span, read_when

NOW = at_time(date(2026, 6, 10), time(10, 32))


class Weekdays:
    """A working calendar without holidays, published up to the end of 2026."""

    def due_after_workdays(self, at: datetime, n: int) -> tuple[datetime, bool]:
        day = day_of(at)
        while n:
            day += timedelta(days=1)
            n -= day.weekday() < 5
        return end_of_day(day), day.year > 2026


def read(text: str, now: datetime = NOW, **how) -> When | None:
    return parse_when(text, now, Weekdays(), **how)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("今天17:00", "2026-06-10 17:00"),
        ("今天 17:00", "2026-06-10 17:00"),
        ("今天１７：００", "2026-06-10 17:00"),
        ("明天 9点", "2026-06-11 09:00"),
        ("6月15日17点", "2026-06-15 17:00"),
        ("6月15日 下午5点半", "2026-06-15 17:30"),
        ("6月15号下午5:30", "2026-06-15 17:30"),
        ("六月十五日下午五点", "2026-06-15 17:00"),
        ("2026-06-05 17:00", "2026-06-05 17:00"),
        ("2026-06-05T17:00:30", "2026-06-05 17:00"),
        ("2026/6/5 8:05", "2026-06-05 08:05"),
        ("2026年6月5日 17时30分", "2026-06-05 17:30"),
        ("202606051700", "2026-06-05 17:00"),
        ("20260605170059", "2026-06-05 17:00"),
        ("10:30", "2026-06-10 10:30"),
        ("17点", "2026-06-10 17:00"),
        ("17点前", "2026-06-10 17:00"),
        ("下午3点一刻", "2026-06-10 15:15"),
        ("中午", "2026-06-10 12:00"),
        ("中午1点", "2026-06-10 13:00"),
        ("今晚8点", "2026-06-10 20:00"),
        ("明早9点", "2026-06-11 09:00"),
        ("凌晨12点", "2026-06-10 00:00"),
        ("晚上12点", "2026-06-11 00:00"),
        ("今天24:00", "2026-06-11 00:00"),
        ("周五（周五）10:00", "2026-06-12 10:00"),
        ("2小时后", "2026-06-10 12:32"),
        ("2个小时之后", "2026-06-10 12:32"),
        ("1小时30分钟后", "2026-06-10 12:02"),
        ("1.5小时内", "2026-06-10 12:02"),
        ("一个半小时后", "2026-06-10 12:02"),
        ("半小时后", "2026-06-10 11:02"),
        ("30分钟后", "2026-06-10 11:02"),
        ("30分钟前", "2026-06-10 10:02"),
        ("现在", "2026-06-10 10:32"),
        ("3天后 10:30", "2026-06-13 10:30"),
        ("3个工作日后", "2026-06-16 00:00"),
        ("三个工作日内", "2026-06-16 00:00"),
        ("3个工作日后 17:00", "2026-06-15 17:00"),
    ],
)
def test_a_moment_with_a_time_of_day(text, at):
    when = read(text)
    assert (full_text(when.at), when.day_only) == (at, False)
    assert when.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", "2026-06-10"),
        ("今日", "2026-06-10"),
        ("明天", "2026-06-11"),
        ("后天", "2026-06-12"),
        ("大后天", "2026-06-13"),
        ("昨天", "2026-06-09"),
        ("前天", "2026-06-08"),
        ("6月15日", "2026-06-15"),
        ("6-15", "2026-06-15"),
        ("6/15", "2026-06-15"),
        ("2026-06-05", "2026-06-05"),
        ("2026.6.5", "2026-06-05"),
        ("2026年6月5日", "2026-06-05"),
        ("26年6月5日", "2026-06-05"),
        ("20260605", "2026-06-05"),
        ("２０２６－０６－０５", "2026-06-05"),
        ("周五", "2026-06-12"),
        ("周三", "2026-06-10"),
        ("周一", "2026-06-15"),
        ("本周一", "2026-06-08"),
        ("下周三", "2026-06-17"),
        ("下个星期天", "2026-06-21"),
        ("上周五", "2026-06-05"),
        ("3天后", "2026-06-13"),
        ("两周后", "2026-06-24"),
        ("一个月内", "2026-07-10"),
        ("月底", "2026-06-30"),
        ("下月底", "2026-07-31"),
        ("7月底前", "2026-07-31"),
        ("年底", "2026-12-31"),
        ("25号", "2026-06-25"),
        ("5日前", "2026-07-05"),
        ("下月5日", "2026-07-05"),
    ],
)
def test_a_bare_date_is_six_in_the_evening_of_that_day(text, day):
    assert read(text) == When(at_time(date.fromisoformat(day), time(18)), False, True, date.fromisoformat(day))


def test_the_time_of_a_bare_date_is_policy():
    assert full_text(read("明天", bare_time=time(17, 30)).at) == "2026-06-11 17:30"


@pytest.mark.parametrize(
    ("text", "today", "lean", "day"),
    [
        ("1月5日", "2026-12-30", "future", "2027-01-05"),
        ("12月30日", "2027-01-05", "past", "2026-12-30"),
        ("6月5日", "2026-06-10", "future", "2026-06-05"),
        ("6月15日", "2026-06-10", "past", "2026-06-15"),
        ("周五", "2026-06-10", "past", "2026-06-05"),
        ("25号", "2026-06-10", "past", "2026-05-25"),
        ("31号", "2026-06-10", "future", "2026-07-31"),
        ("2月29日", "2027-06-10", "future", "2028-02-29"),
        ("2月底", "2027-12-10", "future", "2028-02-29"),
    ],
)
def test_a_date_without_a_year_is_the_nearest_on_its_side(text, today, lean, day):
    now = at_time(date.fromisoformat(today), time(9))
    assert read(text, now, lean=lean).day == date.fromisoformat(day)


def test_workdays_beyond_the_published_calendar_are_provisional():
    assert not read("3个工作日后").provisional
    assert read("200个工作日后").provisional
    assert read("3个工作日后").day == date(2026, 6, 15)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("明天 等待配件", "等待配件"),
        ("明天，等待配件", "等待配件"),
        ("今天17:00\n等待\n配件", "等待\n配件"),
        ("6月15日 10 号楼", "10 号楼"),
        ("明天 3点的会", "3点的会"),
        ("20260630 依据", "依据"),
        ("2026-06-05 10:20 已接通 说明１２", "已接通 说明１２"),
    ],
)
def test_a_moment_at_the_head_leaves_the_rest_as_typed(text, rest):
    assert read_when(text, NOW, Weekdays())[1] == rest
    assert read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "已接通 说明",
        "3号楼",
        "明天开会",
        "明天下午",
        "5",
        "1234567",
        "13800001234",
        "周",
        "月",
        "点",
        "十",
        "工作日后",
        "今",
        "2026",
    ],
)
def test_what_is_no_time_is_none(text):
    assert read_when(text, NOW, Weekdays()) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-30",
        "2026-13-01",
        "20260230",
        "2月30日",
        "6月31日 10:00",
        "2026年0月1日",
        "1999-01-01",
        "32号",
        "25:00",
        "今天24:30",
        "17:75",
        "下午9点",
        "晚上2点",
        "0个工作日后",
        "9999个工作日后",
        "9999天后",
        "9999个月后",
        "0小时后",
        "十十天后",
    ],
)
def test_what_is_in_no_calendar_is_refused_in_one_line(text):
    with pytest.raises(Refusal) as refusal:
        read(text)
    assert refusal.value.message and "\n" not in refusal.value.message


def test_a_deadline_in_the_past_is_refused():
    for text in ("昨天", "10:30", "6月5日", "2小时前"):
        with pytest.raises(Refusal, match="已经过去"):
            read(text, past_ok=False)
    assert read("10:33", past_ok=False) and read("今天", past_ok=False)


def test_where_the_future_is_refused_a_bare_date_of_today_is_that_day():
    today = read("今天", lean="past", future_ok=False)
    assert (today.at, today.day, today.day_only) == (NOW, date(2026, 6, 10), True)
    assert full_text(read("昨天", future_ok=False).at) == "2026-06-09 23:59", "a date alone proves nothing earlier"
    for text in ("明天", "10:33", "今天18:00", "6月15日"):
        with pytest.raises(Refusal, match="还没有到"):
            read(text, lean="past", future_ok=False)


@pytest.mark.parametrize(
    ("text", "minutes", "rest"),
    [("30分钟", 30, ""), ("30分", 30, ""), ("2小时5分", 125, ""), ("一个半小时 会后", 90, "会后"), ("1天", 1440, "")],
)
def test_a_length_of_time(text, minutes, rest):
    assert read_span(text) == (timedelta(minutes=minutes), rest)


@pytest.mark.parametrize("text", ["", "30", "小时", "30分钟后", "天"])
def test_what_is_no_length_of_time_is_none(text):
    assert read_span(text) is None


ALPHABET = "0123456789０１:：-/. 年月日号点时分半前后内个天周小工作今明昨下上午晚一二十三底T，"
TEXT = st.text() | st.text(alphabet=ALPHABET, max_size=16)
MOMENTS = st.integers(1_577_836_800, 2_051_222_400).map(lambda second: datetime.fromtimestamp(second, UTC))


@given(TEXT, MOMENTS, st.sampled_from(["past", "future"]), st.booleans(), st.booleans())
def test_no_text_raises_anything_but_a_refusal(text, now, lean, past_ok, future_ok):
    try:
        read = read_when(text, now, Weekdays(), lean=lean, past_ok=past_ok, future_ok=future_ok)
    except Refusal:
        return
    if read is not None:
        when, rest = read
        assert when.at.tzinfo is UTC
        assert text.endswith(rest)
        assert past_ok or when.at >= now
        assert future_ok or when.at <= now


@given(TEXT)
def test_no_length_of_time_raises_anything_but_a_refusal(text):
    try:
        read_span(text)
    except Refusal:
        return


@given(MOMENTS, MOMENTS)
def test_what_screens_show_reads_back(at, now):
    assert full_text(read(full_text(at), now).at) == full_text(at)
