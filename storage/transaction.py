"""One command's work on the store: everything, or nothing.

A command that is refused or fails leaves nothing behind; the others of its batch are not touched. Handlers change
working rows and `record` an event: the event's effects follow by comparison.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

from storage.batch import Batch
from storage.columns import restored
from storage.journal import Draft, Effect
from storage.projection import Key, effect, key_of, order_of, same
from storage.tables import Order, Projected, Stay, VaultRow

P = TypeVar("P", bound=Projected)


class Scope:
    """One command's view of the batch: everything it does, or nothing.

    `now` is the command's moment (aware UTC), `actor` who acts (person id or `system`), `cause` what set it off
    (`platform:message_id`, a slot, a file) and travels into events and outbox rows.
    """

    def __init__(self, batch: Batch, *, now: datetime, actor: str, cause: str | None) -> None:
        self._batch = batch
        self.now = now
        self.actor = actor
        self.cause = cause
        self._sheets: dict[int, _Sheet] = {}
        self.drafts: list[Draft] = []
        self.inserts: dict[type[SQLModel], list[Mapping[str, Any]]] = defaultdict(list)
        self.placed: dict[tuple[type[SQLModel], Key], Mapping[str, Any] | None] = {}
        self.statements: list[tuple[sa.Executable, list[Mapping[str, Any]]]] = []
        self.counters: dict[str, int] = {}

    @property
    def connection(self) -> sa.Connection:
        """For queries. They do not see what this batch has not written yet."""
        return self._batch.connection

    @property
    def only_adds(self) -> bool:
        """Whether this work rests on no stored row, and asked for a number: then `Batch.adopt` can judge it."""
        return self._batch.only_adds and bool(self.numbered_from)

    @property
    def numbered_from(self) -> Mapping[str, int]:
        """The counters that this work was given numbers from, as they were stored before it."""
        return self._batch.counters_read

    def order(self, order: int) -> Order | None:
        """The order with this short number, to read and change; None if there is none."""
        return next(iter(self.rows(Order, order)), None)

    def has(self, order: int) -> bool:
        """Whether there is an order with this short number; nothing is copied for a change."""
        return bool(self._batch.of(Order, order)) or bool(self._sheet(order).rows[Order])

    def load(self, model: type[Projected], orders: Iterable[int]) -> None:
        """Fetch a table's rows of these orders in one query, before they are asked for one by one."""
        self._batch.load(model, orders)

    def rows(self, model: type[P], order: int) -> list[P]:
        """All rows of a projected table that belong to the order, by key, to read and change."""
        sheet = self._sheet(order)
        held = sheet.rows[model]
        if model not in sheet.whole:
            sheet.whole.add(model)
            for key, row in self._batch.of(model, order).items():
                if key not in held:
                    sheet.take(key, row)
        found = (held[key] for key in sorted(held))
        return cast(list[P], [row for row in found if row is not None])

    def add(self, row: P) -> P:
        """Add a projected row; raises ValueError when its key is taken."""
        model, key = type(row), key_of(row)
        if isinstance(row, Order):
            self._batch.created(row.id)
        sheet = self._sheet(order_of(key))
        rows = sheet.rows[model]
        if (rows[key] if key in rows else self._batch.of(model, key[0]).get(key)) is not None:
            raise ValueError(f"{model.NAME} {key} is taken")
        rows[key] = row
        sheet.recorded.setdefault((model, key), None)
        return row

    def remove(self, row: Projected) -> None:
        """Remove a projected row: only an undo does."""
        key = key_of(row)
        self._sheet(order_of(key)).rows[type(row)][key] = None

    def changed(self) -> Iterator[tuple[type[Projected], Key, Projected | None]]:
        """Every row that was changed, added or removed (None), with its table and key; after `close` that is all."""
        for sheet in self._sheets.values():
            for model, key in sheet.changed:
                yield model, key, sheet.rows[model][key]

    def next_number(self, counter: str) -> int:
        """The next number of a counter; numbers are given in commit order."""
        value = self.counters.get(counter, self._batch.counter(counter)) + 1
        self.counters[counter] = value
        return value

    def record(self, kind: str, order: Order | None, /, *, undoes: int | None = None, **data: Any) -> Draft:
        """Append an event: what was said (`data`) and, by comparison, every row of the order that changed.

        Raises TypeError or ValueError for data without a canonical form. A change of state or department closes the
        order's `Stay` and opens the next one.
        """
        effects: list[Effect] = []
        n = None
        if order is not None:
            n = order.events = order.events + 1
            order.changed_at = self.now
            self._stay(order, n)
            effects = self._sheet(order.id).effects()
        draft = Draft(
            order_id=None if order is None else order.id,
            n=n,
            at=self.now,
            kind=kind,
            actor=self.actor,
            cause=self.cause,
            undoes=undoes,
            data=data,
            effects=effects,
        )
        self.drafts.append(draft)
        return draft

    def insert(self, model: type[SQLModel], **values: Any) -> None:
        """Add a row to one of the working tables (not a projection) when the batch is written."""
        self.inserts[model].append(values)

    def place(self, model: type[SQLModel], key: Key, values: Mapping[str, Any] | None) -> None:
        """Set (or with None remove) the one row of a working table that has this key; the last word counts."""
        self.placed[model, key] = values

    def execute(self, statement: sa.Executable, parameters: list[Mapping[str, Any]] | None = None) -> None:
        """Run a statement on a working table when the batch is written."""
        self.statements.append((statement, parameters or []))

    def replies(self, platform: str, message_id: str) -> Any | None:
        """The stored replies to a message that was already taken, else None."""
        return self._batch.replies(platform, message_id)

    def vault(self, order: int) -> Mapping[str, Any] | None:
        """The order's row in the vault, sealed; None if it has none."""
        return self.placed.get((VaultRow, (order,))) or self._batch.vault(order)

    def close(self) -> None:
        """Check that no change goes unrecorded; raises RuntimeError: a fault of ours, the command is dropped."""
        for sheet in self._sheets.values():
            sheet.check()

    def _sheet(self, order: int) -> "_Sheet":
        if (sheet := self._sheets.get(order)) is None:
            sheet = self._sheets[order] = _Sheet()
        return sheet

    def _stay(self, order: Order, n: int) -> None:
        sheet = self._sheet(order.id)
        before = sheet.recorded.get((Order, (order.id,)))
        if before is not None and (before["state"], before["department"]) == (order.state, order.department):
            return
        if before is not None and before["stay"]:
            key = (order.id, before["stay"])
            held = sheet.rows[Stay].get(key)
            ended = sheet.take(key, self._standing(order.id, before)) if held is None else held
            assert isinstance(ended, Stay)
            ended.until = self.now
        order.stay, order.since = n, self.now
        entered = Stay(order_id=order.id, n=n, state=order.state, department=order.department, since=self.now)
        sheet.rows[Stay][order.id, n] = entered
        sheet.recorded[Stay, (order.id, n)] = None

    def _standing(self, order: int, before: Mapping[str, Any]) -> Stay:
        """The open stay; it follows from the order's own columns, so no query is needed."""
        held = self._batch.held(Stay, (order, before["stay"]))
        if held is None:
            held = Stay(
                order_id=order,
                n=before["stay"],
                state=before["state"],
                department=before["department"],
                since=before["since"],
            )
            self._batch.known(held)
        return held


