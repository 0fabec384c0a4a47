"""Who goes first among endpoints that draw from one bucket: what is most urgent, wherever it waits.

Only a short bucket is kept for it: while more can be drawn than such messages wait elsewhere, nobody waits for anybody.
Nor does anybody wait for an endpoint that cannot send: whose connection is away, which pauses, rests, has its own limit
used up, or whose request hangs. One that another replica holds is waited for until its lease ends, half a minute at
most.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from bot.delivery import crowding, quotas
from bot.platforms.contract import Sender
from storage.columns import table
from storage.outbox import HURRIED, WAITING, Status
from storage.tables import Attempt, Lease, Outbox
from storage.transaction import Scope

HANGING: Final = timedelta(seconds=2)
"""★ A request that is under way for so long makes nobody wait any more for what stands behind it."""
_BOX, _LEASE, _ATTEMPT = table(Outbox), table(Lease), table(Attempt)
Waiting = Mapping[str, Mapping[int, int]]
"""Endpoint → priority → how many messages of it may be sent there now."""


def comes_later(
    scope: Scope, endpoint: str, priority: int, holder: str, sender_of: Callable[[str], Sender | None]
) -> bool:
    """Whether a message of this priority has to let more urgent ones go first that wait elsewhere for its bucket."""
    sender = sender_of(endpoint)
    if sender is None or not quotas.buckets(sender.limits):
        return False
    waiting = _waiting(scope, _BOX.c.priority < priority, _BOX.c.endpoint != endpoint)
    return _Look(scope, waiting, holder, sender_of).later(endpoint, priority)


def held_back(scope: Scope, holder: str, sender_of: Callable[[str], Sender | None]) -> set[str]:
    """The endpoints that have nothing to send now but what comes later: to claim there would change nothing."""
    waiting = _waiting(scope)
    look = _Look(scope, waiting, holder, sender_of)
    return {
        endpoint for endpoint in waiting if (first := look.first(endpoint)) is not None and look.later(endpoint, first)
    }


def _waiting(scope: Scope, *which: sa.ColumnElement[bool]) -> Waiting:
    query = (
        sa.select(_BOX.c.endpoint, _BOX.c.priority, sa.func.count())
        .where(_BOX.c.state.in_(WAITING), _BOX.c.next_at <= scope.now, *which)
        .group_by(_BOX.c.endpoint, _BOX.c.priority)
    )
    found: dict[str, dict[int, int]] = {}
    for endpoint, priority, count in scope.connection.execute(query):
        found.setdefault(endpoint, {})[priority] = count
    return found


class _Look:
    """One look at all that waits; what the store says of an endpoint is asked once, and only where it matters."""

    def __init__(self, scope: Scope, waiting: Waiting, holder: str, sender_of: Callable[[str], Sender | None]) -> None:
        self._scope, self._holder = scope, holder
        self._senders = {endpoint: sender_of(endpoint) for endpoint in waiting}
        self._sender_of = sender_of
        self._waiting = {e: self._sendable(e, counts) for e, counts in waiting.items() if self._senders[e] is not None}
        self._able: dict[str, bool] = {}
        self._hanging: set[str] | None = None

    def first(self, endpoint: str) -> int | None:
        """The priority of what an endpoint that shares a bucket would send next; None where it has nothing."""
        sender = self._senders[endpoint]
        if sender is None or not quotas.buckets(sender.limits):
            return None
        return min(self._waiting[endpoint], default=None)

    def later(self, endpoint: str, priority: int) -> bool:
        """Whether a message there has to let others go first."""
        sender = self._sender_of(endpoint)
        buckets = set() if sender is None else set(quotas.buckets(sender.limits))
        ahead = list(self._ahead(endpoint, priority, buckets))
        return bool(ahead) and sender is not None and not quotas.leaves(self._scope, sender.limits, ahead)

    def _sendable(self, endpoint: str, counts: Mapping[int, int]) -> Mapping[int, int]:
        sender = self._senders[endpoint]
        avoid = () if sender is None else sender.avoid
        if crowding.quiet_from(self._scope.now, endpoint, avoid) <= self._scope.now:
            return counts
        return {priority: count for priority, count in counts.items() if priority in HURRIED}

    def _ahead(self, endpoint: str, priority: int, buckets: set[str]) -> Iterable[int]:
        """How many more urgent messages wait at each other endpoint of these buckets that can send now."""
        for other, counts in self._waiting.items():
            count = sum(number for each, number in counts.items() if each < priority)
            if count and other != endpoint and self._draws_from(other, buckets) and self._can_send(other):
                yield count

    def _draws_from(self, endpoint: str, buckets: set[str]) -> bool:
        sender = self._senders[endpoint]
        return sender is not None and not buckets.isdisjoint(quotas.buckets(sender.limits))

    def _can_send(self, endpoint: str) -> bool:
        if endpoint not in self._able:
            sender = self._senders[endpoint]
            self._able[endpoint] = (
                sender is not None
                and (self._held(endpoint) or sender.ready)
                and quotas.free_from(self._scope, endpoint, sender.limits) <= self._scope.now
                and not self._hangs(endpoint)
            )
        return self._able[endpoint]

    def _held(self, endpoint: str) -> bool:
        """Whether another replica holds an endpoint."""
        query = sa.select(_LEASE.c.holder).where(_LEASE.c.name == endpoint, _LEASE.c.until > self._scope.now)
        return self._scope.connection.execute(query).scalar() not in (None, self._holder)

    def _hangs(self, endpoint: str) -> bool:
        """Whether a request of the endpoint is under way longer than most are."""
        if self._hanging is None:
            begun = sa.exists().where(
                _ATTEMPT.c.outbox_id == _BOX.c.id,
                _ATTEMPT.c.ended_at.is_(None),
                _ATTEMPT.c.at <= self._scope.now - HANGING,
            )
            query = sa.select(_BOX.c.endpoint).where(_BOX.c.state == Status.SENDING, begun)
            self._hanging = set(self._scope.connection.execute(query).scalars())
        return endpoint in self._hanging
