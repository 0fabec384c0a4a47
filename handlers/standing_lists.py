"""What the standing messages say, and to whom: the hand-over card, morning lists, what is due, what waits at night."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from config.organisation import Group, Person
from config.shanghai import day_of, end_of_day
from handlers import notices
from handlers.commands.asking import belongs_to, late_text, lines_of, page_of, to_be_moved, waits_for
from handlers.figures import unindexed
from handlers.lines import next_due
from handlers.notices import Audience
from handlers.office import Office
from handlers.quiet import last_night
from handlers.reports.daily import ROWS, daily
from handlers.states import State
from handlers.timers import SUPERVISIONS, Kind
from handlers.work import SYSTEM_ACTOR, Place, Work, department_name
from storage import outbox
from storage.columns import table
from storage.outbox import Priority
from storage.tables import ClockTable, OrderTable, Reminder
from storage.transaction import Scope

MOST = 10
"""Orders listed under one heading; who wants the others asks."""

_orders, _clocks = table(OrderTable), table(ClockTable)
_open = _orders.c.open.is_(True)
_Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, its orders one line each, how many more there are and what shows them, what to do with some."""

    title: str
    lines: Sequence[str] = ()
    more: int = 0
    hint: str = ""
    note: str = ""
    orders: tuple[int, ...] = ()


def handover(office: Office, scope: Scope, at: datetime) -> None:
    """08:30: the card for the seats who take over, and to everybody what is theirs."""
    work = _work(office, scope)
    midnight = end_of_day(day_of(scope.now))
    due = next_due()
    started, _ = last_night(office, scope.now)
    asked = (
        ("紧急", [_orders.c.level == "紧急"], "/列表 紧急"),
        ("已超时限", [due <= scope.now], "/超期"),
        ("今天到期", [due > scope.now, due <= midnight], "/待办"),
        ("夜间新到", [_orders.c.imported_at >= started], "/列表 待签收"),
    )
    found = _sections(work, asked)
    held = _held(office, scope)
    states = _by_state(scope)
    if states:
        seats = notices.with_role(office, "duty")
        audience = Audience((notices.DISPATCH,), people=seats)
        _post(work, audience, "handover", at, found, states=states, held=held, started=started)
    _morning_lists(office, scope)


def due_lists(office: Office, scope: Scope, at: datetime) -> None:
    """10:00 and 15:00: to each 科室 what is due today, late, or beyond four days; one message for each group."""
    work = _work(office, scope)
    midnight = end_of_day(day_of(scope.now))
    departments = scope.connection.execute(sa.select(_orders.c.department).where(_open).distinct()).scalars()
    sheets: dict[str, _Sheet] = {}
    for department in sorted(each for each in departments if each is not None):
        name = department_name(office, department)
        where = [unindexed(_orders.c.department) == department, _due_from_departments(midnight)]
        staffed = office.organisation.staffed(department)
        section = _section(work, f"{name} 今天到期或已超", where, f"/超期 {name}" if staffed else "/超期", late=True)
        if section is None:
            continue
        beyond = _count(scope, unindexed(_orders.c.department) == department, _running([Kind.FOUR_DAYS], scope.now))
        audience = Audience(departments=(department,)) if staffed else Audience((notices.DISPATCH,))
        head = office.organisation.head_of(department)
        people = notices.ids([head]) if staffed else notices.with_role(office, "duty")
        title = f"{section.title}{f'，超4天 {beyond} 件' if beyond else ''}"
        _add(office, sheets, audience, replace(section, title=title), people)
    for sheet in sheets.values():
        _post_sheet(work, sheet, "due_lists", at)


def review_list(office: Office, scope: Scope, at: datetime) -> None:
    """17:00: what waits for 评定 and for 结案, and which 科室 have not reported their orders done."""
    work = _work(office, scope)
    found: list[Section] = []
    people: list[str] = []
    for state, role, hint in (
        (State.AWAITING_EVALUATION, "reviewer", "/列表 待评定"),
        (State.AWAITING_CLOSURE, "office", "/列表 待结案"),
    ):
        section = _section(work, state.value, [_orders.c.state == state], hint, late=True)
        if section is not None:
            found.append(section)
            people += notices.with_role(office, role)
    query = sa.select(_orders.c.department, sa.func.count()).where(_open, _orders.c.state == State.HANDLING)
    rows = scope.connection.execute(query.group_by(_orders.c.department)).all()
    handling = sorted(((count, department_name(office, department)) for department, count in rows), reverse=True)
    if found or handling:
        audience = Audience((notices.SUPERVISION,), people=tuple(dict.fromkeys(people)))
        _post(work, audience, "review_list", at, found, handling=handling)


