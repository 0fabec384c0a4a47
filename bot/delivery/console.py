"""Messages to the embedded work group: they arrive in the transaction that takes them from the outbox, exactly once."""

from collections.abc import Collection

import sqlalchemy as sa

from bot.console.messages import BOT, add
from bot.delivery import ledger
from storage.columns import table
from storage.outbox import WAITING, Priority, Status
from storage.tables import Outbox
from storage.transaction import Scope

MOST = 200
"""Messages handed over in one transaction: commands wait for it."""
_REMINDERS = frozenset({"reminder", "catch_up"})


def hand_over(scope: Scope, endpoints: Collection[str]) -> int:
    """Put up to `MOST` waiting messages into the work group; returns how many. Needs the counter `message`, whose
    lock keeps replicas apart."""
    box = table(Outbox)
    query = (
        sa.select(box)
        .where(box.c.endpoint.in_(endpoints), box.c.state.in_(WAITING), box.c.next_at <= scope.now)
        .order_by(box.c.priority, box.c.id)
        .limit(MOST)
    )
    rows = scope.connection.execute(query).mappings().all()
    for row in rows:
        add(
            scope,
            chat=row["endpoint"].partition(":")[2],
            sender=BOT,
            kind=_kind(row),
            text=row["text"],
            mentions=row["mentions"],
            orders=row["orders"],
            outbox_id=row["id"],
        )
    if rows:
        numbers = [row["id"] for row in rows]
        done = {"state": Status.SENT, "sent_at": scope.now, "attempts": 1, "detail": "", "shown": None}
        scope.execute(sa.update(box).where(box.c.id.in_(numbers)).values(**done))
    return len(rows)


def _kind(row: ledger.Row | sa.RowMapping) -> str:
    """How the page shows it."""
    if row["priority"] == Priority.URGENT:
        return "urgent"
    return "reminder" if row["kind"] in _REMINDERS else "notice"
