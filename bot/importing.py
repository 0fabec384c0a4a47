"""A file's rows into the store, a few at a time, so that commands never wait for an import.

`take_in_beside` is for a program of its own (`jiesu import`, a large file's process), `take_in_file` for inside a
service. Both run the same transactions.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from bot.clock import Clock
from bot.pacing import Pace
from handlers.intake.accept import Accepted, Prepared, Result, prepare
from handlers.intake.announcing import finish
from handlers.intake.orders import IncomingOrder
from handlers.intake.register import take_in
from handlers.intake.whole import WholeFile
from handlers.office import Office
from storage.store import Ahead, Job, Unit
from storage.transaction import Scope

REJECTED: Final = "拒绝"
FEWEST, MOST, FIRST = 30, 200, 50
"""Rows in one transaction: as few on the slowest machine, as many on the fastest, and in the first one. Where the disk
takes longer than `pacing.TARGET` for a commit, fewer rows would only mean more commits."""

GAP: Final = 0.005
"""Seconds at least between two transactions, in which a service that runs beside finds the write lock free: on SQLite
nobody queues for it, who waits looks every millisecond."""

NAMED: Final = 10
"""New orders that the result of an import names; of more, the list of orders is the place to look."""


class Stopped(Exception):
    """The service ends while a file is taken in: what is stored stays, and the rest comes with the file again."""


@dataclass(slots=True)
class Tally:
    """What became of the rows, by `Result`; `live` counts new orders that are not history.

    `new` are the short numbers of new orders, as long as they are few; `undated` counts live ones without a time of
    arrival.
    """

    counts: Counter[str] = field(default_factory=Counter)
    live: int = 0
    undated: int = 0
    new: list[int] = field(default_factory=list)

    @property
    def closing(self) -> str:
        """`新增 3 未变 0 变更 1 拒绝 0`, in plain digits: the last line of every import."""
        return " ".join(f"{word} {self.counts[word]}" for word in (*Result, REJECTED))

    def add(self, taken: "Taken | Tally") -> None:
        """Count what one transaction, or another file, took in."""
        self.counts += taken.counts
        self.live += taken.live
        self.undated += taken.undated
        self.new += taken.new[: NAMED + 1 - len(self.new)]

    def told(self, office: Office) -> list[str]:
        """The lines before the closing one: which orders are new, where they are few, and how many lack an arrival."""
        new = [f"#{number}" for number in self.new] if len(self.new) <= NAMED else []
        return office.texts.render("import_result", new=new, undated=self.undated).splitlines()


async def take_in_file(
    office: Office,
    run: Callable[[Job[Any]], Awaitable[Any]],
    clock: Clock,
    file: WholeFile,
    *,
    cause: str,
    progress: Callable[[int, int], Awaitable[None]],
) -> Tally:
    """Every row of a file inside a running service, in transactions of their own few; commands come in between.

    `run` runs a job on the writer; `progress(rows, of how many)` is called after each transaction, and what it raises
    ends it.
    """
    importing = Import(office, file, cause=cause)
    tally = Tally()
    for rows in importing.chunks():
        chunk = await asyncio.to_thread(importing.prepared, rows, clock.now())
        tally.add(await run(importing.job(chunk, clock.now())))
        importing.stored(chunk)
        await progress(tally.counts.total(), file.good.count)
    await run(importing.finishing(clock.now()))
    tally.counts[REJECTED] += file.rejected.count
    return tally


def take_in_beside(
    office: Office,
    run: Callable[[Job[Any]], Any],
    clock: Clock,
    file: WholeFile,
    *,
    cause: str,
    takeover: bool = False,
    progress: Callable[[int, int], None],
) -> Tally:
    """The same in a program of its own, beside a service that finds the write lock free between two transactions."""
    importing = Import(office, file, cause=cause, takeover=takeover)
    tally = Tally()
    left = 0.0
    for rows in importing.chunks():
        chunk = importing.prepared(rows, clock.now())
        time.sleep(max(0.0, left + GAP - time.monotonic()))
        tally.add(run(importing.job(chunk, clock.now())))
        importing.stored(chunk)
        left = time.monotonic()
        progress(tally.counts.total(), file.good.count)
    if not takeover:
        run(importing.finishing(clock.now()))
    tally.counts[REJECTED] += file.rejected.count
    return tally


@dataclass(frozen=True, slots=True)
class Taken:
    """What one transaction took in."""

    counts: Counter[str]
    live: int
    undated: int
    new: list[int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows for one transaction, with all that could be worked out before it: everything, when all of them are new."""

    rows: list[IncomingOrder]
    prepared: Mapping[tuple[str, str], Prepared]
    ahead: Ahead[list[Accepted]] | None


class Import:
    """One file's way into the store: `chunks`, each through `job`, then `finishing`.

    Findings are told after `finishing`; should the process die before, the service tells them two minutes later.
    """

    def __init__(self, office: Office, file: WholeFile, *, cause: str, takeover: bool = False) -> None:
        self._office = office
        self._file = file
        self._cause = cause
        self._takeover = takeover
        self._batch = uuid.uuid4().hex
        self._pace = Pace(fewest=FEWEST, most=MOST, first=FIRST)

    def chunks(self) -> Iterator[list[IncomingOrder]]:
        """The rows, as many at a time as this machine, as busy as it is, stores in `pacing.TARGET`."""
        rows = iter(self._file.good)
        while chunk := list(islice(rows, self._pace.size)):
            yield chunk

    def prepared(self, rows: list[IncomingOrder], now: datetime) -> Chunk:
        """Work out beside the writer what needs no write lock; any thread may do it."""
        store = self._office.store
        ready = store.read(lambda scope: prepare(self._office, scope, rows), now=now)
        ahead = None
        if all(row.texts is not None for row in ready.values()):
            ahead = store.ahead(lambda scope: self._taken_in(scope, rows, ready), now=now, cause=self._cause)
        return Chunk(rows, ready, ahead)

    def job(self, chunk: Chunk, now: datetime) -> Job[Taken]:
        """The transaction that takes a chunk in."""
        return Job(lambda unit: self._take(unit, chunk), now=now, cause=self._cause, counters=("order",))

    def stored(self, chunk: Chunk) -> None:
        """The chunk's transaction is durable: how long it took decides how many rows the next one has."""
        self._pace.end(len(chunk.rows))

    def finishing(self, now: datetime) -> Job[None]:
        """The transaction that says that the file is complete, so that its findings may be told."""
        return Job(lambda unit: unit.attempt(lambda scope: finish(scope, self._batch)), now=now, cause=self._cause)

    def _take(self, unit: Unit, chunk: Chunk) -> Taken:
        self._pace.begin()
        if chunk.ahead is not None and unit.adopt(chunk.ahead):
            taken = chunk.ahead.value
        else:
            taken = unit.attempt(lambda scope: self._taken_in(scope, chunk.rows, chunk.prepared))
        new = [item for item in taken if item.result is Result.NEW]
        live = [item.order for item in new if not item.history]
        return Taken(
            counts=Counter(item.result.value for item in taken),
            live=len(live),
            undated=sum(order.arrived_at is None for order in live),
            new=[item.order.id for item in new[: NAMED + 1]],
        )

    def _taken_in(
        self, scope: Scope, rows: list[IncomingOrder], prepared: Mapping[tuple[str, str], Prepared]
    ) -> list[Accepted]:
        return take_in(
            self._office,
            scope,
            rows,
            origin="导入",
            batch=self._batch,
            takeover=self._takeover,
            prepared=prepared,
        )
