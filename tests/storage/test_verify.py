"""`verify` finds whatever was changed behind the program's back, and finds nothing when nothing was.

Undetectable from the store alone: who rewrites every later event, the head and the rows together leaves a store that
is consistent in itself, and so does who cuts the tail, sets the head back and rebuilds the rows. Against both stands
the head's hash that is printed outside, in each daily report and backup.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
import sqlalchemy as sa

from storage import triggers
from storage.columns import JsonText, canonical, table
from storage.database import writing_engine
from storage.journal import link
from storage.store import Store
from storage.tables import (
    PROJECTIONS,
    Attachment,
    AttachmentFile,
    Clock,
    CloseItem,
    Contact,
    Dispatch,
    Evaluation,
    Event,
    Fact,
    Head,
    Order,
    Projected,
    Remark,
    Stay,
)
from storage.transaction import Scope
from storage.vault import sealed_size
from storage.verify import CHUNK, verify
from tests.storage.desk import NOW, checked, events, job, register, urge

SEALED = b"s" * sealed_size(5)
EVENT = table(Event)
HEAD = table(Head)
Tamper = Callable[[sa.Connection], Any]


@pytest.fixture
def office(store: Store) -> Iterator["Office"]:
    """A store with a day's work in it, and a hand that reaches behind the program."""
    register(store, 3)
    store.run(job(_every_table, 2))
    store.transact([urge(1), urge(3), urge(2)])
    store.run(job(lambda scope: scope.record("启动", None)))
    store.run(urge(3))
    office = Office(store)
    yield office
    office.close()


def _every_table(scope: Scope) -> None:
    order = scope.order(2)
    moment = {"order_id": 2, "by": "D1", "at": NOW}
    for row in (
        Clock(order_id=2, kind="签收", generation=0, started_at=NOW, due_at=NOW, basis="60 分钟", rule_version="1"),
        Dispatch(**moment, n=2, department="城管科", role="主办"),
        Contact(**moment, n=2, recorded_at=NOW, channel="已接通"),
        Remark(**moment, n=2, kind="电话", data={"对方": "物业"}),
        Evaluation(**moment, n=2, origin="科室", responded=True),
        CloseItem(**moment, generation=0, item="结果", text="已修好"),
        Fact(**moment, name="督办"),
        Attachment(
            **moment, n=2, part=1, name="照片", kind="jpeg", size=5, mark="m", digest=sha256(SEALED).hexdigest()
        ),
    ):
        scope.add(row)
    scope.place(AttachmentFile, (2, 2, 1), {"wrapped_key": b"k", "sealed": SEALED})
    order.state, order.tags = "办理中", ("水电气热",)
    scope.record("派单", order)


class Office:
    """A store, and what somebody with the database's password can do to it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.sqlite = store.url.startswith("sqlite")
        self._engine = writing_engine(store.url)

    def tamper(self, *changes: Tamper | sa.Executable | str) -> None:
        """Change the store with the triggers out of the way, then put them back as they were."""
        with self.begun() as connection:
            self._triggers(connection, on=False)
            for change in changes:
                if callable(change):
                    change(connection)
                elif isinstance(change, str):
                    connection.exec_driver_sql(change)
                else:
                    connection.execute(change)
            self._triggers(connection, on=True)
            assert triggers.missing(connection) == []

    def plainly(self, statement: str) -> None:
        """Run one statement as it is."""
        with self.begun() as connection:
            connection.exec_driver_sql(statement)

    def begun(self) -> AbstractContextManager[sa.Connection]:
        """A transaction of somebody else's."""
        return self._engine.begin()

    def close(self) -> None:
        self._engine.dispose()

    def _triggers(self, connection: sa.Connection, *, on: bool) -> None:
        if not self.sqlite:
            connection.exec_driver_sql(f"ALTER TABLE event {'ENABLE' if on else 'DISABLE'} TRIGGER USER")
        elif on:
            for statement in self._dropped:
                connection.exec_driver_sql(statement)
        else:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
            found = connection.exec_driver_sql(query).all()
            self._dropped = [row.sql for row in found]
            for row in found:
                connection.exec_driver_sql(f"DROP TRIGGER {row.name}")


def change_event(at: int, /, **values: Any) -> sa.Update:
    return sa.update(EVENT).where(EVENT.c.seq == at).values(**values)


def remove_event(seq: int) -> sa.Delete:
    return sa.delete(EVENT).where(EVENT.c.seq == seq)


