"""Who works here: people, 科室, 包片, 社区 and groups, with look-ups.

An `Organisation` is a value that never changes; every look-up is a dictionary step.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from config.entries import (
    PLATFORMS,
    PURPOSES,
    ROLES,
    SYSTEM,
    Community,
    Department,
    Group,
    Patch,
    Person,
    Robot,
    role_name,
)
from config.organisation_file import read_organisation
from config.problems import folded, nearest

__all__ = [
    "PLATFORMS",
    "PURPOSES",
    "ROLES",
    "SYSTEM",
    "Community",
    "Department",
    "Group",
    "Organisation",
    "Patch",
    "Person",
    "Robot",
    "load_organisation",
    "role_name",
]

_Entry = TypeVar("_Entry", bound=Person | Department | Community)
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Organisation:
    """Everybody and everything of one street, with look-ups. Build it once; it never changes."""

    def __init__(
        self,
        people: Iterable[Person] = (),
        departments: Iterable[Department] = (),
        patches: Iterable[Patch] = (),
        communities: Iterable[Community] = (),
        groups: Iterable[Group] = (),
    ) -> None:
        self.people = tuple(people)
        self.departments = tuple(departments)
        self.patches = tuple(patches)
        self.communities = tuple(communities)
        self.groups = tuple(groups)
        self._people = {person.id: person for person in self.people}
        self._departments = {department.id: department for department in self.departments}
        self._patches = {patch.id: patch for patch in self.patches}
        self._groups = {group.id: group for group in self.groups}
        self._person_names = _by_name(self.people)
        self._department_names = _by_name(self.departments)
        self._community_names = _by_name(self.communities)
        self._accounts = {item: person for person in self.people for item in person.accounts.items()}
        self._chats = {item: group for group in self.groups for item in group.chats.items()}
        self._roles = _grouped((role, person) for person in self.people for role in person.roles)
        self._members = _grouped((person.department, person) for person in self.people if person.department)
        self._purposes = _grouped((group.purpose, group) for group in self.groups)
        self._department_groups = _grouped(
            (group.department, group) for group in self.groups if group.purpose == "department" and group.department
        )

    role_name = staticmethod(role_name)

    def person(self, identity: str) -> Person | None:
        """The person with this id."""
        return self._people.get(identity)

    def department(self, identity: str) -> Department | None:
        """The 科室 with this id."""
        return self._departments.get(identity)

    def patch(self, identity: str) -> Patch | None:
        """The 包片 with this id."""
        return self._patches.get(identity)

    def group(self, identity: str) -> Group | None:
        """The group with this id; private chats (`@PERSON`) are no groups."""
        return self._groups.get(identity)

    def community(self, name: str) -> Community | None:
        """The 社区 with this name or alias."""
        found = self._community_names.get(folded(name), ())
        return found[0] if found else None

    def find_person(self, text: str) -> tuple[Person, ...]:
        """All whom the text may mean: the one with that id, else everybody with that name or alias.

        More than one means that the caller must ask which. Compared after NFKC and case folding, blanks stripped.
        """
        exact = self._people.get(text.strip())
        return (exact,) if exact else self._person_names.get(folded(text), ())

    def find_department(self, text: str) -> tuple[Department, ...]:
        """The 科室 with that id, name or alias; a loaded file never gives more than one."""
        exact = self._departments.get(text.strip())
        return (exact,) if exact else self._department_names.get(folded(text), ())

    def nearest_people(self, text: str) -> list[str]:
        """Up to three names of people that look like the text, for "是否想写"."""
        return nearest(text, dict.fromkeys(person.name for person in self.people))

    def nearest_departments(self, text: str) -> list[str]:
        """Up to three names of 科室 that look like the text."""
        return nearest(text, (department.name for department in self.departments))

    def nearest_communities(self, text: str) -> list[str]:
        """Up to three names of 社区 that look like the text."""
        return nearest(text, (community.name for community in self.communities))

    def people_with(self, role: str) -> tuple[Person, ...]:
        """Everybody with a role, in the file's order."""
        return self._roles.get(role, ())

    def members(self, department: str) -> tuple[Person, ...]:
        """Everybody who belongs to a 科室 (its id), in the file's order, whatever their roles."""
        return self._members.get(department, ())

    def staffed(self, department: str) -> bool:
        """Whether there is such a 科室 (its id) and somebody in it: orders outlive a change of this file."""
        return department in self._departments and bool(self.head_of(department) or self.members(department))

    def head_of(self, department: str) -> Person | None:
        """The head of a 科室 (its id)."""
        found = self._departments.get(department)
        return self._people.get(found.head) if found and found.head else None

    def by_account(self, platform: str, account: str) -> Person | None:
        """Whose account on a platform this is."""
        return self._accounts.get((platform, account))

    def by_chat(self, platform: str, chat: str) -> Group | None:
        """Which group a platform's chat is."""
        return self._chats.get((platform, chat))

    def groups_for(self, purpose: str, department: str | None = None) -> tuple[Group, ...]:
        """The groups for a purpose (`department` with a 科室's id); where there is none, the dispatch groups."""
        own = self._department_groups.get(department or "") if purpose == "department" else self._purposes.get(purpose)
        return own or self._purposes.get("dispatch", ())

    def communities_of(self, patch: str) -> tuple[Community, ...]:
        """The 社区 of a 包片 (its id)."""
        return tuple(community for community in self.communities if community.patch == patch)

    def patch_leader(self, community: str) -> Person | None:
        """The leader of the 包片 to which a 社区 (name or alias) belongs."""
        found = self.community(community)
        patch = self._patches.get(found.patch) if found and found.patch else None
        return self._people.get(patch.leader) if patch and patch.leader else None


def load_organisation(path: Path, environ: Mapping[str, str]) -> Organisation:
    """Read an organisation file; `environ` gives what `webhook_env` and `secret_env` name.

    Raises ConfigError: one Chinese line that names the file, the line and the key of the first mistake.
    """
    return Organisation(*read_organisation(path, environ))


def _by_name(entries: Iterable[_Entry]) -> dict[str, tuple[_Entry, ...]]:
    pairs: list[tuple[str, _Entry]] = []
    for entry in entries:
        names = dict.fromkeys(folded(text) for text in (entry.name, *entry.aliases))
        pairs.extend((name, entry) for name in names)
    return _grouped(pairs)


def _grouped(pairs: Iterable[tuple[_Key, _Value]]) -> dict[_Key, tuple[_Value, ...]]:
    lists: defaultdict[_Key, list[_Value]] = defaultdict(list)
    for key, value in pairs:
        lists[key].append(value)
    return {key: tuple(values) for key, values in lists.items()}
