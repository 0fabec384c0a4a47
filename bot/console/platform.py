"""The work group in the browser, as a `Platform`: people write on its page, what is said stands in the store.

It has no senders: a message to it needs no request that could fail. Delivery puts it among the console's own rows in
the transaction that takes it from the outbox (`bot.delivery.console`), exactly once.
"""

from aiohttp import web

from bot.console.routes import add_routes, same_origin
from bot.console.stream import Hub
from bot.console.uploads import post_files
from bot.platforms.contract import Probe, Sender, Wiring
from bot.routes import CONSOLE
from config.entries import Robot
from config.errors import ConfigError


def connect(wiring: Wiring) -> "Console":
    """A `Platform`. Where it may stand the settings have checked: on loopback, beside nobody who takes commands."""
    return Console(wiring)


class Console:
    """A `Platform` whose people are the organisation's own and whose groups need no binding."""

    name = CONSOLE
    receives = True

    def __init__(self, wiring: Wiring) -> None:
        self.hub = None if wiring.desk is None else Hub(wiring.desk, wiring.now)

    def robot(self, robot: Robot) -> Sender:
        """None here; raises ConfigError."""
        raise ConfigError("网页工作群没有群机器人：请从组织文件里去掉这一项")

    def chat(self, chat: str) -> Sender | None:
        """None: see above."""
        return None

    def person(self, account: str) -> Sender | None:
        """None: see above."""
        return None

    def add_routes(self, app: web.Application) -> None:
        """The page and its requests, for this machine's own pages only."""
        app.middlewares.append(same_origin)
        add_routes(app)
        app.router.add_post("/console/files", post_files)

    async def run(self) -> None:
        """Hand new messages to every open page until cancelled."""
        if self.hub is not None:
            await self.hub.run()

    async def probe(self) -> list[Probe]:
        """Nothing to ask: there is nobody between."""
        return []
