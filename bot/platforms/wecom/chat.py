"""The 智能机器人 in one chat: what it says there, by its WebSocket, or as the answer to a callback."""

import json
import secrets
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final, Protocol

import aiohttp

from bot.platforms.contract import Answer, Avoid, Limit, Outcome, Outgoing, Sender
from bot.platforms.people import first_line
from bot.platforms.posting import NoReply, answer_without_reply, post_json
from bot.platforms.rendering import markdown_table
from bot.platforms.reply_addresses import allowed
from bot.platforms.splitting import begun, size, split_text
from bot.platforms.wecom import application, cards, uploading
from bot.platforms.wecom.application import CUT_OFF
from bot.platforms.wecom.codes import STALE, answer_of
from bot.platforms.wecom.streams import SAID_BYTES, Streams
from bot.platforms.wecom.webhook import MARKDOWN_V2, PUBLIC_BASE, TEXT_BYTES, WEBHOOK_TIMEOUT
from bot.platforms.wecom.wording import as_markdown, calling, harmless, naming, reached
from config.robot_forms import WECOM_HOST

LIMITS: Final = (Limit(22, timedelta(minutes=1)), Limit(900, timedelta(hours=1)))
"""★ Of 30 a minute and 1000 an hour in one conversation, answers and notices together: its clock is not ours, and
changes of pressed cards (`cards.CHANGES`) count, too."""
CARDS: Final = "template_card"
REQUEST, ADDRESS, STREAM, PASSIVE = "req_id", "response_url", "stream", "passive"
"""What `Incoming.reply` holds: the frame that asked; or the address that answers it once, and the stream that answers
it in place; or, of an application, the stream that is the answer to the callback itself."""
FETCHED: Final = timedelta(seconds=4)
"""★ How long an answer waits for the platform to fetch it; with a request after that it ends before delivery does."""
REMEMBERED: Final = 256
"""Questions of a chat that are known to be answered: a second answer goes out by itself."""
PUBLIC_HOSTS: Final = frozenset({WECOM_HOST})


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

    avoid: tuple[Avoid, ...] = ()
    edits = False

    def __init__(self, line: Line, chat: str, kind: int, features: Collection[str]) -> None:
        self.limits: tuple[Limit, ...] = tuple(replace(limit, bucket=f"wecom:{chat}") for limit in LIMITS)
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
            parts.append(Outgoing(message.key, message.text, actions=message.actions, repeats=True))
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
                return answer.pausing(self.limits[0].bucket)
        return await self._push("markdown", {"content": content})

    async def _push(self, kind: str, content: dict[str, Any]) -> Answer:
        body = {"chatid": self._chat, "chat_type": self._kind, "msgtype": kind, kind: content}
        return (await self._line.ask("aibot_send_msg", body)).pausing(self.limits[0].bucket)


class CallbackChat:
    """The bot where it only hears by HTTP callback, a `Sender`: it answers in the stream of the question, else by the
    question's address, once and within the hour. It can begin nothing: the group's robot says the rest."""

    avoid: tuple[Avoid, ...] = ()
    edits = False
    ready = True

    def __init__(
        self, session: aiohttp.ClientSession, streams: Streams, features: Collection[str], api_base: str = PUBLIC_BASE
    ) -> None:
        self.beside: Callable[[], Sender | None] = lambda: None
        self._session = session
        self._streams = streams
        self._features = features
        self._api_base = api_base
        self._used: deque[str] = deque(maxlen=REMEMBERED)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The chat's own, and the robot's: which of the two will say an answer shows only while it is sent."""
        robot = self.beside()
        return LIMITS if robot is None else (*LIMITS, *(limit for limit in robot.limits if limit.bucket))

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """One message: an address takes no second one, nor does a callback's answer."""
        if PASSIVE in (message.reply or {}):
            return [application.part(message)]
        parts = said_parts(message, self._features)
        if len(parts) == 1:
            return parts
        called, names = reached(message.mentions), as_markdown(naming("", message.mentions))
        text = begun(as_markdown(message.text), SAID_BYTES - size(names + calling("", called)), CUT_OFF)
        return [Outgoing(message.key, text + names, called, plain=message.plain, reply=message.reply)]

    async def send(self, message: Outgoing) -> Answer:
        """Answer the question where it stands, by its address, or by the group's robot."""
        reply = message.reply or {}
        if passive := reply.get(PASSIVE):
            if await self._streams.say(passive, message.text, FETCHED):
                return Answer(Outcome.SENT, "企业微信已取走")
            why = "自建应用只能在收到消息后一秒内回答，这一条没有赶上：请再问一次，或改用智能机器人"
            return Answer(Outcome.PERMANENT, why)
        stream, url = reply.get(STREAM), reply.get(ADDRESS, "")
        if stream and await self._streams.say(stream, _content(message), FETCHED):
            return Answer(Outcome.SENT, "企业微信已取走")
        if not url:
            why = "HTTP 回调的机器人只能在原处回答提问，不能主动发：请改用长连接，或给群加群机器人"
            return await self._by_robot(message, Answer(Outcome.PERMANENT, why))
        if not allowed(url, PUBLIC_HOSTS, self._api_base):
            return Answer(Outcome.PERMANENT, "回答的地址不是企业微信的，没有发送")
        spent = Answer(Outcome.PERMANENT, "回答的地址已用过或已失效")
        if url in self._used:
            return await self._by_robot(message, spent)
        body = json.dumps({"msgtype": "markdown", "markdown": {"content": _content(message)}}, ensure_ascii=False)
        posted = await post_json(self._session, url, body.encode(), WEBHOOK_TIMEOUT)
        answer = answer_without_reply(posted) if isinstance(posted, NoReply) else answer_of(posted)
        if answer.outcome is Outcome.SENT:
            self._used.append(url)
        # The platform refuses an address that was used or is an hour old as it does a robot's that was removed.
        if answer.outcome is Outcome.CLOSED and answer.code is not None:
            return await self._by_robot(message, replace(spent, status=answer.status, code=answer.code))
        return answer

    async def _by_robot(self, message: Outgoing, otherwise: Answer) -> Answer:
        """Certainly not said yet, so that the robot may; `otherwise` where the chat has none."""
        robot = self.beside()
        if robot is None:
            return otherwise
        first, *more = robot.parts(replace(message, reply=None))
        if more:
            first = Outgoing(message.key, begun(harmless(message.text), TEXT_BYTES, CUT_OFF), message.mentions)
        return await robot.send(first)


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
