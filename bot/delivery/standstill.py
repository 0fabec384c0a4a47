"""Urgent messages behind a way out that stands still: robot shut, line away, a long pause. They wait, and go out when
it is mended; until then each is named by another way, at once and once (`detours`).

`told_at` of a message that waits says that this was done.
"""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from bot.delivery import quotas
from bot.delivery.ways import Ways
from bot.platforms.contract import Outcome
from handlers.office import Office
from storage import outbox, robots
from storage.columns import table
from storage.outbox import WAITING, Priority
from storage.tables import Outbox
from storage.transaction import Scope

MOST: Final = 100
"""Messages looked at in one transaction: commands wait for it."""
_BOX = table(Outbox)
_UNTOLD = (
    _BOX.c.state.in_(WAITING),
    _BOX.c.priority == int(Priority.URGENT),
    # Neither of them, in a form that no index serves: nearly every message of all history has none.
    sa.func.coalesce(_BOX.c.detour_at, _BOX.c.told_at).is_(None),
    _BOX.c.kind.not_in(robots.ALARMS),
)


def due(office: Office, ways: Ways, scope: Scope) -> datetime | None:
    """When there is something to mark next, as things are."""
    return min(_still(office, ways, scope).values(), default=None)


def mark(office: Office, ways: Ways, scope: Scope) -> bool:
    """Have what waits behind a way that stands still named by another; whether there was anything."""
    still = [endpoint for endpoint, at in _still(office, ways, scope).items() if at <= scope.now]
    query = sa.select(_BOX.c.id, _BOX.c.endpoint, _BOX.c.parent_id, _BOX.c.part)
    query = query.where(*_UNTOLD, _BOX.c.endpoint.in_(still)).order_by(_BOX.c.id).limit(MOST)
    rows = scope.connection.execute(query).all() if still else []
    found: set[int] = set()
    for row in rows:
        whole = row.id if row.part is None else row.parent_id
        # Of a long message in parts one is enough: they speak of the same.
        outbox.update(scope, row.id, **({"told_at": scope.now} if whole in found else {"detour_at": scope.now}))
        found.add(whole)
    return bool(rows)


def _still(office: Office, ways: Ways, scope: Scope) -> dict[str, datetime]:
    """Endpoint with something to mark → from when on it counts as standing still."""
    waiting = scope.connection.execute(sa.select(_BOX.c.endpoint).where(*_UNTOLD).distinct()).scalars().all()
    if not waiting:
        return {}
    failing, found = robots.failing(scope), {}
    for endpoint in waiting:
        if (at := _since(office, ways, scope, endpoint, failing.get(endpoint))) is not None:
            found[endpoint] = max(at, scope.now)
    return found


def _since(office: Office, ways: Ways, scope: Scope, endpoint: str, failing: datetime | None) -> datetime | None:
    """From when on a way counts as standing still, as things are; None for one that may be used."""
    limit = office.rules(scope.now).robot_waiting
    if endpoint in ways.lost:
        return ways.lost[endpoint] + limit
    sender = ways.sender_of(endpoint)
    if sender is None:
        return None  # it goes by another way, or is named as having none
    until = quotas.paused_until(scope, endpoint, sender.limits)
    if until <= scope.now:
        return None  # it is tried just now
    last = robots.last_error(scope, endpoint)
    if until > scope.now + limit or (failing is not None and last is not None and last[0] == Outcome.CLOSED):
        return scope.now
    at = None if failing is None else failing + limit
    return at if at is not None and at < until else None
