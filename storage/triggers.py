"""Triggers that make the journal append-only, on both databases; their absence is found by `jiesu verify`."""

import sqlalchemy as sa

_REFUSAL = "the journal is append-only"

_SQLITE = {
    "event_no_update": "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, '{0}'); END",
    "event_no_delete": "CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{0}'); END",
    "event_no_replace": (
        "CREATE TRIGGER event_no_replace BEFORE INSERT ON event "
        # Either key: REPLACE removes the row in its way without a DELETE trigger.
        "WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq) "
        "OR EXISTS (SELECT 1 FROM event WHERE order_id = NEW.order_id AND n = NEW.n) "
        "BEGIN SELECT RAISE(ABORT, '{0}'); END"
    ),
}

_SOURCE = " BEGIN RAISE EXCEPTION '{0}'; END "
_FUNCTION = f"CREATE OR REPLACE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_SOURCE}$$"

_POSTGRESQL = {
    "event_no_update": (
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION event_refuse()"
    ),
    "event_no_delete": (
        "CREATE TRIGGER event_no_delete BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION event_refuse()"
    ),
    "event_no_truncate": (
        "CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION event_refuse()"
    ),
}


def install(connection: sa.Connection) -> None:
    """Put back whatever is missing; a migration that copies the table drops triggers without a word."""
    wanted = _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE
    absent = missing(connection)
    if absent and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_FUNCTION.format(_REFUSAL))
    for name in absent:
        connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}{_suffix(connection)}")
        connection.exec_driver_sql(wanted[name].format(_REFUSAL))


def missing(connection: sa.Connection) -> list[str]:
    """Names of the protecting triggers that are gone, disabled or no longer what they were."""
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT t.tgname, pg_get_triggerdef(t.oid, true) AS definition "
            "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgrelid = 'event'::regclass AND t.tgenabled IN ('O', 'A') AND p.prosrc = %(source)s"
        )
        rows = connection.exec_driver_sql(query, {"source": _SOURCE.format(_REFUSAL)})
        present = {row.tgname: row.definition for row in rows}
        return [name for name, definition in _POSTGRESQL.items() if present.get(name) != definition]
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event'"
    found = {row.name: row.sql for row in connection.exec_driver_sql(query)}
    return [name for name, sql in _SQLITE.items() if found.get(name) != sql.format(_REFUSAL)]


def _suffix(connection: sa.Connection) -> str:
    return " ON event" if connection.dialect.name == "postgresql" else ""
