"""Rows into the store, and what follows: notices, digests, returns and reopenings that the source decided.

The rows of one import may come in several transactions. Its new orders are marked as unannounced until `announce`
turns them into notices at the end, so that one import makes one digest and a crash in between loses no notice.
"""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from config.organisation import Person
from handlers import clocks, notices
from handlers.commands.closing import reopen_by_source
from handlers.commands.receipt import settle_return
from handlers.intake import upstream
from handlers.intake.accept import Accepted, Result, accept, known
from handlers.intake.orders import IncomingOrder
from handlers.notices import Audience
from handlers.office import Office
from handlers.states import State
from handlers.work import SYSTEM, Place, Work
from storage.columns import table
from storage.outbox import Priority
from storage.tables import Order, Unannounced
from storage.transaction import Scope

SYSTEM_ACTOR = Person(id=SYSTEM, name="系统", roles=frozenset())
_ABANDONED = timedelta(minutes=2)
"""After so long without another chunk an import counts as dead, and what it left is announced."""
_LISTED = 15


def take_in(
    office: Office,
    scope: Scope,
    rows: Sequence[IncomingOrder],
    *,
    origin: str,
    batch: str | None = None,
    takeover: bool = False,
    actor: Person = SYSTEM_ACTOR,
    place: str = "",
) -> list[Accepted]:
    """Accept rows inside one transaction. With `batch` the new orders wait for `announce`; else they are told now.

    With `takeover` nothing is announced at all.
    """
    before = known(scope, rows)
    work = Work(office, scope, actor, Place(place))
    accepted = []
    for row in rows:
        taken = accept(office, scope, row, before.get((row.source, row.number)), origin=origin, takeover=takeover)
        accepted.append(taken)
        if not takeover:
            _follow(work, taken)
    fresh = [taken.order for taken in accepted if taken.result is Result.NEW and not taken.history]
    if takeover:
        return accepted
    if batch is None:
        tell(office, scope, fresh, place)
    else:
        for order in fresh:
            scope.place(Unannounced, (order.id,), {"batch": batch, "at": scope.now})
    return accepted


def announce(office: Office, scope: Scope, batch: str) -> int:
    """Announce the orders that an import left unannounced; returns how many."""
    waiting = table(Unannounced)
    ids = list(scope.connection.execute(sa.select(waiting.c.order_id).where(waiting.c.batch == batch)).scalars())
    return _announce(office, scope, ids)


def announce_abandoned(office: Office, scope: Scope) -> int:
    """Announce what imports left behind that died before their end."""
    waiting = table(Unannounced)
    living = (
        sa.select(waiting.c.batch)
        .group_by(waiting.c.batch)
        .having(sa.func.max(waiting.c.at) > scope.now - _ABANDONED)
    )
    query = sa.select(waiting.c.order_id).where(waiting.c.batch.not_in(living))
    return _announce(office, scope, list(scope.connection.execute(query).scalars()))


def tell(office: Office, scope: Scope, orders: Sequence[Order], place: str = "") -> None:
    """One notice an order; above the policy's threshold (★ 20) one digest, and each urgent order still by itself."""
    many = len(orders) > office.rules(scope.now).digest_threshold
    for order in orders:
        if not many or order.level == clocks.URGENT_LEVEL:
            _tell_one(office, scope, order, place)
    if many:
        ordinary = [order for order in orders if order.level != clocks.URGENT_LEVEL]
        text = office.texts.render(
            "new_orders_digest",
            now=scope.now,
            orders=ordinary[:_LISTED],
            more=max(0, len(ordinary) - _LISTED),
            total=len(orders),
            urgent=len(orders) - len(ordinary),
            first=min(order.id for order in orders),
            last=max(order.id for order in orders),
        )
        people = notices.with_role(office, "duty")
        audience = Audience((notices.DISPATCH,), people=people)
        notices.post(office, scope, audience, kind="new_orders_digest", priority=Priority.NOTICE, text=text)


def _announce(office: Office, scope: Scope, ids: Sequence[int]) -> int:
    orders = [order for order in (scope.order(number) for number in ids) if order is not None]
    for number in ids:
        scope.place(Unannounced, (number,), None)
    if orders:
        tell(office, scope, orders)
    return len(orders)


def _tell_one(office: Office, scope: Scope, order: Order, place: str) -> None:
    urgent = order.level == clocks.URGENT_LEVEL
    text = office.texts.render("new_order", now=scope.now, order=order, clocks=clocks.lines(scope, order, scope.now))
    people = notices.with_role(office, "duty") if urgent else ()
    notices.post(
        office,
        scope,
        Audience((notices.DISPATCH,), people=people),
        kind="new_order",
        priority=notices.priority_of(order, Priority.NOTICE),
        text=text,
        order=order.id,
    )


def _follow(work: Work, taken: Accepted) -> None:
    order = taken.order
    if taken.mismatch:
        people = (*notices.with_role(work.office, "duty"), *notices.with_role(work.office, "office"))
        text = work.render("mismatch", order=order, found=taken.mismatch)
        audience = Audience((notices.DISPATCH, notices.SUPERVISION), people=people)
        notices.post(
            work.office, work.scope, audience, kind="mismatch", priority=Priority.URGENT, text=text, order=order.id
        )
    if taken.result is not Result.CHANGED or order.history:
        return
    step = upstream.step_of(work.rules, order.upstream_status)
    if order.state == State.RETURNING and step in (upstream.RETURN_GRANTED, upstream.RETURN_REFUSED):
        settle_return(work, order, granted=step == upstream.RETURN_GRANTED, note="来源系统所示")
    elif order.state == State.CLOSED and "工单状态" in taken.changes and step in upstream.OPEN_STEPS:
        reopen_by_source(work, order)
    departments = (order.department,) if order.department else ()
    audience = Audience((notices.DISPATCH,), departments, notices.next_to_act(work.office, order))
    notices.announce(work, order, "upstream_change", audience, columns=taken.changes)
