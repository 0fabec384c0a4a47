"""What waits where nobody sends any more, or not yet: it goes by the ways that its audience has, or waits for one.

Messages that have no way stand at `nowhere:AUDIENCE`. What waited ★ a day there is not sent late any more: it counts
as failed and is named by another way.
"""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from bot.delivery import detours, ledger
from bot.delivery.claims import LEASE
from bot.delivery.ledger import MERGED_DIGEST, Row
from bot.delivery.ways import Ways
from bot.routes import platform_of
from handlers.office import Office
from storage import outbox
from storage.columns import table
from storage.outbox import NO_WAY, NOWHERE, WAITING, Priority, Status
from storage.tables import Outbox
from storage.transaction import Scope

MOST: Final = 200
"""Messages looked at in one transaction: commands wait for it."""
_NEAR: Final = 20
_GONE: Final = "机器人或会话已不在组织文件或设置里，没有发送"
_BROKEN_OFF: Final = "发送途中程序中断，机器人随后被移除；这条消息可能已经送到"
_HAS_IT: Final = "原来的出口没有了，同一个群的其他出口另有这一条"
_TOO_LATE: Final = "一直没有出口，等得太久，不再补发"
_SHOW_AGAIN: Final = "出口已解除，没有发送；需要时请重新 /揭示"
_BOX = table(Outbox)


def due(office: Office, ways: Ways, scope: Scope, endpoint: str, since: datetime) -> datetime:
    """When there is something to do for an endpoint without a sender, at which messages wait since then."""
    if platform_of(endpoint) != NOWHERE or ways.to(_audience(endpoint)):
        return scope.now
    return since + office.rules(scope.now).no_way_out


def reroute(office: Office, ways: Ways, scope: Scope, endpoint: str, holder: str) -> bool:
    """Send on what waits for an endpoint without a sender, unless another replica still serves it; whether anything
    was done."""
    if not outbox.take_lease(scope, endpoint, holder, LEASE):
        return False
    _in_doubt(office, scope, endpoint)
    query = sa.select(_BOX).where(_BOX.c.endpoint == endpoint, _BOX.c.state.in_(WAITING)).order_by(_BOX.c.id)
    for row in [dict(row) for row in scope.connection.execute(query.limit(MOST)).mappings()]:
        _move(office, ways, scope, row)
    return True


def _audience(endpoint: str) -> str:
    return endpoint.partition(":")[2]


def _in_doubt(office: Office, scope: Scope, endpoint: str) -> None:
    """Nobody is told any more in its own chat of what may not have arrived there."""
    states = _BOX.c.state == Status.SENDING, sa.and_(_BOX.c.state == Status.UNKNOWN, _BOX.c.told_at.is_(None))
    query = sa.select(_BOX).where(_BOX.c.endpoint == endpoint, sa.or_(*states)).limit(MOST)
    for row in [dict(row) for row in scope.connection.execute(query).mappings()]:
        broken = {"detail": _BROKEN_OFF} if row["state"] == Status.SENDING else {}
        outbox.update(
            scope,
            row["id"],
            state=Status.UNKNOWN,
            told_at=scope.now,
            detour_at=detours.moment(office, scope, row),
            **broken,
        )


def _move(office: Office, ways: Ways, scope: Scope, row: Row) -> None:
    content: dict[str, Any] = row["content"] or {}
    if ledger.repeats(row):  # what it repeats went, or goes, by itself
        outbox.update(scope, row["id"], state=Status.CANCELLED, detail=_GONE)
    elif row["kind"] == MERGED_DIGEST and row["repeat_of"] is None:
        _take_apart(scope, row)
    elif "reveal" in content:
        outbox.update(scope, row["id"], state=Status.FAILED, detail=_SHOW_AGAIN)  # where else is for the asker to say
    elif not _exists(office, row["audience"]):
        _fail(office, scope, row, _GONE)
    elif targets := ways.to(row["audience"]):
        _go(scope, row, content, [target for target in targets if not _told_there(scope, row, target)])
    elif platform_of(row["endpoint"]) != NOWHERE:
        urgent = row["priority"] == Priority.URGENT
        there = {"endpoint": f"{NOWHERE}:{row['audience']}", "detour_at": scope.now if urgent else None}
        outbox.update(scope, row["id"], state=Status.PENDING, next_at=scope.now, detail=NO_WAY, **there)
    elif row["next_at"] + office.rules(scope.now).no_way_out <= scope.now:
        _fail(office, scope, row, _TOO_LATE)


def _exists(office: Office, audience: str) -> bool:
    organisation = office.organisation
    if audience.startswith("@"):
        return organisation.person(audience[1:]) is not None
    return organisation.group(audience) is not None


def _fail(office: Office, scope: Scope, row: Row, detail: str) -> None:
    outbox.update(scope, row["id"], state=Status.FAILED, detail=detail, detour_at=detours.moment(office, scope, row))


def _take_apart(scope: Scope, digest: Row) -> None:
    """Each notice that went into it is sent on by itself: another way may have its own."""
    merged = _BOX.c.id.in_(digest["names"]), _BOX.c.state == Status.MERGED
    again = {"state": Status.PENDING, "parent_id": None, "detail": "", "next_at": scope.now}
    scope.execute(sa.update(_BOX).where(*merged).values(**again))
    outbox.update(scope, digest["id"], state=Status.CANCELLED, detail="出口没有了，已拆开改发")


def _go(scope: Scope, row: Row, content: dict[str, Any], targets: list[str]) -> None:
    """By these ways, whole: another platform takes other lengths, and knows no handle of the first."""
    if not targets:
        outbox.update(scope, row["id"], state=Status.CANCELLED, detail=_HAS_IT)
        return
    kept = {key: value for key, value in content.items() if key != "reply"} or None
    values = {"content": kept, "part": None, "parent_id": None, "attempts": 0, "detail": "", "detour_at": None}
    outbox.update(scope, row["id"], endpoint=targets[0], state=Status.PENDING, next_at=scope.now, **values)
    for target in targets[1:]:
        ledger.copy(scope, row, endpoint=target, **values)


def _told_there(scope: Scope, row: Row, endpoint: str) -> bool:
    """Whether the same notice was queued for another way of the same audience, too."""
    whole = row if row["part"] is None else ledger.message(scope, row["parent_id"])
    # They were queued in one go, so their numbers are close.
    near = _BOX.c.id.between(whole["id"] - _NEAR, whole["id"] + _NEAR)
    same = (getattr(_BOX.c, name) == whole[name] for name in ("audience", "kind", "at", "text"))
    query = sa.select(_BOX.c.id).where(near, _BOX.c.endpoint == endpoint, _BOX.c.state != Status.CANCELLED, *same)
    return scope.connection.execute(query.limit(1)).first() is not None
