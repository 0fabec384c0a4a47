"""The fixtures that most tests of delivery share; `delivery_desk` holds what they are made of."""

import pytest

from tests.bot.delivery_desk import SECOND_KEY, HandClock, house
from tests.platforms.wecom_server import FakeWeCom


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def two(store, clock):
    """The dispatch group's robot and another dispatch group's."""
    async with (
        FakeWeCom(now=clock.now) as first,
        FakeWeCom(SECOND_KEY, now=clock.now) as second,
        house(store, clock, first, second) as process,
    ):
        yield process, first, second
