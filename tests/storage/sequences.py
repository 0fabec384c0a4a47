"""Random work for a store: commands that add, change, remove and take back rows of every projected table.

A sequence is plain data, so that hypothesis can shrink it and a test can run it twice: whole, and with what was
refused left out.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Any, get_args, get_origin

from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from storage.columns import canonical, restored
from storage.journal import Effect
from storage.projection import MODELS, decoded, defaults, key_of
from storage.store import Job, Unit
from storage.tables import PROJECTIONS, Attachment, Order, Outbox, Projected, Stay, Timer
from storage.transaction import Scope
from tests.storage.desk import NOW, Refused

KEPT_BY_RECORD = frozenset({"events", "changed_at", "stay", "since"})
CHILDREN = [model for model in PROJECTIONS if model not in (Order, Stay, Attachment)]
"""Attachments have bytes beside them, which `verify` misses: they have tests of their own."""

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
moments = st.builds(
    lambda at, hours: at.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=hours))),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001 - the zone is set above
    st.sampled_from([0, 8]),
)
plain = (
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**31), 2**31 - 1),
    bool: st.booleans(),
    datetime: moments,
    tuple: st.lists(texts, max_size=3).map(tuple),
    dict: st.dictionaries(texts, plain, max_size=3),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a command: `pick` chooses among what is there."""

    what: str
    pick: int = 0
    model: type[Projected] = Order
    values: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """Steps, all or nothing. `refused_at` is the step before which it is refused."""

    changes: tuple[Change, ...]
    refused_at: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """A job: its commands, whether it goes on after a refused one, and whether it fails as a whole at its end."""

    commands: tuple[Command, ...]
    forgives: bool
    fails: bool

    @property
    def leaves(self) -> tuple[Command, ...]:
        """The commands whose work stays."""
        refused = any(command.refused_at is not None for command in self.commands)
        if self.fails or (refused and not self.forgives):
            return ()
        return tuple(command for command in self.commands if command.refused_at is None)


def _of_column(field: FieldInfo) -> st.SearchStrategy[Any]:
    kinds = get_args(field.annotation) if type(None) in get_args(field.annotation) else (field.annotation,)
    (kind,) = (kind for kind in kinds if kind is not type(None))
    values = st.dictionaries(texts, texts, max_size=3) if kind == dict[str, str] else VALUES[get_origin(kind) or kind]
    return st.none() | values if len(kinds) > 1 else values


@cache
def columns(model: type[Projected], *, whole: bool) -> st.SearchStrategy[tuple[tuple[str, Any], ...]]:
    """Values for some of a table's columns; with `whole` all that have no default are among them."""
    fields = {
        name: _of_column(field)
        for name, field in model.model_fields.items()
        if name not in model.KEY and name not in KEPT_BY_RECORD and name not in ("source", "number")
    }
    needed = {name: values for name, values in fields.items() if whole and model.model_fields[name].is_required()}
    free = {name: values for name, values in fields.items() if name not in needed}
    if not free:
        return st.fixed_dictionaries(needed).map(lambda values: tuple(values.items()))
    some = st.lists(st.sampled_from(sorted(free)), max_size=min(5, len(free)), unique=True).flatmap(
        lambda names: st.fixed_dictionaries(needed | {name: free[name] for name in names})
    )
    return some.map(lambda values: tuple(values.items()))


picks = st.integers(0, 7)
states = st.sampled_from(["待签收", "待派单", "办理中"]).map(lambda state: (("state", state),))
changes = st.one_of(
    st.builds(Change, st.just("order"), picks, st.just(Order), columns(Order, whole=False)),
    st.builds(Change, st.just("change"), picks, st.just(Order), states | columns(Order, whole=False)),
    st.sampled_from(CHILDREN).flatmap(
        lambda model: st.one_of(
            st.builds(Change, st.just("add"), picks, st.just(model), columns(model, whole=True)),
            st.builds(Change, st.just("change"), picks, st.just(model), columns(model, whole=False)),
            st.builds(Change, st.just("remove"), picks, st.just(model)),
        )
    ),
    st.builds(Change, st.just("undo"), picks),
    st.builds(Change, st.just("record"), picks),
    st.builds(Change, st.just("beside"), picks),
)
commands = st.builds(Command, st.lists(changes, min_size=1, max_size=5).map(tuple), st.none() | st.integers(0, 5))
jobs = st.builds(Told, st.lists(commands, min_size=1, max_size=3).map(tuple), st.booleans(), st.booleans())
sequences = st.lists(st.lists(jobs, min_size=1, max_size=4), min_size=1, max_size=4)
"""Batches of jobs."""

