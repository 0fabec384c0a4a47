"""What stands after a command's orders, as data: the usage line and the console's completion are made from it.

The functions in `commands/` read the arguments; a slot only says what may be offered in its place.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from config.rules import Rules

Kind = Literal[
    "choice",
    "department",
    "departments",
    "community",
    "subject",
    "person",
    "when",
    "period",
    "command",
    "rule",
    "word",
    "text",
]
"""`departments`: joined by +; `subject`: a 科室, 社区 or 包片; `word`: one word, anything; `text`: all that is left."""

Choices = tuple[str, ...] | Callable[[Rules], Iterable[str]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One argument. `label` is how the usage names it; a choice without one is named by its words.

    `choices` are words to offer: all that may stand here for a `choice`, examples for the others. `before` is a word
    that goes before it (代, 录音). `free`: any order among its free neighbours. `colleague`: a person of the order's
    主办 科室 only. `behalf`: only a seat writes it. `about`: what a word of
    the choice answers, where the words alone do not say it (响应 是/否).
    """

    kind: Kind
    label: str = ""
    choices: Choices = ()
    optional: bool = False
    before: str = ""
    free: bool = False
    colleague: bool = False
    behalf: bool = False
    about: str = ""

    @property
    def usage(self) -> str:
        """As the usage line writes it: `[代 科室]`, `解决|部分解决|未解决`."""
        named = self.label or "|".join(self.words())
        named = f"{self.before} {named}" if self.before else named
        return f"[{named}]" if self.optional else named

    def words(self, rules: Rules | None = None) -> tuple[str, ...]:
        """The words to offer under these rules; without rules those that no rule decides."""
        if not callable(self.choices):
            return self.choices
        return tuple(self.choices(rules)) if rules is not None else ()


Form = tuple[Slot, ...]
"""One way of writing the arguments; most commands have one."""


def choice(*words: str, label: str = "", optional: bool = False, free: bool = False, about: str = "") -> Slot:
    """One of these words."""
    return Slot("choice", label, words, optional=optional, free=free, about=about)


def ruled(label: str, words: Callable[[Rules], Iterable[str]]) -> Slot:
    """One of the words that the rules list."""
    return Slot("choice", label, words)


def word(label: str, *, optional: bool = False, before: str = "") -> Slot:
    """One word."""
    return Slot("word", label, optional=optional, before=before)


def text(label: str, *, optional: bool = False) -> Slot:
    """All that is left."""
    return Slot("text", label, optional=optional)


DEADLINE = Slot("when", "截止时间", ("今天18:00", "明天12:00", "明天18:00", "3个工作日后"))
HAPPENED = Slot("when", "时间", optional=True)
BEHALF = Slot("department", "科室", optional=True, before="代", behalf=True)
NOTE = text("说明", optional=True)
REASON = text("理由")
