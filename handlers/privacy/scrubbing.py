"""Finds personal data in free text and hides it, keeping what a dispatcher needs to find the place.

Rules are tables over a folded text (see `folding`), so that each is written once for every way of writing digits. A
pass is one compiled pattern in which no two repetitions compete for the same characters: time grows with length
only. What is hidden matches no rule: scrubbing twice is scrubbing once. Source: domain, section 8.
"""

import re
from collections.abc import Sequence
from typing import Final

from handlers.privacy.doors import DOORS, hide_door
from handlers.privacy.folding import fold, plain, read_numerals
from handlers.privacy.masking import NOT_A_NAME, mask_digits, mask_name, mask_phone
from handlers.privacy.numbers import ALONE, ENDS_ALONE, NUMBERS, ODD, PASSES, Hide, hide_number


def scrub(text: str, *, own: Sequence[str] = (), keep: Sequence[str] = ()) -> str:
    """Return the text without phones, identity, card and passport numbers, plates, e-mails, accounts, door numbers.

    `own` are this caller's name, phone and account, hidden literally, also with spaces or full-width forms between.
    `keep` are numbers that must survive, such as this order's own 工单编号 (at least 8 characters, else ignored).
    Invisible and control characters are dropped, new lines stay. Never raises.
    """
    text = plain(text)
    kept = [literal for literal in map(plain, keep) if len(literal) >= 8 and literal in text]
    if kept:
        pattern = "|".join(re.escape(literal) for literal in sorted(kept, key=len, reverse=True))
        pieces = re.split(rf"((?<![0-9])(?:{pattern})(?![0-9]))", text)
        text = "".join(piece if index % 2 else _hide(piece) for index, piece in enumerate(pieces))
    else:
        text = _hide(text)
    return _hide_own(text, own) if own else text


def _hide(text: str) -> str:
    folded = fold(text)
    for pattern, hide in PASSES:
        folded, text = _apply(pattern, hide, folded, text)
    folded = read_numerals(folded)
    folded, text = _apply(DOORS, hide_door, folded, text)
    return _apply(NUMBERS, hide_number, folded, text)[1]


def _apply(pattern: re.Pattern[str], hide: Hide, folded: str, text: str) -> tuple[str, str]:
    """Find in the folded text, replace in both, so that the next pass needs no new folding."""
    done = 0
    folded_parts: list[str] = []
    parts: list[str] = []
    for match in pattern.finditer(folded):
        start, end = match.span()
        hidden = hide(match, text[start:end])
        if hidden is not None:
            folded_parts += folded[done:start], fold(hidden)
            parts += text[done:start], hidden
            done = end
    if not parts:
        return folded, text
    return "".join((*folded_parts, folded[done:])), "".join((*parts, text[done:]))


# The caller's own name and number

_HONORIFIC = re.compile(r"[(（].*$|(?:先生|女士|小姐|同志|老师|师傅|阿姨|大爷|大妈|大姐|大哥)$")
_SPACED: Final = r"[ \n·.\-_']{0,3}"


def _hide_own(text: str, own: Sequence[str]) -> str:
    for literal in sorted({part for entry in own for part in _own_parts(entry)}, key=len, reverse=True):
        digits = re.sub(r"\D", "", literal)
        if len(digits) >= 7 and len(digits) * 2 > len(literal):
            text = _hide_loosely(text, digits, ODD, mask_digits(digits), read_numerals(fold(text)))
        else:
            hidden = mask_name(literal) if re.search(r"[0-9_]", literal) is None else mask_phone(literal)
            text = _hide_loosely(text, literal, _SPACED, hidden, fold(text))
    return text


def _own_parts(entry: str) -> set[str]:
    """Split a field into the words that must not appear; what is masked or names nobody is none."""
    folded = fold(plain(entry))
    parts = {part.strip() for part in re.split(r"[/,;|\n]", folded)}
    parts |= {_HONORIFIC.sub("", part).strip() for part in parts}
    return {
        part
        for part in parts
        if len(part) >= (4 if part.isascii() and re.search(r"[0-9_]", part) else 2)
        and part not in NOT_A_NAME
        and re.search(r"[*某×●○@]", part) is None
        and re.search(r"[^\W\d_]|[0-9]{7}", re.sub(r"[ \-]", "", part))
    }


def _hide_loosely(text: str, literal: str, between: str, hidden: str, folded: str) -> str:
    letters = [character for character in literal if character not in " -"]
    present = folded.lower()
    if not all(character in present for character in "".join(letters).lower()):
        return text  # the cheap answer, right for nearly every text
    pattern = between.join(map(re.escape, letters))
    if literal.isascii() and not literal.isdigit():
        pattern = rf"{ALONE}{pattern}{ENDS_ALONE}"
    return _apply(re.compile(pattern, re.IGNORECASE), lambda _match, _written: hidden, folded, text)[1]
