"""Reports keep only each other waiting: messages are taken, and orders shown, while they are at work."""

import asyncio
import threading

import pytest

from bot.desk import READERS, REPORTS
from handlers.registry import BY_NAME
from tests.platforms.desk import opened
from tests.platforms.example_server import ExampleServer
from tests.street import row


@pytest.fixture
async def office(sqlite_url, tmp_path):
    async with ExampleServer() as server, opened(sqlite_url, tmp_path, server) as office:
        yield office
        assert server.errors == []


@pytest.mark.parametrize("name", ["统计", "日报", "列表", "查"])
def test_what_looks_through_many_orders_is_wide(name):
    assert BY_NAME[name].wide and BY_NAME[name].reads


async def test_messages_do_not_wait_behind_reports(office):
    release, begun = threading.Event(), [threading.Event() for _ in range(REPORTS + READERS)]

    def report(number):
        def work(scope):
            begun[number].set()
            assert release.wait(60)
            return number

        return office.service.desk.read(work, office.service.clock.now(), wide=True)

    reports = [asyncio.create_task(report(number)) for number in range(REPORTS + READERS)]
    try:
        for one in begun[:REPORTS]:
            await asyncio.to_thread(one.wait, 60)
        async with asyncio.timeout(30):
            lines = "\n".join(f"{name}：{value}" for name, value in row(1).items() if value)
            assert "【#1】" in (await office.ask("zhang", f"/登记\n{lines}"))[0]
            assert (await office.ask("zhang", "/查 1"))[0].startswith("【#1】")
            assert "已签收" in (await office.ask("zhang", "/签收 1"))[0]
        statistics = asyncio.create_task(office.write("zhang", "/统计"))
        await asyncio.sleep(0)
        assert not any(report.done() for report in reports)
    finally:
        release.set()
    assert await asyncio.gather(*reports) == list(range(REPORTS + READERS))
    await statistics
    await office.settle()
    assert "今日" in office.server.texts()[-1] or "统计" in office.server.texts()[-1]
