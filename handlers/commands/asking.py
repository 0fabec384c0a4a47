"""Commands that ask about orders: 查, 待办, 我的, 超期, 列表. They change nothing."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from config.organisation import Department
from config.shanghai import day_of, start_of_day
from handlers import notices, order_history
from handlers.arguments import Arguments
from handlers.figures import unindexed
from handlers.lifecycle import CENTRE, DEPARTMENT, DUTY, OFFICE, REVIEWER
from handlers.lines import has_running, next_due, order_line, provisional_dues
from handlers.lookup import INSTEAD, NOT_BY_PERSON
from handlers.office import Office
from handlers.order_sheet import sees_details, sheet
from handlers.periods import Period, spoken
from handlers.references import fold
from handlers.refusal import Misused, Refusal
from handlers.states import OPEN, State
from handlers.timers import Kind
from handlers.work import Said, Work, department_name
from storage.columns import restored, table
from storage.tables import Event, Order, OrderTable

MOST_LINES: Final = 20
HISTORY: Final = "经过"
MOST_FOUND: Final = 10
MOST_COUNTED: Final = 1000
"""Where all orders of all years are searched, counting stops here."""
LONGEST_WORDS: Final = 50
_PHONE: Final = re.compile(r"(?<![0-9])1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9])")

Condition = sa.ColumnElement[bool]
_orders = table(OrderTable)


def show(work: Work, order: Order, arguments: Arguments) -> Said:
    """/查 N: the order, in full for who works on it; what the asker may type next. /查 N 经过 [页]: all its history.

    Raises Refusal for a page that is not there, and for the history where the asker may not see the details.
    """
    if arguments.optional_choice((HISTORY,)):
        return _history(work, order, arguments)
    arguments.done()
    return Said(sheet(work, order), orders=(order.id,))


def _history(work: Work, order: Order, arguments: Arguments) -> Said:
    asked = fold(arguments.word("页")) if arguments else "1"
    arguments.done()
    if not sees_details(work, order):
        raise Refusal("办理经过由主办、协办科室和值班、复核、综合科等岗位查看")
    last = order_history.pages(order)
    page = int(asked) if asked.isdecimal() and len(asked) < 5 else 0
    if not 1 <= page <= last:
        raise Refusal(f"经过共 {last} 页：请写 1 到 {last} 的页码，例如 /查 {order.id} {HISTORY} {last}")
    head = f"【#{order.id}】 {order.number}\n状态：{order.state}\n\n经过，共 {order.events} 条，第 {page}/{last} 页："
    return Said("\n".join((head, *order_history.page_of(work, order, page))), orders=(order.id,))


def search(work: Work, arguments: Arguments) -> Said:
    """/查 词: orders whose title, place, 社区, company or number has every word, newest first.

    Raises Refusal without words, or with more of them than anybody types.
    """
    typed = arguments.rest("单号，或要查找的词")
    text = " ".join(work.clean(typed).split())
    if _PHONE.search(fold(typed)):
        return Said(f"{NOT_BY_PERSON}，请改用 {INSTEAD}")
    if len(text) > LONGEST_WORDS:
        raise Refusal(f"要查找的词太长：最多 {LONGEST_WORDS} 个字")
    columns = [_orders.c[name] for name in ("title", "place", "community", "company", "number")]
    where = [
        sa.or_(*(column.icontains(word, autoescape=True) for column in columns)) for word in text.split(" ") if word
    ]
    page = page_of(work, where, newest=True, most=MOST_FOUND)
    if not page.orders:
        return Said(f"没有找到“{text}”：可以换标题、地点、社区、单位或工单编号里的词。{NOT_BY_PERSON}")
    return listed(work, f"找到“{text}” {page.count}，新的在前：", page)


def todo(work: Work, arguments: Arguments) -> Said:
    """/待办 [科室]: what the asker's roles must do next, or a 科室 must; earliest due first."""
    department = arguments.only_department(work.office.organisation)
    if department is not None:
        return waits_for(work, department) or Said(f"{department.name}的待办：现在没有")
    where = list(_waiting_for(work))
    if not where:
        return Said("您的岗位没有要接着办的环节：/列表 看在办工单，/统计 看数量")
    page = page_of(work, [_orders.c.open.is_(True), sa.or_(*where)])
    if not page.orders:
        return Said("您的待办：现在没有")
    said = listed(work, f"您的待办 {page.count}{late_text(page)}：", page)
    moved = to_be_moved(work.office, page.orders) if DUTY in work.actor.roles else ""
    return Said("\n".join(part for part in (said.text, moved) if part), orders=said.orders)


def waits_for(work: Work, department: Department, most: int = MOST_LINES) -> Said | None:
    """What a 科室 must do next, earliest due first; None where there is nothing."""
    page = page_of(work, [_orders.c.open.is_(True), _waits_for_department(department.id)], most=most)
    return listed(work, f"{department.name}的待办 {page.count}{late_text(page)}：", page) if page.orders else None


