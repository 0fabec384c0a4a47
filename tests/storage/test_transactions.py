"""A batch: one transaction for many jobs, each of which is all or nothing, whatever the others do."""

import random
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from storage.columns import table
from storage.database import writing_engine
from storage.errors import StoreUnavailable
from storage.store import TRIES, Job, Store, Unit
from storage.tables import PROJECTIONS, ConsoleMessage, Inbox, Lease, Order, Outbox, Timer, VaultRow
from storage.transaction import Scope
from tests.conftest import OpenStore
from tests.storage.desk import (
    NOW,
    Refused,
    all_or_nothing,
    checked,
    count,
    errors,
    events,
    job,
    look,
    new_order,
    order,
    refuse,
    register,
    urge,
)


def take(scope: Scope, message: str, replies: list[str]) -> None:
    """Store a message that was taken, with its replies."""
    said = {"chat": "值班", "person": "D1", "text": "/催办 1"}
    scope.insert(Inbox, platform="console", message_id=message, at=scope.now, replies=replies, **said)


def test_a_batch_is_one_transaction(store: Store) -> None:
    began = []

    def count_beginnings(engine_connection: sa.Connection) -> None:
        began.append(engine_connection)

    sa.event.listen(sa.Engine, "begin", count_beginnings)
    try:
        outcomes = store.transact([job(new_order, counters=("order",)) for _ in range(64)])
    finally:
        sa.event.remove(sa.Engine, "begin", count_beginnings)
    assert errors(outcomes) == [""] * 64
    assert len(began) == 1
    assert count(store, PROJECTIONS[Order]) == 64


def test_nobody_sees_half_a_batch(store: Store) -> None:
    seen = []
    store.transact([job(new_order), Job(lambda unit: seen.append(count(store, PROJECTIONS[Order])), now=NOW)])
    assert seen == [0]
    assert count(store, PROJECTIONS[Order]) == 1


def test_jobs_of_a_batch_see_one_another(store: Store) -> None:
    register(store)
    outcomes = store.transact([urge(1), urge(1), urge(1)])
    assert [outcome.result() for outcome in outcomes] == [1, 2, 3]
    assert order(store, 1).urged == 3


def test_a_job_that_fails_harms_no_other(store: Store) -> None:
    register(store, 2)
    wreck = job(refuse(lambda scope: new_order(scope)), counters=("order",))
    made = job(lambda scope: new_order(scope).id, counters=("order",))
    outcomes = store.transact([urge(1), wreck, made, wreck, made, urge(1)])
    assert errors(outcomes) == ["", "Refused", "", "Refused", "", ""]
    assert [outcome.value for outcome in outcomes if outcome.error is None] == [1, 3, 4, 2]
    assert checked(store).problems == []


EVERYTHING: dict[str, Callable[[Scope], Any]] = {
    "an order": new_order,
    "a change": lambda scope: scope.record("备注", _retitled(scope)),
    "a message taken": lambda scope: take(scope, "m1", ["好"]),
    "a placed row": lambda scope: scope.place(Timer, (1, "签收", 0), {"next_at": scope.now}),
    "a removed row": lambda scope: scope.place(Timer, (2, "签收", 0), None),
    "a number": lambda scope: scope.next_number("message"),
    "a statement": lambda scope: scope.execute(sa.update(table(Timer)).values(kind="派单")),
    "an event": lambda scope: scope.record("启动", None),
}


def _retitled(scope: Scope) -> Order:
    held = scope.order(1)
    held.title = "改过"
    return held


def everything(store: Store) -> dict[str, Any]:
    """All rows of all tables."""
    with store.connect() as connection:
        return {
            name: connection.execute(sa.select(stored).order_by(*stored.primary_key)).all()
            for name, stored in Order.metadata.tables.items()
        }


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "before a success"])
def test_a_refused_command_leaves_nothing(store: Store, name: str, alone: bool) -> None:
    register(store, 2)
    store.run(job(lambda scope: scope.place(Timer, (2, "签收", 0), {"next_at": NOW})))
    before = everything(store)
    later = [] if alone else [job(lambda scope: None)]
    outcomes = store.transact([job(refuse(EVERYTHING[name]), 1), *later])
    assert errors(outcomes) == ["Refused", *[""] * len(later)]
    assert everything(store) == before


