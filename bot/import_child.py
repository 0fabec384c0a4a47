"""Inside a large export's process (`bot/import_process.py`): read the task, do it, tell it."""

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import Any, BinaryIO, Final

from loguru import logger

from bot import logs
from bot.clock import RehearsalClock, SystemClock
from bot.import_process import Task
from bot.importing import take_in_beside
from bot.service import open_office
from handlers.intake.whole import read_whole
from handlers.office import Office
from handlers.refusal import Refusal
from storage.errors import StoreError
from storage.store import Job

Tell = Callable[..., None]
_WORD: Final = 0.2
"""Seconds between two words how far it is."""
_PAUSE: Final = 3.0
"""Seconds until the next try, while the store takes nothing."""
_TRIES: Final = 20
_TOGETHER: Final = 1000
"""Rejected rows that are told at once."""


def main() -> None:
    """Take in the file of the task that standard input gives; standard output is for what is told, nothing else."""
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # they are meant for the service, which ends us when it has heard them
    task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own service
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), daemon=True).start()
    logs.configure()

    def tell(*message: Any) -> None:
        pickle.dump(message, told)
        told.flush()

    try:
        _work(task, tell)
    except Refusal as refusal:
        tell("refused", refusal.message)
    except StoreError as error:
        tell("unstored", str(error))
    except Exception:  # noqa: BLE001 - whatever it is, the log has it and the service sees us end
        logger.exception("an import in a process of its own failed")
        sys.exit(1)


def _work(task: Task, tell: Tell) -> None:
    office = open_office(task.settings, task.organisation, live=False)
    try:
        clock = SystemClock() if task.start is None else RehearsalClock(task.start, task.speed)
        with read_whole(task.path, noise=office.rules(clock.now()).title_noise) as file:
            run, progress = _patient(office), _seldom(tell)
            tally = take_in_beside(office, run, clock, file, cause=task.cause, progress=progress)
            rejected = iter(file.rejected)
            while rows := list(islice(rejected, _TOGETHER)):
                tell("rejected", rows)
            tell("done", tally, file.warnings)
    finally:
        office.store.close()


def _seldom(tell: Tell) -> Callable[[int, int], None]:
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _WORD:
            last = time.monotonic()
            tell("stored", done, total)

    return progress


def _patient(office: Office) -> Callable[[Job[Any]], Any]:
    def run(job: Job[Any]) -> Any:
        for _ in range(_TRIES - 1):
            try:
                return office.store.run(job)
            except StoreError:
                time.sleep(_PAUSE)
        return office.store.run(job)

    return run


def _end_with(service: BinaryIO) -> None:
    """The service's end of our standard input is closed: it ended, however."""
    service.read()
    os._exit(1)
