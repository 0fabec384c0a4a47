"""The Chinese working calendar: which days are workdays, and when a limit in 工作日 is over (domain, section 3).

Published arrangements come with `chinesecalendar`; overlay files, one per year, add or correct years (their format:
`calendar/README.md`). Outside both, Monday to Friday are taken and everything computed is marked provisional.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from config.document import Document, read_document
from config.problems import validated
from config.shanghai import day_of, end_of_day

FOLDER: Final = Path(__file__).with_name("calendar")
UNPUBLISHED: Final = "日历未公布，暂计"
"""How what was counted over days without published arrangements is marked."""
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5


class Workdays(NamedTuple):
    """The last day of a limit in workdays, and whether a day without published arrangements was counted."""

    due_day: date
    provisional: bool


@dataclass(frozen=True, slots=True)
class _Year:
    name: str
    days_off: frozenset[date]
    workdays: frozenset[date]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    year: int = Field(ge=2000, le=2100)
    source: str = Field(min_length=1)
    days_off: tuple[date, ...] = ()
    workdays: tuple[date, ...] = ()


class WorkCalendar:
    """Workdays of any day. Immutable; the published data are loaded when first asked for."""

    def __init__(self, overlays: Iterable[Path] = (), *, folder: Path | None = FOLDER) -> None:
        """`overlays` are further files of the same format, the last of a year wins, over those of `folder`.

        Raises ConfigError for a file that is wrong.
        """
        self._years: dict[int, _Year] = {}
        for path in (*(sorted(folder.glob("*.toml")) if folder else ()), *overlays):
            year, arrangement = _read(path)
            self._years[year] = arrangement

    def is_workday(self, day: date) -> bool:
        """Whether people work on a day; by weekday alone where `provisional` says so."""
        own = self._years.get(day.year)
        if own:
            return day in own.workdays or (day.weekday() < _SATURDAY and day not in own.days_off)
        if self._published(day.year):
            # Its own is_workday() does just this, but searches all its days for the first and last year each time.
            data = self._data.constants
            return day in data.workdays or (day.weekday() < _SATURDAY and day not in data.holidays)
        return day.weekday() < _SATURDAY

    def provisional(self, day: date) -> bool:
        """Whether no arrangement has been published for the day's year."""
        return day.year not in self._years and not self._published(day.year)

    def add_workdays(self, start: date, n: int) -> Workdays:
        """The n-th workday after a day; day 1 is the first workday after it. With n = 0 the day itself.

        Raises ValueError for a negative n.
        """
        if n < 0:
            raise ValueError("workdays are counted forward")
        day, provisional = start, n == 0 and self.provisional(start)
        while n:
            day += _DAY
            provisional = provisional or self.provisional(day)
            n -= self.is_workday(day)
        return Workdays(day, provisional)

    def due_after_workdays(self, at: datetime, n: int) -> tuple[datetime, bool]:
        """When a limit of n workdays from an aware time is over, and whether that is provisional.

        Day 1 is the day after; due at 24:00 Shanghai time of the last day, given as aware UTC.
        """
        due_day, provisional = self.add_workdays(day_of(at), n)
        return end_of_day(due_day), provisional

    @property
    def coverage(self) -> tuple[int, int]:
        """The first and last year with published arrangements, without a gap between them."""
        first, last = self._range
        while not self.provisional(date(last + 1, 1, 1)):
            last += 1
        return first, last

    @cached_property
    def version(self) -> str:
        """Names the data and the overlays, for a clock that is frozen with it."""
        first, last = self._range
        names = [f"chinesecalendar {self._data.__version__} ({first}–{last})"]
        return " + ".join([*names, *(self._years[year].name for year in sorted(self._years))])

    def _published(self, year: int) -> bool:
        first, last = self._range
        return first <= year <= last

    @cached_property
    def _range(self) -> tuple[int, int]:
        years = {day.year for day in self._data.constants.holidays}
        return min(years), max(years)

    @cached_property
    def _data(self) -> ModuleType:
        return import_module("chinese_calendar")


def _read(path: Path) -> tuple[int, _Year]:
    document = read_document(path, "日历文件")
    file = validated(document, _File)
    for kind, days in (("days_off", file.days_off), ("workdays", file.workdays)):
        for number, day in enumerate(days):
            _check(document, kind, number, day, file)
    digest = sha256(path.read_bytes()).hexdigest()[:8]
    return file.year, _Year(f"{path.name}@{digest}", frozenset(file.days_off), frozenset(file.workdays))


def _check(document: Document, kind: str, number: int, day: date, file: _File) -> None:
    if day.year != file.year:
        raise document.error((kind, number), f"{day} 不在 {file.year} 年")
    if kind == "workdays" and day in file.days_off:
        raise document.error((kind, number), f"{day} 既写了放假又写了上班")
    if kind == "workdays" and day.weekday() < _SATURDAY:
        raise document.error((kind, number), f"{day} 不是周六日，本来就上班，请核对")
