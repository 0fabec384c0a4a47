"""The hot path's statements as the driver takes them: compiled once, values converted by the columns' own types.

Carrying a statement through SQLAlchemy's execution costs 100–500 µs, running it 5–80: with some seventeen of them a
command that was most of its time (`docs/benchmarks.md`). Compiling, types and errors stay SQLAlchemy's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlmodel.sql.sqltypes import UTCDateTime

Convert = Callable[[Any], Any]


def run(connection: sa.Connection, statement: sa.Executable, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement once for each row of parameters; raises DBAPIError as SQLAlchemy does.

    Every row has the same names; an insert writes just these columns.
    """
    prepared = _prepared(statement, connection.dialect, tuple(rows[0]))
    values = [prepared.bound(row) for row in rows]
    cursor = _cursor(connection)
    try:
        if len(values) == 1:
            cursor.execute(prepared.text, values[0])
        else:
            cursor.executemany(prepared.text, values)
    except _failure(connection) as error:
        raise _told(connection, prepared.text, error, cursor) from error
    finally:
        cursor.close()


def fetch(connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of a query, columns by name; raises DBAPIError as SQLAlchemy does."""
    prepared = _prepared(statement, connection.dialect, ())
    cursor = _cursor(connection)
    try:
        cursor.execute(prepared.text, prepared.bound(parameters))
        found = cursor.fetchall()
    except _failure(connection) as error:
        raise _told(connection, prepared.text, error, cursor) from error
    finally:
        cursor.close()
    return [prepared.restored(row) for row in found]


def _cursor(connection: sa.Connection) -> Any:
    if not connection.in_transaction():
        connection.begin()  # as SQLAlchemy does before it executes anything: a reader sees one consistent state
    return connection.connection.cursor()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement's text, its parameters in the driver's order, and what values pass on their way in and out.

    `constants` are what a column has that an insert does not name. Only columns whose type converts anything are
    listed: most texts and numbers go through as they are.
    """

    text: str
    names: tuple[str, ...]
    positional: bool
    constants: Mapping[str, Any]
    inward: tuple[tuple[str, Convert], ...]
    columns: tuple[str, ...]
    outward: tuple[tuple[str, Convert], ...]

    def bound(self, parameters: Mapping[str, Any]) -> Any:
        """The parameters of one row as the driver takes them; None is NULL whatever the type."""
        values = {**self.constants, **parameters}
        for name, convert in self.inward:
            if values[name] is not None:
                values[name] = convert(values[name])
        return [values[name] for name in self.names] if self.positional else values

    def restored(self, row: Sequence[Any]) -> dict[str, Any]:
        """One row of the result, in the types of its columns."""
        values = dict(zip(self.columns, row, strict=True))
        for name, convert in self.outward:
            if values[name] is not None:
                values[name] = convert(values[name])
        return values


@lru_cache(maxsize=1024)
def _prepared(statement: Any, dialect: sa.Dialect, columns: tuple[str, ...]) -> _Prepared:
    constants: dict[str, Any] = {}
    if isinstance(statement, sa.Insert):
        statement = statement.inline()  # no key is asked back
        left = [column for column in statement.table.c if column.name not in columns and column.default is not None]
        constants = {column.name: column.default.arg for column in left}
        compiled: Any = statement.compile(dialect=dialect, column_keys=[*columns, *constants])
    else:
        compiled = statement.compile(dialect=dialect)
    selected = list(statement.selected_columns) if isinstance(statement, sa.Select) else []
    inward = ((name, _inward(bind.type, dialect)) for name, bind in compiled.binds.items())
    outward = ((column.name, _outward(column.type, dialect)) for column in selected)
    return _Prepared(
        text=str(compiled),
        names=tuple(compiled.positiontup or ()),
        positional=bool(compiled.positional),
        constants=constants,
        inward=tuple((name, convert) for name, convert in inward if convert is not None),
        columns=tuple(column.name for column in selected),
        outward=tuple((name, convert) for name, convert in outward if convert is not None),
    )


def _inward(kind: Any, dialect: sa.Dialect) -> Convert | None:
    convert: Convert | None = _of(kind, dialect).bind_processor(dialect)
    if convert is None or not isinstance(kind, UTCDateTime):
        return convert
    known = lru_cache(maxsize=1024)(convert)  # a command's moment stands in many columns and rows
    return lambda at: known(at) if at.tzinfo is UTC else convert(at)


def _outward(kind: Any, dialect: sa.Dialect) -> Convert | None:
    convert: Convert | None = _of(kind, dialect).result_processor(dialect, None)
    if convert is None or not isinstance(kind, UTCDateTime) or dialect.name != "sqlite":
        return convert
    return lru_cache(maxsize=1024)(convert)  # the same text is the same moment


def _of(kind: Any, dialect: sa.Dialect) -> Any:
    return kind.dialect_impl(dialect)


def _failure(connection: sa.Connection) -> type[Exception]:
    driver: Any = connection.dialect.dbapi
    failure: type[Exception] = driver.Error
    return failure


def _told(connection: sa.Connection, text: str, error: Exception, cursor: Any) -> Exception:
    """The driver's error as SQLAlchemy tells it; a lost connection is given up, so that the pool makes a new one."""
    lost = connection.dialect.is_disconnect(error, connection.connection.dbapi_connection, cursor)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    told: Exception = DBAPIError.instance(
        text,
        None,
        error,
        _failure(connection),
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=connection.dialect,
    )
    return told
