"""The guard of callbacks: size before cryptography, freshness, and no request that counts twice."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.desk import Desk
from bot.platforms.door import LARGEST, REMEMBERED, Door
from storage.columns import table
from storage.tables import Seen

WINDOW = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def doors(new_url, open_store, clock):
    """Two replicas on one store."""
    url = new_url()
    desks = [Desk(open_store(url)) for _ in range(2)]
    yield [Door(desk, clock.now, WINDOW) for desk in desks]
    for desk in desks:
        await desk.close()


async def test_the_same_request_is_a_repeat_and_another_body_is_refused_by_every_replica(doors):
    one, two = doors
    assert await one.first("a", "n1", b"body")
    assert await one.first("a", "n1", b"body")
    assert await two.first("a", "n1", b"body")
    assert not await one.first("a", "n1", b"bodY")
    assert not await two.first("a", "n1", b"")
    assert await two.first("b", "n1", b"bodY")  # another platform's nonce is its own


async def test_a_nonce_is_remembered_for_eight_hours_over_a_restart(doors, clock):
    one, two = doors
    assert await one.first("a", "n1", b"body")
    clock.at += timedelta(hours=8)
    assert await two.first("a", "n2", b"")  # whatever is forgotten is forgotten now
    assert not await two.first("a", "n1", b"another")
    clock.at += REMEMBERED + SECOND
    assert await two.first("a", "n3", b"")
    assert await two.first("a", "n1", b"another")


async def test_what_is_forgotten_is_cleared_away(doors, clock):
    one, _ = doors
    for number in range(20):
        assert await one.first("a", f"n{number}", b"")
        clock.at += timedelta(hours=1)
    query = sa.select(sa.func.count()).select_from(table(Seen))
    assert await one._desk.read(lambda scope: scope.connection.execute(query).scalar_one(), clock.now()) <= 10


async def test_of_many_at_once_one_body_wins(doors):
    bodies = [b"x", b"y"] * 8
    taken = await asyncio.gather(*(doors[n % 4 // 2].first("a", "n1", body) for n, body in enumerate(bodies)))
    winners = {body for body, first in zip(bodies, taken, strict=True) if first}
    assert len(winners) == 1
    assert sum(taken) == 8


@pytest.mark.parametrize(
    ("age", "fresh"),
    [(timedelta(0), True), (WINDOW, True), (-WINDOW, True), (WINDOW + SECOND, False), (-WINDOW - SECOND, False)],
)
def test_freshness_is_a_window_around_now(clock, age, fresh):
    assert Door(None, clock.now, WINDOW).fresh(clock.now() - age) is fresh


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(0, 200), (LARGEST, 200), (LARGEST + 1, 413)])
async def test_a_body_is_cut_off_at_its_limit_whether_or_not_it_says_how_long_it_is(clock, size, status, chunked):
    door = Door(None, clock.now, WINDOW)

    async def called(request):
        return web.Response(text=str(len(await door.body(request))))

    async def pieces():
        for start in range(0, size, 60_000):
            yield b"x" * min(60_000, size - start)

    app = web.Application()
    app.router.add_post("/", called)
    async with (
        TestClient(TestServer(app)) as client,
        client.post("/", data=pieces() if chunked else b"x" * size) as said,
    ):
        assert said.status == status
        if status == 200:
            assert await said.text() == str(size)
