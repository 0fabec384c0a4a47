"""Messages that may or may not have arrived (design, "Nothing is sent from a handler").

What is urgent, or announces an order that nobody has signed, is sent once more, marked. The rest is named in a digest
to the same chat. Nothing that the platform confirmed is ever repeated, and a repeat is not repeated.
"""

import re
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bot.delivery import detours, ledger, merging
from bot.delivery.ledger import CARD_UPDATE, MERGED_DIGEST, UNKNOWN_DIGEST, Row
from bot.platforms.contract import Idempotent, Outcome, Sender
from handlers.intake.announcing import announced
from handlers.office import Office
from handlers.states import State
from storage import outbox
from storage.columns import table
from storage.outbox import Priority, Status
from storage.tables import OrderTable, Outbox
from storage.transaction import Scope

_BROKEN_OFF = "发送途中程序中断，这条消息可能已经送到"
_TOO_LATE = "太久没有等到回执，再发可能重复；这条消息可能已经送到"
_SENT_AGAIN = "发送途中程序中断，再发一次，平台不会重复收下"
EDITS = 5
"""How often a change of a card is tried whose outcome stays unknown."""
_NUMBER = re.compile(r"【#\d+】")


def recover(office: Office, scope: Scope, endpoint: str, sender: Sender) -> bool:
    """Requests that were begun and never ended, by whoever lost the endpoint: their outcome is unknown. Where the
    platform takes a message once, it is sent again instead.

    The caller holds the endpoint's lease and has no request of its own under way.
    """
    rows = ledger.stranded(scope, endpoint)
    for row in rows:
        if repeatable(scope, row["id"], sender):
            ledger.end_attempt(scope, row["id"], outcome=Outcome.UNKNOWN, detail=_SENT_AGAIN)
            outbox.update(scope, row["id"], state=Status.RETRY, next_at=scope.now, detail=_SENT_AGAIN)
            continue
        ledger.end_attempt(scope, row["id"], outcome=Outcome.UNKNOWN, detail=_BROKEN_OFF)
        unknown(office, scope, row, detail=_BROKEN_OFF)
    return bool(rows)


def repeatable(scope: Scope, number: int, sender: Sender, wait: timedelta = timedelta(0)) -> bool:
    """Whether a request may be made again after `wait` though it may have arrived: the platform then still knows it."""
    if not isinstance(sender, Idempotent):
        return False
    since = ledger.doubted(scope, number)
    return since is None or scope.now + wait - since < sender.takes_once


def unknown(office: Office, scope: Scope, row: Row, **answer: Any) -> None:
    """Note that a message's outcome is unknown, and repeat it where that is called for."""
    if row["kind"] == CARD_UPDATE:
        _once_more(office, scope, row, **answer)
        return
    if row["kind"] == MERGED_DIGEST:
        _unknown_merged(office, scope, row, **answer)
        return
    again = _must_be_repeated(scope, row)
    # Of buttons by themselves nobody needs to know: their text has arrived.
    told = again or row["kind"] == UNKNOWN_DIGEST or row["priority"] == Priority.EDIT
    # What is urgent and not repeated (any more) is also named by another way.
    elsewhere = not again and row["priority"] == Priority.URGENT
    outbox.update(
        scope,
        row["id"],
        state=Status.UNKNOWN,
        detour_at=detours.moment(office, scope, row) if elsewhere else None,
        next_at=scope.now + office.rules(scope.now).doubtful.collect,
        told_at=scope.now if told else None,
        **answer,
    )
    if again:
        _repeat(office, scope, row)
    if row["kind"] == UNKNOWN_DIGEST and answer.get("code") is None:
        _name_again(office, scope, row)
    elif row["kind"] == UNKNOWN_DIGEST:
        _name_elsewhere(office, scope, row)


def outlived(office: Office, scope: Scope, row: Row, sender: Sender) -> bool:
    """Whether a message that was to be repeated waited until the platform may have forgotten it: its outcome is unknown
    like any other's then."""
    if not row["attempts"] or not isinstance(sender, Idempotent) or repeatable(scope, row["id"], sender):
        return False
    unknown(office, scope, row, detail=_TOO_LATE)
    return True


def confirmed_late(scope: Scope, row: Row) -> None:
    """The answer came after the outcome had been given up as unknown: it did arrive, a repeat is no longer needed."""
    outbox.update(scope, row["id"], state=Status.SENT, sent_at=scope.now, told_at=row["told_at"] or scope.now)
    ledger.change_waiting(
        scope,
        table(Outbox).c.repeat_of == row["id"],
        state=Status.CANCELLED,
        detail="原来那一条后来确认已送到",
    )
    if row["kind"] == MERGED_DIGEST:
        box = table(Outbox)
        state = Status.UNKNOWN if row["repeat_of"] else Status.MERGED
        named = box.c.id.in_(row["names"]), box.c.state == Status.UNKNOWN
        ledger.change_waiting(
            scope, box.c.repeat_of.in_(row["names"]), state=Status.CANCELLED, detail="原来那一条后来确认已送到"
        )
        scope.execute(sa.update(box).where(*named).values(state=state, told_at=scope.now))


