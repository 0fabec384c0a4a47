"""Every table of the store.

Three kinds: the journal (what happened), its projections (what it means, rebuilt from the journal byte for byte)
and the working tables beside it (vault, inbox, outbox, timers, slots). The projections are plain classes that the
work handles, and a `…Table` that stores them; the class is the one list of columns for both.

Times are aware UTC. Texts are masked everywhere but in `vault`, where they are encrypted.
"""

from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.columns import JsonText

_BIG: Any = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""On SQLite an integer key is the row's own id, which spares an index."""


class Projected(SQLModel):
    """A row that is a view of the journal. `KEY` names its primary key, `order_id` (or `id`) its order."""

    KEY: ClassVar[tuple[str, ...]]
    NAME: ClassVar[str]

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a column; nothing is validated, as nothing is when a row is loaded.

        What SQLModel does instead, for its table classes, costs ten times as much.
        """
        if name not in self.__dict__:
            raise AttributeError(f"{type(self).__name__} has no column {name}")
        self.__dict__[name] = value


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


class OrderRow(Projected):
    """A projected row that belongs to one order."""

    order_id: int = Field(primary_key=True)


class Clock(OrderRow):
    """One limit of one order, frozen when it starts (domain, section 3).

    Open until `met_at`, `cancelled_at` or `superseded_at` is set. `breached_at` is the due time, set once. `urgent`
    names the reminder ladder. `basis` is the one line that explains the due time.
    """

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "kind", "generation")
    NAME: ClassVar[str] = "clock"

    kind: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    started_at: datetime
    due_at: datetime
    basis: str
    rule_version: str
    calendar_version: str = ""
    provisional: bool = False
    urgent: bool = False
    met_at: datetime | None = None
    cancelled_at: datetime | None = None
    cancel_reason: str = ""
    superseded_at: datetime | None = None
    breached_at: datetime | None = None
    late_seconds: int | None = None

    @property
    def running(self) -> bool:
        """Whether it is neither met, nor cancelled, nor superseded."""
        return self.met_at is None and self.cancelled_at is None and self.superseded_at is None


class ClockTable(Clock, table=True):
    __tablename__ = "clock"
    __table_args__ = (sa.Index("ix_clock_breached_at", "breached_at"),)


class Numbered(OrderRow):
    """A row made by one event of its order: `n` is that event's number within the order."""

    n: int = Field(primary_key=True)


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


class Stay(Numbered):
    """A stretch of time in one state: what makes "as of any moment" a query instead of a replay."""

    KEY: ClassVar[tuple[str, ...]] = ("order_id", "n")
    NAME: ClassVar[str] = "stay"

    state: str
    department: str | None = None
    since: datetime
    until: datetime | None = None


class StayTable(Stay, table=True):
    __tablename__ = "stay"
    __table_args__ = (sa.Index("ix_stay_until", "until"),)


PROJECTIONS: dict[type[Projected], type[SQLModel]] = {
    Order: OrderTable,
    Clock: ClockTable,
    Dispatch: DispatchTable,
    Contact: ContactTable,
    Remark: RemarkTable,
    Evaluation: EvaluationTable,
    CloseItem: CloseItemTable,
    Fact: FactTable,
    Attachment: AttachmentTable,
    Stay: StayTable,
}
"""Working class → stored table."""


class Event(SQLModel, table=True):
    """The journal: append-only, gapless overall (`seq`) and per order (`n`), chained by SHA-256 over `body`.

    The columns beside `body` repeat what it says, so that it can be searched; `jiesu verify` compares them.
    """

    __tablename__ = "event"
    __table_args__ = (
        sa.UniqueConstraint("order_id", "n"),
        sa.Index("ix_event_kind_at", "kind", "at"),
        sa.Index("ix_event_actor_seq", "actor", "seq"),
        sa.Index("ix_event_undoes", "undoes"),
    )

    seq: int = Field(primary_key=True, sa_type=_BIG, sa_column_kwargs={"autoincrement": False})
    order_id: int | None = None
    n: int | None = None
    at: datetime
    kind: str
    actor: str
    cause: str | None = None
    undoes: int | None = Field(default=None, sa_type=sa.BigInteger)
    body: str = Field(sa_type=sa.Text)
    previous: str
    hash: str