def set_head(seq: int, digest: str) -> sa.Update:
    return sa.update(HEAD).values(seq=seq, hash=digest)


def test_a_store_that_nobody_touched(office: Office) -> None:
    findings = checked(office.store)
    assert findings.problems == []
    assert findings.first_bad is None
    assert (findings.events, findings.orders) == (9, 3)
    assert findings.head == events(office.store)[-1]["hash"]


def test_an_empty_store(store: Store) -> None:
    findings = checked(store)
    assert (findings.problems, findings.events, findings.orders) == ([], 0, 0)


def test_more_orders_than_are_looked_at_together(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.verify.CHUNK", 3)
    assert CHUNK > 3
    register(store, 10)
    findings = checked(store)
    assert (findings.problems, findings.orders) == ([], 10)


ALTERED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "seq": lambda event: event["seq"] + 1000,
    "order_id": lambda event: (event["order_id"] or 0) + 1000,
    "n": lambda event: (event["n"] or 0) + 1000,
    "at": lambda event: event["at"] + timedelta(microseconds=1),
    "kind": lambda event: event["kind"] + "。",
    "actor": lambda event: "D9",
    "cause": lambda event: "console:9",
    "undoes": lambda event: 1,
    "body": lambda event: event["body"].replace('"actor":"system"', '"actor":"systen"'),
    "previous": lambda event: "f" * 64,
    "hash": lambda event: "f" * 64,
}


@pytest.mark.parametrize("seq", [1, 5, 9], ids=["first", "middle", "last"])
def test_any_column_of_any_event(office: Office, seq: int) -> None:
    assert set(ALTERED) == set(EVENT.c.keys())
    held = events(office.store)[seq - 1]
    for column, alter in ALTERED.items():
        value = alter(held)
        assert value != held[column]
        where = EVENT.c.seq == (value if column == "seq" else seq)
        office.tamper(change_event(seq, **{column: value}))
        findings = checked(office.store)
        assert findings.problems, column
        assert findings.first_bad is not None
        assert abs(findings.first_bad - seq) <= 1, column
        office.tamper(sa.update(EVENT).where(where).values(**{column: held[column]}))
        assert checked(office.store).problems == []


@pytest.mark.parametrize("column", ["order_id", "n", "cause", "undoes"])
def test_a_column_made_empty_or_filled(office: Office, column: str) -> None:
    # Event 8 belongs to no order, event 5 undoes nothing.
    for seq, value in ((5, None), (8, 1)):
        held = events(office.store)[seq - 1][column]
        office.tamper(change_event(seq, **{column: value}))
        assert (checked(office.store).problems == []) is (held == value)
        office.tamper(change_event(seq, **{column: held}))


@pytest.mark.parametrize("seq", [1, 5, 9], ids=["first", "middle", "last"])
def test_a_removed_event(office: Office, seq: int) -> None:
    office.tamper(remove_event(seq))
    findings = checked(office.store)
    assert findings.first_bad == seq
    assert "缺失" in findings.problems[0] or "被删去" in findings.problems[0]


def test_a_removed_event_whose_followers_moved_up(office: Office) -> None:
    office.tamper(remove_event(5), *(change_event(seq, seq=seq - 1) for seq in range(6, 10)))
    assert checked(office.store).first_bad == 5


def test_two_events_that_changed_places(office: Office) -> None:
    office.tamper(change_event(5, seq=500), change_event(6, seq=5), change_event(500, seq=6))
    assert checked(office.store).first_bad == 5


def test_an_inserted_event(office: Office) -> None:
    last = events(office.store)[-1]
    office.tamper(sa.insert(EVENT).values(**last | {"seq": 10, "n": last["n"] + 1}))
    assert checked(office.store).first_bad == 10


def test_an_event_appended_with_a_right_hash(office: Office) -> None:
    event = _forged(events(office.store)[-1])
    office.tamper(sa.insert(EVENT).values(**event))
    findings = checked(office.store)
    assert findings.first_bad == 10
    assert "账头" in findings.problems[0]


def test_an_event_appended_with_a_right_hash_and_head(office: Office) -> None:
    # The chain fits, but an event that says it changed a row that did not change contradicts the row.
    event = _forged(events(office.store)[-1])
    office.tamper(sa.insert(EVENT).values(**event), set_head(10, event["hash"]))
    assert any("投影" in problem for problem in checked(office.store).problems)