@pytest.mark.parametrize("name", EVERYTHING)
def test_a_job_that_fails_at_its_end_takes_back_its_commands(store: Store, name: str) -> None:
    register(store, 2)
    store.run(job(lambda scope: scope.place(Timer, (2, "签收", 0), {"next_at": NOW})))
    before = everything(store)

    def work(unit: Unit) -> None:
        unit.attempt(EVERYTHING[name])
        raise Refused

    assert errors(store.transact([Job(work, now=NOW), job(lambda scope: None)])) == ["Refused", ""]
    assert everything(store) == before


def test_what_was_taken_back_can_be_done_again_in_the_same_batch(store: Store) -> None:
    register(store, 1)

    def fails(unit: Unit) -> None:
        for work in EVERYTHING.values():
            unit.attempt(work)
        assert unit.replies("console", "m1") == ["好"]
        raise Refused

    seen: list[Any] = []

    def looks(unit: Unit) -> None:
        seen.append(unit.replies("console", "m1"))
        for work in EVERYTHING.values():
            seen.append(unit.attempt(work))

    assert errors(store.transact([Job(fails, now=NOW), Job(looks, now=NOW)])) == ["Refused", ""]
    assert seen[0] is None
    assert seen[1].id == 2
    assert look(store, lambda scope: scope.replies("console", "m1")) == ("好",)
    assert checked(store).problems == []


def test_a_job_may_go_on_after_a_refused_command(store: Store) -> None:
    register(store, 1)

    def work(unit: Unit) -> str:
        with pytest.raises(Refused):
            unit.attempt(refuse(new_order))
        unit.attempt(lambda scope: scope.record("备注", scope.order(1)))
        return "好"

    assert store.run(Job(work, now=NOW)) == "好"
    assert [event["kind"] for event in events(store)] == ["登记", "备注"]


def test_of_two_jobs_for_one_number_one_wins(store: Store) -> None:
    # Neither looked before; each is replayed by itself, and the second finds the first.
    twice = [job(lambda scope: new_order(scope, number="热线-260601-000001").id, counters=("order",)) for _ in "ab"]
    another = job(lambda scope: new_order(scope, source="区"), counters=("order",))
    outcomes = store.transact([another, *twice, another])
    assert sorted(errors(outcomes)) == ["", "", "", "IntegrityError"]
    assert count(store, PROJECTIONS[Order]) == 3
    assert checked(store).problems == []


def test_a_job_that_looks_first_finds_the_order_that_came_between(database_url: str, open_store: OpenStore) -> None:
    first, second = open_store(database_url), open_store(database_url)
    orders = table(PROJECTIONS[Order])
    runs = []

    def intake(scope: Scope) -> str:
        runs.append(scope)
        known = scope.connection.execute(sa.select(orders.c.id).where(orders.c.number == "同一号")).scalars().all()
        if len(runs) == 1 and not database_url.startswith("sqlite"):
            second.run(job(lambda scope: new_order(scope, number="同一号")))
        if known:
            return "已有"
        new_order(scope, number="同一号")
        return "新增"

    if database_url.startswith("sqlite"):
        second.run(job(lambda scope: new_order(scope, number="同一号")))
    assert first.run(job(intake)) == "已有"
    assert count(first, PROJECTIONS[Order]) == 1


def test_the_same_message_twice_gets_the_same_replies(store: Store) -> None:
    def command(unit: Unit) -> Any:
        known = unit.replies("console", "m1")
        if known is not None:
            return known
        unit.attempt(lambda scope: take(scope, "m1", [f"好 {scope.next_number('message')}"]))
        return unit.replies("console", "m1")

    taken = Job(command, now=NOW, message=("console", "m1"))
    outcomes = [*store.transact([taken, taken]), *store.transact([taken])]
    assert [tuple(outcome.result()) for outcome in outcomes] == [("好 1",)] * 3
    assert count(store, Inbox) == 1


