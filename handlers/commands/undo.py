"""撤回: undoes one's own last command within ★ 2 minutes if nothing followed: a new event, nothing erased."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from config.shanghai import span_text
from handlers import attachments, clocks, notices, several, timers
from handlers.arguments import Arguments
from handlers.intake import upstream
from handlers.lifecycle import STEPS
from handlers.notices import Audience
from handlers.refusal import Refusal
from handlers.work import Said, Work
from storage import outbox
from storage.columns import restored, table
from storage.journal import Effect
from storage.outbox import WAITING, Status
from storage.projection import MODELS, decoded, defaults, key_of
from storage.tables import Attachment, AttachmentFile, Clock, Event, Order, Outbox, Stay, Timer

_BOOKKEEPING = frozenset({"events", "changed_at", "stay", "since"})
"""Columns that `record` keeps itself: an undo is one more event, not one less."""


_INSTEAD: Final = {
    "签收": "退回 {} 类别 单位 说明",
    "退回": "退回结果 {} 成功",
    "派单": "改派 {} 理由",
    "结案": "重开 {} 理由",
}
"""What turns a step back that the source has, too."""

_READ = (Status.SENDING, Status.SENT, Status.SPLIT, Status.MERGED, Status.UNKNOWN)
"""States of a message that somebody may have read."""


def undo(work: Work, arguments: Arguments) -> Said:
    """Take back the actor's last message's command, for each of its orders."""
    arguments.done()
    events = _last_command(work)
    if work.now - events[0]["at"] > work.rules.undo_window:
        window = span_text(work.rules.undo_window)
        raise Refusal(f"最后一次操作（{events[0]['kind']}）已超过 {window}，不能撤回：可用相反的命令改正")
    lines: list[str] = []
    own: Counter[int] = Counter()
    undone: list[tuple[Order, str]] = []
    for event in reversed(events):
        try:
            # A message may have left a command and files: what it did last goes first, and an undo is an event too.
            lines.insert(0, _take_back(work, event, own[event["order_id"]], undone))
            own[event["order_id"]] += 2
        except Refusal as refusal:
            if len(events) == 1:
                raise
            lines.insert(0, f"✘ {refusal.message}")
    many = several.are_many(work, len(events))
    _retract(replace(work, gathered=[]) if many else work, events[0]["cause"], undone[::-1])
    said = several.folded(lines) if many else "\n".join(lines)
    return Said(said, orders=tuple(dict.fromkeys(event["order_id"] for event in events)))


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
            if model is Attachment:
                work.scope.place(AttachmentFile, key, None)
            if model is Clock:
                work.scope.place(Timer, key, None)
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
    if last["kind"] not in STEPS and last["kind"] != attachments.EVENT:
        raise Refusal(f"{last['kind']}不能撤回")
    same = mine.where(event.c.cause == last["cause"]).order_by(event.c.seq)
    return [dict(row) for row in work.scope.connection.execute(same).mappings()]


def _take_back(work: Work, event: dict[str, Any], own: int, undone: list[tuple[Order, str]]) -> str:
    order, command = work.order(event["order_id"]), event["kind"]
    effects: list[Effect] = json.loads(event["body"])["effects"]
    if order.events - own != event["n"]:
        _require_only_breaches(work, order, event, own, effects)
    if upstream.shows(work.rules, order.upstream_status, command):
        instead = f"/{_INSTEAD[command].format(order.id)}"
        raise Refusal(f"【#{order.id}】来源系统已是“{order.upstream_status}”，不能撤回{command}：要改的用 {instead}")
    urged_at = order.urged_at
    reverse(work, order, effects)
    if command == "催办" and _may_be_read(work, event["cause"], order.id):
        order.urged_at = urged_at  # people were called: the ten minutes hold, or they would be called over and over
    timers.restore(work.office, work.scope, order, since=event["at"])
    work.scope.record("撤回", order, undoes=event["seq"], command=command)
    undone.append((order, command))
    return work.render("reply_undone", order=order, command=command)


def _require_only_breaches(
    work: Work, order: Order, step: Mapping[str, Any], own: int, effects: Sequence[Effect]
) -> None:
    """Refuse where somebody did something after the step. A breach that the sweep marked was nobody's doing: it holds
    nothing up, unless it is of a clock that the step changed and that would go with it."""
    event = table(Event)
    breaches = sa.select(event.c.body).where(
        event.c.order_id == order.id, event.c.n > step["n"], event.c.kind == clocks.BREACH
    )
    marked = [json.loads(body)["effects"] for body in work.scope.connection.execute(breaches).scalars()]
    if order.events - own - len(marked) != step["n"]:
        raise Refusal(f"【#{order.id}】之后又有了新的操作，不能再撤回{step['kind']}：可用 /查 {order.id} 看经过")
    changed = _clocks_in(effect for effect in effects if not _began_overdue(effect, step["at"]))
    if any(changed & _clocks_in(each) for each in marked):
        raise Refusal(
            f"【#{order.id}】{step['kind']}牵涉的时限已经超时，不能再撤回：可用相反的命令改正，/查 {order.id} 看经过"
        )


def _began_overdue(effect: Effect, at: datetime) -> bool:
    """Whether the step made a clock that was overdue from the first: its breach is the step's own, and goes with it."""
    made, values = MODELS[effect["t"]] is Clock and effect["was"] is None, effect["now"]
    return made and values is not None and decoded(Clock, values)["due_at"] <= at


