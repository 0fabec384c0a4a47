"""What the console offers while somebody types: orders, 科室, people, and each command's arguments as data.

Only what this person may use: roles hide commands, the lifecycle table says which order takes which command.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from config.organisation import Person
from config.rules import Rules
from config.shanghai import day_of
from handlers.command import Command
from handlers.lifecycle import DEPARTMENT, DUTY, ONWARD, STEPS
from handlers.office import Office
from handlers.permission import allowed_now
from handlers.registry import COMMANDS
from handlers.slots import Slot
from handlers.states import State
from handlers.work import department_name
from storage.columns import table
from storage.tables import Order, OrderTable
from storage.transaction import Scope

MOST_ORDERS: Final = 200
MOST_CLOSED: Final = 30
LONGEST_TITLE: Final = 40

_orders = table(OrderTable)


def offered(office: Office, scope: Scope, actor: Person) -> dict[str, Any]:
    """Everything the page needs to complete what this person types, ready for JSON.

    `orders` are open ones: those that wait for the person first, then the urgent, then the newest; behind them the
    last closed ones, for whom may reopen them. `commands` of an order names what the person may do to it now. Titles
    are masked, as they are stored. `attachment_mb` is what the office keeps of one file.
    """
    organisation = office.organisation
    commands = [command for command in COMMANDS if command.provided and command.may(actor.roles)]
    return {
        "orders": [*_open_orders(scope, actor, commands), *_closed_orders(scope, actor, commands)],
        "departments": [
            {"id": each.id, "name": each.name, "aliases": list(each.aliases)} for each in organisation.departments
        ],
        "people": [
            {
                "id": person.id,
                "name": person.name,
                "department": person.department,
                "department_name": department_name(office, person.department) if person.department else None,
                "handles": DEPARTMENT in person.roles,
            }
            for person in organisation.people
        ],
        "communities": [{"name": each.name, "aliases": list(each.aliases)} for each in organisation.communities],
        "patches": [{"name": each.name} for each in organisation.patches],
        "commands": [_grammar(office, command, actor, scope.now) for command in commands],
        "attachment_mb": office.rules(scope.now).attachments.file_mb,
    }


def _open_orders(scope: Scope, actor: Person, commands: list[Command]) -> Iterator[dict[str, Any]]:
    first = [sa.case((_waits_for(actor), 0), else_=1), sa.case((_orders.c.level == "紧急", 0), else_=1)]
    query = _listed().where(_orders.c.open.is_(True)).order_by(*first, _orders.c.id.desc()).limit(MOST_ORDERS)
    yield from _described(scope, actor, commands, query)


def _closed_orders(scope: Scope, actor: Person, commands: list[Command]) -> Iterator[dict[str, Any]]:
    """The last closed ones with what may be done to them; none for whom may do nothing but read."""
    if not any(State.CLOSED in STEPS[command.name].states for command in commands if command.name in STEPS):
        return
    closed = _orders.c.open.is_(False), _orders.c.state == State.CLOSED
    query = _listed().where(*closed).order_by(_orders.c.id.desc()).limit(MOST_CLOSED)
    yield from _described(scope, actor, commands, query)


def _listed() -> sa.Select[Any]:
    names = ("id", "state", "level", "title", "category", "department", "assisting")
    return sa.select(*(_orders.c[name] for name in names))


def _described(scope: Scope, actor: Person, commands: list[Command], query: sa.Select[Any]) -> Iterator[dict[str, Any]]:
    # Commands without a row in the lifecycle table take any order.
    free = [command.name for command in commands if command.orders != "none" and command.name not in STEPS]
    # What is allowed depends on the state and on whose the order is; it is worked out once for each such kind.
    known: dict[tuple[str, bool, bool], list[str]] = {}
    for row in scope.connection.execute(query):
        kind = (row.state, row.department == actor.department, actor.department in row.assisting)
        if kind not in known:
            order = Order.model_construct(state=row.state, department=row.department, assisting=row.assisting)
            known[kind] = [*allowed_now(actor, order), *free]
        yield {
            "id": row.id,
            "state": row.state,
            "level": row.level,
            "title": (row.title or row.category)[:LONGEST_TITLE],
            "department": row.department,
            "commands": known[kind],
        }


def _waits_for(actor: Person) -> sa.ColumnElement[bool]:
    """Orders that this person's roles move on: anybody's by role, those of the 主办 科室 for its members.

    What a seat may do on behalf of a 科室 waits for the 科室.
    """
    steps = {state: STEPS[name] for state, name in ONWARD.items()}
    by_role = [state for state, step in steps.items() if not step.behalf and actor.roles & (step.who - {DEPARTMENT})]
    mine = _orders.c.state.in_(by_role)
    if DEPARTMENT not in actor.roles or actor.department is None:
        return mine
    own = [state for state, step in steps.items() if DEPARTMENT in step.who]
    return sa.or_(mine, sa.and_(_orders.c.department == actor.department, _orders.c.state.in_(own)))


def _grammar(office: Office, command: Command, actor: Person, now: datetime) -> dict[str, Any]:
    rules = office.rules(now)
    return {
        "name": command.name,
        "orders": command.orders,
        "forms": [
            [
                _slot(_named(office, slot, now), command, actor, rules)
                for slot in form
                if DUTY in actor.roles or not slot.behalf
            ]
            for form in command.forms
        ],
    }


def _named(office: Office, slot: Slot, now: datetime) -> Slot:
    """A slot for a rule offers the rules by name."""
    if slot.kind != "rule":
        return slot
    titles = tuple(line.title for line in office.policy.describe(day_of(now)))
    return replace(slot, kind="choice", choices=titles)


def _slot(slot: Slot, command: Command, actor: Person, rules: Rules) -> dict[str, Any]:
    """`usage` is how the usage line writes it; what is empty or false is left out."""
    # A seat that belongs to no 科室 is refused without 代 (lifecycle table): there it is no option.
    needed = slot.behalf and STEPS[command.name].behalf and DEPARTMENT not in actor.roles
    given = {
        "label": slot.label,
        "words": list(slot.words(rules)),
        "before": slot.before,
        "optional": slot.optional and not needed,
        "free": slot.free,
        "colleague": slot.colleague,
        "about": slot.about,
    }
    return {"kind": slot.kind, "usage": slot.usage, **{name: value for name, value in given.items() if value}}
