"""Messages on their way in and out, and what waits to be told."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.columns import JsonText


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

    `told_at`: when a message of unknown outcome was repeated or named in a digest, or one that failed was named by
    another way, also one that still waits behind a way that stands still. `names`: the ids that a digest of such
    messages lists. `detour_at`: when it is to be named by another way, because nobody may read it where it was
    sent. `orders`: what it speaks of, so that a quote finds it. `content`: what a platform that shows more than
    text may show, and how a reply finds its question. `remote_id`: the platform's id of what was sent; `shown`: the
    order's state that a sent card shows, as long as it can be brought up to date.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        sa.Index("ix_outbox_due", "state", "next_at"),
        sa.Index("ix_outbox_endpoint", "endpoint", "state"),
        sa.Index("ix_outbox_order", "order_id"),
        sa.Index("ix_outbox_cause", "cause"),
        sa.Index("ix_outbox_remote", "remote_id"),
        sa.Index("ix_outbox_shown", "shown"),
        sa.Index("ix_outbox_detour_at", "detour_at"),
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
    detour_at: datetime | None = None


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


class Draw(SQLModel, table=True):
    """That a request counts against a limit which several endpoints share; kept as long as it counts."""

    __tablename__ = "draw"
    __table_args__ = (sa.Index("ix_draw_bucket_at", "bucket", "at"),)

    bucket: str = Field(primary_key=True)
    outbox_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(primary_key=True)


class Unannounced(SQLModel, table=True):
    """What an import found and nobody was told yet; the service tells it once the import is `done`, or has died."""

    __tablename__ = "unannounced"

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    data: tuple[str, ...] = Field(default=(), sa_type=JsonText)
    batch: str = Field(index=True)
    at: datetime
    done: bool = False


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
