"""What a chat platform gives and takes: the whole contract of an adapter.

A platform turns what arrived into a verified `Incoming` and sends an `Outgoing`, then says in an `Answer` what became
of it. It never decides anything about the work and never waits by itself: delivery does both. How to write one:
docs/platforms.md.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol, runtime_checkable

import aiohttp
from aiohttp import web

from bot.desk import Desk
from config.entries import Robot
from config.settings import Settings


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A picture or file that came with a message: the sender's name for it, and where its bytes can be read.

    Whoever hands it in keeps `path` readable until the message is answered, and lets go of it then; a file that may
    become an import (in private, without a quote) stays until `Router.take` has opened it, which is before it answers.
    `lost` is why its bytes could not be fetched, in Chinese, to stand behind its name (`fetching.lost`); at `path` is
    then an empty file.
    """

    name: str
    path: Path
    size: int
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One verified message, in the platform's own terms.

    `platform` and `message_id` identify it for ever (a repeat is answered from the store). `chat` is the platform's
    stable id of the group, None in a private chat with the bot; `account` is its stable id of the person, never a
    nickname. `quote` is its id of the quoted message where it gives one; `quote_text` the quoted text where it gives
    that. `mentioned` says that the bot was addressed, so that no slash is needed. A pressed button is the command
    that its `Action` holds, as `text`, with `button`. `reply` is what the platform needs to answer this very message;
    it travels with the answer and is never shown; `proven` says that it stood under the platform's own signature with
    all the rest, so that personal data may be answered by it. `files` are the pictures and files it brings; its text
    is then what was written beside them, a command or not, or empty.
    """

    platform: str
    message_id: str
    chat: str | None
    account: str
    text: str
    quote: str | None = None
    quote_text: str | None = None
    mentioned: bool = False
    button: bool = False
    files: tuple[IncomingFile, ...] = ()
    reply: Mapping[str, str] | None = field(default=None, repr=False)
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """A person to call: our id, the name to show, and the account on the platform that sends (None if unknown)."""

    person: str
    name: str
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """A command that a person may give by one tap. With `choices` (label, value) one value is chosen and appended."""

    label: str
    command: str
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """Figures in columns; every row is as long as the head."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """A picture or file to send: name, media type (`image/png`, …), bytes."""

    name: str
    media: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one robot or chat, masked and ready. `key` is the outbox row's id, stable over retries.

    `text` always says everything; `markdown`, `table`, `file` and `actions` are what a platform that can show them
    may show instead or beside it. `plain` asks for nothing but text (readers in the WeChat plug-in). `edits` is the
    platform's id of a message sent earlier that this one takes the place of. `reply` is the `Incoming.reply` of the
    message that this one answers. `repeats`, of one of several parts, says that those before it say all that it says
    (buttons that go by themselves): it is sent when nothing else waits.
    """

    key: int
    text: str
    mentions: tuple[Mention, ...] = ()
    markdown: str | None = None
    table: Table | None = None
    file: OutgoingFile | None = None
    actions: tuple[Action, ...] = ()
    plain: bool = False
    edits: str | None = None
    reply: Mapping[str, str] | None = None
    repeats: bool = False


class Outcome(StrEnum):
    """What became of a request to a platform."""

    SENT = "sent"
    """The platform confirmed it."""
    RETRY = "retry"
    """Certainly not delivered, worth another try after a growing pause."""
    RETRY_AFTER = "retry_after"
    """Certainly not delivered; the platform asked for the pause in `Answer.wait`."""
    CLOSED = "closed"
    """Certainly not delivered: the way out is shut until somebody mends it (robot removed, address not allowed, key
    wrong). The message waits for that."""
    PERMANENT = "permanent"
    """Certainly not delivered, and no repeat of this very message will help: it is ill-formed, too long, refused. It
    is named by another way."""
    UNKNOWN = "unknown"
    """The request may have arrived: the line was cut or hung after writing, or the answer made no sense."""

    @property
    def refused(self) -> bool:
        """Whether the platform turned the request away and will again, as things are."""
        return self in (Outcome.CLOSED, Outcome.PERMANENT)


@dataclass(frozen=True, slots=True)
class Answer:
    """The classified answer. `detail` is one Chinese line for the outbox; it never holds a key or personal data.

    `remote` is the platform's id of the message that was sent, where it gives one: a quote of it finds its order, and
    a card can be brought up to date. `bucket` is, of RETRY_AFTER, what the pause is for where that is more than the
    endpoint: the bucket of one of its limits.
    """

    outcome: Outcome
    detail: str
    status: int | None = None
    code: int | None = None
    wait: timedelta | None = None
    remote: str | None = None
    bucket: str | None = None

    def pausing(self, bucket: str | None) -> "Answer":
        """The same; a pause that it asks for is for the whole bucket."""
        return replace(self, bucket=bucket) if self.outcome is Outcome.RETRY_AFTER else self


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` requests within any `window`: to one endpoint, or together by all whose limits name `bucket`
    (an app, an account, a conversation that several endpoints lead to)."""

    count: int
    window: timedelta
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Avoid:
    """A stretch of every hour in which a platform is crowded: from `start` after the full hour, `length` long.

    What is not urgent waits for its end.
    """

    start: timedelta
    length: timedelta


class Sender(Protocol):
    """One robot, or the bot in one chat: where delivery sends to."""

    avoid: tuple[Avoid, ...]
    edits: bool
    """Whether a message that was sent can be replaced: cards are then brought up to date when their order moves."""

    @property
    def limits(self) -> tuple[Limit, ...]:
        """How much it may send, as things are now; of whatever it sends by, too (`OnlyAnswers`)."""
        ...

    @property
    def ready(self) -> bool:
        """Whether this process can send now; False where another replica holds the connection."""
        ...

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """The messages to send in its place, in order: itself alone where this platform takes it whole.

        Long text is cut and counted like (1/3); what the platform cannot show is left out, for `text` says it too.
        Every part has the same key; people are called by the first only.
        """
        ...

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts` once. Never raises for what the network or the platform does: that is the answer."""
        ...


@runtime_checkable
class Idempotent(Protocol):
    """What a sender has beside `Sender` whose platform takes a message only once, however often it is sent.

    Its `send` makes the request's id from the message alone, so that another process makes the same one.
    """

    takes_once: timedelta
    """How long the platform surely remembers: within this time what a dead process began is simply sent again."""


@runtime_checkable
class OnlyAnswers(Protocol):
    """What a sender has beside `Sender` whose bot may answer and begin nothing: what it cannot say in its own way goes
    by the group's robot on the same platform."""

    beside: Callable[[], Sender | None]
    """The robot of the group that the chat is now, set by whoever made the sender; None where there is none."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a harmless request to the platform showed: one Chinese line, and its mend where something is wrong.

    `skew` is the platform's clock minus ours, where its answer told the time.
    """

    name: str
    ok: bool
    detail: str
    mend: str = ""
    skew: timedelta | None = None


