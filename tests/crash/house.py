"""An office whose process may die at any moment, and what lies outside it and does not: robots, time, the parent."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import aiohttp

from config.shanghai import SHANGHAI
from storage.database import sqlite_url
from storage.store import Store
from storage.vault import load_key
from tests.conftest import KEY, open_rehearsal
from tests.crash.child import LOG
from tests.platforms import wecom_server
from tests.platforms.wecom_server import FakeWeCom

ROOT = Path(__file__).parents[2]
ORGANISATION = Path(__file__).with_name("organisation.toml")
ROBOTS = ("dispatch", "chengguan", "shequ")
MORNING = datetime(2026, 6, 1, 9, tzinfo=SHANGHAI)
SPEED = 600
"""A lease of 30 seconds and a robot's minute pass in a tenth of a second, so that a process that lives half a second
meets everything that a real one meets in five minutes."""
TOKEN = "a-token-of-the-crash-tests"
PATIENCE = 60.0
"""Seconds of real time after which a test gives up on a service."""

Crash = tuple[str, int]
"""A failpoint, and at which passing of it the process ends itself."""


class Nursery:
    """The process that forks services; see `tests.crash.child`."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.crash.child"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._awake = False

    def awake(self) -> None:
        """Wait until it has imported everything; a start is quick from then on."""
        if not self._awake:
            self._awake = bool(self._number())

    def start(self, folder: Path, environ: dict[str, str], crash: Crash | None) -> int:
        """Start a service; returns the number of its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "environ": environ, "crash": crash}) + "\n")
        self._process.stdin.flush()
        return self._number()

    def ended(self) -> int:
        """Wait for the service to end: its exit status, or a signal as a negative number."""
        return self._number()

    def close(self) -> None:
        """End the nursery; the service that it may have goes with it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def _number(self) -> int:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has died"
        return int(line)


@dataclass
class House:
    """One office and its robots. Its process can be started, killed and started again on the same store.

    Without a `database_url` the first start makes store and key in the folder, as for a newcomer.
    `up` is set while it is known to take requests.
    """

    nursery: Nursery
    folder: Path
    database_url: str | None
    robots: dict[str, FakeWeCom]
    port: int
    http: aiohttp.ClientSession
    up: asyncio.Event = field(default_factory=asyncio.Event)
    starts: list[float] = field(default_factory=list)
    pid: int = 0
    _began: float = field(default_factory=time.monotonic)
    _started: float = 0.0
    _moved: timedelta = timedelta(0)
    _end: "asyncio.Task[int] | None" = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the process runs, as far as the parent has heard."""
        return self._end is not None and not self._end.done()

    def now(self) -> datetime:
        """The moment that a service started now begins with: later than any that an earlier one has seen."""
        return MORNING + timedelta(seconds=(time.monotonic() - self._began) * SPEED) + self._moved

    async def start(self, crash: Crash | None = None, *, standing: bool = False) -> None:
        """Start the process; does not wait for it. `standing`: its clock moves only when it is told to."""
        assert not self.alive
        environ = {
            "JIESU_DATA_DIR": str(self.folder),
            "JIESU_ORGANISATION_FILE": str(ORGANISATION),
            "JIESU_CONSOLE__ENABLED": "true",
            "JIESU_CLOCK__START": self.now().isoformat(),
            "JIESU_CLOCK__SPEED": "0" if standing else str(SPEED),
            "JIESU_HTTP__PORT": str(self.port),
            "JIESU_INTAKE__TOKEN": TOKEN,
            **{f"HOOK_{name.upper()}": robot.webhook for name, robot in self.robots.items()},
        }
        if self.database_url is not None:
            environ |= {"JIESU_DATABASE_URL": self.database_url, "JIESU_VAULT__KEY": KEY.hex()}
        await asyncio.to_thread(self.nursery.awake)
        self._started = time.monotonic()
        self.pid = await asyncio.to_thread(self.nursery.start, self.folder, environ, crash)
        self._end = asyncio.create_task(asyncio.to_thread(self.nursery.ended))
        self._end.add_done_callback(lambda _: self.up.clear())

    async def ready(self) -> bool:
        """Wait for `/readyz`; False when the process has ended before."""
        async with asyncio.timeout(PATIENCE):
            while self.alive:
                with contextlib.suppress(aiohttp.ClientError, OSError):
                    async with self.http.get(f"{self.base}/readyz") as response:
                        if response.status == 200:
                            self.starts.append(time.monotonic() - self._started)
                            self.up.set()
                            return True
                await asyncio.sleep(0.01)
        return False

    async def ended(self) -> int:
        """Wait until the process has ended by itself: its exit status, or a signal as a negative number."""
        assert self._end is not None
        return await asyncio.wait_for(asyncio.shield(self._end), PATIENCE)

    async def kill(self) -> None:
        """kill -9."""
        self.up.clear()
        os.kill(self.pid, signal.SIGKILL)
        assert await self.ended() == -signal.SIGKILL, self.log()

    async def crashed(self) -> None:
        """Make sure that the process has ended itself, by force."""
        assert await self.ended() == -signal.SIGKILL, self.log()

    async def terminate(self) -> float:
        """SIGTERM; returns how many seconds the process took to end well."""
        began = time.monotonic()
        self.up.clear()
        os.kill(self.pid, signal.SIGTERM)
        assert await self.ended() == 0, self.log()
        return time.monotonic() - began

    async def move(self, span: timedelta) -> None:
        """Move a standing clock on; returns when everything that was due on the way, delivery included, is done."""
        async with self.http.get(f"{self.base}/console/clock") as response:
            now = datetime.fromisoformat((await response.json())["now"])
        self._moved += span
        async with self.http.post(f"{self.base}/console/clock", json={"now": (now + span).isoformat()}) as response:
            assert response.status == 200, await response.text()

    def largest_file(self, size: int) -> None:
        """No file of the process may grow beyond so many bytes: its disk is full. -1 lifts it."""
        hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size if size >= 0 else hard, hard))

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Look into the store while no service runs."""
        assert not self.alive
        if self.database_url is not None:
            store = open_rehearsal(self.database_url)
        else:
            key = load_key(key=None, key_file=self.folder / "vault.key", store_is_empty=False)
            store = Store.open(sqlite_url(self.folder / "jiesu.db"), lambda empty: key, rehearsal=True, create=False)
        try:
            yield store
        finally:
            store.close()

    def log(self) -> str:
        """The end of what all lives of the process wrote."""
        path = self.folder / LOG
        return path.read_text(encoding="utf-8")[-4000:] if path.exists() else "(no log)"

    async def close(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)
            await self.ended()


@contextlib.asynccontextmanager
async def house(nursery: Nursery, folder: Path, database_url: str | None) -> AsyncIterator[House]:
    """An office that has not been started. The robots take more than 20 a minute: their minute is a real one."""
    async with contextlib.AsyncExitStack() as stack:
        robots = {
            name: await stack.enter_async_context(FakeWeCom(f"{place:08}{wecom_server.KEY[8:]}", per_window=None))
            for place, name in enumerate(ROBOTS)
        }
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(PATIENCE)))
        port = stack.enter_context(reserved_port())
        office = House(nursery, folder, database_url, robots, port, http)
        stack.push_async_callback(office.close)
        yield office
        assert {name: robot.errors for name, robot in robots.items() if robot.errors} == {}


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """A port for every life of a service, also while none listens: another test's probe finds it taken."""
    with contextlib.closing(socket.socket()) as reserving:
        reserving.bind(("127.0.0.1", 0))
        reserving.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield reserving.getsockname()[1]
