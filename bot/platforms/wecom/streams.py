"""Answers that the platform fetches: a callback is answered with a stream, which it asks for until it is finished.

So a question that came by HTTP callback can be answered more than once, though its `response_url` takes one message.
A stream lives in this process: whoever does not have it says so to the sender, which then uses the address. What was
fetched is given again as it was, whenever the platform asks again.
"""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from bot.platforms.splitting import size

LONGEST: Final = timedelta(minutes=5)
"""★ A stream is finished this long after it was begun: the platform asks for six minutes (platforms, B1)."""
QUIET: Final = timedelta(seconds=3)
"""★ Nothing more is expected this long after the last answer, where it is not known how many there are."""
ELSEWHERE: Final = timedelta(seconds=15)
"""★ Whatever was to be said here has been said otherwise this long after the message was taken."""
MOST: Final = 1000
"""Streams that are kept; of more the oldest is forgotten."""
SAID_BYTES: Final = 20480
"""The longest content of a stream, in bytes of UTF-8."""
_BETWEEN: Final = "\n\n"
_ENDINGS: Final = {"elsewhere": "已答复，见另一条消息或私聊。", "late": "还在办理，办好后在这里答复。"}


@dataclass
class _Stream:
    begun: float
    contents: list[str] = field(default_factory=list)
    shown: int = 0
    expected: int | None = None
    taken: float | None = None
    last: float = 0.0
    over: str | None = None
    most: int = SAID_BYTES
    fetched: asyncio.Event = field(default_factory=asyncio.Event)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def content(self) -> str:
        return _BETWEEN.join(self.contents)


class Streams:
    """The streams of one bot."""

    def __init__(self) -> None:
        self._streams: OrderedDict[str, _Stream] = OrderedDict()

    def begin(self, number: str, most: int = SAID_BYTES) -> dict[str, Any]:
        """The stream with which a message is answered; the same one where the message came again."""
        if number not in self._streams:
            self._streams[number] = _Stream(_time(), most=most)
            while len(self._streams) > MOST:
                self._streams.popitem(last=False)
        return self.asked(number)

    def taken(self, number: str, answers: int) -> None:
        """Note that the message was taken and how many answers there are; some of them may go elsewhere."""
        if (stream := self._streams.get(number)) is not None and stream.taken is None:
            stream.expected, stream.taken = answers, _time()
            stream.news.set()

    def asked(self, number: str) -> dict[str, Any]:
        """What the platform is given when it asks for a stream; one that is not here is at its end."""
        stream = self._streams.get(number)
        if stream is None:
            return _said(number, _ENDINGS["elsewhere"], finish=True)
        if stream.over is None and (ending := _ending(stream)) is not None:
            stream.over = ending
        stream.shown = len(stream.contents)
        stream.fetched.set()
        return _said(number, stream.content if stream.over is None else stream.over, finish=stream.over is not None)

    async def whole(self, number: str, patience: timedelta) -> str:
        """All that is said in a stream within `patience`, for who asks but once: nothing is added to it later."""
        stream = self._streams.get(number)
        if stream is None:
            return ""
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while stream.over is None and (stream.expected is None or len(stream.contents) < stream.expected):
                    stream.news.clear()
                    await stream.news.wait()
        except TimeoutError:
            pass
        if stream.over is None:
            stream.over = stream.content
        stream.shown = len(stream.contents)
        stream.fetched.set()
        return stream.over

    async def say(self, number: str, content: str, patience: timedelta) -> bool:
        """Put one more answer into a stream; whether the platform fetched it in time. If not, it will not."""
        stream = self._streams.get(number)
        longer = 0 if stream is None else size(_BETWEEN.join([*stream.contents, content]))
        if stream is None or stream.over is not None or longer > stream.most:
            return False
        stream.contents.append(content)
        stream.last = _time()
        stream.news.set()
        mine = len(stream.contents)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                while stream.shown < mine:
                    stream.fetched.clear()
                    await stream.fetched.wait()
        except TimeoutError:
            stream.contents.remove(content)
            return False
        return True


def _ending(stream: _Stream) -> str | None:
    """The last content of a stream that is to be finished now; None while there may be more."""
    now, said = _time(), len(stream.contents)
    complete = stream.expected is not None and said >= stream.expected
    if said and (complete or now - stream.last >= QUIET.total_seconds()):
        return stream.content
    if not said and stream.taken is not None and now - stream.taken >= ELSEWHERE.total_seconds():
        return _ENDINGS["elsewhere"]
    if now - stream.begun >= LONGEST.total_seconds():
        return stream.content or _ENDINGS["late"]
    return None


def _said(number: str, content: str, *, finish: bool) -> dict[str, Any]:
    return {"msgtype": "stream", "stream": {"id": number, "finish": finish, "content": content}}


def _time() -> float:
    return asyncio.get_running_loop().time()
