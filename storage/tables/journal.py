"""The journal, and the few rows that say where the store stands."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.tables.keys import BIG


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

    seq: int = Field(primary_key=True, sa_type=BIG, sa_column_kwargs={"autoincrement": False})
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
