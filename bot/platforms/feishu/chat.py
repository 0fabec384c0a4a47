"""The app's bot in one chat: a group, or in private with a person.

Every message carries a `uuid` made of its key and content, under which Feishu posts at most one message within an
hour. What may have arrived is therefore asked for again at once, up to three times, and by delivery as long as Feishu
knows the uuid (`takes_once`): a lost answer becomes a certain one, and nothing is said twice.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from bot.platforms.contract import Answer, Avoid, Limit, Outcome, Outgoing, OutgoingFile
from bot.platforms.feishu.api import PATIENCE, OpenApi, Result
from bot.platforms.feishu.codes import CHAT_TIDE, GONE
from bot.platforms.feishu.content import content_of, divided
from bot.platforms.people import first_line
from bot.platforms.posting import multipart

MESSAGES: Final = "/open-apis/im/v1/messages"
REPLY_TO: Final = "message_id"
"""The key of `Incoming.reply`."""
TRIES: Final = 3
BUDGET: Final = timedelta(seconds=13)
"""★ For a message with everything that belongs to it; delivery gives up after 15 seconds."""
UPLOADING: Final = timedelta(seconds=8)
IMAGE_BYTES: Final = 10 << 20
FILE_BYTES: Final = 30 << 20
"""What Feishu takes (im/v1/images, im/v1/files)."""
IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})


class FeishuChat:
    """The bot in one chat, a `Sender` and an `Idempotent` one. `person`: the id is a person's open_id, not a chat's."""

    def __init__(
        self, api: OpenApi, native: str, *, person: bool, limits: tuple[Limit, ...], avoid: tuple[Avoid, ...]
    ) -> None:
        self.limits = limits
        self.avoid = avoid
        self._api = api
        self._native = native
        self._person = person

    edits = True
    takes_once = timedelta(minutes=50)
    """★ Feishu knows a uuid for an hour."""

    @property
    def ready(self) -> bool:
        """Always: sending needs no connection of its own."""
        return True

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """What is said, then the picture or file where the platform takes it."""
        parts = divided(message, buttons=True)
        file = message.file
        if file is not None and not message.plain and message.edits is None and _takes(file):
            parts.append(Outgoing(message.key, first_line(message.text), file=file, reply=message.reply))
        return parts

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts`, or put it in the place of `edits`. Raises nothing for what the network does."""
        until = asyncio.get_running_loop().time() + BUDGET.total_seconds()
        try:
            async with asyncio.timeout_at(until):
                answer = await self._send(message, until)
        except TimeoutError:
            if message.edits is not None:
                return Answer(Outcome.RETRY, "飞书没有及时回答；再改一次无妨，稍后自动重试")
            return Answer(Outcome.UNKNOWN, "飞书没有及时回答，这条消息可能已经送到")
        chat, app = self.limits[0], self.limits[-1]
        return answer.pausing(chat.bucket if answer.code == CHAT_TIDE else app.bucket)

    async def _send(self, message: Outgoing, until: float) -> Answer:
        if message.file is None:
            kind, content = content_of(message, private=self._person)
        else:
            uploaded = await self._upload(message.file)
            if isinstance(uploaded, Answer):
                return uploaded
            kind, content = uploaded
        said = {"content": json.dumps(content, ensure_ascii=False)}
        if message.edits is not None:
            return await self._edit(message.edits, said, until)
        said |= {"msg_type": kind, "uuid": _uuid(message, self._native)}
        question = (message.reply or {}).get(REPLY_TO)
        if question:
            result = await self._repeated(
                lambda: self._post(f"{MESSAGES}/{quote(question, safe='')}/reply", said), until
            )
            if result.answer.code not in GONE:
                return _told(result)
        receiver = "open_id" if self._person else "chat_id"
        path = f"{MESSAGES}?receive_id_type={receiver}"
        return _told(await self._repeated(lambda: self._post(path, {"receive_id": self._native, **said}), until))

    async def _post(self, path: str, content: dict[str, Any]) -> Result:
        return await self._api.call("POST", path, content)

    async def _edit(self, edits: str, said: dict[str, str], until: float) -> Answer:
        """Putting the same card in the same place twice changes nothing: what is unknown is simply done again."""
        path = f"{MESSAGES}/{quote(edits, safe='')}"
        answer = (await self._repeated(lambda: self._api.call("PATCH", path, said), until)).answer
        if answer.outcome is Outcome.UNKNOWN:
            return replace(answer, outcome=Outcome.RETRY, detail=f"{answer.detail}；再改一次无妨，稍后自动重试")
        return replace(answer, remote=edits) if answer.outcome is Outcome.SENT else answer

    async def _repeated(self, ask: Callable[[], Awaitable[Result]], until: float) -> Result:
        """Ask until it is known what became of it, as often as there is time."""
        result = await ask()
        for _ in range(TRIES - 1):
            left = until - asyncio.get_running_loop().time()
            if result.answer.outcome is not Outcome.UNKNOWN or left < PATIENCE.total_seconds():
                break
            result = await ask()
        return result

    async def _upload(self, file: OutgoingFile) -> tuple[str, dict[str, Any]] | Answer:
        """A picture or file as message type and content. By an upload alone nothing is said to anybody."""
        if _is_image(file):
            kind, key, path, fields = "image", "image_key", "/open-apis/im/v1/images", {"image_type": "message"}
        else:
            fields = {"file_type": "stream", "file_name": file.name}
            kind, key, path = "file", "file_key", "/open-apis/im/v1/files"
        form = multipart(fields, kind, file.name, file.media, file.data)
        result = await self._api.call("POST", path, form=form, patience=UPLOADING)
        number = result.data.get(key)
        if result.ok and isinstance(number, str) and number:
            return kind, {key: number}
        if result.answer.outcome in (Outcome.SENT, Outcome.UNKNOWN):
            return replace(result.answer, outcome=Outcome.RETRY, detail="文件没有上传成功，稍后自动重试")
        return result.answer


def _told(result: Result) -> Answer:
    number = result.data.get("message_id")
    return replace(result.answer, remote=number) if result.ok and isinstance(number, str) and number else result.answer


def _uuid(message: Outgoing, native: str) -> str:
    """The same for the same message to the same chat, and for no other: a store that was restored gives its keys again
    to other messages, which must not be taken for those of the last hour. At most 50 characters."""
    digest = hashlib.sha256()
    file = message.file
    for part in (native, message.text, message.markdown or "", repr(message.table), "" if file is None else file.name):
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    if file is not None:
        digest.update(file.data)
    return f"{message.key}-{digest.hexdigest()[:24]}"


def _takes(file: OutgoingFile) -> bool:
    return _is_image(file) or 0 < len(file.data) <= FILE_BYTES


def _is_image(file: OutgoingFile) -> bool:
    return file.media in IMAGES and 0 < len(file.data) <= IMAGE_BYTES
