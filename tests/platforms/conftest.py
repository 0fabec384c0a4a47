"""What tests of several platforms begin with: noon of 1 June 2026 until the test moves the clock, and a session."""

from datetime import UTC, datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

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


class Elsewhere:
    """A gateway at `url` that sends whoever connects on to `foreign`, which remembers in `asked` that somebody came."""

    def __init__(self):
        self.asked, self.sent_on = [], 0
        foreign, gateway = web.Application(), web.Application()
        foreign.router.add_get("/", self._came)
        gateway.router.add_get("/", self._sent_on)
        self.foreign, self.gateway = TestServer(foreign), TestServer(gateway)

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.gateway.port}/"

    async def _sent_on(self, request):
        self.sent_on += 1
        raise web.HTTPFound(self.foreign.make_url("/"))

    async def _came(self, request):
        self.asked.append(request.path_qs)
        return web.Response(status=404)


@pytest.fixture
async def elsewhere():
    made = Elsewhere()
    async with made.foreign, made.gateway:
        yield made


@pytest.fixture
async def session():
    async with webhook_session() as session:
        yield session