class Head(SQLModel, table=True):
    """The journal's last number and hash: one row, locked last by whoever appends."""

    __tablename__ = "journal_head"

    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=sa.BigInteger)
    hash: str


class Counter(SQLModel, table=True):
    """Numbers given out in commit order: `order` (short numbers), `message` (console)."""

    __tablename__ = "counter"

    name: str = Field(primary_key=True)
    value: int = Field(sa_type=sa.BigInteger)


class Meta(SQLModel, table=True):
    """Facts about the store itself: vault fingerprint, rehearsal or real."""

    __tablename__ = "meta"

    key: str = Field(primary_key=True)
    value: str


class VaultRow(SQLModel, table=True):
    """The one place of personal data (domain, section 8): a key per order, wrapped by the office's key.

    Destroying `wrapped_key` destroys the data; `erased_at` stays as a tombstone.
    """

    __tablename__ = "vault"

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    wrapped_key: bytes | None = None
    sealed: bytes | None = None
    phone_index: str | None = Field(default=None, index=True)
    row_digest: str | None = None
    erased_at: datetime | None = None


class AttachmentFile(SQLModel, table=True):
    """The bytes of an attachment, sealed with a key of their own, which the order's key wraps.

    Without the order's key nobody opens them; the row goes with it.
    """

    __tablename__ = "attachment_file"
    __table_args__: ClassVar[Any] = {"info": {"at_once": 4}}  # rows of a backup in memory at a time

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    n: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    wrapped_key: bytes
    sealed: bytes


class DroppedImport(SQLModel, table=True):
    """An export that somebody sent in private and that is being imported; the row goes when the outcome is told.

    What `host` left behind when it died is told at its next start.
    """

    __tablename__ = "dropped_import"

    platform: str = Field(primary_key=True)
    message_id: str = Field(primary_key=True)
    part: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime
    person: str
    name: str
    host: str


class Inbox(SQLModel, table=True):
    """A message that was taken, with its stored replies: the same one again gets the same answer.

    `text` is masked. A reply that showed personal data is stored as a reference to the order.
    """

    __tablename__ = "inbox"

    platform: str = Field(primary_key=True)
    message_id: str = Field(primary_key=True)
    at: datetime
    chat: str
    person: str
    text: str
    replies: Any = Field(sa_type=JsonText)


