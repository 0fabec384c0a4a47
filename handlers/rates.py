"""三率: responded, solved, satisfied (domain, section 5).

Exact fractions throughout; rounding, half up to one decimal, happens only where a number is shown.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction

from config.rules import Rules

NONE = "—"
"""An empty denominator: there is nothing to say, which is not 0."""


@dataclass(frozen=True, slots=True)
class Answers:
    """How the valid evaluations of some orders came out; counts add up over 科室 and never over days.

    An order evaluated on two days is one order in the period.
    """

    valid: int = 0
    responded: int = 0
    solved: int = 0
    satisfied: int = 0
    basically: int = 0
    unrated: int = 0

    def __add__(self, other: "Answers") -> "Answers":
        return Answers(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Answers)))


@dataclass(frozen=True, slots=True)
class Rate:
    """One rate as its numerator and denominator. `value` is None for an empty denominator."""

    n: Fraction
    v: int

    @property
    def value(self) -> Fraction | None:
        """n / V."""
        return self.n / self.v if self.v else None

    def text(self) -> str:
        """`90.0%（9/10）`, or `—（0/0）`."""
        return f"{percent(self.value)}（{plain_number(self.n)}/{self.v}）"


@dataclass(frozen=True, slots=True)
class Rates:
    """The three rates, pooled, and the score out of a hundred (None where one of them is empty)."""

    response: Rate
    solution: Rate
    satisfaction: Rate
    score: Fraction | None

    def items(self) -> tuple[tuple[str, Rate], ...]:
        """Name and rate, in the field's order."""
        return (("响应率", self.response), ("解决率", self.solution), ("满意率", self.satisfaction))


def three_rates(answers: Answers, rules: Rules) -> Rates:
    """响应率 = responded / V; 解决率 = 解决 / V; 满意率 = (满意 + ★0.9 × 基本满意) / (V − 未评价 ★)."""
    rated = answers.valid - (answers.unrated if rules.unrated_leaves_denominator else 0)
    rates = (
        Rate(Fraction(answers.responded), answers.valid),
        Rate(Fraction(answers.solved), answers.valid),
        Rate(answers.satisfied + _share(rules.satisfied_weight) * answers.basically, rated),
    )
    weights = rules.score_weights
    shares = (weights.responded, weights.solved, weights.satisfied)
    values = [rate.value for rate in rates if rate.value is not None]
    if len(values) < len(rates):
        return Rates(*rates, None)
    score = sum((_share(share) * value for share, value in zip(shares, values, strict=True)), Fraction())
    return Rates(*rates, 100 * score)


def pooled(parts: Iterable[Answers]) -> Answers:
    """The answers of several groups as one: rates of a total row are pooled, never a mean (★ default)."""
    return sum(parts, Answers())


def rounded(value: Fraction | None) -> float | None:
    """One decimal, half up, as a number for machines; None for none."""
    return None if value is None else float(_one_decimal(value))


def percent(value: Fraction | None) -> str:
    """`90.0%`, half up; `—` for none."""
    return NONE if value is None else f"{_one_decimal(value * 100)}%"


def points(value: Fraction | None) -> str:
    """`87.5`, half up; `—` for none."""
    return NONE if value is None else _one_decimal(value)


def plain_number(value: Fraction) -> str:
    """`9` or `8.9`: a count with weights in it, half up to one decimal where it is no whole number."""
    return str(value.numerator) if value.denominator == 1 else _one_decimal(value)


def _share(share: float) -> Fraction:
    """The share as the policy file writes it: 0.9, not the binary number next to it."""
    return Fraction(str(share))


def _one_decimal(value: Fraction) -> str:
    tenths = (value * 10 + Fraction(1, 2)).__floor__()
    return f"{tenths // 10}.{tenths % 10}"
