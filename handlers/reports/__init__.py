"""Reports by name: what each can be written as, and writing one to a file or to the screen (domain, section 6)."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from config.errors import reason
from handlers.office import Office
from handlers.periods import Period, read_period
from handlers.privacy import echoed
from handlers.refusal import Refusal
from handlers.reports import daily
from storage.transaction import Scope


@dataclass(frozen=True, slots=True)
class Report:
    """One report. `make` computes it for a period and renders it for a file ending; `period` says what it wants."""

    name: str
    period: str
    summary: str
    make: Callable[[Office, Scope, Period, str], str]
    endings: tuple[str, ...] = (".json", ".csv", ".md")


REPORTS: dict[str, Report] = {
    report.name: report
    for report in (Report("日报", "一天", "受理到结案各步、在办超期、三率、按科室、分类前五", daily.written),)
}
"""Every report that this version makes, by name."""


def report_list() -> str:
    """One line a report, for `jiesu report list`."""
    return "\n".join(
        f"{report.name}（{report.period}；{' '.join(report.endings)}）：{report.summary}" for report in REPORTS.values()
    )


def write_report(office: Office, scope: Scope, name: str, period: str, out: Path | None) -> str:
    """Make a report and write it to `out`; without `out` return what the chat would show.

    `period` is a P of the interface. Returns what to print. Raises Refusal: unknown report, ending or period, a
    period of the wrong length or not begun, a file that cannot be written.
    """
    report = REPORTS.get(name)
    if report is None:
        raise Refusal(f"没有叫“{echoed(name)}”的报表，现有：{'、'.join(REPORTS)}")
    ending = ".md" if out is None else out.suffix.lower()
    if ending not in report.endings:
        raise Refusal(f"不能写成“{ending or '没有后缀'}”的文件，{name}可以是：{' '.join(report.endings)}")
    wanted = read_period(period, scope.now, first_day=office.rules(scope.now).assessment_first_day)
    if wanted is None:
        raise Refusal(
            f"看不懂期间“{echoed(period)}”，请写成 2026-06-01、2026-W23、2026-06、2026-06期 或 2026-06-01..2026-06-15"
        )
    text = report.make(office, scope, wanted, ending)
    if out is None:
        return text
    try:
        out.write_bytes(text.encode())
    except OSError as error:
        raise Refusal(f"文件 {out} 写不了（{reason(error)}）：请检查目录和权限") from error
    return f"已写入 {out}"