class Outbox(SQLModel, table=True):
    """A message on its way to one endpoint (a robot or a chat). `storage/outbox.py` explains each state.

    `told_at`: when a message of unknown outcome was repeated or named in a digest. `names`: the ids that a digest of
    such messages lists. `orders`: what it speaks of, so that a quote finds it. `content`: what a platform that shows
    more than text may show, and how a reply finds its question. `remote_id`: the platform's id of what was sent;
    `shown`: the order's state that a sent card shows, as long as it can be brought up to date.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_due", "state", "next_at"),
        sa.Index("ix_outbox_endpoint", "endpoint", "state"),
        sa.Index("ix_outbox_order", "order_id"),
        sa.Index("ix_outbox_cause", "cause"),
        sa.Index("ix_outbox_remote", "remote_id"),
        sa.Index("ix_outbox_shown", "shown"),
    )

    id: int | None = Field(default=None, primary_key=True)
    at: datetime
    kind: str
    priority: int
    endpoint: str
    audience: str
    order_id: int | None = None
    text: str = Field(sa_type=sa.Text)
    mentions: tuple[str, ...] = Field(default=(), sa_type=JsonText)
    cause: str | None = None
    state: str = "pending"
    attempts: int = 0
    next_at: datetime
    sent_at: datetime | None = None
    detail: str = ""
    status: int | None = None
    code: int | None = None
    parent_id: int | None = None
    part: int | None = None
    repeat_of: int | None = None
    told_at: datetime | None = None
    names: tuple[int, ...] = Field(default=(), sa_type=JsonText)
    orders: tuple[int, ...] = Field(default=(), sa_type=JsonText, sa_column_kwargs={"server_default": "[]"})
    content: Any = Field(default=None, sa_type=JsonText, nullable=True)
    remote_id: str | None = None
    shown: str | None = None


class Attempt(SQLModel, table=True):
    """One request to a robot, written before it is made: what the platform's limit is counted from.

    `pause_until`: nothing is sent to this endpoint before then, whatever waits.
    """

    __tablename__ = "attempt"
    __table_args__ = (sa.Index("ix_attempt_endpoint_at", "endpoint", "at"),)

    id: int | None = Field(default=None, primary_key=True)
    outbox_id: int = Field(index=True)
    endpoint: str
    at: datetime
    ended_at: datetime | None = None
    outcome: str = "sending"
    status: int | None = None
    code: int | None = None
    detail: str = ""
    pause_until: datetime | None = None


class Timer(SQLModel, table=True):
    """The next moment of a running clock: a reminder step or its due time. Swept every second."""

    __tablename__ = "timer"

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    next_at: datetime = Field(index=True)


class Reminder(SQLModel, table=True):
    """A reminder step that was queued: unique by (clock, step), so that none is queued twice."""

    __tablename__ = "reminder"

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    step: str = Field(primary_key=True)
    at: datetime


class Unannounced(SQLModel, table=True):
    """What an import found and nobody was told yet; the service tells it once the import is `done`, or has died."""

    __tablename__ = "unannounced"

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    data: tuple[str, ...] = Field(default=(), sa_type=JsonText)
    batch: str = Field(index=True)
    at: datetime
    done: bool = False


class Slot(SQLModel, table=True):
    """A scheduled moment that was taken: unique by (job, slot), whoever of the replicas came first."""

    __tablename__ = "slot"

    job: str = Field(primary_key=True)
    slot: str = Field(primary_key=True)
    at: datetime
    holder: str


class Lease(SQLModel, table=True):
    """Who may use a robot or socket, until when: an expired lease is free, so a frozen holder blocks nobody."""

    __tablename__ = "lease"

    name: str = Field(primary_key=True)
    holder: str
    until: datetime


class Binding(SQLModel, table=True):
    """Who or what a platform's id is, beside the organisation file: kind `person` or `chat`, `target` our id."""

    __tablename__ = "binding"

    platform: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    native: str = Field(primary_key=True)
    target: str
    by: str
    at: datetime


class BindingCode(SQLModel, table=True):
    """A one-time code that binds whoever gives it; only its digest is kept."""

    __tablename__ = "binding_code"

    digest: str = Field(primary_key=True)
    kind: str
    target: str
    by: str
    expires_at: datetime
    used_at: datetime | None = None


class Seen(SQLModel, table=True):
    """What came in lately and must not count twice: a callback's nonce with its body's digest."""

    __tablename__ = "seen"
    __table_args__ = (sa.Index("ix_seen_at", "at"),)

    platform: str = Field(primary_key=True)
    nonce: str = Field(primary_key=True)
    digest: str
    at: datetime


class ConsoleMessage(SQLModel, table=True):
    """A message in the embedded work group. Ids grow in commit order, so `after=ID` never misses one."""

    __tablename__ = "console_message"
    __table_args__ = (sa.Index("ix_console_message_chat", "chat", "id"),)

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime
    chat: str
    sender: str
    kind: str
    text: str = Field(sa_type=sa.Text)
    mentions: tuple[str, ...] = Field(default=(), sa_type=JsonText)
    orders: tuple[int, ...] = Field(default=(), sa_type=JsonText)
    outbox_id: int | None = Field(default=None, index=True)
    quote: int | None = None
    message_id: str | None = None
