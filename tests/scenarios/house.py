"""The whole house over HTTP: service, delivery, console and API as they run, with a clock that stands until moved."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from bot.cli.context import Context
from bot.cli.importing import import_files
from bot.demo_orders import write_csv
from bot.service import Service, open_office, running
from bot.web.app import application
from config.settings import load_settings
from tests.conftest import KEY
from tests.street import sample_organisation

TOKEN = "a-token-for-tests"


@dataclass
class House:
    """What somebody outside can do: speak in the work group, call the API, run a command line, move the clock."""

    service: Service
    client: TestClient[Any, Any]
    context: Context
    folder: Path

    async def post(self, person: str, text: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """Say something as a person; status and answer."""
        body = {"person": person, "group": "dispatch", "text": text, **more}
        async with self.client.post("/console/messages", json=body) as response:
            return response.status, await response.json()

    async def say(self, person: str, text: str, **more: Any) -> str:
        """Say something; the text of all replies."""
        status, answer = await self.post(person, text, **more)
        assert status == 200, answer
        return "\n".join(reply["text"] for reply in answer["replies"])

    async def privately(self, person: str, text: str, **more: Any) -> str:
        """Say something to the bot alone."""
        return await self.say(person, text, group=f"@{person}", **more)

    async def messages(self, group: str = "dispatch", after: int = 0) -> list[dict[str, Any]]:
        """What stands in a group."""
        async with self.client.get("/console/messages", params={"group": group, "after": after}) as response:
            return list(await response.json())

    async def notices(self, group: str = "dispatch", after: int = 0) -> list[dict[str, Any]]:
        """What the bot said there by itself, once everything that waits is delivered."""
        await self.move(self.service.clock.now())
        return [item for item in await self.messages(group, after) if item["kind"] not in ("message", "reply")]

    async def orders(self, *rows: Mapping[str, Any], token: str = TOKEN) -> tuple[int, dict[str, Any]]:
        """Send orders to the API."""
        headers = {"Authorization": f"Bearer {token}"}
        async with self.client.post("/api/orders", json=list(rows), headers=headers) as response:
            return response.status, await response.json()

    async def move(self, to: datetime) -> None:
        """Move the clock, with everything that becomes due on the way."""
        async with self.client.post("/console/clock", json={"now": to.isoformat()}) as response:
            assert response.status == 200, await response.text()

    async def command_line_import(self, *rows: Mapping[str, str], **how: Any) -> int:
        """`jiesu import` in another process's place, while the service runs; the exit status."""
        file = self.folder / "export.csv"
        write_csv(rows, file)
        return await asyncio.to_thread(import_files, self.context, [file], None, takeover=False, **how)


@contextlib.asynccontextmanager
async def opened(url: str, folder: Path, start: datetime) -> AsyncIterator[House]:
    """Start everything on a store; at the end everything is stopped as on SIGTERM."""
    environ = {
        "JIESU_DATA_DIR": str(folder),
        "JIESU_DATABASE_URL": url,
        "JIESU_CONSOLE__ENABLED": "true",
        "JIESU_CLOCK__START": start.isoformat(),
        "JIESU_CLOCK__SPEED": "0",
        "JIESU_INTAKE__TOKEN": TOKEN,
        "JIESU_VAULT__KEY": KEY.hex(),
    }
    settings = load_settings(None, environ)
    office = open_office(settings, sample_organisation(), live=True)
    try:
        async with running(office) as service, TestClient(TestServer(application(service))) as client:
            yield House(service, client, Context(settings, environ), folder)
            if service.hub is not None:
                service.hub.close()
    finally:
        office.store.close()
