"""What is written into a DingTalk message: text or markdown within the limit, and the people it calls.

Somebody is only called when the message lists their id and the same `@id` stands in the text (platforms, A2). A text
alone therefore calls nobody; that of a citizen must only not pretend to call all, nor carry DingTalk's own links,
which say something in the name of whoever taps them.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, Final

from bot.platforms.contract import Mention, Outgoing
from bot.platforms.splitting import LEAST_LIMIT, size, split_text, without_surrogates

BODY_BYTES: Final = 20_000
"""The longest body that the platform takes ("message too long, exceed 20000 bytes"; platforms, A2)."""
TITLE_LENGTH: Final = 64
"""★ Characters of a title: the list of chats shows no more."""
_ADDRESS_BYTES: Final = 512

_HARMS: Final = (
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), ""),
    (re.compile(r"@(?=all(?![A-Za-z0-9_])|所有人)", re.IGNORECASE), "＠"),
    (re.compile(r"(?<=dtmd):|(?<=dingtalk):", re.IGNORECASE), "："),
)
_ACCOUNT: Final = re.compile(r"[^\s@]{1,64}")
_ALL: Final = "all"
_BREAK: Final = re.compile(r"(?<! )(?<!\n)\n(?!\n)")


def parts(message: Outgoing, calls: bool) -> list[Outgoing]:
    """The messages to send in its place: in markdown where it fits whole, else as text, cut and counted.

    Tables, files and buttons are left out: `text` says the same. `calls`: people can be called there.
    """
    rendered = None if message.plain or message.markdown is None else harmless(message.markdown)
    whole = Outgoing(message.key, harmless(message.text), message.mentions, rendered, reply=message.reply)
    if rendered is not None and _fits(whole, calls):
        return [whole]
    limit = BODY_BYTES - size(calling(message.mentions, calls))
    while True:
        texts = split_text(whole.text, limit)
        cut = [
            Outgoing(message.key, text, () if number else message.mentions, reply=message.reply)
            for number, text in enumerate(texts)
        ]
        if all(_fits(part, calls) for part in cut) or limit == LEAST_LIMIT:
            return cut
        limit = max(limit * 4 // 5, LEAST_LIMIT)  # what JSON escapes is longer on the line than in the text


def body(message: Outgoing, calls: bool) -> dict[str, Any]:
    """One of `parts` as a robot's address or a session's reply address takes it."""
    content = _content(message, calls)
    kind = "markdown" if "title" in content else "text"
    called = {"atUserIds": accounts(message.mentions) if calls else [], "isAtAll": False}
    return {"msgtype": kind, kind: content, "at": called}


def template(message: Outgoing) -> dict[str, str]:
    """One of `parts` as the app's interface takes it, which calls nobody."""
    content = _content(message, calls=False)
    kind = "sampleMarkdown" if "title" in content else "sampleText"
    return {"msgKey": kind, "msgParam": json.dumps(content, ensure_ascii=False)}


def calling(mentions: Iterable[Mention], calls: bool) -> str:
    """The last line: `@id` of whom the platform calls, `@姓名` of whom it cannot."""
    words = [f"@{(_account(mention) if calls else None) or mention.name}" for mention in mentions]
    return "\n" + " ".join(dict.fromkeys(words)) if words else ""


def accounts(mentions: Iterable[Mention]) -> list[str]:
    """The ids to call, each once; never everybody, whatever the organisation file says."""
    return list(dict.fromkeys(account for mention in mentions if (account := _account(mention)) is not None))


def harmless(text: str) -> str:
    """The text without what DingTalk would act upon."""
    text = without_surrogates(text)
    for harm, replacement in _HARMS:
        text = harm.sub(replacement, text)
    return text


def encoded(content: dict[str, Any]) -> bytes:
    """JSON as it goes over the line: Chinese is not escaped, for length is counted there."""
    return json.dumps(content, ensure_ascii=False).encode()


def _content(message: Outgoing, calls: bool) -> dict[str, str]:
    line = calling(message.mentions, calls)
    if message.markdown is None or message.plain:
        return {"content": harmless(message.text).rstrip("\n") + line}
    # one new line alone is a space in markdown
    rendered = _BREAK.sub("  \n", harmless(message.markdown).rstrip("\n"))
    return {"title": _title(message), "text": rendered + line.replace("\n", "\n\n")}


def _title(message: Outgoing) -> str:
    first = harmless(message.text).strip().partition("\n")[0].strip()
    return first[:TITLE_LENGTH] or "通知"


def _fits(message: Outgoing, calls: bool) -> bool:
    # the app's interface has the content as JSON within JSON, beside who is meant
    longest = max(len(encoded(body(message, calls))), len(encoded({**template(message)})) + _ADDRESS_BYTES)
    return longest <= BODY_BYTES


def _account(mention: Mention) -> str | None:
    account = (mention.account or "").strip()
    return account if _ACCOUNT.fullmatch(account) and account.casefold() != _ALL else None
