"""Small records that several commands write the same way."""

import json
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from handlers.work import Work
from storage.columns import table
from storage.tables import Contact, Evaluation, Event, Order, Remark

CONFIDENTIAL: Final = "保密"
"""The fact that hides a caller."""
FROM_SOURCE: Final = "来源系统"
"""The value of a fact that came with the order: nobody here may clear it."""


def remark(work: Work, order: Order, kind: str, text: str, /, **data: Any) -> Remark:
    """A record beside the state, numbered like the event that is about to be recorded."""
    return work.scope.add(
        Remark(order_id=order.id, n=order.events + 1, kind=kind, at=work.now, by=work.actor.id, text=text, data=data)
    )


def answers_text(responded: bool | None, solved: str, satisfied: str) -> str:
    """The three answers of a 评定, each with what it answers."""
    return f"响应：{'是' if responded else '否'}；解决：{solved}；满意：{satisfied}"


def contacts(work: Work, order: Order, generation: int | None = None) -> list[Contact]:
    """Contacts with the caller, oldest first; with `generation` those of that round of handling."""
    found = work.scope.rows(Contact, order.id)
    return [contact for contact in found if generation is None or contact.generation == generation]


def began(work: Work, order: Order) -> tuple[datetime, str] | None:
    """When this generation of handling began, and by which step; None for the first, which began with the arrival."""
    if not order.generation:
        return None
    steps = [(each.at, each.kind) for each in work.scope.rows(Remark, order.id) if each.kind in ("驳回", "重开")]
    steps += [
        (answer.at, "评定退回")
        for answer in work.scope.rows(Evaluation, order.id)
        if answer.origin == "复核" and answer.generation < order.generation
    ]
    return max(steps, default=None)


def handled(work: Work, order: Order) -> set[str]:
    """Everybody who ever was the order's handler: by 接单, also 代, or named by 分办, unless it was taken back."""
    event = table(Event)
    mine = event.c.order_id == order.id
    undone = sa.select(event.c.undoes).where(mine, event.c.undoes.is_not(None))
    query = sa.select(event.c.body).where(mine, event.c.kind.in_(("接单", "分办")), event.c.seq.not_in(undone))
    named = {json.loads(body)["data"]["handler"] for body in work.scope.connection.execute(query).scalars()}
    return {person for person in (*named, order.handler) if person is not None}
