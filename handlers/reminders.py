"""The sweep: breaches are marked and reminders queued at their moment, each once (domain, section 4).

A timer holds the next moment of every running clock, so a restart, a pause or a second replica changes nothing. What
was missed while the service was down comes as one digest for each group, and so does what is due for more orders at
once than anybody reads one by one (★ 20, as for an import). Quiet hours (★ 22:00–07:00) hold ordinary nudges until
they end, when they come as such a digest too; a breach is marked at its moment all the same. Urgent orders that are
overdue are repeated together, one message for a group, each at least as often as its ladder says. How it is told:
`handlers/reminding.py`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from config.rules import Rules
from handlers import clocks, resting, timers
from handlers.advice import advice
from handlers.office import Office
from handlers.quiet import Night
from handlers.reminding import Digest, Due, audience_of, digests, post, tell
from handlers.timers import Kind
from storage.columns import restored, table
from storage.tables import Clock, ClockTable, Order, OrderTable, Remark, Reminder, Timer
from storage.transaction import Scope

MOST = 200
"""Timers handled in one transaction at the most: commands wait for it."""

_LATE = timedelta(minutes=5)
"""A reminder later than this was missed while the service was down."""

_REMINDER = table(Reminder)
_OF_ORDER = ("id", "title", "state", "level", "department", "handler", "accepted_at", "phoned_at", "first_contact_at")
_OF_CLOCK = ("order_id", "kind", "due_at", "met_at", "cancelled_at", "superseded_at", "provisional")
"""What a digest is made from."""


def sweep(office: Office, scope: Scope, most: int | None = None) -> int:
    """Handle every timer that is due at the scope's moment, at most `most` (`MOST`); returns how many were due.

    While it returns so many there may be others, for another transaction: what is urgent is told at once, all else by
    `tell_put_off` when the last of them is handled, so that a long pause makes one digest and not one for each.
    """
    most = MOST if most is None else most
    timer = table(Timer)
    query = sa.select(timer).where(timer.c.next_at <= scope.now).order_by(timer.c.next_at).limit(most)
    if scope.connection.dialect.name == "postgresql":
        query = query.with_for_update(skip_locked=True)
    rows = scope.connection.execute(query).mappings().all()
    if not rows:
        return 0
    token = uuid4().hex if len(rows) >= most or _waiting(scope) else None
    numbers = sorted({row["order_id"] for row in rows})
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    scope.load(Remark, numbers)
    night = Night.of(office, scope, numbers)
    told = _told(scope, numbers)
    due = [
        found
        for row in rows
        if (found := _due(office, scope, (row["order_id"], row["kind"], row["generation"]), told, night, token))
    ]
    due += _ahead(office, scope, due, told, most)
    urgent = [item for item in due if item.order.level == clocks.URGENT_LEVEL]
    ordinary = [item for item in due if item.order.level != clocks.URGENT_LEVEL]
    if token is not None:
        tell(office, scope, urgent)
    else:
        late = [item for item in ordinary if scope.now - item.at > _LATE]
        missed = {id(item) for item in late}
        tell(office, scope, [item for item in due if id(item) not in missed], late)
    return len(rows)


@dataclass(frozen=True, slots=True)
class PutOff:
    """Digests of what several transactions left to them: of how many reminders, and of which transactions."""

    reminders: int
    tokens: frozenset[str]
    digests: Sequence[Digest]


def put_off(office: Office, scope: Scope) -> PutOff | None:
    """The digests that `tell_put_off` queues; None where nothing was put off.

    To be read beside the writer: however much was put off, nobody waits for its being put together.
    """
    waiting = scope.connection.execute(_put_off()).all()
    if not waiting:
        return None
    tokens = frozenset(row.put_off for row in waiting)
    return PutOff(len(waiting), tokens, digests(office, scope, _still_due(waiting)))


def tell_put_off(office: Office, scope: Scope, ready: PutOff) -> bool:
    """Queue the digests; False, and nothing is told, where a replica told some of it since they were put together."""
    mine = _REMINDER.c.put_off.in_(ready.tokens)
    query = sa.select(_REMINDER.c.order_id).where(mine)
    if scope.connection.dialect.name == "postgresql":
        query = query.with_for_update()
    if len(scope.connection.execute(query).all()) != ready.reminders:
        return False
    scope.execute(sa.update(_REMINDER).where(mine).values(put_off=None))
    for digest in ready.digests:
        post(office, scope, digest)
    return True


def next_due(scope: Scope) -> datetime | None:
    """The earliest moment at which `sweep` has something to do."""
    timer = table(Timer)
    found: datetime | None = scope.connection.execute(sa.select(sa.func.min(timer.c.next_at))).scalar_one()
    return found


_Step = tuple[int, str, int, str]


def _told(scope: Scope, orders: Sequence[int]) -> set[_Step]:
    """The reminder steps of these orders that were told already."""
    reminder = table(Reminder)
    columns = (reminder.c.order_id, reminder.c.kind, reminder.c.generation, reminder.c.step)
    query = sa.select(*columns).where(reminder.c.order_id.in_(orders))
    return {(row[0], row[1], row[2], row[3]) for row in scope.connection.execute(query)}


def _waiting(scope: Scope) -> bool:
    query = sa.select(_REMINDER.c.put_off).where(_REMINDER.c.put_off.is_not(None)).limit(1)
    return scope.connection.execute(query).first() is not None


def _put_off() -> sa.Select[Any]:
    """Reminders with what a digest is made from, and no more: they may be of thousands of orders."""
    order, clock = table(OrderTable), table(ClockTable)
    same = [_REMINDER.c[name] == clock.c[name] for name in ("order_id", "kind", "generation")]
    columns = *(order.c[name] for name in _OF_ORDER), *(clock.c[name] for name in _OF_CLOCK)
    joined = sa.join(_REMINDER, order, order.c.id == _REMINDER.c.order_id).join(clock, sa.and_(*same))
    return (
        sa.select(_REMINDER.c.put_off, _REMINDER.c.step, *columns)
        .select_from(joined)
        .where(_REMINDER.c.put_off.is_not(None))
    )


def _still_due(rows: Iterable[Sequence[Any]]) -> list[Due]:
    """Of what was counted as told and left to a digest, that of which people still have to be told; each clock once."""
    found: dict[tuple[int, str], Due] = {}
    for row in rows:
        _, step, *values = row
        of = restored(Order, dict(zip(_OF_ORDER, values, strict=False)))
        at = restored(Clock, dict(zip(_OF_CLOCK, values[len(_OF_ORDER) :], strict=True)))
        if at.running and of.level != clocks.URGENT_LEVEL and advice(of, Kind(at.kind)) is not None:
            due = Due(of, at, at.due_at + timedelta(seconds=int(step)))
            known = found.setdefault((of.id, at.kind), due)
            if due.at > known.at:
                found[of.id, at.kind] = due
    return list(found.values())


def _due(
    office: Office,
    scope: Scope,
    key: tuple[int, str, int],
    told: Collection[_Step],
    night: Night | None,
    token: str | None,
) -> Due | None:
    """Mark the breach if it is time, set the timer to the next step, and say whether somebody must be told.

    Under a `token` what is not urgent is left to a digest.
    """
    order_id, kind, generation = key
    order, clock = scope.order(order_id), _clock(scope, *key)
    if order is None or clock is None or not clock.running:
        scope.place(Timer, key, None)
        return None
    rules = office.rules(scope.now)
    if clock.breached_at is None and clock.due_at <= scope.now:
        clock.breached_at = clock.due_at
        scope.record(clocks.BREACH, order, clock=kind, generation=generation, due=clock.due_at)
    at = _latest_step(clock, rules, scope.now, told=_had_this_due_time(scope, clock))
    following = timers.next_moment(clock, rules, scope.now)
    useless = at is None or advice(order, Kind(kind)) is None
    held = night is not None and not useless and night.holds(order, Kind(kind))
    scope.place(Timer, key, {"next_at": min(following, night.until) if night is not None and held else following})
    if at is None or useless or held:
        return None
    due = Due(order, clock, at, resting.resting(scope, order, clock, at))
    if (*key, due.step) in told:
        return None
    # Where everybody who would be called knows already, nobody is.
    calls = bool(audience_of(office, due).people) or not due.resting
    left = token if calls and order.level != clocks.URGENT_LEVEL else None
    step = {"order_id": order_id, "kind": kind, "generation": generation, "step": due.step}
    scope.insert(Reminder, **step, at=scope.now, put_off=left)
    return due if calls else None


def _ahead(office: Office, scope: Scope, due: Sequence[Due], told: Collection[_Step], most: int) -> list[Due]:
    """Where something urgent and overdue is repeated now: what would be repeated before its next time, brought forward.

    Every clock has its own minute; ten overdue orders would otherwise speak up every three minutes.
    """
    rules, now = office.rules(scope.now), scope.now
    window = max((timers.ladder(item.clock, rules).every for item in due if item.again), default=None)
    if window is None:
        return []
    timer, order, clock = table(Timer), table(OrderTable), table(ClockTable)
    same = (timer.c.order_id == clock.c.order_id, timer.c.kind == clock.c.kind)
    query = (
        sa.select(timer)
        .join(order, order.c.id == timer.c.order_id)
        .join(clock, sa.and_(*same, timer.c.generation == clock.c.generation))
        .where(timer.c.next_at > now, timer.c.next_at < now + window)
        .where(order.c.level == clocks.URGENT_LEVEL, clock.c.due_at < now)
        .limit(most)
    )
    rows = scope.connection.execute(query).mappings().all()
    numbers = sorted({row["order_id"] for row in rows})
    scope.load(Order, numbers)
    scope.load(Clock, numbers)
    told = {*told, *_told(scope, numbers)}
    return [found for row in rows if (found := _early(scope, rules, row, told)) is not None]


def _early(scope: Scope, rules: Rules, row: sa.RowMapping, told: Collection[_Step]) -> Due | None:
    key = (row["order_id"], row["kind"], row["generation"])
    order, clock = scope.order(row["order_id"]), _clock(scope, *key)
    if order is None or clock is None or not clock.running or advice(order, Kind(clock.kind)) is None:
        return None
    due = Due(order, clock, row["next_at"])
    if not due.again or (*key, due.step) in told:
        return None
    scope.place(Timer, key, {"next_at": timers.next_moment(clock, rules, due.at)})
    scope.insert(Reminder, order_id=key[0], kind=key[1], generation=key[2], step=due.step, at=scope.now)
    return due


def _clock(scope: Scope, order: int, kind: str, generation: int) -> Clock | None:
    return next((c for c in scope.rows(Clock, order) if (c.kind, c.generation) == (kind, generation)), None)


def _had_this_due_time(scope: Scope, clock: Clock) -> bool:
    """Whether people know this due time from an earlier generation: it ran until then, or was met and whoever sent the
    order back has said so. One that another due time had replaced before then told nobody that it passed."""
    earlier = (each for each in scope.rows(Clock, clock.order_id) if each.generation < clock.generation)
    same = [each for each in earlier if (each.kind, each.due_at) == (clock.kind, clock.due_at)]
    ended = ((each, each.superseded_at or each.cancelled_at) for each in same)
    return any(each.met_at is not None or at is None or at >= each.due_at for each, at in ended)


def _latest_step(clock: Clock, rules: Rules, now: datetime, *, told: bool) -> datetime | None:
    """The newest step that has come; older ones that nobody was told of are covered by it.

    Steps before the clock started do not exist, but for a due time that nobody was `told` of.
    """
    at = None
    untold = clock.due_at <= clock.started_at and not told
    moment = clock.due_at if untold else timers.next_moment(clock, rules, clock.started_at)
    if moment > now:
        return None
    if now >= clock.due_at:
        every = timers.ladder(clock, rules).every
        return clock.due_at + int((now - clock.due_at) / every) * every
    while moment <= now:
        at = moment
        moment = timers.next_moment(clock, rules, moment)
    return at
