"""From a message to the content of an `m.room.message` event.

`m.notice` never rings, not even with a mention (tried on Synapse): it is for answers, whose reader is looking. What
the office announces or reminds of is `m.text`. `m.mentions` is always there, so that no name in a citizen's text
calls anybody by the older rules.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from html import escape
from typing import Any, Final

from bot.platforms.contract import Mention, Outgoing, OutgoingFile, Table
from bot.platforms.splitting import size, split_text, without_surrogates

TEXT_BYTES: Final = 12_000
"""★ Bytes of one part's text: escaped, and twice in an edit, it still fits into an event."""
CONTENT_BYTES: Final = 60_000
"""An event has at most 65,536 bytes (platforms, A6); what the server adds to the content needs some of them."""
ACCOUNT: Final = re.compile(r"@[^\s:]{1,200}:[A-Za-z0-9.:\[\]-]{1,200}")
"""A Matrix user id."""


def parts(message: Outgoing) -> list[Outgoing]:
    """The messages to send in its place: what is said, in parts where it is long, then the picture or file.

    The people who are called stand in a last line `@姓名`, too. A table is shown where the text is one part.
    """
    bare = Outgoing(message.key, "")
    pieces = split_text(_naming(harmless(message.text), message.mentions), TEXT_BYTES)
    said = [replace(bare, text=piece) for piece in pieces]
    said[0] = replace(said[0], mentions=message.mentions, edits=message.edits, reply=message.reply)
    if len(said) == 1 and not message.plain:
        said[0] = replace(said[0], table=message.table)
    if message.file is None or message.plain or message.edits is not None:
        return said
    return [*said, replace(bare, text=message.file.name, file=message.file, reply=message.reply)]


def said(message: Outgoing) -> dict[str, Any]:
    """The content of one part without a file."""
    text = harmless(message.text)
    content: dict[str, Any] = {"msgtype": "m.text" if message.reply is None else "m.notice", "body": text}
    accounts = called(message.mentions)
    if (html := _html(text, message)) is not None:
        content |= {"format": "org.matrix.custom.html", "formatted_body": html}
    if size(json.dumps(content, ensure_ascii=False)) * (2 if message.edits else 1) > CONTENT_BYTES:
        content = {"msgtype": content["msgtype"], "body": text}
    content["m.mentions"] = {"user_ids": accounts} if accounts else {}
    if message.edits is not None:
        # Nobody is called again by what only brings a message up to date.
        relation = {"rel_type": "m.replace", "event_id": message.edits}
        return content | {"body": f"* {text}", "m.mentions": {}, "m.new_content": content, "m.relates_to": relation}
    return content | _relation(message.reply)


def shared(file: OutgoingFile, url: str, reply: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The content that shows an uploaded picture or file."""
    kind = "m.image" if file.media.startswith("image/") else "m.file"
    name = harmless(file.name) or "文件"
    info = {"mimetype": file.media, "size": len(file.data)}
    content = {"msgtype": kind, "body": name, "filename": name, "url": url, "info": info, "m.mentions": {}}
    return content | _relation(reply)


def called(mentions: Iterable[Mention]) -> list[str]:
    """The accounts to call, each once."""
    accounts = (mention.account for mention in mentions)
    return list(dict.fromkeys(account for account in accounts if account and ACCOUNT.fullmatch(account)))


def harmless(text: str) -> str:
    """The text with what calls a whole room made ordinary, and nothing that a server refuses."""
    text = without_surrogates(text)
    for harm, replacement in _HARMS:
        text = harm.sub(replacement, text)
    return text


_HARMS: Final = (
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), ""),
    (re.compile(r"@(?=room(?![A-Za-z0-9_]))", re.IGNORECASE), "＠"),
)


def _relation(reply: Mapping[str, str] | None) -> dict[str, Any]:
    event = (reply or {}).get("event")
    if not event:
        return {}
    relation: dict[str, Any] = {"m.in_reply_to": {"event_id": event}}
    if thread := (reply or {}).get("thread"):
        relation |= {"rel_type": "m.thread", "event_id": thread, "is_falling_back": True}
    return {"m.relates_to": relation}


def _naming(text: str, mentions: Iterable[Mention]) -> str:
    names = _names(mentions)
    return f"{text.rstrip()}\n{names}" if names else text


def _names(mentions: Iterable[Mention]) -> str:
    return harmless(" ".join(dict.fromkeys(f"@{mention.name}" for mention in mentions)))


def _html(text: str, message: Outgoing) -> str | None:
    """What clients show instead of the text, where that is more: names that can be tapped, a table."""
    names = _names(message.mentions)
    links = _links(message.mentions) if names and text.endswith(f"\n{names}") else ""
    if message.table is None and not links:
        return None
    head = text.removesuffix(f"\n{names}") if links else text
    if message.table is None:
        return f"{_escaped(head)}<br>{links}"
    subject = _escaped(head.partition("\n")[0])
    return f"{subject}{_table(message.table)}{links}"


def _links(mentions: Iterable[Mention]) -> str:
    names = {mention.name: " ".join(called([mention])) for mention in mentions}
    return " ".join(
        f'<a href="https://matrix.to/#/{escape(account)}">{escape(name)}</a>' if account else f"@{escape(name)}"
        for name, account in names.items()
    )


def _escaped(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _table(table: Table) -> str:
    def row(cells: Iterable[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(harmless(cell))}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(cells, "td") for cells in table.rows)
    return f"<table><thead>{row(table.head, 'th')}</thead><tbody>{body}</tbody></table>"
