"""What the program knows of one command: the shape of a row of the registry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from handlers.arguments import Arguments
from handlers.lifecycle import STEPS
from handlers.slots import Form
from handlers.work import Said, Work
from storage.tables import Order

Orders = Literal["none", "one", "many", "maybe"]
"""How many orders the usage begins with; `maybe`: an order, or words."""

Step = Callable[[Work, Order, Arguments], "str | Said"]
Ask = Callable[[Work, Arguments], Said]


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `step` works on one order, `ask` on none; a command with neither is not provided yet.

    `own_kinds` are the kinds of its own arguments that look like an order number (phone, date, order). `reads`: it
    changes nothing, so it runs beside the writer. `roles`: who may, where the lifecycle table does not say. `forms`:
    the arguments after the orders, as data; `usage` is written from them.
    """

    name: str
    aliases: tuple[str, ...]
    orders: Orders
    usage: str
    summary: str
    examples: tuple[str, ...] = ()
    step: Step | None = None
    ask: Ask | None = None
    own_kinds: frozenset[str] = field(default=frozenset())
    private: bool = False
    reads: bool = False
    roles: frozenset[str] | None = None
    forms: tuple[Form, ...] = ()

    @property
    def provided(self) -> bool:
        """Whether this version carries it out."""
        return self.step is not None or self.ask is not None

    def may(self, roles: frozenset[str]) -> bool:
        """Whether somebody with these roles can ever use it."""
        wanted = self.roles or (STEPS[self.name].who if self.name in STEPS else None)
        return wanted is None or bool(wanted & roles)
