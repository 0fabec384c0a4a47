"""The three forms of a 日报: figures for machines, a table for Excel, plain lines for a chat bubble on a phone."""

import csv
import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from config.shanghai import full_text, weekday_text
from handlers.rates import percent, points
from handlers.statistics import NOTHING, by_import_text, window_text

if TYPE_CHECKING:
    from handlers.reports.daily import DailyReport


def _json(report: "DailyReport") -> str:
    return json.dumps(report.data(), ensure_ascii=False, indent=2) + "\n"


def _csv(report: "DailyReport") -> str:
    """One row a figure: part, unit, figure, and its values."""
    text = io.StringIO()
    write = csv.writer(text).writerow
    write(("部分", "单位", "项目", "当日", "前一日", "变化", "本期累计"))
    if report.empty:
        write(("全街道", "", NOTHING, "", "", "", ""))
    for name, row in report.rows.items():
        write(("合计", "全街道", name, row.day, row.before, row.change, "" if row.to_date is None else row.to_date))
    write(("合计", "全街道", "受理中按导入时间计", report.by_import, "", "", ""))
    for (name, rate), (_, to_date) in zip(report.rates.items(), report.rates_to_date.items(), strict=True):
        write(("三率", "全街道", name, rate.text(), "", "", to_date.text()))
    write(("三率", "全街道", "综合得分", points(report.rates.score), "", "", points(report.rates_to_date.score)))
    for department, counts in report.departments.items():
        for name, count in counts.items():
            write(("科室", _cell(department), name, count, "", "", ""))
    for category in report.categories:
        write(("分类前五", _cell(category.name), "受理", category.received, "", "", ""))
        write(("分类前五", _cell(category.name), "占比", percent(category.share), "", "", ""))
    for name, value in _footer(report):
        write(("说明", "", name, value, "", "", ""))
    return "\ufeff" + text.getvalue()


def _markdown(report: "DailyReport") -> str:
    """Short lines whose labels are as wide as each other in any font: four full-width characters."""
    title = f"【日报】{report.period.label} {weekday_text(report.period.start)}"
    footer = [f"{name}：{value}" for name, value in _footer(report)]
    if report.empty:
        return "\n".join([title, NOTHING, "", *footer])
    lines = [title, f"当日数（比前一日），累计为考核期 {report.assessment}", ""]
    for name, row in report.rows.items():
        to_date = "" if row.to_date is None else f"，累计 {row.to_date}"
        mark = by_import_text(report.by_import) if name == "受理" else ""
        lines.append(f"{_label(name)} {row.day}（{_signed(row.change)}）{to_date}{mark}")
    lines += ["", "三率（n/V）"]
    for (name, rate), (_, to_date_rate) in zip(report.rates.items(), report.rates_to_date.items(), strict=True):
        lines.append(f"{_label(name)} {rate.text()}，累计 {to_date_rate.text()}")
    lines.append(f"{_label('综合得分')} {points(report.rates.score)}，累计 {points(report.rates_to_date.score)}")
    lines += ["", "按科室"]
    for department, counts in report.departments.items():
        shown = "，".join(f"{name} {count}" for name, count in counts.items() if count)
        if shown:
            lines.append(f"{department}：{shown}")
    if report.categories:
        lines += ["", "分类前五"]
        for place, category in enumerate(report.categories, 1):
            lines.append(f"{place}. {category.name} {category.received} 件（{percent(category.share)}）")
    return "\n".join([*lines, "", *footer])


ENDINGS: Final[dict[str, Callable[["DailyReport"], str]]] = {".json": _json, ".csv": _csv, ".md": _markdown}
"""How each ending is written."""


def _footer(report: "DailyReport") -> list[tuple[str, str]]:
    seq, digest = report.head
    return [
        ("窗口", window_text(report.period, report.as_of)),
        ("口径", report.caliber),
        ("截至", full_text(report.as_of)),
        ("数据摘要", report.data_hash),
        ("日志末条", f"第 {seq} 条 {digest}"),
    ]


def _label(name: str) -> str:
    """Padded with ideographic spaces, which are as wide as the characters."""
    return name.ljust(4, "\u3000")


def _signed(change: int) -> str:
    return f"+{change}" if change > 0 else f"−{-change}" if change else "持平"


def _cell(text: str) -> str:
    """Text that came from outside: a spreadsheet must not take it for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
