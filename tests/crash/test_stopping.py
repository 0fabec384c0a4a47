"""SIGTERM in the middle of the work: what was taken is answered, what was begun is ended."""

import random

import sqlalchemy as sa

from storage.columns import table
from storage.outbox import Status, counts
from storage.tables import Inbox
from tests.crash.ending import settle
from tests.crash.house import MORNING, House
from tests.crash.stream import Stream

TIMES = 3
LONGEST = 10.0
"""Seconds that a stop may take."""


async def test_a_stop_answers_all_that_was_taken_and_leaves_no_request_in_doubt(on_sqlite: House) -> None:
    house, chance = on_sqlite, random.Random(1)
    stream = Stream(house, random.Random(2))
    stream.start()
    for _ in range(TIMES):
        await house.start()
        assert await house.ready(), house.log()
        async with house.http.get(f"{house.base}/console/stream") as page:
            await stream.answers(chance.randrange(10, 30))
            assert stream.busy > 0
            assert await house.terminate() < LONGEST
            assert await page.content.read(), "an open page gets what there was, and its end"
        await stream.quiet()
        with house.store() as store:
            with store.connect() as connection:
                stored = set(connection.execute(sa.select(table(Inbox).c.message_id)).scalars())
            assert stored == {f"{answer.said.person}/{answer.said.message_id}" for answer in stream.answered}
            states = store.read(counts, now=MORNING)
            assert not states.keys() & {Status.SENDING, Status.UNKNOWN}
    await settle(house, stream)
