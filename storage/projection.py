"""From events to rows: the one place that knows how an event's effects become a projection.

It knows no rule of the work. Handlers change working rows; `effect` says what changed; `apply` does the same to rows
that are rebuilt from the journal, so that both ways end in the same bytes.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, get_args

from storage.columns import JsonText, canonical, frozen, instant, restored, table
from storage.journal import Effect
from storage.tables import PROJECTIONS, Projected

Key = tuple[Any, ...]
MODELS: dict[str, type[Projected]] = {model.NAME: model for model in PROJECTIONS}


@cache
def defaults(model: type[Projected]) -> dict[str, Any]:
    """A row's columns with their defaults (None where there is none)."""
    return {
        name: None if field.is_required() else field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
    }


@cache
def _instants(model: type[Projected]) -> frozenset[str]:
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if field.annotation is datetime or datetime in get_args(field.annotation)
    )


def same(model: type[Projected], old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> bool:
    """Whether two states of a row (None: not there) have the same texts; most rows of a command are only read."""
    if old is None or new is None:
        return old is new
    return old == new and all(
        old[name] is new[name] or canonical(old[name]) == canonical(new[name]) for name in _json_columns(model)
    )


def differing(model: type[Projected], old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns beside the key whose texts differ."""
    json_columns = _json_columns(model)
    return tuple(
        [
            name
            for name in _values(model)
            if old[name] is not new[name]
            and (old[name] != new[name] or (name in json_columns and canonical(old[name]) != canonical(new[name])))
        ]
    )


@cache
def _values(model: type[Projected]) -> tuple[str, ...]:
    return tuple(name for name in model.model_fields if name not in model.KEY)


@cache
def _json_columns(model: type[Projected]) -> frozenset[str]:
    """JSON columns: their values may compare equal (0 and False) and yet be two texts."""
    columns = table(PROJECTIONS[model]).c
    return frozenset(name for name in model.model_fields if isinstance(columns[name].type, JsonText))


def key_of(row: Projected) -> Key:
    """The row's primary key."""
    values = row.__dict__
    return tuple([values[name] for name in row.KEY])  # a list is filled twice as fast as a generator is read


def order_of(key: Key) -> int:
    """The order that a projected row belongs to: every key begins with it."""
    order: int = key[0]
    return order


def effect(model: type[Projected], key: Key, before: dict[str, Any] | None, after: dict[str, Any] | None) -> Effect:
    """What changed between two states of a row that are not the `same`."""
    plain = defaults(model)
    old = plain if before is None else before
    new = plain if after is None else after
    changed = differing(model, old, new)
    return Effect(
        t=model.NAME,
        k=list(key),
        was=None if before is None else {name: old[name] for name in changed},
        now=None if after is None else {name: new[name] for name in changed},
    )


def decoded(model: type[Projected], values: dict[str, Any]) -> dict[str, Any]:
    """Column values as they stand in an event's body, back in the types of the row."""
    times = _instants(model)
    return {
        name: instant(value) if name in times and isinstance(value, str) else frozen(value)
        for name, value in values.items()
    }


Rows = dict[type[Projected], dict[Key, Projected]]


def apply(rows: Rows, effects: Iterable[Effect]) -> None:
    """Carry the effects of one event (as parsed from its body) over to rebuilt rows.

    Raises KeyError when an effect changes or removes a row that is not there: the journal contradicts itself.
    """
    for item in effects:
        model = MODELS[item["t"]]
        key = tuple(item["k"])
        held = rows.setdefault(model, {})
        now = item["now"]
        if now is None:
            del held[key]
        elif item["was"] is None:
            values = dict(defaults(model))
            values.update(zip(model.KEY, key, strict=True))
            values.update(decoded(model, now))
            held[key] = restored(model, values)
        else:
            held[key].__dict__.update(decoded(model, now))
