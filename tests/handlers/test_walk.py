"""The exhaustive walk: every (state, command, role, place) against the table in `lifecycle_table.py`.

One store for each state; every quadruple is a real message that is read, permitted and carried out on it, and then
dropped, so that tens of thousands of them need seconds.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from bot.chat.router import understood
from bot.platforms.contract import Incoming
from config.organisation import Organisation, Person
from handlers import clocks
from handlers.execution import Request, carry_out
from handlers.registry import COMMANDS
from handlers.states import State
from handlers.timers import Kind
from storage.batch import Batch
from storage.database import writing_engine
from storage.store import Job
from storage.tables import Clock
from storage.transaction import Scope
from tests.conftest import NewUrl, OpenStore
from tests.handlers.lifecycle_table import (
    ASKING,
    DISPATCHED,
    NOT_BUILT,
    PEOPLE,
    PRIVATE,
    REGISTER,
    REGISTERS,
    ROWS,
    RUNNING,
    SEES_DETAILS,
    STATES,
    UNDOES,
    WAY,
    Row,
)
from tests.street import Street, row, sample_organisation

T = TypeVar("T")

GROUPS = ("dispatch", "supervision", "leaders", "chengguan", "shequ")
"""A group of each purpose; of the 主办 科室 and of the 协办."""
EVERY_PLACE = (*GROUPS, "private")
WHOLE_STREET = set(ASKING) - {"查"}
"""Queries over all orders take longer than the rest of the walk together: each person asks in one of the places."""


def organisation() -> Organisation:
    """The sample organisation with a second member of the 主办 科室 to name, and somebody of two roles."""
    sample = sample_organisation()
    people = [
        each.model_copy(update={"roles": frozenset({"department", "reviewer"})}) if each.id == "he" else each
        for each in sample.people
    ]
    people.append(Person(id="jia", name="贾队员", roles=frozenset({"department"}), department="chengguan"))
    return Organisation(people, sample.departments, sample.patches, sample.communities, sample.groups)


ORGANISATION = organisation()


@dataclass
class Done:
    """What one message did before it was dropped."""

    reply: str
    events: list[str]
    state: str
    met: set[str]
    started: set[str]
    cancelled: set[str]


class Dropped:
    """Runs a command as all or nothing, and always nothing; remembers what it would have been.

    With `written` it is written to the database first and rolled back then, so that the database has its say too.
    """

    def __init__(self, batch: Batch, street: Street, person: str, *, written: bool) -> None:
        self._batch, self._street, self._person, self._written = batch, street, person, written
        self.scope: Scope | None = None

    def attempt(self, work: Callable[[Scope], T]) -> T:
        scope = Scope(self._batch, now=self._street.now, actor=self._person, cause="walk:1")
        value = work(scope)
        scope.close()
        if scope.drafts:
            self.scope = scope
            if self._written:
                self._batch.merge(scope)
                self._batch.flush()
        return value


@dataclass
class Walk:
    """An order in one state, and people who type at it in vain."""

    street: Street
    state: str
    before: dict[tuple[str, int], Clock]
    batch: Batch = field(init=False)

    def type(self, connection: Any, person: str, typed: str, place: str, *, written: bool = False) -> Done:
        who = self.street.office.organisation.person(person)
        assert who is not None
        chat = f"@{person}" if place == "private" else place
        incoming = Incoming("console", "1", chat, person, typed)
        request = understood(incoming, who, chat)
        assert isinstance(request, Request), f"{typed}: {request}"
        batch = self.batch if not written else Batch(connection)
        dropped = Dropped(batch, self.street, person, written=written)
        answered = carry_out(self.street.office, dropped, request)
        assert not answered.faults, f"{person} {typed} in {self.state}: {answered.faults}"
        reply = "\n".join(said.text for said in answered.said)
        scope = dropped.scope
        if scope is None:
            return Done(reply, [], self.state, set(), set(), set())
        after = {(clock.kind, clock.generation): clock for clock in scope.rows(Clock, 1)}
        old = {key: clock for key, clock in after.items() if key in self.before}
        order = scope.order(1)
        assert order is not None
        return Done(
            reply,
            [draft.kind for draft in scope.drafts],
            order.state,
            {kind for (kind, n), clock in old.items() if clock.met_at and not self.before[kind, n].met_at},
            {kind for kind, n in after if (kind, n) not in self.before},
            {kind for (kind, n), c in old.items() if c.cancelled_at and not self.before[kind, n].cancelled_at},
        )


def prepared(street: Street, state: str) -> Walk:
    """Bring the order to the state as people do; to 挂账 and 作废 by the event that their command will write."""
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    for person, typed in WAY[state]:
        reply = street.say(person, typed)
        assert reply.startswith("✔"), reply
    if state in ("挂账", "作废"):
        street.store.run(
            Job(
                lambda unit: unit.attempt(lambda scope: _by_hand(scope, state)), now=street.now, actor="ma", cause="x:1"
            )
        )
    before = {(clock.kind, clock.generation): clock for clock in street.clocks(1)}
    return Walk(street, state, before)


def _by_hand(scope: Scope, state: str) -> None:
    order = scope.order(1)
    assert order is not None
    if state == "挂账":
        order.state = State.SUSPENDED
        for kind in (Kind.CLOSE_OUT, Kind.FOUR_DAYS):
            clocks.cancel(scope, order, kind, "挂账")
        scope.record("挂账", order, basis="需立项")
    else:
        order.state, order.open = State.VOID, False
        clocks.cancel_all(scope, order, "作废")
        scope.record("确认作废", order)


@contextmanager
def walking(url: str, walk: Walk) -> Iterator[Any]:
    """A transaction of ours beside the store's own; nothing of it stays."""
    engine = writing_engine(url)
    try:
        with walk.street.store.connect() as reading:
            walk.batch = Batch(reading, writable=False)
            yield engine
    finally:
        engine.dispose()


