"""What the 智能机器人 hands on: a message or an event, the same JSON by callback and by WebSocket (platforms, B1).

Everything in it is somebody else's: each value is looked at before it is used, and no bytes raise anything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from bot.platforms.contract import Incoming

PLATFORM: Final = "wecom"
DISCONNECTED: Final = "disconnected_event"
_PRESSED: Final = "template_card_event"
_GROUP: Final = "group"
_SINGLE: Final = "single"
_SPOKEN: Final = {"image": "图片", "file": "文件", "video": "视频"}


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or file of a message: where it lies for five minutes, and the key it is sealed with."""

    name: str
    url: str = field(repr=False)
    key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """Somebody wrote something. `response_url` answers it once where it came by callback."""

    incoming: Incoming
    media: tuple[Media, ...] = ()
    response_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Press:
    """Somebody pressed a button of a card of ours: `key` is what the button holds, `chosen` what was selected."""

    message_id: str
    account: str
    chat: str | None
    card: str
    key: str
    chosen: str | None = None

    def incoming(self, text: str) -> Incoming:
        """The command that the button stands for."""
        return Incoming(PLATFORM, self.message_id, self.chat, self.account, text, mentioned=True, button=True)


@dataclass(frozen=True, slots=True)
class Other:
    """An event that we only know by name, if at all."""

    kind: str


def read(body: Any, request: str = "") -> Message | Press | Other:
    """What a callback's JSON says; `request` is the id of the frame that brought it. Never raises."""
    account, number = _text(body, "from", "userid"), _text(body, "msgid")
    where = _text(body, "chattype")
    chat = _text(body, "chatid") if where == _GROUP else None
    known = where in (_GROUP, _SINGLE)  # any other kind of chat may have readers: it is never taken for private
    if _text(body, "msgtype") == "event":
        kind = _text(body, "event", "eventtype") or ""
        press = _press(body, account, chat, number or request) if kind == _PRESSED and known else None
        return press or Other(kind)
    if not account or not number or chat == "" or not known:
        return Other(_text(body, "msgtype") or "")
    text, media = _contents(body)
    quote, _ = _contents(_at(body, "quote"))
    incoming = Incoming(
        PLATFORM,
        number,
        chat,
        account,
        text,
        quote_text=quote or None,
        # in a group the platform only hands on what is said to the bot
        mentioned=chat is not None,
    )
    return Message(incoming, media, _text(body, "response_url") or None)


def asked_for(body: Any) -> str | None:
    """The stream that the platform asks for, where that is what a callback says."""
    return (_text(body, "stream", "id") or None) if _text(body, "msgtype") == "stream" else None


def _press(body: Any, account: str, chat: str | None, number: str) -> Press | None:
    event = _at(body, "event", _PRESSED)
    card, key = _text(event, "task_id"), _text(event, "event_key")
    if not account or not card or not key:
        return None
    chosen = next((choice for question, choice in _chosen(event) if question == key), None)
    moment = str(_at(body, "create_time") or "")
    fingerprint = sha256("\n".join([card, key, account, number or moment, chosen or ""]).encode(errors="replace"))
    return Press(f"press-{fingerprint.hexdigest()[:32]}", account, chat, card, key, chosen)


def _chosen(event: Any) -> Iterator[tuple[str, str]]:
    """Question and chosen option; one and several come in different shapes."""
    for item in _list(_at(event, "selected_items", "selected_item")):
        for option in _list(_at(item, "option_ids", "option_id")):
            if isinstance(option, str):
                yield _text(item, "question_key"), option


def _contents(message: Any) -> tuple[str, tuple[Media, ...]]:
    """Text and media of a message or of what it quotes; the parts of a mixed one in order."""
    texts: list[str] = []
    media: list[Media] = []
    kind = _text(message, "msgtype")
    items = _list(_at(message, "mixed", "msg_item")) if kind == "mixed" else [message]
    for item in items:
        kind = _text(item, "msgtype")
        if kind in ("text", "voice", "markdown"):
            texts.append(_text(item, kind, "content"))
        elif kind in _SPOKEN and (url := _text(item, kind, "url")):
            name = _text(item, kind, "filename") or _text(item, kind, "name") or _SPOKEN[kind]
            media.append(Media(name, url, _text(item, kind, "aeskey") or None))
    return "\n".join(text for text in texts if text), tuple(media)


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any, *path: str) -> str:
    """The text at a path; empty where there is none. What no encoding can carry becomes U+FFFD."""
    found = _at(value, *path)
    return found.encode(errors="replace").decode() if isinstance(found, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
