"""The platform as the settings configure it."""

from datetime import timedelta

from aiohttp import web

from bot.platforms.contract import Limit, Probe, Sender, Wiring
from bot.platforms.wecom.webhook import WeComWebhook
from config.entries import Robot


def connect(wiring: Wiring) -> "WeCom":
    """A `Platform`."""
    return WeCom(wiring)


class WeCom:
    """Group robots."""

    name = "wecom"
    receives = False

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def robot(self, robot: Robot) -> Sender:
        """The sender of a group robot; raises ConfigError for a wrong address."""
        settings = self._wiring.settings.wecom
        limit = Limit(settings.per_minute, timedelta(minutes=1))
        return WeComWebhook(
            self._wiring.session,
            robot.webhook,
            api_base=settings.api_base,
            limits=(limit,),
            features=settings.features,
        )

    def chat(self, chat: str) -> Sender | None:
        """No bot yet."""
        return None

    def person(self, account: str) -> Sender | None:
        """No bot yet."""
        return None

    def add_routes(self, app: web.Application) -> None:
        """None."""

    async def run(self) -> None:
        """Nothing to hold."""

    async def probe(self) -> list[Probe]:
        """Nothing that could be asked without sending."""
        return []
