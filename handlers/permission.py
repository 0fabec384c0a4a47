"""Whether this person may do this to this order here, and if not, why not and what is allowed instead."""

from datetime import datetime

from config.organisation import Person
from config.shanghai import near_text
from handlers.lifecycle import COMING, DEPARTMENT, DUTY, ONWARD, STEPS, Step, allowed_in
from handlers.office import Office
from handlers.refusal import Refusal
from handlers.states import State
from handlers.work import department_name, person_name
from storage.tables import Order

_NAMED = 3
"""Most people of a role that a refusal names."""


def permit(office: Office, actor: Person, order: Order, command: str, now: datetime) -> None:
    """Raise Refusal unless the lifecycle table allows the command to this person in this state.

    Every refusal says why, and what this person may do now, or else who can move the order on.
    """
    step = STEPS[command]
    if actor.roles & step.who and order.state in step.states and may(actor, order, step):
        return
    reason = _reason(office, actor, order, command, now)
    raise Refusal(f"{reason}。{_instead(office, actor, order, command)}")


def may(actor: Person, order: Order, step: Step) -> bool:
    """Whether one of the person's roles allows the step on this order, whatever its state."""
    if actor.roles & (step.who - {DEPARTMENT}):
        return True
    if DEPARTMENT not in step.who or DEPARTMENT not in actor.roles or actor.department is None:
        return False
    return actor.department == order.department or (step.assisting and actor.department in order.assisting)


def allowed_now(actor: Person, order: Order) -> list[str]:
    """Commands that the table allows this person on this order now, in the order of an order's life."""
    return [name for name, step in allowed_in(State(order.state)) if may(actor, order, step)]


def is_seat_for(actor: Person, order: Order, step: Step) -> bool:
    """Whether the person may only act on behalf of the 科室 (`代 科室`)."""
    return (
        step.behalf
        and DUTY in actor.roles
        and not (DEPARTMENT in actor.roles and actor.department is not None and actor.department == order.department)
    )


def _reason(office: Office, actor: Person, order: Order, command: str, now: datetime) -> str:
    step = STEPS[command]
    if not actor.roles & step.who:
        return f"{command}由{_who(office, step, order)}操作，您（{actor.name}）没有这个职责"
    if order.state not in step.states:
        return f"现在是“{order.state}”，不能{command}{_already(office, order, command, now)}"
    if order.department is None:
        return f"还没有派单，科室不能{command}：等值班坐席派单后再办"
    lead, mine = department_name(office, order.department), department_name(office, actor.department)
    return f"主办科室是{lead}，您在{mine}，不能{command}"


def _who(office: Office, step: Step, order: Order) -> str:
    """The roles of a step, each with people who have it."""
    return "、".join(holders(office, role, order) for role in sorted(step.who))


def holders(office: Office, role: str, order: Order) -> str:
    """`综合科（孙主任）`: a role with people who have it; of the 科室 those of the order's 主办."""
    name = office.organisation.role_name(role)
    people = [
        person.name
        for person in office.organisation.people
        if role in person.roles and (role != DEPARTMENT or person.department == order.department)
    ]
    if not people:
        return name
    return f"{name}（{'、'.join(people[:_NAMED])}{'等' if len(people) > _NAMED else ''}）"


def _already(office: Office, order: Order, command: str, now: datetime) -> str:
    """Who has done it and when, for somebody who comes second."""
    facts = {
        "签收": (order.signed_by, order.signed_at),
        "派单": (order.dispatched_by, order.dispatched_at),
        "接单": (order.handler, order.accepted_at),
        "评定": (order.rated_by, order.evaluated_at),
    }
    who, when = facts.get(command, (None, None))
    if when is None:
        return ""
    name = department_name(office, order.department) if who is None else person_name(office, who)
    return f"：{name} 已于 {near_text(when, now)} {command}"


def _instead(office: Office, actor: Person, order: Order, command: str) -> str:
    """What this person may do now; who can move the order on, for somebody who can do nothing."""
    if mine := allowed_now(actor, order):
        return f"现在可以：{' '.join('/' + name for name in mine)}"
    name = ONWARD.get(State(order.state))
    if name is None:
        return "这个工单已经结束，可用 /查 看经过"
    if name in COMING or name == command:
        return f"可用 /查 {order.id} 看经过"
    if STEPS[name].who == STEPS[command].who and not actor.roles & STEPS[command].who:
        return f"现在轮到 /{name} {order.id}"
    return f"现在由{_who(office, STEPS[name], order)}操作，例如 /{name} {order.id}"
