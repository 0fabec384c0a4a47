"""Which endpoints reach a group or a person.

An endpoint is a text that outbox rows, limits and leases hold on to:

- `console:GROUP`, `console:@PERSON`: the embedded work group;
- `PLATFORM:GROUP`, `PLATFORM:@PERSON`: the platform's bot in that group, or in private;
- `PLATFORM:GROUP:INDEX`: the group's robot at that place of the organisation file. A robot whose key was renewed so
  keeps what waits for it;
- `PLATFORM:=CHAT`, `PLATFORM:=@ACCOUNT`: by the platform's own id, for who or what is not bound yet.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from bot.directory import Directory
from config.organisation import PLATFORMS, Group, Organisation, Robot
from config.settings import Settings
from handlers.office import Routes

CONSOLE: Final = "console"
"""The platform of the embedded work group; it has no sender, its messages are rows of the same store."""
ROBOTS_FIRST: Final = frozenset({"dingtalk"})
"""Platforms whose bot calls nobody in a group that it writes to by itself; a robot of that group does."""

TEXT_BY_ROBOTS: Final = frozenset({"wecom"})
"""Platforms whose bot writes markdown only, which readers in the WeChat plug-in cannot see; a robot writes text."""


@dataclass(frozen=True, slots=True)
class Address:
    """An endpoint taken apart; exactly one of `group`, `person`, `chat`, `account` is given, `index` with a group."""

    platform: str
    group: str | None = None
    person: str | None = None
    chat: str | None = None
    account: str | None = None
    index: int | None = None


def address(endpoint: str) -> Address:
    """An endpoint's parts."""
    platform, _, rest = endpoint.partition(":")
    if rest.startswith("=@"):
        return Address(platform, account=rest[2:])
    if rest.startswith("="):
        return Address(platform, chat=rest[1:])
    if rest.startswith("@"):
        return Address(platform, person=rest[1:])
    group, _, index = rest.partition(":")
    return Address(platform, group=group, index=int(index) if index.isdecimal() else None)


def platform_of(endpoint: str) -> str:
    """The platform that an endpoint is on."""
    return endpoint.partition(":")[0]


class _Bot(Protocol):
    @property
    def pushes(self) -> bool: ...


class Endpoints(Routes):
    """The ways out of an office, as its organisation file, settings and bindings say. Two groups never share a robot.

    On one platform a group is reached by the bot where it may begin a conversation and the chat is known, else by its
    robots: never by both, or everything would be read twice. Where only robots can call people, they come first.
    """

    def __init__(self, organisation: Organisation, settings: Settings, directory: Directory | None = None) -> None:
        self.directory = directory or Directory(organisation)
        self._console = settings.console.enabled
        self._people = frozenset(person.id for person in organisation.people)
        bots: dict[str, _Bot] = {platform: getattr(settings, platform) for platform in PLATFORMS}
        self._bots = tuple(platform for platform in PLATFORMS if bots[platform].pushes)

    def of_group(self, group: Group) -> tuple[str, ...]:
        """Every way to a group, the console first."""
        console = (f"{CONSOLE}:{group.id}",) if self._console else ()
        preferred = ROBOTS_FIRST | TEXT_BY_ROBOTS if group.text_only else ROBOTS_FIRST
        first = preferred & {robot.platform for robot in group.robots}
        bots = tuple(
            platform
            for platform in self._bots
            if platform not in first and self.directory.chat(platform, group.id) is not None
        )
        return (
            *console,
            *(f"{platform}:{group.id}" for platform in bots),
            *(endpoint for endpoint, robot in robots_of(group) if robot.platform not in bots),
        )

    def of_person(self, person: str) -> tuple[str, ...]:
        """The private chat with a person of the organisation: the console's, else on the platform where they wrote
        last, else on any where they are known."""
        if person not in self._people:
            return ()
        if self._console:
            return (f"{CONSOLE}:@{person}",)
        known = [platform for platform in self._bots if self.directory.account(platform, person) is not None]
        last = self.directory.last(person)
        return tuple(f"{platform}:@{person}" for platform in ([last] if last in known else known[:1]))


def robots_of(group: Group) -> list[tuple[str, Robot]]:
    """A group's robots, each with its endpoint."""
    return [(f"{robot.platform}:{group.id}:{index}", robot) for index, robot in enumerate(group.robots)]
