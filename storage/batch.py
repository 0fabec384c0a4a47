"""One batch of work in one database transaction: rows are loaded together, written with one statement per table.

A `Batch` holds what was loaded and what the accepted commands made of it; each command works in a `Scope`
(`storage/transaction.py`). See "Sync core, async shell" in `docs/decisions.md`.

Lock order: counters, orders by id, the journal's head last.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

from storage import statements
from storage.columns import restored, table
from storage.journal import Draft, chain
from storage.prepared import fetch, run
from storage.projection import Key, defaults, differing, key_of, order_of
from storage.tables import PROJECTIONS, Clock, Counter, Event, Head, Inbox, Order, Projected, VaultRow

if TYPE_CHECKING:
    from storage.transaction import Scope

P = TypeVar("P", bound=Projected)
_MOST = 1024
"""Orders that one query names: SQLite takes some 32,000 parameters, PostgreSQL as many again."""


class Mark(NamedTuple):
    """A point to go back to: lengths of the batch's lists and the counters as given out."""

    log: int
    drafts: int
    inserts: dict[type[SQLModel], int]
    statements: int
    given: dict[str, int]
    placed: dict[tuple[type[SQLModel], Key], Mapping[str, Any] | None]


class Batch:
    """What one transaction has loaded and will write. `writable` is False for readers, which take no locks."""

    def __init__(self, connection: sa.Connection, *, writable: bool = True) -> None:
        self.connection = connection
        self._lock = writable and connection.dialect.name != "sqlite"
        self._rows: dict[type[Projected], dict[int, dict[Key, Projected]]] = {model: {} for model in PROJECTIONS}
        self._loaded: set[tuple[type[Projected], int]] = set()
        self._stored: dict[tuple[type[Projected], Key], dict[str, Any]] = {}
        self._counters: dict[str, int] = {}
        self._given: dict[str, int] = {}
        self._messages: dict[tuple[str, str], Any] = {}
        self._vault: dict[int, Mapping[str, Any] | None] = {}
        self._log: list[tuple[type[Projected], Key, Projected | None]] = []
        self._drafts: list[Draft] = []
        self._inserts: dict[type[SQLModel], list[Mapping[str, Any]]] = defaultdict(list)
        self._placed: dict[tuple[type[SQLModel], Key], Mapping[str, Any] | None] = {}
        self._statements: list[tuple[sa.Executable, list[Mapping[str, Any]]]] = []

    def preload(self, orders: Iterable[int], messages: Iterable[tuple[str, str]], counters: Iterable[str] = ()) -> None:
        """Load together what the batch is going to name: counters, stored replies, orders with their clocks."""
        for name in sorted(set(counters)):
            self.counter(name)
        by_platform: dict[str, list[str]] = defaultdict(list)
        for platform, message_id in dict.fromkeys(messages):
            by_platform[platform].append(message_id)
        for platform, wanted in by_platform.items():
            self._load_replies(platform, wanted)
        self.load(Order, orders)
        self.load(Clock, [order for order in orders if self.of(Order, order)])

    def load(self, model: type[Projected], orders: Iterable[int]) -> None:
        """Load a table's rows of these orders in one query; orders themselves are locked, lowest id first."""
        missing = sorted({order for order in orders if (model, order) not in self._loaded})
        if not missing:
            return
        self._loaded.update((model, order) for order in missing)
        for start in range(0, len(missing), _MOST):
            wanted = statements.names("o", missing[start : start + _MOST])
            query = statements.rows_of_orders(model, len(wanted), self._lock and model is Order)
            for values in fetch(self.connection, query, wanted):
                row = restored(model, values)
                key = key_of(row)
                if (model, key) not in self._stored:
                    self._know(key, row)

    def known(self, row: Projected) -> None:
        """Take a row as stored with just these values, whether it was loaded or follows from another row."""
        self._know(key_of(row), row)

    def _know(self, key: Key, row: Projected) -> None:
        model = type(row)
        self._rows[model].setdefault(order_of(key), {})[key] = row
        self._stored[model, key] = row.__dict__  # scopes work on copies

    def held(self, model: type[P], key: Key) -> P | None:
        """The row if it was loaded or added in this batch; no query is made."""
        return cast(P | None, self._rows[model].get(order_of(key), {}).get(key))

    def of(self, model: type[P], order: int) -> dict[Key, P]:
        """The table's rows of one order, as the accepted commands left them."""
        if (model, order) not in self._loaded:
            self.load(model, [order])
        return cast(dict[Key, P], self._rows[model].get(order, {}))

    def created(self, order: int) -> None:
        """Nothing is stored of a new order: spare the queries."""
        self._loaded.update((model, order) for model in PROJECTIONS)
        self._vault.setdefault(order, None)

    def counter(self, name: str) -> int:
        """The counter's value, locked until the end of the transaction."""
        if name not in self._counters:
            query = statements.counter(self._lock)
            (found,) = fetch(self.connection, query, {"k_name": name})
            self._counters[name] = self._given[name] = found["value"]
        return self._given[name]

    def vault(self, order: int) -> Mapping[str, Any] | None:
        """The order's row in the vault, read once."""
        if (placed := self._placed.get((VaultRow, (order,)))) is not None:
            return placed
        if order not in self._vault:
            self._vault[order] = next(iter(fetch(self.connection, statements.vault(), {"order": order})), None)
        return self._vault[order]

    @property
    def written(self) -> frozenset[str]:
        """Names of the working tables that this batch adds rows to, or places them: what to wake after the commit."""
        added = {target for target, rows in self._inserts.items() if rows}
        return frozenset(str(target.__tablename__) for target in added | {target for target, _ in self._placed})

    def replies(self, platform: str, message_id: str) -> Any | None:
        """The stored replies to a message that was already taken, else None."""
        key = (platform, message_id)
        if key not in self._messages:
            self._load_replies(platform, [message_id])
        return self._messages[key]

    def _load_replies(self, platform: str, messages: list[str]) -> None:
        self._messages |= dict.fromkeys((platform, message_id) for message_id in messages)
        wanted = statements.names("m", messages)
        for row in fetch(self.connection, statements.replies(len(wanted)), {"platform": platform, **wanted}):
            self._messages[platform, row["message_id"]] = row["replies"]

    def mark(self) -> "Mark":
        """Where the batch stands, for `back_to`."""
        return Mark(
            len(self._log),
            len(self._drafts),
            {target: len(rows) for target, rows in self._inserts.items()},
            len(self._statements),
            dict(self._given),
            dict(self._placed),
        )

    def back_to(self, mark: "Mark") -> None:
        """Forget every merge since the mark: the job that made them failed as a whole."""
        for model, key, before in reversed(self._log[mark.log :]):
            rows = self._rows[model].setdefault(order_of(key), {})
            if before is None:
                rows.pop(key, None)
            else:
                rows[key] = before
        del self._log[mark.log :]
        del self._drafts[mark.drafts :]
        for target, rows_ in self._inserts.items():
            if target is Inbox:
                for item in rows_[mark.inserts.get(target, 0) :]:
                    self._messages.pop((item["platform"], item["message_id"]), None)
            del rows_[mark.inserts.get(target, 0) :]
        del self._statements[mark.statements :]
        self._placed = dict(mark.placed)
        self._given = {name: mark.given.get(name, value) for name, value in self._counters.items()}

    def merge(self, scope: "Scope") -> None:
        """Take over what an accepted command did."""
        for model, key, row in scope.changed():
            rows = self._rows[model].setdefault(order_of(key), {})
            self._log.append((model, key, rows.get(key)))
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        self._drafts.extend(scope.drafts)
        for target, values in scope.inserts.items():
            self._inserts[target].extend(values)
            if target is Inbox:
                for item in values:
                    self._messages[item["platform"], item["message_id"]] = item["replies"]
        self._placed.update(scope.placed)
        self._statements.extend(scope.statements)
        self._given.update(scope.counters)

    def adopt(self, scope: "Scope") -> bool:
        """Take over what was worked out in a reading batch; False, and nothing is taken, when it may not hold here.

        It holds when it made new orders only and no number was given to anybody since: nothing that it missed can
        have come into being.
        """
        if not scope.only_adds or any(self.counter(name) != value for name, value in scope.numbered_from.items()):
            return False
        for model, key, _ in scope.changed():
            if model is Order:
                self.created(order_of(key))
        self.merge(scope)
        return True

    @property
    def only_adds(self) -> bool:
        """Whether no stored row was loaded."""
        return not self._stored

    @property
    def counters_read(self) -> Mapping[str, int]:
        """The counters that were asked for, as they are stored."""
        return self._counters

    def flush(self) -> tuple[int, str] | None:
        """Write everything, the journal last. Returns the new head (seq, hash), or None if no event was added."""
        self._write()
        for target, values in self._inserts.items():
            _insert(self.connection, target, values)
        self._place()
        for statement, parameters in self._statements:
            self.connection.execute(statement, parameters or None)
        for name, value in self._given.items():
            if value != self._counters[name]:
                parameter = {"k_name": name, "v_value": value}
                run(self.connection, statements.update(Counter, ("value",)), [parameter])
        return self._append() if self._drafts else None

    def _write(self) -> None:
        changed: dict[type[Projected], dict[Key, None]] = defaultdict(dict)
        for model, key, _ in self._log:
            changed[model][key] = None
        for model in PROJECTIONS:
            if model in changed:
                self._write_rows(model, changed[model])

    def _write_rows(self, model: type[Projected], keys: Iterable[Key]) -> None:
        target = PROJECTIONS[model]
        added: list[dict[str, Any]] = []
        gone: list[dict[str, Any]] = []
        altered: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for key in keys:
            row, before = self.held(model, key), self._stored.get((model, key))
            if row is None:
                if before is not None:
                    gone.append(_bound(model.KEY, key))
                continue
            after = row.__dict__
            if before is None:
                added.append({name: after[name] for name in defaults(model)})
            elif columns := differing(model, before, after):
                altered[columns].append(_bound(model.KEY, key) | {f"v_{name}": after[name] for name in columns})
        if gone:
            run(self.connection, statements.delete(target), gone)
        for columns, rows in altered.items():
            run(self.connection, statements.update(target, columns), rows)
        if added:
            run(self.connection, statements.insert(target), added)

    def _place(self) -> None:
        by_target: dict[type[SQLModel], list[tuple[Key, Mapping[str, Any] | None]]] = defaultdict(list)
        for (target, key), values in self._placed.items():
            by_target[target].append((key, values))
        for target, items in by_target.items():
            stored = table(target)
            names = [column.name for column in stored.primary_key]
            blank = dict.fromkeys(stored.c.keys())
            gone = [_bound(names, key) for key, values in items if values is None]
            if gone:
                run(self.connection, statements.delete(target), gone)
            rows = [blank | dict(zip(names, key, strict=True)) | dict(values) for key, values in items if values]
            if rows:
                run(self.connection, statements.upsert(target, self.connection.dialect.name), rows)

    def _append(self) -> tuple[int, str]:
        (head,) = fetch(self.connection, statements.head(self._lock), {"k_id": 1})
        rows = chain(self._drafts, head["seq"], head["hash"])
        run(self.connection, statements.insert(Event), rows)
        seq, digest = rows[-1]["seq"], rows[-1]["hash"]
        parameters = {"k_id": 1, "v_seq": seq, "v_hash": digest}
        run(self.connection, statements.update(Head, ("seq", "hash")), [parameters])
        return seq, digest


def _bound(names: Iterable[str], key: Key) -> dict[str, Any]:
    return {f"k_{name}": value for name, value in zip(names, key, strict=True)}


def _insert(connection: sa.Connection, target: type[SQLModel], values: list[Mapping[str, Any]]) -> None:
    shapes: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for item in values:
        shapes[tuple(item)].append(item)
    for rows in shapes.values():
        run(connection, statements.insert(target), rows)
