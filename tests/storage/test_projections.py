"""Projections follow from the journal, byte for byte, whatever was done, refused, taken back or batched."""

import itertools
from contextlib import closing, suppress
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from storage.columns import canonical, table
from storage.store import Store
from storage.tables import PROJECTIONS, Counter, Fact, Outbox, Remark, Stay, Timer
from storage.transaction import Scope
from storage.verify import rebuild, row_bytes, stored
from tests.conftest import NewUrl, open_rehearsal
from tests.storage.desk import NOW, Refused, checked, count, errors, events, job, look, order, register, urge
from tests.storage.sequences import Past, Told, as_jobs, sequences

EVERYTHING = range(1, 200)


def told_and_held(store: Store) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Every projected row as the journal tells it and as it is stored."""
    with store.connect() as connection:
        told, held = rebuild(connection, EVERYTHING), stored(connection, EVERYTHING)
    flat = [
        {f"{model.NAME} {key}": row_bytes(row) for model in PROJECTIONS for key, row in rows[model].items()}
        for rows in (told, held)
    ]
    return flat[0], flat[1]


def beside(store: Store) -> str:
    """The working tables and counters, as text."""
    with store.connect() as connection:
        rows = [
            sorted(canonical(dict(row)) for row in connection.execute(sa.select(table(target))).mappings())
            for target in (Timer, Outbox, Counter)
        ]
    return canonical(rows)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=sequences)
def test_rebuilding_gives_the_same_bytes_and_refusals_leave_nothing(
    new_url: NewUrl, new_sqlite_url: NewUrl, batches: list[list[Told]]
) -> None:
    # Told once in batches with all that was refused, once command by command without it: the same in every byte.
    with closing(open_rehearsal(new_url())) as whole, closing(open_rehearsal(new_sqlite_url())) as plain:
        past: Past = {}
        for batch in as_jobs(batches, past, only_what_stays=False):
            for outcome in whole.transact(batch):
                with suppress(Refused):
                    outcome.result()
        past.clear()
        for batch in as_jobs(batches, past, only_what_stays=True):
            for each in batch:
                plain.run(each)
        told, held = told_and_held(whole)
        assert told == held
        assert checked(whole).problems == []
        assert events(whole) == events(plain)
        assert told_and_held(plain) == (told, held)
        assert beside(whole) == beside(plain)


def test_a_row_added_and_removed_in_one_command_was_never_there(store: Store) -> None:
    register(store)

    def work(scope: Scope) -> None:
        fact = scope.add(Fact(order_id=1, name="督办", by="D1", at=NOW))
        scope.remove(fact)
        scope.record("督办", scope.order(1))

    store.run(job(work, 1))
    assert count(store, PROJECTIONS[Fact]) == 0
    assert checked(store).problems == []


def test_a_row_removed_and_added_again_keeps_the_last_word(store: Store) -> None:
    register(store)

    def work(scope: Scope) -> None:
        scope.add(Fact(order_id=1, name="督办", by="D1", at=NOW))
        scope.record("督办", scope.order(1))

    def again(scope: Scope) -> None:
        (fact,) = scope.rows(Fact, 1)
        scope.remove(fact)
        scope.add(Fact(order_id=1, name="督办", by="D2", at=NOW, value="市"))
        scope.record("督办", scope.order(1))

    store.run(job(work, 1))
    store.run(job(again, 1))
    (fact,) = look(store, lambda scope: scope.rows(Fact, 1))
    assert (fact.by, fact.value) == ("D2", "市")
    assert checked(store).problems == []


@pytest.mark.parametrize("together", [True, False])
def test_a_taken_key_is_refused(store: Store, together: bool) -> None:
    register(store)

    def work(scope: Scope) -> None:
        scope.add(Fact(order_id=1, name="督办", by="D1", at=NOW))
        scope.record("督办", scope.order(1))
        if together:
            scope.add(Fact(order_id=1, name="督办", by="D2", at=NOW))
            scope.record("督办", scope.order(1))

    first, second = store.transact([job(work, 1), job(work, 1)])
    assert (first.error is None) is not together
    assert isinstance(second.error, ValueError)
    assert checked(store).problems == []


def test_a_change_that_no_event_tells_drops_the_command(store: Store) -> None:
    register(store, 2)

    def silent(scope: Scope) -> None:
        scope.order(1).title = "改了没说"
        scope.record("备注", scope.order(2))

    def late(scope: Scope) -> None:
        scope.record("备注", scope.order(1))
        scope.add(Remark(order_id=1, n=9, kind="备注", at=NOW, by="D1"))

    outcomes = store.transact([job(silent, 1, 2), job(late, 1), urge(1)])
    assert errors(outcomes) == ["RuntimeError", "RuntimeError", ""]
    assert order(store, 1).title == ""
    assert checked(store).problems == []


@pytest.mark.parametrize("apart", [True, False], ids=["in two batches", "in one batch"])
def test_values_that_only_compare_equal_are_told_apart(store: Store, apart: bool) -> None:
    # 0 == False in Python; in the journal they are two texts.
    register(store)

    def add(scope: Scope) -> None:
        scope.add(Remark(order_id=1, n=2, kind="备注", at=NOW, by="D1", data={"value": 0}))
        scope.record("备注", scope.order(1))

    def change(scope: Scope) -> None:
        (remark,) = scope.rows(Remark, 1)
        remark.data = {"value": False}
        scope.record("备注", scope.order(1))

    for batch in [[job(add, 1)], [job(change, 1)]] if apart else [[job(add, 1), job(change, 1)]]:
        assert errors(store.transact(batch)) == [""] * len(batch)
    assert checked(store).problems == []


def test_stays_follow_the_state(store: Store) -> None:
    register(store)
    for minutes, state in ((10, "待派单"), (10, "待派单"), (25, "待接单")):
        moment = NOW + timedelta(minutes=minutes)

        def work(scope: Scope, state: str = state) -> None:
            held = scope.order(1)
            held.state = state
            scope.record("流转", held)

        store.run(job(work, 1, now=moment))
    stays = look(store, lambda scope: scope.rows(Stay, 1))
    assert [(stay.state, stay.n) for stay in stays] == [("待签收", 1), ("待派单", 2), ("待接单", 4)]
    for earlier, later in itertools.pairwise(stays):
        assert earlier.until == later.since
    assert stays[-1].until is None
    assert checked(store).problems == []


def test_a_stay_is_of_one_state_and_one_department(store: Store) -> None:
    register(store)

    def turn(scope: Scope, state: str, department: str) -> None:
        held = scope.order(1)
        held.state, held.department = state, department
        scope.record("流转", held)

    def look_back(scope: Scope) -> list[str | None]:
        turn(scope, "办理中", "卫生科")
        return [stay.department for stay in scope.rows(Stay, 1)]

    store.run(job(lambda scope: turn(scope, "待接单", "城管科"), 1))
    store.run(job(lambda scope: turn(scope, "待接单", "卫生科"), 1))
    told = store.run(job(look_back, 1))
    assert told == look(store, lambda scope: [stay.department for stay in scope.rows(Stay, 1)])
    assert told == [None, "城管科", "卫生科", "卫生科"]
