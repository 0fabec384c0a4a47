"""Messages of which nothing can be made when their turn comes: each fails by itself, so that nobody waits behind it.

The text of a showing is made when it is sent, long after it was asked for: the order may have been imported anew or
erased, its sealed row damaged. Whoever asked is told in the same chat, for the way works and the message is to blame.
"""

import contextlib
import traceback
import uuid
from collections.abc import Callable, Iterator
from typing import Final

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from bot.delivery import detours, ledger, merging
from bot.delivery.ledger import MERGED_DIGEST, NOT_DELIVERED, Row
from bot.platforms.contract import Outgoing, Sender
from handlers.office import Office
from storage import outbox
from storage.errors import StoreError
from storage.outbox import Priority, Status
from storage.tables import Outbox
from storage.transaction import Scope

_CHANGED: Final = "内容在发送途中变了，其余部分没有发送；需要时请重新 /揭示"


class Unmade(Exception):
    """No message can be made of a row. The text is one Chinese line."""


def revealing(row: Row) -> bool:
    """Whether the text is made when it is sent: its parts are stored as references too, and cut anew each time."""
    return "reveal" in (row["content"] or {})


def made(scope: Scope, row: Row, sender: Sender, compose: Callable[[Scope, Row], Outgoing]) -> list[Outgoing]:
    """What to send for a row, in parts where it is still to be divided. Raises Unmade."""
    with guarded(row):
        message = compose(scope, row)
        if row["part"] is None:
            first, *more = sender.parts(message)
            return [first, *more]
        if not revealing(row):
            return [message]
        parts = sender.parts(message)
    if len(parts) != ledger.divided(scope, row["parent_id"]):
        raise Unmade(_CHANGED)  # what was sent of it says (1/2), and would be gone on with by another text
    return [parts[row["part"] - 1]]


@contextlib.contextmanager
def guarded(row: Row) -> Iterator[None]:
    """Turn our own faults into Unmade with an id that stands in the log. What the store cannot do is no fault of the
    row's."""
    try:
        yield
    except (StoreError, SQLAlchemyError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever is wrong with one row, the others must go
        number = f"F{uuid.uuid4().hex[:8]}"  # the letter keeps it from being masked as a telephone number
        at = traceback.extract_tb(error.__traceback__)[-1]
        # Not the error's own words: they may quote what was to be sent.
        why = f"{type(error).__name__} at {at.filename}:{at.lineno}"
        logger.bind(outbox=row["id"], endpoint=row["endpoint"]).error("{}: no message can be made: {}", number, why)
        raise Unmade(f"系统出错，没有发送。请把编号 {number} 告诉系统管理员") from None


def fail(office: Office, scope: Scope, row: Row, detail: str) -> None:
    """A row of which nothing can be made, and what else was to come of the same showing, will not arrive."""
    gone = {"state": Status.FAILED, "detail": detail}
    if row["part"] is not None and revealing(row):
        ledger.change_waiting(scope, *ledger.parts_of(row["parent_id"]), **gone)
    if row["priority"] == Priority.REPLY and row["kind"] != NOT_DELIVERED:
        outbox.update(scope, row["id"], **gone)
        _answer(scope, row, detail)
    else:
        refused(office, scope, row, **gone)


def refused(office: Office, scope: Scope, row: Row, **facts: object) -> None:
    """A message will not arrive, whoever said no: it is named by another way."""
    # A card that could not be changed, buttons that could not be sent: their text has arrived, and says how to ask.
    state = Status.CANCELLED if ledger.repeats(row) else Status.FAILED
    outbox.update(scope, row["id"], **{**facts, "state": state, "detour_at": detours.moment(office, scope, row)})
    if row["kind"] == MERGED_DIGEST:
        merging.follow(scope, row, **{**facts, "state": Status.FAILED})


def _answer(scope: Scope, row: Row, detail: str) -> None:
    """Say in its place, once, why an answer does not come; where that cannot be said either, it goes another way."""
    head = "".join(f"【#{order}】" for order in row["orders"][:1])
    handle = (row["content"] or {}).get("reply")
    scope.insert(
        Outbox,
        at=scope.now,
        kind=NOT_DELIVERED,
        priority=int(Priority.REPLY),
        endpoint=row["endpoint"],
        audience=row["audience"],
        order_id=row["order_id"],
        text=f"✘ {head}{detail}",
        mentions=row["mentions"],
        next_at=scope.now,
        names=(row["id"],),
        orders=row["orders"],
        content=None if handle is None else {"reply": handle},
    )
