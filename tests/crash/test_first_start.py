"""kill -9 while the first start makes the store and its key: the next start finds one or the other, or both, whole."""

import asyncio
import random
from pathlib import Path

import sqlalchemy as sa

from storage.columns import table
from storage.tables import OrderTable
from tests.crash.house import Nursery, house
from tests.crash.stream import Stream

TIMES = 6


async def test_a_first_start_that_was_killed_is_simply_started_again(nursery: Nursery, tmp_path: Path) -> None:
    chance = random.Random(1)
    whole = await _start_again_after(nursery, _folder(tmp_path, 0), chance, None)
    for number in range(1, TIMES):
        await _start_again_after(nursery, _folder(tmp_path, number), chance, chance.uniform(0.0, whole))


async def _start_again_after(nursery: Nursery, folder: Path, chance: random.Random, seconds: float | None) -> float:
    """Kill the first start after so long, start again and take an order; how long a start takes."""
    async with house(nursery, folder, None) as office:
        if seconds is not None:
            await office.start()
            await asyncio.sleep(seconds)
            await office.kill()
        await office.start()
        assert await office.ready(), office.log()
        stream = Stream(office, chance)
        stream.start(people=1)
        await stream.answers(1)
        await stream.finish()
        await office.terminate()
        with office.store() as store, store.connect() as connection:
            found = connection.execute(sa.select(table(OrderTable).c.number)).scalars()
            assert set(found) == stream.delivered
        return office.starts[-1]


def _folder(parent: Path, number: int) -> Path:
    folder = parent / str(number)
    folder.mkdir()
    return folder
