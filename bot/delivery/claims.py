"""One request to a robot: claimed in a transaction before it is made, recorded in another when its answer is known."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from bot.delivery import crowding, doubts, ledger, merging, quotas, sharing, unmade
from bot.delivery.composing import content_of
from bot.delivery.ledger import Row
from bot.delivery.unmade import Unmade
from bot.platforms.contract import Answer, Outcome, Outgoing, Sender
from bot.platforms.waiting import pause
from handlers.office import Office
from storage import outbox, robots
from storage.outbox import HURRIED, Priority, Status
from storage.tables import Attempt
from storage.transaction import Scope

LEASE = timedelta(seconds=30)
"""How long an endpoint stays with a replica after its last claim."""

_PASSED: Final = "这一步已经办过，按钮不再发送"


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is committed as being sent, and must be sent now. `at` is the attempt's moment."""

    endpoint: str
    message: Outgoing
    at: datetime


def claim(
    office: Office,
    scope: Scope,
    endpoint: str,
    sender: Sender,
    holder: str,
    compose: Callable[[Scope, Row], Outgoing],
    sender_of: Callable[[str], Sender | None],
) -> Claim | bool:
    """Take the endpoint's next step: the message to send now; or True when something else was put in order, so that
    another step may follow; or False when nothing may be done at the scope's moment."""
    if not outbox.take_lease(scope, endpoint, holder, LEASE):
        return False
    if doubts.recover(office, scope, endpoint, sender) or doubts.queue_digest(office, scope, endpoint):
        return True
    limits = sender.limits
    quotas.take_turn(scope, limits)
    if quotas.free_from(scope, endpoint, limits) > scope.now:
        return False
    crowded = crowding.quiet_from(scope.now, endpoint, sender.avoid) > scope.now
    row = ledger.first(scope, endpoint, max(HURRIED) if crowded else Priority.EDIT)
    if row is None:
        return False
    if doubts.outlived(office, scope, row, sender):
        return True
    if ledger.repeats(row) and ledger.passed(scope, row):
        # It would cost a place of the limit, and cannot be corrected any more where buttons go by themselves.
        outbox.update(scope, row["id"], state=Status.CANCELLED, detail=_PASSED)
        return True
    if sharing.comes_later(scope, endpoint, row["priority"], holder, sender_of):
        return False
    if row["priority"] not in HURRIED and _merged(office, scope, row, sender, compose):
        return True
    try:
        parts = unmade.made(scope, row, sender, compose)
    except Unmade as fault:
        unmade.fail(office, scope, row, str(fault))
        return True
    if len(parts) > 1:
        _divide(scope, row, parts)
        return True
    quotas.draw(scope, row["id"], limits)
    scope.insert(Attempt, outbox_id=row["id"], endpoint=endpoint, at=scope.now, outcome=Status.SENDING)
    outbox.update(scope, row["id"], state=Status.SENDING, attempts=row["attempts"] + 1)
    return Claim(endpoint, parts[0], scope.now)