class _Sheet:
    """One order's rows as a scope works on them, and as its last event left them (None: not there).

    `whole` are the tables of which every row was taken, `changed` the rows that an event of this scope changed.
    """

    def __init__(self) -> None:
        self.rows: dict[type[Projected], dict[Key, Projected | None]] = defaultdict(dict)
        self.recorded: dict[tuple[type[Projected], Key], dict[str, Any] | None] = {}
        self.whole: set[type[Projected]] = set()
        self.changed: dict[tuple[type[Projected], Key], None] = {}

    def take(self, key: Key, row: P) -> P:
        """Copy a row that the batch holds, which no scope changes: its own values are what was recorded."""
        model = type(row)
        copy = restored(model, row.__dict__)
        self.rows[model][key] = copy
        self.recorded[model, key] = row.__dict__
        return copy

    def effects(self) -> list[Effect]:
        """What changed since the last event; from now on it counts as recorded."""
        effects: list[Effect] = []
        for model, key, before, after in self._differing():
            effects.append(effect(model, key, before, after))
            self.recorded[model, key] = None if after is None else dict(after)
            self.changed[model, key] = None
        return effects

    def check(self) -> None:
        """Raise RuntimeError for a change that no event records."""
        for model, key, _, _ in self._differing():
            raise RuntimeError(f"unrecorded change of {model.NAME} {key}")

    def _differing(self) -> Iterator[tuple[type[Projected], Key, dict[str, Any] | None, dict[str, Any] | None]]:
        for model, rows in self.rows.items():
            for key, row in rows.items():
                before = self.recorded[model, key]
                after = None if row is None else row.__dict__
                if not same(model, before, after):
                    yield model, key, before, after
