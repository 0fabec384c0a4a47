"""Counts of orders: what came in, what is in hand, late or beyond four days, how the reviewers answered.

Each is a count as of a moment, from stays and clocks where the moment has passed, so that any figure can be computed
again later, as it was. Days add up to a period and 科室 to the street, because every order falls into exactly one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from config.organisation import Organisation
from handlers.categories import under
from handlers.lines import short_category
from handlers.periods import Period
from handlers.rates import Answers
from handlers.states import OPEN
from handlers.timers import Kind
from storage.columns import table
from storage.tables import ClockTable, EvaluationTable, OrderTable, StayTable
from storage.transaction import Scope

CALIBER = "全口径(含剔除)"
POOLED = "合计为合并计算"
"""What every table with a total row says: it is made of all orders together, no mean of the rows above it."""

Counts = sa.Select[*tuple[Any, ...]]
"""A query that gives a group's key and its counts."""
Department = sa.ColumnElement[str | None]

_TICK = timedelta(microseconds=1)


class Axis(StrEnum):
    """What a table has its rows by."""

    DEPARTMENT = "科室"
    COMMUNITY = "社区"
    PATCH = "包片"
    CATEGORY = "分类"


@dataclass(frozen=True, slots=True)
class Window:
    """A period as it was known at `as_of`. Both ends belong to it: `last` is the last moment that counts."""

    start: datetime
    last: datetime
    as_of: datetime

    @classmethod
    def of(cls, period: Period, as_of: datetime) -> "Window":
        """The period up to `as_of`."""
        return cls(period.start, min(period.end - _TICK, as_of), as_of)


@dataclass(frozen=True, slots=True)
class Subject:
    """One 科室 (id), the 社区 of one name, or a 分类 (levels): what a table is narrowed to. None: the street."""

    department: str | None = None
    communities: tuple[str, ...] | None = None
    category: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Orders that came in (`by_import` of them counted by the time of import), in hand, late, beyond four days."""

    received: int = 0
    by_import: int = 0
    in_hand: int = 0
    overdue: int = 0
    over_four_days: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Figures)))

    def __bool__(self) -> bool:
        return any(getattr(self, each.name) for each in fields(Figures))


UNKNOWN: Mapping[Axis | None, str] = {
    Axis.DEPARTMENT: "未派单",
    Axis.COMMUNITY: "未填社区",
    Axis.PATCH: "未分包片",
    Axis.CATEGORY: "未分类",
}
"""The row of the orders that belong to no group."""

STREET = Subject()


def figures(
    scope: Scope, organisation: Organisation, window: Window, by: Axis | None = None, subject: Subject = STREET
) -> dict[str, Figures]:
    """The figures of each group that has any, by the group's name as people know it; without `by` under "".

    受理 counts by arrival, else by import (domain, section 3); 超期 is a 办结 limit that has passed unmet.
    """
    grouping = grouping_of(organisation, by)
    found: dict[str, Figures] = defaultdict(Figures)
    for key, received, by_import in scope.connection.execute(_received(scope, window, by, subject)):
        found[grouping(key)] += Figures(received=received, by_import=by_import)
    for key, in_hand, overdue, over_four_days in scope.connection.execute(_in_hand(scope, window, by, subject)):
        found[grouping(key)] += Figures(in_hand=in_hand, overdue=overdue, over_four_days=over_four_days)
    return {name: found[name] for name in in_order(organisation, by, found)}


def answers(
    scope: Scope, organisation: Organisation, window: Window, by: Axis | None = None, subject: Subject = STREET
) -> dict[str, Answers]:
    """The reviewer's answers (复核), the last one of each order within the window, by group."""
    grouping = grouping_of(organisation, by)
    found: dict[str, Answers] = defaultdict(Answers)
    for key, *counts in scope.connection.execute(_answers(scope, window, by, subject)):
        found[grouping(key)] += Answers(*(int(count or 0) for count in counts))
    return {name: found[name] for name in in_order(organisation, by, found)}


def in_order(organisation: Organisation, by: Axis | None, names: Iterable[str]) -> list[str]:
    """Group names in the organisation's own order, what it does not know after them by name, the rest row last."""
    known = (
        {
            Axis.DEPARTMENT: [department.name for department in organisation.departments],
            Axis.COMMUNITY: [community.name for community in organisation.communities],
            Axis.PATCH: [patch.name for patch in organisation.patches],
        }.get(by, [])
        if by
        else []
    )
    places = {name: place for place, name in enumerate(known)}
    return sorted(names, key=lambda name: (name in UNKNOWN.values(), places.get(name, len(places)), name))


def grouping_of(organisation: Organisation, by: Axis | None) -> Callable[[str | None], str]:
    """From a stored key to the group's name as people know it: aliases of a 社区 are one row."""

    def department(key: str | None) -> str:
        found = organisation.department(key) if key else None
        return found.name if found else key or UNKNOWN[by]

    def community(key: str | None) -> str:
        found = organisation.community(key) if key else None
        return found.name if found else key or UNKNOWN[by]

    def patch(key: str | None) -> str:
        found = organisation.community(key) if key else None
        of = organisation.patch(found.patch) if found and found.patch else None
        return of.name if of else UNKNOWN[by]

    table_of: dict[Axis | None, Callable[[str | None], str]] = {
        Axis.DEPARTMENT: department,
        Axis.COMMUNITY: community,
        Axis.PATCH: patch,
        Axis.CATEGORY: lambda key: short_category(key or "") or UNKNOWN[by],
    }
    return table_of.get(by, lambda key: "")


