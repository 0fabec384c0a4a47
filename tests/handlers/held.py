"""The second held-out set: sentences with marked pieces, and a judge of what is missed and what is lost.

`held_sentences.txt` was written before the scrubber was read or changed for it; `python -m tests.handlers.held`
prints the rates that `docs/privacy.md` names, and every piece that is missed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from handlers.privacy import clean
from tests.handlers.personal_data import normalise

CALLER = ("周明远", "13800004821")
_MARK = re.compile(r"[{⟨](?P<piece>[^{}⟨⟩]*)[}⟩]")
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾", "123456789十")
_TELLING = 6
"""So many digits in a row of a longer number tell it."""


@dataclass(frozen=True)
class Held:
    """One sentence, the pieces that must not come out of it and those that must."""

    line: int
    kind: str
    text: str
    hidden: tuple[str, ...]
    kept: tuple[str, ...]

    def missed(self, output: str) -> list[str]:
        """Name the pieces that can still be read."""
        read = _read(output)
        return [piece for piece in self.hidden if piece in output or any(part in read for part in _traces(piece))]

    def lost(self, output: str) -> list[str]:
        """Name the ordinary pieces that are gone."""
        return [piece for piece in self.kept if piece not in output]


def held() -> Iterator[Held]:
    """The sentences, in the order of the file; a written `\\n` is a line break."""
    kind = ""
    for number, line in enumerate(_lines("held_sentences.txt"), 1):
        if line.startswith("## "):
            kind = line[3:]
        elif line and not line.startswith("#"):
            written = line.replace("\\n", "\n")
            marks = list(_MARK.finditer(written))
            hidden = tuple(mark["piece"] for mark in marks if mark[0][0] == "{")
            kept = tuple(mark["piece"] for mark in marks if mark[0][0] == "⟨")
            yield Held(number, kind, _MARK.sub(r"\g<piece>", written), hidden, kept)


def ordinary() -> Iterator[str]:
    """Lines without anything personal."""
    return (line for line in _lines("ordinary_sentences.txt") if line and not line.startswith("#"))


def _lines(name: str) -> list[str]:
    return (Path(__file__).parent / name).read_text(encoding="utf-8").split("\n")


def _traces(piece: str) -> set[str]:
    read = _read(piece)
    if len(re.sub(r"\D", "", read)) > _TELLING and read.isdigit():
        return {read[start : start + _TELLING] for start in range(len(read) - _TELLING + 1)}
    return {read}


def _read(text: str) -> str:
    return normalise(text.translate(_FORMAL))


def _print(scrubber: Callable[[str], str]) -> None:
    sentences, lines = list(held()), list(ordinary())
    misses = [(item, piece) for item in sentences for piece in item.missed(scrubber(item.text))]
    losses = [(item, piece) for item in sentences for piece in item.lost(scrubber(item.text))]
    changed = [line for line in lines if scrubber(line) != line]
    for item, piece in misses:
        print(f"missed {item.line} {item.kind} {piece!r}: {scrubber(item.text)}")
    for item, piece in losses:
        print(f"lost   {item.line} {piece!r}: {scrubber(item.text)}")
    for line in changed:
        print(f"lost   {line}: {scrubber(line)}")
    pieces, kept = sum(len(item.hidden) for item in sentences), sum(len(item.kept) for item in sentences)
    print(f"{len(sentences)} sentences, missed {len(misses)} of {pieces} pieces")
    print(f"lost {len(losses)} of {kept} pieces, changed {len(changed)} of {len(lines)} ordinary lines")


if __name__ == "__main__":
    _print(lambda text: clean(text, own=CALLER))
