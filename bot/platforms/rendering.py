"""Figures in columns as text, for platforms that show tables and for those that do not."""

import re
import unicodedata
from typing import Final

from bot.platforms.contract import Table

_BREAKS: Final = re.compile(r"\s*[\r\n]+\s*")


def markdown_table(table: Table) -> str:
    """A table in markdown. Cells cannot end a column or a row, nor begin markup of their own."""
    lines = [_row(table.head), _row(("---",) * len(table.head)), *(_row(map(_cell, row)) for row in table.rows)]
    return "\n".join(lines)


def text_table(table: Table) -> str:
    """The same, aligned for a fixed-width reader: a Chinese character is two columns wide."""
    rows = [table.head, *table.rows]
    rows = [tuple(_BREAKS.sub(" ", cell) for cell in row) for row in rows]
    widths = [max(width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell + " " * (space - width(cell)) for cell, space in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def width(text: str) -> int:
    """How many columns a text takes on a fixed-width screen."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _row(cells: "tuple[str, ...] | map[str]") -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    text = _BREAKS.sub(" ", text)
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", text)