def undispatched(office: Office, scope: Scope, at: datetime) -> None:
    """20:00, 22:00, 23:30: what the seats have not dispatched; all that is signed in a day is (contract)."""
    work = _work(office, scope)
    found = _sections(
        work,
        (
            ("待派单", [_orders.c.state == State.AWAITING_DISPATCH], "/列表 待派单"),
            ("待签收", [_orders.c.state == State.AWAITING_SIGNATURE], "/列表 待签收"),
        ),
    )
    if found:
        audience = Audience((notices.DISPATCH,), people=notices.with_role(office, "duty"))
        same_day = office.rules(scope.now).dispatch_same_day
        _post(work, audience, "undispatched", at, found, same_day=same_day)


def day_close(office: Office, scope: Scope, at: datetime) -> None:
    """00:05: what the day brought, and what it left undispatched."""
    work = _work(office, scope)
    day = day_of(at - _HALF_A_DAY)
    report = daily(office, scope, day)
    if report.empty:
        return
    signed = [_orders.c.state == State.AWAITING_DISPATCH, _orders.c.signed_at < end_of_day(day)]
    left = _sections(work, (("当日没有派完", signed, "/列表 待派单"),))
    rows = [(name, report.rows[name].day) for name in ROWS]
    _post(work, Audience((notices.DISPATCH,)), "day_close", at, left, Priority.REPORT, day=day, rows=rows)


def _morning_lists(office: Office, scope: Scope) -> None:
    """To each head what waits for the 科室, to each handler what is theirs: in private, else in the 科室's group."""
    organisation = office.organisation
    handlers = scope.connection.execute(sa.select(_orders.c.handler).where(_open).distinct()).scalars()
    led = {department.head: department for department in organisation.departments if department.head}
    names = {*led, *(handler for handler in handlers if handler is not None)}
    sheets: dict[str, _Sheet] = {}
    for person in (each for each in organisation.people if each.id in names):
        work = Work(office, scope, person, Place(f"@{person.id}"))
        department = led.get(person.id)
        theirs = waits_for(work, department, MOST) if department is not None else None
        own = belongs_to(work, most=MOST)
        if own and theirs and set(own.orders) <= set(theirs.orders):
            own = None
        said = [each for each in (theirs, own) if each is not None]
        if not said:
            continue
        text = "\n\n".join(each.text for each in said)
        orders = tuple(dict.fromkeys(order for each in said for order in each.orders))
        endpoints = office.routes.of_person(person.id)
        if endpoints:
            outbox.queue(
                scope,
                kind="morning_list",
                priority=Priority.REMINDER,
                endpoints=endpoints,
                audience=f"@{person.id}",
                text=work.render("morning_list", parts=[("", text)]),
                orders=orders,
            )
        else:
            _add(office, sheets, _near(person), Section(person.name, (text,), orders=orders), (person.id,))
    for sheet in sheets.values():
        parts = [(section.title, section.lines[0]) for section in sheet.sections]
        text = office.texts.render("morning_list", now=scope.now, parts=parts)
        _post_text(office, scope, sheet, "morning_list", text)


def _near(person: Person) -> Audience:
    """Where somebody who cannot be written to in private reads."""
    return Audience(departments=(person.department,)) if person.department else Audience((notices.DISPATCH,))


@dataclass(slots=True)
class _Sheet:
    """What one group is going to read in one message, and who is called."""

    group: Group
    sections: list[Section] = field(default_factory=list)
    people: list[str] = field(default_factory=list)


def _add(
    office: Office, sheets: dict[str, _Sheet], audience: Audience, section: Section, people: Sequence[str]
) -> None:
    for group in notices.groups(office, audience):
        sheet = sheets.setdefault(group.id, _Sheet(group))
        sheet.sections.append(section)
        sheet.people += people


def _post_sheet(work: Work, sheet: _Sheet, kind: str, at: datetime) -> None:
    text = work.render(kind, at=at, sections=sheet.sections)
    _post_text(work.office, work.scope, sheet, kind, text)