def mine(work: Work, arguments: Arguments) -> Said:
    """/我的 [科室]: open orders that the asker handles, and those that the asker signed or dispatched today."""
    department = arguments.only_department(work.office.organisation)
    nothing = f"{work.actor.name}，您现在没有经办中的工单，今天也没有签收或派出的工单。/待办 看轮到您做的"
    return belongs_to(work, department) or Said(nothing)


def belongs_to(work: Work, department: Department | None = None, most: int = MOST_LINES) -> Said | None:
    """What is the actor's own, of one 科室 or all; the morning list says the same. None where there is nothing."""
    where = [_touched(work)]
    if department is not None:
        where.append(unindexed(_orders.c.department) == department.id)
    page = page_of(work, where, most=most)
    return listed(work, f"您经办的，和今天签收、派出的 {page.count}{late_text(page)}：", page) if page.orders else None


def overdue(work: Work, arguments: Arguments) -> Said:
    """/超期 [科室]: open orders with a running clock past its due time, the latest first."""
    department = arguments.only_department(work.office.organisation)
    where = [_orders.c.open.is_(True), next_due() <= work.now]
    if department is not None:
        where.append(unindexed(_orders.c.department) == department.id)
    whose = "" if department is None else f"{department.name} "
    page = page_of(work, where)
    if not page.orders:
        return Said(f"【超期】{whose}现在没有超过时限的工单")
    return listed(work, f"【超期】{whose}{page.count}，超得最久的在前：", page)


def listing(work: Work, arguments: Arguments) -> Said:
    """/列表 [状态] [科室] [社区] [紧急] [日期..日期], in any order; several of one kind widen, kinds narrow.

    Without a state: the open ones, or with days all that came in on them. Raises Refusal for a word it does not know.
    """
    chosen = _read(work, arguments)
    where: list[Condition] = []
    ended = chosen.period is not None or any(not _is_open(state) for state in chosen.states)
    if chosen.states:
        where.append(_orders.c.state.in_(chosen.states))
    if not ended:
        where.append(_orders.c.open.is_(True))
    if chosen.departments:
        where.append(unindexed(_orders.c.department).in_(chosen.departments))
    if chosen.communities:
        where.append(unindexed(_orders.c.community).in_(chosen.communities))
    if chosen.levels:
        where.append(_orders.c.level.in_(chosen.levels))
    if chosen.period is not None:
        where += [_orders.c.counted_at >= chosen.period.start, _orders.c.counted_at < chosen.period.end]
    page = page_of(work, where, newest=ended)
    words = "、".join(chosen.words) or "在办"
    if not page.orders:
        return Said(f"【列表】{words}：没有这样的工单")
    return listed(work, f"【列表】{words}：{page.count}{late_text(page)}", page)


@dataclass(slots=True)
class _Chosen:
    states: list[str] = field(default_factory=list)
    departments: list[str] = field(default_factory=list)
    communities: list[str] = field(default_factory=list)
    levels: list[str] = field(default_factory=list)
    period: Period | None = None
    words: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """The first orders with the next due time of each, how many there are, how many of them are late."""

    orders: Sequence[sa.RowMapping]
    total: int
    late: int

    @property
    def count(self) -> str:
        """`12 件`, or where counting stopped."""
        return f"{self.total} 件" if self.total <= MOST_COUNTED else f"超过 {MOST_COUNTED} 件"


def page_of(work: Work, where: Sequence[Condition], *, newest: bool = False, most: int = MOST_LINES) -> Page:
    """`newest`: latest number first, over all orders; else by due time, which is worked out for each: open ones."""
    due = next_due()
    if newest:
        some = sa.select(_orders.c.id).where(*where).limit(MOST_COUNTED + 1).subquery()
        counts = sa.select(sa.func.count(), sa.literal(0)).select_from(some)
    else:
        counts = sa.select(sa.func.count(), sa.func.count(sa.case((due <= work.now, 1)))).where(*where)
    total, late = work.scope.connection.execute(counts).one()
    first = [_orders.c.id.desc()] if newest else [sa.column("due").asc().nulls_last(), _orders.c.id]
    query = sa.select(_orders, due.label("due")).where(*where).order_by(*first).limit(most)
    rows = work.scope.connection.execute(query).mappings().all() if total else []
    return Page(rows, int(total), int(late))


def lines_of(work: Work, page: Page) -> list[str]:
    """Its orders, one line each."""
    lines = []
    guessed = provisional_dues(work.scope, [row["id"] for row in page.orders])
    for row in page.orders:
        values = dict(row)
        due = values.pop("due")
        marked = (row["id"], due) in guessed
        lines.append(order_line(work.office, restored(Order, values), due, work.now, provisional=marked))
    return lines


def listed(work: Work, title: str, page: Page) -> Said:
    """A title, the orders, and how many more there are."""
    lines = [title, *lines_of(work, page)]
    if page.total > len(page.orders):
        more = f" {page.total - len(page.orders)} 件" if page.total <= MOST_COUNTED else "很多"
        lines.append(f"还有{more}没有列出：请加条件，例如 /列表 待派单")
    return Said("\n".join(lines), orders=tuple(row["id"] for row in page.orders))