def may(row: Row, person: str, state: str) -> bool:
    """Whether the table lets this person do it: by one of the ways he stands to the order."""
    stands = set(PEOPLE[person].split())
    if state not in DISPATCHED:
        stands -= {"主办", "协办"}
    return bool(stands & set(row.who.split())) and state in row.states.split()


def rows_in(state: str) -> list[Row]:
    """Each way of writing a command once: what the table says of it in this state, else that it is not allowed."""
    ways: dict[str, Row] = {}
    for way in ROWS:
        if way.typed not in ways or state in way.states.split():
            ways[way.typed] = way
    return list(ways.values())


def allowed_here(person: str, state: str) -> set[str]:
    """What a refusal may name as allowed now."""
    return {row.command for row in ROWS if may(row, person, state) and row.command not in PRIVATE}


def check_step(walk: Walk, engine: Any, row: Row, person: str, place: str, *, written: bool) -> None:
    state = walk.state
    where = f"{person}（{PEOPLE[person]}） {row.typed!r} 在 {state}，{place}"
    private = row.command in PRIVATE and place != "private"
    if private or not may(row, person, state) or person in dict(row.except_):
        done = walk.type(None, person, row.typed, place)
        assert done.events == [] and done.reply.startswith("✘"), f"{where}: {done}"
        check_refusal(row, person, state, done.reply, private=private, where=where)
        return
    if written:
        with engine.connect() as connection, connection.begin() as transaction:
            done = walk.type(connection, person, row.typed, place, written=True)
            transaction.rollback()
    else:
        done = walk.type(None, person, row.typed, place)
    running = set(RUNNING.get(state, "").split())
    if row.command == "揭示":
        assert done.reply.startswith("【#1】"), f"{where}: {done}"
    else:
        assert done.reply.startswith("✔ 【#1】"), f"{where}: {done}"
    assert done.events == [row.command], f"{where}: {done}"
    assert done.state == (row.to or state), f"{where}: {done}"
    assert done.met == set(row.met.split()) & running, f"{where}: {done}"
    assert done.started == set(row.started.split()) | set(row.anew.split()) & running, f"{where}: {done}"
    assert done.cancelled == set(row.ended.split()) & running, f"{where}: {done}"


