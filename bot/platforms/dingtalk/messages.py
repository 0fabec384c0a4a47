"""What DingTalk tells of a message to the app's robot → `Incoming`. The same JSON by Stream and by HTTP callback."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from bot.platforms.contract import Incoming
from bot.platforms.dingtalk.chat import ADDRESS, EXPIRES, OUTSIDER
from bot.platforms.splitting import without_surrogates

NAME: Final = "dingtalk"
LONGEST_ID: Final = 256
_PRIVATE: Final = "1"
_GROUP: Final = "2"
_DEEPEST: Final = 6


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A picture or file to fetch: the code that stands for it, and its name."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Told:
    """A message, and what is to be fetched before it is handed in."""

    incoming: Incoming
    enclosures: tuple[Enclosure, ...] = ()


def told(data: dict[str, Any]) -> Told | None:
    """The message that DingTalk tells of; None for anything else. Never raises, whatever the JSON holds.

    Somebody without a member's id, or of another organisation, is nobody: ids are only unique within one.
    """
    message, chat = _id(data, "msgId"), _id(data, "conversationId")
    private = str(data.get("conversationType")) == _PRIVATE
    if message is None or (chat is None and not private) or str(data.get("conversationType")) not in (_PRIVATE, _GROUP):
        return None
    account = account_of(data)
    read = _CONTENTS.get(str(data.get("msgtype")))
    if account is None or read is None:
        return None
    text, enclosures = read(data)
    quote, quote_text = _quote(data)
    incoming = Incoming(
        platform=NAME,
        message_id=message,
        chat=None if private else chat,
        account=account,
        text=_plain(text)
        .strip()
        .removesuffix("@")
        .rstrip(),  # the bot's mention is taken out, but for a lone @ at times
        quote=quote,
        quote_text=quote_text,
        mentioned=not private and data.get("isInAtList") is not False,
        reply=_reply(data),
    )
    return Told(incoming, () if account.startswith(OUTSIDER) else tuple(enclosures))


def account_of(data: dict[str, Any]) -> str | None:
    """Who wrote, by the platform's stable id; None where it names nobody."""
    member, sender = _id(data, "senderStaffId"), _id(data, "senderId")
    ours, theirs = data.get("chatbotCorpId"), data.get("senderCorpId")
    foreign = bool(ours and theirs and ours != theirs)
    if member is not None and not foreign and not member.startswith(OUTSIDER):
        return member
    outside = sender or member
    return None if outside is None else f"{OUTSIDER}{outside}"


def _reply(data: dict[str, Any]) -> dict[str, str] | None:
    address, expires = data.get("sessionWebhook"), data.get("sessionWebhookExpiredTime")
    if not isinstance(address, str) or not 0 < len(address) <= 2048 or isinstance(expires, bool):
        return None
    if not (address.isascii() and address.isprintable()):
        return None
    return {ADDRESS: address, EXPIRES: str(expires)} if re.fullmatch(r"[0-9]{1,14}", str(expires)) else None


def _text(data: dict[str, Any]) -> tuple[str, list[Enclosure]]:
    return _string(_table(data, "text"), "content"), []


def _picture(data: dict[str, Any]) -> tuple[str, list[Enclosure]]:
    return "", list(_enclosed(_table(data, "content"), "图片.jpg"))


def _file(data: dict[str, Any]) -> tuple[str, list[Enclosure]]:
    content = _table(data, "content")
    return "", list(_enclosed(content, _string(content, "fileName") or "文件"))


def _video(data: dict[str, Any]) -> tuple[str, list[Enclosure]]:
    content = _table(data, "content")
    ending = re.sub(r"[^A-Za-z0-9]", "", _string(content, "videoType"))[:8] or "mp4"
    return "", list(_enclosed(content, f"视频.{ending}"))


def _rich(data: dict[str, Any]) -> tuple[str, list[Enclosure]]:
    pieces = [piece for piece in _list(_table(data, "content"), "richText") if isinstance(piece, dict)]
    text = "".join(_string(piece, "text") for piece in pieces)
    return text, [found for piece in pieces for found in _enclosed(piece, "图片.jpg")]


_CONTENTS: Final = {"text": _text, "picture": _picture, "file": _file, "video": _video, "richText": _rich}
"""Kinds of messages that are taken. Others (voice, cards, positions) hold nothing that could be done or kept."""


def _enclosed(content: dict[str, Any], name: str) -> Iterator[Enclosure]:
    code = content.get("downloadCode") or content.get("pictureDownloadCode")
    if isinstance(code, str) and 0 < len(code) <= 4096:
        yield Enclosure(code, _plain(name)[:200])


def _quote(data: dict[str, Any]) -> tuple[str | None, str | None]:
    """The platform's id and the text of the quoted message, where it gives them.

    A message of the app's interface is quoted with the key that its sending was answered with.
    """
    quoting = next((found for key in ("text", "content") if (found := _table(data, key)).get("isReplyMsg")), {})
    quoted = _table(quoting, "repliedMsg")
    text = _plain(_quoted_text(quoted.get("content"), _DEEPEST)).strip()
    number = _id(data, "originalProcessQueryKey") or _id(quoted, "msgId") or _id(data, "originalMsgId")
    if not quoting and number is None:
        return None, None
    return number, text or None


def _quoted_text(content: object, deep: int) -> str:
    """The text of a quoted message: each kind keeps it elsewhere."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and deep > 0:
        return "".join(_quoted_text(piece, deep - 1) for piece in content[:100])
    if not isinstance(content, dict) or deep == 0:
        return ""
    found = (_quoted_text(content[key], deep - 1) for key in ("text", "content", "richText") if content.get(key))
    return next((text for text in found if text), "")


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    found = data.get(key)
    return found if isinstance(found, dict) else {}


def _list(data: dict[str, Any], key: str) -> list[Any]:
    found = data.get(key)
    return found[:100] if isinstance(found, list) else []


def _plain(text: str) -> str:
    """Without what no store can hold."""
    return without_surrogates(text).replace("\x00", "")


def _string(data: dict[str, Any], key: str) -> str:
    found = data.get(key)
    return found if isinstance(found, str) else ""


def _id(data: dict[str, Any], key: str) -> str | None:
    found = _string(data, key).strip()
    return found if 0 < len(found) <= LONGEST_ID and found.isprintable() else None