def _received(scope: Scope, window: Window, by: Axis | None, subject: Subject) -> Counts:
    orders = table(OrderTable)
    counted: list[sa.ColumnElement[bool]] = [orders.c.counted_at.between(window.start, window.last)]
    if window.as_of < scope.now:
        counted.append(orders.c.imported_at <= window.as_of)
    department = _department_at(scope, window.as_of, orders.c.id)
    key = _key(by, department)
    unmarked = sa.or_(orders.c.arrived_at.is_(None), orders.c.arrived_at != orders.c.counted_at)
    by_import = sa.func.sum(sa.case((unmarked, 1), else_=0))
    query = sa.select(key, sa.func.count(), by_import).where(*counted, *_narrowed(subject, department))
    return query.group_by(key)


def _in_hand(scope: Scope, window: Window, by: Axis | None, subject: Subject) -> Counts:
    orders, at = table(OrderTable), window.last
    if at >= scope.now:
        department: Department = orders.c.department
        query = sa.select().select_from(orders).where(orders.c.open.is_(True))
    else:
        standing = _standing(at)
        department = standing.c.department
        query = sa.select().select_from(standing.join(orders, orders.c.id == standing.c.order_id))
    key = _key(by, department)

    def late(kind: Kind) -> sa.ColumnElement[int]:
        return sa.func.sum(sa.case((_running_late(kind, at, orders.c.id), 1), else_=0))

    query = query.add_columns(key, sa.func.count(), late(Kind.CLOSE_OUT), late(Kind.FOUR_DAYS))
    return query.where(*_narrowed(subject, department)).group_by(key)


def _answers(scope: Scope, window: Window, by: Axis | None, subject: Subject) -> Counts:
    orders, evaluation = table(OrderTable), table(EvaluationTable)
    last = (
        sa.select(evaluation.c.order_id, sa.func.max(evaluation.c.n).label("n"))
        .where(evaluation.c.origin == "复核", evaluation.c.at.between(window.start, window.last))
        .group_by(evaluation.c.order_id)
        .subquery()
    )
    same = sa.and_(evaluation.c.order_id == last.c.order_id, evaluation.c.n == last.c.n, evaluation.c.origin == "复核")
    department = _department_at(scope, window.as_of, orders.c.id)
    key = _key(by, department)
    tests = (
        evaluation.c.responded.is_(True),
        evaluation.c.solved == "解决",
        evaluation.c.satisfied == "满意",
        evaluation.c.satisfied == "基本满意",
        evaluation.c.satisfied == "未评价",
    )
    return (
        sa.select(key, sa.func.count(), *(sa.func.sum(sa.case((test, 1), else_=0)) for test in tests))
        .select_from(last.join(evaluation, same).join(orders, orders.c.id == last.c.order_id))
        .where(*_narrowed(subject, department))
        .group_by(key)
    )


def _standing(at: datetime) -> sa.Subquery:
    """Orders that were in hand at a past moment, with their 主办 then.

    Two halves, so that neither reads the stays of all times: those still open, and those that ended since.
    """
    orders, stay = table(OrderTable), table(StayTable)
    then = sa.and_(stay.c.since <= at, unindexed(stay.c.state).in_(sorted(OPEN)))
    current = sa.and_(stay.c.order_id == orders.c.id, stay.c.n == orders.c.stay)
    still = sa.select(stay.c.order_id, stay.c.department).select_from(orders.join(stay, current))
    ended = sa.select(stay.c.order_id, stay.c.department).where(then, stay.c.until > at)
    return sa.union_all(still.where(orders.c.open.is_(True), then), ended).subquery()


def _running_late(kind: Kind, at: datetime, order: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether the order's clock of this kind was past its due time and still ran at that moment."""
    clock = table(ClockTable)
    ends = (clock.c.met_at, clock.c.cancelled_at, clock.c.superseded_at)
    return sa.exists().where(
        clock.c.order_id == order,
        clock.c.kind == kind.value,
        clock.c.started_at <= at,
        clock.c.due_at <= at,
        *(sa.or_(end.is_(None), end > at) for end in ends),
    )


def _department_at(scope: Scope, at: datetime, order: sa.ColumnElement[int]) -> Department:
    """The order's 主办 at a moment: a stay begins whenever it changes."""
    if at >= scope.now:
        return table(OrderTable).c.department
    stay = table(StayTable)
    query = sa.select(stay.c.department).where(stay.c.order_id == order, stay.c.since <= at)
    return query.order_by(stay.c.n.desc()).limit(1).scalar_subquery()


def _key(by: Axis | None, department: Department) -> sa.ColumnElement[Any]:
    orders = table(OrderTable)
    keys: dict[Axis, sa.ColumnElement[Any]] = {
        Axis.DEPARTMENT: department,
        Axis.COMMUNITY: orders.c.community,
        Axis.PATCH: orders.c.community,
        Axis.CATEGORY: orders.c.category,
    }
    return (unindexed(keys[by]) if by else sa.literal("")).label("key")


def _narrowed(subject: Subject, department: Department) -> list[sa.ColumnElement[bool]]:
    narrowed = []
    if subject.department is not None:
        narrowed.append(unindexed(department) == subject.department)
    if subject.communities is not None:
        narrowed.append(unindexed(table(OrderTable).c.community).in_(subject.communities))
    if subject.category is not None:
        narrowed.append(under(subject.category))
    return narrowed


def unindexed(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The column, "" for none, in a form that no index serves.

    The window or the open orders are few and must be what is searched by; left to choose, SQLite walks a whole 科室
    or 社区 in its index, two seconds in a million orders.
    """
    return sa.func.coalesce(column, "")
