"""Counts of what was done, from the journal: an event that was taken back by then does not count.

Every event falls into exactly one day and one 科室, so days add up to a period and 科室 to the street.
"""

from collections import defaultdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from config.organisation import Organisation
from handlers.figures import Axis, Counts, Department, Window, grouping_of
from storage.columns import table
from storage.tables import Event, StayTable
from storage.transaction import Scope

FLOWS = ("签收", "退回", "派单", "接单", "办结", "结案")
"""Events that are counted by their own name, every one of them."""
FIRST_CONTACT = "首次联系"


def flows(scope: Scope, window: Window) -> dict[str, int]:
    """What was done in the window by the whole street: name of the flow → times. 首次联系 counts orders."""
    found = dict.fromkeys((*FLOWS, FIRST_CONTACT), 0)
    for query in _queries(window, sa.literal("")):
        found |= {kind: count for kind, _, count in scope.connection.execute(query)}
    return found


def flows_by_department(scope: Scope, organisation: Organisation, window: Window) -> dict[str, dict[str, int]]:
    """The same by 科室: name of the flow → name of the 科室 → times.

    The 科室 is the 主办 that the event left the order with, "未派单" before a dispatch.
    """
    grouping = grouping_of(organisation, Axis.DEPARTMENT)
    found: dict[str, dict[str, int]] = {name: defaultdict(int) for name in (*FLOWS, FIRST_CONTACT)}
    for query in _queries(window, _department_after(table(Event))):
        for kind, department, count in scope.connection.execute(query):
            found[kind][grouping(department)] += count
    return {name: dict(counts) for name, counts in found.items()}


def _queries(window: Window, key: sa.ColumnElement[Any]) -> tuple[Counts, Counts]:
    return _flows(window, key.label("key")), _first_contacts(window, key.label("key"))


def _flows(window: Window, key: sa.Label[Any]) -> Counts:
    event = table(Event)
    kept = _kept(event, FLOWS, window.as_of)
    found = sa.select(event.c.kind, key).where(kept, event.c.at.between(window.start, window.last)).subquery()
    return sa.select(found.c.kind, found.c.key, sa.func.count()).group_by(found.c.kind, found.c.key)


def _first_contacts(window: Window, key: sa.Label[Any]) -> Counts:
    """Orders whose first contact was recorded in the window; 联系不上 is an attempt, not a contact."""
    event = table(Event)
    earlier = event.alias()
    before = sa.exists().where(
        earlier.c.order_id == event.c.order_id, earlier.c.n < event.c.n, _contact(earlier, window.as_of)
    )
    counted = sa.and_(_contact(event, window.as_of), event.c.at.between(window.start, window.last), ~before)
    found = sa.select(key).select_from(event).where(counted).subquery()
    return sa.select(sa.literal(FIRST_CONTACT), found.c.key, sa.func.count()).group_by(found.c.key)


def _contact(event: sa.FromClause, as_of: datetime) -> sa.ColumnElement[bool]:
    # Inside a JSON text every quote is escaped, so these characters can only be the field itself.
    return sa.and_(_kept(event, ("反馈",), as_of), event.c.body.not_like('%"channel":"联系不上"%'))


def _kept(event: sa.FromClause, kinds: tuple[str, ...], as_of: datetime) -> sa.ColumnElement[bool]:
    """Events of these kinds that nobody had taken back by then."""
    undo = table(Event).alias()
    undone = sa.exists().where(undo.c.undoes == event.c.seq, undo.c.kind == "撤回", undo.c.at <= as_of)
    return sa.and_(event.c.kind.in_(kinds), event.c.at <= as_of, ~undone)


def _department_after(event: sa.FromClause) -> Department:
    """The order's 主办 as an event left it."""
    stay = table(StayTable)
    query = sa.select(stay.c.department).where(stay.c.order_id == event.c.order_id, stay.c.n <= event.c.n)
    return query.order_by(stay.c.n.desc()).limit(1).correlate(event).scalar_subquery()
