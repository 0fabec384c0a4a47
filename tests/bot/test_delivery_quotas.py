"""Limits that several endpoints share: an app's, an account's, a conversation's."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.delivery import quotas
from bot.platforms.contract import Limit
from storage import outbox
from storage.outbox import Priority, Status
from storage.tables import Attempt, Draw
from tests.bot.delivery_desk import ROBOT, SECOND, SECOND_KEY, house, shown
from tests.platforms import wecom_server as fake
from tests.platforms.wecom_server import FakeWeCom

MINUTE = timedelta(minutes=1)
SHARED = (Limit(18, MINUTE), Limit(5, MINUTE, "app"))


async def fill(process, count):
    for number in range(count):
        for endpoint, audience in ((ROBOT, "dispatch"), (SECOND, "second")):
            await process.queue(f"{number}", Priority.REPORT, endpoints=[endpoint], audience=audience)


async def test_two_endpoints_of_one_app_send_no_more_together_than_the_app_may(store, clock):
    async with (
        FakeWeCom(now=clock.now) as one,
        FakeWeCom(SECOND_KEY, now=clock.now) as two,
        house(store, clock, one, two) as process,
    ):
        process.limits = SHARED
        process.restart("one")
        await fill(process, 6)
        begin = clock.at
        await process.delivery.drain()
        assert len(one.contents) + len(two.contents) == 5
        assert await process.delivery.next_due() == begin + MINUTE
        process.restart("two")
        await process.through()
        assert (len(one.contents), len(two.contents)) == (6, 6)
        assert clock.at == begin + 2 * MINUTE
        clock.at += timedelta(minutes=5)
        await process.queue("再一条")
        await process.delivery.drain()
        assert [row.at for row in store.read(lambda s: list(s.connection.execute(sa.select(Draw))), now=clock.at)] == [
            clock.at
        ], "what counts no more is forgotten"


async def test_two_processes_draw_from_one_bucket(database_url, open_store, clock):
    stores = open_store(database_url), open_store(database_url)
    async with (
        FakeWeCom(now=clock.now) as one,
        FakeWeCom(SECOND_KEY, now=clock.now) as two,
        house(stores[0], clock, one, two, holder="a") as a,
        house(stores[1], clock, one, two, holder="b") as b,
    ):
        for process, name in ((a, "a"), (b, "b")):
            process.limits = SHARED
            process.restart(name)
        del a.senders[SECOND], b.senders[ROBOT]
        await fill(a, 6)
        await asyncio.gather(a.delivery._serve(ROBOT), b.delivery._serve(SECOND))
        assert len(one.contents) + len(two.contents) == 5


async def test_a_pause_that_the_platform_asks_for_is_kept_by_all_that_share_the_bucket(store, clock):
    async with (
        FakeWeCom(now=clock.now) as one,
        FakeWeCom(SECOND_KEY, now=clock.now) as two,
        house(store, clock, one, two) as process,
    ):
        process.limits = SHARED
        process.restart("one")
        begin = clock.at
        one.then(fake.errcode(45009))
        await process.queue("甲")
        await process.delivery.drain()
        await process.queue("乙", endpoints=[SECOND], audience="second")
        process.restart("two")
        await process.delivery.drain()
        assert (one.requests, two.requests) == (1, 0)
        assert await process.delivery.next_due() == begin + MINUTE
        assert "pause:" not in shown(process), "nobody holds it"
        await process.through()
        assert (one.contents, two.contents, clock.at) == (["甲"], ["乙"], begin + MINUTE)


@pytest.mark.parametrize("shared", [None, "chat"])
async def test_a_claim_reads_few_rows_however_many_a_limit_counts(store, clock, shared):
    """Of 950 requests of the last hour the one that must have left the window is enough."""
    async with FakeWeCom(now=clock.now) as one, house(store, clock, one) as process:
        limits = (Limit(28, MINUTE, shared), Limit(950, timedelta(hours=1), shared))

        def past(scope):
            for number in range(1, 951):
                at = clock.at - timedelta(seconds=3 * (951 - number))
                scope.insert(Attempt, outbox_id=number, endpoint=ROBOT, at=at, ended_at=at, outcome=Status.SENT)
                if shared:
                    scope.insert(Draw, bucket=shared, outbox_id=number, at=at)

        await process.change(past)

        def ask(scope):
            rows = len(quotas._ends(scope, ROBOT, limits[1], 949, 1))
            short = quotas.shortage(scope, ROBOT, limits, 2, timedelta(seconds=10))
            return quotas.free_from(scope, ROBOT, limits), rows, short

        free, rows, short = store.read(ask, now=clock.at)
        assert free == clock.at - timedelta(seconds=3 * 950) + timedelta(hours=1)
        assert (rows, short) == (1, True)


async def test_a_turn_is_no_lease(store, clock):
    async with house(store, clock) as process:
        for _ in range(2):
            await process.change(lambda scope: outbox.take_turn(scope, "quota:app"))
        assert await process.change(lambda scope: outbox.take_lease(scope, "quota:app", "x", MINUTE))
