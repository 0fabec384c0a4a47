"""What the program knows of one command: the shape of a row of the registry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from handlers.arguments import Arguments
from handlers.lifecycle import STEPS
from handlers.slots import Form, Slot
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
    changes nothing, so it runs beside the writer; `wide`: without an order it looks through many, so it waits among its
    like and keeps nobody else waiting. `roles`: who may, where the lifecycle table does not say. `forms`:
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
    wide: bool = False
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


def command(
    names: str,
    orders: Orders,
    arguments: str | Form | tuple[Form, ...],
    summary: str,
    *examples: str,
    step: Step | None = None,
    **more: object,
) -> Command:
    """A row of the registry: names and aliases, how many orders, and what stands after them.

    `arguments`: slots, or several forms of them; for a command that is not provided yet, its usage line.
    """
    name, *aliases = names.split()
    forms = () if isinstance(arguments, str) else _forms(arguments)
    usage = arguments if isinstance(arguments, str) else _usage(orders, forms)
    return Command(name, tuple(aliases), orders, usage, summary, examples, step, forms=forms, **more)  # type: ignore[arg-type]


def _forms(arguments: Form | tuple[Form, ...]) -> tuple[Form, ...]:
    plain = tuple(slot for slot in arguments if isinstance(slot, Slot))
    return (plain,) if len(plain) == len(arguments) else tuple(form for form in arguments if isinstance(form, tuple))


def _usage(orders: Orders, forms: tuple[Form, ...]) -> str:
    written = [" ".join(slot.usage for slot in form) for form in forms]
    if orders == "maybe":
        return f"N，或{written[0]}"
    before = {"none": "", "one": "N ", "many": "N… "}[orders]
    return " 或 ".join(f"{before}{each}".strip() for each in written)
