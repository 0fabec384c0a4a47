"""Which ways out of the office work at this moment, as this process sees it."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from bot.platforms.contract import Sender
from bot.routes import CONSOLE, Endpoints, address, platform_of
from config.organisation import PLATFORMS, Group
from handlers import notices
from handlers.notices import Audience
from handlers.office import Office
from handlers.work import person_name
from storage.outbox import NOWHERE


class Way(NamedTuple):
    """How to tell somebody: a group's id or `@PERSON`, endpoints, and whom to call there."""

    audience: str
    endpoints: tuple[str, ...]
    people: tuple[str, ...] = ()


class Ways:
    """The ways of one office. `sender_of` knows who sends to an endpoint, `elsewhere` the leases of other replicas."""

    def __init__(
        self, office: Office, sender_of: Callable[[str], Sender | None], elsewhere: Callable[[str], bool]
    ) -> None:
        assert isinstance(office.routes, Endpoints)
        self.routes = office.routes
        self.sender_of = sender_of
        self.lost: dict[str, datetime] = {}
        """Ways to groups that have no connection, and since when."""
        self._office = office
        self._elsewhere = elsewhere

    def look(self, now: datetime) -> None:
        """Note which of the groups' ways out have no connection, and since when."""
        groups = self._office.organisation.groups
        ways = {endpoint for group in groups for endpoint in self.routes.of_group(group)}
        self.lost = {endpoint: self.lost.get(endpoint, now) for endpoint in ways if self._is_lost(endpoint)}

    def drawing_from(self, buckets: Collection[str]) -> set[str]:
        """The ways to groups and people whose limits name one of these buckets."""
        if not buckets:
            return set()
        organisation = self._office.organisation
        ways = {endpoint for group in organisation.groups for endpoint in self.routes.every_of_group(group)}
        ways |= {endpoint for person in organisation.people for endpoint in self.routes.every_of_person(person.id)}
        senders = ((endpoint, self.sender_of(endpoint)) for endpoint in ways)
        return {at for at, sender in senders if sender and any(limit.bucket in buckets for limit in sender.limits)}

    def exists(self, endpoint: str) -> bool:
        """Whether anybody sends there, now or when a connection is back."""
        return platform_of(endpoint) == CONSOLE or self.sender_of(endpoint) is not None

    def works(self, endpoint: str) -> bool:
        """Whether it exists and has its connection."""
        return self.exists(endpoint) and not self._is_lost(endpoint)

    def to(self, audience: str) -> tuple[str, ...]:
        """The ways to a group or `@PERSON` that exist, one for each conversation; none for who is gone."""
        if audience.startswith("@"):
            ways = self.routes.every_of_person(audience[1:])
            return tuple(endpoint for endpoint in ways if self.exists(endpoint))[:1]
        group = self._office.organisation.group(audience)
        return () if group is None else self.conversations(group, self.exists)

    def conversations(self, group: Group, wanted: Callable[[str], bool]) -> tuple[str, ...]:
        """One endpoint that is `wanted` for each conversation of a group: its spare where the first is not."""
        found: dict[str, str] = {}
        for endpoint in filter(wanted, self.routes.every_of_group(group)):
            found.setdefault(platform_of(endpoint), endpoint)
        return tuple(found.values())

    def to_groups(self, groups: Iterable[Group], avoid: Collection[str], people: tuple[str, ...]) -> list[Way]:
        """Those of the groups that can be told now without these endpoints, calling these people."""
        found = (
            Way(each.id, self.conversations(each, lambda endpoint: self._free(endpoint, avoid)), people)
            for each in groups
        )
        return [way for way in found if way.endpoints]

    def to_people(self, people: Iterable[str], avoid: Collection[str]) -> list[Way]:
        """Those of the people who can be told in private now, without these endpoints."""
        found = []
        for person in people:
            ways = (each for each in self.routes.every_of_person(person) if self._free(each, avoid))
            if (endpoint := next(ways, None)) is not None:
                found.append(Way(f"@{person}", (endpoint,)))
        return found

    def to_officers(self, avoid: Collection[str], people: tuple[str, ...]) -> list[Way]:
        """The supervision groups, where these people are called, and the administrators in private."""
        groups = notices.groups(self._office, Audience((notices.SUPERVISION,)))
        admins = notices.with_role(self._office, "admin")
        return [*self.to_groups(groups, avoid, people), *self.to_people(admins, avoid)]

    def to_anybody(self, avoid: Collection[str], people: tuple[str, ...]) -> list[Way]:
        """Whatever group can be told."""
        return self.to_groups(self._office.organisation.groups, avoid, people)[:1]

    def where(self, endpoint: str) -> str:
        """Whom an endpoint reaches, for people to read."""
        at, organisation = address(endpoint), self._office.organisation
        if at.person is not None:
            return f"{person_name(self._office, at.person)}的私聊"
        group = organisation.group(at.group) if at.group is not None else None
        return "未绑定的会话" if group is None else group.name

    def platform(self, endpoint: str) -> str:
        """The platform of an endpoint, for people to read."""
        name = platform_of(endpoint)
        return "没有出口" if name == NOWHERE else PLATFORMS.get(name, name)

    def _free(self, endpoint: str, avoid: Collection[str]) -> bool:
        return endpoint not in avoid and self.works(endpoint)

    def _is_lost(self, endpoint: str) -> bool:
        sender = self.sender_of(endpoint)
        return sender is not None and not sender.ready and not self._elsewhere(f"socket:{platform_of(endpoint)}")
