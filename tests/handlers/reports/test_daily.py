"""日报: one day, beside the day before and the 考核期, computed again as it was."""

import csv
import io
import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from handlers.refusal import Refusal
from handlers.reports import report_list, write_report
from handlers.reports.daily import ROWS, DailyReport, daily, daily_command, render
from storage.store import Store
from tests.handlers.desk import Desk, at, office_of

LATER = at(30, "09:30")


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(office_of(store))


def report_of(desk: Desk, day: date, now: datetime = LATER, as_of: datetime | None = None) -> DailyReport:
    return desk.read(now, "zhang", lambda work: daily(work.office, work.scope, day, as_of))


def figures_of(report: DailyReport) -> dict[str, int]:
    return {name: row.day for name, row in report.rows.items() if row.day}


def busy_days(desk: Desk) -> None:
    """Three days around a new 考核期, which begins on the 19th, with every kind of step."""
    for day in (18, 19, 20):
        done, declined, returned, waiting = (desk.order(at(day, "08:00")) for _ in range(4))
        steps = ("签收", "派单", "接单", "联系不上", "反馈", "反馈", "办结", "评定", "结案")
        desk.through(done, *((name, at(day, f"{hour:02d}:00")) for hour, name in enumerate(steps, 9)))
        desk.through(declined, ("签收", at(day, "09:00")), ("派单", at(day, "09:10")), ("接单", at(day, "09:20")))
        desk.through(declined, ("改派", at(day, "09:30")))
        desk.through(declined, ("派单", at(day, "09:40")), ("接单", at(day, "09:50")), department="物业科")
        desk.through(returned, ("退回", at(day, "09:00")))
        desk.through(waiting, ("签收", at(day, "23:59")))


def test_every_step_is_counted_on_the_day_it_was_recorded(desk: Desk) -> None:
    busy_days(desk)

    report = report_of(desk, date(2026, 6, 19))

    assert figures_of(report) == {
        "受理": 4,
        "签收": 3,
        "退回": 1,
        "派单": 3,
        "接单": 3,
        "首次联系": 1,
        "办结": 1,
        "结案": 1,
        "在办": 6,
    }
    assert {name: row.change for name, row in report.rows.items() if row.change} == {"在办": 3}
    assert report.rows["受理"].to_date == 4, "a new 考核期 begins on the 19th"
    assert report.assessment == "2026-07期"
    assert report_of(desk, date(2026, 6, 20)).rows["派单"].to_date == 6


def test_days_add_up_to_the_period_and_departments_to_the_street(desk: Desk) -> None:
    busy_days(desk)
    days = [report_of(desk, date(2026, 6, day)) for day in (19, 20, 21)]
    for name in ROWS:
        for report in days:
            assert sum(counts[name] for counts in report.departments.values()) == report.rows[name].day
        if (to_date := days[-1].rows[name].to_date) is not None:
            assert sum(report.rows[name].day for report in days) == to_date
    assert days[0].departments["物业科"]["接单"] == 1
    assert days[0].departments["城管科"]["接单"] == 2
    assert days[0].departments["未派单"]["签收"] == 3


def test_late_orders_are_those_that_were_late_at_the_end_of_that_day(desk: Desk) -> None:
    order = desk.order(at(1, "08:00"))
    steps = ("签收", "派单", "接单", "反馈", "办结")
    desk.through(order, *((name, at(9)) for name in steps))

    def late(day: int) -> tuple[int, int]:
        rows = report_of(desk, date(2026, 6, day)).rows
        return rows["超4天"].day, rows["超期"].day

    assert [late(day) for day in (4, 5, 7, 8, 9)] == [(0, 0), (1, 0), (1, 0), (1, 1), (0, 0)]


def test_what_was_taken_back_by_then_does_not_count(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1, "23:59")))
    desk.undo(at(2, "00:00"), "zhang")

    before = report_of(desk, date(2026, 6, 1), as_of=at(1, "23:59"))
    after = report_of(desk, date(2026, 6, 1))

    assert before.rows["签收"].day == 1
    assert after.rows["签收"].day == 0


def test_a_report_is_computed_again_as_it_was(desk: Desk) -> None:
    busy_days(desk)
    morning = at(20, "09:30")
    then = report_of(desk, date(2026, 6, 19), now=at(21, "00:00"), as_of=morning)
    # what comes to light afterwards: an order of that day, and work on others
    desk.order(at(22), arrived=at(19, "12:00"))
    desk.through(4, ("派单", at(22)))

    again = report_of(desk, date(2026, 6, 19), as_of=morning)

    assert again == then
    assert again.data_hash == then.data_hash
    assert report_of(desk, date(2026, 6, 19)).rows["受理"].day == then.rows["受理"].day + 1


def test_the_hash_is_of_the_figures_and_of_nothing_else(desk: Desk) -> None:
    busy_days(desk)
    report = report_of(desk, date(2026, 6, 19))

    assert report_of(desk, date(2026, 6, 19), now=at(30, "11:00")).data_hash == report.data_hash
    assert replace(report, by_import=1).data_hash != report.data_hash
    assert len(report.data_hash) == 64


