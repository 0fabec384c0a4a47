"""From 待派单 to 办理中: 派单, 电话, 接单, 分办, 改派."""

import re
from collections.abc import Sequence
from typing import Any

from config.organisation import Department, Person
from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.behalf import Behalf, read_behalf
from handlers.notices import Audience
from handlers.records import remark
from handlers.refusal import Refusal
from handlers.states import State
from handlers.timers import Kind
from handlers.work import Work, department_name
from storage.tables import Dispatch, Order


def dispatch(work: Work, order: Order, arguments: Arguments) -> str:
    """派单: exactly one 主办 科室, any number of 协办; their people are called."""
    named = arguments.departments(work.office.organisation)
    _require_plus(work, order, named, arguments)
    note = work.clean(arguments.optional_rest(), order)
    lead, *assisting = [department.id for department in named]
    order.state = State.AWAITING_ACCEPTANCE
    order.department, order.assisting, order.handler = lead, tuple(assisting), None
    order.dispatched_at, order.dispatched_by = work.now, work.actor.id
    order.accepted_at = None
    order.dispatches += 1
    for department in (lead, *assisting):
        role = "主办" if department == lead else "协办"
        work.scope.add(
            Dispatch(
                order_id=order.id,
                n=order.events + 1,
                department=department,
                role=role,
                by=work.actor.id,
                at=work.now,
                note=note,
            )
        )
    clocks.meet(work.scope, order, Kind.DISPATCH)
    clocks.cancel(work.scope, order, Kind.ADVISE, "已派单")
    work.scope.record("派单", order, department=lead, assisting=assisting, note=note)
    names = {"lead": department_name(work.office, lead), "assisting": _names(work, assisting)}
    _tell(work, order, {"note": note, "clocks": clocks.upcoming(work.scope, order), **names})
    return work.render("reply_dispatched", order=order, **names)


def phone(work: Work, order: Order, arguments: Arguments) -> str:
    """电话: who was phoned about the order, now. Required for an urgent one."""
    whom = work.clean(arguments.word("被叫人"), order)
    note = work.clean(arguments.optional_rest(), order)
    order.phoned_at = order.phoned_at or work.now
    clocks.meet_urgent(work.scope, order)
    remark(work, order, "电话", f"{whom} {note}".strip(), whom=whom)
    work.scope.record("电话", order, whom=whom, note=note)
    return work.render("reply_phoned", order=order, whom=whom)


def accept(work: Work, order: Order, arguments: Arguments) -> str:
    """接单: makes the handler: who typed it, or on behalf of a 科室 the person who gave the word, if that is known."""
    behalf = read_behalf(work, order, "接单", arguments)
    arguments.done()
    handler = _handler(work, order, behalf)
    order.state = State.HANDLING
    order.handler, order.accepted_at = None if handler is None else handler.id, work.now
    clocks.meet_urgent(work.scope, order)
    if behalf is not None:
        remark(work, order, "接单", f"代 {behalf.department.name}（{behalf.word_from}）")
    work.scope.record("接单", order, handler=order.handler, **_said_for(behalf))
    notices.announce(work, order, "accepted", Audience((notices.DISPATCH,)), handler=handler, behalf=behalf)
    return work.render(
        "reply_accepted", order=order, handler=handler, behalf=behalf, clocks=clocks.upcoming(work.scope, order)
    )


def assign(work: Work, order: Order, arguments: Arguments) -> str:
    """分办: names the handler inside the 科室; before 接单 it is who is to accept."""
    person = arguments.person(work.office.organisation)
    arguments.done()
    if person.department != order.department or "department" not in person.roles:
        raise Refusal(f"{person.name}不在主办科室{department_name(work.office, order.department)}，不能分办给他")
    if person.id == order.handler:
        raise Refusal(f"经办人已经是{person.name}")
    former, order.handler = order.handler, person.id
    work.scope.record("分办", order, handler=person.id, former=former)
    departments = (order.department,) if order.department else ()
    running = clocks.upcoming(work.scope, order)
    audience = Audience(departments=departments, people=(person.id,))
    notices.announce(work, order, "assigned", audience, handler=person, clocks=running)
    return work.render("reply_assigned", order=order, handler=person)


def decline(work: Work, order: Order, arguments: Arguments) -> str:
    """改派: the dispatch was wrong. It is superseded and counted as a wrong target; 派单 starts anew from now."""
    reason = work.clean(arguments.rest("理由"), order)
    former = department_name(work.office, order.department)
    for row in work.scope.rows(Dispatch, order.id):
        if row.superseded_at is None:
            row.superseded_at, row.superseded_reason = work.now, reason
    order.state = State.AWAITING_DISPATCH
    order.department, order.assisting, order.handler, order.accepted_at = None, (), None, None
    clocks.start_dispatch(work.office, work.scope, order, "自改派")
    remark(work, order, "改派", f"原主办 {former}：{reason}")
    work.scope.record("改派", order, former=former, reason=reason)
    audience = Audience((notices.DISPATCH,), people=notices.with_role(work.office, "duty"))
    due = clocks.running(work.scope, order, Kind.DISPATCH)
    notices.announce(work, order, "declined", audience, former=former, reason=reason, due=due)
    return work.render("reply_declined", order=order, former=former, due=due)


def _tell(work: Work, order: Order, values: dict[str, Any]) -> None:
    """Everybody is called in the dispatch group, and each 科室 in its own, where 协办 reads what it may do itself."""
    office = work.office
    named = [each for each in (order.department, *order.assisting) if each is not None]
    everybody = notices.department_people(office, named)
    notices.announce(work, order, "dispatched", Audience((notices.DISPATCH,), people=everybody), **values)
    for department in named:
        if notices.has_group(office, department):
            audience = Audience(departments=(department,), people=notices.department_people(office, [department]))
            template = "dispatched" if department == order.department else "dispatched_assisting"
            notices.announce(work, order, template, audience, **values)


def _require_plus(work: Work, order: Order, named: Sequence[Department], arguments: Arguments) -> None:
    """Refuse a 说明 whose first word is a 科室: it was meant as 协办, and would never learn of the order."""
    first = re.split(r"[\s，,、；;。：:]", arguments.left, maxsplit=1)[0]
    if not first or len(found := work.office.organisation.find_department(first)) != 1:
        return
    joined = "+".join(dict.fromkeys(department.name for department in (*named, *found)))
    raise Refusal(f"“{first}”是科室，不能当说明：协办用 + 连接，例如 /派单 {order.id} {joined}；若是说明，请换个开头")


def _handler(work: Work, order: Order, behalf: Behalf | None) -> Person | None:
    """Where a seat accepts for a 科室 without a head: who was named by /分办, else nobody, for a seat handles nothing;
    all its people are called."""
    if behalf is None or behalf.person is not None:
        return work.actor if behalf is None else behalf.person
    return work.office.organisation.person(order.handler) if order.handler else None


def _said_for(behalf: Behalf | None) -> dict[str, Any]:
    return {} if behalf is None else behalf.data()


def _names(work: Work, departments: list[str]) -> list[str]:
    return [department_name(work.office, department) for department in departments]
