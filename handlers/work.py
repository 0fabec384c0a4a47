"""What a command handler is given, and what it returns."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from config.organisation import Person
from config.rules import Rules
from handlers.office import Office
from handlers.privacy import clean
from handlers.refusal import Refusal
from storage.tables import Order
from storage.transaction import Scope
from storage.vault import Personal

if TYPE_CHECKING:
    from handlers.notices import Announcement

SYSTEM = "system"
"""The actor of what no person did: imports, clocks."""
SYSTEM_ACTOR = Person.model_construct(id=SYSTEM, name="系统", roles=frozenset())
"""Nobody in the organisation: the id is reserved there, so the person is made past its checks."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command was typed: our group id or `@PERSON`."""

    chat: str

    @property
    def private(self) -> bool:
        """Whether only the person and the bot read it."""
        return self.chat.startswith("@")


@dataclass(frozen=True, slots=True)
class Said:
    """An answer. `orders` are the orders it speaks of, so that a quote of it finds them.

    `reveal` is an order whose personal data the answer shows, or a reference to a one-time code: the text is made when
    it is sent and never stored.
    """

    text: str
    orders: tuple[int, ...] = ()
    private: bool = False
    reveal: int | str | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """One command at work: the office, the transaction, who acts, and where. The time is the scope's.

    `named` are all orders that the message names: what was typed may speak of any of their callers. `callers` keeps
    those between the orders of one message, each decrypted once. `gathered`, where many orders are named, collects
    what is announced of them, to be told together.
    """

    office: Office
    scope: Scope
    actor: Person
    place: Place
    named: tuple[int, ...] = ()
    callers: dict[int, tuple[str, ...]] = field(default_factory=dict)
    gathered: "list[Announcement] | None" = None

    @property
    def now(self) -> datetime:
        """The command's moment, aware UTC."""
        return self.scope.now

    @property
    def rules(self) -> Rules:
        """The rules in force now."""
        return self.office.rules(self.now)

    def render(self, template: str, /, **values: Any) -> str:
        """A message text from `config/texts/`."""
        return self.office.texts.render(template, now=self.now, **values)

    def order(self, number: int) -> Order:
        """The order, to read and change; raises Refusal when there is none."""
        order = self.scope.order(number)
        if order is None:
            raise Refusal(f"没有工单 #{number}：请核对单号，或用 /查 关键词 查找")
        return order

    def clean(self, text: str, order: Order | None = None) -> str:
        """What a person typed, masked for the journal and for every way out; callers of the order and of all that
        the message names included."""
        about = dict.fromkeys((*(() if order is None else (order.id,)), *self.named)) if text else ()
        own = tuple(dict.fromkeys(value for number in about for value in self._own(number)))
        keep = () if order is None else (order.number,)
        return clean(text, own=own, keep=keep)

    def personal(self, order: Order) -> Personal | None:
        """The order's personal data, or None when its key was destroyed or none was given."""
        return unsealed(self.office, self.scope, order.id)

    def name(self, person: str | None) -> str:
        """The name of a person id, as people know it."""
        return person_name(self.office, person)

    def _own(self, number: int) -> tuple[str, ...]:
        if number not in self.callers:
            personal = unsealed(self.office, self.scope, number)
            known = () if personal is None else (personal.name, personal.phone)
            self.callers[number] = tuple(value for value in known if value)
        return self.callers[number]


def person_name(office: Office, person: str | None) -> str:
    """The name of a person id; 系统 for the system, the id itself for one who has left the organisation."""
    if person is None or person == SYSTEM:
        return "系统"
    found = office.organisation.person(person)
    return person if found is None else found.name


def department_name(office: Office, department: str | None) -> str:
    """The name of a 科室 id; the id itself for one that no longer exists, — for none."""
    if department is None:
        return "—"
    found = office.organisation.department(department)
    return department if found is None else found.name


def unsealed(office: Office, scope: Scope, order: int) -> Personal | None:
    """Decrypt an order's personal data; None when nothing is held or its key was destroyed.

    Raises StoreError when the row does not belong to this order and key: it was tampered with.
    """
    row = scope.vault(order)
    if row is None or row["wrapped_key"] is None or row["sealed"] is None:
        return None
    return office.store.vault.open(order, row["wrapped_key"], row["sealed"])
