"""The service does not start half-connected, and says how its connections stand."""

from datetime import timedelta

import pytest

from bot.connections import Connections
from config.errors import ConfigError
from tests.platforms.desk import opened
from tests.platforms.example_server import ExampleServer

HURRY = {"JIESU_PLATFORMS__PATIENCE": "1.9"}
"""Less than the pause between two probes: there is one, and time for its answer."""


@pytest.fixture
async def server():
    async with ExampleServer() as server:
        yield server
        assert server.errors == []


async def test_a_connected_service_starts_and_says_so(sqlite_url, tmp_path, server):
    async with opened(sqlite_url, tmp_path, server) as office:
        async with office.client.get("/readyz") as answer:
            assert (await answer.json())["platforms"] == {"matrix": "已连接"}
        async with office.client.get("/metrics") as answer:
            assert 'jiesu_platform_connected{platform="matrix"} 1.0' in await answer.text()


async def test_one_that_reaches_nobody_refuses_and_names_the_settings(sqlite_url, tmp_path, server):
    server.up = False
    with pytest.raises(ConfigError) as refused:
        async with opened(sqlite_url, tmp_path, server, **HURRY):
            pass
    assert str(refused.value) == (
        "Matrix：HTTP 503。请检查 JIESU_MATRIX__HOMESERVER 和 JIESU_MATRIX__ACCESS_TOKEN。"
        "改好后再启动；平台没有连上也要启动，请设 JIESU_PLATFORMS__OPTIONAL=true"
    )


async def test_told_to_it_starts_and_goes_on_trying(sqlite_url, tmp_path, server):
    server.up = False
    optional = HURRY | {"JIESU_PLATFORMS__OPTIONAL": "true"}
    async with (
        opened(sqlite_url, tmp_path, server, **optional) as office,
        office.client.get("/readyz") as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["platforms"] == {"matrix": "没有连上"}


class Away:
    """A platform whose probe is good and whose connection is not."""

    name = "feishu"
    receives = True
    connected = False
    reason = ""

    async def probe(self):
        return []


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("", "飞书：问得通，但收消息的连接没有建立，请检查 JIESU_FEISHU__… 各项和网络"),
        ("对方断开", "飞书：收消息的连接没有建立：对方断开，请检查 JIESU_FEISHU__… 各项和网络"),
        ("请核对 JIESU_FEISHU__MODE。", "飞书：收消息的连接没有建立：请核对 JIESU_FEISHU__MODE"),
    ],
)
async def test_the_last_reason_is_told(reason, told):
    away = Away()
    away.reason = reason
    assert await Connections({"feishu": away}, lambda lease: False).missing(timedelta()) == [told]
