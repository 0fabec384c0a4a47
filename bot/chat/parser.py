"""Text of a chat message → the command that was meant.

Pure: the text and the table of commands decide, no store is asked. Every rule here is promised in the interface,
section Chat.
"""

import re
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from bot.chat.grammar import SLASHES, ArgumentKind, CommandIndex, Grammar, References
from handlers.references import (
    FullNumber,
    Misread,
    Reference,
    ShortNumber,
    distinct,
    fold,
    read_references,
    split_references,
)

__all__ = [
    "AMBIGUOUS",
    "LONGEST",
    "Ambiguous",
    "ArgumentKind",
    "CommandIndex",
    "FullNumber",
    "Grammar",
    "Invocation",
    "Misread",
    "NotACommand",
    "Parsed",
    "Reference",
    "References",
    "ShortNumber",
    "Unknown",
    "order_of_quote",
    "orders_of_quote",
    "parse",
    "render",
]

LONGEST: Final = 20_000
"""Characters a command may have: several times the longest order text seen, and short enough to be handled at once."""

_MENTIONS: Final = 20
_LEADING_MENTION: Final = re.compile(r"@[^\s@/、\\]+\s*")
_MENTION: Final = re.compile(r"\S{1,64}")
_NEW_LINES: Final = re.compile(r"\r\n|[\r\v\f\x85\u2028\u2029]")
# Marks that nobody types and nobody sees; in a number they would be a mystery, in a name a disguise.
_UNSEEN: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SURROGATES: Final = re.compile(r"[\ud800-\udfff]")
_WORD: Final = re.compile(r"\S+")
_WISH: Final = re.compile(r"[^\s0-9#]{1,16}")
_QUOTED_ORDER: Final = re.compile(r"【#([0-9]{1,6})】")


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command under its canonical name, the orders it names, and the rest as typed.

    `rest` keeps its new lines and is trimmed at both ends. `quoted`: no order was named, the quoted message names it.
    `mentions` are the names of the mentions that were taken off the ends, the bot's own among them.
    """

    name: str
    references: tuple[Reference, ...] = ()
    rest: str = ""
    quoted: bool = False
    mentions: tuple[str, ...] = ()

    @property
    def first_line(self) -> str:
        """The first line of `rest`."""
        return self.rest.partition("\n")[0].rstrip()


@dataclass(frozen=True, slots=True)
class Unknown:
    """No such command; the canonical names nearest to it, best first. `name` may be empty.

    `slashed`: it was meant as a command; without a slash it may be a greeting to the bot.
    """

    name: str
    nearest: tuple[str, ...]
    slashed: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class NotACommand:
    """People talking to each other."""


class Ambiguous(Enum):
    """The quoted message names several orders."""

    AMBIGUOUS = auto()


AMBIGUOUS: Final = Ambiguous.AMBIGUOUS
Parsed = Invocation | Unknown | NotACommand | Misread


def parse(text: str, commands: CommandIndex, *, addressed: bool, quoted: bool) -> Parsed:
    """Read one message. Never raises, whatever the text.

    `addressed`: in private or with a mention of the bot, where no slash is needed. `quoted`: the message quotes
    another, so that the order may come from there.
    """
    typed, mentions = _without_mentions(_clean(text).strip())
    folded = fold(typed)
    slashed = folded[:1] in tuple(SLASHES)
    if not slashed and not addressed:
        return NotACommand()
    start = _skip_space(folded, 1 if slashed else 0)
    typed, folded = typed[start:], folded[start:]
    found = commands.match(folded)
    if found is None:
        wish = _WISH.match(folded)
        name = wish[0] if wish else ""
        return Unknown(name, commands.nearest(name), slashed)
    if len(typed) > LONGEST:
        return Misread(f"消息太长：{len(typed)} 个字，一条命令最多 {LONGEST} 个字；大批内容请用导入")
    grammar, end = found
    return _with_references(grammar, typed[end:], folded[end:], quoted, mentions)


def render(invocation: Invocation) -> str:
    """The command as a person would type it, ready to send; orders with `#` unless they are an ending."""
    words = [f"/{invocation.name}", *map(str, invocation.references)]
    return " ".join([*words, invocation.rest] if invocation.rest else words)


def order_of_quote(text: str) -> int | Ambiguous | None:
    """The order that a quoted text is about. AMBIGUOUS when its first line names several."""
    numbers = orders_of_quote(text)
    return AMBIGUOUS if len(numbers) > 1 else next(iter(numbers), None)


def orders_of_quote(text: str) -> tuple[int, ...]:
    """The orders that a quoted text names, as `【#123】` and on its first line only, each once."""
    first_line = _clean(text).lstrip().partition("\n")[0]
    numbers = (int(number) for number in _QUOTED_ORDER.findall(first_line))
    return tuple(dict.fromkeys(number for number in numbers if number))


def _clean(text: str) -> str:
    return _SURROGATES.sub("\ufffd", _UNSEEN.sub("", _NEW_LINES.sub("\n", text)))


def _without_mentions(text: str) -> tuple[str, tuple[str, ...]]:
    """Take mentions off both ends. A token glued to the text before it and with a dot is an e-mail address."""
    folded = fold(text)
    start, end = 0, len(text)
    leading: list[str] = []
    trailing: list[str] = []
    for _ in range(_MENTIONS):
        match = _LEADING_MENTION.match(folded, start)
        if not match:
            break
        leading.append(match[0][1:].strip())
        start = match.end()
    for _ in range(_MENTIONS):
        at = folded.rfind("@", start, end)
        token = folded[at + 1 : end]
        glued = at > start and not folded[at - 1].isspace()
        if at < 0 or not _MENTION.fullmatch(token) or (glued and "." in token):
            break
        trailing.insert(0, token)
        end = at
        while end > start and folded[end - 1].isspace():
            end -= 1
    return text[start:end], (*leading, *trailing)


def _skip_space(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _with_references(
    grammar: Grammar, typed: str, folded: str, quoted: bool, mentions: tuple[str, ...]
) -> Invocation | Misread:
    if grammar.references is References.NONE:
        return Invocation(grammar.name, rest=typed.strip(), mentions=mentions)
    read = _first(grammar, folded, quoted) if grammar.references is References.ONE else _leading(folded)
    if isinstance(read, Misread):
        return read
    references, end = read
    return Invocation(grammar.name, references, typed[end:].strip(), quoted and not references, mentions)


_Read = tuple[tuple[Reference, ...], int]
"""The references, and where the rest begins."""


def _leading(folded: str) -> _Read | Misread:
    """All leading words that are wholly references."""
    references: list[Reference] = []
    end = 0
    for word in _WORD.finditer(folded):
        parts = _references_of(word[0])
        if parts is None:
            break
        if isinstance(parts, Misread):
            return parts
        references.extend(reference for part in parts for reference in part)
        end = word.end()
    once = distinct(references)
    return once if isinstance(once, Misread) else (once, end)


def _first(grammar: Grammar, folded: str, quoted: bool) -> _Read | Misread:
    """The first reference alone, unless a quote names the order and this is the usage's own argument."""
    words = [match for match, _ in zip(_WORD.finditer(folded), range(2), strict=False)]
    if not words:
        return (), 0
    parts = split_references(words[0][0])
    following = parts[1] if len(parts) > 1 else words[1][0] if len(words) > 1 else ""
    if quoted and parts and _is_own(grammar, parts[0]) and not _is_own(grammar, following):
        return (), 0
    read = _references_of(words[0][0])
    if read is None or isinstance(read, Misread):
        return read or ((), 0)
    if not read:
        return (), 0
    if len(read[0]) > 1:
        return Misread(f"「{parts[0]}」是 {len(read[0])} 件：/{grammar.name} 一次只办一件，请只写一个单号")
    end = folded.index(parts[0], words[0].start()) + len(parts[0])
    while end < len(folded) and (folded[end].isspace() or folded[end] in ",、"):
        end += 1
    return read[0], end


