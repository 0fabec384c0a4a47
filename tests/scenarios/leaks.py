"""A thousand generated texts that know themselves again, and the search for what any way out shows of them."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.handlers.personal_data import PersonalText, normalise, personal_texts

_LETTERS = "梅兰菊松柏桐榆槐枫桂"
_MARK = re.compile(f"[{_LETTERS}]{{3}}")
_RUN = re.compile("[0-9]{7,}x?")
_ORDERS = re.compile("(?<![0-9])[0-9]{1,6}(?:,[0-9]{1,6}){2,}(?![0-9])")
_PLATE = re.compile("[a-y][df]?[0-9]{5}(?![0-9a-z])")


@dataclass(frozen=True)
class Marked:
    """One text; its mark is a word that no rule hides, so that what became of the text is found everywhere."""

    mark: str
    of: PersonalText

    @property
    def text(self) -> str:
        """The mark, then the text as it was generated."""
        return f"{self.mark}：{self.of.text}"

    @property
    def line(self) -> str:
        """The same on one line, as it is typed behind a command."""
        return self.text.replace("\n", " ")


@cache
def generated(count: int) -> tuple[Marked, ...]:
    """So many different texts, made once for a test process."""
    found: dict[str, PersonalText] = {}

    @settings(
        max_examples=count + count // 5,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(personal_texts())
    def draw(text: PersonalText) -> None:
        found[text.text] = text

    while len(found) < count:
        draw()
    return tuple(Marked(_mark(number), text) for number, text in zip(range(count), found.values(), strict=False))


def _unless_counting(found: re.Match[str]) -> str:
    """Nothing for a list of order numbers, which read without its commas is any number; the rest as it is."""
    numbers = [int(number) for number in found[0].split(",")]
    return "" if numbers == sorted(set(numbers)) else found[0]


def _mark(number: int) -> str:
    return "".join(_LETTERS[int(digit)] for digit in f"{number:03d}")


class Search:
    """Looks for the secrets of many texts in what came out, by what is written and by what a person would read.

    Numbers, names, addresses and plates must stand nowhere at all; a door number, which is short, not beside its mark.
    """

    def __init__(self, texts: Iterable[Marked], *, names: bool = True) -> None:
        """`names=False` for a way that no order belongs to, where a caller's name is a word like any other."""
        self._texts = {
            marked.mark: (
                marked.of
                if names
                else PersonalText(marked.of.text, tuple(s for s in marked.of.secrets if s.kind != "姓名"), ())
            )
            for marked in texts
        }
        secrets = [secret for text in self._texts.values() for secret in text.secrets]
        traces = {trace for secret in secrets if secret.kind not in ("门牌", "邮箱") for trace in secret.traces}
        self._numbers = {trace for trace in traces if _RUN.fullmatch(trace)}
        self._plates = {trace for trace in traces if _PLATE.fullmatch(trace)}
        self._names = traces - self._numbers - self._plates
        self._clean: set[str] = set()

    def leaks(self, outputs: Iterable[str]) -> list[str]:
        """What can be read in these values that must not be, each with where it stands."""
        found: list[str] = []
        runs: dict[str, str] = {}
        for output in set(outputs) - self._clean:
            read = normalise(_ORDERS.sub(_unless_counting, output))
            found += [f"{name} in {output[:300]}" for name in self._names if name in read]
            found += [f"{plate} in {output[:300]}" for plate in self._plates & set(_PLATE.findall(read))]
            if "example." in read:
                found.append(f"address in {output[:300]}")
            runs |= dict.fromkeys(_RUN.findall(read), output)
            marks = set(_MARK.findall(output)) & self._texts.keys()
            parts = [output] if len(marks) < 2 else output.split("\n")
            for part in parts:
                for mark in set(_MARK.findall(part)) & self._texts.keys():
                    found += [f"{leak} in {part[:300]}" for leak in self._texts[mark].leaks(part)]
        digits = " ".join(runs)
        for number in self._numbers:
            if number in digits:
                found += [f"{number} in {output[:300]}" for run, output in runs.items() if number in run]
        if not found:
            self._clean.update(outputs)
        return found


def marks(outputs: Iterable[str]) -> int:
    """Of how many texts something can be seen in these values."""
    return len({mark for output in set(outputs) for mark in _MARK.findall(output)})


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value or a row, also inside texts that are JSON; the rest as it is printed."""
    if isinstance(value, str):
        if value[:1] in "[{" and value[-1:] in "]}":
            try:
                yield from strings(json.loads(value))
            except ValueError:
                yield value
        else:
            yield value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from strings(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)
    elif value is not None:
        yield str(value)
