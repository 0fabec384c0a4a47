"""The event loop's side of the writer: submit a job, await its durable outcome."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

from storage.store import Job, Outcome, Store
from storage.transaction import Scope
from storage.writer import Writer

T = TypeVar("T")
_Handed = Sequence[tuple[Callable[[Outcome[Any]], None], Outcome[Any]]]
READERS = 2
"""Threads for queries, so that a long one never delays a command."""
REPORTS = 2
"""Threads for those that look through many orders: what a message is judged by never waits for them."""


class Desk:
    """Where coroutines reach the store. Create it on the running loop; `close` finishes what was taken."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._listeners: list[tuple[str, Callable[[], None]]] = []
        store.on_commit = self._committed
        self._writer = Writer(store, self._hand_over)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._reports = ThreadPoolExecutor(REPORTS, thread_name_prefix="report")

    async def run(self, job: Job[T], handed: Callable[[], None] = lambda: None) -> T:
        """Run a job on the writer; returns when it is durable, raises what the job raised. `handed` is called when it
        stands in the writer's queue: what is submitted from then on runs after it."""
        future: asyncio.Future[T] = self._loop.create_future()

        def answer(outcome: Outcome[Any]) -> None:
            if future.done():
                return
            if outcome.error is None:
                future.set_result(outcome.value)  # type: ignore[arg-type]
            else:
                future.set_exception(outcome.error)

        self._writer.submit(job, answer)
        handed()
        return await future

    async def read(self, work: Callable[[Scope], T], now: datetime, *, wide: bool = False) -> T:
        """Run a query beside the writer; a `wide` one, which looks through many orders, among its like."""
        pool = self._reports if wide else self._readers
        return await self._loop.run_in_executor(pool, lambda: self._store.read(work, now=now))

    def on_rows(self, table: str, listener: Callable[[], None]) -> None:
        """Call the listener on the loop after each commit that added or placed rows of a working table."""
        self._listeners.append((table, listener))

    async def close(self) -> None:
        """Finish what was taken, then end the threads."""
        await self._loop.run_in_executor(None, self._writer.close)
        self._readers.shutdown(wait=True)
        self._reports.shutdown(wait=True)

    def _hand_over(self, answers: _Handed) -> None:
        self._loop.call_soon_threadsafe(_answer_all, answers)

    def _committed(self, written: frozenset[str]) -> None:
        for table, listener in self._listeners:
            if table in written:
                self._loop.call_soon_threadsafe(listener)


def _answer_all(answers: _Handed) -> None:
    for answer, outcome in answers:
        answer(outcome)