def late_text(page: Page) -> str:
    return f"（已超时 {page.late} 件）" if page.late else ""


def _waiting_for(work: Work) -> Iterable[Condition]:
    roles, own = work.actor.roles, work.actor.department
    yield from (_orders.c.state.in_(states) for role, states in _WAITING.items() if role in roles)
    if DUTY in roles:
        yield _stranded(work)
        yield sa.and_(_orders.c.level == "紧急", _orders.c.phoned_at.is_(None), _orders.c.state.in_(_TO_BE_PHONED))
    if CENTRE in roles:
        yield has_running(Kind.ADVISE)
    if DEPARTMENT in roles and own is not None:
        yield _waits_for_department(own)


def _stranded(work: Work) -> Condition:
    """Orders that wait for a 科室 which is no longer there, or in which nobody is left: a seat sends them elsewhere."""
    organisation = work.office.organisation
    staffed = [each.id for each in organisation.departments if organisation.staffed(each.id)]
    return sa.and_(_orders.c.state.in_(_WITH_DEPARTMENT), unindexed(_orders.c.department).not_in(staffed))


def to_be_moved(office: Office, rows: Iterable[sa.RowMapping]) -> str:
    """What a seat does with the stranded orders among these; "" where there are none."""
    orders = (restored(Order, {name: row[name] for name in row if name != "due"}) for row in rows)
    moves = {order.id: move for order in orders if (move := notices.sending_elsewhere(office, order))}
    if not moves:
        return ""
    named = "、".join(f"#{number}" for number in moves)
    move = next(iter(moves.values())) if len(moves) == 1 else "/改派 单号 理由"
    return f"{named} 的{notices.STRANDED}：{move}，再派给别的科室"


def _waits_for_department(department: str) -> Condition:
    return sa.and_(unindexed(_orders.c.department) == department, _orders.c.state.in_(_WITH_DEPARTMENT))


_WAITING: Final = {
    DUTY: (State.AWAITING_SIGNATURE, State.AWAITING_DISPATCH, State.RETURNING),
    REVIEWER: (State.AWAITING_EVALUATION,),
    OFFICE: (State.AWAITING_CLOSURE, State.SUSPENDED),
}
"""States in which an order waits for a role."""

_WITH_DEPARTMENT: Final = (State.AWAITING_ACCEPTANCE, State.HANDLING)
"""States in which an order waits for its 主办 科室."""

_TO_BE_PHONED: Final = (State.AWAITING_DISPATCH, State.AWAITING_ACCEPTANCE, State.HANDLING)
"""Where an urgent order must be phoned about (domain, section 2, row 8)."""


def _touched(work: Work) -> Condition:
    """Orders the asker handles, or signed or dispatched today; the journal's index finds the latter.

    Who went to another 科室 handles none of the old one's any more (`notices.handling`).
    """
    me, today = work.actor.id, start_of_day(day_of(work.now))
    event = table(Event)
    acted = sa.select(event.c.order_id).where(
        event.c.kind.in_(("签收", "派单")), event.c.at >= today, event.c.actor == me
    )
    still = sa.or_(
        sa.and_(_orders.c.signed_by == me, _orders.c.signed_at >= today),
        sa.and_(_orders.c.dispatched_by == me, _orders.c.dispatched_at >= today),
    )
    own = unindexed(_orders.c.department) == work.actor.department
    handled = sa.and_(unindexed(_orders.c.handler) == me, own, _orders.c.open.is_(True))
    return sa.or_(handled, sa.and_(_orders.c.id.in_(acted), still))


def _read(work: Work, arguments: Arguments) -> _Chosen:
    organisation, chosen = work.office.organisation, _Chosen()
    while arguments:
        if state := arguments.optional_choice([each.value for each in State]):
            chosen.states.append(state)
            chosen.words.append(state)
        elif level := arguments.optional_choice(("紧急", "疑难", "一般")):
            chosen.levels.append(level)
            chosen.words.append(level)
        elif department := arguments.optional_department(organisation):
            chosen.departments.append(department.id)
            chosen.words.append(department_name(work.office, department.id))
        elif community := arguments.optional_community(organisation):
            chosen.communities += [community.name, *community.aliases]
            chosen.words.append(community.name)
        elif period := arguments.optional_period(now=work.now, first_day=work.rules.assessment_first_day):
            if chosen.period is not None:
                raise Misused("日期只能写一段，例如 2026-06-01..2026-06-05")
            chosen.period = period
            chosen.words.append(spoken(period, work.now))
        else:
            word = work.clean(arguments.word("条件"))[:20]
            near = [*organisation.nearest_departments(word), *organisation.nearest_communities(word)][:3]
            hint = f"，是不是：{'、'.join(near)}" if near else ""
            raise Misused(f"看不懂“{word}”：它不是状态、科室、社区、级别或日期{hint}")
    return chosen


def _is_open(state: str) -> bool:
    return state in OPEN
