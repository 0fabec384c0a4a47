"""Who is told what, and where: notices go into the outbox, never straight out.

An audience is a purpose (派单群, 督办群, a 科室's group) or a person. A text is rendered once and queued for every
endpoint of every group in the audience; people are called by mention.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from config.organisation import Group, Person, role_name
from handlers import offers
from handlers.office import Office
from handlers.states import State
from handlers.timers import SUPERVISIONS
from handlers.work import Work
from storage import outbox
from storage.outbox import Priority
from storage.tables import Fact, Order
from storage.transaction import Scope

DISPATCH, SUPERVISION, DEPARTMENT, LEADERS = "dispatch", "supervision", "department", "leaders"


@dataclass(frozen=True, slots=True)
class Audience:
    """Groups by purpose, 科室 whose groups are meant, and the people to call."""

    purposes: tuple[str, ...] = ()
    departments: tuple[str, ...] = ()
    people: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Announcement:
    """A notice of one order to one group that waits until the others of its command are done (`handlers.several`)."""

    template: str
    group: Group
    people: tuple[str, ...]
    order: int
    values: Mapping[str, object]


MARKS = (*SUPERVISIONS.values(), "点名")
"""Facts whose orders are told one by one, like urgent ones, however many there are."""


def post(
    office: Office,
    scope: Scope,
    audience: Audience,
    *,
    kind: str,
    priority: Priority,
    text: str,
    order: Order | None = None,
    skip: str | None = None,
    repeat_of: int | None = None,
    orders: Sequence[int] = (),
) -> None:
    """Queue a text for an audience; `skip` is a group that already reads it as the reply.

    `orders` is what a text speaks of that is about more than one.
    """
    for group in groups(office, audience):
        if group.id != skip:
            post_to(
                office,
                scope,
                group,
                audience.people,
                kind=kind,
                priority=priority,
                text=text,
                order=order,
                repeat_of=repeat_of,
                orders=orders,
            )


def post_to(
    office: Office,
    scope: Scope,
    group: Group,
    people: Sequence[str],
    *,
    kind: str,
    priority: Priority,
    text: str,
    order: Order | None = None,
    repeat_of: int | None = None,
    orders: Sequence[int] = (),
) -> None:
    """Queue a text for every way to one group, with the steps that it offers there by one tap."""
    actions: list[offers.Offer] = []
    if order is not None and not group.text_only:
        actions = offers.offers(office, order, kind, waits_here=waits_in(office, order, group))
    outbox.queue(
        scope,
        kind=kind,
        priority=priority,
        endpoints=office.routes.of_group(group),
        audience=group.id,
        text=text,
        order=None if order is None else order.id,
        mentions=people,
        repeat_of=repeat_of,
        orders=orders,
        content={"actions": actions} if actions else None,
        shown=order.state if order is not None and actions else None,
    )


def announce(work: Work, order: Order, template: str, audience: Audience, **values: object) -> None:
    """Tell others what a command did. The group it was typed in reads the reply, unless somebody is called there."""
    skip = None if audience.people else work.place.chat
    readers = [(group, audience.people) for group in groups(work.office, audience) if group.id != skip]
    tell(work, order, template, readers, **values)


def tell(
    work: Work, order: Order, template: str, readers: Sequence[tuple[Group, tuple[str, ...]]], **values: object
) -> None:
    """One order's notice to groups and whom it calls in each; at once, or later with the others of its command."""
    if not readers:
        return
    if work.gathered is not None and not stands_out(work.scope, order):
        work.gathered.extend(Announcement(template, group, people, order.id, values) for group, people in readers)
        return
    text = work.render(template, order=order, actor=work.actor, **values)
    priority = priority_of(order, Priority.NOTICE)
    for group, people in readers:
        post_to(work.office, work.scope, group, people, kind=template, priority=priority, text=text, order=order)


def stands_out(scope: Scope, order: Order) -> bool:
    """Whether an order is told by itself, however many there are: urgent, supervised, or named by the city."""
    facts = scope.rows(Fact, order.id)
    return order.level == "紧急" or any(fact.name in MARKS and fact.cleared_at is None for fact in facts)


def groups(office: Office, audience: Audience) -> list[Group]:
    """The groups of an audience, each once; a 科室 without a group is reached in the dispatch group."""
    found: dict[str, Group] = {}
    for purpose in audience.purposes:
        found |= {group.id: group for group in office.organisation.groups_for(purpose)}
    for department in audience.departments:
        found |= {group.id: group for group in office.organisation.groups_for(DEPARTMENT, department)}
    return list(found.values())


def has_group(office: Office, department: str) -> bool:
    """Whether a 科室 has a group of its own."""
    return any(group.department == department for group in office.organisation.groups_for(DEPARTMENT, department))


def priority_of(order: Order, ordinary: Priority) -> Priority:
    """Urgent orders go before everything else."""
    return Priority.URGENT if order.level == "紧急" else ordinary


def ids(people: Iterable[Person | None]) -> tuple[str, ...]:
    """Person ids, each once, absent people left out."""
    return tuple(dict.fromkeys(person.id for person in people if person is not None))


