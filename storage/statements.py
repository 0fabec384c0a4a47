"""The statements of the hot path, each built once: building one in SQLAlchemy takes longer than running it."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

from storage.columns import table
from storage.tables import PROJECTIONS, Counter, Head, Inbox, Order, Projected, VaultRow


def owner(model: type[Projected]) -> sa.Column[Any]:
    """The column of a projected table that names the order."""
    return table(PROJECTIONS[model]).c["id" if model is Order else "order_id"]


def names(prefix: str, values: Sequence[Any]) -> dict[str, Any]:
    """A list as parameters `o0`, `o1` …, filled up with its last value to a power of two: few lengths, few texts."""
    width = 1 << (len(values) - 1).bit_length()
    return {f"{prefix}{at}": values[min(at, len(values) - 1)] for at in range(width)}


@cache
def rows_of_orders(model: type[Projected], width: int, lock: bool) -> sa.Select[Any]:
    """A projected table's rows of `width` orders, by key; `lock` holds them until the end."""
    stored = table(PROJECTIONS[model])
    wanted = owner(model).in_([sa.bindparam(f"o{at}", type_=sa.Integer()) for at in range(width)])
    query = sa.select(stored).where(wanted).order_by(*(stored.c[name] for name in model.KEY))
    return query.with_for_update() if lock else query


@cache
def vault() -> sa.Select[Any]:
    """The vault's row of the order `order`."""
    stored = table(VaultRow)
    return sa.select(stored).where(stored.c.order_id == sa.bindparam("order", type_=sa.Integer()))


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
    """Set whole rows, new or not. Only the dialect in use is imported: PostgreSQL's takes a tenth of a second."""
    stored = table(target)
    statement: Any = import_module(f"sqlalchemy.dialects.{dialect}").insert(stored)
    key = [column.name for column in stored.primary_key]
    rest = {column.name: statement.excluded[column.name] for column in stored.c if column.name not in key}
    return cast(sa.Insert, statement.on_conflict_do_update(index_elements=key, set_=rest))


@cache
def replies(width: int) -> sa.Select[Any]:
    """The stored replies to `width` messages of the platform `platform`."""
    inbox = table(Inbox)
    wanted = inbox.c.message_id.in_([sa.bindparam(f"m{at}", type_=inbox.c.message_id.type) for at in range(width)])
    of_platform = inbox.c.platform == sa.bindparam("platform", type_=inbox.c.platform.type)
    return sa.select(inbox.c.message_id, inbox.c.replies).where(of_platform, wanted)


@cache
def counter(lock: bool) -> sa.Select[Any]:
    """The value of the counter `k_name`."""
    stored = table(Counter)
    query = sa.select(stored.c.value).where(*_key(stored))
    return query.with_for_update() if lock else query


@cache
def head(lock: bool) -> sa.Select[Any]:
    """The journal's last number and hash, in the row `k_id`."""
    stored = table(Head)
    query = sa.select(stored.c.seq, stored.c.hash).where(*_key(stored))
    return query.with_for_update() if lock else query


def _key(stored: sa.Table) -> list[sa.ColumnElement[bool]]:
    return [column == sa.bindparam(f"k_{column.name}", type_=column.type) for column in stored.primary_key]
