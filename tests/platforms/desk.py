"""An office whose people write on the example platform: the whole service, with a clock that only the test moves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from aiohttp.test_utils import TestClient, TestServer

from bot.platforms.contract import Platform, Wiring
from bot.platforms.taking import Taking
from bot.service import Service, open_office, running
from bot.web.app import application
from config.organisation import Organisation
from config.settings import load_settings
from tests.conftest import KEY
from tests.platforms import example
from tests.platforms.example_server import ExampleServer
from tests.street import at, sample_organisation

T = TypeVar("T")
GROUP_CHAT = "!work:example.test"


def account(person: str) -> str:
    """The account of one of the sample's people."""
    return f"@{person}:example.test"


def organisation() -> Organisation:
    """The sample office, whose people and dispatch group are known on the platform; `admin` administers."""
    sample = sample_organisation()
    people = [person.model_copy(update={"accounts": {"matrix": account(person.id)}}) for person in sample.people]
    groups = [
        group.model_copy(update={"chats": {"matrix": GROUP_CHAT}} if group.id == "dispatch" else {})
        for group in sample.groups
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, groups)


@dataclass
class Office:
    """A running service and the platform's other side."""

    service: Service
    client: TestClient[Any, Any]
    server: ExampleServer

    async def write(self, person: str, text: str, *, chat: str | None = GROUP_CHAT, **more: Any) -> str:
        """One of the sample's people writes in the dispatch group; `chat=None` to the bot alone."""
        return await self.server.write(self.client, account(person), text, **_chat(chat), **more)

    async def settle(self) -> None:
        """Let everything that waits leave."""
        await self.service.delivery.drain()

    async def ask(self, person: str, text: str, **more: Any) -> list[str]:
        """Write, and what the bot said then, wherever."""
        before = len(self.server.sent)
        await self.write(person, text, **more)
        await self.settle()
        return [message.text for message in self.server.sent[before:]]


def _chat(chat: str | None) -> dict[str, str]:
    return {} if chat is None else {"chat": chat}


class Unhurried(Taking):
    """What a test wrote is taken when it goes on, however slow the machine is."""

    async def _begin(
        self, work: Callable[[asyncio.Event], Awaitable[T]], patience: timedelta | None, number: str, who: str | None
    ) -> T | None:
        return await super()._begin(work, patience or timedelta(minutes=1), number, who)


def connect(wiring: Wiring, organisation: Organisation) -> Mapping[str, Platform]:
    """The example in Matrix's place, and no other platform."""
    platform = example.connect(wiring)
    platform.taking = Unhurried(platform.name)
    return {platform.name: platform}


@contextlib.asynccontextmanager
async def opened(
    url: str, folder: Path, server: ExampleServer, people: Organisation | None = None, **environ: str
) -> AsyncIterator[Office]:
    """Start everything on a store; at the end everything is stopped as on SIGTERM."""
    settings = load_settings(
        None,
        {
            "JIESU_DATA_DIR": str(folder),
            "JIESU_DATABASE_URL": url,
            "JIESU_CLOCK__START": at(1).isoformat(),
            "JIESU_CLOCK__SPEED": "0",
            "JIESU_VAULT__KEY": KEY.hex(),
            **server.environ,
            **environ,
        },
    )
    office = open_office(settings, people or organisation(), live=True)
    try:
        async with running(office, connect) as service, TestClient(TestServer(application(service))) as client:
            yield Office(service, client, server)
    finally:
        office.store.close()