def test_the_first_contact_is_counted_once_and_an_attempt_never(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, ("签收", at(1)), ("派单", at(1)), ("接单", at(1)), ("联系不上", at(1)))
    desk.through(order, ("反馈", at(2)), ("反馈", at(3)))

    contacts = [report_of(desk, date(2026, 6, day)).rows["首次联系"].day for day in (1, 2, 3)]

    assert contacts == [0, 1, 0]


def test_the_three_rates_and_the_top_categories(desk: Desk) -> None:
    busy_days(desk)
    for index in range(6):
        desk.order(at(20, "08:00"), category=f"类别{index}")
    desk.order(at(20, "08:00"), category="类别5")

    report = report_of(desk, date(2026, 6, 20))

    assert report.rates.response.text() == "100.0%（1/1）"
    assert report.answers_to_date.valid == 2
    assert [(each.name, each.received) for each in report.categories][:2] == [("噪声→施工噪声", 4), ("类别5", 2)]
    assert len(report.categories) == 5


def test_the_chat_shows_figures_window_caliber_and_hashes(desk: Desk) -> None:
    busy_days(desk)

    text = desk.ask(at(20, "09:30"), "zheng", daily_command, "6月19日")
    lines = text.splitlines()

    assert lines[0] == "【日报】2026-06-19 周五"
    assert "首次联系 1（持平），累计 1" in lines
    assert "在办　　 6（+3）" in lines
    assert "窗口：2026-06-19 00:00 至 24:00" in lines
    (caliber,) = (line for line in lines if line.startswith("口径：全口径(含剔除)"))
    assert caliber.endswith("；合计为合并计算")
    assert "截至：2026-06-20 09:30" in lines
    assert any(line.startswith("日志末条：第 ") for line in lines)
    assert max(len(line) for line in lines) < 90


def test_the_default_is_yesterday_and_a_longer_period_is_refused(desk: Desk) -> None:
    assert "2026-06-19" in desk.ask(at(20), "zhang", daily_command).splitlines()[0]
    with pytest.raises(Refusal, match="日报只看一天"):
        desk.ask(at(20), "zhang", daily_command, "本周")
    with pytest.raises(Refusal, match="还没有到"):
        desk.ask(at(20), "zhang", daily_command, "2026-06-21")


def test_a_day_that_is_not_over_says_so(desk: Desk) -> None:
    desk.order(at(20, "08:00"))
    assert "窗口：2026-06-20 00:00 至 10:00（未完）" in desk.ask(at(20), "zhang", daily_command, "今日")


def test_an_empty_day_says_so_with_its_window(desk: Desk) -> None:
    report = report_of(desk, date(2026, 6, 1))

    for ending in (".md", ".csv"):
        assert "本期无" in render(report, ending)
        assert "2026-06-01 00:00 至 24:00" in render(report, ending)
    assert "三率" not in render(report, ".md")


def test_the_journal_head_is_the_one_of_that_moment(desk: Desk) -> None:
    desk.order(at(1))
    first = report_of(desk, date(2026, 6, 1), now=at(2)).head
    desk.order(at(3))

    assert first[0] == 1
    assert report_of(desk, date(2026, 6, 1), as_of=at(2)).head == first
    assert report_of(desk, date(2026, 6, 1)).head[0] == 2


def test_files_for_machines_and_for_spreadsheets(desk: Desk, tmp_path: Path) -> None:
    desk.order(at(1), category="=1+1")

    def write(name: str) -> bytes:
        out = tmp_path / name
        said = desk.read(at(2), "zhang", lambda work: write_report(work.office, work.scope, "日报", "2026-06-01", out))
        assert said == f"已写入 {out}"
        return out.read_bytes()

    data = json.loads(write("day.json"))
    assert data["合计"]["受理"] == {"当日": 1, "前一日": 0, "变化": 1, "本期累计": 1}
    assert data["三率"]["当日"]["响应率"] == {"n": 0, "V": 0, "百分率": None}
    assert data["窗口"]["止"] == "2026-06-02T00:00:00+08:00"
    table = write("day.CSV")
    assert table.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(table.decode("utf-8-sig"))))
    assert ["合计", "全街道", "受理", "1", "0", "1", "1"] in rows
    assert all(not cell.startswith("=") for row in rows for cell in row)
    assert {len(row) for row in rows} == {7}


@pytest.mark.parametrize(
    ("name", "period", "out", "words"),
    [
        ("年报", "2026-06-01", None, "没有叫“年报”的报表，现有：日报"),
        ("日报", "某天", None, "看不懂期间"),
        ("日报", "2026-W23", None, "日报只看一天"),
        ("日报", "2026-06-01", "x.xlsx", r"可以是：\.json \.csv \.md"),
        ("日报", "2026-06-01", "x", "没有后缀"),
        ("日报", "2026-06-01", "nowhere/x.md", "写不了"),
        ("日报", "2026-02-30", None, "2026"),
    ],
)
def test_what_cannot_be_made_is_refused_with_what_can(
    desk: Desk, tmp_path: Path, name: str, period: str, out: str | None, words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        desk.read(
            at(30),
            "zhang",
            lambda work: write_report(work.office, work.scope, name, period, tmp_path / out if out else None),
        )


def test_the_list_names_every_report() -> None:
    assert report_list().startswith("日报（一天；.json .csv .md）")
