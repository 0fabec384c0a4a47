"""The statements of the hot path, each built once: building one in SQLAlchemy takes longer than running it."""

from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from storage.columns import table
from storage.tables import PROJECTIONS, Counter, Head, Inbox, Order, Projected, VaultRow

_INSERTS = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def owner(model: type[Projected]) -> sa.Column[Any]:
    """The column of a projected table that names the order."""
    return table(PROJECTIONS[model]).c["id" if model is Order else "order_id"]


@cache
def rows_of_orders(model: type[Projected], lock: bool) -> sa.Select[Any]:
    """A projected table's rows of the orders `orders`, by key; `lock` holds them until the end."""
    stored = table(PROJECTIONS[model])
    wanted = owner(model).in_(sa.bindparam("orders", expanding=True))
    query = sa.select(stored).where(wanted).order_by(*(stored.c[name] for name in model.KEY))
    return query.with_for_update() if lock else query


@cache
def vault() -> sa.Select[Any]:
    """The vault's row of the order `order`."""
    stored = table(VaultRow)
    return sa.select(stored).where(stored.c.order_id == sa.bindparam("order"))


@cache
def insert(target: type[SQLModel]) -> sa.Insert:
    """New rows."""
    return sa.insert(table(target))


@cache
def update(target: type[SQLModel], columns: tuple[str, ...]) -> sa.Update:
    """Set these columns, given as `v_…`, in the row whose key is given as `k_…`."""
    stored = table(target)
    values = {name: sa.bindparam(f"v_{name}", type_=stored.c[name].type) for name in columns}
    return sa.update(stored).where(*_key(stored)).values(values)


@cache
def delete(target: type[SQLModel]) -> sa.Delete:
    """Remove the row whose key is given as `k_…`."""
    stored = table(target)
    return sa.delete(stored).where(*_key(stored))


@cache
def upsert(target: type[SQLModel], dialect: str) -> sa.Insert:
    """Set whole rows, new or not."""
    stored = table(target)
    statement: Any = _INSERTS[dialect](stored)
    key = [column.name for column in stored.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in stored.c if column.name not in key}
    return cast(sa.Insert, statement.on_conflict_do_update(index_elements=key, set_=rest))


@cache
def replies() -> sa.Select[Any]:
    """The stored replies to the messages `messages`, pairs of platform and message id."""
    inbox = table(Inbox)
    wanted = sa.tuple_(inbox.c.platform, inbox.c.message_id).in_(sa.bindparam("messages", expanding=True))
    return sa.select(inbox.c.platform, inbox.c.message_id, inbox.c.replies).where(wanted)


@cache
def counter(lock: bool) -> sa.Select[Any]:
    """The value of the counter `k_name`."""
    stored = table(Counter)
    query = sa.select(stored.c.value).where(*_key(stored))
    return query.with_for_update() if lock else query


@cache
def head(lock: bool) -> sa.Select[Any]:
    """The journal's last number and hash."""
    stored = table(Head)
    query = sa.select(stored.c.seq, stored.c.hash).where(stored.c.id == 1)
    return query.with_for_update() if lock else query


def _key(stored: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [column == sa.bindparam(f"k_{column.name}", type_=column.type) for column in stored.primary_key]