Past = dict[int, list[Effect]]
"""What the last event of each order did."""


def as_jobs(batches: Iterable[Iterable[Told]], past: Past, *, only_what_stays: bool) -> list[list[Job[None]]]:
    """Jobs for a store. `past` is carried from one to the next; each job keeps its moment, wherever it runs."""
    number = 0
    made = []
    for batch in batches:
        made.append([])
        for told in batch:
            number += 1
            now = NOW + timedelta(minutes=number)
            kept = told.leaves if only_what_stays else told.commands
            if kept:
                work = _work(told, kept, past, whole=not only_what_stays)
                made[-1].append(Job(work, now=now, actor=f"D{number % 3}", cause=f"test:{number}"))
    return made


def _work(told: Told, kept: tuple[Command, ...], past: Past, *, whole: bool) -> Callable[[Unit], None]:
    def work(unit: Unit) -> None:
        known = dict(past)
        for command in kept:
            seen = dict(known)
            try:
                unit.attempt(lambda scope, command=command, seen=seen: carry_out(scope, command, seen))
            except Refused:
                if not told.forgives:
                    raise
            else:
                known = seen
        if whole and told.fails:
            raise Refused
        past.clear()
        past.update(known)

    return work


def carry_out(scope: Scope, command: Command, past: Past) -> None:
    """Run a command's steps, record an event for every order they touched, or be refused on the way."""
    touched: dict[int, Order] = {}
    for step, change in enumerate(command.changes):
        if step == command.refused_at:
            raise Refused
        _step(scope, change, touched, past)
    if command.refused_at is not None:
        raise Refused
    for order in touched.values():
        _record(scope, order, past)


def _record(scope: Scope, order: Order, past: Past, undoes: int | None = None) -> None:
    draft = scope.record("变更", order, undoes=undoes, step=order.events)
    past[order.id] = json.loads(canonical(draft.effects))


def _step(scope: Scope, change: Change, touched: dict[int, Order], past: Past) -> None:
    if change.what == "order":
        number = scope.next_number("order")
        base = {"source": "市", "number": str(number), "imported_at": scope.now, "changed_at": scope.now}
        order = scope.add(Order(id=number, **(base | dict(change.values))))
        touched[number] = order
        past[number] = []
        return
    if not past:
        return
    order = scope.order(sorted(past)[change.pick % len(past)])
    assert order is not None
    touched[order.id] = order
    if change.what == "record":
        _record(scope, order, past)
    elif change.what == "undo":
        _take_back(scope, order, past[order.id])
    elif change.what == "beside":
        scope.place(Timer, (order.id, "签收", change.pick % 2), {"next_at": scope.now} if change.pick % 3 else None)
        scope.insert(Outbox, **_message(scope, order.id))
    elif change.what == "add":
        _add(scope, order, change)
    elif held := scope.rows(change.model, order.id):
        row = held[change.pick % len(held)]
        if change.what == "remove":
            scope.remove(row)
        else:
            row.__dict__.update(change.values)


def _add(scope: Scope, order: Order, change: Change) -> None:
    model = change.model
    made = {"order_id": order.id, "n": order.events + 1, "generation": change.pick % 2}
    key = {name: made.get(name, f"第{change.pick}") for name in model.KEY}
    taken = {key_of(row) for row in scope.rows(model, order.id)}
    if tuple(key.values()) not in taken:
        scope.add(restored(model, {**defaults(model), **dict(change.values), **key}))


def _take_back(scope: Scope, order: Order, effects: list[Effect]) -> None:
    """Put back what the last event changed, as an undo does."""
    for effect in effects:
        model, key = MODELS[effect["t"]], tuple(effect["k"])
        if model is Stay:
            continue
        row = next((row for row in scope.rows(model, order.id) if key_of(row) == key), None)
        if effect["was"] is None:
            if row is not None and model is not Order:
                scope.remove(row)
            continue
        before = {name: value for name, value in effect["was"].items() if name not in KEPT_BY_RECORD}
        if row is None:
            values = {**defaults(model), **dict(zip(model.KEY, key, strict=True)), **decoded(model, before)}
            scope.add(restored(model, values))
        else:
            row.__dict__.update(decoded(model, before))


def _message(scope: Scope, order: int) -> dict[str, Any]:
    told = {"kind": "notice", "priority": 2, "endpoint": "group", "audience": "group", "text": "通知"}
    return told | {"at": scope.now, "next_at": scope.now, "order_id": order, "state": "pending", "attempts": 0,
                   "detail": "", "mentions": (), "cause": scope.cause}  # fmt: skip