def check_refusal(row: Row, person: str, state: str, reply: str, *, private: bool, where: str) -> None:
    """The reason, and what is allowed now."""
    if private:
        assert "只能在与我的私聊中使用" in reply, f"{where}: {reply}"
        return
    if person in dict(row.except_) and may(row, person, state):
        assert dict(row.except_)[person] in reply, f"{where}: {reply}"
        return
    if row.command in PRIVATE:
        assert "职责" in reply or "只给" in reply, f"{where}: {reply}"
        return
    stands = PEOPLE[person].split()
    if row.command in ("接单", "办结") and "坐席" in stands and "代" not in row.typed and state in row.states:
        assert "代 城管科" in reply, f"{where}: {reply}"
        return
    if "代" in row.typed.split() and state in states_of(row.command):
        assert any(word in reply for word in ("代", "没有这个职责", "主办科室是", "还没有派单")), f"{where}: {reply}"
        return
    reasons = (
        f"现在是“{state}”，不能{row.command}",
        f"{row.command}由",
        f"还没有派单，科室不能{row.command}",
        f"主办科室是城管科，您在{department_of(person)}，不能{row.command}",
    )
    assert any(reason in reply for reason in reasons), f"{where}: {reply}"
    named = {word.removeprefix("/") for word in reply.partition("现在可以：")[2].split()}
    assert named == allowed_here(person, state), f"{where}: {reply}"
    if not named:
        assert "例如 /" in reply or "现在轮到 /" in reply or "已经结束" in reply or "/查 1" in reply, (
            f"{where}: {reply}"
        )


def states_of(command: str) -> set[str]:
    return {state for row in ROWS if row.command == command for state in row.states.split()}


def department_of(person: str) -> str:
    found = ORGANISATION.person(person)
    assert found is not None
    department = ORGANISATION.department(found.department or "")
    return department.name if department else "—"


def check_others(walk: Walk, person: str, place: str) -> None:
    """Commands that ask, that come, that take back, that register."""
    state, stands = walk.state, PEOPLE[person].split()
    for command, typed in ASKING.items():
        if command in WHOLE_STREET and place != EVERY_PLACE[list(PEOPLE).index(person) % len(EVERY_PLACE)]:
            continue
        done = walk.type(None, person, typed, place)
        assert done.events == [] and not done.reply.startswith("✘"), f"{person} {typed} {state} {place}: {done}"
        if command == "查":
            assert done.reply.splitlines()[1] == f"状态：{state}"
            full = bool(set(stands) & set(SEES_DETAILS))
            if state not in DISPATCHED and set(stands) <= {"主办", "协办"}:
                full = False
            assert ("详情由主办" not in done.reply) is full, f"{person} in {state}: {done.reply}"
    for command, rest in NOT_BUILT.items():
        done = walk.type(None, person, f"/{command} {rest}".strip(), place)
        assert done.events == [] and done.reply.startswith(f"✘ /{command}（") and "尚未提供" in done.reply, done
    done = walk.type(None, person, REGISTER, place)
    assert done.events == (["登记"] if set(stands) & {REGISTERS} else []), f"{person} 登记 {place}: {done}"
    done = walk.type(None, person, "/撤回", place)
    who, to = UNDOES.get(state, ("", ""))
    assert done.events == (["撤回"] if person == who else []), f"{person} 撤回 in {state}: {done}"
    if person == who:
        assert done.state == to
    else:
        assert done.reply.startswith(("✘ 您还没有可以撤回的操作", "✘ 【#1】之后又有了新的操作")), done.reply


def test_the_table_names_every_command() -> None:
    built = {command.name for command in COMMANDS if command.provided}
    assert {row.command for row in ROWS} | set(ASKING) | {"登记", "撤回", "绑定", "知悉"} == built
    assert {command.name for command in COMMANDS if not command.provided} == set(NOT_BUILT)


@pytest.mark.parametrize("state", STATES, ids=lambda state: State(state).name.lower())
def test_every_command_of_everybody_everywhere(state: str, new_sqlite_url: NewUrl, open_store: OpenStore) -> None:
    url = new_sqlite_url()
    walk = prepared(Street(open_store(url), organisation=ORGANISATION), state)
    assert walk.street.running(1) == set(RUNNING.get(state, "").split())
    assert walk.street.order(1).state == state
    before = walk.street.events()
    with walking(url, walk) as engine:
        for place in EVERY_PLACE:
            for person in PEOPLE:
                for way in rows_in(state):
                    check_step(walk, engine, way, person, place, written=place == "private")
                check_others(walk, person, place)
    assert walk.street.events() == before


@pytest.mark.parametrize("state", ["待接单", "待评定"], ids=lambda state: State(state).name.lower())
def test_a_part_of_it_on_postgresql(state: str, postgresql_url: str, open_store: OpenStore) -> None:
    walk = prepared(Street(open_store(postgresql_url), organisation=ORGANISATION), state)
    before = walk.street.events()
    with walking(postgresql_url, walk) as engine:
        for person in PEOPLE:
            for way in rows_in(state):
                check_step(walk, engine, way, person, "private", written=True)
    assert walk.street.events() == before
    walk.street.check()
