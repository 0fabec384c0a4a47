"""Several processes on one store: no update is lost, no number given twice, the journal has no gap."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from storage.store import Store
from tests.conftest import OpenStore
from tests.storage.desk import NOW, checked, events, job, look, new_order, order, register
from tests.storage.hammer import hammer

ROOT = Path(__file__).parents[2]


def sound(store: Store, increments: int, given: list[int]) -> None:
    """Every increment and every number is there once."""
    assert sorted(given) == list(range(1, increments + 1))
    assert sum(order(store, number).urged for number in (1, 2, 3)) == increments
    journal = events(store)
    assert [event["seq"] for event in journal] == list(range(1, increments + 4))
    told = [json.loads(event["body"])["data"].get("number") for event in journal[3:]]
    assert told == sorted(given)  # numbers are given in commit order
    assert checked(store).problems == []


def test_two_processes_lose_no_update(database_url: str, open_store: OpenStore) -> None:
    store = open_store(database_url)
    register(store, 3)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.storage.hammer", database_url, "200", str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for seed in (1, 2)
    ]
    given = [number for process in processes for number in json.loads(process.communicate()[0])]
    assert [process.returncode for process in processes] == [0, 0]
    sound(store, 400, given)


def test_four_stores_of_one_process_lose_no_update(database_url: str, open_store: OpenStore) -> None:
    stores = [open_store(database_url) for _ in range(4)]
    register(stores[0], 3)
    with ThreadPoolExecutor(4) as pool:
        given = pool.map(lambda pair: hammer(pair[1], 50, pair[0]), enumerate(stores))
        numbers = [number for some in given for number in some]
    sound(stores[0], 200, numbers)


def test_orders_that_arrive_at_two_replicas_get_numbers_of_their_own(database_url: str, open_store: OpenStore) -> None:
    stores = [open_store(database_url) for _ in range(2)]

    def intake(store: Store) -> list[int]:
        made = [job(lambda scope: new_order(scope).id, counters=("order",)) for _ in range(5)]
        return [outcome.result() for _ in range(8) for outcome in store.transact(made)]

    with ThreadPoolExecutor(2) as pool:
        given = [number for some in pool.map(intake, stores) for number in some]
    assert sorted(given) == list(range(1, 81))
    assert [event["order_id"] for event in events(stores[0])] == sorted(given)
    assert checked(stores[0]).problems == []


def test_one_import_of_two_replicas_makes_each_order_once(database_url: str, open_store: OpenStore) -> None:
    stores = [open_store(database_url) for _ in range(2)]
    numbers = [f"热线-260601-{number:06}" for number in range(40)]

    def intake(store: Store) -> list[str]:
        jobs = [job(lambda scope, number=number: new_order(scope, number=number).number) for number in numbers]
        outcomes = [outcome for start in range(0, 40, 8) for outcome in store.transact(jobs[start : start + 8])]
        return [outcome.value for outcome in outcomes if outcome.error is None]

    with ThreadPoolExecutor(2) as pool:
        made = [number for some in pool.map(intake, stores) for number in some]
    assert sorted(made) == numbers
    assert look(stores[0], lambda scope: scope.order(40).id) == 40
    assert look(stores[0], lambda scope: scope.order(41)) is None
    assert checked(stores[0]).problems == []


def test_a_reader_is_not_held_up_by_a_writer(database_url: str, open_store: OpenStore) -> None:
    store = open_store(database_url)
    register(store)
    seen = []

    def work(scope: object) -> None:
        seen.append(store.read(lambda scope: scope.order(1).urged, now=NOW))

    store.run(job(work, 1))
    assert seen == [0]
