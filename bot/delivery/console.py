"""Messages to the embedded work group: they arrive in the transaction that takes them from the outbox, exactly once."""

from collections.abc import Collection

import sqlalchemy as sa

from bot.console.messages import BOT, add
from bot.delivery import ledger, merging
from bot.delivery.claims import LEASE
from bot.delivery.ledger import MERGED_DIGEST
from storage import outbox
from storage.columns import table
from storage.outbox import WAITING, Priority, Status
from storage.tables import Outbox
from storage.transaction import Scope

MOST = 200
"""Messages handed over in one transaction: commands wait for it."""
_REMINDERS = frozenset({"reminder", "catch_up"})
_GONE = "机器人或会话已不在组织文件或设置里，没有发送"
_BROKEN_OFF = "发送途中程序中断，机器人随后被移除；这条消息可能已经送到"
_ENDINGS = (
    (WAITING, {"state": Status.FAILED, "detail": _GONE}),
    ((Status.SENDING,), {"state": Status.UNKNOWN, "detail": _BROKEN_OFF}),
)
"""What becomes of the messages of an endpoint that no longer exists, by their states."""


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


def give_up(scope: Scope, endpoint: str, holder: str) -> bool:
    """Mark what waits for an endpoint that no longer exists as failed, unless another replica still serves it."""
    if not outbox.take_lease(scope, endpoint, holder, LEASE):
        return False
    box = table(Outbox)
    for states, became in _ENDINGS:
        which = box.c.endpoint == endpoint, box.c.state.in_(states)
        for digest in scope.connection.execute(sa.select(box).where(*which, box.c.kind == MERGED_DIGEST)).mappings():
            merging.follow(scope, dict(digest), **became)
        scope.execute(sa.update(box).where(*which).values(**became))
    return True


def _kind(row: ledger.Row | sa.RowMapping) -> str:
    """How the page shows it."""
    if row["priority"] == Priority.URGENT:
        return "urgent"
    return "reminder" if row["kind"] in _REMINDERS else "notice"
