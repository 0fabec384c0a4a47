"""What the service manager is told, by systemd's protocol: ready, at work, stopping, and a line for `systemctl status`.

A process that does not say `WATCHDOG=1` in time is ended and started again. So it is said for as long as a restart
would mend nothing: while store, scheduler and delivery come round, and also while it is the database that says no (it
is away, or its disk is full). The process would not come up again before the database does, and what people wrote
meanwhile waits in its memory. A chat platform that is away never counts: its line is made again by itself. What is
left is a process that stands still, and the event loop itself, which cannot say anything then.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

from loguru import logger

from bot.connections import State
from bot.service import LATELY, Service, background
from config.entries import PLATFORMS

PATIENCE: Final = 1.0
"""Seconds that the manager may take to accept a line; it is read at once, or something is wrong with the machine."""
_PARTS: Final = {"store": "数据库", "scheduler": "定时", "delivery": "发送"}


class Manager:
    """The manager's socket; where none is named (a terminal, a container), nobody is told anything.

    `environ` is the process's own: `NOTIFY_SOCKET` is a path, or a name in the abstract space behind `@`.
    `pause` is the seconds between two reports, half of what the watchdog allows.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        name = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{name[1:]}" if name.startswith("@") else name
        meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        allowed = environ.get("WATCHDOG_USEC", "") if meant else ""
        self.pause = int(allowed) / 2_000_000 if allowed.isdecimal() and int(allowed) else LATELY

    def __bool__(self) -> bool:
        return bool(self._address)

    def tell(self, *lines: str) -> None:
        """Send lines such as `READY=1` in one datagram. A manager that cannot be reached is a warning, no failure."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.settimeout(PATIENCE)
                out.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            logger.warning("the service manager cannot be told: {}", error)


@asynccontextmanager
async def supervised(service: Service, environ: Mapping[str, str]) -> AsyncIterator[None]:
    """Tell the manager that the office is ready, how it is while the block runs, and that it stops."""
    manager = Manager(environ)
    if not manager:
        yield
        return
    manager.tell("READY=1", *await report(service))
    async with background(_reports(service, manager)):
        yield
        # Inside: it is told before anything is stopped. The manager has no watchdog for a unit that stops.
        manager.tell("STOPPING=1", "STATUS=正在停止：把已收下的办完")


async def report(service: Service) -> list[str]:
    """The lines to tell now: how the office is, and `WATCHDOG=1` unless a restart would mend it."""
    checks = await service.readiness()
    still = "、".join(_PARTS[name] for name, good in checks.items() if not good)
    if not still:
        lost = "、".join(PLATFORMS[name] for name, state in service.connections.states().items() if state is State.LOST)
        return ["WATCHDOG=1", f"STATUS=在岗{f'；{lost}没有连上，一直在重连' if lost else ''}"]
    if service.refused_lately():
        return ["WATCHDOG=1", "STATUS=数据库读写不了，恢复后自动继续：请检查数据库和磁盘空间"]
    return [f"STATUS=没有按时完成一轮：{still}；再不恢复就会被重新启动"]


async def _reports(service: Service, manager: Manager) -> None:
    while True:
        await asyncio.sleep(manager.pause)
        manager.tell(*await report(service))
