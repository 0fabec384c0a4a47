"""Personal data: encrypted, a key for each order (domain, section 8)."""

from datetime import datetime
from typing import Any, ClassVar

from sqlmodel import Field, SQLModel


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
