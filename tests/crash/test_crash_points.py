"""kill -9 at each named point, on PostgreSQL, the first and a later time that the process passes it."""

import random

import pytest

from storage.failpoints import POINTS
from tests.crash.ending import settle
from tests.crash.house import House
from tests.crash.stream import Stream

BEGUN = {"delivery.before_request", "delivery.after_answer"}
"""Between the committed `sending` and the committed answer: the next process cannot know what became of it."""


@pytest.mark.parametrize("point", sorted(POINTS))
async def test_a_crash_at_this_point_loses_nothing_and_repeats_nothing(on_postgresql: House, point: str) -> None:
    house, chance = on_postgresql, random.Random(point)
    stream = Stream(house, random.Random(1))
    stream.start()
    # The start itself and every tick write batches: a later one is so late that commands went before it.
    later = chance.randrange(30, 45) if point.startswith("batch.") else chance.randrange(5, 15)
    for passing in (1, later):
        await house.start((point, passing))
        await house.ready()
        while house.alive:
            await stream.answers(1)
        await house.crashed()
    counts = await settle(house, stream)
    assert counts["carried_out"] > 0
    if point in BEGUN:
        assert counts["unknown"] >= 2
