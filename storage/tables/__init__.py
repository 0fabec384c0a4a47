"""Every table of the store.

Three kinds: the journal (what happened), its projections (what it means, rebuilt from the journal byte for byte)
and the working tables beside it (vault, inbox, outbox, timers, slots). The projections are plain classes that the
work handles, and a `…Table` that stores them; the class is the one list of columns for both.

Times are aware UTC. Texts are masked everywhere but in `vault`, where they are encrypted.
"""

from sqlmodel import SQLModel

from storage.tables.accounts import Binding, BindingCode, Seen
from storage.tables.journal import Counter, Event, Head, Meta
from storage.tables.messages import Attempt, ConsoleMessage, Draw, DroppedImport, Inbox, Outbox, Unannounced
from storage.tables.moments import Clock, ClockTable, Lease, Reminder, Slot, Stay, StayTable, Timer
from storage.tables.orders import (
    Attachment,
    AttachmentTable,
    CloseItem,
    CloseItemTable,
    Contact,
    ContactTable,
    Dispatch,
    DispatchTable,
    Evaluation,
    EvaluationTable,
    Fact,
    FactTable,
    Order,
    OrderTable,
    Remark,
    RemarkTable,
)
from storage.tables.projected import Numbered, OrderRow, Projected
from storage.tables.sealed import AttachmentFile, VaultRow

__all__ = [
    "PROJECTIONS",
    "Attachment",
    "AttachmentFile",
    "AttachmentTable",
    "Attempt",
    "Binding",
    "BindingCode",
    "Clock",
    "ClockTable",
    "CloseItem",
    "CloseItemTable",
    "ConsoleMessage",
    "Contact",
    "ContactTable",
    "Counter",
    "Dispatch",
    "DispatchTable",
    "Draw",
    "DroppedImport",
    "Evaluation",
    "EvaluationTable",
    "Event",
    "Fact",
    "FactTable",
    "Head",
    "Inbox",
    "Lease",
    "Meta",
    "Numbered",
    "Order",
    "OrderRow",
    "OrderTable",
    "Outbox",
    "Projected",
    "Remark",
    "RemarkTable",
    "Reminder",
    "Seen",
    "Slot",
    "Stay",
    "StayTable",
    "Timer",
    "Unannounced",
    "VaultRow",
]

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
