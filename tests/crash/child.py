"""A service that a test may kill: the real `jiesu run`, forked from a process that has imported it before.

Imports alone take Python more than a second of computing, and a test needs dozens of starts. Nothing but modules is
shared with the fork: the nursery has opened no store, read no setting and started no thread.

The nursery says its own number when it is ready. Then it reads one JSON object a line, `{"folder", "environ", "crash":
[point, passing] or null}`, answers with the number of the service's process, and once that has ended with how (0 or
more: exit status, negative: signal). One service at a time.
"""

import ctypes
import gc
import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import alembic.command
import psycopg
import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite

import bot.cli.running
import bot.web.app
from bot.cli import main as jiesu
from storage import failpoints

BEFOREHAND = (alembic.command, psycopg, sqlalchemy.dialects.postgresql, sqlalchemy.dialects.sqlite, bot.web.app)
"""Imported here because the service imports them when it needs them: without a nursery that costs no less."""
LOG = "service.log"
_PR_SET_PDEATHSIG = 1


def nursery() -> None:
    """Fork a service for each line; returns only in the service itself, which then becomes `jiesu run`."""
    _die_with_parent()
    assert len(list(Path("/proc/self/task").iterdir())) == 1, "a thread would not survive the fork"
    gc.freeze()
    _say(os.getpid())
    child = None
    for line in sys.stdin:
        if child is not None:
            os.waitpid(child, 0)
        child = os.fork()
        if child == 0:
            _become(json.loads(line))
            return
        _say(child)
        # The child is only looked at, not reaped: until the next one starts its number can be nobody else's.
        end = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert end is not None
        _say(end.si_status if end.si_code == os.CLD_EXITED else -end.si_status)


def _become(wanted: dict[str, Any]) -> None:
    _die_with_parent()
    os.chdir(wanted["folder"])
    log = os.open(Path(wanted["folder"]) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    for name in [name for name in os.environ if name.startswith("JIESU_")]:
        del os.environ[name]
    os.environ.update(wanted["environ"])
    if wanted["crash"] is not None:
        point, passing = wanted["crash"]
        _arm(point, passing)
    sys.argv = ["jiesu", "run"]


def _arm(point: str, passing: int) -> None:
    """End this process the n-th time that it passes the point."""
    passings = itertools.count(1)

    def pass_by() -> None:
        if next(passings) == passing:
            os.kill(os.getpid(), signal.SIGKILL)

    failpoints.arm(point, pass_by)


def _die_with_parent() -> None:
    """Whatever becomes of the test, no service stays behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    nursery()
    if sys.argv[1:] == ["run"]:
        jiesu()
