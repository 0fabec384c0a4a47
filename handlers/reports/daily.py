"""日报: one day of the office, beside the day before and the 考核期 so far (domain, section 6).

A report is a value that can be computed again as of the same moment: the same figures, the same hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from config.shanghai import day_of, end_of_day, local, start_of_day
from handlers.arguments import Arguments
from handlers.figures import CALIBER, POOLED, Axis, Figures, Window, answers, figures, in_order
from handlers.flows import FIRST_CONTACT, flows, flows_by_department
from handlers.office import Office
from handlers.periods import Period, read_period
from handlers.rates import Answers, Rates, pooled, rounded, three_rates
from handlers.refusal import Refusal
from handlers.reports import daily_text
from handlers.work import Said, Work
from storage.columns import canonical, table
from storage.tables import Event, Head
from storage.transaction import Scope

RECEIVED, IN_HAND, OVERDUE, OVER_FOUR_DAYS = "受理", "在办", "超期", "超4天"
ROWS = (RECEIVED, "签收", "退回", "派单", "接单", FIRST_CONTACT, "办结", "结案", IN_HAND, OVERDUE, OVER_FOUR_DAYS)
"""The rows of the table, in the order of an order's life."""
STOCKS = frozenset({IN_HAND, OVERDUE, OVER_FOUR_DAYS})
"""Rows that are counted at the end of the window; a period to date says nothing more about them."""
MOST_CATEGORIES = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of the day, of the day before, and of the 考核期 so far (None for what is in hand)."""

    day: int
    before: int
    to_date: int | None

    @property
    def change(self) -> int:
        """Against the day before."""
        return self.day - self.before


@dataclass(frozen=True, slots=True)
class Category:
    """One of the day's most frequent classes, with its share of what came in."""

    name: str
    received: int
    share: Fraction


@dataclass(frozen=True, slots=True)
class DailyReport:
    """All figures of one day, as known at `as_of` (aware UTC). 科室 rows add up to the street's."""

    period: Period
    as_of: datetime
    assessment: str
    rows: Mapping[str, Row]
    by_import: int
    answers: Answers
    answers_to_date: Answers
    rates: Rates
    rates_to_date: Rates
    departments: Mapping[str, Mapping[str, int]]
    categories: tuple[Category, ...]
    head: tuple[int, str]
    caliber: str = f"{CALIBER}；受理按到达时间，其余按记录时间；超期为办结时限已过；派单前的记在“未派单”；{POOLED}"

    @property
    def empty(self) -> bool:
        """Whether nothing happened and nothing was in hand."""
        return not any(row.day for row in self.rows.values()) and not self.answers.valid

    @property
    def until(self) -> datetime:
        """The last moment that counts, for a day that is not over."""
        return min(self.period.end, self.as_of)

    @property
    def figures(self) -> dict[str, Any]:
        """Everything that is counted, in one canonical form; what the hash is over."""
        return {
            "合计": {
                name: {"当日": row.day, "前一日": row.before, "变化": row.change, "本期累计": row.to_date}
                for name, row in self.rows.items()
            },
            "按导入时间计": self.by_import,
            "三率": {"当日": _rates(self.rates), "本期累计": _rates(self.rates_to_date)},
            "科室": {name: dict(counts) for name, counts in self.departments.items()},
            "分类": [
                {"分类": each.name, "受理": each.received, "百分率": _hundred(each.share)} for each in self.categories
            ],
        }

    @property
    def data_hash(self) -> str:
        """SHA-256 over day, caliber and figures, as hex; the same whenever the same figures come out."""
        return sha256(canonical([self.period.label, self.caliber, self.figures]).encode()).hexdigest()

    def data(self) -> dict[str, Any]:
        """Everything, for machines; times in Asia/Shanghai with their offset."""
        return {
            "报表": "日报",
            "期间": self.period.label,
            "窗口": {"起": local(self.period.start).isoformat(), "止": local(self.period.end).isoformat()},
            "考核期": self.assessment,
            "口径": self.caliber,
            "截至": local(self.as_of).isoformat(),
            **self.figures,
            "数据摘要": self.data_hash,
            "日志": {"序号": self.head[0], "摘要": self.head[1]},
        }