def _forged(last: dict[str, Any]) -> dict[str, Any]:
    body = json.loads(last["body"])
    effect = {"t": "orders", "k": [3], "was": {"urged": 2}, "now": {"urged": 9}}
    body |= {"seq": 10, "n": last["n"] + 1, "effects": [effect]}
    text = canonical(body)
    return last | {
        "seq": 10,
        "n": last["n"] + 1,
        "body": text,
        "previous": last["hash"],
        "hash": link(last["hash"], text),
    }


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"seq":9}', "null", "没有"])
def test_a_forged_event_that_is_none(office: Office, body: str) -> None:
    before = events(office.store)[-2]["hash"]
    office.tamper(change_event(9, body=body, hash=link(before, body)), set_head(9, link(before, body)))
    assert checked(office.store).first_bad == 9


@pytest.mark.parametrize("cut", [1, 4, 9])
def test_a_cut_tail(office: Office, cut: int) -> None:
    office.tamper(sa.delete(EVENT).where(EVENT.c.seq > 9 - cut))
    findings = checked(office.store)
    assert findings.first_bad == 10 - cut
    assert f"末尾 {cut} 条" in findings.problems[0]


def test_a_cut_tail_with_the_head_set_back_contradicts_the_rows(office: Office) -> None:
    journal = events(office.store)
    office.tamper(sa.delete(EVENT).where(EVENT.c.seq > 6), set_head(6, journal[5]["hash"]))
    assert any("投影" in problem for problem in checked(office.store).problems)


def test_only_the_printed_head_tells_of_a_tail_cut_with_head_and_rows(office: Office) -> None:
    # The last event of an order is undone in the rows as well: the store itself can no longer tell.
    journal = events(office.store)
    orders = table(PROJECTIONS[Order])
    before = json.loads(journal[-1]["body"])["effects"][0]["was"]
    rows = sa.update(orders).where(orders.c.id == 3).values(**before)
    office.tamper(remove_event(9), set_head(8, journal[7]["hash"]), rows)
    findings = checked(office.store)
    assert findings.problems == []
    assert findings.head != journal[-1]["hash"]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journal_head SET seq = 8",
        "UPDATE journal_head SET seq = 10",
        "UPDATE journal_head SET hash = 'ffff'",
        "DELETE FROM journal_head",
    ],
)
def test_the_head(office: Office, change: str) -> None:
    office.plainly(change)
    assert any("账头" in problem or "末尾" in problem for problem in checked(office.store).problems)


HARMLESS_SQLITE = {
    "dropped": ["DROP TRIGGER event_no_update"],
    "replaced": [
        "DROP TRIGGER event_no_update",
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT 1; END",
    ],
    "narrowed": [
        "DROP TRIGGER event_no_update",
        "CREATE TRIGGER event_no_update BEFORE UPDATE OF hash ON event "
        "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END",
    ],
}
HARMLESS_POSTGRESQL = {
    "dropped": ["DROP TRIGGER event_no_update ON event"],
    "disabled": ["ALTER TABLE event DISABLE TRIGGER event_no_update"],
    "disabled but for replicas": ["ALTER TABLE event ENABLE REPLICA TRIGGER event_no_update"],
    "replaced": [
        "CREATE OR REPLACE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$"
    ],
    "never reached": [
        "CREATE OR REPLACE FUNCTION event_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF false THEN RAISE EXCEPTION 'the journal is append-only'; END IF; RETURN NEW; END $$"
    ],
    "narrowed": [
        "DROP TRIGGER event_no_update ON event",
        "CREATE TRIGGER event_no_update BEFORE UPDATE OF hash ON event FOR EACH ROW EXECUTE FUNCTION event_refuse()",
    ],
    "conditional": [
        "DROP TRIGGER event_no_update ON event",
        "CREATE TRIGGER event_no_update BEFORE UPDATE ON event FOR EACH ROW WHEN (false) "
        "EXECUTE FUNCTION event_refuse()",
    ],
}


def test_a_trigger_that_no_longer_protects(office: Office) -> None:
    for name, statements in (HARMLESS_SQLITE if office.sqlite else HARMLESS_POSTGRESQL).items():
        for statement in statements:
            office.plainly(statement)
        findings = checked(office.store)
        assert any("event_no_update" in problem for problem in findings.problems), name
        with office.begun() as connection:
            triggers.install(connection)
        assert checked(office.store).problems == [], name


def owner(model: type[Projected]) -> sa.Column[Any]:
    return table(PROJECTIONS[model]).c["id" if model is Order else "order_id"]


def _about_rows(problems: list[str]) -> list[str]:
    """Without what is said beside it of an attachment's bytes, which no longer fit its row."""
    return [problem for problem in problems if problem.startswith("投影与事件不一致")]


