"""The one writer: whoever hands in a job is answered, once, and not before it is stored."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from storage.store import Job, Outcome, Store
from storage.writer import LARGEST, Answer, Writer
from tests.storage.desk import NOW, Refused, checked, events, job, order, refuse, register, urge


def answer(pairs: Sequence[tuple[Answer, Outcome[Any]]]) -> None:
    """Give each its outcome, on the writer's own thread."""
    for each, outcome in pairs:
        each(outcome)


def submit(writer: Writer, work: Job[Any]) -> "Future[Outcome[Any]]":
    """Hand in a job; its outcome as a future, which refuses a second answer."""
    future: Future[Outcome[Any]] = Future()
    writer.submit(work, future.set_result)
    return future


@pytest.fixture
def held() -> Callable[[], tuple[Job[None], threading.Event]]:
    """A job that holds the writer up until it is let go."""

    def make() -> tuple[Job[None], threading.Event]:
        let_go = threading.Event()
        return Job(lambda unit: let_go.wait(10) and None, now=NOW), let_go

    return make


def test_jobs_from_many_threads_are_all_stored_and_answered_once(store: Store) -> None:
    register(store, 3)
    writer = Writer(store, answer)
    with ThreadPoolExecutor(8) as pool:
        futures = list(pool.map(lambda number: submit(writer, urge(number % 3 + 1)), range(120)))
    assert sorted(future.result(20).result() for future in futures) == sorted([*range(1, 41)] * 3)
    writer.close()
    assert [order(store, number).urged for number in (1, 2, 3)] == [40, 40, 40]
    assert checked(store).problems == []


def test_an_answer_comes_after_the_commit(store: Store) -> None:
    register(store)
    stored: list[bool] = []

    def look_before_answering(pairs: Sequence[tuple[Answer, Outcome[Any]]]) -> None:
        stored.append(len(events(store)) > 1)
        answer(pairs)

    writer = Writer(store, look_before_answering)
    assert submit(writer, urge(1)).result(20).result() == 1
    writer.close()
    assert stored == [True]


def test_what_waits_becomes_one_batch_of_bounded_size(store: Store, held: Any) -> None:
    register(store)
    sizes: list[int] = []

    def measure(pairs: Sequence[tuple[Answer, Outcome[Any]]]) -> None:
        sizes.append(len(pairs))
        answer(pairs)

    writer = Writer(store, measure)
    first, let_go = held()
    futures = [submit(writer, first)]
    futures += [submit(writer, urge(1)) for _ in range(LARGEST + 6)]
    let_go.set()
    for future in futures:
        future.result(20).result()
    writer.close()
    # How much joined the job that was held up depends on the threads; the rest came in as few batches as fit.
    assert sum(sizes) == LARGEST + 7
    assert max(sizes) <= LARGEST
    assert len(sizes) <= 3


def test_closing_finishes_what_was_taken(store: Store, held: Any) -> None:
    register(store)
    writer = Writer(store, answer)
    first, let_go = held()
    futures = [submit(writer, first), *(submit(writer, urge(1)) for _ in range(100))]
    closing = threading.Thread(target=writer.close)
    closing.start()
    let_go.set()
    closing.join(20)
    assert all(future.done() for future in futures)
    assert [future.result().result() for future in futures[1:]] == list(range(1, 101))


def test_a_closed_writer_takes_nothing(store: Store) -> None:
    writer = Writer(store, answer)
    writer.close()
    writer.close()
    with pytest.raises(RuntimeError):
        submit(writer, urge(1))


def test_whoever_is_let_in_while_it_closes_is_answered(store: Store) -> None:
    register(store)
    writer = Writer(store, answer)
    start = threading.Barrier(5)
    let_in: list[Future[Outcome[Any]]] = []

    def knock() -> None:
        start.wait()
        for _ in range(20):
            try:
                let_in.append(submit(writer, urge(1)))
            except RuntimeError:
                return

    threads = [threading.Thread(target=knock) for _ in range(4)]
    for thread in threads:
        thread.start()
    start.wait()
    writer.close()
    for thread in threads:
        thread.join()
    assert all(future.done() for future in let_in)
    assert order(store, 1).urged == len(let_in)


def test_a_refused_job_is_answered_with_its_refusal(store: Store) -> None:
    register(store)
    writer = Writer(store, answer)
    futures = [submit(writer, work) for work in (urge(1), job(refuse(lambda scope: None)), urge(1))]
    with pytest.raises(Refused):
        futures[1].result(20).result()
    assert futures[2].result(20).result() == 2
    writer.close()


def test_when_storing_fails_altogether_everybody_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    register(store)
    writer = Writer(store, answer)
    with monkeypatch.context() as patch:
        patch.setattr(Store, "transact", _explode)
        futures = [submit(writer, urge(1)) for _ in range(5)]
        for future in futures:
            with pytest.raises(ZeroDivisionError):
                future.result(20).result()
    assert submit(writer, urge(1)).result(20).result() == 1
    writer.close()


def _explode(store: Store, jobs: Sequence[Job[Any]]) -> list[Outcome[Any]]:
    raise ZeroDivisionError
