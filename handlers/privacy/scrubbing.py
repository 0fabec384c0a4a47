"""Finds personal data in free text and hides it, keeping what a dispatcher needs to find the place.

Rules are tables over a folded text (see `folding`), so that each is written once for every way of writing digits. A
pass is one compiled pattern in which no two repetitions compete for the same characters: time grows with length
only. What is hidden matches no rule: scrubbing twice is scrubbing once. Source: domain, section 8.
"""

import re
import string
from collections.abc import Iterator, Sequence
from typing import Final

from handlers.privacy.doors import find_doors, hide_door
from handlers.privacy.folding import fold, plain, read_numerals
from handlers.privacy.masking import NOT_A_NAME, mask_digits, mask_name, mask_phone
from handlers.privacy.numbers import ALONE, ENDS_ALONE, LAST, ODD, PASSES, Hide, find_numbers, hide_number


def scrub(text: str, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> str:
    """Return the text without phones, identity, card and passport numbers, plates, e-mails, accounts, door numbers.

    `own` are this caller's name, phone and account, hidden literally, also with spaces or full-width forms between.
    `keep` are numbers that must survive, such as this order's own 工单编号 (at least 8 characters, else ignored).
    Invisible and control characters are dropped, new lines stay. Never raises.
    """
    text = plain(text)
    if own:
        text = _hide_own(text, own)
    kept = [literal for literal in map(plain, keep) if len(literal) >= 8 and literal in text]
    if kept:
        pattern = "|".join(re.escape(literal) for literal in sorted(kept, key=len, reverse=True))
        pieces = re.split(rf"((?<![0-9])(?:{pattern})(?![0-9]))", text)
        return "".join(piece if index % 2 else _hide(piece) for index, piece in enumerate(pieces))
    return _hide(text)


def _hide(text: str) -> str:
    for _ in range(_ROUNDS):
        before, glued = text, False
        folded = fold(text)
        for find, hide in PASSES:
            folded, text, touching = _apply(find(folded), hide, folded, text)
            glued |= touching
        read = read_numerals(folded)
        passes = ((find_doors, hide_door), (find_numbers, hide_number), LAST)
        for find, hide in passes if read is not folded else (passes[0], LAST):
            read, text, touching = _apply(find(read), hide, read, text)
            glued |= touching
        if not glued or text == before:
            break
    return text


_ROUNDS: Final = 8  # of texts in which numbers are glued to each other, so that hiding one uncovers the next
_GLUE: Final = frozenset(string.digits + string.ascii_letters + "_-.%+@*")


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
            touching |= folded[start - 1 : start] in _GLUE or folded[end : end + 1] in _GLUE
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
_SPACED: Final = r"[ \n·.\-_']{0,3}"


def _hide_own(text: str, own: Sequence[str]) -> str:
    folded = fold(text)
    for literal in sorted({part for entry in own for part in _own_parts(entry)}, key=len, reverse=True):
        digits = "".join(filter(str.isdigit, literal))
        if len(digits) >= 7 and len(digits) * 2 > len(literal):
            read = read_numerals(folded)
            if set(digits) <= set(read):  # the cheap answer, right for nearly every text
                found = re.finditer(ODD.join(digits), read)
                folded, text, _ = _apply(found, _always(mask_digits(digits)), folded, text)
        elif set(literal.lower()) - {" ", "-"} <= set(folded.lower()):
            hidden = mask_phone(literal) if digits or "_" in literal else mask_name(literal)
            pattern = _SPACED.join(re.escape(character) for character in literal if character not in " -")
            if literal.isascii():
                pattern = ALONE + pattern + ENDS_ALONE
            found = re.finditer(pattern, folded, re.IGNORECASE)
            folded, text, _ = _apply(found, _always(hidden), folded, text)
    return text


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
