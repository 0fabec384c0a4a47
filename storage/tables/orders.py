"""The orders and what belongs to each: views of the journal, rebuilt from it byte for byte."""

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Field

from storage.columns import JsonText
from storage.tables.projected import Numbered, OrderRow, Projected


class Order(Projected):
    """One order (工单) as its events left it. `id` is the short number `#123`, never reused."""

    KEY: ClassVar[tuple[str, ...]] = ("id",)
    NAME: ClassVar[str] = "orders"

    id: int = Field(primary_key=True)
    # what the source says, masked
    source: str
    number: str
    type: str = ""
    category: str = ""
    tags: tuple[str, ...] = Field(default=(), sa_type=JsonText)
    title: str = ""
    content: str = ""
    level: str = "一般"
    reported_at: datetime | None = None
    arrived_at: datetime | None = None
    imported_at: datetime
    city_due_at: datetime | None = None
    city_due_changed_at: datetime | None = None
    district: str = ""
    street: str = ""
    community: str = Field(default="", index=True)
    place: str = ""
    nature: str = ""
    company: str = ""
    caller: str = ""
    phone: str = ""
    confidential: bool = False
    upstream_status: str = ""
    upstream: dict[str, str] = Field(default_factory=dict, sa_type=JsonText)
    history: bool = False
    counted_at: datetime | None = Field(default=None, index=True)
    # where it stands
    state: str = Field(default="", index=True)
    open: bool = True
    since: datetime | None = None
    stay: int = 0
    generation: int = 0
    dispatches: int = 0
    department: str | None = Field(default=None, index=True)
    assisting: tuple[str, ...] = Field(default=(), sa_type=JsonText)
    handler: str | None = Field(default=None, index=True)
    signed_at: datetime | None = None
    signed_by: str | None = None
    returned_at: datetime | None = None
    return_kind: str = ""
    return_unit: str = ""
    dispatched_at: datetime | None = None
    dispatched_by: str | None = None
    accepted_at: datetime | None = None
    # of this round: 重开 asks for both again
    phoned_at: datetime | None = None
    first_contact_at: datetime | None = None
    reached: bool = False
    unreachable: int = 0
    reported_done_at: datetime | None = None
    outcome: str = ""
    result: str = ""
    evaluated_at: datetime | None = None
    rated_by: str | None = None
    finished_at: datetime | None = None
    urged: int = 0
    urged_at: datetime | None = None
    rung: int = 0
    mismatch: str = ""
    events: int = 0
    changed_at: datetime


class OrderTable(Order, table=True):
    __tablename__ = "orders"
    __table_args__ = (
        sa.UniqueConstraint("source", "number"),
        sa.Index("ix_orders_number", "number"),
        sa.Index("ix_orders_open", "open", "id"),
    )


class Dispatch(Numbered):
    """One 科室 named by one 派单: 主办 or 协办. Superseded by /改派, which counts it as a wrong target."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "n", "department")
    NAME: ClassVar[str] = "dispatch"

    department: str = Field(primary_key=True)
    role: str
    by: str
    at: datetime
    note: str = ""
    superseded_at: datetime | None = None
    superseded_reason: str = ""


class DispatchTable(Dispatch, table=True):
    __tablename__ = "dispatch"


class Contact(Numbered):
    """One contact with the caller (/反馈): `at` when it was made, `recorded_at` when it was written down."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "n")
    NAME: ClassVar[str] = "contact"

    at: datetime
    recorded_at: datetime
    by: str
    department: str | None = None
    word_from: str | None = None
    channel: str
    text: str = ""
    generation: int = 0


class ContactTable(Contact, table=True):
    __tablename__ = "contact"


class Remark(Numbered):
    """A record beside the state: 电话, 核查, 催办, 升级, 报备, 退回 …: `kind` is the command's name."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "n")
    NAME: ClassVar[str] = "remark"

    kind: str
    at: datetime
    by: str
    text: str = ""
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JsonText)


class RemarkTable(Remark, table=True):
    __tablename__ = "remark"


class Evaluation(Numbered):
    """One answer to 响应, 解决, 满意. `origin` keeps the three apart: 科室, 复核, 市级 (domain, section 5)."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "n", "origin")
    NAME: ClassVar[str] = "evaluation"

    origin: str = Field(primary_key=True)
    round: int = 1
    generation: int = 0
    by: str
    at: datetime
    responded: bool | None = None
    solved: str = ""
    satisfied: str = ""
    recording: str = ""
    note: str = ""


class EvaluationTable(Evaluation, table=True):
    __tablename__ = "evaluation"
    __table_args__ = (sa.Index("ix_evaluation_at", "at"),)


class CloseItem(OrderRow):
    """One labelled item of the close-out (结案要件): 联系人, 联系时间, 诉求, 结果, 依据, 态度."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "generation", "item")
    NAME: ClassVar[str] = "close_item"

    generation: int = Field(primary_key=True)
    item: str = Field(primary_key=True)
    text: str
    by: str
    at: datetime


class CloseItemTable(CloseItem, table=True):
    __tablename__ = "close_item"


class Fact(OrderRow):
    """A fact beside the state: 督办, 点名, 易反弹, 保密 … with who and when; `cleared_at` ends it."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "name")
    NAME: ClassVar[str] = "fact"

    name: str = Field(primary_key=True)
    value: str = ""
    by: str
    at: datetime
    due_at: datetime | None = None
    cleared_at: datetime | None = None


class FactTable(Fact, table=True):
    __tablename__ = "fact"


class Attachment(Numbered):
    """A picture or file that was kept with the order; its bytes are in `AttachmentFile`, sealed.

    `mark` is a keyed digest of the content, worthless without the order's key: the same bytes are known again.
    `digest` is the SHA-256 of the sealed bytes, so that a changed file shows without any key.
    """

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "n", "part")
    NAME: ClassVar[str] = "attachment"

    part: int = Field(primary_key=True)
    name: str
    kind: str
    size: int
    mark: str
    digest: str
    by: str
    at: datetime


class AttachmentTable(Attachment, table=True):
    __tablename__ = "attachment"
