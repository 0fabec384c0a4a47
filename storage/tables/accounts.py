"""Chat platforms: whose account is which person's, which chat is which group, what was seen of callbacks."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field, SQLModel


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
