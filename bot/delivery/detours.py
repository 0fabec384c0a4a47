"""What will not arrive is named by another way: which order, what failed, where to read it; never what it said.

`detour_at` of a message says when: at once for what is urgent, collected a minute for the rest; what is urgent and
waits behind a way that stands still has one too (`standstill`). The same people come
first (another way to the same group, another group of its purpose, in private whoever was called), then the
supervision groups and administrators, then the robot that refused it, for it refused that message and not itself.
A naming that is refused goes on by ways that were not tried yet, of which there is an end.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from bot.delivery import ledger, quotas
from bot.delivery.ledger import NOT_DELIVERED, Row
from bot.delivery.ways import Way, Ways
from handlers import notices
from handlers.notices import Audience
from handlers.office import Office
from storage import outbox, robots
from storage.columns import table
from storage.outbox import WAITING, Priority, Status
from storage.tables import Outbox
from storage.transaction import Scope

MOST: Final = 30
"""Messages looked at in one transaction, and so named in one message."""
REPLY: Final = "reply"
_KINDS: Final = {
    Priority.URGENT: "紧急消息",
    Priority.REPLY: "答复",
    Priority.REMINDER: "提醒",
    Priority.REPORT: "报表",
}
_NOTICE: Final = "通知"
_BOX = table(Outbox)
_LISTED: Final = 10
_DUE = _BOX.c.detour_at.is_not(None), _BOX.c.state.in_((Status.FAILED, Status.UNKNOWN, *WAITING))


def moment(office: Office, scope: Scope, row: Row) -> datetime | None:
    """When a message that will not arrive is to be named by another way; None for what is no news to anybody."""
    if ledger.repeats(row) or row["audience"].startswith("="):
        return None
    urgent = row["priority"] == Priority.URGENT
    return scope.now if urgent else scope.now + office.rules(scope.now).doubtful.collect


def due(scope: Scope) -> datetime | None:
    """When there is something to name next."""
    query = sa.select(sa.func.min(_BOX.c.detour_at, type_=_BOX.c.detour_at.type)).where(*_DUE)
    found: datetime | None = scope.connection.execute(query).scalar()
    return found


def tell(office: Office, ways: Ways, scope: Scope) -> bool:
    """Name what is due; whether there was anything."""
    query = sa.select(_BOX).where(*_DUE, _BOX.c.detour_at <= scope.now).order_by(_BOX.c.id).limit(MOST)
    rows = [dict(row) for row in scope.connection.execute(query).mappings()]
    told: defaultdict[tuple[str, str, bool], list[Row]] = defaultdict(list)
    called: defaultdict[tuple[str, str, bool], list[str]] = defaultdict(list)
    failing = {*robots.failing(scope), *ways.drawing_from(quotas.paused(scope))}
    for row in rows:
        subjects, refused = _meant(scope, row)
        found = [way for subject in subjects[:1] for way in _ways(office, ways, subject, refused, failing)]
        for audience, endpoints, people in found:
            for endpoint in endpoints:
                key = audience, endpoint, row["priority"] == Priority.URGENT
                told[key] += [*subjects, *([row] if row["kind"] == NOT_DELIVERED else [])]
                called[key] += people
        _settle(office, scope, row, named=bool(found))
    for (audience, endpoint, urgent), named in told.items():
        _name(office, ways, scope, Way(audience, (endpoint,), tuple(called[audience, endpoint, urgent])), named, urgent)
    return bool(rows)


def _meant(scope: Scope, row: Row) -> tuple[list[Row], set[str]]:
    """The messages that a naming is about (else itself), and the endpoints that refused to name them."""
    if row["kind"] != NOT_DELIVERED:
        return [row], set()
    named = ledger.messages(scope, row["names"])
    refused = {each["endpoint"] for each in named if each["kind"] == NOT_DELIVERED} | {row["endpoint"]}
    return [each for each in named if each["kind"] != NOT_DELIVERED], refused


def _ways(office: Office, ways: Ways, row: Row, refused: Collection[str], failing: Collection[str]) -> Sequence[Way]:
    """The first kind of way that there is."""
    organisation, own = office.organisation, row["endpoint"]
    group, called = organisation.group(row["audience"]), tuple(row["mentions"])
    private = called if group is not None else (row["audience"][1:],)
    avoid = {*refused, *failing, own}
    found: list[Way] = []
    if group is not None:
        found = _same_people(ways, ways.to_groups((group,), avoid, called), own)
    if group is not None and row["kind"] != REPLY and not found:
        others = [each for each in organisation.groups_for(group.purpose, group.department) if each != group]
        found = ways.to_groups(others, avoid, called)
    found = found or ways.to_people(private, avoid)
    if row["kind"] == REPLY:
        return found
    seats = tuple(dict.fromkeys((*called, *notices.with_role(office, "duty"))))
    found = found or ways.to_officers(avoid, seats)
    if not found and row["state"] == Status.FAILED and own not in refused and ways.works(own):
        found = [Way(row["audience"], (own,), called)]
    dispatch = notices.groups(office, Audience((notices.DISPATCH,)))
    return found or ways.to_groups(dispatch, avoid, seats)[:1] or ways.to_anybody(avoid, seats)


def _same_people(ways: Ways, found: list[Way], own: str) -> list[Way]:
    """Another way to the very conversation, where there is one, reaches whom it was for and nobody else."""
    platform = ways.platform(own)
    for way in found:
        if same := tuple(endpoint for endpoint in way.endpoints if ways.platform(endpoint) == platform):
            return [way._replace(endpoints=same)]
    return found


def _settle(office: Office, scope: Scope, row: Row, *, named: bool) -> None:
    """Nothing more to name; or later, where there is no way yet and nothing else will tell of it: what is in doubt
    is still told in its own chat, and a naming that every way refused would be refused again."""
    failed, waits = row["state"] == Status.FAILED, row["state"] in WAITING
    forgotten = row["kind"] not in (REPLY, NOT_DELIVERED) and (failed or row["told_at"] is not None)
    if not named and (forgotten or waits):
        outbox.update(scope, row["id"], detour_at=scope.now + office.rules(scope.now).robot_closed)
    else:
        told = {"told_at": scope.now} if named and (failed or waits) else {}
        outbox.update(scope, row["id"], detour_at=None, **told)


def _name(office: Office, ways: Ways, scope: Scope, way: Way, rows: Sequence[Row], urgent: bool) -> None:
    """Queue one message that names these."""
    subjects = [row for row in rows if row["kind"] != NOT_DELIVERED]
    orders = tuple(dict.fromkeys(chain.from_iterable(row["orders"] for row in subjects)))
    lines = [_line(scope, ways, row) for row in subjects]
    scope.insert(
        Outbox,
        at=scope.now,
        kind=NOT_DELIVERED,
        priority=int(Priority.URGENT if urgent else Priority.NOTICE),
        endpoint=way.endpoints[0],
        audience=way.audience,
        order_id=orders[0] if len(orders) == 1 else None,
        text=office.texts.render(NOT_DELIVERED, lines=lines, orders=orders),
        mentions=tuple(dict.fromkeys(way.people)),
        next_at=scope.now,
        names=tuple(dict.fromkeys(row["id"] for row in rows)),
        orders=orders,
    )


def _line(scope: Scope, ways: Ways, row: Row) -> dict[str, Any]:
    error = robots.coded(row["detail"], row["code"])
    if row["state"] in WAITING and ways.exists(row["endpoint"]):
        # It may never have been tried itself, only what stands before it.
        last = None if row["endpoint"] in ways.lost else robots.last_error(scope, row["endpoint"])
        error = f"{last[1] if last else robots.NO_LINE}；恢复后自动补发"
    return {
        "orders": row["orders"][:_LISTED],
        "more": len(row["orders"][_LISTED:]),
        "kind": _KINDS.get(Priority(row["priority"]), _NOTICE),
        "where": ways.where(row["endpoint"]),
        "platform": ways.platform(row["endpoint"]),
        "at": row["at"],
        "part": row["part"],
        "doubtful": row["state"] == Status.UNKNOWN,
        "error": error,
    }
