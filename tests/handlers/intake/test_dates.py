"""Every form of date that exports write, and every value that is none."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.intake.dates import BadDate, is_date_like, parse_date

SHANGHAI = ZoneInfo("Asia/Shanghai")
MOMENT = datetime(2026, 6, 5, 17, 0, 3, tzinfo=SHANGHAI)
EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-05 17:00:03",
        "2026-06-05T17:00:03",
        "2026/6/5 17:00:03",
        "2026.6.5 17:00:03",
        "2026年6月5日17时0分3秒",
        "2026年6月5日 17:00:03",
        "2026年06月05日（星期五）17:00:03",
        "  ２０２６－０６－０５　１７：００：０３ ",
        "2026-06-05 下午5:00:03",
        "2026/6/5 5:00:03 PM",
        "20260605170003",
        20260605170003,
        20260605170003.0,
        "2026-06-05T17:00:03+08:00",
        "2026-06-05T09:00:03Z",
        "2026-06-05T09:00:03.000+0000",
        datetime(2026, 6, 5, 17, 0, 3),  # noqa: DTZ001 - as a workbook gives it
        datetime(2026, 6, 5, 17, 0, 2, 999_700),  # noqa: DTZ001 - as a workbook rounds it
        datetime(2026, 6, 5, 9, 0, 3, tzinfo=UTC),
        (datetime(2026, 6, 5, 17, 0, 3) - EXCEL_EPOCH) / timedelta(days=1),  # noqa: DTZ001
        "46178.70836805556",
    ],
)
def test_one_moment_in_each_form(value):
    read = parse_date(value)
    assert read == MOMENT
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "hour", "minute"),
    [
        ("2026/6/5 17:00", 17, 0),
        ("2026年6月5日17时3分", 17, 3),
        ("2026年6月5日17时", 17, 0),
        ("2026年6月5日17点30分", 17, 30),
        ("202606051703", 17, 3),
        ("2026.6.5", 0, 0),
        ("2026-6-5", 0, 0),
        ("20260605", 0, 0),
        (20260605, 0, 0),
        (46178, 0, 0),
        ("46178", 0, 0),
        (46178.5, 12, 0),
        (date(2026, 6, 5), 0, 0),
        ("2026-06-05 上午12:10", 0, 10),
    ],
)
def test_forms_without_seconds_or_time(value, hour, minute):
    assert parse_date(value) == datetime(2026, 6, 5, hour, minute, tzinfo=SHANGHAI)


@pytest.mark.parametrize("value", ["", " ", "-", "—", "/", "无", "N/A", "null", None, "\u3000"])
def test_blanks_are_none(value):
    assert parse_date(value) is None


@pytest.mark.parametrize(
    "value",
    [
        *("2026-02-30", "2026-13-01", "2026-06-31 10:00", "20260230", "20261301", "2026年2月30日", "2025-02-29"),
        *("2026-06-05 25:00", "2026-06-05 10:61", "2026-02-30 17:00:03", "2026-06-05 24:01"),
        *(
            "6/5/2026",
            "26-06-05",
            "2026-06",
            "昨天",
            "待定",
            "2026-06-05 ~ 2026-06-07",
            "1",
            "20260605170",
            "2026-W23-5 17:00:03",
        ),
        *("1999-12-31", "2100-01-01", "0000-00-00", "9999-12-31", "2026-06-05T17:00:03+99:00"),
        *(0, 1, -5.5, 35000, 80000, 46178170003, float("nan"), float("inf"), True, 1e300, [], {}),
    ],
)
def test_what_is_no_calendar_date_is_an_error(value):
    with pytest.raises(BadDate) as bad:
        parse_date(value)
    assert "\n" not in str(bad.value)


@pytest.mark.parametrize("value", ["2026-02-30", "2026年2月30日 10:00", "20260230"])
def test_a_day_that_no_month_has_is_named(value):
    with pytest.raises(BadDate, match=f"^“{value}”不是日历上有的日期$"):
        parse_date(value)


@pytest.mark.parametrize("value", ["张三", "13800001234", 13800001234, "科源小区3号楼501", "010-62345678"])
def test_what_may_be_personal_is_not_named(value):
    with pytest.raises(BadDate, match=r"^所填内容不是日期"):
        parse_date(value)


@pytest.mark.parametrize(
    "value", ["2026-06-05", "20260605", date(2026, 6, 5), 46178, "2026-06-05 24:00", "2026年6月5日24时"]
)
def test_a_due_date_without_a_time_ends_with_its_day(value):
    assert parse_date(value, bare_is_end=True) == datetime(2026, 6, 6, tzinfo=SHANGHAI)


def test_a_due_time_stays_as_it_is():
    assert parse_date("2026-06-05 00:00", bare_is_end=True) == datetime(2026, 6, 5, tzinfo=SHANGHAI)


FORMS = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y.%m.%d %H:%M:%S",
    "%Y年%m月%d日%H时%M分%S秒",
    "%Y%m%d%H%M%S",
]
moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)


@given(moments, st.sampled_from(FORMS))
def test_written_and_read_again_it_is_the_same_moment(moment, form):
    assert parse_date(moment.strftime(form)) == moment.replace(tzinfo=SHANGHAI)


@given(moments)
def test_excel_serials_come_back_to_the_second(moment):
    serial = (moment - EXCEL_EPOCH) / timedelta(days=1)
    assert parse_date(serial) == parse_date(repr(serial)) == parse_date(moment) == moment.replace(tzinfo=SHANGHAI)


@given(moments, st.integers(-12 * 60, 14 * 60))
def test_a_zone_is_respected(moment, minutes):
    there = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    assert parse_date(there.isoformat()) == there


@given(st.text() | st.floats() | st.integers())
def test_anything_else_is_a_moment_none_or_a_bad_date(value):
    try:
        read = parse_date(value)
    except BadDate:
        return
    assert read is None or read.tzinfo is UTC


def test_date_like_text_is_told_by_its_form():
    assert is_date_like("2026-02-30")
    assert not is_date_like("2026")
    assert not is_date_like("20260605")
