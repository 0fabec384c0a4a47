"""In 办理中: 核查, 反馈, 办结, 补要件."""

from collections.abc import Mapping
from datetime import datetime

from config.shanghai import day_of, near_text
from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.behalf import read_behalf
from handlers.lifecycle import STEPS
from handlers.notices import Audience
from handlers.permission import is_seat_for, may
from handlers.records import began, contacts, remark
from handlers.refusal import Misused, Refusal
from handlers.states import State
from handlers.timers import SUPERVISIONS, Kind
from handlers.work import Work, department_name
from storage.tables import CloseItem, Contact, Evaluation, Order
from storage.vault import canonical_phone

REACHED, UNREACHABLE, IMPOSSIBLE = "已接通", "联系不上", "无法联系"
OUTCOMES = ("解决", "部分解决", "未解决")
ITEMS = ("联系人", "联系时间", "诉求", "结果", "依据", "态度")
"""The labelled items of a close-out (domain, section 2)."""


def check(work: Work, order: Order, arguments: Arguments) -> str:
    """核查 (信息核查): what was checked and the result."""
    text = work.clean(arguments.rest("结果"), order)
    remark(work, order, "核查", text)
    work.scope.record("核查", order, text=text)
    return work.render("reply_checked", order=order)


def contact(work: Work, order: Order, arguments: Arguments) -> str:
    """反馈: a contact with the caller. The first 已接通, or 无法联系 (保密, or no number) with a reason, meets 响应."""
    behalf = read_behalf(work, order, "反馈", arguments)
    when = arguments.optional_when("时间", now=work.now, calendar=work.office.calendar, past=True)
    channel = arguments.choice("联系情况", (REACHED, UNREACHABLE, IMPOSSIBLE))
    text = work.clean(arguments.rest("说明"), order)
    at = work.now if when is None else when.at
    dated = when is not None and when.day_only
    if when is not None and dated and when.day == day_of(_known_since(order)):
        at = max(at, _known_since(order))
    _require_time(work, order, at)
    if channel == IMPOSSIBLE:
        _require_no_way(work, order)
    department = behalf.department.id if behalf else work.actor.department
    work.scope.add(
        Contact(
            order_id=order.id,
            n=order.events + 1,
            at=at,
            recorded_at=work.now,
            by=work.actor.id,
            department=department,
            word_from=behalf.person.id if behalf and behalf.person else None,
            channel=channel,
            text=text,
            generation=order.generation,
        )
    )
    met = False
    if channel == UNREACHABLE:
        order.unreachable += 1
    else:
        order.reached = True
        order.first_contact_at = order.first_contact_at or at
        met = clocks.meet(work.scope, order, Kind.RESPOND, at) is not None
        clocks.meet_urgent(work.scope, order)
    said = behalf.data() if behalf else {}
    work.scope.record("反馈", order, contacted_at=at, channel=channel, text=text, **said)
    left = work.rules.contacts_needed_unreachable - order.unreachable
    stranded = notices.sending_elsewhere(work.office, order)
    move = stranded if may(work.actor, order, STEPS["改派"]) else ""
    finish = "" if stranded or (not order.reached and left > 0) else _finish(work, order)
    return work.render(
        "reply_contact",
        order=order,
        channel=channel,
        at=at,
        met=met,
        left=left,
        dated=dated,
        finish=finish,
        move=move,
        unphoned=_unphoned(order),
    )


def report_done(work: Work, order: Order, arguments: Arguments) -> str:
    """办结: the 科室 reports its result (申报结案建议). Needs a result and a recorded contact of this generation."""
    behalf = read_behalf(work, order, "办结", arguments)
    outcome = arguments.choice("办理结果", OUTCOMES)
    items = {
        label: work.clean(text, order) for label, text in arguments.labelled(ITEMS, default="结果").items() if text
    }
    if not items.get("结果"):
        raise Misused("缺少办理结果：请写明做了什么、结果如何")
    _require_contact(work, order)
    order.state = State.AWAITING_EVALUATION
    order.reported_done_at, order.outcome, order.result = work.now, outcome, items["结果"]
    _keep_items(work, order, _with_contact(work, order, items))
    work.scope.add(
        Evaluation(
            order_id=order.id,
            n=order.events + 1,
            origin="科室",
            generation=order.generation,
            by=work.actor.id,
            at=work.now,
            responded=order.reached,
            solved=outcome,
        )
    )
    late = clocks.meet(work.scope, order, Kind.CLOSE_OUT)
    clocks.meet(work.scope, order, Kind.FOUR_DAYS)
    for kind in SUPERVISIONS.values():
        clocks.meet(work.scope, order, kind)
    clocks.start_evaluation(work.office, work.scope, order)
    said = behalf.data() if behalf else {}
    work.scope.record("办结", order, outcome=outcome, items=items, **said)
    due = clocks.running(work.scope, order, Kind.EVALUATE)
    name = department_name(work.office, order.department)
    audience = Audience((notices.DISPATCH,), people=notices.with_role(work.office, "reviewer"))
    notices.announce(work, order, "reported_done", audience, department=name, outcome=outcome, due=due, behalf=behalf)
    return work.render(
        "reply_reported_done", order=order, outcome=outcome, due=due, late=late, unphoned=_unphoned(order)
    )


