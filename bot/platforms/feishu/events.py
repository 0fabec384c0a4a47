"""What Feishu pushes, read: a message that a person wrote, a button that a person pressed, or nothing for us.

Whatever the bytes are, nothing here raises; what is not understood is nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.platforms.contract import Incoming
from bot.platforms.feishu.chat import REPLY_TO
from bot.platforms.feishu.content import COMMAND, PRIVATE, VALUE

NAME: Final = "feishu"
MESSAGE: Final = "im.message.receive_v1"
PRESSED: Final = "card.action.trigger"
LONGEST_TEXT: Final = 100_000
_KEY: Final = re.compile(r"@_user_\d{1,6}|@_all")
_SPACES: Final = re.compile(r"[ \t]{2,}")


@dataclass(frozen=True, slots=True)
class Resource:
    """A picture or file of a message, not fetched yet: `kind` as the platform's address wants it, name, key."""

    kind: str
    key: str
    name: str


@dataclass(frozen=True, slots=True)
class Received:
    """A message or a press, without its files; `resources` are what can be fetched."""

    incoming: Incoming
    resources: tuple[Resource, ...] = ()


def received(event: Mapping[str, Any], bot: str | None) -> Received | None:
    """What an event (schema 2.0, decrypted and verified) says. `bot` is our own open_id; where it is not known, a
    mention at the very beginning counts as the bot's."""
    header, body = _table(event, "header"), _table(event, "event")
    match header.get("event_type"):
        case "im.message.receive_v1":
            return _message(body, bot)
        case "card.action.trigger":
            return _press(header, body)
    return None


def _press(header: Mapping[str, Any], body: Mapping[str, Any]) -> Received | None:
    """Not pushed again and without an id of its own: the event's id is the press's."""
    action, context = _table(body, "action"), _table(body, "context")
    value = _table(action, VALUE)
    command, option = _text(value, COMMAND), _text(action, "option")
    account, number = _text(_table(body, "operator"), "open_id"), _text(header, "event_id") or _text(body, "token")
    chat, card = _text(context, "open_chat_id"), _text(context, "open_message_id")
    private = value.get(PRIVATE) is True
    if not (command and account and number and (chat or private)):
        return None
    incoming = Incoming(
        platform=NAME,
        message_id=f"press:{number}",
        chat=None if private else chat,
        account=account,
        text=f"{command} {option}".strip() if option else command,
        mentioned=True,
        button=True,
        reply={REPLY_TO: card} if card and not private else None,  # a card may have been forwarded
    )
    return Received(incoming)


def _message(body: Mapping[str, Any], bot: str | None) -> Received | None:
    sender, message = _table(body, "sender"), _table(body, "message")
    account, number = _text(_table(sender, "sender_id"), "open_id"), _text(message, "message_id")
    chat, private = _text(message, "chat_id"), message.get("chat_type") == "p2p"
    if sender.get("sender_type") != "user" or not (account and number and (chat or private)):
        return None
    said = _said(_text(message, "message_type"), _loaded(_text(message, "content")))
    if said is None:
        return None
    raw, resources = said
    text, mentioned = _addressed(raw, _list(message, "mentions"), bot)
    if not text and not resources and not mentioned:
        return None
    incoming = Incoming(
        platform=NAME,
        message_id=number,
        chat=None if private else chat,
        account=account,
        text=text[:LONGEST_TEXT],
        quote=_text(message, "parent_id") or None,
        mentioned=mentioned,
        reply={REPLY_TO: number},
    )
    return Received(incoming, tuple(resources))


def _said(kind: str, content: Mapping[str, Any]) -> tuple[str, list[Resource]] | None:
    """Text and resources of a message's content; None for a kind that says nothing (stickers, shared cards)."""
    match kind:
        case "text":
            return _text(content, "text"), []
        case "post":
            return _post(content)
        case "image":
            return "", _resources("image", _text(content, "image_key"), "图片")
        case "file" | "media" | "audio":
            return "", _resources("file", _text(content, "file_key"), _text(content, "file_name") or _NAMES[kind])
    return None


_NAMES: Final = {"file": "文件", "media": "视频.mp4", "audio": "录音.opus"}


def _post(content: Mapping[str, Any]) -> tuple[str, list[Resource]]:
    """A rich text: its title and lines as text; the pictures in it."""
    if "content" not in content:  # as it is sent: one post for each language
        content = next((post for post in content.values() if isinstance(post, dict) and "content" in post), {})
    lines, resources = [_text(content, "title")], []
    for line in _list(content, "content"):
        elements = [element for element in line if isinstance(element, dict)] if isinstance(line, list) else []
        lines.append("".join(_shown(element) for element in elements))
        for element in elements:
            resources += _embedded(element)
    return "\n".join(lines).strip(), resources


def _shown(element: Mapping[str, Any]) -> str:
    match element.get("tag"):
        case "text" | "a" | "md" | "code_block":
            return _text(element, "text")
        case "at":
            user = _text(element, "user_id")
            return user if _KEY.fullmatch(user) else f"@{_text(element, 'user_name')}"
    return ""


def _embedded(element: Mapping[str, Any]) -> list[Resource]:
    match element.get("tag"):
        case "img":
            return _resources("image", _text(element, "image_key"), "图片")
        case "media":
            return _resources("file", _text(element, "file_key"), "视频.mp4")
    return []


def _resources(kind: str, key: str, name: str) -> list[Resource]:
    return [Resource(kind, key, name)] if key else []


def _addressed(text: str, mentions: Sequence[Any], bot: str | None) -> tuple[str, bool]:
    """The text with people's names where the platform has keys, without the bot's mention; whether it was there."""
    people: dict[str, str] = {"@_all": "@所有人"}
    ours = set()
    for mention in mentions:
        if isinstance(mention, dict) and (key := _text(mention, "key")):
            people[key] = f"@{_text(mention, 'name')}"
            if bot is not None and _text(_table(mention, "id"), "open_id") == bot:
                ours.add(key)
    if bot is None and (first := _KEY.match(text.lstrip())) and first[0] in people and first[0] != "@_all":
        ours.add(first[0])
    mentioned = any(match[0] in ours for match in _KEY.finditer(text))
    named = _KEY.sub(lambda match: " " if match[0] in ours else people.get(match[0], match[0]), text)
    return ("\n".join(_tidied(named)).strip() if mentioned else named.strip()), mentioned


def _tidied(text: str) -> Iterator[str]:
    yield from (_SPACES.sub(" ", line).strip() for line in text.split("\n"))


def _loaded(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _table(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key)
    return found if isinstance(found, list) else []


def _text(value: Mapping[str, Any], key: str) -> str:
    """A text of the message; a character that no store can keep becomes U+FFFD."""
    found = value.get(key)
    return found.encode("utf-8", "replace").decode().replace("\x00", "") if isinstance(found, str) else ""
