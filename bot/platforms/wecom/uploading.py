"""Pictures and files over the bot's WebSocket: told, handed over in pieces, finished, then sent by their media id.

The order of frames is the official Node client's (1.0.7). Nothing stands in a chat by an upload alone.
"""

import hashlib
from base64 import b64encode
from dataclasses import replace
from typing import Any, Final, Protocol

from bot.platforms.contract import Answer, Outcome, OutgoingFile

PIECE: Final = 512 * 1024
"""The longest piece, in bytes before base64."""
LARGEST: Final = 10 << 20
"""★ The platform takes 50 MB; what is larger would not be handed over within the time of one request."""
LEAST: Final = 6
"""An uploaded file must be longer than five bytes (platforms, A1)."""
LARGEST_IMAGE: Final = 2 << 20
IMAGES: Final = frozenset({"image/png", "image/jpeg"})


class Line(Protocol):
    """The bot's connection."""

    async def exchange(self, command: str, body: dict[str, Any]) -> tuple[Answer, dict[str, Any]]:
        """Send a frame; what the answer to it means, and its body."""
        ...


def kind_of(file: OutgoingFile, largest: int = LARGEST) -> str | None:
    """As what a file can be sent: `image`, `file`, or not at all. A picture too large is a file."""
    if file.media in IMAGES and len(file.data) <= LARGEST_IMAGE:
        return "image"
    return "file" if LEAST <= len(file.data) <= largest else None


async def uploaded(line: Line, file: OutgoingFile) -> str | Answer:
    """The file's media id; an Answer that says why there is none, certainly not delivered."""
    pieces = [file.data[start : start + PIECE] for start in range(0, len(file.data), PIECE)]
    begin = {
        "type": kind_of(file),
        "filename": file.name,
        "total_size": len(file.data),
        "total_chunks": len(pieces),
        "md5": hashlib.md5(file.data, usedforsecurity=False).hexdigest(),
    }
    answer, told = await line.exchange("aibot_upload_media_init", begin)
    upload = {"upload_id": told.get("upload_id")}
    for number, piece in enumerate(pieces):
        if answer.outcome is not Outcome.SENT:
            return undelivered(answer)
        data = {"chunk_index": number, "base64_data": b64encode(piece).decode()}
        answer, _ = await line.exchange("aibot_upload_media_chunk", upload | data)
    if answer.outcome is Outcome.SENT:
        answer, told = await line.exchange("aibot_upload_media_finish", upload)
    media = told.get("media_id")
    return media if answer.outcome is Outcome.SENT and isinstance(media, str) and media else undelivered(answer)


def undelivered(answer: Answer) -> Answer:
    """What an upload's answer means for the message: nothing stands anywhere yet."""
    if answer.outcome in (Outcome.SENT, Outcome.UNKNOWN):
        return replace(answer, outcome=Outcome.RETRY, detail="文件没有上传成功，稍后自动重试")
    return answer
