"""Triggers that make the journal append-only, on both databases; their absence is found by `jiesu verify`."""

import sqlalchemy as sa

_REFUSAL = "the journal is append-only"

_SQLITE = {
    "event_no_update": "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, '{0}'); END",
    "event_no_delete": "CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, '{0}'); END",
    "event_no_replace": (
        "CREATE TRIGGER event_no_replace BEFORE INSERT ON event "
        "WHEN EXISTS (SELECT 1 FROM event WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, '{0}'); END"
    ),
}

_FUNCTION = """
CREATE OR REPLACE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{0}'; END $$
"""

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
            "SELECT t.tgname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE t.tgrelid = 'event'::regclass AND t.tgenabled IN ('O', 'A') AND p.proname = 'event_refuse' "
            "AND strpos(p.prosrc, %(raises)s) > 0"
        )
        present = set(connection.exec_driver_sql(query, {"raises": f"RAISE EXCEPTION '{_REFUSAL}'"}).scalars())
        return [name for name in _POSTGRESQL if name not in present]
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'event'"
    found = {row.name: row.sql for row in connection.exec_driver_sql(query)}
    return [name for name, sql in _SQLITE.items() if found.get(name) != sql.format(_REFUSAL)]


def _suffix(connection: sa.Connection) -> str:
    return " ON event" if connection.dialect.name == "postgresql" else ""
