"""The console's messages in the store: what was written, what was said, in commit order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from config.shanghai import local
from handlers.work import Said
from storage.columns import table
from storage.tables import ConsoleMessage
from storage.transaction import Scope

BOT = "bot"
"""The sender of everything that the bot says."""
MOST = 500
"""Messages given at once."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Writes a person's message and the replies to it; one value for each message that is taken."""

    chat: str
    person: str
    message_id: str
    quote: int | None = None

    def __call__(self, scope: Scope, text: str, said: Sequence[Said]) -> Sequence[int]:
        """Insert the rows in the command's own transaction; returns the replies' ids."""
        add(
            scope,
            chat=self.chat,
            sender=self.person,
            kind="message",
            text=text,
            quote=self.quote,
            message_id=self.message_id,
        )
        return [
            add(
                scope,
                chat=f"@{self.person}" if item.private else self.chat,
                sender=BOT,
                kind="reply",
                text=item.text,
                mentions=() if item.private or self.chat.startswith("@") else (self.person,),
                orders=item.orders,
            )
            for item in said
        ]


def add(
    scope: Scope,
    *,
    chat: str,
    sender: str,
    kind: str,
    text: str,
    mentions: Sequence[str] = (),
    orders: Sequence[int] = (),
    outbox_id: int | None = None,
    quote: int | None = None,
    message_id: str | None = None,
) -> int:
    """Insert one message; its id is given in commit order, so `after` never misses one."""
    number = scope.next_number("message")
    scope.insert(
        ConsoleMessage,
        id=number,
        at=scope.now,
        chat=chat,
        sender=sender,
        kind=kind,
        text=text,
        mentions=tuple(mentions),
        orders=tuple(orders),
        outbox_id=outbox_id,
        quote=quote,
        message_id=message_id,
    )
    return number


def orders_of(scope: Scope, message: int) -> tuple[int, ...]:
    """The orders that a message speaks of; nothing for an unknown message."""
    messages = table(ConsoleMessage)
    query = sa.select(messages.c.orders).where(messages.c.id == message)
    found = scope.connection.execute(query).scalar_one_or_none()
    return () if found is None else tuple(found)


def exists(scope: Scope, message: int) -> bool:
    """Whether there is such a message."""
    messages = table(ConsoleMessage)
    return scope.connection.execute(sa.select(messages.c.id).where(messages.c.id == message)).first() is not None


def of_chat(scope: Scope, chat: str, after: int | None) -> list[dict[str, Any]]:
    """A chat's messages in order: the newest `MOST`, or those after an id."""
    messages = table(ConsoleMessage)
    query = sa.select(messages).where(messages.c.chat == chat)
    if after is None:
        newest = query.order_by(messages.c.id.desc()).limit(MOST)
        rows = list(reversed(scope.connection.execute(newest).mappings().all()))
    else:
        newer = query.where(messages.c.id > after).order_by(messages.c.id).limit(MOST)
        rows = list(scope.connection.execute(newer).mappings().all())
    return [_public(row) for row in rows]


def since(scope: Scope, after: int) -> list[dict[str, Any]]:
    """Messages of every chat after an id, in order, each with its `group`."""
    messages = table(ConsoleMessage)
    query = sa.select(messages).where(messages.c.id > after).order_by(messages.c.id).limit(MOST)
    return [{**_public(row), "group": row["chat"]} for row in scope.connection.execute(query).mappings()]


def newest(scope: Scope) -> int:
    """The last message's id; 0 when there is none."""
    found = scope.connection.execute(sa.select(sa.func.max(table(ConsoleMessage).c.id))).scalar_one()
    return 0 if found is None else int(found)


def _public(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "at": local(row["at"]).isoformat(timespec="seconds"),
        "from": row["sender"],
        "text": row["text"],
        "mentions": list(row["mentions"]),
        "kind": row["kind"],
        **{name: row[name] for name in ("quote", "message_id") if row[name] is not None},
    }
