"""Ordinary notices to one endpoint become one when its limits would make the last of them wait (★ 10 s).

Nothing is dropped: the digest names each, and calls whom each called. Originals and digest change in one transaction,
and `parent_id` leads from each to the digest that it went into.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import sqlalchemy as sa

from bot.delivery import ledger, quotas
from bot.delivery.ledger import MERGED_DIGEST, UNKNOWN_DIGEST, Row
from bot.platforms.contract import Outgoing, Sender
from handlers.notices import names_of
from handlers.office import Office
from storage.columns import table
from storage.outbox import Priority, Status
from storage.tables import Outbox
from storage.transaction import Scope

_BOX = table(Outbox)
_ORDINARY = _BOX.c.priority.in_((Priority.NOTICE, Priority.REMINDER))
_MERGED = (
    _ORDINARY,
    _BOX.c.part.is_(None),
    _BOX.c.repeat_of.is_(None),
    _BOX.c.kind.not_in((MERGED_DIGEST, UNKNOWN_DIGEST)),
    # A list of orders would lose what it lists.
    sa.or_(_BOX.c.order_id.is_not(None), ~_BOX.c.text.contains("\n")),
)
_WHOLE = ("file", "table", "reply", "reveal", "edits")
"""What a line cannot stand for."""


def merge(
    office: Office,
    scope: Scope,
    endpoint: str,
    sender: Sender,
    compose: Callable[[Scope, Row], Outgoing],
) -> bool:
    """Queue one digest in the place of what waits, if it would wait too long; whether that was done.

    As many go into it as one message to this sender takes.
    """
    rule = office.rules(scope.now).merging
    count = ledger.count_waiting(scope, endpoint, _ORDINARY, _BOX.c.next_at <= scope.now)
    if count < 2 or not quotas.shortage(scope, endpoint, sender.limits, count, rule.wait):
        return False
    rows = [row for row in ledger.waiting_for(scope, endpoint, *_MERGED) if _mergeable(row)][: rule.most]
    while len(rows) > 1:
        values = digest_of(office, scope, rows)
        if len(sender.parts(compose(scope, {**rows[0], **values}))) == 1:
            _replace(scope, endpoint, rows, values)
            return True
        rows = rows[: len(rows) * 3 // 4] if len(rows) > 4 else rows[:-1]
    return False


def digest_of(office: Office, scope: Scope, rows: Sequence[Row], *, repeated: bool = False) -> dict[str, Any]:
    """What differs in a message that names these from the first of them."""
    lines = [(row["text"], names_of(office, row["mentions"])) for row in rows]
    return {
        "at": scope.now,
        "kind": MERGED_DIGEST,
        "priority": min(row["priority"] for row in rows),
        "order_id": None,
        "text": office.texts.render("merged_digest", lines=lines, total=len(rows), repeated=repeated),
        "mentions": _each(row["mentions"] for row in rows),
        "cause": None,
        "parent_id": None,
        "part": None,
        "repeat_of": None,
        "names": tuple(row["id"] for row in rows),
        "orders": _each(row["orders"] for row in rows),
        "content": None,
    }


def follow(scope: Scope, digest: Row, **values: Any) -> None:
    """What became of a digest became of those that went into it (of a repeat: nothing but the repeat)."""
    if digest["repeat_of"] is None:
        merged = _BOX.c.id.in_(digest["names"]), _BOX.c.state == Status.MERGED
        scope.execute(sa.update(_BOX).where(*merged).values(**values))


def _replace(scope: Scope, endpoint: str, rows: Sequence[Row], values: dict[str, Any]) -> None:
    ledger.copy(scope, rows[0], **values)
    # The digest's number is given when it is written, just before this; nobody else queues for a held endpoint's
    # digests.
    newest = sa.select(sa.func.max(_BOX.c.id)).where(_BOX.c.endpoint == endpoint, _BOX.c.kind == MERGED_DIGEST)
    which = _BOX.c.id.in_([row["id"] for row in rows])
    scope.execute(
        sa.update(_BOX)
        .where(which)
        .values(
            state=Status.MERGED, parent_id=newest.scalar_subquery(), detail=f"与另外 {len(rows) - 1} 条合并", shown=None
        )
    )


def _mergeable(row: Row) -> bool:
    return not any(key in (row["content"] or {}) for key in _WHOLE)


def _each(values: Any) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(values)))
