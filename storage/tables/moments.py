"""How long: the clocks of orders, their stays in each state, and what is due at which moment."""

from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from storage.tables.projected import Numbered, OrderRow


class Clock(OrderRow):
    """One limit of one order, frozen when it starts (domain, section 3).

    Open until `met_at`, `cancelled_at` or `superseded_at` is set. `breached_at` is the due time, set once. `urgent`
    names the reminder ladder. `basis` is the one line that explains the due time. `origin_at` is where the limit is
    counted from, when an earlier generation began there.
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
    origin_at: datetime | None = None

    @property
    def origin(self) -> datetime:
        """Where the limit is counted from: a change of level or an order sent back does not move it."""
        return self.origin_at or self.started_at

    @property
    def running(self) -> bool:
        """Whether it is neither met, nor cancelled, nor superseded."""
        return self.met_at is None and self.cancelled_at is None and self.superseded_at is None


class ClockTable(Clock, table=True):
    __tablename__ = "clock"
    __table_args__ = (sa.Index("ix_clock_breached_at", "breached_at"),)


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


class Timer(SQLModel, table=True):
    """The next moment of a running clock: a reminder step or its due time. Swept every second."""

    __tablename__ = "timer"

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    next_at: datetime = Field(index=True)


class Reminder(SQLModel, table=True):
    """A reminder step that was queued: unique by (clock, step), so that none is queued twice.

    `put_off` is set while it is left to a digest that is still to be made: a word of the transaction that left it.
    """

    __tablename__ = "reminder"
    __table_args__ = (
        sa.Index(
            "ix_reminder_put_off",
            "put_off",
            sqlite_where=sa.text("put_off IS NOT NULL"),
            postgresql_where=sa.text("put_off IS NOT NULL"),
        ),
    )

    order_id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    kind: str = Field(primary_key=True)
    generation: int = Field(primary_key=True)
    step: str = Field(primary_key=True)
    at: datetime
    put_off: str | None = None


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