def names_of(office: Office, people: Sequence[str], most: int = 3) -> str:
    """`张三、李四等 5 人`: who is meant, for a line; nothing for nobody."""
    found = (office.organisation.person(person) for person in people)
    names = [person.name for person in found if person is not None]
    listed = "、".join(names[:most])
    return listed if len(names) <= most else f"{listed}等 {len(names)} 人"


def with_role(office: Office, role: str) -> tuple[str, ...]:
    """Everybody who holds a role."""
    return ids(office.organisation.people_with(role))


def responsible(office: Office, order: Order) -> tuple[str, ...]:
    """Whom to call about an order: its handler, else the 科室's head, else its people, else the seats."""
    organisation = office.organisation
    if order.department is None or not organisation.staffed(order.department):
        return with_role(office, "duty")
    return (
        ids([handling(office, order)])
        or ids([organisation.head_of(order.department)])
        or ids(organisation.members(order.department))
    )


def handling(office: Office, order: Order) -> Person | None:
    """Its handler, while they still belong to the order's 主办 科室: nobody else may do anything for it."""
    handler = office.organisation.person(order.handler) if order.handler else None
    return handler if handler is not None and handler.department == order.department else None


def is_stranded(office: Office, order: Order) -> bool:
    """Whether its 主办 科室 is no longer in the organisation or has nobody left: the seats must find another."""
    return order.department is not None and not office.organisation.staffed(order.department)


def sending_elsewhere(office: Office, order: Order) -> str:
    """`/改派 1 理由`: what moves an order on whose turn it is of a 科室 without anybody; "" for every other."""
    moves = order.state in _SENT_ELSEWHERE and is_stranded(office, order)
    return f"/改派 {order.id} 理由" if moves else ""


def department_people(office: Office, departments: Sequence[str]) -> tuple[str, ...]:
    """Everybody of these 科室, heads first."""
    organisation = office.organisation
    heads = [organisation.head_of(department) for department in departments]
    return ids([*heads, *(person for department in departments for person in organisation.members(department))])


def next_to_act(office: Office, order: Order) -> tuple[str, ...]:
    """Whom the order waits for in its state."""
    role = _WAITS_FOR.get(State(order.state))
    return responsible(office, order) if role is None else with_role(office, role)


def where_waited_for(office: Office, order: Order, people: tuple[str, ...]) -> Audience:
    """The groups in which those whom the order waits for read: the 科室's, the supervision or the dispatch group."""
    role = _WAITS_FOR.get(State(order.state))
    if role is None and order.department is not None and not is_stranded(office, order):
        return Audience(departments=(order.department,), people=people)
    return Audience((DISPATCH if role in (None, "duty") else SUPERVISION,), people=people)


def is_reported_done(order: Order) -> bool:
    """Whether the 科室 has done its part, and the order waits for a reviewer or for 综合科."""
    return order.state in REPORTED_DONE


def awaited(order: Order) -> str:
    """The name of the role that an order waits for, "" for its 科室."""
    role = _WAITS_FOR.get(State(order.state))
    return "" if role is None else role_name(role)


def waits_for_department(order: Order) -> bool:
    """Whether it is the turn of the order's 主办 科室."""
    return State(order.state) not in _WAITS_FOR and order.department is not None


def waits_in(office: Office, order: Order, group: Group) -> bool:
    """Whether those whom the order waits for read this group."""
    return group in groups(office, where_waited_for(office, order, ()))


def rungs(office: Office, order: Order) -> list[tuple[str, tuple[str, ...]]]:
    """The escalation ladder of an order, lowest first: name and people (domain, section 4)."""
    organisation = office.organisation
    department = order.department
    head = organisation.head_of(department) if department else None
    return [
        ("经办人", ids([handling(office, order)])),
        ("科室", department_people(office, [department]) if department else ()),
        ("科室负责人和综合科", tuple(dict.fromkeys((*ids([head]), *with_role(office, "office"))))),
        ("包片领导", ids([organisation.patch_leader(order.community)])),
        ("分中心和街道领导", tuple(dict.fromkeys((*with_role(office, "centre"), *with_role(office, "leader"))))),
    ]


def standing_rung(office: Office, order: Order) -> int:
    """How many rungs lie at or below whoever has the order now: its handler, its 科室, or the seats."""
    return 1 if handling(office, order) else 2


STRANDED = "主办科室已撤销或已没有人"
"""Why an order is to be sent elsewhere, in the words of every list and notice."""

REPORTED_DONE = frozenset({State.AWAITING_EVALUATION, State.AWAITING_CLOSURE})
"""States after the 科室's 办结."""

_SENT_ELSEWHERE = frozenset({State.AWAITING_ACCEPTANCE, State.HANDLING})
"""States in which an order waits for its 主办 科室, and 改派 is allowed."""

_WAITS_FOR = {
    State.AWAITING_SIGNATURE: "duty",
    State.RETURNING: "duty",
    State.AWAITING_DISPATCH: "duty",
    State.AWAITING_EVALUATION: "reviewer",
    State.AWAITING_CLOSURE: "office",
    State.SUSPENDED: "office",
}
"""Roles that an order waits for; in every other state it waits for its 科室."""