def _post_text(office: Office, scope: Scope, sheet: _Sheet, kind: str, text: str) -> None:
    orders = tuple(dict.fromkeys(order for section in sheet.sections for order in section.orders))
    people = tuple(dict.fromkeys(sheet.people))
    notices.post_to(office, scope, sheet.group, people, kind=kind, priority=Priority.REMINDER, text=text, orders=orders)


def _post(
    work: Work,
    audience: Audience,
    kind: str,
    at: datetime,
    sections: Sequence[Section],
    priority: Priority = Priority.REMINDER,
    **values: object,
) -> None:
    text = work.render(kind, at=at, sections=sections, **values)
    orders = tuple(dict.fromkeys(order for section in sections for order in section.orders))
    notices.post(work.office, work.scope, audience, kind=kind, priority=priority, text=text, orders=orders)


def _work(office: Office, scope: Scope) -> Work:
    return Work(office, scope, SYSTEM_ACTOR, Place(""))


def _sections(work: Work, asked: Sequence[tuple[str, Sequence[_Condition], str]]) -> list[Section]:
    """Those that have orders. An order is listed under the first heading that it falls under, and counted in each."""
    found: list[Section] = []
    seen: set[int] = set()
    for title, where, hint in asked:
        section = _section(work, title, where, hint, seen=seen)
        if section is not None:
            found.append(section)
            seen.update(section.orders)
    return found


def _section(
    work: Work,
    title: str,
    where: Sequence[_Condition],
    hint: str,
    *,
    late: bool = False,
    seen: set[int] | None = None,
) -> Section | None:
    page = page_of(work, [_open, *where], most=MOST)
    if not page.orders:
        return None
    numbers = tuple(int(row["id"]) for row in page.orders)
    lines = [line for number, line in zip(numbers, lines_of(work, page), strict=True) if number not in (seen or ())]
    note = to_be_moved(work.office, [row for row in page.orders if row["id"] not in (seen or ())])
    heading = f"{title} {page.count}{late_text(page) if late else ''}"
    return Section(heading, lines, page.total - len(numbers), hint, note, numbers)


def _count(scope: Scope, *where: _Condition) -> int:
    return int(
        scope.connection.execute(sa.select(sa.func.count()).select_from(_orders).where(_open, *where)).scalar_one()
    )


def _running(kinds: Sequence[Kind], until: datetime) -> _Condition:
    """Whether a clock of one of these kinds runs and is due by then."""
    running = sa.and_(_clocks.c.met_at.is_(None), _clocks.c.cancelled_at.is_(None), _clocks.c.superseded_at.is_(None))
    mine = sa.and_(_clocks.c.order_id == _orders.c.id, _clocks.c.kind.in_(kinds), _clocks.c.due_at <= until)
    return sa.exists().where(mine, running)


def _due_from_departments(until: datetime) -> _Condition:
    """Whether something is due by then that the 科室 can meet: 督办 that was set after its 办结 is others' to meet."""
    supervised = sa.and_(_running(tuple(SUPERVISIONS.values()), until), _orders.c.state.not_in(notices.REPORTED_DONE))
    return sa.or_(_running(_FOR_DEPARTMENTS, until), supervised)


def _by_state(scope: Scope) -> list[tuple[str, int]]:
    query = sa.select(_orders.c.state, sa.func.count()).where(_open).group_by(_orders.c.state)
    counts = {row[0]: int(row[1]) for row in scope.connection.execute(query)}
    return [(state.value, counts[state]) for state in State if state in counts]


def _held(office: Office, scope: Scope) -> int:
    """How many reminders the last quiet hours held back, which were told when they ended."""
    start, end = last_night(office, scope.now)
    reminder, clock = table(Reminder), table(ClockTable)
    names = ("order_id", "kind", "generation")
    query = (
        sa.select(clock.c.due_at, reminder.c.step)
        .join_from(reminder, clock, sa.and_(*(reminder.c[name] == clock.c[name] for name in names)))
        .where(reminder.c.at >= end, reminder.c.at <= scope.now)
    )
    moments = (due + timedelta(seconds=int(step)) for due, step in scope.connection.execute(query))
    return sum(start <= moment < end for moment in moments)


_FOR_DEPARTMENTS = (Kind.RESPOND, Kind.URGENT, Kind.CLOSE_OUT, Kind.FOUR_DAYS)
"""Clocks that only the 科室 can meet, whenever they run."""
_HALF_A_DAY = timedelta(hours=12)
"""A day is closed soon after midnight, or shortly before: the day that is meant is that of half a day earlier."""
