"""Commands while a large export comes in: by `jiesu import` in a process of its own, and by the watched folder.

Somebody signs an order every twentieth of a second, whatever the answer to the last one took; each delay is measured
from the moment at which the command was due, so that a pause of the service is not hidden by the pause of the client.
"""

import asyncio
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench import importing, servers
from bench.load import sign

EVERY = 0.05
ALONE = 10.0
"""Seconds of the same commands without an import."""
_TAKES_AT_MOST = 3600.0


@dataclass(frozen=True)
class Delays:
    """Milliseconds from the moment a command was due to its durable answer."""

    name: str
    commands: int
    p50: float
    p99: float
    worst: float
    seconds: float


def measure(rows: int, live: float) -> str:
    """Import an export of so many rows in both ways, each beside commands; a Markdown table."""
    with tempfile.TemporaryDirectory(prefix="jiesu-bench-") as name, servers.seeded() as store:
        workbook = Path(name) / "export.xlsx"
        importing.write(workbook, rows, live)
        found = [
            _run(store, "nothing else", lambda server: nullcontext(lambda: False), ALONE),
            _run(store, "`jiesu import`", lambda server: _by_command(server, workbook)),
            _run(store, "the watched folder", lambda server: _by_folder(server, workbook)),
        ]
    lines = [
        f"| commands, {1 / EVERY:g} a second, beside {rows:,} rows | commands | p50 | p99 | worst | took |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        delays = f"{one.p50:.1f} ms | {one.p99:.1f} ms | {one.worst:.1f} ms"
        lines.append(f"| {one.name} | {one.commands} | {delays} | {one.seconds:.0f} s |")
    return "\n".join(lines)


Busy = Callable[[], bool]


def _run(
    store: Path,
    name: str,
    start: Callable[[servers.Server], AbstractContextManager[Busy]],
    at_least: float = 0.0,
) -> Delays:
    with servers.ours(store, folder=True) as server:
        begun = time.perf_counter()
        with start(server) as busy:
            took = asyncio.run(_drive(server, busy, at_least))
        seconds = time.perf_counter() - begun
    cuts = statistics.quantiles(took, n=100)
    return Delays(name, len(took), cuts[49] * 1000, cuts[98] * 1000, max(took) * 1000, seconds)


async def _drive(server: servers.Server, busy: Busy, at_least: float) -> list[float]:
    took: list[float] = []
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        begun = time.perf_counter()

        async def one(number: int, due: float) -> None:
            await sign(session, server.address, number)
            took.append(time.perf_counter() - due)

        for number in range(1, server.orders + 1):
            due = begun + number * EVERY
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if due - begun > at_least and not busy():
                break
            group.create_task(one(number, due))
    return took


@contextmanager
def _by_command(server: servers.Server, workbook: Path) -> Any:
    command = [sys.executable, "-m", "bot", "import", str(workbook)]
    with subprocess.Popen(command, env=server.environ, stdout=sys.stderr) as process:
        yield lambda: process.poll() is None
        if process.wait(_TAKES_AT_MOST):
            raise RuntimeError("the import failed")


@contextmanager
def _by_folder(server: servers.Server, workbook: Path) -> Any:
    folder = Path(server.environ["JIESU_INTAKE__FOLDER"])
    shutil.copy(workbook, folder / "export.part")
    (folder / "export.part").rename(folder / "export.xlsx")
    yield (folder / "export.xlsx").exists
    if not (folder / "done" / "export.xlsx").exists():
        raise RuntimeError("the import failed")
