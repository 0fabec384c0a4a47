"""Which endpoints reach a group or a person, and who sends to them.

An endpoint is a text: `console:GROUP` and `console:@PERSON` for the embedded work group, `PLATFORM:GROUP:INDEX` for
the group's robot at that place of the organisation file. A robot whose key was renewed so keeps what waits for it.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

import aiohttp

from bot.platforms.contract import Limit, Sender
from bot.platforms.wecom import WeComWebhook
from config.organisation import Group, Organisation, Robot
from config.settings import Settings
from handlers.office import Routes

CONSOLE = "console"
"""The platform of the embedded work group; it has no sender, its messages are rows of the same store."""


class Endpoints(Routes):
    """The ways out of an office, as its organisation file and settings say. Two groups never share a robot."""

    def __init__(self, organisation: Organisation, settings: Settings) -> None:
        self._settings = settings
        self._console = settings.console.enabled
        self._people = frozenset(person.id for person in organisation.people)
        self._robots = {
            f"{robot.platform}:{group.id}:{index}": robot
            for group in organisation.groups
            for index, robot in enumerate(group.robots)
            if robot.platform in _SENDERS
        }

    def of_group(self, group: Group) -> tuple[str, ...]:
        """Every way to a group, the console first; none where it has no robot that this version can send to."""
        robots = tuple(
            endpoint
            for index, robot in enumerate(group.robots)
            if (endpoint := f"{robot.platform}:{group.id}:{index}") in self._robots
        )
        return (f"{CONSOLE}:{group.id}", *robots) if self._console else robots

    def of_person(self, person: str) -> tuple[str, ...]:
        """The private chat with a person of the organisation, where the console is on."""
        return (f"{CONSOLE}:@{person}",) if self._console and person in self._people else ()

    def senders(self, session: aiohttp.ClientSession) -> Mapping[str, Sender]:
        """Endpoint → sender, for every robot. `session` comes from `posting.webhook_session`.

        Raises ConfigError, in one Chinese line, for a robot whose address is wrong.
        """
        return {
            endpoint: _SENDERS[robot.platform](session, robot, self._settings)
            for endpoint, robot in self._robots.items()
        }


def platform_of(endpoint: str) -> str:
    """The platform that an endpoint is on."""
    return endpoint.partition(":")[0]


def _wecom(session: aiohttp.ClientSession, robot: Robot, settings: Settings) -> Sender:
    limit = Limit(settings.wecom.per_minute, timedelta(minutes=1))
    return WeComWebhook(session, robot.webhook, api_base=settings.wecom.api_base, limits=(limit,))


_SENDERS: dict[str, Callable[[aiohttp.ClientSession, Robot, Settings], Sender]] = {"wecom": _wecom}
"""Platforms of robots that can be sent to."""
