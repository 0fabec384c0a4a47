"""The 智能机器人 in one chat: what it says there, by its WebSocket or by a message's own `response_url`."""

import json
import secrets
from collections import deque
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Protocol

import aiohttp

from bot.platforms.contract import Answer, Avoid, Limit, Outcome, Outgoing
from bot.platforms.posting import NoReply, answer_without_reply, post_json
from bot.platforms.rendering import markdown_table
from bot.platforms.reply_addresses import allowed
from bot.platforms.splitting import size, split_text
from bot.platforms.wecom import cards, uploading
from bot.platforms.wecom.codes import STALE, answer_of
from bot.platforms.wecom.webhook import MARKDOWN_V2, PUBLIC_BASE, WEBHOOK_TIMEOUT
from bot.platforms.wecom.wording import as_markdown, calling, first_line, harmless, naming, reached

SAID_BYTES: Final = 20480
"""The longest content of a stream or of markdown, in bytes of UTF-8 (platforms, B1)."""
LIMITS: Final = (Limit(28, timedelta(minutes=1)), Limit(950, timedelta(hours=1)))
"""★ Of 30 a minute and 1000 an hour in one conversation, answers and notices together: its clock is not ours."""
CARDS: Final = "template_card"
REQUEST, ADDRESS = "req_id", "response_url"
"""What `Incoming.reply` holds: the frame that asked, or the address that answers it once."""
REMEMBERED: Final = 256
"""Questions of a chat that are known to be answered: a second answer goes out by itself."""
PUBLIC_HOSTS: Final = frozenset({"qyapi.weixin.qq.com"})


class Line(uploading.Line, Protocol):
    """The bot's connection (`bot.platforms.wecom.socket.Socket`)."""

    @property
    def ready(self) -> bool:
        """Whether it stands."""
        ...

    async def ask(self, command: str, body: dict[str, Any], request: str | None = None) -> Answer:
        """Send a frame and wait for the answer to it; `request` is the frame that it answers."""
        ...


class BotChat:
    """The bot in a group or with a person, a `Sender` over the WebSocket. `kind` is the platform's: 1 single, 2 group.

    A notice with actions is followed by a card with buttons, where `features` has template_card.
    """

    limits: tuple[Limit, ...] = LIMITS
    avoid: tuple[Avoid, ...] = ()
    edits = False

    def __init__(self, line: Line, chat: str, kind: int, features: Collection[str]) -> None:
        self._line = line
        self._chat = chat
        self._kind = kind
        self._features = features
        self._answered: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def ready(self) -> bool:
        """Whether this process holds the connection."""
        return self._line.ready

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """What is said, then picture or file, then the card. Only the first answers a question and calls people."""
        parts = said_parts(message, self._features)
        if message.plain:
            return parts
        if message.file is not None and uploading.kind_of(message.file) is not None:
            parts.append(Outgoing(message.key, first_line(message.text), file=message.file))
        if message.actions and CARDS in self._features:
            parts.append(Outgoing(message.key, message.text, actions=message.actions))
        return parts

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts`: as the answer to its question while that is known, else of the bot's own accord."""
        if message.actions:
            return await self._push("template_card", cards.card(message, secrets.token_hex(4)))
        if message.file is not None:
            media = await uploading.uploaded(self._line, message.file)
            kind = uploading.kind_of(message.file) or "file"
            return media if isinstance(media, Answer) else await self._push(kind, {"media_id": media})
        content = _content(message)
        request = (message.reply or {}).get(REQUEST)
        if request and request not in self._answered:
            self._answered.append(request)
            stream = {"id": f"answer-{message.key}", "finish": True, "content": content}
            answer = await self._line.ask("aibot_respond_msg", {"msgtype": "stream", "stream": stream}, request)
            if answer.outcome in (Outcome.RETRY, Outcome.RETRY_AFTER):
                self._answered.remove(request)
            if answer.code not in STALE:
                return answer
        return await self._push("markdown", {"content": content})

    async def _push(self, kind: str, content: dict[str, Any]) -> Answer:
        body = {"chatid": self._chat, "chat_type": self._kind, "msgtype": kind, kind: content}
        return await self._line.ask("aibot_send_msg", body)


class CallbackChat:
    """The bot where it only hears by HTTP callback, a `Sender`: it can answer a message once, within the hour, and
    begin nothing."""

    limits: tuple[Limit, ...] = LIMITS
    avoid: tuple[Avoid, ...] = ()
    edits = False
    ready = True

    def __init__(self, session: aiohttp.ClientSession, features: Collection[str], api_base: str = PUBLIC_BASE) -> None:
        self._session = session
        self._features = features
        self._api_base = api_base

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """One message: the address takes no second one."""
        first, *more = said_parts(message, self._features)
        if not more:
            return [first]
        shorter = split_text(first.text, SAID_BYTES - size(_CUT_OFF))[0]
        return [replace(first, text=shorter + _CUT_OFF)]

    async def send(self, message: Outgoing) -> Answer:
        """Answer by the address that came with the question."""
        url = (message.reply or {}).get(ADDRESS, "")
        if not url:
            return Answer(Outcome.PERMANENT, "HTTP 回调的机器人只能在原处回答提问，不能主动发：请改用长连接")
        if not allowed(url, PUBLIC_HOSTS, self._api_base):
            return Answer(Outcome.PERMANENT, "回答的地址不是企业微信的，没有发送")
        body = json.dumps({"msgtype": "markdown", "markdown": {"content": _content(message)}}, ensure_ascii=False)
        reply = await post_json(self._session, url, body.encode(), WEBHOOK_TIMEOUT)
        answer = answer_without_reply(reply) if isinstance(reply, NoReply) else answer_of(reply)
        # The platform refuses an address that was used or is an hour old as it does a robot's that was removed.
        spent = answer.outcome is Outcome.CLOSED and answer.code is not None
        return replace(answer, outcome=Outcome.PERMANENT, detail="回答的地址已失效") if spent else answer


_CUT_OFF: Final = "\n内容太长，其余没有显示：请缩小范围再查"


def said_parts(message: Outgoing, features: Collection[str]) -> list[Outgoing]:
    """The message without buttons: whole where it fits, else its text cut to length."""
    called = reached(message.mentions)
    text = naming(message.text, message.mentions)
    whole = replace(message, text=text, mentions=called, file=None, actions=(), edits=None)
    if message.markdown is not None:
        whole = replace(whole, markdown=naming(message.markdown, message.mentions))
    if message.plain or (message.table is not None and (MARKDOWN_V2 not in features or message.markdown is None)):
        whole = replace(whole, table=None, markdown=None)
    if size(_content(whole)) <= SAID_BYTES:
        return [whole]
    room = SAID_BYTES - size(calling("", called))
    texts = split_text(as_markdown(whole.text), room)
    first = Outgoing(message.key, texts[0], called, reply=message.reply, plain=message.plain)
    return [first, *(Outgoing(message.key, text, plain=message.plain) for text in texts[1:])]


def _content(message: Outgoing) -> str:
    """The markdown that the chat shows."""
    content = as_markdown(message.text) if message.markdown is None else harmless(message.markdown)
    if message.table is not None:
        content = f"{content}\n\n{harmless(markdown_table(message.table))}"
    return calling(content, message.mentions)
