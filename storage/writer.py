"""The one writer thread of a process: it runs what arrived during the last commit as one batch.

Group commit is what makes a durable command cheap: the next batch is as large as the disk was slow.
"""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from storage.store import Job, Outcome, Store

Answer = Callable[[Outcome[Any]], None]
LARGEST = 64
"""Jobs in one batch at the most: bounds what a replay repeats and how long readers of PostgreSQL rows wait."""


class Writer:
    """Takes jobs from any thread; `hand_over` gets each batch's answers at once, on the writer's thread."""

    def __init__(self, store: Store, hand_over: Callable[[Sequence[tuple[Answer, Outcome[Any]]]], None]) -> None:
        self._store = store
        self._hand_over = hand_over
        self._queue: queue.SimpleQueue[tuple[Job[Any], Answer] | None] = queue.SimpleQueue()
        self._closing = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[Any], answer: Answer) -> None:
        """Queue a job; `answer` is called through `hand_over` once the outcome is durable.

        Raises RuntimeError after `close`.
        """
        with self._door:
            if self._closing:
                raise RuntimeError("the writer is closed")
            self._queue.put((job, answer))

    def close(self) -> None:
        """Finish what was taken, then end the thread."""
        with self._door:
            self._closing = True
            self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            taken = [first]
            last = False
            while len(taken) < LARGEST:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    last = True
                    break
                taken.append(item)
            self._answer(taken)
            if last:
                return

    def _answer(self, taken: list[tuple[Job[Any], Answer]]) -> None:
        try:
            outcomes = self._store.transact([job for job, _ in taken])
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            outcomes = [Outcome(error=error) for _ in taken]
        self._hand_over([(answer, outcome) for (_, answer), outcome in zip(taken, outcomes, strict=True)])
