"""The platform as the settings configure it: group robots, and the bot by WebSocket or by HTTP callback."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

from aiohttp import web
from loguru import logger

from bot.platforms import taking
from bot.platforms.contract import Incoming, Limit, Probe, Sender, Wiring
from bot.platforms.robots import counted
from bot.platforms.taking import Full, Taking
from bot.platforms.wecom import application, cards
from bot.platforms.wecom.callback import Callbacks, First
from bot.platforms.wecom.chat import ADDRESS, PASSIVE, REQUEST, STREAM, BotChat, CallbackChat
from bot.platforms.wecom.crypto import Envelope
from bot.platforms.wecom.media import fetched
from bot.platforms.wecom.messages import PLATFORM, Message, Press, asked_for, read
from bot.platforms.wecom.probing import probe_interface, probe_socket
from bot.platforms.wecom.socket import Socket
from bot.platforms.wecom.streams import Streams
from bot.platforms.wecom.webhook import WeComWebhook
from config.entries import Robot

SINGLE, GROUP = 1, 2
"""The platform's `chat_type`."""
UPDATED: Final = timedelta(seconds=5)
"""How long after a press its card can be changed (platforms, B1)."""
DONE: Final = "✔"
"""How the answer to a command that was carried out begins (interface, Chat)."""
FETCHING: Final = 4
"""★ Messages whose files are fetched at a time."""
AT_ONCE: Final = timedelta(0)


def connect(wiring: Wiring) -> "WeCom":
    """A `Platform`. Which settings go together `config.settings` has checked."""
    return WeCom(wiring)