UNWRITABLE: dict[str, Callable[[Scope], Any]] = {
    "a missing column": lambda scope: scope.insert(Lease, name="a", holder="b"),
    "a time without a zone": lambda scope: scope.place(Timer, (1, "签收", 0), {"next_at": NOW.replace(tzinfo=None)}),
    "a number that is too large": lambda scope: scope.place(Timer, (2**70, "签收", 0), {"next_at": NOW}),
    "half a character": lambda scope: new_order(scope, title="\ud83d"),
    "a type of no column": lambda scope: scope.insert(Lease, name=object(), holder="", until=NOW),
    "a taken key": lambda scope: scope.insert(Timer, order_id=1, kind="派单", generation=0, next_at=NOW),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_cannot_be_written_harms_only_its_own_job(store: Store, name: str) -> None:
    register(store, 2)
    store.run(job(lambda scope: scope.place(Timer, (1, "派单", 0), {"next_at": NOW})))
    good, bad, other = store.transact([urge(1), job(UNWRITABLE[name]), urge(2)])
    assert (good.result(), other.result()) == (1, 1)
    assert bad.error is not None
    assert not isinstance(bad.error, StoreUnavailable)
    assert len(events(store)) == 4
    assert checked(store).problems == []


@pytest.mark.parametrize("where", ["text", "data"])
def test_a_nul_character_harms_at_most_its_own_job(store: Store, where: str) -> None:
    register(store, 2)

    def work(scope: Scope) -> None:
        held = scope.order(1)
        if where == "text":
            held.title = "a\0b"
        scope.record("备注", held, said="a\0b")

    good, odd, other = store.transact([urge(2), job(work, 1), urge(2)])
    assert (good.result(), other.result()) == (1, 2)
    refused = where == "text" and not store.url.startswith("sqlite")  # PostgreSQL has no NUL in text
    assert (odd.error is not None) is refused
    assert order(store, 1).title == ("a\0b" if where == "text" and not refused else "")
    assert checked(store).problems == []


def test_a_text_too_long_for_an_index_harms_only_its_own_job(postgresql_url: str, open_store: OpenStore) -> None:
    store = open_store(postgresql_url)
    register(store, 2)
    text = "".join(map(chr, random.Random(1).choices(range(0x4E00, 0x9FFF), k=100_000)))  # does not compress
    good, long, other = store.transact([urge(1), job(lambda scope: new_order(scope, number=text)), urge(2)])
    assert (good.result(), other.result()) == (1, 1)
    assert long.error is not None


def test_a_hundred_thousand_characters_are_kept(store: Store) -> None:
    text = "老人摔倒🚑\n" * 20_000
    store.run(job(lambda scope: new_order(scope, content=text)))
    assert order(store, 1).content == text
    assert checked(store).problems == []


def test_a_job_that_can_never_be_stored_is_a_fault_not_a_busy_database(store: Store) -> None:
    runs = []

    def work(scope: Scope) -> None:
        runs.append(scope)
        scope.insert(Lease, name="a", holder="b")

    with pytest.raises(IntegrityError):
        store.run(job(work))
    assert len(runs) == TRIES


def test_rows_placed_twice_keep_the_last_word(store: Store) -> None:
    sealed = {"wrapped_key": b"k", "sealed": b"s", "phone_index": "i", "row_digest": "d", "erased_at": None}
    erased = {"wrapped_key": None, "sealed": None, "phone_index": None, "row_digest": None, "erased_at": NOW}
    store.transact([job(lambda scope: scope.place(VaultRow, (1,), sealed)) for _ in range(2)])
    assert look(store, lambda scope: scope.vault(1))["sealed"] == b"s"
    store.transact(
        [
            job(lambda scope: scope.place(VaultRow, (1,), None)),
            job(lambda scope: scope.place(VaultRow, (1,), erased)),
            job(lambda scope: scope.place(VaultRow, (2,), sealed)),
        ]
    )
    assert look(store, lambda scope: scope.vault(1)) == {"order_id": 1, **erased}
    store.run(job(lambda scope: scope.place(VaultRow, (2,), None)))
    assert look(store, lambda scope: scope.vault(2)) is None


def test_a_vault_row_of_the_same_batch_is_seen(store: Store) -> None:
    sealed = {"wrapped_key": b"k", "sealed": b"s", "phone_index": None, "row_digest": None, "erased_at": None}
    seen = []
    store.transact(
        [
            job(lambda scope: scope.place(VaultRow, (1,), sealed)),
            job(lambda scope: seen.append(scope.vault(1)["sealed"])),
        ]
    )
    assert seen == [b"s"]


def test_listeners_hear_of_a_batch_once_it_is_stored(store: Store) -> None:
    heard: list[tuple[frozenset[str], int]] = []
    store.on_commit = lambda written: heard.append((written, count(store, Outbox)))
    told = {"kind": "notice", "priority": 2, "endpoint": "g", "audience": "g", "text": "t", "state": "pending"}
    moments = {"at": NOW, "next_at": NOW, "attempts": 0, "detail": "", "mentions": (), "names": ()}
    store.transact([job(lambda scope: scope.insert(Outbox, **told, **moments))])
    store.transact([job(refuse(lambda scope: scope.insert(Outbox, **told, **moments)))])
    register(store)
    assert heard == [(frozenset({"outbox"}), 1)]


def test_nothing_can_be_changed_by_reading(store: Store) -> None:
    register(store)
    before = everything(store)

    def work(scope: Scope) -> None:
        scope.order(1).title = "改过"
        scope.record("备注", scope.order(1))
        scope.insert(Lease, name="a", holder="b", until=NOW)

    store.read(work, now=NOW)
    assert everything(store) == before


def test_a_deadlock_is_resolved_by_replaying(postgresql_url: str, open_store: OpenStore) -> None:
    stores = open_store(postgresql_url), open_store(postgresql_url)
    register(stores[0], 2)
    both_hold_one = threading.Barrier(2)
    runs: list[int] = []
    results: list[Any] = []

    def crossing(first: int, second: int) -> Job[None]:
        fresh = [True]

        def work(scope: Scope) -> None:
            runs.append(first)
            held = scope.order(first)
            if fresh.pop() if fresh else False:
                both_hold_one.wait(10)
            for each in (held, scope.order(second)):
                each.urged += 1
                scope.record("催办", each)

        return job(work)

    threads = [
        threading.Thread(target=lambda store=store, pair=pair: results.extend(store.transact([crossing(*pair)])))
        for store, pair in zip(stores, ((1, 2), (2, 1)), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors(results) == ["", ""]
    # One went through, the other was replayed: once more when its new snapshot was taken before the first one's commit.
    assert min(runs.count(1), runs.count(2)) == 1
    assert len(runs) > 2
    assert (order(stores[0], 1).urged, order(stores[0], 2).urged) == (2, 2)
    assert checked(stores[0]).problems == []


def test_a_lost_connection_is_made_anew(postgresql_url: str, open_store: OpenStore) -> None:
    store = open_store(postgresql_url)
    register(store)
    runs = []

    def work(scope: Scope) -> None:
        runs.append(scope)
        held = scope.order(1)
        held.urged += 1
        scope.record("催办", held)
        if len(runs) == 1:
            backend = scope.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with psycopg.connect(postgresql_url, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (backend,))

    outcomes = store.transact([urge(1), job(work, 1), urge(1)])
    assert errors(outcomes) == ["", "", ""]
    assert len(runs) == 2
    assert order(store, 1).urged == 3
    assert checked(store).problems == []


def test_a_locked_database_is_waited_for(sqlite_url: str, open_store: OpenStore) -> None:
    store = open_store(sqlite_url)
    register(store)
    other = writing_engine(sqlite_url)
    results: list[Any] = []
    with other.begin():
        waiting = threading.Thread(target=lambda: results.extend(store.transact([urge(1)])))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()
    other.dispose()
    assert errors(results) == [""]


@pytest.mark.parametrize("jobs", [1, 3])
def test_a_database_locked_too_long_is_told_at_once(
    sqlite_url: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr("storage.database.BUSY_SECONDS", 0.05)
    store = open_store(sqlite_url)
    register(store, 3)
    runs = []
    other = writing_engine(sqlite_url)
    with other.begin():
        outcomes = store.transact([job(lambda scope: runs.append(scope)) for _ in range(jobs)])
        assert look(store, lambda scope: scope.order(1).urged) == 0
    other.dispose()
    assert errors(outcomes) == ["StoreUnavailable"] * jobs
    assert "占用" in str(outcomes[0].error)
    assert runs == []
    assert store.run(urge(1)) == 1


def test_a_server_that_went_away(postgresql_url: str, open_store: OpenStore) -> None:
    store = open_store(postgresql_url)
    register(store, 3)
    name = sa.make_url(postgresql_url).database
    with psycopg.connect(postgresql_url.replace(f"/{name}?", "/postgres?"), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,))
        outcomes = store.transact([urge(1), urge(2)])
        with pytest.raises(StoreUnavailable):
            order(store, 1)
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert errors(outcomes) == ["StoreUnavailable"] * 2
    assert "没有存下来" in str(outcomes[0].error)
    assert store.run(urge(1)) == 1


def test_console_messages_are_numbered_in_the_order_of_commits(store: Store) -> None:
    def say(scope: Scope) -> int:
        number = scope.next_number("message")
        said = {"chat": "值班", "sender": "D1", "kind": "text", "text": "好", "mentions": (), "orders": ()}
        scope.insert(ConsoleMessage, id=number, at=scope.now, **said)
        return number

    outcomes = store.transact([all_or_nothing(say, say), job(refuse(say)), job(say)])
    assert outcomes[2].result() == 3
    assert count(store, ConsoleMessage) == 3
