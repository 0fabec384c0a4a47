"""What tests of several platforms begin with: noon of 1 June 2026 until the test moves the clock, and a session."""

from datetime import UTC, datetime

import pytest

from bot.platforms.posting import webhook_session

NOON = datetime(2026, 6, 1, 4, 0, tzinfo=UTC)


class Clock:
    """The platform's clock and ours."""

    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def session():
    async with webhook_session() as session:
        yield session
