"""What one person says at once is taken in the order in which it was said, on every platform."""

import asyncio

import pytest

from storage.columns import table
from storage.tables import Inbox, OrderTable
from tests.scenarios.test_a_day_on_every_platform import TOKEN, WAYS, opened
from tests.street import row


@pytest.mark.parametrize("name", [name for name in WAYS if name != "matrix"])  # there a room is read in order anyway
async def test_what_one_person_says_at_once_is_taken_in_order_and_holds_nobody_else(name, sqlite_url, tmp_path):
    async with WAYS[name]() as way, opened(way, sqlite_url, tmp_path) as (service, client):
        begun, news, let = [], asyncio.Condition(), asyncio.Event()
        stored = asyncio.Event()
        service.desk.on_rows("inbox", stored.set)
        take = service.router.take

        async def held(incoming, person, *more, **named):
            begun.append(person.id)
            async with news:
                news.notify_all()
            if len(begun) == 1:
                await let.wait()  # what overtakes the first message does it now
            return await take(incoming, person, *more, **named)

        async def until(count):
            async with asyncio.timeout(20), news:
                await news.wait_for(lambda: len(begun) >= count)

        def write(person, text):
            return asyncio.create_task(way.write(way.account(person), False, text, client))

        service.router.take = held
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with client.post("/api/orders", json=[row(1)], headers=headers) as answer:
            assert answer.status == 200
        writing = [write("zhang", "签收 1")]
        await until(1)
        writing += [write("zhang", "派单 1 城管科"), write("li", "待办")]
        await until(2)
        assert begun == ["zhang", "li"]
        let.set()
        await until(3)
        await asyncio.gather(*writing)
        async with asyncio.timeout(20):
            while len(rows(service, Inbox)) < 3:
                stored.clear()
                await stored.wait()
        assert [order.state for order in rows(service, OrderTable)] == ["待接单"]


def rows(service, model):
    return service.office.store.read(
        lambda scope: list(scope.connection.execute(table(model).select())), now=service.clock.now()
    )
