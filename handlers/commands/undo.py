"""撤回: undoes one's own last command within ★ 2 minutes if nothing followed: a new event, nothing erased."""

import json
from typing import Any

import sqlalchemy as sa

from config.shanghai import span_text
from handlers import clocks, notices
from handlers.arguments import Arguments
from handlers.lifecycle import STEPS
from handlers.notices import Audience
from handlers.refusal import Refusal
from handlers.work import Said, Work
from storage import outbox
from storage.columns import restored, table
from storage.journal import Effect
from storage.projection import MODELS, decoded, defaults, key_of
from storage.tables import Event, Order, Stay

_BOOKKEEPING = frozenset({"events", "changed_at", "stay", "since"})
"""Columns that `record` keeps itself: an undo is one more event, not one less."""


def undo(work: Work, arguments: Arguments) -> Said:
    """Take back the actor's last message's command, for each of its orders."""
    arguments.done()
    events = _last_command(work)
    if work.now - events[0]["at"] > work.rules.undo_window:
        window = span_text(work.rules.undo_window)
        raise Refusal(f"最后一次操作（{events[0]['kind']}）已超过 {window}，不能撤回：可用相反的命令改正")
    lines = [_take_back(work, event) for event in events]
    return Said("\n".join(lines), orders=tuple(event["order_id"] for event in events))


def reverse(work: Work, order: Order, effects: list[Effect]) -> None:
    """Put the rows of an order back to what they were before the effects, bookkeeping aside."""
    for effect in effects:
        model, key = MODELS[effect["t"]], tuple(effect["k"])
        if model is Stay:
            continue
        row = next((row for row in work.scope.rows(model, order.id) if key_of(row) == key), None)
        if effect["was"] is None:
            if row is not None:
                work.scope.remove(row)
            continue
        before = {name: value for name, value in effect["was"].items() if name not in _BOOKKEEPING}
        if row is None:
            values = {**defaults(model), **dict(zip(model.KEY, key, strict=True)), **decoded(model, before)}
            work.scope.add(restored(model, values))
        else:
            row.__dict__.update(decoded(model, before))


def _last_command(work: Work) -> list[dict[str, Any]]:
    """The events of the actor's last message that changed an order; oldest first."""
    event = table(Event)
    mine = sa.select(event).where(event.c.actor == work.actor.id, event.c.order_id.is_not(None))
    last = work.scope.connection.execute(mine.order_by(event.c.seq.desc()).limit(1)).mappings().one_or_none()
    if last is None:
        raise Refusal("您还没有可以撤回的操作")
    if last["kind"] == "撤回":
        raise Refusal("刚才的操作已经撤回过了")
    if last["kind"] not in STEPS:
        raise Refusal(f"{last['kind']}不能撤回")
    same = mine.where(event.c.cause == last["cause"]).order_by(event.c.seq)
    return [dict(row) for row in work.scope.connection.execute(same).mappings()]


def _take_back(work: Work, event: dict[str, Any]) -> str:
    order = work.order(event["order_id"])
    if order.events != event["n"]:
        raise Refusal(f"【#{order.id}】之后又有了新的操作，不能再撤回{event['kind']}：可用 /查 {order.id} 看经过")
    body = json.loads(event["body"])
    reverse(work, order, body["effects"])
    clocks.restore_timers(work.office, work.scope, order)
    outbox.cancel_caused(work.scope, event["cause"], order.id)
    work.scope.record("撤回", order, undoes=event["seq"], command=event["kind"])
    departments = tuple(d for d in {order.department, _former(body)} if d)
    notices.announce(work, order, "undone", Audience((notices.DISPATCH,), departments), command=event["kind"])
    return work.render("reply_undone", order=order, command=event["kind"])


def _former(body: dict[str, Any]) -> str | None:
    for effect in body["effects"]:
        if effect["t"] == Order.NAME and effect["now"] and "department" in effect["now"]:
            former = effect["now"]["department"]
            return former if isinstance(former, str) else None
    return None
