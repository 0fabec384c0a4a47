"""The driver's own cursor behind the hot path: the same transactions, types and errors as SQLAlchemy gives."""

from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError

from storage import statements
from storage.prepared import fetch, run
from storage.store import Job, Store
from storage.tables import Counter, Inbox, Outbox

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_reader_sees_one_state_from_its_first_query_on(store: Store) -> None:
    def number(connection):
        return fetch(connection, statements.counter(False), {"k_name": "message"})[0]["value"]

    with store.connect() as connection:
        before = number(connection)
        store.run(Job(lambda unit: unit.attempt(lambda scope: scope.next_number("message")), now=NOW))
        assert number(connection) == before
    with store.connect() as connection:
        assert number(connection) == before + 1


def test_what_an_insert_does_not_name_has_the_columns_default(store: Store) -> None:
    row = {"at": NOW, "kind": "notice", "priority": 2, "endpoint": "e", "audience": "a", "text": "x", "next_at": NOW}
    with store._write.begin() as connection:
        run(connection, statements.insert(Outbox), [row])
        found = connection.exec_driver_sql("SELECT state, attempts, names FROM outbox").one()
    assert tuple(found) == ("pending", 0, "[]")


def test_a_list_is_filled_up_and_names_each_row_once(store: Store) -> None:
    inbox = {"platform": "p", "at": NOW, "chat": "c", "person": "z", "text": "", "replies": [{"id": 1}]}
    with store._write.begin() as connection:
        run(connection, statements.insert(Inbox), [{**inbox, "message_id": f"m{at}"} for at in range(5)])
        wanted = statements.names("m", ["m0", "m2", "m4"])
        found = fetch(connection, statements.replies(len(wanted)), {"platform": "p", **wanted})
    assert len(wanted) == 4
    assert sorted(row["message_id"] for row in found) == ["m0", "m2", "m4"]
    assert found[0]["replies"] == ({"id": 1},)


def test_the_drivers_error_comes_as_sqlalchemys_without_values(store: Store) -> None:
    with pytest.raises(IntegrityError) as raised, store._write.begin() as connection:
        run(connection, statements.insert(Counter), [{"name": "message", "value": 13800001234}])
    assert isinstance(raised.value, DBAPIError)
    assert raised.value.orig is not None
    assert "13800001234" not in str(raised.value)
