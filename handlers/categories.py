"""问题分类 as a path: how it is written, and which orders lie under a part of it.

Stored paths have `->` between their levels, whatever the source or a person writes.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import sqlalchemy as sa

from storage.columns import table
from storage.tables import OrderTable
from storage.transaction import Scope

ARROW: Final = "->"
_BREAKS: Final = (
    re.compile(r"\s*(?:[-—–－]+[>＞]|→|[>＞]{1,2})\s*"),
    re.compile(r"\s*[-—–－]+\s*"),
    re.compile(r"\s*[/／]\s*"),
)

_orders = table(OrderTable)


@lru_cache(maxsize=4096)
def levels_of(text: str) -> tuple[str, ...]:
    """The levels of a path as people and sources write it, `a->b->c` or `a-b-c`.

    The strongest separator present decides, so that a name may hold the weaker ones: 噪声/扰民->施工.
    """
    for separator in _BREAKS:
        if separator.search(text):
            return tuple(part.strip() for part in separator.split(text) if part.strip())
    return (text,)


def under(levels: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether an order's path has these levels one behind the other, anywhere in it."""
    path = sa.literal(ARROW).concat(_orders.c.category).concat(ARROW)
    return path.contains(f"{ARROW}{ARROW.join(levels)}{ARROW}", autoescape=True)


def places(scope: Scope, levels: Sequence[str], *where: sa.ColumnElement[bool]) -> list[tuple[str, ...]]:
    """Every path from the top down to these levels that orders have, among those for which `where` holds.

    Looks through all orders where nothing narrows them.
    """
    query = sa.select(_orders.c.category).where(under(levels), *where).distinct()
    found = set()
    for path in scope.connection.execute(query).scalars():
        whole = tuple(path.split(ARROW))
        starts = (start for start in range(len(whole)) if whole[start : start + len(levels)] == tuple(levels))
        found |= {whole[: start + len(levels)] for start in starts}
    return sorted(found)
