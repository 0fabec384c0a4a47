"""The embedded work group is a platform like the others: made by the same table, heard by the same reception."""

import contextlib

import pytest
from aiohttp.test_utils import TestClient, TestServer

from bot.doctor import Mark
from bot.doctor.probing import probes
from bot.platforms.contract import Platform
from bot.service import open_office, running
from bot.web.app import application
from config.entries import Robot
from config.errors import ConfigError
from config.settings import load_settings
from tests.conftest import KEY
from tests.street import at, sample_organisation


def settings(folder, url, enabled):
    return load_settings(
        None,
        {
            "JIESU_DATA_DIR": str(folder),
            "JIESU_DATABASE_URL": url,
            "JIESU_CLOCK__START": at(1).isoformat(),
            "JIESU_CLOCK__SPEED": "0",
            "JIESU_VAULT__KEY": KEY.hex(),
            "JIESU_CONSOLE__ENABLED": str(enabled).lower(),
        },
    )


@contextlib.asynccontextmanager
async def opened(folder, url, enabled=True):
    office = open_office(settings(folder, url, enabled), sample_organisation(), live=True)
    try:
        async with running(office) as service, TestClient(TestServer(application(service))) as client:
            yield service, client
            if service.hub is not None:
                service.hub.close()
    finally:
        office.store.close()


async def test_it_stands_among_the_platforms_where_it_is_switched_on(sqlite_url, tmp_path):
    async with opened(tmp_path, sqlite_url) as (service, client):
        console: Platform = service.platforms["console"]
        assert (console.name, console.receives, await console.probe()) == ("console", True, [])
        assert console.chat("dispatch") is None and console.person("zhang") is None, "delivery needs no request"
        with pytest.raises(ConfigError, match="没有群机器人"):
            console.robot(Robot(platform="wecom", webhook="https://example.test/x"))
        said = {"person": "zhang", "group": "dispatch", "text": "/帮助", "message_id": "m1"}
        for _ in range(2):
            async with client.post("/console/messages", json=said) as answer:
                told = await answer.json()
            assert told["message_id"] == "m1" and [reply["private"] for reply in told["replies"]] == [False]
        async with client.post("/console/messages", json={**said, "person": "who"}) as answer:
            assert answer.status == 404
        async with client.get("/console/groups", headers={"Origin": "https://elsewhere.test"}) as answer:
            assert answer.status == 403
        assert service.connections.states() == {}


async def test_it_is_nowhere_where_it_is_not(sqlite_url, tmp_path):
    async with opened(tmp_path, sqlite_url, enabled=False) as (service, client):
        assert dict(service.platforms) == {} and service.hub is None
        for path in ("/", "/console/groups", "/static/console/app.js"):
            async with client.get(path) as answer:
                assert answer.status == 404


def test_doctor_has_nothing_to_ask_it(sqlite_url, tmp_path):
    found = probes(settings(tmp_path, sqlite_url, True), sample_organisation(), send=False)
    assert [finding.mark for finding in found] == [Mark.GOOD]
