"""Cards follow their order: when it has moved on, what was sent is edited where the platform can.

`shown` of a sent message is the state that its card shows. A change waits as one message of the least priority, which
takes up further changes until it is sent; the newest card of an order in a chat lives on, older ones are changed once
more and then left alone.
"""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from bot.delivery import ledger
from bot.delivery.ledger import CARD_UPDATE, Row
from bot.platforms.contract import Sender
from handlers import notices, offers
from handlers.figures import unindexed
from handlers.office import Office
from handlers.states import ENDED, State
from storage import outbox
from storage.columns import table
from storage.outbox import WAITING, Priority, Status
from storage.tables import Order, OrderTable, Outbox
from storage.transaction import Scope

MOST: Final = 50
"""Cards looked after in one transaction: commands wait for it."""
_BOX, _ORDERS = table(Outbox), table(OrderTable)
# Nearly every message was sent, few show a state: the index on the state must not be used.
_SENT = unindexed(_BOX.c.state) == Status.SENT


def stale(scope: Scope) -> bool:
    """Whether a card shows another state than its order has."""
    return scope.connection.execute(_stale(_BOX.c.id).limit(1)).first() is not None


def refresh(office: Office, scope: Scope, sender_of: Callable[[str], Sender | None]) -> bool:
    """Queue the changes of up to `MOST` cards; whether there were any."""
    rows = [dict(row) for row in scope.connection.execute(_stale(_BOX).order_by(_BOX.c.id).limit(MOST)).mappings()]
    scope.load(Order, sorted({row["order_id"] for row in rows}))
    for row in rows:
        sender, order = sender_of(row["endpoint"]), scope.order(row["order_id"])
        if sender is None or not sender.edits or order is None:
            outbox.update(scope, row["id"], shown=None)
        else:
            _change(office, scope, row, order)
    return bool(rows)


def _change(office: Office, scope: Scope, row: Row, order: Order) -> None:
    group = office.organisation.group(row["audience"])
    newest = _newest(scope, row)
    waits_here = group is not None and notices.waits_in(office, order, group)
    text = offers.card(office, order, str(row["text"]).partition("\n")[0], scope.now, newest=newest)
    actions = offers.offers(office, order, row["kind"], waits_here=waits_here) if newest else []
    content: dict[str, Any] = {"edits": row["remote_id"], **({"actions": actions} if actions else {})}
    waiting = sa.select(_BOX.c.id).where(
        _BOX.c.parent_id == row["id"], _BOX.c.kind == CARD_UPDATE, _BOX.c.state.in_(WAITING)
    )
    pending = scope.connection.execute(waiting).scalar()
    if pending is not None:
        outbox.update(scope, pending, text=text, content=content)
    else:
        ledger.copy(
            scope,
            row,
            at=scope.now,
            kind=CARD_UPDATE,
            priority=int(Priority.EDIT),
            text=text,
            mentions=(),
            cause=None,
            content=content,
            parent_id=row["id"],
            part=None,
            repeat_of=None,
        )
    living = newest and State(order.state) not in ENDED
    outbox.update(scope, row["id"], shown=order.state if living else None)


def _newest(scope: Scope, row: Row) -> bool:
    later = sa.select(_BOX.c.id).where(
        _BOX.c.order_id == row["order_id"],
        _BOX.c.endpoint == row["endpoint"],
        _BOX.c.id > row["id"],
        _BOX.c.shown > "",
        _SENT,
    )
    return scope.connection.execute(later.limit(1)).first() is None


def _stale(*columns: Any) -> sa.Select[Any]:
    """Cards that show another state than their order has, but for those whose change is just on its way."""
    other = _BOX.alias()
    on_its_way = sa.exists().where(
        other.c.parent_id == _BOX.c.id, other.c.kind == CARD_UPDATE, other.c.state == Status.SENDING
    )
    return (
        sa.select(*columns)
        .join(_ORDERS, _ORDERS.c.id == _BOX.c.order_id)
        .where(_BOX.c.shown > "", _SENT, _BOX.c.shown != _ORDERS.c.state, ~on_its_way)
    )
