"""What the store knows about an endpoint: what waits, what was asked of it lately, when the next request may be made.

Everything is read again for every decision, so a restart or a second replica changes nothing.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.delivery import crowding, quotas
from bot.platforms.contract import Outcome, Sender
from storage import outbox
from storage.columns import table
from storage.outbox import HURRIED, WAITING, Priority, Status
from storage.tables import Attempt, Lease, OrderTable, Outbox
from storage.transaction import Scope

NOT_DELIVERED = "not_delivered"
"""The kind of the message that names others, by another way, which will not arrive."""
UNKNOWN_DIGEST = "unknown_digest"
"""The kind of the message that names others whose outcome is unknown."""
CARD_UPDATE = "card_update"
"""The kind of the message that brings a sent card up to date."""
MERGED_DIGEST = "merged_digest"
"""The kind of the message that others went into because their robot was short."""
STREAK = 20
"""Failures in a row that are told apart; more do not lengthen a pause further."""
_FRESH: dict[str, Any] = {
    "state": Status.PENDING,
    "attempts": 0,
    "sent_at": None,
    "detail": "",
    "status": None,
    "code": None,
    "told_at": None,
    "names": (),
    "remote_id": None,
    "shown": None,
    "detour_at": None,
}
Row = Mapping[str, Any]
_BOX, _ATTEMPT, _LEASE, _ORDER = table(Outbox), table(Attempt), table(Lease), table(OrderTable)


def moments(
    scope: Scope,
    sender_of: Callable[[str], Sender | None],
    holder: str,
    held_back: Collection[str] = (),
) -> dict[str, datetime]:
    """Endpoint → the earliest moment at which there is something to do for it.

    A sender's limits are counted here, and what is not hurried waits for the end of its crowded minutes; an endpoint
    without a sender (None) is due as soon as something waits. Endpoints that another replica holds are due when its
    lease ends. What waits at those `held_back` is due as soon as the more urgent that they wait for has gone.
    """
    hurried = _BOX.c.priority.in_(HURRIED)
    waiting = outbox.endpoints_waiting(scope, hurried), outbox.endpoints_waiting(scope, ~hurried)
    doubtful = _doubtful(scope)
    stranded = scope.connection.execute(sa.select(_BOX.c.endpoint).where(_BOX.c.state == Status.SENDING)).scalars()
    begun = set(stranded)
    query = sa.select(_LEASE.c.name, _LEASE.c.until).where(_LEASE.c.holder != holder)
    held: dict[str, datetime] = {row[0]: row[1] for row in scope.connection.execute(query)}
    found: dict[str, datetime] = {}
    for endpoint in {*waiting[0], *waiting[1], *doubtful, *begun}:
        sender = sender_of(endpoint)
        free = quotas.EARLIEST if sender is None else quotas.free_from(scope, endpoint, sender.limits)
        due = [max(at[endpoint], free) for at in waiting if endpoint in at and endpoint not in held_back]
        if due and sender is not None and sender.avoid and endpoint in waiting[1]:
            due[-1] = crowding.quiet_from(max(due[-1], scope.now), endpoint, sender.avoid)
        if endpoint in begun:
            due.append(scope.now)
        if endpoint in doubtful:
            due.append(doubtful[endpoint])
        if due:
            found[endpoint] = max(min(due), held.get(endpoint, quotas.EARLIEST))
    return found


def repeats(row: Row) -> bool:
    """Whether a message only repeats what others say: buttons behind their text, or a change of a card. Nobody misses
    it, and nobody is told where it does not arrive."""
    return row["kind"] == CARD_UPDATE or (row["part"] is not None and row["priority"] == Priority.EDIT)


def passed(scope: Scope, row: Row) -> bool:
    """Whether a message shows a step that its order has left behind: nobody may take it any more."""
    if row["shown"] is None or row["order_id"] is None:
        return False
    query = sa.select(_ORDER.c.state).where(_ORDER.c.id == row["order_id"])
    return bool(scope.connection.execute(query).scalar() != row["shown"])


def recent(scope: Scope, endpoint: str) -> list[Row]:
    """The last requests to an endpoint, newest first: as many as its pauses depend on."""
    query = (
        sa.select(_ATTEMPT)
        .where(_ATTEMPT.c.endpoint == endpoint)
        .order_by(_ATTEMPT.c.at.desc(), _ATTEMPT.c.id.desc())
        .limit(STREAK)
    )
    return _rows(scope, query)


def failures(attempts: list[Row]) -> int:
    """How many of these (newest first) went wrong in a row, for whatever message."""
    fine = (Outcome.SENT, Outcome.PERMANENT)
    return next((n for n, row in enumerate(attempts) if row["outcome"] in fine), len(attempts))


def waiting_for(scope: Scope, endpoint: str, *which: sa.ColumnElement[bool]) -> list[Row]:
    """The messages that may be sent to an endpoint now and for which all of `which` holds, in their order."""
    query = sa.select(_BOX).where(
        _BOX.c.endpoint == endpoint, _BOX.c.state.in_(WAITING), _BOX.c.next_at <= scope.now, *which
    )
    return _rows(scope, query.order_by(_BOX.c.priority, _BOX.c.id))


def count_waiting(scope: Scope, endpoint: str, *which: sa.ColumnElement[bool]) -> int:
    """How many messages wait for an endpoint, now or later, and for which all of `which` holds."""
    query = sa.select(sa.func.count()).where(_BOX.c.endpoint == endpoint, _BOX.c.state.in_(WAITING), *which)
    return int(scope.connection.execute(query).scalar_one())


def orders_waiting(scope: Scope, endpoint: str) -> list[int]:
    """The orders of which messages speak that wait for an endpoint, the most urgent first."""
    query = sa.select(_BOX.c.orders).where(_BOX.c.endpoint == endpoint, _BOX.c.state.in_(WAITING))
    rows = scope.connection.execute(query.order_by(_BOX.c.priority, _BOX.c.id)).scalars()
    return list(dict.fromkeys(order for orders in rows for order in orders))


def first(scope: Scope, endpoint: str, least: Priority = Priority.EDIT) -> Row | None:
    """The message to send next: most urgent first (none less so than `least`), then oldest; the parts of a long one
    stand in its place."""
    query = (
        sa.select(_BOX)
        .where(
            _BOX.c.endpoint == endpoint,
            _BOX.c.state.in_(WAITING),
            _BOX.c.next_at <= scope.now,
            _BOX.c.priority <= int(least),
        )
        .order_by(_BOX.c.priority, sa.func.coalesce(_BOX.c.parent_id, _BOX.c.id), _BOX.c.part, _BOX.c.id)
        .limit(1)
    )
    return next(iter(_rows(scope, query)), None)


def message(scope: Scope, number: int) -> Row:
    """A message by its number."""
    return _rows(scope, sa.select(_BOX).where(_BOX.c.id == number))[0]


def messages(scope: Scope, numbers: Collection[int]) -> list[Row]:
    """Messages by their numbers, oldest first."""
    return _rows(scope, sa.select(_BOX).where(_BOX.c.id.in_(numbers)).order_by(_BOX.c.id))


def parts_of(number: int) -> tuple[sa.ColumnElement[bool], ...]:
    """Which messages are the parts that a long one was divided into."""
    return _BOX.c.parent_id == number, _BOX.c.part.is_not(None)


def divided(scope: Scope, number: int) -> int:
    """Into how many parts a long message was divided."""
    query = sa.select(sa.func.count()).where(*parts_of(number))
    return int(scope.connection.execute(query).scalar_one())


def stranded(scope: Scope, endpoint: str) -> list[Row]:
    """Messages whose request was begun and never ended."""
    query = sa.select(_BOX).where(_BOX.c.endpoint == endpoint, _BOX.c.state == Status.SENDING).order_by(_BOX.c.id)
    return _rows(scope, query)


def doubted(scope: Scope, number: int) -> datetime | None:
    """When the first of the message's requests was begun that may have arrived; None where none may have."""
    maybe = _ATTEMPT.c.ended_at.is_(None) | (_ATTEMPT.c.outcome == Outcome.UNKNOWN)
    query = sa.select(sa.func.min(_ATTEMPT.c.at)).where(_ATTEMPT.c.outbox_id == number, maybe)
    moment: datetime | None = scope.connection.execute(query).scalar()
    return moment