def test_every_column_of_every_projected_row(office: Office) -> None:
    altered = {model: [column for column in table(PROJECTIONS[model]).c if column.name not in model.KEY]
               for model in PROJECTIONS}  # fmt: skip
    with office.begun() as connection:
        for model, columns in altered.items():
            values = {column: _other(column) for column in columns}
            # The order has two stays; the others have one row each.
            only = owner(model) == 2 if model is not Stay else table(PROJECTIONS[Stay]).c.until.is_(None)
            connection.execute(sa.update(table(PROJECTIONS[model])).where(owner(model) == 2, only).values(values))
        problems = _about_rows(verify(connection).problems)
    assert len(problems) == len(PROJECTIONS)
    for problem, (model, columns) in zip(problems, altered.items(), strict=True):
        assert f"表 {model.NAME}" in problem
        assert problem.partition("，列 ")[2].split("、") == [column.name for column in columns]


@pytest.mark.parametrize("model", PROJECTIONS, ids=lambda model: model.NAME)
def test_one_altered_column(office: Office, model: type[Projected]) -> None:
    column = [column for column in table(PROJECTIONS[model]).c if column.name not in model.KEY][-1]
    office.tamper(sa.update(table(PROJECTIONS[model])).where(owner(model) == 2).values({column: _other(column)}))
    assert all(problem.endswith(f"，列 {column.name}") for problem in checked(office.store).problems)
    assert checked(office.store).problems


def test_removed_rows_of_every_table(office: Office) -> None:
    with office.begun() as connection:
        for model, target in PROJECTIONS.items():
            connection.execute(sa.delete(table(target)).where(owner(model) == 2))
        problems = verify(connection).problems
    missing = {
        model.NAME: [problem for problem in problems if f"表 {model.NAME}，" in problem] for model in PROJECTIONS
    }
    assert all(found and all(line.endswith("缺少") for line in found) for found in missing.values())


@pytest.mark.parametrize("number", [9, 10**9, 0, -1])
def test_added_rows_of_every_table(office: Office, number: int) -> None:
    with office.begun() as connection:
        for model, target in PROJECTIONS.items():
            stored = table(target)
            copied = [sa.literal(number) if column is owner(model) else _unlike(column) for column in stored.c]
            query = sa.select(*copied).where(owner(model) == 2).limit(1)
            connection.execute(sa.insert(stored).from_select(list(stored.c.keys()), query))
        problems = _about_rows(verify(connection).problems)
    assert len(problems) == len(PROJECTIONS)
    assert all(problem.endswith("多出") for problem in problems)


def _unlike(column: sa.Column[Any]) -> Any:
    return column + "-2" if column.name == "number" else column


def _other(column: sa.Column[Any]) -> Any:
    """A value that differs from the stored one, whatever that is."""
    kind = column.type.impl if isinstance(column.type, sa.TypeDecorator) else column.type
    if isinstance(kind, sa.Boolean):
        return sa.not_(sa.func.coalesce(column, False))
    if isinstance(kind, sa.Integer):
        return sa.func.coalesce(column, 0) + 1
    if isinstance(kind, sa.DateTime):
        return NOW + timedelta(days=3000)
    return ["改过"] if isinstance(column.type, JsonText) else "改过"


GARBAGE = {
    "event.at": "UPDATE event SET at = 'gestern' WHERE seq = 5",
    "event.at without a time": "UPDATE event SET at = 17 WHERE seq = 5",
    "event.body": "UPDATE event SET body = x'ff' WHERE seq = 5",
    "orders.tags": "UPDATE orders SET tags = 'keine' WHERE id = 2",
    "orders.since": "UPDATE orders SET since = 'gestern' WHERE id = 2",
    "orders.urged": "UPDATE orders SET urged = 'oft' WHERE id = 2",
    "orders.open": "UPDATE orders SET open = 'ja' WHERE id = 2",
    "orders.tags in another form": "UPDATE orders SET tags = '[ ]' WHERE id = 2",
    "orders.changed_at in another form": "UPDATE orders SET changed_at = replace(changed_at, ' ', 'T') WHERE id = 2",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_values_of_no_type_that_sqlite_lets_in(sqlite_url: str, open_store: Any, name: str) -> None:
    store = open_store(sqlite_url)
    register(store, 3)
    store.transact([urge(1), urge(2), urge(3)])
    office = Office(store)
    office.tamper(GARBAGE[name])
    office.close()
    assert checked(store).problems