@runtime_checkable
class Probed(Protocol):
    """What a robot has beside `Sender` that can be asked something without anybody in its group reading it."""

    async def probe(self) -> Probe:
        """Ask it whether it would take a message, for `jiesu doctor --probe`."""
        ...


Receive = Callable[[Incoming], Awaitable[list[str]]]
"""Takes a verified message; returns the answers' texts when message, effects and answers are durable (the answers
leave through the outbox by themselves). A message that was taken before gives its first answers again and changes
nothing. Raises StoreError when nothing could be stored."""


Knows = Callable[[str, str], Awaitable[bool]]
"""Whether an account or chat of a platform (its name, then its id) is in the organisation file or bound. Raises
StoreError."""


async def nobody(platform: str, native: str) -> bool:
    """Knows no account and no chat: a `Knows` for who only asks harmless questions."""
    return False


Offered = Callable[[Incoming], Awaitable[tuple[Action, ...]]]
"""What may be done next, in the chat where it was pressed, with the order of a button that was pressed and whose
command was carried out: for a platform that can change a pressed card then and never else. Raises StoreError."""


async def nothing(incoming: Incoming) -> tuple[Action, ...]:
    """Offers nothing: an `Offered`."""
    return ()


class Leader(Protocol):
    """Keeps one connection per bot: of several replicas exactly one runs the work."""

    async def __call__(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for the lease `name`, run `work` while it is held, cancel it when the lease is lost, and begin again."""
        ...


class Doorkeeper(Protocol):
    """Guards the HTTP callbacks (`bot.platforms.door.Door`)."""

    async def body(self, request: web.Request) -> bytes:
        """The raw body, at most 256 KiB, before any cryptography; raises HTTPRequestEntityTooLarge."""
        ...

    def fresh(self, moment: datetime) -> bool:
        """Whether a moment that a request states (aware) lies within the freshness window around now."""
        ...

    async def first(self, platform: str, nonce: str, body: bytes) -> bool:
        """Remember a nonce for 8 hours: True for a new one, or the platform's own repeat of the very same body;
        False when it comes again with another body."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """What an adapter is given. `session` comes from `posting.webhook_session`; `now` is real time, aware UTC, also
    in a rehearsal: signatures are made and checked with it. `desk` is the office's own store, for the console alone,
    whose messages are rows of it; a platform out there has nothing to look for in it."""

    settings: Settings
    session: aiohttp.ClientSession
    receive: Receive
    door: Doorkeeper
    lead: Leader
    now: Callable[[], datetime]
    knows: Knows = nobody
    desk: Desk | None = None
    offered: Offered = nothing


class Platform(Protocol):
    """One platform, connected as the settings say. `bot.platforms.connected` makes all that are configured."""

    name: str

    @property
    def receives(self) -> bool:
        """Whether commands can come in here: a bot is configured, not only robots."""
        ...

    def robot(self, robot: Robot) -> Sender:
        """The sender of a group robot; raises ConfigError, in one Chinese line, for a wrong address."""
        ...

    def chat(self, chat: str) -> Sender | None:
        """The bot in a group chat (the platform's id); None where no bot is configured."""
        ...

    def person(self, account: str) -> Sender | None:
        """The bot's private chat with a person (the platform's id); None where it has none."""
        ...

    def add_routes(self, app: web.Application) -> None:
        """Mount `/callbacks/NAME` where it is wanted."""
        ...

    async def run(self) -> None:
        """Hold the connection or follow the feed until cancelled; returns at once where there is nothing to do."""
        ...

    async def probe(self) -> list[Probe]:
        """Ask harmless questions about the bot, at the start and for `jiesu doctor --probe`: nobody is sent anything.

        Robots are asked one by one (`Probed`): requests to them count against their limits.
        """
        ...


@runtime_checkable
class Connecting(Protocol):
    """What a platform has beside `Platform` that can hold a connection or follow a feed."""

    @property
    def connected(self) -> bool | None:
        """Whether it stands in this process and takes messages, not only that it was opened; None where the settings
        ask for none (HTTP callbacks, robots only)."""
        ...

    @property
    def reason(self) -> str:
        """Why it does not stand, as far as the last try showed: one Chinese line that names the setting to mend, or
        empty. It is read by people: never a key."""
        ...


Connect = Callable[[Wiring], Platform]
"""Every platform's module or package has `connect`: a Platform from its wiring; raises ConfigError for settings that
do not fit together (with the setting's name)."""
