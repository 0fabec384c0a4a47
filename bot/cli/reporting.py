"""`jiesu report`: any report, now."""

from pathlib import Path

from bot.cli.context import Context, out
from bot.service import clock_beside, open_office
from handlers.refusal import Refusal
from handlers.reports import REPORTS, write_report


def make_report(context: Context, name: str, period: str | None, target: Path | None) -> None:
    """Print a report, or write it to a file whose ending decides the form. Raises Refusal."""
    if name == "list":
        for report in REPORTS.values():
            out(f"{report.name}：{report.summary}")
        return
    if period is None:
        raise Refusal("缺少 --period，例如 --period 2026-11-21")
    office = open_office(context.settings, context.organisation_if_any(), live=False)
    try:
        now = clock_beside(office).now()
        text = office.store.read(lambda scope: write_report(office, scope, name, period, target), now=now)
    finally:
        office.store.close()
    out(text)
