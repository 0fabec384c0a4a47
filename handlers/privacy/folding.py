"""One text, read three ways: plain (nothing invisible), folded (one form per character), with numerals as digits.

Folding never changes the length, so that what a rule finds in a folded text is cut out of the plain one by position.
"""

import re
from itertools import pairwise
from typing import Final

NUMERALS: Final = "〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖"


def plain(text: str) -> str:
    """Drop invisible and control characters; every line break becomes a new line, every tab a space.

    Halves of broken emoji become U+FFFD, so that the result can always be written as UTF-8.
    """
    if _UNSEEN.search(text) is None:
        return text
    text = _LINE_BREAK.sub("\n", text).replace("\t", " ")
    return _INVISIBLE.sub("", _SURROGATE.sub("\ufffd", text))


def fold(text: str) -> str:
    """Write full-width forms, digits of every script, dashes, spaces, dots and brackets as ASCII, same length."""
    return text if text.isascii() else text.translate(_FOLDED)


def is_ordinary(text: str) -> bool:
    """Whether a text holds nothing but 汉字 that are no numeral, common signs, spaces and new lines.

    No rule can find anything in it but a name: the caller's own, or one behind a label (`names.may_name`). Most cells
    of an export are such.
    """
    return _ORDINARY.fullmatch(text) is not None


def count_signs(folded: str) -> int:
    """How many characters of a folded text may be a part of a number or of an account: every rule needs some."""
    return len(_SIGNS.findall(folded))


def read_numerals(folded: str) -> str:
    """Write Chinese, circled and raised numerals of a folded text as digits, same length.

    A numeral that belongs to a word (一直, 三天, 统一) is no digit of the number beside it; it becomes `_`.
    """
    if _SPOKEN.search(folded):
        folded = _LONG_RUN.sub(_without_spoken, folded)
    return _NUMERAL.sub(lambda match: _READ[match[0]] if match["in_word"] is None else "_", folded)


def _without_spoken(run: re.Match[str]) -> str:
    """A long run of numerals with 洞 拐 勾 两 as numerals: only there, for each of them is an ordinary word as well."""
    if _TRUE_NUMERAL.search(run[0]) is None:
        return run[0]
    start, end = run.span()
    found = _SPOKEN_NUMERAL.finditer(run.string, start, end)
    read = {match.start() - start: _SPOKEN_READ[match[0]] for match in found}
    return "".join(read.get(at, character) for at, character in enumerate(run[0]))


_FORMAT: Final = (  # category Cf and other characters without a shape, written as a character class
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890-\u0891\u08e2\u115f-\u1160\u17b4-\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f{_FORMAT}]+")
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNSEEN = re.compile(rf"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff{_FORMAT}]")


def _without(first: str, last: str, left_out: str) -> str:
    """A range of characters but for some, written as a character class: one class is searched faster than two."""
    ends = [chr(ord(first) - 1), *sorted(set(left_out)), chr(ord(last) + 1)]
    pairs = ((ord(low) + 1, ord(high) - 1) for low, high in pairwise(ends))
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in pairs if low <= high)


_ORDINARY = re.compile(f"[{_without(chr(0x4E00), chr(0x9FFF), NUMERALS.strip('〇') + '十单')}，。；：？！“”（）…— \n]*")
"""单 is left out for 单元, which needs no digit to be a part of an address: 东单元西户."""
_SIGNS = re.compile(r"[0-9A-Za-z_\-]")


_FOLDED: Final[dict[int, str]] = (
    {code: str(int(chr(code))) for code in range(0x660, 0x1FBFA) if chr(code).isdecimal()}
    | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(map(ord, "‐‑‒–—―−─━⸺⸻﹘﹣"), "-")
    | dict.fromkeys((0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " ")
    | dict.fromkeys(map(ord, "•‧・∙⋅･●"), "·")
    | dict.fromkeys(map(ord, "⁄∕、"), "/")
    | dict.fromkeys(map(ord, "〔【「『《〈"), "(")
    | dict.fromkeys(map(ord, "〕】」』》〉"), ")")
    | {ord("﹫"): "@", ord("﹟"): "#", ord("〜"): "~"}
)
_READ: Final[dict[str, str]] = dict(
    zip(
        NUMERALS + "⓪①②③④⑤⑥⑦⑧⑨⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉",
        "001234567891123456789" + "0123456789" * 3,
        strict=True,
    )
)
_SPOKEN_READ: Final = dict(zip("洞拐勾两", "〇七九二", strict=True))
_SPOKEN = re.compile("[洞拐勾两]")
_TRUE_NUMERAL = re.compile(f"[0-9{NUMERALS}]")
_LONG_RUN = re.compile(rf"[0-9{NUMERALS}洞拐勾两](?:[ \-.,/·]{{0,2}}[0-9{NUMERALS}洞拐勾两]){{6,}}")
_SPOKEN_NUMERAL = re.compile(  # beside another, and beginning or ending no word; a single 两 between digits is "and"
    rf"(?<![桥涵门墙树山黑破窟空防孔井])(?:(?<=[{NUMERALS}洞拐勾两])[洞拐勾两]|[洞拐勾两](?=[{NUMERALS}洞拐勾两])"
    r"|(?<=[0-9])[洞拐勾](?=[0-9]))(?![口里内外穴弯角点进次个天位名人家件条年月日处户层米吨块元单边栋辆台车])"
)
_IN_WORD: Final = (
    rf"(?<=[统唯万周期第之][{NUMERALS}])|(?<=[{NUMERALS}])(?=[直般个次下天样些起定边旦种位名人家件条遍回年月日周小])"
)
_NUMERAL = re.compile(rf"[{''.join(_READ)}](?P<in_word>{_IN_WORD})?")
