"""How a sweep's reminders are told: which go together, in what words, to which groups, calling whom.

What is due for more orders at once than anybody reads one by one (★ 20, as for an import) comes as a digest for each
group, and so does what was missed; urgent orders that are overdue are repeated in one message for a group. Ladders will
decide here who is called; today the responsible people are called at every step.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from handlers import clocks, notices
from handlers.advice import steps
from handlers.notices import Audience
from handlers.office import Office
from handlers.timers import SUPERVISIONS, Kind
from storage.outbox import Priority
from storage.tables import Clock, Order
from storage.transaction import Scope

_LISTED = 30

_Groups = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Due:
    """One clock whose moment has come: `step` is the distance to the due time, `at` when it should have been told.

    `resting` are people who know already and need not be called.
    """

    order: Order
    clock: Clock
    at: datetime
    resting: frozenset[str] = frozenset()

    @property
    def step(self) -> str:
        """The key of the step: seconds before (−) or after the due time."""
        return str(int((self.at - self.clock.due_at).total_seconds()))

    @property
    def again(self) -> bool:
        """Whether it repeats that an urgent order is overdue."""
        return self.order.level == clocks.URGENT_LEVEL and self.at > self.clock.due_at


def tell(office: Office, scope: Scope, now: Sequence[Due], late: Sequence[Due] = ()) -> None:
    """Remind of some order by order, where they are not too many for that, and of others in digests."""
    together = _by_groups(office, late)
    single: dict[_Groups, dict[int, list[Due]]] = defaultdict(lambda: defaultdict(list))
    for item in now:
        single[_groups(office, item)][item.order.id].append(item)
    for groups, orders in single.items():
        ordinary = [number for number, items in orders.items() if items[0].order.level != clocks.URGENT_LEVEL]
        if len(ordinary) > office.rules(scope.now).digest_threshold:
            together[groups] += [item for number in ordinary for item in orders.pop(number)]
        overdue = [number for number, items in orders.items() if all(item.again for item in items)]
        if len(overdue) > 1:
            _repeat(office, scope, [item for number in overdue for item in orders.pop(number)])
        for urgent in (True, False):
            rest = [items for items in orders.values() if (items[0].order.level == clocks.URGENT_LEVEL) is urgent]
            if len(rest) > 1:
                _remind_together(office, scope, rest)
            else:
                _remind(office, scope, *rest)
    for items in together.values():
        post(office, scope, _catch_up(office, scope, items))


@dataclass(frozen=True, slots=True)
class Digest:
    """What one group is told of many clocks at once: the text, who is called, and the orders that it lists."""

    text: str
    audience: Audience
    orders: tuple[int, ...]


def digests(office: Office, scope: Scope, late: Iterable[Due]) -> list[Digest]:
    """One digest for each group; nothing is written, so that it may be worked out beside the writer."""
    return [_catch_up(office, scope, items) for items in _by_groups(office, late).values()]


def post(office: Office, scope: Scope, digest: Digest) -> None:
    """Queue a digest for its group."""
    notices.post(
        office,
        scope,
        digest.audience,
        kind="catch_up",
        priority=Priority.REMINDER,
        text=digest.text,
        orders=digest.orders,
    )


def _by_groups(office: Office, items: Iterable[Due]) -> dict[_Groups, list[Due]]:
    found: dict[_Groups, list[Due]] = defaultdict(list)
    for item in items:
        found[_groups(office, item)].append(item)
    return found


def _groups(office: Office, item: Due) -> _Groups:
    audience = audience_of(office, item)
    return audience.purposes, audience.departments


def _remind_together(office: Office, scope: Scope, orders: Sequence[list[Due]]) -> None:
    """One message for a group: several orders, equally urgent, whose reminders are due in the same sweep."""
    entries = _entries(office, scope, orders)
    flat = [item for items in orders for item in items]
    first = flat[0].order
    text = office.texts.render(
        "reminders",
        now=scope.now,
        urgent=first.level == clocks.URGENT_LEVEL,
        over=sum(any(item.clock.due_at <= scope.now for item in items) for items in orders),
        entries=entries[:_LISTED],
        total=len(entries),
    )
    notices.post(
        office,
        scope,
        _together(office, flat),
        kind="reminder",
        priority=notices.priority_of(first, Priority.REMINDER),
        text=text,
        orders=[order.id for order, _, _ in entries],
    )


def _entries(
    office: Office, scope: Scope, orders: Iterable[list[Due]]
) -> list[tuple[Order, dict[str, list[str]], str]]:
    """What a message of several orders says of each, the most pressing first: its clocks by where they stand, its
    step."""
    entries = []
    for items in sorted(orders, key=lambda items: (min(item.clock.due_at for item in items), items[0].order.id)):
        standing: dict[str, list[str]] = {}
        for item in items:
            standing.setdefault(clocks.standing(item.clock, scope.now), []).append(item.clock.kind)
        step = steps(office, items[0].order, [Kind(item.clock.kind) for item in items])[0]
        entries.append((items[0].order, standing, step.partition("；")[0]))
    return entries


def _remind(office: Office, scope: Scope, items: Sequence[Due] = ()) -> None:
    """One message for the clocks of one order that are due at once and concern the same groups."""
    if not items:
        return
    order = items[0].order
    text = office.texts.render(
        "reminder",
        now=scope.now,
        order=order,
        over=any(item.clock.due_at <= scope.now for item in items),
        lines=[(item.clock.kind, clocks.standing(item.clock, scope.now)) for item in items],
        advice=steps(office, order, [Kind(item.clock.kind) for item in items]),
    )
    notices.post(
        office,
        scope,
        _together(office, items),
        kind="reminder",
        priority=notices.priority_of(order, Priority.REMINDER),
        text=text,
        order=order,
    )


def _repeat(office: Office, scope: Scope, items: list[Due]) -> None:
    """One urgent message for a group: all its urgent orders that are overdue, the latest first."""
    by_order = defaultdict(list)
    for item in items:
        by_order[item.order.id].append(item)
    entries = _entries(office, scope, by_order.values())
    orders = [order.id for order, _, _ in entries]
    text = office.texts.render("urgent_overdue", now=scope.now, entries=entries[:_LISTED], total=len(entries))
    audience = _together(office, items)
    notices.post(office, scope, audience, kind="reminder", priority=Priority.URGENT, text=text, orders=orders)


def _catch_up(office: Office, scope: Scope, items: list[Due]) -> Digest:
    """One digest for a group; who has more to read than it holds finds the rest by asking."""
    items = sorted(items, key=lambda item: (item.clock.due_at, item.order.id))
    lines = [(item.order, item.clock, clocks.standing(item.clock, scope.now)) for item in items[:_LISTED]]
    text = office.texts.render("catch_up", now=scope.now, lines=lines, total=len(items))
    return Digest(text, _together(office, items), tuple(dict.fromkeys(item.order.id for item in items)))


def _together(office: Office, items: Sequence[Due]) -> Audience:
    """The groups, which are the same for all items, and everybody who is to be called for any of them."""
    audiences = [audience_of(office, item) for item in items]
    people = tuple(dict.fromkeys(person for audience in audiences for person in audience.people))
    return replace(audiences[0], people=people)


def audience_of(office: Office, item: Due) -> Audience:
    """The groups in which a clock is told, and who is called there, but for those who know."""
    audience = _whom(office, item)
    return replace(audience, people=tuple(person for person in audience.people if person not in item.resting))


def _whom(office: Office, item: Due) -> Audience:
    """Seats sign and dispatch, reviewers rate; everything else is the 科室's, and from the due time its head's too; but
    督办 that was set after its 办结 is whose turn it is."""
    order, kind = item.order, Kind(item.clock.kind)
    if kind in SUPERVISIONS.values() and notices.is_reported_done(order):
        return notices.where_waited_for(office, order, notices.next_to_act(office, order))
    role = _ROLES.get(kind)
    if role is not None or order.department is None or notices.is_stranded(office, order):
        purpose = notices.SUPERVISION if role == "reviewer" else notices.DISPATCH
        return Audience((purpose,), people=notices.with_role(office, role or "duty"))
    people = notices.responsible(office, order)
    if item.clock.due_at <= item.at:
        people = (*people, *notices.ids([office.organisation.head_of(order.department)]))
    if kind is Kind.URGENT:
        people = (*people, *notices.with_role(office, "duty"))
    return Audience(departments=(order.department,), people=tuple(dict.fromkeys(people)))


_ROLES = {Kind.SIGN_OFF: "duty", Kind.DISPATCH: "duty", Kind.EVALUATE: "reviewer", Kind.ADVISE: "centre"}
