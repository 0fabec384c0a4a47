"""Who goes first among endpoints that draw from one bucket: what is most urgent, wherever it waits.

Nobody waits for an endpoint that cannot send: whose connection is away, which pauses, rests or has its own limit used
up. One that another replica holds is waited for until its lease ends, half a minute at most.
"""

from collections.abc import Callable

import sqlalchemy as sa

from bot.delivery import crowding, quotas
from bot.delivery.ledger import Row
from bot.platforms.contract import Sender
from storage.columns import table
from storage.outbox import HURRIED, WAITING
from storage.tables import Lease, Outbox
from storage.transaction import Scope

_BOX, _LEASE = table(Outbox), table(Lease)


def comes_later(scope: Scope, row: Row, sender: Sender, holder: str, sender_of: Callable[[str], Sender | None]) -> bool:
    """Whether a message has to let a more urgent one go first that waits elsewhere for the same bucket."""
    buckets = {limit.bucket for limit in sender.limits if limit.bucket}
    if not buckets:
        return False
    query = (
        sa.select(_BOX.c.endpoint, sa.func.min(_BOX.c.priority))
        .where(
            _BOX.c.state.in_(WAITING),
            _BOX.c.next_at <= scope.now,
            _BOX.c.priority < row["priority"],
            _BOX.c.endpoint != row["endpoint"],
        )
        .group_by(_BOX.c.endpoint)
    )
    for endpoint, priority in scope.connection.execute(query):
        other = sender_of(endpoint)
        if (
            other is not None
            and any(limit.bucket in buckets for limit in other.limits)
            and (_held(scope, endpoint, holder) or other.ready)
            and quotas.free_from(scope, endpoint, other.limits) <= scope.now
            and (priority in HURRIED or crowding.quiet_from(scope.now, endpoint, other.avoid) <= scope.now)
        ):
            return True
    return False


def _held(scope: Scope, endpoint: str, holder: str) -> bool:
    """Whether another replica holds an endpoint."""
    query = sa.select(_LEASE.c.holder).where(_LEASE.c.name == endpoint, _LEASE.c.until > scope.now)
    return scope.connection.execute(query).scalar() not in (None, holder)
