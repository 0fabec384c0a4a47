"""One thing that was looked at: how it stands, and what mends it."""

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """How a thing stands. Only `BAD` makes `jiesu doctor` fail."""

    GOOD = "✔"
    WARNING = "⚠"
    BAD = "✘"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, what is so, and the mend (empty where all is well)."""

    mark: Mark
    what: str
    text: str
    mend: str = ""

    def __str__(self) -> str:
        return f"{self.mark.value} {self.what}：{self.text}" + (f"。处理：{self.mend}" if self.mend else "")


def good(what: str, text: str) -> Finding:
    """All is well."""
    return Finding(Mark.GOOD, what, text)


def warning(what: str, text: str, mend: str) -> Finding:
    """It works; somebody should look."""
    return Finding(Mark.WARNING, what, text, mend)


def bad(what: str, text: str, mend: str) -> Finding:
    """It does not work, or will not for long."""
    return Finding(Mark.BAD, what, text, mend)
