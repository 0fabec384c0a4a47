"""What a pressed card offers next."""

import pytest

from bot.platforms.contract import Incoming
from tests.platforms.desk import GROUP_CHAT, account, opened
from tests.platforms.example_server import ExampleServer
from tests.street import row


@pytest.fixture
async def office(sqlite_url, tmp_path):
    async with ExampleServer() as server, opened(sqlite_url, tmp_path, server, JIESU_INTAKE__TOKEN="token") as office:
        headers = {"Authorization": "Bearer token"}
        async with office.client.post("/api/orders", json=[row(1), row(2)], headers=headers) as answer:
            assert answer.status == 200
        yield office


def pressed(text, chat=GROUP_CHAT):
    return Incoming("matrix", f"press {text} {chat}", chat, account("zhang"), text, mentioned=True, button=True)


async def test_it_is_the_orders_next_step_in_the_group_that_it_waits_for(office):
    reception = office.service.reception
    (step,) = await reception.offered(pressed("/签收 1"))
    assert (step.label, step.command, step.choices) == ("签收", "/签收 1", ())
    await reception.take(pressed("/签收 1"))
    (step,) = await reception.offered(pressed("/签收 1"))
    assert (step.label, step.command) == ("派单", "/派单 1")
    assert ("城管科", "chengguan") in step.choices
    await reception.take(pressed("/派单 1 chengguan"))
    assert await reception.offered(pressed("/派单 1 chengguan")) == ()


@pytest.mark.parametrize(
    ("command", "chat"),
    [
        ("/签收 1", None),
        ("/签收 1", "!unknown:example.test"),
        ("/签收 1-2", GROUP_CHAT),
        ("/签收 99", GROUP_CHAT),
        ("/待办", GROUP_CHAT),
        ("没有这样的命令", GROUP_CHAT),
    ],
)
async def test_nothing_is_offered_of_what_is_not_one_order_of_the_group(office, command, chat):
    assert await office.service.reception.offered(pressed(command, chat)) == ()
