"""The journal: numbered without a gap, chained, one text per event, and nothing in it can be rewritten."""

import hashlib
import itertools
import json
from datetime import UTC, timedelta, timezone

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from storage import triggers
from storage.columns import canonical
from storage.database import writing_engine
from storage.journal import GENESIS
from storage.queries import head
from storage.store import Store
from storage.transaction import Scope
from tests.storage.desk import NOW, Refused, events, job, look, new_order, refuse, register, urge


@pytest.fixture
def told(store: Store) -> Store:
    """A store whose journal has events of three orders and of none, from several batches, with a refusal between."""
    register(store, 3)
    store.transact([urge(1), urge(2), job(refuse(lambda scope: new_order(scope)), counters=("order",)), urge(1)])
    store.run(job(lambda scope: scope.record("启动", None, version="1")))
    store.transact([urge(3), urge(1), urge(3, text="老人摔倒，请马上联系！")])
    return store


def test_numbers_have_no_gap(told: Store) -> None:
    journal = events(told)
    assert [event["seq"] for event in journal] == list(range(1, 11))
    for order in (1, 2, 3):
        own = [event["n"] for event in journal if event["order_id"] == order]
        assert own == list(range(1, len(own) + 1))
    assert [event["n"] for event in journal if event["order_id"] is None] == [None]


def test_each_event_carries_the_hash_of_the_one_before(told: Store) -> None:
    journal = events(told)
    assert journal[0]["previous"] == GENESIS
    for earlier, later in itertools.pairwise(journal):
        assert later["previous"] == earlier["hash"]
    for event in journal:
        text = f"{event['previous']}\n{event['body']}"
        assert event["hash"] == hashlib.sha256(text.encode()).hexdigest()
    assert look(told, head) == (10, journal[-1]["hash"])


def test_an_event_has_one_text_only(told: Store) -> None:
    for event in events(told):
        body = json.loads(event["body"])
        assert canonical(body) == event["body"]
        assert list(body) == ["actor", "at", "cause", "data", "effects", "kind", "n", "order", "seq", "undoes"]


def test_an_event_tells_what_changed_before_and_after(store: Store) -> None:
    register(store)
    store.run(urge(1, text="请尽快处理"))
    body = json.loads(events(store)[-1]["body"])
    assert body["data"] == {"text": "请尽快处理"}
    assert body["at"] == "2026-06-01T00:00:00.000000Z"
    (effect,) = body["effects"]
    assert (effect["t"], effect["k"]) == ("orders", [1])
    assert effect["was"] == {"urged": 0, "events": 1}
    assert effect["now"] == {"urged": 1, "events": 2}


def test_the_same_moment_is_written_the_same_in_every_zone(new_sqlite_url, open_store) -> None:
    hashes = []
    for zone in (UTC, timezone(timedelta(hours=8))):
        store = open_store(new_sqlite_url())
        store.run(job(lambda scope: new_order(scope), now=NOW.astimezone(zone)))
        hashes.append(events(store)[-1]["hash"])
    assert hashes[0] == hashes[1]


def test_both_databases_write_the_same_journal(sqlite_url: str, postgresql_url: str, open_store) -> None:
    journals = []
    for url in (sqlite_url, postgresql_url):
        store = open_store(url)
        register(store, 3)
        store.transact([urge(2, text="\x00 emoji 🚰 \u2028"), urge(1)])
        journals.append(events(store))
    assert journals[0] == journals[1]


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), float("nan"), NOW.replace(tzinfo=None)])
def test_what_has_no_canonical_form_fails_its_own_command(store: Store, value: object) -> None:
    register(store, 2)

    def work(scope: Scope) -> None:
        scope.record("备注", scope.order(1), value=value)

    good, bad, last = store.transact([urge(1), job(work, 1), urge(2)])
    assert isinstance(bad.error, TypeError | ValueError)
    assert (good.result(), last.result()) == (1, 1)
    assert len(events(store)) == 4


def test_a_value_that_is_changed_later_does_not_reach_the_event(store: Store) -> None:
    told: dict[str, str] = {"text": "原话"}

    def work(scope: Scope) -> None:
        scope.record("备注", new_order(scope), said=told)
        told["text"] = "改过的话"

    store.run(job(work))
    assert json.loads(events(store)[-1]["body"])["data"] == {"said": {"text": "原话"}}


FORBIDDEN = {
    "update": "UPDATE event SET actor = 'D2' WHERE seq = 2",
    "update of what never changes": "UPDATE event SET seq = seq",
    "delete": "DELETE FROM event WHERE seq = 2",
    "delete of all": "DELETE FROM event",
}
FORBIDDEN_SQLITE = {
    "replace by number": "REPLACE INTO event SELECT * FROM event WHERE seq = 2",
    "replace by place in the order": (
        "INSERT OR REPLACE INTO event SELECT 99, order_id, n, at, kind, 'D2', cause, undoes, body, previous, hash "
        "FROM event WHERE seq = 2"
    ),
    "update or replace": "UPDATE OR REPLACE event SET seq = 1 WHERE seq = 2",
    "upsert": (
        "INSERT INTO event SELECT * FROM event WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET actor = 'D2'"
    ).replace("seq = 2 ON", "seq = 2 AND true ON"),
}
FORBIDDEN_POSTGRESQL = {
    "truncate": "TRUNCATE event",
    "truncate with others": "TRUNCATE orders, event CASCADE",
    "upsert": "INSERT INTO event SELECT * FROM event WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET actor = 'D2'",
    "merge": ("MERGE INTO event USING (SELECT 2 AS seq) AS given ON event.seq = given.seq WHEN MATCHED THEN DELETE"),
}


def test_nothing_in_it_can_be_rewritten(told: Store) -> None:
    before = events(told)
    engine = writing_engine(told.url)
    own = FORBIDDEN_SQLITE if told.url.startswith("sqlite") else FORBIDDEN_POSTGRESQL
    for statement in (FORBIDDEN | own).values():
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.exec_driver_sql(statement)
    engine.dispose()
    assert events(told) == before


def test_a_dropped_trigger_is_put_back_and_works(told: Store) -> None:
    engine = writing_engine(told.url)
    with engine.begin() as connection:
        for name in ("event_no_update", "event_no_delete"):
            connection.exec_driver_sql(f"DROP TRIGGER {name}{'' if told.url.startswith('sqlite') else ' ON event'}")
        triggers.install(connection)
        triggers.install(connection)
    with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM event"))
    engine.dispose()


def test_a_refused_command_leaves_no_event(store: Store) -> None:
    register(store)
    before = events(store)
    with pytest.raises(Refused):
        store.run(job(refuse(lambda scope: scope.record("催办", scope.order(1)))))
    assert events(store) == before
