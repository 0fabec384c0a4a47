"""Bootstrap: the one place where an office's service is wired, started and stopped in reverse."""

import asyncio
import contextlib
import math
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from loguru import logger

from bot.chat.reception import Reception
from bot.chat.router import Router
from bot.clock import Clock, RehearsalClock, SystemClock, clock_for
from bot.connections import Connections
from bot.console.stream import Hub
from bot.delivery import Delivery
from bot.delivery.composing import Composer
from bot.desk import Desk
from bot.directory import Directory
from bot.intake_folder import IntakeFolder
from bot.leases import Leases
from bot.ledger import settle
from bot.platforms import connected
from bot.platforms.contract import Platform, Wiring
from bot.platforms.door import Door
from bot.platforms.posting import webhook_session
from bot.platforms.resolving import trusted_hosts
from bot.presence import announced
from bot.rehearsal import move
from bot.routes import CONSOLE, Endpoints
from bot.scheduler import Scheduler
from bot.senders import Senders
from config.addresses import is_loopback
from config.calendar import WorkCalendar
from config.errors import ConfigError
from config.organisation import Organisation, load_organisation
from config.policy import load_policy
from config.settings import Platforms, Settings
from config.texts import Texts
from handlers.office import Office
from storage.errors import StoreError
from storage.queries import head, newest_event
from storage.store import Store
from storage.vault import load_key

Connect = Callable[[Wiring, Organisation], Mapping[str, Platform]]
LATELY = 30.0
"""Seconds of real time within which each part must have completed a cycle to count as ready."""


