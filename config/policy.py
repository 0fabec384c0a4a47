"""The office's policy: rules as data, each with the day from which it holds and what it rests on.

The shipped `policy.toml` is overlaid by the office's own file. A later `since` of the same key takes over on that
day; from the day of the office's first own entry for a key, shipped ones for it no longer count. Sources marked ★ are
our defaults, not anybody's agreement.
"""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.document import Document, Loc, read_document
from config.errors import ConfigError
from config.problems import did_you_mean, problem_text
from config.rules import (
    CloseOutEntry,
    Hours,
    Limit,
    Limits,
    Reminders,
    ReminderSteps,
    Rules,
    ScoreWeights,
    Tariff,
    value_text,
)

__all__ = [
    "STAR",
    "CloseOutEntry",
    "Hours",
    "Limit",
    "Limits",
    "Policy",
    "ReminderSteps",
    "Reminders",
    "RuleLine",
    "Rules",
    "ScoreWeights",
    "Tariff",
    "check_policy",
    "load_policy",
]

SHIPPED: Final = Path(__file__).with_name("policy.toml")
STAR: Final = "★"
UNSETTLED: Final = "未约定，暂按默认"
_OWN_SOURCE: Final = "本单位规定"


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule as people read it. `starred` says that nobody agreed on it; `source` then says so in words."""

    key: str
    title: str
    value: str
    since: date
    source: str
    starred: bool


class Policy:
    """All rules with their days. Immutable; snapshots are built once per version."""

    def __init__(self, entries: Iterable["_Entry"]) -> None:
        self._entries: dict[str, list[_Entry]] = {}
        for entry in sorted(entries, key=lambda entry: (entry.own, entry.since)):
            self._entries.setdefault(entry.key, []).append(entry)
        self._days = [date.min, *sorted({entry.since for entry in self._all()})]
        self._snapshots: dict[tuple[int, str], Rules] = {}

    def on(self, day: date, calendar: str = "") -> Rules:
        """The rules in force on a Shanghai day; before the first entry of a key, that first entry holds. `calendar` is
        the version of the working calendar that goes with them."""
        return self._snapshot(bisect_right(self._days, day) - 1, calendar)

    def describe(self, day: date | None = None) -> list[RuleLine]:
        """Every rule in force on a day, in the shipped order; without a day, the newest of each."""
        rules = self.on(day or self._days[-1])
        lines = []
        for key in Rules.model_fields:
            if key in self._entries:
                entry = self._in_force(key, day or self._days[-1])
                starred = entry.source == STAR
                source = UNSETTLED if starred else entry.source
                lines.append(RuleLine(key, entry.title, value_text(getattr(rules, key)), entry.since, source, starred))
        return lines

    def problems(self) -> list[str]:
        """What is wrong with the values, one Chinese line each, for every version there is."""
        found: dict[str, None] = {}
        for index in range(len(self._days)):
            try:
                self._snapshot(index)
            except ValidationError as fault:
                # A misspelt key is also a missing one: the misspelling comes first.
                for error in sorted(fault.errors(), key=lambda error: error["type"] != "extra_forbidden"):
                    key, *rest = error["loc"]
                    entry = self._in_force(str(key), self._days[index])
                    found[entry.problem(tuple(rest), problem_text(error, Rules))] = None
        return list(found)

    def _snapshot(self, index: int, calendar: str = "") -> Rules:
        if (index, calendar) not in self._snapshots:
            day = self._days[index]
            entries = {key: self._in_force(key, day) for key in self._entries}
            values = {key: entry.value for key, entry in entries.items()}
            digest = sha256(json.dumps(values, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()[
                :8
            ]
            sources = {key: UNSETTLED if entry.source == STAR else entry.source for key, entry in entries.items()}
            version = f"{max(entry.since for entry in entries.values()).isoformat()}-{digest}"
            named = {"version": version, "calendar_version": calendar}
            self._snapshots[index, calendar] = Rules.model_validate({**values, **named}, context=sources)
        return self._snapshots[index, calendar]

    def _in_force(self, key: str, day: date) -> "_Entry":
        entries = self._entries[key]
        return next((entry for entry in reversed(entries) if entry.since <= day), entries[0])

    def _all(self) -> Iterator["_Entry"]:
        for entries in self._entries.values():
            yield from entries


def load_policy(overlay: Path | None = None) -> Policy:
    """The shipped rules under the office's own file. Raises ConfigError for the first mistake, with file and line."""
    policy, problems = _read(overlay)
    problems = problems or policy.problems()
    if problems:
        raise ConfigError(problems[0])
    return policy


def check_policy(path: Path) -> list[str]:
    """Every mistake in an office's policy file, one Chinese line each; empty when it is good."""
    try:
        policy, problems = _read(path)
    except ConfigError as fault:
        return [str(fault)]
    return problems + policy.problems()


@dataclass(frozen=True)
class _Entry:
    key: str
    since: date
    value: Any
    title: str
    source: str
    own: bool
    document: Document
    number: int

    def problem(self, inner: Loc, text: str) -> str:
        loc: Loc = ("rule", self.number, "value", *inner)
        return self.document.problem(
            loc, text, key=".".join((self.key, *(part for part in inner if isinstance(part, str) and part != "[key]")))
        )


class _Raw(BaseModel):
    model_config = ConfigDict(extra="forbid")

    key: str
    since: date
    value: Any
    title: str | None = Field(default=None, min_length=1)
    source: str | None = Field(default=None, min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: list[_Raw] = Field(default_factory=list)


def _read(overlay: Path | None) -> tuple[Policy, list[str]]:
    shipped, problems = _entries(read_document(SHIPPED, "自带规则"), {})
    if problems:
        raise ConfigError(problems[0])
    if overlay is None:
        return Policy(shipped), []
    titles = {entry.key: entry.title for entry in shipped}
    own, problems = _entries(read_document(overlay, "规则文件"), titles)
    return Policy([*shipped, *own]), problems


def _entries(document: Document, titles: dict[str, str]) -> tuple[list[_Entry], list[str]]:
    """A file's entries and its mistakes. `titles` are those of the shipped rules, empty when reading these."""
    try:
        file = _File.model_validate(document.data)
    except ValidationError as fault:
        return [], [document.problem(error["loc"], problem_text(error, _File)) for error in fault.errors()]
    known = [key for key in Rules.model_fields if key not in ("version", "calendar_version")]
    entries, problems = [], []
    taken: dict[tuple[str, date], int] = {}
    for number, raw in enumerate(file.rule):
        loc: Loc = ("rule", number, "key")
        first = taken.setdefault((raw.key, raw.since), number)
        if raw.key not in known:
            problems.append(document.problem(loc, f"没有这条规则 “{raw.key}”，{did_you_mean(raw.key, known)}"))
        elif first != number:
            line = document.line(("rule", first, "key"))
            problems.append(document.problem(loc, f"“{raw.key}” 同一天起的规则已经写在第 {line} 行"))
        else:
            title = raw.title or titles.get(raw.key, raw.key)
            source, own = raw.source or _OWN_SOURCE, bool(titles)
            entries.append(_Entry(raw.key, raw.since, raw.value, title, source, own, document, number))
    return entries, problems
