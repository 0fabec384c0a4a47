"""The commands as the parser sees them: names, how many orders each takes, and which name was meant.

The registry of commands supplies the grammars; a name is found by dictionary, so a message costs the same however
many commands there are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from rapidfuzz.distance import OSA

from handlers.references import NUMBER, fold

SLASHES: Final = "/、\\"
"""What serves as the slash, once folded."""

_NEAR: Final = 0.5
_NEAR_LETTERS: Final = 0.7
"""One wrong character of two may be a slip; half of four letters is another word."""


class References(Enum):
    """How many orders a command's usage begins with."""

    NONE = auto()
    """No order; digits at the head are arguments like any other."""
    ONE = auto()
    """`N`: only the first reference is the order."""
    MANY = auto()
    """`N…`: all leading references are orders, each a command of its own."""


class ArgumentKind(Enum):
    """Arguments of a usage that look like an order number when they stand at the head."""

    PHONE = auto()
    DATE = auto()
    ORDER = auto()


@dataclass(frozen=True, slots=True)
class Grammar:
    """What the parser must know of one command. `own_kinds` are the kinds of the usage's first own arguments."""

    name: str
    aliases: tuple[str, ...] = ()
    references: References = References.NONE
    own_kinds: frozenset[ArgumentKind] = frozenset()


class CommandIndex:
    """All commands by every name they have, made once.

    Raises ValueError when two commands claim one name, or a name could not be typed.
    """

    def __init__(self, grammars: Iterable[Grammar]) -> None:
        self._by_name: dict[str, Grammar] = {}
        for grammar in grammars:
            for name in (grammar.name, *grammar.aliases):
                key = _key(name)
                if not key or key != key.strip() or any(char.isspace() or char in "#@/、\\" for char in key):
                    raise ValueError(f"not a command name: {name!r}")
                if key in self._by_name:
                    raise ValueError(f"two commands are called {name!r}")
                self._by_name[key] = grammar
        self._lengths = sorted({len(name) for name in self._by_name}, reverse=True)

    def get(self, name: str) -> Grammar | None:
        """The command with this name or alias, however it is written; a slash before it is fine."""
        return self._by_name.get(_key(name).strip().lstrip(SLASHES))

    def match(self, folded: str) -> tuple[Grammar, int] | None:
        """The command at the head of folded text and where its name ends: the longest name that may end there."""
        for length in self._lengths:
            grammar = self._by_name.get(folded[:length].lower())
            if grammar is not None and _may_follow(folded, length):
                return grammar, length
        return None

    def nearest(self, name: str, most: int = 3) -> tuple[str, ...]:
        """Canonical names of the commands that were probably meant, best first; empty when nothing is near."""
        typed = _key(name).strip()
        if not typed:
            return ()
        scores: dict[str, float] = {}
        for known, grammar in self._by_name.items():
            score = _likeness(typed, known)
            if score >= (_NEAR_LETTERS if known.isascii() else _NEAR):
                scores[grammar.name] = max(score, scores.get(grammar.name, 0.0))
        return tuple(sorted(scores, key=lambda canonical: -scores[canonical])[:most])


def _key(name: str) -> str:
    return fold(name).lower()


def _may_follow(folded: str, end: int) -> bool:
    """Whether a command's name may end here: without a space only a digit, # or an order number follows."""
    following = folded[end : end + 1]
    if not following or following.isspace() or following == "#" or following in "0123456789":
        return True
    return NUMBER.match(folded, end) is not None


def _likeness(typed: str, known: str) -> float:
    """0 to 1: a common beginning counts most, then a name inside a sentence, then few typing errors."""
    if typed.startswith(known) or (known.startswith(typed)):
        return 0.8 + 0.2 * min(len(typed), len(known)) / max(len(typed), len(known))
    if len(known) > 1 and known in typed:
        return 0.75
    return OSA.normalized_similarity(typed, known)
