"""An office whose bot is on a home server on loopback: what was received, whom it knows."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.platforms.contract import Incoming, Wiring
from bot.platforms.matrix.platform import Matrix, connect
from config.settings import load_settings
from tests.platforms.matrix_server import BOT, BOT_TOKEN, FakeMatrix

ZHANG, LI, WANG = "@zhang:chat.test", "@li:chat.test", "@wang:elsewhere.test"


class Office:
    """The other side of the platform: what was received, whom it knows."""

    def __init__(self, server: FakeMatrix, folder: Path, session: Any) -> None:
        self.server = server
        self.folder = folder
        self.session = session
        self.received: list[Incoming] = []
        self.files: list[tuple[str, int, bytes]] = []
        self.lost: list[str] = []
        self.known = {ZHANG, LI}
        self.news = asyncio.Condition()

    async def receive(self, incoming: Incoming) -> list[str]:
        self.received.append(incoming)
        self.lost += [file.lost for file in incoming.files]
        self.files += [(file.name, file.size, file.path.read_bytes()) for file in incoming.files]
        async with self.news:
            self.news.notify_all()
        return []

    async def knows(self, platform: str, native: str) -> bool:
        assert platform == "matrix"
        return native in self.known

    def wiring(self, **settings: str) -> Wiring:
        environ = {
            "JIESU_DATA_DIR": str(self.folder),
            "JIESU_MATRIX__HOMESERVER": self.server.url,
            "JIESU_MATRIX__USER_ID": BOT,
            "JIESU_MATRIX__ACCESS_TOKEN": BOT_TOKEN,
            **settings,
        }
        given = load_settings(None, {name: value for name, value in environ.items() if value})

        async def lead(name: str, work: Any) -> None:
            assert name == "socket:matrix"
            await work()

        def now() -> datetime:
            return datetime.now(UTC)

        return Wiring(given, self.session, self.receive, None, lead, now, self.knows)  # type: ignore[arg-type]

    def platform(self, **settings: str) -> Matrix:
        return connect(self.wiring(**settings))

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Matrix]:
        """The bot follows its feed; it has looked once when the test goes on."""
        looks = len(self.server.syncs)
        platform = self.platform()
        task = asyncio.create_task(platform.run())
        try:
            # the first look that waits: all that stood there before is taken
            await self.server.until(lambda: any(int(sync["timeout"]) for sync in self.server.syncs[looks:]))
            yield platform
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def hears(self, count: int) -> list[str]:
        """The texts, once there are so many."""
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.received) >= count)
        return [incoming.text for incoming in self.received]
