"""Reading a JSON body strictly: what Python's reader lets pass silently is refused here."""

import json
from typing import Any, NoReturn

BROKEN = "不是正确的 JSON：请检查括号、引号和编码（UTF-8）"
_TWICE = "同一个键写了两次：请只留一个"


class BadBody(Exception):
    """The body is no JSON that can be used; the message is one Chinese line."""


def read_json(raw: bytes) -> Any:
    """The value of a body. Raises BadBody: no JSON, nested too deeply, NaN or Infinity, a key that stands twice."""
    try:
        return json.loads(raw, parse_constant=_no_number, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise BadBody(BROKEN) from error


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Keep no value silently of two that were given."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadBody(_TWICE)
    return found
