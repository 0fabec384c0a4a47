"""`POST /console/files`: a message with pictures and files, streamed (docs/console.md).

The fields come before the files, so that who may say what where is settled before megabytes are taken. The bytes lie
in files without a name: whatever becomes of this process, none of them is left on the disk.
"""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError, PayloadEncodingError

from bot.console.routes import LONGEST_TEXT, chat_of, id_of, nobody
from bot.console.speaking import Speaker, speak
from bot.platforms.contract import IncomingFile
from bot.web.keys import SERVICE
from bot.web.middleware import refusal
from handlers.enclosures import names_order
from handlers.intake.files import LIMIT, MAX_BYTES

MOST_FILES: Final = 20
_BLOCK: Final = 256 * 1024
_SLACK: Final = 1 << 20
_FIELDS: Final = ("person", "group", "text", "quote", "message_id")


@dataclass(slots=True)
class _Body:
    fields: dict[str, str] = field(default_factory=dict)
    files: list[IncomingFile] = field(default_factory=list)


class _TooMuch(Exception):
    """More came than was announced, or than may come where nothing was."""


async def post_files(request: web.Request) -> web.Response:
    """Say something with files as a person; returns when it and everything it did is durable."""
    if request.content_type != "multipart/form-data":
        return refusal(415, "文件应以 multipart/form-data 提交")
    if (request.content_length or 0) > MAX_BYTES + _SLACK:
        return _too_much()
    with ExitStack() as held:
        try:
            body = await _read(request, held)
        except _TooMuch:
            return _too_much()
        except (ValueError, HttpProcessingError, PayloadEncodingError):
            return refusal(400, "提交的内容读不出来：请再发一次")
        return body if isinstance(body, web.Response) else await _take(request, body)


def _too_much() -> web.Response:
    return refusal(413, f"文件太大：一次的文件合起来要小于 {LIMIT}，请分几次发")


async def _take(request: web.Request, body: _Body) -> web.Response:
    sender = _sender(request, body.fields)
    if isinstance(sender, web.Response):
        return sender
    if not body.files:
        return refusal(400, "没有收到文件：请选好文件再发")
    return await speak(request.app[SERVICE], sender, body.fields.get("text", ""), files=tuple(body.files))


async def _read(request: web.Request, held: ExitStack) -> _Body | web.Response:
    """Take the parts as they come; an answer as soon as one is wrong. Raises _TooMuch, ValueError and what aiohttp
    says of a broken body."""
    body = _Body()
    most = 0
    async for part in await request.multipart():
        if isinstance(part, MultipartReader) or not isinstance(part, BodyPartReader):
            return refusal(400, "提交的内容读不出来：请再发一次")
        if part.filename is None:
            if part.name not in _FIELDS or body.files:
                return refusal(400, f"只认得 {'、'.join(_FIELDS)} 和文件，各项要写在文件前面")
            text = bytes(await part.read(decode=True))
            if len(text) > LONGEST_TEXT:
                return refusal(413, f"{part.name} 太长：最多 {LONGEST_TEXT} 字节")
            body.fields[part.name] = _read_field(part.name, text)
            continue
        if not body.files:
            sender = _sender(request, body.fields)
            if isinstance(sender, web.Response):
                return sender
            most = _most(request, body.fields, sender)
        if len(body.files) == MOST_FILES:
            return refusal(413, f"一次最多 {MOST_FILES} 个文件，请分几次发")
        file = held.enter_context(
            tempfile.TemporaryFile(dir=request.app[SERVICE].office.settings.data_dir)  # noqa: SIM115 - closed by held
        )
        body.files.append(await _stream(request, part, file, most))
    return body


def _read_field(name: str, raw: bytes) -> str:
    """A field's text. Broken signs are replaced in what people wrote only: elsewhere two ids would become one."""
    if name == "text":
        return raw.decode("utf-8", "replace").replace("\x00", "")
    return raw.decode("utf-8", "surrogateescape")


async def _stream(request: web.Request, part: BodyPartReader, file: IO[bytes], most: int) -> IncomingFile:
    """Write a part to its file; of one that is too large only the size is kept, so that the others can go on.

    Raises _TooMuch when everything that came so far is more than may come together.
    """
    size = 0
    while block := await part.read_chunk(_BLOCK):
        size += len(block)
        if request.content.total_bytes > MAX_BYTES + _SLACK:
            raise _TooMuch
        if size <= most:
            file.write(block)
        else:
            file.truncate(0)
    file.flush()
    return IncomingFile(part.filename or "", _path(file), size)


def _sender(request: web.Request, fields: dict[str, str]) -> Speaker | web.Response:
    person = request.app[SERVICE].office.organisation.person(fields.get("person", ""))
    if person is None:
        return nobody()
    chat = chat_of(request, fields.get("group"))
    if isinstance(chat, web.Response):
        return chat
    if chat.startswith("@") and chat != f"@{person.id}":
        return refusal(403, "这是别人的私聊")
    message_id = id_of(fields.get("message_id"))
    if isinstance(message_id, web.Response):
        return message_id
    quote = fields.get("quote")
    if quote and (not quote.isascii() or not quote.isdecimal() or len(quote) > 18):
        return refusal(400, "quote 应为一条消息的 id")
    # A message without an id gets one, and keeps it for the files that follow.
    fields["message_id"] = message_id
    return Speaker(person, chat, message_id, int(quote) if quote else None)


def _most(request: web.Request, fields: dict[str, str], sender: Speaker) -> int:
    """Bytes of one file: an export to import in private may be larger than what is kept with an order."""
    service = request.app[SERVICE]
    importing = sender.chat.startswith("@") and not names_order(
        fields.get("text", ""), None, quoted=sender.quote is not None
    )
    return MAX_BYTES if importing else service.office.rules(service.clock.now()).attachments.file_mb << 20


def _path(file: IO[bytes]) -> Path:
    return Path(f"/proc/self/fd/{file.fileno()}")
