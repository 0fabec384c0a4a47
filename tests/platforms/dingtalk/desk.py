"""An office whose people write on DingTalk: the platform alone with a `receive` of the test's, or the whole service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.desk import Desk
from bot.platforms.contract import Incoming, Outgoing, Wiring
from bot.platforms.dingtalk.messages import told
from bot.platforms.dingtalk.platform import DingTalk
from bot.platforms.door import Door
from bot.platforms.posting import webhook_session
from bot.service import Service, open_office, running
from bot.web.app import application
from bot.web.middleware import guard
from config.organisation import Organisation
from config.settings import Settings, load_settings
from storage.store import Store
from tests.conftest import KEY
from tests.platforms.dingtalk_server import CLIENT, CLIENT_SECRET, SECRET, FakeDingTalk, sign
from tests.street import at, sample_organisation


def outgoing(text="【#12】 已签收", *mentions, **other):
    """A message for delivery to send."""
    return Outgoing(1, text, mentions, **other)


def incoming(data):
    """The message that is told."""
    found = told(data)
    assert found is not None
    return found.incoming


def settings(server: FakeDingTalk, folder: Path, **more: str) -> Settings:
    environ = {
        "JIESU_DATA_DIR": str(folder),
        "JIESU_DINGTALK__CLIENT_ID": CLIENT,
        "JIESU_DINGTALK__CLIENT_SECRET": CLIENT_SECRET,
        "JIESU_DINGTALK__API_BASE": server.base,
        "JIESU_DINGTALK__OAPI_BASE": server.base,
    }
    return load_settings(None, {**environ, **more})


@dataclass
class Ears:
    """A `Receive` that keeps what it heard, with the bytes of the files; fails as told first."""

    failures: list[Exception] = field(default_factory=list)
    heard: list[Incoming] = field(default_factory=list)
    files: list[bytes] = field(default_factory=list)
    came: asyncio.Queue[Incoming] = field(default_factory=asyncio.Queue)
    wait: Callable[[], Awaitable[object]] | None = None

    async def __call__(self, incoming: Incoming) -> list[str]:
        if self.failures:
            raise self.failures.pop(0)
        if self.wait is not None:
            await self.wait()
        self.heard.append(incoming)
        self.files += [file.path.read_bytes() for file in incoming.files]
        self.came.put_nowait(incoming)
        return []


async def lead(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """The only replica."""
    assert name == "socket:dingtalk"
    await work()


async def everybody(platform: str, native: str) -> bool:
    """Knows whoever writes."""
    return True


@contextlib.asynccontextmanager
async def alone(
    server: FakeDingTalk, store: Store, folder: Path, ears: Ears, now: Callable[[], datetime], **more: str
) -> AsyncIterator[DingTalk]:
    """The platform, not running, with a real door."""
    desk = Desk(store)
    async with webhook_session() as session:
        door = Door(desk, now, timedelta(minutes=5))
        platform = DingTalk(Wiring(settings(server, folder, **more), session, ears, door, lead, now, everybody))
        platform._taking._waits = lambda attempt, random: timedelta(0)
        if platform._stream is not None:
            platform._stream._waits = lambda attempt, random: timedelta(0)
        yield platform
        await platform._taking.stop()
    await desk.close()


@contextlib.asynccontextmanager
async def running_alone(platform: DingTalk) -> AsyncIterator[None]:
    """The platform's own work beside the test."""
    task = asyncio.create_task(platform.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def client_of(platform: DingTalk) -> AsyncIterator[TestClient[Any, Any]]:
    """Whoever calls our callback."""
    app = web.Application(middlewares=[guard])
    platform.add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client


def headers_at(moment: datetime, secret: str = CLIENT_SECRET) -> dict[str, str]:
    """What the platform's callback brings beside the body."""
    stamp = str(int(moment.timestamp() * 1000))
    return {"timestamp": stamp, "sign": sign(stamp, secret)}


def organisation(server: FakeDingTalk | None = None) -> Organisation:
    """The sample office: 张坐席 is user123 and the dispatch group cid1; it has the custom robot where one is given."""
    sample = sample_organisation()
    people = [
        person.model_copy(update={"accounts": {"dingtalk": {"zhang": "user123"}.get(person.id, f"id-{person.id}")}})
        for person in sample.people
    ]
    robots = [] if server is None else [{"platform": "dingtalk", "webhook": server.webhook, "secret": SECRET}]
    groups = [
        group.model_validate({**group.model_dump(), "chats": {"dingtalk": "cid1"}, "robots": robots})
        if group.id == "dispatch"
        else group
        for group in sample.groups
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, groups)


@contextlib.asynccontextmanager
async def opened(
    url: str, folder: Path, server: FakeDingTalk, people: Organisation, **more: str
) -> AsyncIterator[tuple[Service, TestClient[Any, Any]]]:
    """The whole service on a store."""
    environ = {
        "JIESU_DATABASE_URL": url,
        "JIESU_CLOCK__START": at(1).isoformat(),
        "JIESU_CLOCK__SPEED": "0",
        "JIESU_VAULT__KEY": KEY.hex(),
        **more,
    }
    office = open_office(settings(server, folder, **environ), people, live=True)
    try:
        async with running(office) as service, TestClient(TestServer(application(service))) as client:
            yield service, client
    finally:
        office.store.close()