def daily(office: Office, scope: Scope, day: date, as_of: datetime | None = None) -> DailyReport:
    """Compute the report of a Shanghai day, as known at `as_of` (default: the scope's moment).

    Raises Refusal for a day that had not begun.
    """
    as_of = min(as_of or scope.now, scope.now)
    period = Period(start_of_day(day), end_of_day(day), day.isoformat())
    if period.start > as_of:
        raise Refusal(f"{period.label} 还没有到，没有日报：请换一天")
    rules = office.rules(day)
    assessment = read_period("本期", period.start, first_day=rules.assessment_first_day)
    assert assessment is not None
    window = Window.of(period, as_of)
    previous = day - timedelta(days=1)
    before = Window.of(Period(start_of_day(previous), period.start, previous.isoformat()), as_of)
    to_date = Window(assessment.start, window.last, as_of)
    today, by_import = _by_department(office, scope, window)
    yesterday, so_far = _street(office, scope, before), _street(office, scope, to_date)
    given, given_to_date = _answers(office, scope, window), _answers(office, scope, to_date)
    return DailyReport(
        period=period,
        as_of=as_of,
        assessment=assessment.label,
        rows={name: Row(_sum(today, name), yesterday[name], None if name in STOCKS else so_far[name]) for name in ROWS},
        by_import=by_import,
        answers=given,
        answers_to_date=given_to_date,
        rates=three_rates(given, rules),
        rates_to_date=three_rates(given_to_date, rules),
        departments=today,
        categories=_categories(office, scope, window),
        head=_head(scope, as_of),
    )


def render(report: DailyReport, ending: str) -> str:
    """The report as the text of a `.json`, `.csv` (with a byte order mark, for Excel) or `.md` file."""
    return daily_text.ENDINGS[ending](report)


def written(office: Office, scope: Scope, period: Period, ending: str) -> str:
    """The report of a period of one day as the text of a file; raises Refusal for a longer one."""
    return render(daily(office, scope, _one_day(period)), ending)


def daily_command(work: Work, arguments: Arguments) -> Said:
    """/日报 [期间]: one day, default yesterday. Raises Refusal for a longer period."""
    period = arguments.optional_period(now=work.now, first_day=work.rules.assessment_first_day)
    arguments.done()
    day = day_of(work.now) - timedelta(days=1) if period is None else _one_day(period)
    return Said(render(daily(work.office, work.scope, day), ".md"))


def _one_day(period: Period) -> date:
    if period.end - period.start > timedelta(days=1):
        raise Refusal(f"日报只看一天，“{period.label}”不止一天：请写某一天，例如 昨日、2026-06-01；多天请用 /统计")
    return day_of(period.start)


def _street(office: Office, scope: Scope, window: Window) -> dict[str, int]:
    counted = figures(scope, office.organisation, window)
    return flows(scope, window) | _held(counted.get("", Figures()))


def _by_department(office: Office, scope: Scope, window: Window) -> tuple[dict[str, dict[str, int]], int]:
    """科室 → row → count, and how many of those that came in are counted by import."""
    organisation = office.organisation
    counted = figures(scope, organisation, window, Axis.DEPARTMENT)
    done = flows_by_department(scope, organisation, window)
    names = in_order(organisation, Axis.DEPARTMENT, {*counted, *(name for each in done.values() for name in each)})
    departments = {}
    for name in names:
        counts = {row: each.get(name, 0) for row, each in done.items()} | _held(counted.get(name, Figures()))
        departments[name] = {row: counts[row] for row in ROWS}
    return departments, sum(group.by_import for group in counted.values())


def _held(group: Figures) -> dict[str, int]:
    counts = (group.received, group.in_hand, group.overdue, group.over_four_days)
    return dict(zip((RECEIVED, IN_HAND, OVERDUE, OVER_FOUR_DAYS), counts, strict=True))


def _sum(departments: Mapping[str, Mapping[str, int]], row: str) -> int:
    return sum(counts[row] for counts in departments.values())


def _answers(office: Office, scope: Scope, window: Window) -> Answers:
    return pooled(answers(scope, office.organisation, window).values())


def _categories(office: Office, scope: Scope, window: Window) -> tuple[Category, ...]:
    counted = figures(scope, office.organisation, window, Axis.CATEGORY)
    total = sum(group.received for group in counted.values())
    ranked = sorted(((group.received, name) for name, group in counted.items() if group.received), key=_most_first)
    return tuple(Category(name, count, Fraction(count, total)) for count, name in ranked[:MOST_CATEGORIES])


def _most_first(item: tuple[int, str]) -> tuple[int, str]:
    return -item[0], item[1]


def _head(scope: Scope, as_of: datetime) -> tuple[int, str]:
    """The journal's last event at that moment: a cut tail shows, because the report has its number and hash."""
    if as_of >= scope.now:
        head = table(Head)
        query = sa.select(head.c.seq, head.c.hash).where(head.c.id == 1)
    else:
        event = table(Event)
        query = sa.select(event.c.seq, event.c.hash).where(event.c.at <= as_of).order_by(event.c.seq.desc()).limit(1)
    found = scope.connection.execute(query).one_or_none()
    return (0, "") if found is None else (int(found[0]), str(found[1]))


def _rates(rates: Rates) -> dict[str, Any]:
    shown: dict[str, Any] = {
        name: {
            "n": int(rate.n) if rate.n.denominator == 1 else float(rate.n),
            "V": rate.v,
            "百分率": _hundred(rate.value),
        }
        for name, rate in rates.items()
    }
    return {**shown, "综合得分": rounded(rates.score)}


def _hundred(value: Fraction | None) -> float | None:
    return None if value is None else rounded(value * 100)