def queue_digest(office: Office, scope: Scope, endpoint: str) -> bool:
    """Queue one message that names those of unknown outcome, once the oldest has waited long enough."""
    rows = ledger.unnamed(scope, endpoint)
    if not rows or min(row["next_at"] for row in rows) > scope.now:
        return False
    rows = rows[: office.rules(scope.now).doubtful.most]
    numbers = tuple(row["id"] for row in rows)
    ledger.copy(
        scope,
        rows[0],
        at=scope.now,
        kind=UNKNOWN_DIGEST,
        priority=int(Priority.NOTICE),
        order_id=None,
        text=office.texts.render("unknown_digest", messages=[{**row, "text": _first_line(row)} for row in rows]),
        mentions=(),
        cause=None,
        parent_id=None,
        part=None,
        repeat_of=None,
        names=numbers,
        orders=tuple(dict.fromkeys(order for row in rows for order in row["orders"])),
        content=None,
    )
    box = table(Outbox)
    scope.execute(sa.update(box).where(box.c.id.in_(numbers)).values(told_at=scope.now))
    return True


def _once_more(office: Office, scope: Scope, row: Row, **answer: Any) -> None:
    """A card may be changed twice without harm, but not for ever."""
    again = row["attempts"] < EDITS
    later = scope.now + office.rules(scope.now).doubtful.collect
    state = Status.RETRY if again else Status.CANCELLED
    outbox.update(scope, row["id"], state=state, next_at=later, **answer)


def _unknown_merged(office: Office, scope: Scope, digest: Row, **answer: Any) -> None:
    """Each notice that went into it is treated as if it had been sent by itself, but those that must be repeated are
    repeated in one message again. What a repeat named is then named in a digest like everything else in doubt."""
    outbox.update(scope, digest["id"], state=Status.UNKNOWN, told_at=scope.now, **answer)
    first = digest["repeat_of"] is None
    rows = ledger.messages(scope, digest["names"])
    rows = [row for row in rows if row["state"] == (Status.MERGED if first else Status.UNKNOWN)]
    again = [row for row in rows if first and _must_be_repeated(scope, row)]
    repeated = {row["id"] for row in again}
    later = scope.now + office.rules(scope.now).doubtful.collect
    for row in rows:
        told = scope.now if row["id"] in repeated else None
        outbox.update(scope, row["id"], state=Status.UNKNOWN, next_at=later, told_at=told, **answer)
    if len(again) == 1:
        _repeat(office, scope, again[0])
    elif again:
        values = merging.digest_of(office, scope, again, repeated=True)
        ledger.copy(scope, again[0], **{**values, "repeat_of": digest["id"]})


def _repeat(office: Office, scope: Scope, row: Row) -> None:
    number = _NUMBER.match(row["text"])
    head = number[0] if number else ""
    text = office.texts.render("repeated", head=head, rest=row["text"].removeprefix(head))
    kept = {"names": row["names"], "shown": row["shown"]}
    ledger.copy(scope, row, at=scope.now, text=text, parent_id=None, part=None, repeat_of=row["id"], **kept)


def _must_be_repeated(scope: Scope, row: Row) -> bool:
    if row["repeat_of"] is not None or row["kind"] == UNKNOWN_DIGEST or row["priority"] == Priority.EDIT:
        return False
    if row["priority"] == Priority.URGENT:
        return True
    orders = announced(row["kind"], row["orders"])
    if not orders:
        return False
    order = table(OrderTable)
    unsigned = sa.select(order.c.id).where(order.c.id.in_(orders), order.c.state == State.AWAITING_SIGNATURE).limit(1)
    return scope.connection.execute(unsigned).first() is not None


def _name_again(office: Office, scope: Scope, digest: Row) -> None:
    """Nobody may have read the digest: what it named counts as unnamed, and everything waits for a better line."""
    box = table(Outbox)
    unnamed = (box.c.state == Status.UNKNOWN, box.c.endpoint == digest["endpoint"])
    scope.execute(sa.update(box).where(*unnamed, box.c.id.in_(digest["names"])).values(told_at=None))
    later = scope.now + office.rules(scope.now).doubtful.again
    scope.execute(sa.update(box).where(*unnamed, box.c.told_at.is_(None)).values(next_at=later))


def _name_elsewhere(office: Office, scope: Scope, digest: Row) -> None:
    """The platform answered, with a code that no table knows: it would answer the next digest alike."""
    for row in ledger.messages(scope, digest["names"]):
        if row["state"] == Status.UNKNOWN and row["detour_at"] is None:
            outbox.update(scope, row["id"], detour_at=detours.moment(office, scope, row))


def _first_line(row: Row) -> str:
    return str(row["text"]).strip().partition("\n")[0]
