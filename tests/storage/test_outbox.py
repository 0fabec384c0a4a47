"""The outbox, the attempts that limits are counted from, and leases."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from storage import outbox
from storage.columns import table
from storage.outbox import NOWHERE, SENTENCES, Priority, Status
from storage.store import Store
from storage.tables import Attempt, Lease, Outbox, Slot
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


def next_one(store: Store, endpoint: str = "group", now: Any = NOW) -> str | None:
    """The text of the message that goes next."""
    found = store.read(lambda scope: outbox.claimable(scope, endpoint), now=now)
    return None if found is None else str(found["text"])


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


def test_a_message_that_nobody_can_carry_is_kept_as_failed(store: Store) -> None:
    queue(store, "新工单", endpoints=[])
    (lost,) = messages(store)
    assert (lost["endpoint"], lost["state"]) == (NOWHERE, Status.FAILED)
    assert lost["detail"]
    assert next_one(store, NOWHERE) is None


def test_a_refused_command_sends_nothing(store: Store) -> None:
    told = {"kind": "notice", "endpoints": ["group"], "audience": "group", "priority": Priority.NOTICE, "text": "x"}
    store.transact([job(refuse(lambda scope: outbox.queue(scope, **told)))])
    assert messages(store) == []


def test_the_most_urgent_goes_first_then_the_oldest(store: Store) -> None:
    told = {
        "日报": Priority.REPORT,
        "通知一": Priority.NOTICE,
        "紧急": Priority.URGENT,
        "通知二": Priority.NOTICE,
        "提醒": Priority.REMINDER,
        "回复": Priority.REPLY,
    }
    for text, priority in told.items():
        queue(store, text, priority)
    went = []
    while (text := next_one(store)) is not None:
        went.append(text)
        sent = next(message["id"] for message in messages(store) if message["text"] == text)
        set_state(store, sent, state=Status.SENT)
    assert went == ["紧急", "回复", "通知一", "通知二", "提醒", "日报"]


@pytest.mark.parametrize("state", Status)
def test_only_what_waits_goes(store: Store, state: Status) -> None:
    queue(store, "通知")
    set_state(store, 1, state=state)
    assert (next_one(store) is not None) is (state in (Status.PENDING, Status.RETRY))


def test_nothing_goes_before_its_time_or_to_another_endpoint(store: Store) -> None:
    queue(store, "稍后", Priority.URGENT)
    queue(store, "现在")
    set_state(store, 1, state=Status.RETRY, next_at=NOW + MINUTE)
    assert next_one(store) == "现在"
    assert next_one(store, now=NOW + MINUTE) == "稍后"
    assert next_one(store, "other") is None


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
    assert look(store, outbox.counts) == {"pending": 2, "sent": 1, "failed": 1}


def test_requests_count_within_the_window(store: Store) -> None:
    def made(ages: Sequence[timedelta], endpoint: str) -> None:
        def work(scope: Scope) -> None:
            for age in ages:
                request = {"outbox_id": 1, "endpoint": endpoint, "at": NOW - age, "outcome": "sent", "detail": ""}
                scope.insert(Attempt, **request)

        store.run(job(work))

    ages = [timedelta(seconds=second) for second in (61, 60, 59, 30, 0)]
    made(ages, "group")
    made([timedelta(0)], "other")
    assert look(store, lambda scope: outbox.used(scope, "group", MINUTE)) == [NOW - age for age in ages[2:]]
    assert look(store, lambda scope: outbox.used(scope, "nowhere", MINUTE)) == []


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
