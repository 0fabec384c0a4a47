"""The outbox: every message on its way out, and what became of it. Nothing is sent but from here.

Handlers write rows inside their transaction; delivery claims, sends and records. Limits are counted from the
attempts that are written here before each request, so no restart and no replica can exceed them.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

import sqlalchemy as sa

from storage.columns import table
from storage.tables import Lease, Outbox
from storage.transaction import Scope


class Status(StrEnum):
    """The states of a message; `SENTENCES` explains each to people."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SPLIT = "split"
    MERGED = "merged"
    CANCELLED = "cancelled"


SENTENCES: dict[Status, str] = {
    Status.PENDING: "排队等候发送",
    Status.SENDING: "已交给平台，正在等回音",
    Status.SENT: "平台已确认收到",
    Status.RETRY: "这次没有送达，稍后自动再试",
    Status.UNKNOWN: "结果不明：请求可能已送到，也可能没有",
    Status.FAILED: "没有送到，重试也没有用，需要有人处理",
    Status.SPLIT: "分成几条发送（太长，或按钮另发一条）",
    Status.MERGED: "消息太多，已并入发往同一处的汇总",
    Status.CANCELLED: "不再需要，没有发送",
}
"""What each state means, one sentence each."""

WAITING = (Status.PENDING, Status.RETRY)


class Priority(IntEnum):
    """Who goes first when a robot's limit is short."""

    URGENT = 0
    REPLY = 1
    NOTICE = 2
    REMINDER = 3
    REPORT = 4
    EDIT = 5
    """A card that is brought up to date, or buttons that repeat a text: it loses nothing by being late."""


HURRIED = (Priority.URGENT, Priority.REPLY)
"""What somebody waits for just now: it is neither merged with others nor put off to a quieter minute."""

NOWHERE = "nowhere"
"""The platform of an endpoint (`nowhere:AUDIENCE`) for what no robot or chat can carry yet: it waits for a way out,
shown in /状态, and what is urgent is named by another way at once."""
NO_WAY = "还没有能送到这里的机器人或会话，有了就发"


def queue(
    scope: Scope,
    *,
    kind: str,
    priority: Priority,
    endpoints: Sequence[str],
    audience: str,
    text: str,
    order: int | None = None,
    mentions: Sequence[str] = (),
    repeat_of: int | None = None,
    orders: Sequence[int] = (),
    content: Mapping[str, Any] | None = None,
    shown: str | None = None,
) -> None:
    """Queue one text for each endpoint of an audience (group id or `@PERSON`). `mentions` are person ids.

    `orders` is what it speaks of where that is more than `order`; `content` what goes beside the text
    (`bot.delivery.composing` reads it); `shown` the state that its card shows.
    """
    lost = not endpoints
    for endpoint in endpoints or (f"{NOWHERE}:{audience}",):
        scope.insert(
            Outbox,
            at=scope.now,
            kind=kind,
            priority=int(priority),
            endpoint=endpoint,
            audience=audience,
            order_id=order,
            text=text,
            mentions=tuple(dict.fromkeys(mentions)),
            cause=scope.cause,
            state=Status.PENDING,
            attempts=0,
            next_at=scope.now,
            detail=NO_WAY if lost else "",
            parent_id=None,
            part=None,
            repeat_of=repeat_of,
            orders=tuple(orders) or (() if order is None else (order,)),
            content=content,
            remote_id=None,
            shown=shown,
            detour_at=scope.now if lost and priority == Priority.URGENT else None,
        )


def update(scope: Scope, message: int, **values: Any) -> None:
    """Change a message's row when the batch is written."""
    box = table(Outbox)
    scope.execute(sa.update(box).where(box.c.id == message).values(**values))


def endpoints_waiting(scope: Scope, *which: sa.ColumnElement[bool]) -> dict[str, datetime]:
    """Endpoints with something to send (for which all of `which` holds) → the earliest moment at which it may be."""
    box = table(Outbox)
    query = (
        sa.select(box.c.endpoint, sa.func.min(box.c.next_at))
        .where(box.c.state.in_(WAITING), *which)
        .group_by(box.c.endpoint)
    )
    return {row[0]: row[1] for row in scope.connection.execute(query)}


def cancel_caused(scope: Scope, cause: str, order: int, digests: Sequence[int] = ()) -> None:
    """An undo: what its command queued and nobody has read yet is not sent; `digests` are ids of those that only speak
    of what is undone."""
    box = table(Outbox)
    scope.execute(
        sa.update(box)
        .where(box.c.cause == cause, sa.or_(box.c.order_id == order, box.c.id.in_(digests)), box.c.state.in_(WAITING))
        .values(state=Status.CANCELLED, detail="命令已撤回")
    )


def counts(scope: Scope) -> dict[str, int]:
    """How many messages stand in each state."""
    box = table(Outbox)
    query = sa.select(box.c.state, sa.func.count()).group_by(box.c.state)
    return {row[0]: row[1] for row in scope.connection.execute(query)}


def repeated(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> set[int]:
    """The messages (of whose repeats all of `which` holds) that were sent once more."""
    box = table(Outbox)
    query = sa.select(box.c.repeat_of).where(box.c.repeat_of.is_not(None), *which)
    return set(connection.execute(query).scalars())


def decision(row: Mapping[str, Any], again: Collection[int]) -> str:
    """What was decided about a message of unknown outcome, or one that failed, in a few words; empty where nothing
    was. Of the row are needed `id`, `state`, `told_at`, `detour_at`; `again` is from `repeated`."""
    told = row["told_at"] is not None
    if row["state"] == Status.FAILED:
        return "已换别的出口告知" if told else "" if row["detour_at"] is None else "将换别的出口告知"
    if row["id"] in again:
        return "已重发一次"
    return "已重发或汇总提示" if told else "将汇总提示"


def take_lease(scope: Scope, name: str, holder: str, span: timedelta) -> bool:
    """Take or renew the right to use `name` until now + span; False while another holder's lease runs."""
    lease = table(Lease)
    query = sa.select(lease).where(lease.c.name == name).with_for_update()
    row = scope.connection.execute(query).mappings().one_or_none()
    until = scope.now + span
    if row is None:
        # Of two replicas that find no row one fails on the key, is replayed, and finds it.
        scope.insert(Lease, name=name, holder=holder, until=until)
        return True
    if row["holder"] != holder and row["until"] > scope.now:
        return False
    scope.execute(sa.update(lease).where(lease.c.name == name).values(holder=holder, until=until))
    return True


def take_turn(scope: Scope, name: str) -> None:
    """Let no other transaction that takes the same turn read what this one is going to write."""
    lease = table(Lease)
    query = sa.select(lease.c.name).where(lease.c.name == name).with_for_update()
    if scope.connection.execute(query).first() is None:
        scope.place(Lease, (name,), {"holder": "", "until": scope.now})
    else:
        scope.execute(sa.update(lease).where(lease.c.name == name).values(until=scope.now))
