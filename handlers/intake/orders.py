"""One row of an export after reading: accepted as an `IncomingOrder`, or rejected with the reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from config.shanghai import full_text
from handlers.intake.columns import FIELDS
from handlers.intake.dates import BadDate, is_date_like, parse_date

Source = Literal["市", "区"]


@dataclass(frozen=True, slots=True)
class IncomingOrder:
    """A validated order, nothing masked: `caller`, `phone`, `title`, `content`, `extra` may hold personal data.

    `row` is the row of the file (1-based, as Excel shows it) or the index in the list. Absent text is "", absent
    times are None; times are aware UTC. `title` is without the policy's noise words, `title_as_given` with them.
    `category` has up to five levels. `level` is 紧急, 疑难, 一般 or "" (the source does not say). `confidential`: the
    caller asked for 保密. `extra` holds the unknown columns by name, and as `列名（原文）` what a known
    column says that its field cannot hold (来源 电话, 办理时限 7天). `warnings` are Chinese sentences for the person
    who imports; the row is accepted all the same.
    """

    row: int
    number: str
    source: Source
    type: str = ""
    category: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    title: str = ""
    title_as_given: str = ""
    content: str = ""
    status: str = ""
    caller: str = ""
    phone: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    place: str = ""
    result: str = ""
    reply: str = ""
    handling: str = ""
    closed_at: datetime | None = None
    company: str = ""
    solved: str = ""
    satisfied: str = ""
    nature: str = ""
    reported_at: datetime | None = None
    arrived_at: datetime | None = None
    due_at: datetime | None = None
    level: str = ""
    department: str = ""
    confidential: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def category_path(self) -> str:
        """The class as it is stored: `生态环境->噪声->施工噪声`."""
        return "->".join(self.category)


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that was not accepted: where it stands, its number if it had a readable one, every reason in Chinese."""

    row: int
    number: str | None
    errors: tuple[str, ...]

    @property
    def line(self) -> str:
        """The one line to show: `第 5 行（热线-260605-000001）：缺少…；…`."""
        number = f"（{self.number}）" if self.number else ""
        return f"第 {self.row} 行{number}：{'；'.join(self.errors)}"


def raw_values(order: IncomingOrder) -> dict[str, str]:
    """Give what the source says as canonical column → text, to compare two imports of one order.

    The order of columns is fixed, blanks are dropped, unknown columns follow by name. The same row gives the same
    mapping from .xls, .xlsx and .csv: white space is one blank, and times are in Asia/Shanghai to the minute, because
    a .csv that went through Excel has lost the seconds. The title is the given one, so that a new noise word in the
    policy changes no order. Holds personal data.
    """
    values: dict[str, str] = {}
    for name, column in _COLUMNS:
        value = getattr(order, name)
        if not value:
            continue
        if isinstance(value, datetime):
            text = full_text(value)
        elif isinstance(value, tuple):
            text = ("->" if name == "category" else ",").join(value)
        else:
            text = " ".join(value.split())
        values[column] = text
    for column in sorted(order.extra):
        values[column] = _comparable(order.extra[column])
    return values


_COLUMNS: Final = tuple((f.name if f.name != "title" else "title_as_given", f.column) for f in FIELDS)


def _comparable(text: str) -> str:
    if is_date_like(text):
        try:
            moment = parse_date(text)
        except BadDate:
            return text
        if moment:
            return full_text(moment)
    return " ".join(text.split())
