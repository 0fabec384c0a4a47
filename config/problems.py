"""What pydantic found wrong, in Chinese, and the nearest name to what was written.

Never shows a value: it may be a key or a webhook. Who knows that a value is harmless may add it.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from config.document import Document

Model = TypeVar("Model", bound=BaseModel)

_TEXTS = {
    "missing": "缺少这一项，请补上",
    "string_type": "应为文字，写在引号里",
    "string_too_short": "不能为空",
    "string_unicode": "应为 UTF-8 编码的文字",
    "path_type": "应为路径，写在引号里",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "int_parsing_size": "应为整数，位数太多",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为数字",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "list_type": "应为列表，写在 [ ] 里",
    "tuple_type": "应为列表，写在 [ ] 里",
    "frozen_set_type": "应为列表，写在 [ ] 里",
    "too_short": "至少要有 {min_length} 项",
    "dict_type": "应为一组键值，写在 { } 里",
    "model_type": "应为一组键值，写在 { } 里或单独的表头下",
    "date_parsing": "应为日期，例如 2026-01-01，不加引号",
    "date_from_datetime_parsing": "应为日期，例如 2026-01-01，不加引号",
    "date_type": "应为日期，例如 2026-01-01，不加引号",
    "date_from_datetime_inexact": "应为日期，例如 2026-01-01，不加引号",
}


def validated(document: Document, model: type[Model], data: Any = None) -> Model:
    """Validate a file's values against a model; raises ConfigError for the first mistake, misspelt keys first."""
    try:
        return model.model_validate(document.data if data is None else data)
    except ValidationError as fault:
        # A misspelt key is also a missing one: the misspelling is what the person can see.
        first = min(
            fault.errors(),
            key=lambda error: (error["type"] != "extra_forbidden", document.line(error["loc"]) or 0),
        )
        # Not chained: the original repeats the values, and they may be secret.
        raise document.error(first["loc"], problem_text(first, model)) from None


def problem_text(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One mistake in Chinese, without where it is and without the value."""
    kind = error["type"]
    if kind == "value_error":
        return str(error["ctx"]["error"])
    if kind == "extra_forbidden":
        return "没有这个键，" + did_you_mean(str(error["loc"][-1]), fields_at(model, error["loc"][:-1]))
    if kind == "literal_error":
        return "只能是 " + str(error["ctx"]["expected"]).replace("'", "").replace(", ", "、").replace(" or ", "、")
    text = _TEXTS.get(kind, "写法不对")
    return text if "{ }" in text else text.format(**error.get("ctx", {}))


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """`是否想写 X`, or all that is known when nothing is near."""
    names = list(known)
    near = nearest(written, names)
    return f"是否想写 {near[0]}" if near else f"可用的有：{'、'.join(names) or '（无）'}"


def nearest(written: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names most like what was written, best first; empty when nothing is like it."""
    from rapidfuzz import fuzz, process, utils  # only when somebody has made a mistake

    found = process.extract(
        written, list(known), scorer=fuzz.WRatio, processor=utils.default_process, limit=limit, score_cutoff=60
    )
    return [name for name, _, _ in found]


def folded(text: str) -> str:
    """The form in which names are compared: NFKC, case folded, no blanks around."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def fields_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at a place inside a model; empty where anything is."""
    here: type[BaseModel] | None = model
    for part in loc:
        if here is None:
            return []
        if isinstance(part, str):
            field = here.model_fields.get(part)
            here = next(_models(field.annotation), None) if field else None
    return list(here.model_fields) if here else []


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
