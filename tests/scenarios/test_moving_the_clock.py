"""Moving a rehearsal's clock over HTTP: how far, for whom, and no longer than somebody waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from bot.console.routes import LONGEST_JUMP
from bot.metrics import REQUESTS
from bot.web.app import application
from tests.scenarios.house import House, opened
from tests.street import at

START = at(1, "09:00")
FAR = START + timedelta(days=60)
"""Some hundred due moments away: far enough to be stopped on the way."""


async def ask(house: House, now: str) -> tuple[int, str]:
    async with house.client.post("/console/clock", json={"now": now}) as response:
        return response.status, await response.text()


async def on_its_way(house: House) -> None:
    """Until the clock has left."""
    async with asyncio.timeout(60):
        while house.service.clock.now() == START:
            await house.service.desk.read(lambda scope: None, START)


@pytest.mark.parametrize(
    ("now", "status", "said"),
    [
        ("9999-12-31T23:59:00-14:00", 400, "一次最多往前拨 400 天：现在是 2026-06-01 09:00，请分几次拨"),
        ((START + LONGEST_JUMP + timedelta(seconds=1)).isoformat(), 400, "一次最多往前拨 400 天"),
        ("0001-01-01T00:00:00+14:00", 409, "时间不能倒退"),
        ("2026-06-01T08:59:59", 409, "时间不能倒退"),
        ("tomorrow", 400, "now 应为 ISO 格式的时间"),
    ],
)
async def test_what_is_too_far_or_back_is_refused(
    sqlite_url: str, tmp_path: Path, now: str, status: int, said: str
) -> None:
    async with opened(sqlite_url, tmp_path, START) as house:
        got, answer = await ask(house, now)
        assert got == status
        assert said in answer
        assert house.service.clock.now() == START


async def test_a_time_without_a_zone_is_shanghais(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, START) as house:
        status, answer = await ask(house, "2026-06-01T09:30")
        assert status == 200
        assert '"2026-06-01T09:30:00+08:00"' in answer
        assert house.service.clock.now() == at(1, "09:30")


def answered() -> float:
    """How many requests to move the clock have come to their end, heard or not."""
    samples = [sample for metric in REQUESTS.collect() for sample in metric.samples]
    mine = [each for each in samples if each.name.endswith("_total") and each.labels["route"] == "/console/clock"]
    return sum(each.value for each in mine)


@contextlib.asynccontextmanager
async def as_it_runs(house: House) -> AsyncIterator[str]:
    """The clock's address on a server as `jiesu run` has it: the tests' own ends a handler when its client is gone."""
    runner = web.AppRunner(application(house.service))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/console/clock"
    await runner.cleanup()


async def test_it_goes_no_further_when_nobody_waits_for_it(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, START) as house, as_it_runs(house) as address:
        before = answered()
        async with ClientSession() as client:
            asking = asyncio.create_task(client.post(address, json={"now": FAR.isoformat()}))
            await on_its_way(house)
            asking.cancel()
        async with asyncio.timeout(60):
            while answered() == before:
                await house.service.desk.read(lambda scope: None, START)
        assert START < house.service.clock.now() < FAR


async def test_a_service_that_stops_does_not_wait_for_it(sqlite_url: str, tmp_path: Path) -> None:
    async with opened(sqlite_url, tmp_path, START) as house:
        asking = asyncio.create_task(ask(house, FAR.isoformat()))
        await on_its_way(house)
        house.service.let_go()
        status, answer = await asking
        assert status == 503
        assert "服务正在停止" in answer
        assert START < house.service.clock.now() < FAR


@pytest.mark.parametrize("after", ["abc", "-5", "", "1" * 19, "1.5"])
@pytest.mark.parametrize("path", ["/console/messages?group=dispatch&", "/console/stream?"])
async def test_after_something_that_is_no_message_is_refused(
    sqlite_url: str, tmp_path: Path, path: str, after: str
) -> None:
    async with (
        opened(sqlite_url, tmp_path, START) as house,
        house.client.get(f"{path}after={after}") as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"].startswith("after 应为一条消息的 id（数字）")
