"""What a room event says to the bot. Pure, and never raises, whatever the event holds."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard
from urllib.parse import unquote

TEXTS: Final = frozenset({"m.text"})
"""Not `m.notice`, which is how bots speak, and bots do not answer bots; not `m.emote`."""
FILES: Final = frozenset({"m.image", "m.file", "m.audio", "m.video"})


@dataclass(frozen=True, slots=True)
class Shared:
    """A picture or file that stands on a server: the sender's name for it, where it is, its size if that is told."""

    name: str
    server: str
    media: str
    size: int


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of a person: the ids of its event and of the quoted one, what was typed, what came with it.

    `thread` is the event that begins the thread it was written in.
    """

    event: str
    sender: str
    text: str
    mentioned: bool
    quote: str | None = None
    thread: str | None = None
    file: Shared | None = None


@dataclass(frozen=True, slots=True)
class Me:
    """The bot's account and the name that it shows."""

    user_id: str
    display_name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """What people call it, the longest first."""
        local = self.user_id[1:].partition(":")[0]
        names = {self.user_id, self.user_id[1:], local, f"@{local}", self.display_name, f"@{self.display_name}"}
        return tuple(sorted((name for name in names if name.strip("@ ")), key=len, reverse=True))


def heard(event: Any, me: Me) -> Heard | None:
    """A message of somebody else's; None for everything that is none: edits, notices, other events, garbage."""
    if not isinstance(event, Mapping) or event.get("type") != "m.room.message" or "state_key" in event:
        return None
    content, event_id, sender = event.get("content"), event.get("event_id"), event.get("sender")
    if not isinstance(content, Mapping) or not _is_id(event_id) or not _is_id(sender) or sender == me.user_id:
        return None
    kind, body = content.get("msgtype"), content.get("body")
    related = content.get("m.relates_to")
    relation = related if isinstance(related, Mapping) else {}
    if not isinstance(kind, str) or not isinstance(body, str) or relation.get("rel_type") == "m.replace":
        return None
    quote, thread = _quoted(relation)
    file = None
    if kind in FILES:
        if (file := _file(content, body)) is None:
            return None
        # A body that is not the file's name is what was written beside it.
        body = body if isinstance(content.get("filename"), str) and body != file.name else ""
    elif kind not in TEXTS:
        return None
    if "m.in_reply_to" in relation:
        body = without_fallback(body)
    text, called = without_name(_plain_links(body, me), me.names)
    return Heard(event_id, sender, text, called or me.user_id in _mentioned(content), quote, thread, file)


def without_fallback(body: str) -> str:
    """A reply without the quoted lines that older clients put in front."""
    lines = body.split("\n")
    if not lines[0].startswith("> <"):
        return body
    count = next((number for number, line in enumerate(lines) if not line.startswith(">")), len(lines))
    rest = lines[count:]
    return "\n".join(rest[1:] if rest and not rest[0].strip() else rest)


def without_name(text: str, names: Iterable[str]) -> tuple[str, bool]:
    """The text without the bot's name at either end, and whether it stood there."""
    text = text.strip()
    for name in names:
        escaped = re.escape(name)
        for pattern in (rf"{escaped}(?=$|[\s:：,，、/／\\])[\s:：,，]*", rf"(?:^|\s|(?=@)){escaped}\s*$"):
            found = re.match(pattern, text, re.IGNORECASE) or re.search(pattern, text, re.IGNORECASE)
            if found and (found.start() == 0 or found.end() == len(text)):
                return f"{text[: found.start()]}{text[found.end() :]}".strip(), True
    return text, False


# Some clients write a mention into the plain text as a markdown link.
_PILL: Final = re.compile(r"\[([^\[\]\n]{1,100})\]\(https://matrix\.to/#/((?:@|%40)[^()\s]{1,300})\)")
_MEDIA: Final = re.compile(r"mxc://([A-Za-z0-9.:\[\]-]{1,255})/([A-Za-z0-9_-]{1,255})")


def _plain_links(body: str, me: Me) -> str:
    def plain(match: re.Match[str]) -> str:
        return me.user_id if unquote(match[2]) == me.user_id else f"@{match[1].removeprefix('@')}"

    return _PILL.sub(plain, body)


def _quoted(relation: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The quoted event and the thread. In a thread the message that begins it counts as quoted, unless somebody
    really quotes another there."""
    thread = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
    thread = thread if _is_id(thread) else None
    replied = relation.get("m.in_reply_to")
    quote = replied.get("event_id") if isinstance(replied, Mapping) else None
    if thread is not None and (relation.get("is_falling_back") is True or not _is_id(quote)):
        return thread, thread
    return (quote if _is_id(quote) else None), thread


def _mentioned(content: Mapping[str, Any]) -> tuple[str, ...]:
    mentions = content.get("m.mentions")
    accounts = mentions.get("user_ids") if isinstance(mentions, Mapping) else None
    return tuple(account for account in accounts if isinstance(account, str)) if isinstance(accounts, list) else ()


def _file(content: Mapping[str, Any], body: str) -> Shared | None:
    """None where it is encrypted or stands nowhere."""
    url, name, info = content.get("url"), content.get("filename"), content.get("info")
    found = _MEDIA.fullmatch(url) if isinstance(url, str) else None
    if found is None:
        return None
    size = info.get("size") if isinstance(info, Mapping) else None
    known = size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else 0
    return Shared(name if isinstance(name, str) and name else body, found[1], found[2], known)


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= 255
