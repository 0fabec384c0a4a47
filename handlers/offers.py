"""Which steps a notice offers by one tap, and what its card shows when the order has moved on.

A tap is the command itself, typed by whoever tapped: it is offered where those read whom the order waits for, and
refused like any other to whoever may not.
"""

from datetime import datetime
from typing import Any, Final

from config.organisation import Department
from handlers import clocks
from handlers.office import Office
from handlers.states import ENDED, State
from handlers.work import department_name, person_name
from storage.tables import Order

REMINDER: Final = "reminder"
MOST_CHOICES: Final = 10
"""What a card takes on any platform."""

Offer = dict[str, Any]
"""One action as `bot.delivery.composing` reads it: label, command, choices (label, value)."""


def offers(office: Office, order: Order, kind: str, *, waits_here: bool) -> list[Offer]:
    """The actions of a notice of this kind about an order; `waits_here` says that its group is to act on it."""
    if kind == REMINDER and can_rest(order):
        return [_offer(order, "知悉")]
    name = _STEPS.get(State(order.state)) if waits_here else None
    if name is None or (name == "接单" and not office.organisation.staffed(order.department or "")):
        return []
    if name == "派单":
        fitting = likely_departments(office, order)
        return [{**_offer(order, name), "choices": [[each.name, each.id] for each in fitting]}] if fitting else []
    return [_offer(order, name)]


def can_rest(order: Order) -> bool:
    """Whether somebody who knows may be spared a nudge: never of an urgent order, nor of one that nobody signed."""
    return order.level != clocks.URGENT_LEVEL and order.state != State.AWAITING_SIGNATURE and order.state not in ENDED


def card(office: Office, order: Order, first_line: str, now: datetime, *, newest: bool) -> str:
    """What a card says in the place of its text: who did what, and when; the newest one also where the order is."""
    who, at = _done(office, order)
    return office.texts.render("card", now=now, order=order, first=first_line, who=who, at=at, newest=newest)


def likely_departments(office: Office, order: Order) -> list[Department]:
    """The 科室 to choose from, those first whose duties fit the order's class or words; at most `MOST_CHOICES`."""
    category = order.category.replace("→", "->")
    words = f"{order.title} {order.content}"

    def fit(department: Department) -> tuple[int, int]:
        own = max((len(duty) for duty in department.duties if duty in category), default=0)
        told = max((len(duty) for duty in department.duties if duty in words), default=0)
        return -own, -told

    return sorted(office.organisation.departments, key=fit)[:MOST_CHOICES]


def _offer(order: Order, name: str) -> Offer:
    return {"label": name, "command": f"/{name} {order.id}"}


def _done(office: Office, order: Order) -> tuple[str, datetime | None]:
    """`已签收 张坐席` and when, by the state that the step led to."""
    person = person_name
    facts: dict[State, tuple[str, str | None, datetime | None]] = {
        State.RETURNING: ("已申请退回", None, order.returned_at),
        State.RETURNED: ("已退回", None, order.since),
        State.AWAITING_DISPATCH: ("已签收", order.signed_by, order.signed_at),
        State.HANDLING: ("已接单", order.handler, order.accepted_at),
        State.AWAITING_EVALUATION: ("已办结", order.handler, order.reported_done_at),
        State.AWAITING_CLOSURE: ("已评定", order.rated_by, order.evaluated_at),
        State.CLOSED: ("已结案", None, order.since),
    }
    state = State(order.state)
    if state is State.AWAITING_ACCEPTANCE:
        return f"已派单 {department_name(office, order.department)}", order.dispatched_at
    word, who, at = facts.get(state, ("", None, None))
    return f"{word} {person(office, who)}" if who is not None else word, at


_STEPS: Final = {
    State.AWAITING_SIGNATURE: "签收",
    State.AWAITING_DISPATCH: "派单",
    State.AWAITING_ACCEPTANCE: "接单",
}
"""The steps that need no words, by state."""
