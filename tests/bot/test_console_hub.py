"""The hub of the page's open lines ends when it is told to, whatever wakes it at that moment."""

import asyncio

import pytest

from bot.console.stream import Hub
from tests.street import at


class WakingDesk:
    """Stands for the desk: keeps what it would call when a message is stored. Nobody listens, so nothing is read."""

    def on_rows(self, table, told):
        assert table == "console_message"
        self.wake = told


@pytest.mark.parametrize("turns", range(6))
async def test_a_cancellation_is_not_forgotten_when_a_message_comes_in_the_same_moment(turns):
    desk = WakingDesk()
    following = asyncio.create_task(Hub(desk, lambda: at(1)).run())
    for _ in range(3):
        await asyncio.sleep(0)
    desk.wake()
    for _ in range(turns):
        await asyncio.sleep(0)

    following.cancel()

    done, _ = await asyncio.wait({following}, timeout=5)
    assert done and following.cancelled()
