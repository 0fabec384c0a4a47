"""Messages as Feishu takes them: text, post (text that calls people), interactive card; and how a long one is cut.

Plain text stays plain everywhere: in a post as runs of text, in a card as `plain_text`, where nothing is read as
markup. Only markdown of our own making is shown as markdown.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from bot.platforms.contract import Action, Outgoing, Table
from bot.platforms.feishu.wording import called, harmless, naming, reached
from bot.platforms.people import first_line
from bot.platforms.rendering import markdown_table
from bot.platforms.splitting import size, split_text

TEXT_BYTES: Final = 6000
"""★ The longest text of one message. Escaped twice, as the app's interface wants it, it stays below its 30 KB, and
escaped once below the 20 KB of a robot (platforms, A3)."""
CARD_BYTES: Final = 18_000
"""★ The longest card, as JSON. Feishu counts its own way and takes 20 to 30 KB."""
LABEL: Final = 40
"""★ Characters on a button; Feishu takes 100."""
COMMAND, VALUE, PRIVATE = "command", "value", "private"
"""What a button brings back (`events`)."""


def divided(message: Outgoing, *, buttons: bool) -> list[Outgoing]:
    """The messages to send in its place, without its file; `buttons` where they can be pressed.

    One that takes another's place is always one: what is too long for it ends where the first part does.
    """
    message = replace(message, file=None, actions=message.actions if buttons else ())
    if message.plain:
        parts = _texts(replace(message, actions=()))
    else:
        parts = _tables(message) or _markdown(message) or _texts(message)
    return parts[:1] if message.edits is not None else parts


def content_of(message: Outgoing, *, private: bool = False) -> tuple[str, dict[str, Any]]:
    """One part as `msg_type` and content. `private`: a button pressed there is a command given in private."""
    if not message.plain and (_is_card(message) or message.edits is not None):
        return "interactive", card(message, private=private)
    people = called(message.mentions)
    text = harmless(message.text)
    if people and not message.plain:
        return "post", {"zh_cn": {"title": "", "content": list(_paragraphs(text, people))}}
    calls = " ".join(f'<at user_id="{account}">{harmless(name)}</at>' for account, name in people.items())
    return "text", {"text": f"{text.rstrip()}\n{calls}" if calls else text}


def card(message: Outgoing, *, private: bool = False) -> dict[str, Any]:
    """An interactive card of schema 2.0, shared by all who see it, so that it can be brought up to date."""
    return {
        "schema": "2.0",
        "config": {
            "update_multi": True,
            **({"enable_forward": False} if private else {}),
            "summary": {"content": harmless(first_line(message.text))[:100]},
        },
        "body": {"elements": list(_elements(message, private))},
    }


def _elements(message: Outgoing, private: bool) -> Iterator[dict[str, Any]]:
    if message.markdown is not None:
        yield {"tag": "markdown", "content": harmless(message.markdown)}
    else:
        yield {"tag": "div", "text": _plain(harmless(message.text))}
    if message.table is not None:
        yield {"tag": "markdown", "content": harmless(markdown_table(message.table))}
    if people := called(message.mentions):
        yield {"tag": "markdown", "content": " ".join(f"<at id={account}></at>" for account in people)}
    if pressed := [_button(action, private) for action in message.actions if not action.choices]:
        columns = [{"tag": "column", "width": "auto", "elements": [button]} for button in pressed]
        yield {"tag": "column_set", "flex_mode": "flow", "columns": columns}
    yield from (_select(action, private) for action in message.actions if action.choices)


def _button(action: Action, private: bool) -> dict[str, Any]:
    return {"tag": "button", "type": "primary", "text": _plain(action.label[:LABEL]), **_behaviour(action, private)}


def _select(action: Action, private: bool) -> dict[str, Any]:
    # Values that come twice break the menu on the client.
    options: dict[str, str] = {}
    for label, value in action.choices:
        options.setdefault(value, label)
    return {
        "tag": "select_static",
        "placeholder": _plain(action.label[:LABEL]),
        "options": [{"text": _plain(label[:LABEL]), "value": value} for value, label in options.items()],
        **_behaviour(action, private),
    }


def _behaviour(action: Action, private: bool) -> dict[str, Any]:
    value = {COMMAND: action.command, PRIVATE: private}
    return {"behaviors": [{"type": "callback", VALUE: value}]}


def _plain(text: str) -> dict[str, str]:
    return {"tag": "plain_text", "content": text}


def _paragraphs(text: str, people: dict[str, str]) -> Iterator[list[dict[str, str]]]:
    yield from ([{"tag": "text", "text": line}] for line in text.rstrip().split("\n"))
    yield [{"tag": "at", "user_id": account} for account in people]


def _is_card(message: Outgoing) -> bool:
    return message.markdown is not None or message.table is not None or bool(message.actions)


def _bare(message: Outgoing) -> Outgoing:
    return Outgoing(message.key, message.text, plain=message.plain, edits=message.edits, reply=message.reply)


def _fits(part: Outgoing) -> bool:
    return size(json.dumps(card(part, private=True), ensure_ascii=False)) <= CARD_BYTES


def _texts(message: Outgoing) -> list[Outgoing]:
    """The text, cut to length: the first part calls people, the last has the buttons."""
    texts = split_text(naming(message.text, message.mentions), TEXT_BYTES)
    parts = [replace(_bare(message), text=text) for text in texts]
    parts[0] = replace(parts[0], mentions=reached(message.mentions))
    parts[-1] = replace(parts[-1], actions=message.actions)
    return parts if _fits(parts[-1]) else [*parts[:-1], replace(parts[-1], actions=())]


def _markdown(message: Outgoing) -> list[Outgoing]:
    """The markdown as one card; none where there is none or it is too long: no tag is ever cut."""
    if message.markdown is None or message.table is not None:
        return []
    markdown = naming(message.markdown, message.mentions)
    part = replace(_bare(message), markdown=markdown, mentions=reached(message.mentions), actions=message.actions)
    return [part] if _fits(part) else []


def _tables(message: Outgoing) -> list[Outgoing]:
    """The table in as few cards as hold it; none where there is none or a row is too long for a card."""
    if message.table is None:
        return []
    subject = first_line(message.text)
    empty = Table(message.table.head, ())
    markdown = naming(message.markdown or subject, message.mentions)
    first = replace(_bare(message), markdown=markdown, mentions=reached(message.mentions), table=empty)
    following = replace(_bare(message), text=f"{subject}（续）", table=empty)
    pages = [first]
    for row in message.table.rows:
        longer = _with_row(pages[-1], row)
        if not _fits(longer):
            pages.append(following)
            longer = _with_row(following, row)
            if not _fits(longer):
                return []
        pages[-1] = longer
    last = replace(pages[-1], actions=message.actions)
    return [*pages[:-1], last] if _fits(last) else pages


def _with_row(page: Outgoing, row: tuple[str, ...]) -> Outgoing:
    assert page.table is not None
    return replace(page, table=Table(page.table.head, (*page.table.rows, row)))
