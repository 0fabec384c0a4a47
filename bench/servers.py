"""The two servers that are compared, each on a fresh store with the same unsigned orders."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.seed import fill
from bench.starting import Start, resident
from config.shanghai import SHANGHAI

ORDERS = 20_000
START = datetime(2026, 6, 1, 8, 0, tzinfo=SHANGHAI).astimezone(UTC)
ORGANISATION = Path(__file__).resolve().parent.parent / "config" / "sample" / "organisation.toml"
OURS, LIMIT = "jiesu", "limit: aiohttp + one writer thread + raw sqlite3"
_WAIT_SECONDS = 60
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Server:
    """A server that takes commands: its address, how many orders wait to be signed, and how it started."""

    address: str
    orders: int
    start: Start
    environ: dict[str, str]


@contextlib.contextmanager
def ours(seeded: Path, *, folder: bool = False) -> Iterator[Server]:
    """The real service, started from its command line with the console on and a standing clock; with a watched folder
    where that is asked for."""
    with _copy(seeded) as data:
        environ = {
            **os.environ,
            "JIESU_DATA_DIR": str(data),
            "JIESU_ORGANISATION_FILE": str(ORGANISATION),
            "JIESU_CONSOLE__ENABLED": "true",
            "JIESU_CLOCK__START": START.isoformat(),
            "JIESU_CLOCK__SPEED": "0",
        }
        if folder:
            environ["JIESU_INTAKE__FOLDER"] = str(data / "intake")
        with _process([sys.executable, "-m", "bot", "run"], environ, "/readyz") as (address, start):
            yield Server(address, ORDERS, start, environ)


@contextlib.contextmanager
def limit(seeded: Path) -> Iterator[Server]:
    """What the machine can do with the same rows and nothing else."""
    with _copy(seeded) as folder:
        command = [sys.executable, "-m", "bench.limit", str(folder / "jiesu.db")]
        environ = dict(os.environ)
        with _process(command, environ, "/readyz") as (address, start):
            yield Server(address, ORDERS, start, environ)


SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {LIMIT: limit, OURS: ours}


@contextlib.contextmanager
def seeded() -> Iterator[Path]:
    """A folder with a store of unsigned orders, filled once for all rounds."""
    with tempfile.TemporaryDirectory(prefix="jiesu-bench-") as folder:
        fill(Path(folder), ORDERS, START)
        yield Path(folder)


@contextlib.contextmanager
def _copy(source: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="jiesu-bench-") as folder:
        shutil.copytree(source, folder, dirs_exist_ok=True)
        yield Path(folder)


@contextlib.contextmanager
def _process(command: list[str], environ: dict[str, str], path: str) -> Iterator[tuple[str, Start]]:
    port = _free_port()
    environ |= {"JIESU_HTTP__PORT": str(port), "BENCH_PORT": str(port)}
    if "bench.limit" not in command:
        environ.pop("BENCH_PORT")
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environ, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, address + path)
        yield address, Start(time.perf_counter() - begun, resident(process.pid))
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"{url} did not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
