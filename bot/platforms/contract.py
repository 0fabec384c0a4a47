"""What a chat platform gives and takes: the whole contract of an adapter.

A platform turns what arrived into an `Incoming` and sends an `Outgoing`, then says in an `Answer` what became of
it. It never decides anything about the work and never waits by itself: delivery does both.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A picture or file that came with a message: the sender's name for it, and where its bytes can be read.

    Whoever hands it in keeps `path` readable until the message is answered, and lets go of it then; a file that may
    become an import (in private, without a quote) stays until `Router.take` has opened it, which is before it answers.
    """

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True)
class Incoming:
    """One verified message from a person.

    `platform` and `message_id` identify it for ever (a repeat is answered from the store). `chat` is our group id,
    or `@PERSON` for a private chat. `person` is our person id, already resolved from the platform's stable user id.
    `quote` is our id of the quoted message where the platform gives it; `quote_text` is its text where it gives that.
    `mentioned` says that the bot was addressed, so that no slash is needed. `files` are the pictures and files it
    brings; its text is then what was written beside them, a command or not, or empty.
    """

    platform: str
    message_id: str
    chat: str
    person: str
    text: str
    quote: str | None = None
    quote_text: str | None = None
    mentioned: bool = False
    files: tuple[IncomingFile, ...] = ()

    @property
    def private(self) -> bool:
        """Whether only this person and the bot can read the chat."""
        return self.chat.startswith("@")


@dataclass(frozen=True, slots=True)
class Mention:
    """A person to call: our id, the name to show, and the account on the platform that sends (None if unknown)."""

    person: str
    name: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one robot or chat, masked and ready. `key` is the outbox row's id, stable over retries."""

    key: int
    text: str
    mentions: tuple[Mention, ...] = field(default=())


class Outcome(StrEnum):
    """What became of a request to a platform."""

    SENT = "sent"
    """The platform confirmed it."""
    RETRY = "retry"
    """Certainly not delivered, worth another try after a growing pause."""
    RETRY_AFTER = "retry_after"
    """Certainly not delivered; the platform asked for the pause in `Answer.wait`."""
    PERMANENT = "permanent"
    """Certainly not delivered and no repeat will help; a person must mend something."""
    UNKNOWN = "unknown"
    """The request may have arrived: the line was cut or hung after writing, or the answer made no sense."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The classified answer. `detail` is one Chinese line for the outbox; it never holds a key or personal data."""

    outcome: Outcome
    detail: str
    status: int | None = None
    code: int | None = None
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests within any `window`."""

    count: int
    window: timedelta


class Sender(Protocol):
    """One robot or chat of a platform that delivery can send to."""

    limits: tuple[Limit, ...]

    def split(self, text: str, mentions: tuple[Mention, ...]) -> list[str]:
        """Cut a text into parts that this platform accepts whole, each counted like (1/3)."""
        ...

    async def send(self, message: Outgoing) -> Answer:
        """Send once. Never raises for what the network or the platform does; that is what the answer is for."""
        ...
