"""One connection per bot: of several replicas exactly one runs the work, and another takes over. Time is moved."""

import asyncio
import contextlib
from datetime import timedelta

import pytest

from bot.desk import Desk
from bot.leases import SPAN, Leases
from storage.errors import StoreUnavailable
from tests.bot.delivery_desk import HandClock

SOCKET = "socket:example"


class Replica:
    """One process: its desk, its leases, and how often its connection was made."""

    def __init__(self, store, clock, name):
        self.desk = Desk(store)
        self.leases = Leases(self.desk, name, every=timedelta(0), clock=clock)
        self.begun = 0
        self.open = False
        self.ends = asyncio.Event()

    async def connection(self):
        self.begun += 1
        self.open = True
        try:
            await self.ends.wait()
        finally:
            self.open = False

    def start(self):
        self.task = asyncio.create_task(self.leases(SOCKET, self.connection))

    async def stop(self):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def killed(self, monkeypatch):
        """No word to anybody: the lease stays behind."""

        async def nothing(name):
            pass

        monkeypatch.setattr(self.leases, "_give_back", nothing)
        await self.stop()


@pytest.fixture
async def replicas(new_url, open_store):
    clock = HandClock()
    async with contextlib.AsyncExitStack() as stack:
        made = []
        url = new_url()
        for name in ("one", "two", "three"):
            made.append(Replica(open_store(url), clock, name))
            stack.push_async_callback(made[-1].desk.close)
        yield clock, made


async def until(wanted):
    """Let everybody run until something is so."""
    async with asyncio.timeout(20):
        while not wanted():  # noqa: ASYNC110 - what is waited for are rows, written by another thread
            await asyncio.sleep(0)


async def rounds(replica, count=3):
    """Let a replica ask the store some times."""
    before = replica.desk.run
    asked = 0

    async def run(job):
        nonlocal asked
        asked += 1
        return await before(job)

    replica.desk.run = run
    await until(lambda: asked > count)
    replica.desk.run = before


async def test_exactly_one_of_several_holds_the_connection_and_the_others_know(replicas):
    _, several = replicas
    for replica in several:
        replica.start()
    await until(lambda: any(replica.open for replica in several))
    for replica in several:
        await rounds(replica)

    (holder,) = [replica for replica in several if replica.open]
    others = [replica for replica in several if replica is not holder]
    assert not holder.leases.elsewhere(SOCKET)
    assert all(replica.leases.elsewhere(SOCKET) for replica in others)
    assert [replica.begun for replica in others] == [0, 0]
    for replica in several:
        await replica.stop()


async def test_who_stops_gives_it_back_at_once(replicas):
    _, (one, two, _) = replicas
    one.start()
    await until(lambda: one.open)
    two.start()
    await rounds(two)
    assert not two.open

    await one.stop()
    await until(lambda: two.open)
    assert not one.open
    await two.stop()


async def test_who_is_killed_is_followed_when_the_lease_expires_and_not_before(replicas, monkeypatch):
    clock, (one, two, _) = replicas
    one.start()
    await until(lambda: one.open)
    await one.killed(monkeypatch)

    two.start()
    clock.at += SPAN - timedelta(seconds=1)
    await rounds(two)
    assert not two.open
    clock.at += timedelta(seconds=1)
    await until(lambda: two.open)
    await two.stop()


async def test_who_slept_too_long_lets_go_when_another_took_over(replicas, monkeypatch):
    """A machine that was suspended comes back with a connection that another replica holds by now."""
    clock, (one, two, _) = replicas
    one.start()
    await until(lambda: one.open)
    await one.killed(monkeypatch)  # it will not renew while time passes …
    clock.at += SPAN
    two.start()
    await until(lambda: two.open)

    one.start()  # … and asks again
    await rounds(one)
    assert not one.open
    assert two.open
    await one.stop()
    await two.stop()


async def test_work_that_ends_or_fails_begins_again(replicas):
    _, (one, *_) = replicas
    begun = 0

    async def work():
        nonlocal begun
        begun += 1
        if begun == 1:
            raise ConnectionResetError
        if begun == 2:
            return
        await asyncio.Event().wait()

    one.task = asyncio.create_task(one.leases(SOCKET, work))
    await until(lambda: begun == 3)
    await one.stop()


async def test_a_store_that_is_away_for_a_moment_costs_no_connection_but_a_longer_one_does(replicas):
    clock, (one, *_) = replicas
    one.start()
    await until(lambda: one.open)
    asked = 0

    async def away(job):
        nonlocal asked
        asked += 1
        raise StoreUnavailable("没有存下来")

    run, one.desk.run = one.desk.run, away
    await until(lambda: asked > 3)
    assert one.open
    clock.at += SPAN - timedelta(seconds=10)
    await until(lambda: not one.open)  # before anybody else may take it
    one.desk.run = run
    await until(lambda: one.open)
    assert one.begun == 2
    await one.stop()


async def test_a_store_that_hangs_costs_the_connection_before_anybody_else_may_take_it(replicas, monkeypatch):
    clock, (one, *_) = replicas
    one.start()
    await until(lambda: one.open)
    monkeypatch.setattr("bot.leases.PATIENCE", timedelta(0))

    async def hangs(job):
        await asyncio.Event().wait()

    run, one.desk.run = one.desk.run, hangs
    clock.at += SPAN - timedelta(seconds=10)
    await until(lambda: not one.open)
    one.desk.run = run
    await one.stop()