class WeCom:
    """A `Platform`. What arrives is taken by tasks of its own, so that a reader never waits for the store."""

    name = PLATFORM

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._settings = settings = wiring.settings.wecom
        folder = wiring.settings.data_dir
        self._folder = folder if folder.is_dir() else None
        self._taking = Taking(PLATFORM)
        self._fetching = asyncio.Semaphore(FETCHING)
        self._socket: Socket | None = None
        self._callbacks: Callbacks | None = None
        self._streams = Streams()
        self._changes = cards.Changes()
        if settings.bot_id is not None and settings.secret is not None:
            self._socket = Socket(wiring.session, settings.ws_url, settings.bot_id, settings.secret, self._take_frame)
        elif settings.token is not None and settings.encoding_aes_key is not None:
            envelope = Envelope(settings.token, settings.encoding_aes_key, settings.corp_id)
            self._callbacks = Callbacks(envelope, wiring.door, self._take_callback, wiring.now)

    @property
    def receives(self) -> bool:
        """Whether a bot is configured, not only robots."""
        return self._socket is not None or self._callbacks is not None

    @property
    def connected(self) -> bool | None:
        """Whether the bot is known on its WebSocket; None where it has none."""
        return None if self._socket is None else self._socket.ready

    @property
    def reason(self) -> str:
        """Why the WebSocket does not stand."""
        return "" if self._socket is None else self._socket.reason

    def robot(self, robot: Robot) -> Sender:
        """The sender of a group robot; raises ConfigError for a wrong address."""
        limit = Limit(self._settings.per_minute, timedelta(minutes=1))
        return WeComWebhook(
            self._wiring.session,
            robot.webhook,
            api_base=self._settings.api_base,
            limits=counted(robot, (limit,)),
            features=self._settings.features,
            now=self._wiring.now,
        )

    def chat(self, chat: str) -> Sender | None:
        """The bot in a group."""
        return self._sender(chat, GROUP)

    def person(self, account: str) -> Sender | None:
        """The bot's single chat with a person."""
        return self._sender(account, SINGLE)

    def add_routes(self, app: web.Application) -> None:
        """`/callbacks/wecom`, where the bot hears by callback."""
        if self._callbacks is not None:
            self._callbacks.add_routes(app)

    async def run(self) -> None:
        """Hold the connection while this replica may; at the end let what was taken be stored."""
        try:
            if self._socket is not None:
                await self._wiring.lead(f"socket:{PLATFORM}", self._socket.run)
            elif self._callbacks is not None:
                await asyncio.get_running_loop().create_future()
        finally:
            await self._taking.stop()

    async def probe(self) -> list[Probe]:
        """Ask whether somebody is there."""
        session, now = self._wiring.session, self._wiring.now
        found: list[Probe] = []
        if self._socket is not None:
            found.append(await probe_socket(session, self._settings.ws_url, now))
        if self._callbacks is not None:
            found.append(await probe_interface(session, self._settings.api_base, now))
        return found

    def _sender(self, chat: str, kind: int) -> Sender | None:
        if self._socket is not None:
            return BotChat(self._socket, chat, kind, self._settings.features)
        if self._callbacks is not None:
            return CallbackChat(self._wiring.session, self._streams, self._settings.features, self._settings.api_base)
        return None

    async def _take_frame(self, body: dict[str, Any], request: str) -> None:
        """A frame of the WebSocket: the reader goes on at once. WeCom waits for no acknowledgement of one, so none
        comes again."""
        try:
            await self._take_body(body, request)
        except Full:
            number = body.get("msgid") or request
            logger.error("wecom: message {} is lost, no platform repeats it: who wrote it got no answer", number)

    async def _take_body(self, body: dict[str, Any], request: str) -> None:
        match read(body, request):
            case Message() as message:
                incoming = message.incoming
                await self._taking(
                    lambda: self._take(message, {REQUEST: request}), AT_ONCE, incoming.message_id, incoming.account
                )
            case Press() as press:
                arrived = time.monotonic()
                await self._taking(
                    lambda: self._pressed(press, request, arrived), AT_ONCE, press.message_id, press.account
                )
            case other:
                logger.debug("wecom: {} is not for us", other)

    async def _take_callback(self, body: dict[str, Any], first: First, by_xml: bool) -> dict[str, Any] | str | None:
        """A `Take`. To be asked for a stream, every second or so, changes nothing: no nonce of it is remembered."""
        if (number := asked_for(body)) is not None:
            return self._streams.asked(number)
        match read(body):
            case Message() as message:
                return await (self._passive(message, first) if by_xml else self._answered(message, first))
            case Press() as press if (command := cards.command_of(press)) is not None:
                receive = partial(self._wiring.receive, press.incoming(command))
                await self._taking.once(first, receive, press.message_id, press.account)
            case other:
                logger.debug("wecom: {} is not for us", type(other).__name__)
        return None

    async def _answered(self, message: Message, first: First) -> dict[str, Any] | None:
        """Take a message of a callback and begin the stream of its answers; none where nothing is to be said, or where
        the receiver is no 智能机器人 and takes none."""
        url, number = message.response_url, message.incoming.message_id
        reply = {} if url is None else {ADDRESS: url}
        stream = None if self._settings.corp_id else f"jiesu-{sha256(number.encode()).hexdigest()[:32]}"
        if stream is not None:
            reply[STREAM] = stream
            self._streams.begin(stream)

        async def take() -> list[str]:
            said = await self._take(message, reply or None)
            if stream is not None:
                self._streams.taken(stream, len(said))
            return said

        said = await self._taking.once(first, take, number, message.incoming.account)
        return None if stream is None or said == [] else self._streams.begin(stream)

    async def _passive(self, message: Message, first: First) -> str:
        """Take a message of an application; what is answered within the second is all that it can be told."""
        until = asyncio.get_running_loop().time() + taking.PATIENCE.total_seconds()
        number = message.incoming.message_id
        stream = f"passive-{sha256(number.encode()).hexdigest()[:32]}"
        self._streams.begin(stream, application.TEXT_BYTES)

        async def take() -> None:
            self._streams.taken(stream, len(await self._take(message, {PASSIVE: stream})))

        await self._taking.once(first, take, number, message.incoming.account)
        left = until - asyncio.get_running_loop().time()
        return await self._streams.whole(stream, timedelta(seconds=max(left, 0)))

    async def _take(self, message: Message, reply: Mapping[str, str] | None) -> list[str]:
        # A callback is sealed and signed as a whole: what answers it stood beside who asked.
        incoming = replace(message.incoming, reply=reply, proven=self._callbacks is not None)
        if not (message.media and await self._ours(incoming)):
            return await self._wiring.receive(incoming)
        async with (
            self._fetching,
            fetched(self._wiring.session, message.media, self._settings.api_base, self._folder) as files,
        ):
            return await self._wiring.receive(replace(incoming, files=files))

    async def _ours(self, incoming: Incoming) -> bool:
        """Whether people of the office sent it: files of strangers are not fetched."""
        knows, chat = self._wiring.knows, incoming.chat
        return await knows(PLATFORM, incoming.account) and (chat is None or await knows(PLATFORM, chat))

    async def _pressed(self, press: Press, request: str, arrived: float) -> None:
        """Carry out a button's command and show on the card who did what and what comes next, while it can be changed.

        A refusal, or the line for who is none of ours, stays an answer in the chat: the buttons are still there for
        whoever may press them.
        """
        command = cards.command_of(press)
        if command is None:
            shown = cards.expired(press)
        else:
            incoming = press.incoming(command)
            answers = await self._wiring.receive(incoming)
            if not answers or not answers[0].startswith(DONE):
                return
            shown = cards.settled(press, answers[0], await self._wiring.offered(incoming))
        # Not in the turn of who pressed: what they say next need not wait for the platform to have changed the card.
        with contextlib.suppress(Full):
            await self._taking(lambda: self._change(press, request, arrived, shown), AT_ONCE, press.message_id)

    async def _change(self, press: Press, request: str, arrived: float, shown: dict[str, Any]) -> None:
        assert self._socket is not None
        chat = press.account if press.chat is None else press.chat
        if time.monotonic() - arrived < UPDATED.total_seconds() and self._changes.take(chat):
            answer = await self._socket.ask("aibot_respond_update_msg", shown, request)
            logger.debug("wecom: a card was updated: {}", answer.outcome)
