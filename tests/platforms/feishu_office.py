"""An office whose people write on Feishu: the whole service, with a clock that only the test moves."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient, TestServer

from bot.clock import SystemClock
from bot.service import Service, open_office, running
from bot.web.app import application
from config.organisation import Organisation
from config.settings import load_settings
from handlers.office import Office as ServiceOffice
from storage.tables import Inbox, Seen
from tests.conftest import KEY
from tests.platforms import feishu_server as fake
from tests.platforms.feishu_server import GROUP, FakeFeishu
from tests.street import Street, at, sample_organisation


def organisation() -> Organisation:
    """The sample office: everybody has an account `ou_ID`, the dispatch group is a chat."""
    sample = sample_organisation()
    people = [person.model_copy(update={"accounts": {"feishu": f"ou_{person.id}"}}) for person in sample.people]
    groups = [
        group.model_copy(update={"chats": {"feishu": GROUP}} if group.id == "dispatch" else {})
        for group in sample.groups
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, groups)


@dataclass(repr=False)
class FeishuStreet(Street):
    """Those hands in an office that writes on Feishu."""

    real: ServiceOffice | None = None

    @property
    def office(self) -> ServiceOffice:
        assert self.real is not None
        return self.real


@dataclass
class Office:
    """A running service and the platform's other side."""

    service: Service
    client: TestClient[Any, Any]
    feishu: FakeFeishu
    street: Street

    async def call(self, event: dict[str, Any], **how: Any) -> tuple[int, dict[str, Any]]:
        """Push an event by HTTP; status and answer."""
        async with await self.post(fake.sealed(event), **how) as response:
            return response.status, await response.json()

    async def post(self, body: bytes, stamp: str | None = None, nonce: str = "", **headers: str) -> ClientResponse:
        """A callback with these bytes, signed as the platform does."""
        stamp = str(int(SystemClock().now().timestamp())) if stamp is None else stamp
        return await self.client.post("/callbacks/feishu", data=body, headers=fake.signed(body, stamp, nonce) | headers)

    async def settle(self) -> list[str]:
        """Let everything that waits leave; what can be read on Feishu then."""
        await self.service.rehearse(self.service.clock.now() + timedelta(seconds=5))
        return self.feishu.texts

    def taken(self) -> list[str]:
        """The ids of all messages that were taken."""
        return [row.message_id for row in self.street.rows(Inbox)]

    def seen(self) -> int:
        """How many nonces are remembered."""
        return len([row for row in self.street.rows(Seen) if row.platform == "feishu"])


@contextlib.asynccontextmanager
async def opened(
    url: str, folder: Path, feishu: FakeFeishu, mode: str, orders: Callable[[Street], None] = lambda street: None
) -> AsyncIterator[Office]:
    """Start everything on a store with these orders; at the end everything is stopped as on SIGTERM."""
    environ = {
        "JIESU_DATA_DIR": str(folder),
        "JIESU_DATABASE_URL": url,
        "JIESU_CLOCK__START": at(1).isoformat(),
        "JIESU_CLOCK__SPEED": "0",
        "JIESU_VAULT__KEY": KEY.hex(),
        "JIESU_PLATFORMS__PATIENCE": "120",
        "JIESU_FEISHU__APP_ID": fake.APP_ID,
        "JIESU_FEISHU__APP_SECRET": fake.APP_SECRET,
        "JIESU_FEISHU__API_BASE": feishu.base,
        "JIESU_FEISHU__MODE": mode,
        "JIESU_FEISHU__ENCRYPT_KEY": fake.ENCRYPT_KEY,
        "JIESU_FEISHU__VERIFICATION_TOKEN": fake.TOKEN,
    }
    people = organisation()
    feishu.people = {account for person in people.people for account in person.accounts.values()}
    office = open_office(load_settings(None, environ), people, live=True)
    street = FeishuStreet(office.store, organisation=people, real=office)
    orders(street)
    try:
        async with running(office) as service, TestClient(TestServer(application(service))) as client:
            yield Office(service, client, feishu, street)
    finally:
        # a look into the outbox that was given up at the end goes on in its thread
        await asyncio.get_running_loop().shutdown_default_executor()
        office.store.close()
