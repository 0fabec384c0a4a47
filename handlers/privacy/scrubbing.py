"""Finds personal data in free text and hides it, keeping what a dispatcher needs to find the place.

Rules are tables over a folded text (see `folding`), so that each is written once for every way of writing digits. A
pass is one compiled pattern in which no two repetitions compete for the same characters: time grows with length
only. What is hidden matches no rule: scrubbing twice is scrubbing once. Source: domain, section 8.
"""

import re
import string
from collections.abc import Iterator, Sequence
from typing import Final

from handlers.privacy.doors import find_doors, find_neighbours, find_triples, hide_door, hide_neighbour
from handlers.privacy.folding import count_signs, fold, is_ordinary, plain, read_numerals
from handlers.privacy.masking import NOT_A_NAME, mask_digits, mask_name, mask_phone
from handlers.privacy.names import find_names, hide_name, may_name
from handlers.privacy.numbers import (
    ALONE,
    ENDS_ALONE,
    LAST,
    ODD_MOST,
    ODD_SIGN,
    PASSES,
    Hide,
    find_numbers,
    hide_number,
)


def scrub(text: str, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> str:
    """Return the text without phones, identity, card and passport numbers, plates, e-mails, accounts, door numbers, and
    names behind a label (来电人张三).

    `own` are this caller's name, phone and account, hidden literally, also with spaces or full-width forms between.
    `keep` are numbers that must survive, such as this order's own 工单编号 (at least 8 characters, else ignored).
    Invisible and control characters are dropped, new lines stay. Never raises.
    """
    return Scrubber(own=own, keep=keep).scrub(text)


class Scrubber:
    """Scrubs the texts of one order: what to look for of its caller is worked out once, not once a text."""

    def __init__(self, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> None:
        literals = {part for entry in own for part in _own_parts(entry)}
        self._own = [_Own(literal) for literal in sorted(literals, key=len, reverse=True)]
        kept = (literal for literal in map(plain, keep) if len(literal) >= 8)
        self._keep = sorted(kept, key=len, reverse=True)

    def scrub(self, text: str) -> str:
        """See `scrub`."""
        if self.spares(text):
            return text
        text = plain(text)
        if self._own and text:
            text = self._hide_own(text)
        kept = [literal for literal in self._keep if literal in text]
        if kept:
            pattern = "|".join(map(re.escape, kept))
            pieces = re.split(rf"((?<![0-9])(?:{pattern})(?![0-9]))", text)
            return "".join(piece if index % 2 else _hide(piece) for index, piece in enumerate(pieces))
        return _hide(text)

    def spares(self, text: str) -> bool:
        """Whether a cheap look shows that nothing in the text is to be hidden; most short texts are spared."""
        return is_ordinary(text) and not may_name(text) and not any(own.may_stand_in(text) for own in self._own)

    def _hide_own(self, text: str) -> str:
        folded = fold(text)
        for literal in self._own:
            folded, text = literal.hide(folded, text)
        return text


def _hide(text: str) -> str:
    for _ in range(_ROUNDS):
        before, glued = text, False
        folded = fold(text)
        signs = count_signs(folded)
        for least, find, hide in _FIRST:
            if signs >= least:
                folded, text, touching = _apply(find(folded), hide, folded, text)
                glued |= touching
        read = read_numerals(folded)
        signs = signs if read is folded else count_signs(read)
        for least, find, hide in _READ if read is not folded else _READ_AGAIN:
            if signs >= least:
                read, text, touching = _apply(find(read), hide, read, text)
                glued |= touching
        # Last, because a number hidden behind a name is what ends it; a name may be a numeral that hid a number (张三).
        named = text
        folded = fold(text)
        _, text, _ = _apply(find_names(folded), hide_name, folded, text)
        if not (glued or text != named) or text == before:
            break
    return text


_NUMBERS: Final = (7, find_numbers, hide_number)
_FIRST: Final = (*PASSES, (5, find_triples, hide_door), _NUMBERS)
_READ_AGAIN: Final = ((0, find_doors, hide_door), (3, find_neighbours, hide_neighbour), LAST)
"""What a text is searched for once its numerals are digits; without any, its numbers were looked for already."""
_READ: Final = (*_READ_AGAIN[:2], _NUMBERS, LAST)
_ROUNDS: Final = 8  # of texts in which numbers are glued to each other, so that hiding one uncovers the next
_GLUE: Final = frozenset(string.digits + string.ascii_letters + "_-.%+@*")


def _ends_in_glue(beside: str) -> bool:
    """Whether what stands beside a number may belong to one, a space or two between: `1603 〔证件号〕`."""
    return beside.rstrip(" \n")[-1:] in _GLUE


def _apply(found: Iterator[re.Match[str]], hide: Hide, folded: str, text: str) -> tuple[str, str, bool]:
    """Replace in both texts what was found in the folded one; say whether anything hidden touched other characters."""
    done, touching = 0, False
    folded_parts: list[str] = []
    parts: list[str] = []
    for match in found:
        start, end = match.span()
        hidden = hide(match, text[start:end])
        if hidden is not None:
            folded_parts += folded[done:start], fold(hidden)
            parts += text[done:start], hidden
            done = end
            touching |= _ends_in_glue(folded[max(0, start - 3) : start]) or _ends_in_glue(folded[end : end + 3][::-1])
    if not parts:
        return folded, text, False
    return "".join((*folded_parts, folded[done:])), "".join((*parts, text[done:])), touching


# The caller's own name and number

_HONORIFIC = re.compile(r"[(].*$|(?:先生|女士|小姐|同志|老师|师傅|阿姨|大爷|大妈|大姐|大哥)$")
_LABELS: Final = frozenset(
    {"邮箱", "账号", "卡号", "证件", "证件号", "号码", "长号码", "件号"}
)  # what scrubbing writes
_SEVERAL = re.compile(r"[/,;|\n]")
_MASKED = re.compile(r"[*某×●○]")
_SPACE: Final = r"[ \n·.\-_']"
_SPACES_MOST: Final = 3
_SPACE_MARK = re.compile(_SPACE)
_ODD_MARK = re.compile(ODD_SIGN)
_BETWEEN: Final = "\0"
"""Stands for any sign that may split a word, in a text that is searched: such a pattern compiles ten times faster. A
plain text has no such character of its own."""
_IDEOGRAPHS = re.compile(r"[\u3400-\u9fff]+")


class _Own:
    """One word of the caller's, and how it is found in a text; its pattern is compiled when a text may hold it.

    The tests before the search are cheap and never wrong about a text that does hold it.
    """

    def __init__(self, literal: str) -> None:
        self._literal = literal
        self._digits = "".join(filter(str.isdigit, literal))
        self._number = len(self._digits) >= 7 and len(self._digits) * 2 > len(literal)
        self._signs = set(literal.lower()) - {" ", "-"}
        self._written = _IDEOGRAPHS.fullmatch(literal) is not None  # no case, nothing that may also split it
        self._pattern: re.Pattern[str] | None = None

    def may_stand_in(self, ordinary: str) -> bool:
        """Whether it may stand in a text that is ordinary (`is_ordinary`)."""
        if self._written:
            return self._literal[0] in ordinary
        return not any(sign.isascii() and sign.isalnum() for sign in self._signs)

    def hide(self, folded: str, text: str) -> tuple[str, str]:
        """The folded text and the plain one without this word."""
        if self._number:
            read = read_numerals(folded)
            if not set(self._digits) <= set(read):
                return folded, text
            searched = _ODD_MARK.sub(_BETWEEN, read)
            if self._digits not in searched.replace(_BETWEEN, ""):
                return folded, text
        elif self._written:
            if self._literal[0] not in folded:
                return folded, text
            searched = _SPACE_MARK.sub(_BETWEEN, folded)
            if self._literal not in searched.replace(_BETWEEN, ""):
                return folded, text
        else:
            if not self._signs <= set(folded.lower()):
                return folded, text
            searched = folded
        if self._pattern is None:
            self._pattern = self._compiled()
        found = self._pattern.finditer(searched)
        folded, text, _ = _apply(found, _always(self._hidden()), folded, text)
        return folded, text

    def _compiled(self) -> re.Pattern[str]:
        if self._number:
            return re.compile(f"{_BETWEEN}{{0,{ODD_MOST}}}".join(self._digits))
        if self._written:
            return re.compile(f"{_BETWEEN}{{0,{_SPACES_MOST}}}".join(self._literal))
        letters = (re.escape(character) for character in self._literal if character not in " -")
        pattern = f"{_SPACE}{{0,{_SPACES_MOST}}}".join(letters)
        if self._literal.isascii():
            pattern = ALONE + pattern + ENDS_ALONE
        return re.compile(pattern, re.IGNORECASE)

    def _hidden(self) -> str:
        if self._number:
            return mask_digits(self._digits)
        return mask_phone(self._literal) if self._digits or "_" in self._literal else mask_name(self._literal)


def _always(hidden: str) -> Hide:
    return lambda _match, _written: hidden


def _own_parts(entry: str) -> set[str]:
    """Split a field into the words that must not appear; what is masked or names nobody is none."""
    parts = {part.strip() for part in _SEVERAL.split(fold(plain(entry)))}
    parts |= {_HONORIFIC.sub("", part).strip() for part in parts}
    return {part for part in parts if _tells(part)}


def _tells(part: str) -> bool:
    if part in NOT_A_NAME or part in _LABELS or _MASKED.search(part) is not None:
        return False
    if any(character.isalpha() for character in part):
        return len(part) >= (4 if part.isascii() and not part.isalpha() else 2)
    return sum(character.isdigit() for character in part) >= 7