def add_item(work: Work, order: Order, arguments: Arguments) -> str:
    """补要件: one labelled item of the close-out; what stood there before stays in the journal."""
    item = arguments.choice("要件", ITEMS)
    text = work.clean(arguments.rest("内容"), order)
    _keep_items(work, order, {item: text})
    if item == "结果":
        order.result = text
    work.scope.record("补要件", order, item=item, text=text)
    return work.render("reply_item", order=order, item=item, missing=missing_items(work, order))


def missing_items(work: Work, order: Order) -> list[str]:
    """Items of this generation's close-out that are not there yet."""
    held = {row.item for row in work.scope.rows(CloseItem, order.id) if row.generation == order.generation}
    return [item for item in ITEMS if item not in held]


def _require_time(work: Work, order: Order, at: datetime) -> None:
    """A contact has been made, after the order came, and in this round of handling: what was said before the order was
    sent back or opened again answers nothing of it."""
    made = f"联系时间 {near_text(at, work.now)}"
    if at > work.now:
        raise Refusal(f"{made} 还没有到：反馈记的是已经发生的联系，请改时间或不写时间")
    known = _known_since(order)
    if at < known:
        raise Refusal(f"{made} 早于工单到达（{near_text(known, work.now)}），请核对时间")
    round_ = began(work, order)
    if round_ is not None and at < round_[0].replace(second=0, microsecond=0):
        raise Refusal(
            f"{made} 早于本轮开始（{near_text(round_[0], work.now)} {round_[1]}），不算本轮的联系："
            "请重新联系来电人后再记，时间写错的请改正"
        )


def _known_since(order: Order) -> datetime:
    """The earliest moment at which anybody can have known of the order."""
    return order.imported_at if order.arrived_at is None else min(order.arrived_at, order.imported_at)


def _require_no_way(work: Work, order: Order) -> None:
    """无法联系 meets 响应 without a call: only where there is nobody to call (domain, section 2, row 13). A number that
    the source masked, or that was erased, is none."""
    personal = None if order.confidential else work.personal(order)
    if personal is not None and canonical_phone(personal.phone) is not None:
        raise Refusal(
            f"来电人留了完整的电话，也没有要求保密，不能记“{IMPOSSIBLE}”："
            f"打不通的记 /反馈 {order.id} {UNREACHABLE} 说明，记满 {work.rules.contacts_needed_unreachable} 次可以办结"
        )


def _finish(work: Work, order: Order) -> str:
    """The 办结 that this person may send now, but for its words; empty where they may not."""
    step = STEPS["办结"]
    if order.state not in step.states or not may(work.actor, order, step):
        return ""
    behalf = f"代 {department_name(work.office, order.department)} " if is_seat_for(work.actor, order, step) else ""
    return f"/办结 {order.id} {behalf}解决|部分解决|未解决 结果"


def _unphoned(order: Order) -> bool:
    """Whether the telephone call that an urgent order requires is missing (domain, section 2, row 8)."""
    return order.level == clocks.URGENT_LEVEL and order.phoned_at is None


def _require_contact(work: Work, order: Order) -> None:
    needed = work.rules.contacts_needed_unreachable
    made = contacts(work, order, order.generation)
    if any(contact.channel != UNREACHABLE for contact in made):
        return
    tried = len(made)
    if tried >= needed:
        return
    so_far = f"本轮已记 {tried} 次联系不上，" if tried else "本轮还没有联系记录，"
    raise Refusal(f"{so_far}要先联系来电人：/反馈 {order.id} 已接通 说明；确实联系不上的，记满 {needed} 次才能办结")


def _with_contact(work: Work, order: Order, items: Mapping[str, str]) -> dict[str, str]:
    """The contact that is on record fills 联系人 and 联系时间 where the person left them out."""
    filled = dict(items)
    last = contacts(work, order, order.generation)[-1]
    filled.setdefault("联系时间", near_text(last.at, work.now))
    filled.setdefault("联系人", work.name(last.word_from or last.by))
    return filled


def _keep_items(work: Work, order: Order, items: Mapping[str, str]) -> None:
    held = {row.item: row for row in work.scope.rows(CloseItem, order.id) if row.generation == order.generation}
    for item, text in items.items():
        if item in held:
            held[item].text, held[item].by, held[item].at = text, work.actor.id, work.now
        else:
            work.scope.add(
                CloseItem(
                    order_id=order.id,
                    generation=order.generation,
                    item=item,
                    text=text,
                    by=work.actor.id,
                    at=work.now,
                )
            )
