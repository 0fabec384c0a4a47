"""Rows into the store, and what follows: returns and reopenings that the source decided, and what is told of it."""

from collections.abc import Mapping, Sequence

from config.organisation import Person
from handlers.commands.closing import reopen_by_source
from handlers.commands.receipt import settle_return
from handlers.intake import announcing
from handlers.intake.accept import STATUS_COLUMN, Accepted, Prepared, Result, accept, known
from handlers.intake.announcing import Finding, Telling
from handlers.intake.orders import IncomingOrder
from handlers.intake.upstream import Decision
from handlers.office import Office
from handlers.work import SYSTEM_ACTOR, Place, Work
from storage.tables import Order
from storage.transaction import Scope


def take_in(
    office: Office,
    scope: Scope,
    rows: Sequence[IncomingOrder],
    *,
    origin: str,
    batch: str | None = None,
    takeover: bool = False,
    actor: Person = SYSTEM_ACTOR,
    prepared: Mapping[tuple[str, str], Prepared] | None = None,
) -> list[Accepted]:
    """Accept rows inside one transaction. With `batch` the findings wait for `announcing.finish`.

    With `takeover` nothing is told at all. `prepared` is what `accept.prepare` worked out of these rows before.
    """
    before = known(scope, rows)
    scope.load(Order, [held.id for held in before.values()])
    ready = prepared or {}
    work = Work(office, scope, actor, Place(""))
    accepted = []
    findings: list[Finding] = []
    for row in rows:
        key = (row.source, row.number)
        taken = accept(office, scope, row, before.get(key), origin=origin, takeover=takeover, prepared=ready.get(key))
        accepted.append(taken)
        _follow(work, taken)
        findings += _findings(taken)
    if takeover:
        return accepted
    if batch is None:
        announcing.arrive(office, scope, findings)
    else:
        announcing.note(office, scope, batch, findings)
    return accepted


def _findings(taken: Accepted) -> list[Finding]:
    number = taken.order.id
    found = []
    if taken.result is Result.NEW and not taken.history:
        found.append(Finding(Telling.NEW, number))
    if taken.result is Result.CHANGED and not taken.order.history and _is_news(taken):
        reopened = (announcing.REOPENED,) if taken.decision is Decision.REOPENED else ()
        found.append(Finding(Telling.CHANGED, number, (*taken.changes, *reopened)))
    if taken.mismatch:
        found.append(Finding(Telling.MISMATCH, number, (taken.mismatch,)))
    return found


def _is_news(taken: Accepted) -> bool:
    """A status that only moves on there as it did here is in the journal and calls nobody."""
    return taken.decision is not None or taken.changes != (STATUS_COLUMN,)


def _follow(work: Work, taken: Accepted) -> None:
    """What the source's own system decided: an answer to a return, a closed order that is open again."""
    if taken.decision is Decision.REOPENED:
        reopen_by_source(work, taken.order)
    elif taken.decision is not None:
        settle_return(work, taken.order, granted=taken.decision is Decision.RETURN_GRANTED, note="来源系统所示")
