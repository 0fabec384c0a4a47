"""How people name an order (单号): a short number, a range of them, or the 工单编号 of the city or district.

Commands read references both at their head (the parser) and among their own arguments (`/作废 N 保留的单号`), so the
reading lives here, below both. Nothing here knows which orders exist.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from handlers.privacy import echoed

LIMIT: Final = 50
"""Most orders that one message may name: more is a slip of the finger rather than a wish."""

_FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−"), "-")
_FOLD: Final = _FULL_WIDTH | _DASHES | {0x3000: " ", 0x301C: "~"}

NUMBER: Final = re.compile(r"[A-Za-z\u4e00-\u9fff]{1,8}-[0-9]{6}-[0-9]{4,8}(?![0-9A-Za-z-])")
"""A 工单编号 of the city in folded text: `热线-260601-000001`, `网络-…`."""

_MOST_DIGITS: Final = 32
_DIGITS: Final = re.compile(r"#?[0-9]+")
_RANGE: Final = re.compile(r"(#?[0-9]{1,6})[-~](#?[0-9]{1,6})")
_SEPARATORS: Final = re.compile(r"[,、]")


@dataclass(frozen=True, slots=True)
class ShortNumber:
    """`#123`. With `three_digits` it may also mean the only open order whose number ends so.

    `#123` is the number exactly as notices print it, so only bare digits are ever an ending.
    """

    value: int
    three_digits: bool = False

    def __str__(self) -> str:
        return f"{self.value:03d}" if self.three_digits else f"#{self.value}"


@dataclass(frozen=True, slots=True)
class FullNumber:
    """A 工单编号, in half-width characters; the city and the district may both have it."""

    text: str

    def __str__(self) -> str:
        return self.text


Reference = ShortNumber | FullNumber


@dataclass(frozen=True, slots=True)
class Misread:
    """What was written looks like an order but cannot be one. The message is Chinese, ready to show."""

    message: str


def fold(text: str) -> str:
    """Full-width letters, digits, signs and spaces as half-width ones, dashes as `-`; every index stays what it was."""
    return text.translate(_FOLD)


def read_reference(text: str) -> Reference | Misread | None:
    """One order from one word. None: the word is no reference at all (`3号楼`); a range is a Misread."""
    read = read_references(text)
    if read is None or isinstance(read, Misread):
        return read
    return read[0] if len(read) == 1 else Misread(f"“{_short(text)}”是好几件，这里只能写一个单号")


def read_references(word: str) -> tuple[Reference, ...] | Misread | None:
    """The orders that one word names: one, or those of a range such as `15-18`, in order.

    None when the word is not wholly a reference. Source: interface, section Chat.
    """
    word = fold(word)
    if NUMBER.fullmatch(word):
        return (FullNumber(word),)
    if _DIGITS.fullmatch(word):
        return _digits(word)
    if match := _RANGE.fullmatch(word):
        return _range(word, match[1], match[2])
    return None


def split_references(word: str) -> list[str]:
    """The parts of `12,13、15-18`; a separator at either end is dropped. Give it folded text."""
    return [part for part in _SEPARATORS.split(word) if part]


def ranges(numbers: Sequence[int]) -> str:
    """Rising short numbers as a person types them: `3 5-9 12`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1][1:] = [number]
        else:
            spans.append([number])
    return " ".join("-".join(map(str, span)) for span in spans)


def distinct(references: Sequence[Reference]) -> tuple[Reference, ...] | Misread:
    """Each order once, in the order written; a Misread when there are more than `LIMIT`."""
    once = tuple(dict.fromkeys(references))
    return once if len(once) <= LIMIT else _too_many(len(once))


def _digits(word: str) -> tuple[Reference, ...] | Misread:
    marked, digits = word.startswith("#"), word.removeprefix("#")
    if not marked and 8 <= len(digits) <= _MOST_DIGITS:
        return (FullNumber(digits),)
    if len(digits) > 6:
        return Misread(f"“{_short(word)}”有 {len(digits)} 位：短号最多 6 位，工单编号至少 8 位（前面不加 #），请核对")
    three_digits = len(digits) == 3 and not marked
    if int(digits) == 0 and not three_digits:
        return Misread(f"“{word}”不是单号：短号从 1 开始")
    return (ShortNumber(int(digits), three_digits),)


def _range(word: str, start: str, end: str) -> tuple[Reference, ...] | Misread:
    first, last = int(start.removeprefix("#")), int(end.removeprefix("#"))
    if first == 0:
        return Misread(f"“{word}”不是单号范围：短号从 1 开始")
    if last < first:
        return Misread(f"“{word}”前大后小：范围请从小写到大，例如 {last or 1}-{first}")
    if last - first >= LIMIT:
        return _too_many(last - first + 1)
    three_digits = len(start) == len(end) == 3 and "#" not in word
    return tuple(ShortNumber(value, three_digits) for value in range(first, last + 1))


def _too_many(count: int) -> Misread:
    return Misread(f"一次写了 {count} 件：一条消息最多 {LIMIT} 件，请分几次办")


def _short(word: str) -> str:
    return echoed(word)