def unnamed(scope: Scope, endpoint: str) -> list[Row]:
    """Messages of unknown outcome that nobody was told of, oldest first; none while a digest is on its way."""
    if endpoint not in _doubtful(scope):
        return []
    query = (
        sa.select(_BOX)
        .where(_BOX.c.endpoint == endpoint, _BOX.c.state == Status.UNKNOWN, _BOX.c.told_at.is_(None))
        .order_by(_BOX.c.id)
    )
    return _rows(scope, query)


def copy(scope: Scope, row: Row, **changes: Any) -> None:
    """Queue a message made from another one: the same but for `changes`, and not sent yet."""
    values = {name: value for name, value in row.items() if name != "id"}
    scope.insert(Outbox, **{**values, **_FRESH, "next_at": scope.now, **changes})


def end_attempt(scope: Scope, number: int, at: datetime | None = None, **values: Any) -> None:
    """Write down how a request ended: the one begun `at`, or whichever of the message's has not ended."""
    which = _ATTEMPT.c.ended_at.is_(None) if at is None else _ATTEMPT.c.at == at
    scope.execute(sa.update(_ATTEMPT).where(_ATTEMPT.c.outbox_id == number, which).values(ended_at=scope.now, **values))


def change_waiting(scope: Scope, *which: sa.ColumnElement[bool], **values: Any) -> None:
    """Change those waiting messages for which all of `which` holds."""
    scope.execute(sa.update(_BOX).where(_BOX.c.state.in_(WAITING), *which).values(**values))


def _doubtful(scope: Scope) -> dict[str, datetime]:
    """Endpoints with unnamed messages of unknown outcome → when they may be named."""
    other = _BOX.alias()
    on_its_way = sa.exists().where(
        other.c.endpoint == _BOX.c.endpoint,
        other.c.kind == UNKNOWN_DIGEST,
        other.c.state.in_((*WAITING, Status.SENDING)),
    )
    query = (
        sa.select(_BOX.c.endpoint, sa.func.min(_BOX.c.next_at))
        .where(_BOX.c.state == Status.UNKNOWN, _BOX.c.told_at.is_(None), ~on_its_way)
        .group_by(_BOX.c.endpoint)
    )
    return {row[0]: row[1] for row in scope.connection.execute(query)}


def _rows(scope: Scope, query: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in scope.connection.execute(query).mappings()]
