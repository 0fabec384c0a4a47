"""Which endpoints reach a group or a person.

An endpoint is a text that outbox rows, limits and leases hold on to:

- `console:GROUP`, `console:@PERSON`: the embedded work group;
- `PLATFORM:GROUP`, `PLATFORM:@PERSON`: the platform's bot in that group, or in private;
- `PLATFORM:GROUP:INDEX`: the group's robot at that place of the organisation file. A robot whose key was renewed so
  keeps what waits for it;
- `PLATFORM:=CHAT`, `PLATFORM:=@ACCOUNT`: by the platform's own id, for who or what is not bound yet;
- `nowhere:GROUP`, `nowhere:@PERSON`: no way yet (`storage.outbox.NOWHERE`).
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

    On one platform a group is one conversation: robots and bot of one platform in one group write to the same people,
    so one of them does and the others are its spares. The bot does, where it may begin a conversation and the chat is
    known, else the first robot; where only robots can call people, they come first.
    """

    def __init__(self, organisation: Organisation, settings: Settings, directory: Directory | None = None) -> None:
        self.directory = directory or Directory(organisation)
        self._console = settings.console.enabled
        self._people = frozenset(person.id for person in organisation.people)
        bots: dict[str, _Bot] = {platform: getattr(settings, platform) for platform in PLATFORMS}
        self._bots = tuple(platform for platform in PLATFORMS if bots[platform].pushes)

    def of_group(self, group: Group) -> tuple[str, ...]:
        """One way to each conversation of a group, the console first."""
        found: dict[str, str] = {}
        for endpoint in self.every_of_group(group):
            found.setdefault(platform_of(endpoint), endpoint)
        return tuple(found.values())

    def every_of_group(self, group: Group) -> tuple[str, ...]:
        """Every way to a group, the spares of a platform behind what writes there."""
        console = (f"{CONSOLE}:{group.id}",) if self._console else ()
        preferred = ROBOTS_FIRST | TEXT_BY_ROBOTS if group.text_only else ROBOTS_FIRST
        second = preferred & {robot.platform for robot in group.robots}
        bots = [platform for platform in self._bots if self.directory.chat(platform, group.id) is not None]
        return (
            *console,
            *(f"{platform}:{group.id}" for platform in bots if platform not in second),
            *(endpoint for endpoint, _ in robots_of(group)),
            *(f"{platform}:{group.id}" for platform in bots if platform in second),
        )

    def of_person(self, person: str) -> tuple[str, ...]:
        """The private chat with a person of the organisation: the console's, else on the platform where they wrote
        last, else on any where they are known."""
        return self.every_of_person(person)[:1]

    def every_of_person(self, person: str) -> tuple[str, ...]:
        """Every private chat with a person of the organisation, the one that is used first."""
        if person not in self._people:
            return ()
        known = [platform for platform in self._bots if self.directory.account(platform, person) is not None]
        last = self.directory.last(person)
        known.sort(key=lambda platform: platform != last)
        console = (f"{CONSOLE}:@{person}",) if self._console else ()
        return (*console, *(f"{platform}:@{person}" for platform in known))


def robots_of(group: Group) -> list[tuple[str, Robot]]:
    """A group's robots, each with its endpoint."""
    return [(f"{robot.platform}:{group.id}:{index}", robot) for index, robot in enumerate(group.robots)]
