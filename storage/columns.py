"""Column types and the two bases of every table: working rows and stored tables."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

R = TypeVar("R", bound=SQLModel)


def canonical(value: object) -> str:
    """JSON text with one form only: sorted keys, no spaces, Chinese as it is, times as UTC with microseconds.

    What is hashed or compared byte for byte goes through here. Raises TypeError for a type without such a form,
    ValueError for a number that is none.
    """
    return "".join(_ENCODE(value, 0))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return instant_text(value)
    raise TypeError(f"no canonical form for {type(value).__name__}")


_ENCODE: Final = c_make_encoder(None, _plain, encode_basestring, None, ":", ",", True, False, False)
"""What `json.JSONEncoder.encode` makes anew at every call, which takes seven times as long as a short value: no check
for circles, our default, Chinese as it is, no indent, separators, sorted keys, no key skipped, no NaN."""


def instant_text(at: datetime) -> str:
    """`2026-06-01T00:00:00.000000Z`; raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return _utc_text(at if at.tzinfo is UTC else at.astimezone(UTC))


@lru_cache(maxsize=1024)
def _utc_text(at: datetime) -> str:
    """One moment stands many times in an event and in its rows."""
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """The inverse of `instant_text`: an aware UTC time."""
    return datetime.fromisoformat(text)


class JsonText(sa.TypeDecorator[Any]):
    """Canonical JSON text. JSONB reorders keys, normalises numbers and refuses NUL; text keeps what was hashed.

    Lists come back as tuples: a row's value is replaced, never changed in place.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else frozen(json.loads(value))


def frozen(value: Any) -> Any:
    """A JSON value with its top-level list as a tuple."""
    return tuple(value) if isinstance(value, list) else value


def table(model: type[SQLModel]) -> sa.Table:
    """The Core table behind a SQLModel class: the hot paths speak Core, see `docs/decisions.md`."""
    return cast(sa.Table, model.__table__)  # type: ignore[attr-defined]


def restored(model: type[R], values: Mapping[Any, Any]) -> R:
    """A working row from values that came out of the store; nothing is validated a second time."""
    row: R = object.__new__(model)
    object.__setattr__(row, "__dict__", dict(values))
    object.__setattr__(row, "__pydantic_fields_set__", set())
    object.__setattr__(row, "__pydantic_extra__", None)
    object.__setattr__(row, "__pydantic_private__", None)
    return row
