"""Cutting a text into parts that a platform accepts whole, measured in UTF-8 bytes (platforms, pitfall 5).

A part is `[head] piece (i/n)`. The pieces joined are the text again, to the last character; what a part has beside
its piece is this and nothing else:

- a last line `(i/n)`, behind a line break unless the piece ends with one;
- from the second part on, where the text begins with `【#123】`, a first line `【#123】（续）`, so that a quote of any
  part finds its order (interface, Chat).
"""

import re
import unicodedata

LEAST_LIMIT = 128
"""The smallest limit that leaves room for words beside head and counter (bytes)."""


def split_text(text: str, limit: int) -> list[str]:
    """The parts of a text, in order, each at most `limit` bytes of UTF-8; the text alone where it fits.

    Lone surrogates, which no encoding can carry, become U+FFFD. Raises ValueError for a limit below `LEAST_LIMIT`.
    """
    if limit < LEAST_LIMIT:
        raise ValueError(f"limit {limit} is below {LEAST_LIMIT} bytes")
    text = without_surrogates(text)
    if size(text) <= limit:
        return [text]
    head = _head(text, limit)
    pieces = _pieces(text, limit - size(head))
    total = len(pieces)
    return [
        ("" if number == 1 else head) + piece + _counter(piece, number, total)
        for number, piece in enumerate(pieces, start=1)
    ]


def cut(text: str, room: int) -> list[str]:
    """Pieces of at most `room` bytes (4 or more) that joined are the text: at line ends, else behind a sentence or
    clause, else between words, else between what the reader sees as characters."""
    pieces = []
    start = 0
    # a code point has at least one byte: a window of room + 1 that fits is all that is left
    while size(window := text[start : start + room + 1]) > room:
        end = _border(window, _reach(window, room))
        pieces.append(window[:end])
        start += end
    return [*pieces, window]


def begun(text: str, limit: int, ending: str) -> str:
    """The text where it fits, else its beginning and `ending`, where no second part can follow: no counter."""
    return text if size(text) <= limit else cut(text, limit - size(ending))[0].rstrip() + ending


def size(text: str) -> int:
    """Length in bytes of UTF-8."""
    return len(text.encode())


def without_surrogates(text: str) -> str:
    """The text with U+FFFD for every half of a surrogate pair."""
    return _SURROGATE.sub("\ufffd", text)


_SURROGATE = re.compile("[\ud800-\udfff]")
_HEAD = re.compile(r"【#\d{1,18}】")

# In order of preference. Each match is what stays in front of the cut.
_BORDERS = (
    re.compile(r"\n+"),
    re.compile(r"[。！？；…]+[”’」』）》]*|[.!?;]+[\"')]*\s"),
    re.compile(r"[，、：\s]+"),
)
# ★ A border counts only behind the first third of the room: a cut at an early one would cost a whole message, and
# a robot has eighteen in a minute.
_EARLIEST = 3
# ★ How far a cut steps back out of a word or a joined character; longer runs (a page of base64) are cut anyway.
_STEP_BACK = 64


def _head(text: str, limit: int) -> str:
    match = _HEAD.match(text)
    head = f"{match[0]}（续）\n" if match else ""
    return head if size(head) * 2 <= limit else ""


def _pieces(text: str, limit: int) -> list[str]:
    """Cut with room for the counter: first as if nine parts would do, then ninety-nine, and so on."""
    digits = 1
    while True:
        pieces = cut(text, limit - size("\n(/)") - 2 * digits)
        if len(str(len(pieces))) <= digits:
            return pieces
        digits += 1


def _counter(piece: str, number: int, total: int) -> str:
    return f"{'' if piece.endswith(chr(10)) else chr(10)}({number}/{total})"


def _reach(window: str, room: int) -> int:
    """How many code points fit into the room."""
    return len(window.encode()[:room].decode(errors="ignore"))


def _border(text: str, reach: int) -> int:
    earliest = reach // _EARLIEST
    for border in _BORDERS:
        ends = [match.end() for match in border.finditer(text, earliest, reach) if not _inside(text, match.end())]
        if ends:
            return ends[-1]
    for end in range(reach, max(reach - _STEP_BACK, earliest, 0), -1):
        if not _inside(text, end):
            return end
    return reach


def _inside(text: str, end: int) -> bool:
    """Whether a cut before `text[end]` would part what belongs together: a character with its marks, an emoji
    sequence, a flag, CR and LF, or a word or number in ASCII."""
    before, after = text[end - 1], text[end]
    if before == "\r" and after == "\n":
        return True
    if before.isascii() and after.isascii():
        return before.isalnum() and after.isalnum()
    if _JOINER in (before, after) or _clings(after):
        return True
    return _is_flag_half(after) and _flag_halves_before(text, end) % 2 == 1


_JOINER = "\u200d"


def _clings(mark: str) -> bool:
    """Combining marks, variation selectors, skin tones and the tags of regional flags belong to what stands before."""
    return (
        unicodedata.category(mark)[0] == "M"
        or "\U0001f3fb" <= mark <= "\U0001f3ff"
        or "\U000e0020" <= mark <= "\U000e007f"
    )


def _is_flag_half(mark: str) -> bool:
    return "\U0001f1e6" <= mark <= "\U0001f1ff"


def _flag_halves_before(text: str, end: int) -> int:
    count = 0
    while count < min(end, _STEP_BACK) and _is_flag_half(text[end - 1 - count]):
        count += 1
    return count
