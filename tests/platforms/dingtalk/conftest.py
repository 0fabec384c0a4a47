"""One DingTalk app against the fake platform."""

import pytest

from tests.conftest import open_rehearsal
from tests.platforms.dingtalk.desk import Ears, alone, client_of
from tests.platforms.dingtalk_server import FakeDingTalk


@pytest.fixture
async def dingtalk(clock):
    async with FakeDingTalk(now=clock) as server:
        yield server
        assert server.errors == []


@pytest.fixture
def ears():
    return Ears()


@pytest.fixture
def door_store(sqlite_url):
    """Where the door remembers."""
    store = open_rehearsal(sqlite_url)
    yield store
    store.close()


@pytest.fixture
async def platform(dingtalk, door_store, tmp_path, ears, clock):
    """In Stream mode, not running yet."""
    async with alone(dingtalk, door_store, tmp_path, ears, clock) as platform:
        yield platform


@pytest.fixture
async def by_http(dingtalk, door_store, tmp_path, ears, clock):
    async with alone(dingtalk, door_store, tmp_path, ears, clock, JIESU_DINGTALK__MODE="http") as platform:
        yield platform


@pytest.fixture
async def client(by_http):
    """Whoever calls our callback."""
    async with client_of(by_http) as client:
        yield client