def _clocks_in(effects: Iterable[Effect]) -> set[tuple[Any, ...]]:
    """What a breach may have in common with a step: clocks. Of the order itself it changes only what is counted."""
    return {tuple(effect["k"]) for effect in effects if MODELS[effect["t"]] is Clock}


def _may_be_read(work: Work, cause: str, order: int) -> bool:
    """Whether somebody may have read, or will read, what the command told of the order: in a digest of many always."""
    told = (row for row in _announced(work, cause) if row.order_id == order or order in row.orders)
    return any(row.order_id is None or row.state in _READ for row in told)


def _retract(work: Work, cause: str, undone: Sequence[tuple[Order, str]]) -> None:
    """What nobody has read yet is not sent; whoever was told is told that it no longer holds.

    A digest of many orders is taken back only when all of them are. The dispatch group has read the reply.
    """
    numbers = {order.id for order, _ in undone}
    told: dict[int, dict[str, tuple[str, ...]]] = defaultdict(dict)
    unread: list[int] = []
    for row in _announced(work, cause):
        about = {row.order_id} if row.order_id is not None else set(row.orders)
        if row.state in WAITING and about <= numbers:
            unread.append(row.id)
        elif row.state in (*_READ, *WAITING):
            for number in about & numbers:
                told[number][row.audience] = tuple(row.mentions)
    dispatch = {group.id: () for group in notices.groups(work.office, Audience((notices.DISPATCH,)))}
    for order, command in undone:
        outbox.cancel_caused(work.scope, cause, order.id, unread)
        readers = [
            (group, people)
            for name, people in {**dispatch, **told[order.id]}.items()
            if (group := work.office.organisation.group(name)) is not None and (people or name != work.place.chat)
        ]
        notices.tell(work, order, "undone", readers, command=command)
    several.tell(work)


def _announced(work: Work, cause: str) -> Sequence[sa.Row[Any]]:
    """The notices that the command queued, one for an order or a digest."""
    box = table(Outbox)
    columns = (box.c[name] for name in ("id", "order_id", "orders", "audience", "mentions", "state"))
    notice = sa.or_(box.c.order_id.is_not(None), box.c.kind.startswith(several.DIGEST, autoescape=True))
    query = sa.select(*columns).where(box.c.cause == cause, notice).order_by(box.c.id)
    return work.scope.connection.execute(query).all()
