"""Message texts: jinja2 templates in `config/texts/*.txt`, compiled once.

A value that a template names and nobody gave is an error, never a blank: a notice with a hole in it misleads. The
filters write times as `config.shanghai` does: `clock` 10:32, `time` 06-01 10:32, `full` with the year, `day`,
`weekday`, `span` of a duration, `over` of one past the due time, `near(now)`, as short as is clear, and
`due(now)`, the same for a due time, which ends a day at 24:00; `until(now)` is that of a clock, marked where workdays
were counted that are not published; `cut(n)` shortens a text.
"""

from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from config import shanghai
from config.calendar import UNPUBLISHED

FOLDER: Final = Path(__file__).with_name("texts")


class Texts:
    """The templates of a folder. Rendering the same text again costs no reading and no compiling."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder, encoding="utf-8"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            # These are chat messages, not pages: nothing is escaped, and what citizens wrote is neutralised before.
            autoescape=False,  # noqa: S701
            auto_reload=False,
            cache_size=-1,
        )
        self._environment.filters.update(
            clock=shanghai.clock_text,
            time=shanghai.time_text,
            full=shanghai.full_text,
            near=shanghai.near_text,
            due=shanghai.due_text,
            until=until,
            day=shanghai.day_text,
            weekday=shanghai.weekday_text,
            span=shanghai.span_text,
            over=shanghai.over_text,
            cut=cut,
            path=path,
        )

    def render(self, name: str, /, **values: Any) -> str:
        """The text of `name`.txt with these values.

        Raises jinja2's TemplateNotFound for an unknown name and UndefinedError for a value that is missing: faults of
        ours, not of the user.
        """
        # A block at the end leaves its last line break; no message ends in one.
        return self._environment.get_template(f"{name}.txt").render(values).rstrip("\n")

    def names(self) -> list[str]:
        """The templates there are."""
        return [name.removesuffix(".txt") for name in self._environment.list_templates(extensions=["txt"])]


class Limited(Protocol):
    """A clock, as much of it as is needed here."""

    due_at: datetime
    provisional: bool


def until(clock: Limited, now: datetime | None) -> str:
    """When a clock is due, as `shanghai.due_text` writes it, marked where it is only provisional."""
    return f"{shanghai.due_text(clock.due_at, now)}{mark(provisional=clock.provisional)}"


def mark(*, provisional: bool) -> str:
    """What stands behind a due time that nobody can know yet; nothing behind others."""
    return f"（{UNPUBLISHED}）" if provisional else ""


def path(category: str) -> str:
    """A class as people read it: `生态环境→噪声→施工噪声`."""
    return category.replace("->", "→")


def cut(text: str, length: int) -> str:
    """A text of at most `length` characters on one line, with `…` where something was left out."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"
