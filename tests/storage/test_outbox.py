"""The outbox, the attempts that limits are counted from, and leases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from storage import outbox
from storage.columns import table
from storage.outbox import NOWHERE, SENTENCES, Priority, Status
from storage.store import Store
from storage.tables import Lease, Outbox, Slot
from storage.transaction import Scope
from tests.conftest import OpenStore
from tests.storage.desk import NOW, count, errors, job, look, refuse

MINUTE = timedelta(minutes=1)


def queue(store: Store, text: str, priority: Priority = Priority.NOTICE, **given: Any) -> None:
    """Queue one text at `now`, for the group unless told otherwise."""
    now, cause = given.pop("now", NOW), given.pop("cause", None)
    told = {"kind": "notice", "endpoints": ["group"], "audience": "group", **given}
    store.run(job(lambda scope: outbox.queue(scope, priority=priority, text=text, **told), now=now, cause=cause))


def messages(store: Store) -> list[dict[str, Any]]:
    """All messages, oldest first."""
    with store.connect() as connection:
        return [
            dict(row) for row in connection.execute(sa.select(table(Outbox)).order_by(table(Outbox).c.id)).mappings()
        ]


def set_state(store: Store, message: int, **values: Any) -> None:
    """Record what became of a message."""
    store.run(job(lambda scope: outbox.update(scope, message, **values)))


def test_every_state_is_explained() -> None:
    assert set(SENTENCES) == set(Status)


def test_a_message_is_queued_for_each_endpoint(store: Store) -> None:
    queue(store, "新工单", endpoints=["robot", "console"], mentions=["D1", "D2", "D1"], order=1, cause="import:3")
    robot, console = messages(store)
    assert (robot["endpoint"], console["endpoint"]) == ("robot", "console")
    for message in (robot, console):
        assert (message["state"], message["attempts"], message["mentions"]) == (Status.PENDING, 0, ("D1", "D2"))
        assert (message["order_id"], message["cause"], message["at"], message["next_at"]) == (1, "import:3", NOW, NOW)


def test_a_message_that_nobody_can_carry_waits_for_a_way_and_an_urgent_one_is_to_be_named_elsewhere(
    store: Store,
) -> None:
    queue(store, "新工单", endpoints=[])
    queue(store, "紧急工单", Priority.URGENT, endpoints=[])
    lost, urgent = messages(store)
    for message in (lost, urgent):
        assert (message["endpoint"], message["state"]) == (f"{NOWHERE}:group", Status.PENDING)
        assert message["detail"]
    assert (lost["detour_at"], urgent["detour_at"]) == (None, NOW)
    assert look(store, outbox.endpoints_waiting) == {f"{NOWHERE}:group": NOW}


def test_a_refused_command_sends_nothing(store: Store) -> None:
    told = {"kind": "notice", "endpoints": ["group"], "audience": "group", "priority": Priority.NOTICE, "text": "x"}
    store.transact([job(refuse(lambda scope: outbox.queue(scope, **told)))])
    assert messages(store) == []


def test_endpoints_tell_when_they_have_something(store: Store) -> None:
    queue(store, "a", endpoints=["one"], now=NOW + MINUTE)
    queue(store, "b", endpoints=["one", "two"], now=NOW + 2 * MINUTE)
    queue(store, "c", endpoints=["three"])
    set_state(store, 4, state=Status.SENT)
    assert look(store, outbox.endpoints_waiting) == {"one": NOW + MINUTE, "two": NOW + 2 * MINUTE}


def test_what_an_undone_command_queued_is_not_sent(store: Store) -> None:
    queue(store, "派单", order=1, cause="console:7", endpoints=["one", "two"])
    queue(store, "另一单", order=2, cause="console:7")
    queue(store, "别的命令", order=1, cause="console:8")
    set_state(store, 1, state=Status.SENT)
    store.run(job(lambda scope: outbox.cancel_caused(scope, "console:7", 1)))
    assert [message["state"] for message in messages(store)] == ["sent", "cancelled", "pending", "pending"]


def test_what_is_queued_and_undone_in_one_batch_is_not_sent(store: Store) -> None:
    told = {"kind": "notice", "endpoints": ["group"], "audience": "group", "priority": Priority.NOTICE, "text": "x"}
    store.transact(
        [
            job(lambda scope: outbox.queue(scope, order=1, **told), cause="console:7"),
            job(lambda scope: outbox.cancel_caused(scope, "console:7", 1)),
        ]
    )
    assert [message["state"] for message in messages(store)] == ["cancelled"]


def test_counts_by_state(store: Store) -> None:
    queue(store, "a", endpoints=["one", "two", "three"])
    queue(store, "b", endpoints=[])
    set_state(store, 2, state=Status.SENT)
    assert look(store, outbox.counts) == {"pending": 3, "sent": 1}


def lease(store: Store, holder: str, now: Any = NOW, name: str = "robot") -> bool:
    """Ask for a minute's lease."""
    return bool(store.run(job(lambda scope: outbox.take_lease(scope, name, holder, MINUTE), now=now)))


def test_a_lease_is_held_renewed_and_expires(store: Store) -> None:
    assert lease(store, "one")
    assert not lease(store, "two")
    assert lease(store, "two", name="another robot")
    assert lease(store, "one", NOW + MINUTE / 2)
    assert not lease(store, "two", NOW + MINUTE)
    assert lease(store, "two", NOW + MINUTE * 3 / 2)
    assert not lease(store, "one", NOW + MINUTE * 3 / 2)


def test_a_lease_of_a_job_that_fails_is_not_taken(store: Store) -> None:
    assert errors(store.transact([job(refuse(lambda scope: outbox.take_lease(scope, "robot", "one", MINUTE)))])) == [
        "Refused"
    ]
    assert count(store, Lease) == 0
    assert lease(store, "two")


@pytest.mark.parametrize("expired", [False, True], ids=["never held", "expired"])
def test_of_replicas_that_reach_for_a_lease_one_gets_it(
    database_url: str, open_store: OpenStore, expired: bool
) -> None:
    stores = [open_store(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for round_ in range(10):
            name = f"robot {round_}"
            if expired:
                assert lease(stores[0], "gone", NOW - 2 * MINUTE, name)
            got = list(pool.map(lambda pair, name=name: lease(pair[1], str(pair[0]), NOW, name), enumerate(stores)))
            assert got.count(True) == 1
            with stores[0].connect() as connection:
                holder = sa.select(table(Lease).c.holder).where(table(Lease).c.name == name)
                assert connection.execute(holder).scalar_one() == str(got.index(True))


def test_of_replicas_that_take_a_slot_one_gets_it(database_url: str, open_store: OpenStore) -> None:
    stores = [open_store(database_url) for _ in range(4)]

    def take(pair: tuple[int, Store]) -> bool:
        def work(scope: Scope) -> bool:
            slot = table(Slot)
            if scope.connection.execute(sa.select(slot).where(slot.c.job == "日报")).first() is not None:
                return False
            scope.insert(Slot, job="日报", slot="2026-06-01", at=scope.now, holder=str(pair[0]))
            return True

        return bool(pair[1].run(job(work)))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(take, enumerate(stores))).count(True) == 1
    assert count(stores[0], Slot) == 1
