"""Small jobs that the storage tests are told with."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from storage.columns import table
from storage.store import Job, Store, Unit
from storage.tables import Event, Order
from storage.transaction import Scope
from storage.verify import Findings, verify

NOW = datetime(2026, 6, 1, 0, 0, tzinfo=UTC)
"""08:00 in Beijing, as every test's day begins."""


class Refused(Exception):
    """A command that is refused."""


def job(work: Callable[[Scope], Any], *orders: int, now: datetime = NOW, **known: Any) -> Job[Any]:
    """One command as a job of its own."""
    return Job(lambda unit: unit.attempt(work), now=now, orders=orders, **known)


def new_order(scope: Scope, source: str = "市", number: str | None = None, **values: Any) -> Order:
    """Add and record an order with the next short number."""
    given = scope.next_number("order")
    number = f"热线-260601-{given:06}" if number is None else number
    moments = {"imported_at": scope.now, "changed_at": scope.now}
    order = scope.add(Order(id=given, source=source, number=number, state="待签收", **moments, **values))
    scope.record("登记", order)
    return order


def register(store: Store, count: int = 1) -> list[int]:
    """Store this many orders in one batch; their short numbers."""
    jobs = [job(lambda scope: new_order(scope).id, counters=("order",)) for _ in range(count)]
    return [outcome.result() for outcome in store.transact(jobs)]


def urge(order: int, text: str = "") -> Job[int]:
    """One more 催办 of the order: reads, then writes."""

    def work(scope: Scope) -> int:
        held = scope.order(order)
        assert held is not None
        held.urged += 1
        scope.record("催办", held, text=text)
        return held.urged

    return job(work, order)


def refuse(after: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    """A command that does something and is then refused."""

    def work(scope: Scope) -> None:
        after(scope)
        raise Refused

    return work


def look(store: Store, work: Callable[[Scope], Any]) -> Any:
    """The answer of a query."""
    return store.read(work, now=NOW)


def order(store: Store, number: int) -> Order:
    """The order as it is stored."""
    found = look(store, lambda scope: scope.order(number))
    assert found is not None
    return found  # type: ignore[no-any-return]


def events(store: Store) -> list[dict[str, Any]]:
    """The journal, from the first event on."""
    event = table(Event)
    with store.connect() as connection:
        return [dict(row) for row in connection.execute(sa.select(event).order_by(event.c.seq)).mappings()]


def count(store: Store, target: Any) -> int:
    """How many rows a table has."""
    with store.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table(target))).scalar_one()  # type: ignore[no-any-return]


def checked(store: Store) -> Findings:
    """What `verify` finds."""
    with store.connect() as connection:
        return verify(connection)


def errors(outcomes: Iterable[Any]) -> list[str]:
    """The kinds of the outcomes' errors, empty for what was stored."""
    return ["" if outcome.error is None else type(outcome.error).__name__ for outcome in outcomes]


def all_or_nothing(*works: Callable[[Scope], Any]) -> Job[None]:
    """A job of several commands."""

    def work(unit: Unit) -> None:
        for each in works:
            unit.attempt(each)

    return Job(work, now=NOW)
