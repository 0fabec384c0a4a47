"""kill -9 at random moments, on SQLite: nothing acknowledged is lost, nothing is done twice."""

import asyncio
import random

import pytest

from tests.crash.ending import settle
from tests.crash.house import House
from tests.crash.stream import Stream

KILLS = 9


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_killed_in_the_middle_of_the_work_is_neither_lost_nor_repeated(
    on_sqlite: House, seed: int
) -> None:
    house, chance = on_sqlite, random.Random(seed)
    stream = Stream(house, random.Random(1000 + seed))
    stream.start()
    for _ in range(KILLS):
        await house.start()
        if chance.random() < 0.8:
            assert await house.ready(), house.log()
            await stream.answers(chance.randrange(20))
            await asyncio.sleep(chance.uniform(0.0, 0.05))
        else:
            await asyncio.sleep(chance.uniform(0.0, 0.3))
        await house.kill()
    counts = await settle(house, stream)
    assert stream.retries > KILLS
    assert counts["carried_out"] > KILLS
