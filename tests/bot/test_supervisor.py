"""The service manager is told what it can act upon: ready, at work, stopping, and not to restart in vain."""

import asyncio
import contextlib
import math
import os
import signal
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.service import LATELY, open_office, running
from bot.supervisor import Manager, report, supervised
from bot.web.app import serve
from config.settings import load_settings
from tests.conftest import KEY
from tests.platforms.desk import opened
from tests.platforms.example_server import ExampleServer
from tests.street import at, office_of, sample_organisation

OFTEN = "2"
"""µs that the watchdog of the tests allows: each report follows the last at once."""


@contextlib.contextmanager
def manager(name):
    """Stands for systemd: a socket on a path or in the abstract space."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        listening.setblocking(False)
        yield listening


async def heard(listening):
    """The next datagram's lines."""
    data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(listening, 4096), timeout=60)
    return data.decode().split("\n")


@pytest.fixture
async def service(sqlite_url, open_store):
    async with running(office_of(open_store(sqlite_url), sample_organisation())) as service:
        yield service


@pytest.fixture(params=["path", "abstract"])
def address(request, tmp_path):
    return str(tmp_path / "notify") if request.param == "path" else f"@jiesu-test-{tmp_path.name}-{id(request)}"


async def test_it_says_that_it_is_ready_at_work_and_stopping(service, address):
    with manager(address) as listening:
        async with supervised(service, {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": OFTEN}):
            assert await heard(listening) == ["READY=1", "WATCHDOG=1", "STATUS=在岗"]
            assert await heard(listening) == ["WATCHDOG=1", "STATUS=在岗"]
        last = await heard(listening)
        while "WATCHDOG=1" in last:
            last = await heard(listening)
        assert last == ["STOPPING=1", "STATUS=正在停止：把已收下的办完"]


@pytest.mark.parametrize(
    ("environ", "pause"),
    [
        ({"WATCHDOG_USEC": "60000000"}, 30),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}, 10),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "1"}, LATELY),
        ({"WATCHDOG_USEC": "0"}, LATELY),
        ({}, LATELY),
    ],
)
def test_it_reports_twice_in_the_time_that_this_process_is_allowed(environ, pause):
    assert Manager(environ).pause == pause


async def test_the_running_program_is_supervised(sqlite_url, tmp_path, monkeypatch):
    address = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    environ = {"JIESU_DATABASE_URL": sqlite_url, "JIESU_DATA_DIR": str(tmp_path), "JIESU_VAULT__KEY": KEY.hex()}
    settings = load_settings(None, environ | {"JIESU_CLOCK__START": at(1).isoformat()})
    settings = settings.model_copy(update={"http": settings.http.model_copy(update={"port": 0})})
    office = open_office(settings, sample_organisation(), live=True)
    with manager(address) as listening:
        serving = asyncio.create_task(serve(office, lambda address: None))
        assert (await heard(listening))[0] == "READY=1"
        os.kill(os.getpid(), signal.SIGTERM)
        assert (await heard(listening))[0] == "STOPPING=1"
        await serving
    office.store.close()


async def test_without_a_manager_and_with_one_that_is_gone_it_runs_all_the_same(service, tmp_path):
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        async with supervised(service, environ):
            pass


def stands_still(monkeypatch, service, part):
    """Put a part that never comes round in its place: the real one may come round at any moment."""
    monkeypatch.setattr(service, part, SimpleNamespace(last_cycle=-math.inf, refused=-math.inf))


@pytest.mark.parametrize(("part", "named"), [("scheduler", "定时"), ("delivery", "发送")])
async def test_a_part_that_stands_still_is_no_sign_of_life(service, part, named, monkeypatch):
    stands_still(monkeypatch, service, part)

    assert await report(service) == [f"STATUS=没有按时完成一轮：{named}；再不恢复就会被重新启动"]


@contextlib.contextmanager
def unreadable(store, url):
    """A folder stands where the database was."""
    file = Path(url.removeprefix("sqlite:///"))
    away = file.rename(file.with_name("away.db"))
    store._read.dispose()
    file.mkdir()
    yield
    file.rmdir()
    away.rename(file)


async def test_a_database_that_refuses_is_not_mended_by_a_restart(service, sqlite_url, monkeypatch):
    stands_still(monkeypatch, service, "scheduler")

    with unreadable(service.office.store, sqlite_url):
        told = ["WATCHDOG=1", "STATUS=数据库读写不了，恢复后自动继续：请检查数据库和磁盘空间"]
        assert await report(service) == told

    service.refused = -math.inf
    assert "WATCHDOG=1" not in await report(service)


async def test_a_platform_that_is_away_is_told_and_no_reason_to_restart(sqlite_url, tmp_path):
    async with ExampleServer() as server:
        server.up = False
        optional = {"JIESU_PLATFORMS__PATIENCE": "0.05", "JIESU_PLATFORMS__OPTIONAL": "true"}
        async with opened(sqlite_url, tmp_path, server, **optional) as office:
            assert await report(office.service) == ["WATCHDOG=1", "STATUS=在岗；Matrix没有连上，一直在重连"]
