"""An office is a value: what it decided, who works there, its store and the ways out, travelling together."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from config.calendar import WorkCalendar
from config.organisation import Group, Organisation
from config.policy import Policy
from config.rules import Rules
from config.settings import Settings
from config.shanghai import day_of
from config.texts import Texts
from storage.store import Store


class Routes(Protocol):
    """Which endpoints reach a group or a person. Endpoints are opaque here; delivery knows what they are."""

    def of_group(self, group: Group) -> tuple[str, ...]:
        """Every robot or chat that a notice to this group goes to."""
        ...

    def of_person(self, person: str) -> tuple[str, ...]:
        """The private chat with a person, or nothing where no platform gives one."""
        ...


@dataclass(frozen=True, slots=True)
class Office:
    """One office. No module keeps state beside it, so one process can host several."""

    settings: Settings
    policy: Policy
    organisation: Organisation
    calendar: WorkCalendar
    texts: Texts
    store: Store
    routes: Routes

    def rules(self, at: datetime | date) -> Rules:
        """The rules in force on the Shanghai day of `at`, with the working calendar of this office."""
        return self.policy.on(day_of(at) if isinstance(at, datetime) else at, self.calendar.version)
