"""The loop that carries messages from the outbox to robots and the console."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random, SystemRandom
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

import sqlalchemy as sa
from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import Clock
from bot.delivery import cards, console, detours, ledger, quotas, rerouting, sharing, standstill
from bot.delivery.asking import ask
from bot.delivery.claims import Claim, claim, record
from bot.delivery.ledger import Row
from bot.delivery.watch import Watch
from bot.delivery.ways import Ways
from bot.platforms.contract import Outcome, Outgoing, Sender
from bot.routes import CONSOLE, platform_of
from handlers.office import Office
from storage.columns import table
from storage.errors import StoreError, StoreUnavailable
from storage.failpoints import passing
from storage.store import Job
from storage.tables import Lease
from storage.transaction import Scope

T = TypeVar("T")
POLL = 1.0
"""Seconds between looks into the outbox when nothing wakes the loop: another process may have queued something."""
PATIENCE = timedelta(seconds=20)
"""How long `stop` waits for requests under way."""
_GONE = "gone"
_WATCH, _CARDS, _DETOURS, _STANDSTILL = "watch", "cards", "detours", "standstill"
"""What to look after beside the robots, among the endpoints that have something to do."""


class Run(Protocol):
    """Runs a job on the writer: returns when it is durable, raises what the job raised."""

    def __call__(self, job: Job[T], /) -> Awaitable[T]:
        """Hand the job over."""
        ...


class Delivery:
    """One process's delivery. `sender_of` knows who sends to an endpoint, None where nobody does; `holder` names this
    process in leases, unlike any other; `elsewhere` says whether another replica holds a lease.

    `last_cycle` is when it last looked through the outbox, by `time.monotonic`.
    """

    def __init__(
        self,
        office: Office,
        run: Run,
        clock: Clock,
        sender_of: Callable[[str], Sender | None],
        compose: Callable[[Scope, Row], Outgoing],
        holder: str,
        random: Random | None = None,
        elsewhere: Callable[[str], bool] = lambda lease: False,
    ) -> None:
        self.last_cycle = time.monotonic()
        self._office = office
        self._run = run
        self._clock = clock
        self._sender_of = sender_of
        self._compose = compose
        self._served: set[str] = set()
        self._holder = holder
        self._random = random or SystemRandom()
        organisation, routes = office.organisation, office.routes
        groups = (routes.of_group(group) for group in organisation.groups)
        people = (routes.of_person(person.id) for person in organisation.people)
        ways = {endpoint for endpoints in (*groups, *people) for endpoint in endpoints}
        self._chats = frozenset(endpoint for endpoint in ways if platform_of(endpoint) == CONSOLE)
        # A lock lives as long as somebody works in its lane or waits for it.
        self._lanes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._ways = Ways(office, sender_of, elsewhere)
        self._watch = Watch(office, self._ways)
        self._chores: dict[str, Callable[[Scope], bool]] = {
            _WATCH: self._watch.tell,
            _CARDS: partial(cards.refresh, office, sender_of=sender_of),
            _DETOURS: partial(detours.tell, office, self._ways),
            _STANDSTILL: partial(standstill.mark, office, self._ways),
        }
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[bool]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._stopping = False

    async def step(self) -> bool:
        """Do everything that can be done at the clock's moment; returns whether anything was.

        Raises StoreUnavailable; what was under way is then kept for the next step.
        """
        lanes = await self._due()
        lanes |= self._busy()
        results = await asyncio.gather(*(self._serve(lane) for lane in lanes), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return any(results)

    async def drain(self) -> None:
        """Go on until nothing more can be sent at the clock's moment."""
        while await self.step():
            pass

    async def next_due(self) -> datetime | None:
        """The earliest later moment at which something can be done: a retry, a refilled limit, a digest, a lease."""
        now = self._clock.now()
        return min((at for at in (await self._moments(now)).values() if at > now), default=None)

    async def run(self) -> None:
        """Deliver until `stop`: at every signal, and every second."""
        self._loop = asyncio.get_running_loop()
        while not self._stopping:
            self._wake.clear()
            try:
                for lane in await self._due():
                    self._start(lane)
            except (StoreError, SQLAlchemyError) as error:
                logger.warning("delivery cannot read the outbox: {}", error)
            try:
                async with asyncio.timeout(POLL):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def signal(self) -> None:
        """Something was queued: look at once. May be called from any thread, also when nothing runs."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def stop(self) -> None:
        """Begin no request any more, let those under way end, and give the endpoints back."""
        self._stopping = True
        self._wake.set()
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                for lock in list(self._lanes.values()):
                    async with lock:
                        pass
        except TimeoutError:
            logger.warning("delivery stops with requests under way; a restart takes their outcome as unknown")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._transact(self._give_back)
        except StoreError as error:
            logger.warning("delivery keeps its leases until they expire: {}", error)

    def _start(self, lane: str) -> None:
        task = asyncio.create_task(self._serve(lane), name=f"delivery {lane}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[bool]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        if (error := task.exception()) is None:
            if task.result():
                self._wake.set()  # something may have been queued during its last look
        elif isinstance(error, StoreError):
            logger.warning("{}: {}", task.get_name(), error)
        else:
            logger.opt(exception=error).error("{} failed", task.get_name())

    async def _due(self) -> set[str]:
        """The lanes that have something to do now: one for each robot, one for the console, one for what is gone."""
        now = self._clock.now()
        moments = await self._moments(now)
        self.last_cycle = time.monotonic()
        lanes = {self._lane(endpoint) for endpoint, at in moments.items() if at <= now}
        return {lane for lane in lanes if lane is not None}

    async def _moments(self, now: datetime) -> dict[str, datetime]:
        """Endpoint → when there is something to do for it, but for those at which somebody is at work."""
        moments = await self._read_moments(now)
        busy = self._busy()
        return {endpoint: at for endpoint, at in moments.items() if self._lane(endpoint) not in busy}

    def _busy(self) -> set[str]:
        return {lane for lane, lock in self._lanes.items() if lock.locked()}

    async def _read_moments(self, now: datetime) -> dict[str, datetime]:
        self._ways.look(now)
        return await asyncio.to_thread(self._office.store.read, self._look, now=now)

    def _look(self, scope: Scope) -> dict[str, datetime]:
        held_back = sharing.held_back(scope, self._holder, self._sender_of)
        moments = ledger.moments(scope, self._sender_of, self._holder, held_back)
        for endpoint, at in moments.items():
            if not self._ways.exists(endpoint):
                moments[endpoint] = max(at, rerouting.due(self._office, self._ways, scope, endpoint, at))
        still = standstill.due(self._office, self._ways, scope)
        for chore, due in ((_WATCH, self._watch.due(scope)), (_DETOURS, detours.due(scope)), (_STANDSTILL, still)):
            if due is not None:
                moments[chore] = due
        if cards.stale(scope):
            moments[_CARDS] = scope.now
        return moments

    def _lane(self, endpoint: str) -> str | None:
        """None while another replica holds the connection that the endpoint needs: its messages wait for it."""
        if endpoint in self._chores:
            return endpoint
        if endpoint in self._chats:
            return CONSOLE
        if (sender := self._sender_of(endpoint)) is None:
            return _GONE
        return endpoint if sender.ready else None

    async def _serve(self, lane: str) -> bool:
        """Do all that a lane can do now, one request at a time; whether anything was done, here or before us."""
        lock = self._lanes.setdefault(lane, asyncio.Lock())
        waited = lock.locked()
        async with lock:
            if lane == CONSOLE:
                did = await self._serve_console()
            elif lane in self._chores:
                did = await self._transact(self._chores[lane])
            elif lane == _GONE:
                did = await self._reroute_gone()
            else:
                did = await self._serve_robot(lane)
        return did or waited

    async def _serve_robot(self, endpoint: str) -> bool:
        sender, did = self._sender_of(endpoint), False
        if sender is None:
            return False
        self._served.add(endpoint)
        take = partial(
            claim,
            self._office,
            endpoint=endpoint,
            sender=sender,
            holder=self._holder,
            compose=self._compose,
            sender_of=self._sender_of,
        )
        while not self._stopping and sender.ready:
            passing("delivery.before_sending")
            asked = time.monotonic()
            # What one claim draws from a shared limit, the next of the same commit would not see.
            async with contextlib.AsyncExitStack() as turns:
                for bucket in quotas.buckets(sender.limits):
                    await turns.enter_async_context(self._turns.setdefault(bucket, asyncio.Lock()))
                claimed = await self._transact(take)
            if claimed is False:
                break
            did = True
            if isinstance(claimed, Claim):
                await self._send(sender, claimed, asked)
        return did

    async def _send(self, sender: Sender, claimed: Claim, asked: float) -> None:
        passing("delivery.before_request")
        answer = await ask(sender, claimed, asked)
        passing("delivery.after_answer")
        log = logger.bind(outbox=claimed.message.key, endpoint=claimed.endpoint)
        now = self._clock.now()
        while True:
            try:
                await self._transact(
                    lambda scope: record(self._office, scope, claimed, answer, sender, self._random), now
                )
                break
            except StoreUnavailable as error:
                log.warning("the answer {} waits for the store: {}", answer.outcome, error)
                await asyncio.sleep(POLL)
        passing("delivery.after_recorded")
        log.log("INFO" if answer.outcome is Outcome.SENT else "WARNING", "{}: {}", answer.outcome, answer.detail)

    async def _serve_console(self) -> bool:
        work, did = partial(console.hand_over, endpoints=self._chats), False
        while not self._stopping:
            count = await self._transact(work, counters=("message",))
            did = did or count > 0
            if count < console.MOST:
                break
        return did

    async def _reroute_gone(self) -> bool:
        did = False
        for endpoint in await self._gone():
            self._served.add(endpoint)
            work = partial(rerouting.reroute, self._office, self._ways, endpoint=endpoint, holder=self._holder)
            if await self._transact(work):
                logger.bind(endpoint=endpoint).warning("messages for an endpoint without a sender go another way")
                did = True
        return did

    async def _gone(self) -> list[str]:
        now = self._clock.now()
        return [at for at, due in (await self._read_moments(now)).items() if due <= now and self._lane(at) == _GONE]

    async def _transact(
        self, work: Callable[[Scope], T], now: datetime | None = None, counters: tuple[str, ...] = ()
    ) -> T:
        return await self._run(Job(lambda unit: unit.attempt(work), now=now or self._clock.now(), counters=counters))

    def _give_back(self, scope: Scope) -> None:
        lease = table(Lease)
        mine = lease.c.holder == self._holder, lease.c.name.in_(list(self._served))
        scope.execute(sa.delete(lease).where(*mine))