@dataclass(slots=True)
class Service:
    """A running office. Only `running` makes one."""

    office: Office
    clock: Clock
    desk: Desk
    router: Router
    reception: Reception
    scheduler: Scheduler
    delivery: Delivery
    platforms: Mapping[str, Platform]
    connections: Connections
    refused: float = -math.inf
    """When the store last refused to be read, by `time.monotonic`."""
    stopping: bool = False

    @property
    def hub(self) -> Hub | None:
        """What hands messages to the open pages, where the console is one of the platforms."""
        return getattr(self.platforms.get(CONSOLE), "hub", None)

    async def readiness(self) -> dict[str, bool]:
        """Which parts completed a cycle lately: store, scheduler, delivery."""
        store = True
        try:
            await self.desk.read(head, self.clock.now())
        except StoreError:
            store, self.refused = False, time.monotonic()
        except Exception:  # noqa: BLE001 - whatever it is, the store does not answer
            store = False
        now = time.monotonic()
        return {
            "store": store,
            "scheduler": now - self.scheduler.last_cycle < LATELY,
            "delivery": now - self.delivery.last_cycle < LATELY,
        }

    def refused_lately(self) -> bool:
        """Whether the database itself said no: what does not come round then does so because of it."""
        return time.monotonic() - max(self.refused, self.scheduler.refused) < LATELY

    async def rehearse(self, to: datetime, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Move a standing rehearsal clock forward through every due moment.

        False when it did not come there: it was not `wanted` any more, or the service stops.
        """
        assert isinstance(self.clock, RehearsalClock)
        return await move(self.clock, to, self.scheduler, self.delivery, lambda: wanted() and not self.stopping)

    def let_go(self) -> None:
        """End what keeps requests open, so that a stop need not wait for them: pages' lines, a clock on its way."""
        self.stopping = True
        if self.hub is not None:
            self.hub.close()


def open_office(settings: Settings, organisation: Organisation, *, live: bool) -> Office:
    """The office as a value: policy, calendar, texts, the opened store.

    `live`: the store must be of the kind that the clock settings say, real or rehearsal, and a new one becomes it;
    without it (reports, import) it is taken as it is marked. Raises ConfigError and StoreError.
    """
    rehearsal = settings.clock.rehearsal
    store = open_store(settings, rehearsal=rehearsal if live or rehearsal else None)
    directory = Directory(organisation)
    now = SystemClock().now()
    store.read(directory.load, now=now)
    store.read(directory.recall, now=now)
    return Office(
        settings=settings,
        policy=load_policy(settings.policy_file),
        organisation=organisation,
        calendar=WorkCalendar(),
        texts=Texts(),
        store=store,
        routes=Endpoints(organisation, settings, directory),
    )


def clock_beside(office: Office) -> Clock:
    """The clock of a program that runs beside a service or between two.

    A rehearsal's time is where its last event left it, or where the settings start it, whichever is later: the real
    time of day means nothing there.
    """
    clock = clock_for(office.settings.clock)
    if not office.store.rehearsal:
        return clock
    last = office.store.read(newest_event, now=clock.now())
    start = office.settings.clock.start
    known = [moment for moment in (last, start) if moment is not None]
    return RehearsalClock(max(known), 0) if known else clock


def open_store(
    settings: Settings, *, rehearsal: bool | None = None, create: bool = True, migrate: bool = True
) -> Store:
    """Open the store that the settings name, with the office's vault key."""
    return Store.open(
        settings.database(),
        lambda empty: vault_key(settings, store_is_empty=empty),
        rehearsal=rehearsal,
        create=create,
        migrate=migrate,
    )


def vault_key(settings: Settings, *, store_is_empty: bool) -> bytes:
    """The office's key, made only for an empty store; raises VaultError."""
    key = settings.vault.key.get_secret_value() if settings.vault.key else None
    return load_key(key=key, key_file=settings.vault_key_file, store_is_empty=store_is_empty)


def organisation_of(settings: Settings, environ: dict[str, str]) -> Organisation:
    """The organisation file's people; raises ConfigError where there is none: nobody serves sample people."""
    path: Path | None = settings.organisation_file
    if path is None:
        raise ConfigError(
            "没有组织文件，不能启动：请设置 JIESU_ORGANISATION_FILE，或先运行 jiesu init 目录 生成一份再修改"
        )
    return load_organisation(path, environ)


@contextlib.asynccontextmanager
async def running(office: Office, connect: Connect = connected) -> AsyncIterator[Service]:
    """Start everything in order; at the end stop it in reverse, losing nothing that was taken.

    `connect` makes the platforms. Raises ConfigError when one of their bots cannot be reached, unless the settings
    make that optional.
    """
    _check_robots(office)
    clock = clock_for(office.settings.clock)
    holder = f"{socket.gethostname()}:{time.time_ns()}"
    desk = Desk(office.store)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(desk.close)
        await stack.enter_async_context(announced(desk, holder))
        settle(office.settings, office.store, clock.now())
        session = await stack.enter_async_context(webhook_session(trusted_hosts(office.settings, office.organisation)))
        assert isinstance(office.routes, Endpoints)
        directory = office.routes.directory
        router = Router(office, desk, clock)
        reception = Reception(office, router, directory, desk, clock)
        real = SystemClock().now
        door = Door(desk, real, office.settings.callbacks.freshness)
        leases = Leases(desk, holder)
        wiring = Wiring(
            office.settings, session, reception.take, door, leases, real, reception.knows, desk, reception.offered
        )
        platforms = connect(wiring, office.organisation)
        connections = Connections(platforms, leases.elsewhere)
        senders = Senders(office.organisation, directory, platforms)
        delivery = Delivery(
            office, desk.run, clock, senders, Composer(office, directory), holder, elsewhere=leases.elsewhere
        )
        desk.on_rows("outbox", delivery.signal)
        scheduler = Scheduler(office, desk, clock)
        service = Service(office, clock, desk, router, reception, scheduler, delivery, platforms, connections)
        await service.router.dropped.resume()
        stack.push_async_callback(service.router.dropped.stop)
        await stack.enter_async_context(background(directory.follow(desk)))
        await scheduler.sweep()
        await stack.enter_async_context(background(delivery.run(), delivery.stop))
        for platform in platforms.values():
            await stack.enter_async_context(background(platform.run()))
        await _reached(connections, office.settings.platforms)
        if office.settings.intake.folder is not None:
            folder = IntakeFolder(office, desk, clock, office.settings.intake.folder)
            await stack.enter_async_context(background(folder.run(), folder.stop))
        scheduler.start()
        stack.push_async_callback(scheduler.stop)
        logger.info("office ready, store {}", "rehearsal" if office.store.rehearsal else "real")
        yield service
        logger.info("stopping")


async def _reached(connections: Connections, settings: Platforms) -> None:
    """Nobody believes a service to be at work that hears nobody; raises ConfigError."""
    missing = await connections.missing(timedelta(seconds=settings.patience))
    if missing and not settings.optional:
        raise ConfigError(
            f"{'；'.join(missing)}。改好后再启动；平台没有连上也要启动，请设 JIESU_PLATFORMS__OPTIONAL=true"
        )
    for line in missing:
        logger.warning("started without a platform, which goes on trying: {}", line)


def _check_robots(office: Office) -> None:
    """A rehearsal's minute is not a platform's, and people in a real group would take its orders for real."""
    if not office.settings.clock.rehearsal:
        return
    for group in office.organisation.groups:
        for robot in group.robots:
            if not is_loopback(urlsplit(robot.webhook.get_secret_value()).hostname or ""):
                raise ConfigError(
                    f"演练时钟不能连真实的群机器人：请从组织文件里去掉{group.name}的 robots，或去掉演练时钟"
                )


@contextlib.asynccontextmanager
async def background(
    work: Coroutine[Any, Any, object], stop: Callable[[], Awaitable[None]] | None = None
) -> AsyncIterator[None]:
    """Run a loop beside the service; at the end ask it to stop, or cancel it."""
    task = asyncio.create_task(work)
    task.add_done_callback(_ended)
    try:
        yield
    finally:
        if stop is not None:
            await stop()
            # What it reads in a thread is let come to its end: a connection that is cut off there stays open.
            await asyncio.wait({task}, timeout=1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _ended(task: asyncio.Task[object]) -> None:
    """A loop that fails is a fault of ours: it is told when it happens, not when the service stops."""
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.opt(exception=error).error("{} failed", task.get_coro())
