"""A large export in a process of its own, which reads it, takes it in and tells the service how far it is.

In a thread of the service it would hold the interpreter's lock, for which every statement of a command waits: beside
100,000 rows half of all commands took 80 ms, and some 800. What is small comes in there all the same: a process takes
a second to start.
"""

import asyncio
import contextlib
import pickle
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from bot.clock import Clock, RehearsalClock
from bot.importing import Stopped, Tally
from config.organisation import Organisation
from config.settings import Settings
from handlers.intake.orders import RejectedRow
from handlers.intake.whole import Spool, WholeFile
from handlers.office import Office
from handlers.refusal import Refusal
from storage.errors import StoreError

_LOOK: Final = 0.2
"""Seconds between two looks whether the service stops."""
_START: Final = "import sys; sys.path[:] = sys.argv[1:]; from bot.import_child import main; main()"
_REFUSALS: Final[dict[str, type[Exception]]] = {"refused": Refusal, "unstored": StoreError}
"""Last words of the process that are told on as what they are."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the process is told: everything, for it looks at no file of settings and no environment.

    `start` is a rehearsal's moment, at `speed`; None is real time.
    """

    settings: Settings
    organisation: Organisation
    path: Path
    cause: str
    start: datetime | None
    speed: float


def _places() -> list[str]:
    """Where the process looks for modules: where this one found its own, and never in the working folder.

    That is a folder like any other, and may hold a `config.py`.
    """
    ours = str(Path(__file__).resolve().parents[1])
    return [place or ours for place in sys.path]


class ImportProcess:
    """The service's side of one process. It ends when this does, whatever happens: it hangs on its standard input."""

    def __init__(self, task: Task) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-P", "-c", _START, *_places()], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdin
        try:
            pickle.dump(task, self._process.stdin)
            self._process.stdin.flush()
        except BaseException:
            self.close()
            raise

    def receive(self) -> Any:
        """Wait for the next thing it tells; raises EOFError when it ended without a last word."""
        assert self._process.stdout
        return pickle.load(self._process.stdout)  # noqa: S301 - written by our own process

    def end(self) -> None:
        """End it where it is; the transaction under way is undone. May be called again."""
        self._process.kill()

    def close(self) -> None:
        """End it and give everything back."""
        self.end()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


async def take_in_apart(
    office: Office,
    clock: Clock,
    path: Path,
    *,
    cause: str,
    stopping: threading.Event,
    progress: Callable[[int, int], Awaitable[None]],
) -> tuple[WholeFile, Tally]:
    """Import a file in a process of its own. The whole file that is given back has no good rows, only what was odd.

    Raises Refusal, StoreError and Stopped as the import inside the service does, and EOFError when the process ended
    by itself: the log has why.
    """
    start = clock.now() if isinstance(clock, RehearsalClock) else None
    speed = clock.speed if isinstance(clock, RehearsalClock) else 1.0
    process = await asyncio.to_thread(
        ImportProcess, Task(office.settings, office.organisation, path, cause, start, speed)
    )
    rejected: Spool[RejectedRow] = Spool()
    try:
        while True:
            match await _heard(process, stopping):
                case ("stored", done, total):
                    await progress(done, total)
                case ("rejected", rows):
                    for row in rows:
                        rejected.add(row)
                case ("done", tally, warnings):
                    return WholeFile(path.name, Spool(), rejected, warnings), tally
    except BaseException:
        rejected.close()
        raise
    finally:
        await asyncio.to_thread(process.close)


async def _heard(process: ImportProcess, stopping: threading.Event) -> Any:
    hearing = asyncio.ensure_future(asyncio.to_thread(process.receive))
    while not hearing.done():
        await asyncio.wait({hearing}, timeout=_LOOK)
        if stopping.is_set():
            process.end()
    try:
        message = await hearing
    except (EOFError, pickle.UnpicklingError):
        if stopping.is_set():
            raise Stopped from None
        raise
    if message[0] in _REFUSALS:
        raise _REFUSALS[message[0]](message[1])
    return message