def record(office: Office, scope: Scope, claimed: Claim, answer: Answer, sender: Sender, random: Random) -> None:
    """Write down what became of the request, and what follows from it."""
    number = claimed.message.key
    row = ledger.message(scope, number)
    attempts = ledger.recent(scope, claimed.endpoint)
    streak = ledger.failures([attempt for attempt in attempts if attempt["ended_at"] is not None])
    rules = office.rules(scope.now)
    longest = rules.robot_closed if answer.outcome is Outcome.CLOSED else rules.robot_rest
    wait = _wait(answer, row["attempts"], longest, random)
    rest = _rest(answer, wait, streak + 1, row["attempts"], longest, random)
    facts = {"status": answer.status, "code": answer.code, "detail": answer.detail}
    ledger.end_attempt(
        scope,
        number,
        claimed.at,
        outcome=answer.outcome,
        pause_until=None if rest is None else scope.now + rest,
        **facts,
    )
    if rest is not None and answer.bucket is not None:
        quotas.pause(scope, answer.bucket, scope.now + rest)
    if not (answer.outcome is Outcome.PERMANENT and _own_fault(row)):
        robots.note(scope, claimed.endpoint, works=answer.outcome is Outcome.SENT)
    if row["state"] != Status.SENDING:
        if answer.outcome is Outcome.SENT:
            doubts.confirmed_late(scope, row)
        return
    match answer.outcome:
        case Outcome.SENT:
            shown = row["shown"] if sender.edits and answer.remote else None
            outbox.update(
                scope, number, state=Status.SENT, sent_at=scope.now, remote_id=answer.remote, shown=shown, **facts
            )
        case Outcome.RETRY | Outcome.RETRY_AFTER | Outcome.CLOSED:
            outbox.update(scope, number, state=Status.RETRY, next_at=scope.now + wait, **facts)
        case Outcome.PERMANENT:
            unmade.refused(office, scope, row, **facts)
        case Outcome.UNKNOWN if doubts.repeatable(scope, number, sender, wait):
            outbox.update(scope, number, state=Status.RETRY, next_at=scope.now + wait, **facts)
        case Outcome.UNKNOWN:
            doubts.unknown(office, scope, row, **facts)


def _merged(office: Office, scope: Scope, row: Row, sender: Sender, compose: Callable[[Scope, Row], Outgoing]) -> bool:
    """Whether what waits became one message. Where none can be made of it, each goes, or fails, by itself."""
    try:
        with unmade.guarded(row):
            return merging.merge(office, scope, row["endpoint"], sender, compose)
    except Unmade:
        return False


def _wait(answer: Answer, attempts: int, longest: timedelta, random: Random) -> timedelta:
    """How long the message waits for another attempt. Where not even an answer came, or the way out is shut, it is
    not to blame and waits no longer than its endpoint rests."""
    if answer.wait is not None:
        return answer.wait
    own = pause(attempts, random)
    blamed = answer.status is not None and answer.outcome is not Outcome.CLOSED
    return own if blamed else min(own, longest)


def _rest(
    answer: Answer, wait: timedelta, streak: int, attempts: int, longest: timedelta, random: Random
) -> timedelta | None:
    """How long the whole endpoint rests after an answer; None when it need not.

    After failures in a row it is tried again after `longest` at the latest, with whatever comes first: one message
    that always fails cannot hold up the others for long, and a line that is back is noticed soon.
    """
    match answer.outcome:
        case Outcome.SENT | Outcome.PERMANENT:
            return None
        case Outcome.RETRY_AFTER:
            return wait
    # Where the same message failed every time, both wait exactly as long: it stays the first of its queue.
    return min(wait if attempts == streak else pause(streak, random), longest)


def _own_fault(row: Row) -> bool:
    """Whether a refusal is about the message and says nothing of the robot: its handle expired, its card is gone, its
    buttons are not taken there."""
    return ledger.repeats(row) or any(key in (row["content"] or {}) for key in ("reply", "edits"))


def _divide(scope: Scope, row: Row, parts: list[Outgoing]) -> None:
    """Queue the parts of a long message in its place; people are called by the first part only.

    That the whole was named by another way, or is to be, holds for its parts: one that is to be is named by the first.
    """
    named = row["told_at"] or (scope.now if row["detour_at"] is not None else None)
    for number, part in enumerate(parts, start=1):
        hidden = unmade.revealing(row)
        leads = number == 1
        ledger.copy(
            scope,
            row,
            text=row["text"] if hidden else part.text,
            mentions=tuple(mention.person for mention in part.mentions),
            content=row["content"] if hidden else content_of(part),
            priority=int(Priority.EDIT) if part.repeats else row["priority"],
            parent_id=row["id"],
            part=number,
            names=row["names"],
            shown=row["shown"] if part.actions else None,
            told_at=row["told_at"] if leads else named,
            detour_at=row["detour_at"] if leads else None,
        )
    outbox.update(scope, row["id"], state=Status.SPLIT, detail=f"分成 {len(parts)} 条发送", shown=None)
