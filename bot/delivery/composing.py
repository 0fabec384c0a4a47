"""From a row of the outbox to the message that a platform is given, and back for the parts of a long one.

What `content` may hold beside the text: `markdown`, `table` (`head`, `rows`), `actions` (`label`, `command`,
`choices`), `file` (`name`, `media`, `data` in base64), `edits` (the platform's id of the message to replace), `reply`
(the platform's own handle of the question), `reveal` (an order whose personal data are shown: the text is made when
it is sent and never stored; domain, section 8).
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from bot.delivery.ledger import Row
from bot.directory import Directory
from bot.platforms.contract import Action, Mention, Outgoing, OutgoingFile, Table
from bot.routes import platform_of
from handlers.commands.revealing import revealed
from handlers.office import Office
from storage.transaction import Scope


class Composer:
    """Composes messages for one office; `directory` knows people's accounts."""

    def __init__(self, office: Office, directory: Directory) -> None:
        self._office = office
        self._directory = directory

    def __call__(self, scope: Scope, row: Row) -> Outgoing:
        """The message that a row stands for, whole."""
        content: Mapping[str, Any] = row["content"] or {}
        text = row["text"]
        if "reveal" in content:
            text = revealed(self._office, scope, content["reveal"])
        group = self._office.organisation.group(row["audience"])
        return Outgoing(
            key=row["id"],
            text=text,
            mentions=self._people(platform_of(row["endpoint"]), row["mentions"]),
            markdown=content.get("markdown"),
            table=_table(content.get("table")),
            file=_file(content.get("file")),
            actions=tuple(action_of(action) for action in content.get("actions", ())),
            plain=group is not None and group.text_only,
            edits=content.get("edits"),
            reply=content.get("reply"),
        )

    def _people(self, platform: str, people: tuple[str, ...]) -> tuple[Mention, ...]:
        """The people to call, as the platform knows them; who has left the organisation is left out."""
        found = (self._office.organisation.person(person) for person in people)
        return tuple(
            Mention(person.id, person.name, self._directory.account(platform, person.id))
            for person in found
            if person is not None
        )


def content_of(message: Outgoing) -> dict[str, Any] | None:
    """What a part of a message keeps in its row beside the text: the inverse of `Composer`."""
    content: dict[str, Any] = {}
    if message.markdown is not None:
        content["markdown"] = message.markdown
    if message.table is not None:
        content["table"] = {"head": message.table.head, "rows": message.table.rows}
    if message.file is not None:
        data = b64encode(message.file.data).decode()
        content["file"] = {"name": message.file.name, "media": message.file.media, "data": data}
    if message.actions:
        content["actions"] = [
            {"label": action.label, "command": action.command, "choices": action.choices} for action in message.actions
        ]
    if message.edits is not None:
        content["edits"] = message.edits
    if message.reply is not None:
        content["reply"] = dict(message.reply)
    return content or None


def _table(value: Any) -> Table | None:
    return None if value is None else Table(tuple(value["head"]), tuple(tuple(row) for row in value["rows"]))


def _file(value: Any) -> OutgoingFile | None:
    return None if value is None else OutgoingFile(value["name"], value["media"], b64decode(value["data"]))


def action_of(value: Mapping[str, Any]) -> Action:
    """One offer of the office (`handlers.offers`) as platforms are given it."""
    return Action(value["label"], value["command"], tuple((label, word) for label, word in value.get("choices", ())))