def _references_of(word: str) -> list[tuple[Reference, ...]] | Misread | None:
    """The references of one word, each part by itself. None unless all of the word is references."""
    read: list[tuple[Reference, ...]] = []
    misread: Misread | None = None
    for part in split_references(word):
        references = read_references(part)
        if references is None:
            return None
        if isinstance(references, Misread):
            misread = misread or references
        else:
            read.append(references)
    return misread or read


_MOBILE_OR_LANDLINE: Final = re.compile(r"1[3-9][0-9]{9}|0[0-9]{9,11}|[2-9][0-9]{6,7}")
_DATE: Final = re.compile(
    r"20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])([0-9]{4}([0-9]{2})?)?"
    r"|(0?[1-9]|1[0-2])-(0?[1-9]|[12][0-9]|3[01])"
)


def _is_phone(word: str) -> bool:
    return _MOBILE_OR_LANDLINE.fullmatch(word) is not None


def _is_date(word: str) -> bool:
    return _DATE.fullmatch(word) is not None


def _is_order(word: str) -> bool:
    return isinstance(read_references(word), tuple)


_OWN: Final = {ArgumentKind.PHONE: _is_phone, ArgumentKind.DATE: _is_date, ArgumentKind.ORDER: _is_order}


def _is_own(grammar: Grammar, word: str) -> bool:
    return any(_OWN[kind](word) for kind in grammar.own_kinds)
