"""The WeCom group webhook (企业微信 群机器人, 消息推送): text, markdown, tables, pictures and files to one group.

The key in the address is the only secret and whoever has it speaks as the street office: it never appears in an
answer, a repr or an exception.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp
from pydantic import SecretStr
from yarl import URL

from bot.platforms.contract import Answer, Avoid, Limit, Outgoing, OutgoingFile, Probe, Table
from bot.platforms.people import first_line
from bot.platforms.posting import NoReply, Reply, answer_without_reply, multipart, post_json, request
from bot.platforms.rendering import markdown_table
from bot.platforms.robots import bucket
from bot.platforms.splitting import size, split_text
from bot.platforms.wecom.codes import answer_of, errcode, loaded
from bot.platforms.wecom.probing import EMPTY, PATIENCE, robot_probe
from bot.platforms.wecom.uploading import kind_of, undelivered
from bot.platforms.wecom.wording import accounts_of, as_markdown, calling, harmless, naming, reached
from config.addresses import checked_address
from config.errors import ConfigError
from config.robot_forms import WECOM_HOST, WECOM_PATH, robot_key

PUBLIC_BASE = f"https://{WECOM_HOST}"
UPLOAD_PATH = "/cgi-bin/webhook/upload_media"
TEXT_BYTES = 2048
"""The longest `text.content`, in bytes of UTF-8 (platforms, A1)."""
MARKDOWN_BYTES = 4096
"""The longest `markdown.content` and `markdown_v2.content`."""
FILE_BYTES = 20 << 20
WEBHOOK_TIMEOUT = timedelta(seconds=10)
"""★ For the whole request. A longer wait would only hold up the messages behind it."""
MARKDOWN_V2: Final = "markdown_v2"


class WeComWebhook:
    """One group robot, a `Sender`.

    `webhook` is the robot's full address with `key=`. Where it is on the public host and `api_base` names a private
    or government installation, that one is called instead. `limits` are how many messages it may send; `features`
    what the installation can show; `session` comes from `posting.webhook_session`. Raises ConfigError, with one
    Chinese line that does not repeat the address, where either address is wrong.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        webhook: SecretStr | str,
        *,
        limits: tuple[Limit, ...],
        api_base: str = PUBLIC_BASE,
        features: Collection[str] = (MARKDOWN_V2,),
        timeout: timedelta = WEBHOOK_TIMEOUT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.limits = limits
        self._session = session
        self._features = features
        self._timeout = timeout
        self._now = now
        address = webhook.get_secret_value() if isinstance(webhook, SecretStr) else webhook
        self._address = SecretStr(str(_called(address, api_base)))

    avoid: tuple[Avoid, ...] = ()
    edits = False

    @property
    def ready(self) -> bool:
        """Always: a webhook needs no connection."""
        return True

    def __repr__(self) -> str:
        return f"WeComWebhook({URL(self._address.get_secret_value()).host})"

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """The messages to send, in order: what is said, then the picture or file.

        People without an account here are named in a last line `@姓名`; `send` adds nothing to a text. A table is
        shown as markdown_v2, which can call nobody: a text behind it does. Markdown too long for one message gives
        way to the text, so that no tag is ever cut.
        """
        if message.plain:
            return _texts(message)
        return [*(self._tables(message) or _markdown(message) or _texts(message)), *_file(message)]

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts` and classify the answer. Raises nothing for what the network does."""
        return (await self._send(message)).pausing(bucket(self.limits))

    async def _send(self, message: Outgoing) -> Answer:
        if message.file is None:
            return await self._post(_said(message))
        if kind_of(message.file, FILE_BYTES) == "image":
            data = message.file.data
            digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
            return await self._post({"msgtype": "image", "image": {"base64": b64encode(data).decode(), "md5": digest}})
        uploaded = await self._upload(message.file)
        if isinstance(uploaded, Answer):
            return uploaded
        return await self._post({"msgtype": "file", "file": {"media_id": uploaded}})

    async def probe(self) -> Probe:
        """Whether the robot would take a message: it is given one without content, which it refuses."""
        reply = await post_json(self._session, self._address.get_secret_value(), EMPTY, PATIENCE)
        return robot_probe(reply, self._now)

    def _tables(self, message: Outgoing) -> list[Outgoing]:
        """The table in as few messages as hold it, none where it cannot be shown."""
        if message.table is None or MARKDOWN_V2 not in self._features:
            return []
        subject = first_line(message.text)
        head = replace(_bare(message), text=subject, markdown=message.markdown)
        more = replace(_bare(message), text=f"{subject}（续）")
        pages: list[Outgoing] = []
        for row in message.table.rows:
            page = pages[-1] if pages else replace(head, table=Table(message.table.head, ()))
            longer = _with_row(page, row)
            if not _fits(longer):
                longer = _with_row(replace(more, table=Table(message.table.head, ())), row)
                if not pages or not _fits(longer):
                    return []
                pages.append(longer)
            else:
                pages[-1:] = [longer]
        if not pages:
            return []
        if message.mentions:
            call = naming(f"{subject}\n见上表", message.mentions)
            pages.append(replace(_bare(message), text=call, mentions=reached(message.mentions)))
        return pages

    async def _upload(self, file: OutgoingFile) -> str | Answer:
        """The media id of an uploaded file, valid for this robot; an Answer where there is none.

        Nothing stands in the group by an upload alone: whatever became of it, the message was not delivered.
        """
        url = URL(self._address.get_secret_value())
        path = url.path.removesuffix(WECOM_PATH) + UPLOAD_PATH
        url = url.with_path(path).with_query(key=url.query["key"], type="file")
        body, media = multipart({}, "media", file.name, "application/octet-stream", file.data)
        reply = await request(self._session, "POST", str(url), self._timeout, body=body, media=media)
        if isinstance(reply, Reply):
            uploaded = loaded(reply.body)
            number = uploaded.get("media_id")
            if errcode(uploaded) == 0 and isinstance(number, str) and number:
                return number
        return undelivered(_classified(reply))

    async def _post(self, content: dict[str, Any]) -> Answer:
        body = json.dumps(content, ensure_ascii=False).encode()
        return _classified(await post_json(self._session, self._address.get_secret_value(), body, self._timeout))


def _classified(reply: Reply | NoReply) -> Answer:
    return answer_without_reply(reply) if isinstance(reply, NoReply) else answer_of(reply)


def _bare(message: Outgoing) -> Outgoing:
    return Outgoing(message.key, message.text)


def _texts(message: Outgoing) -> list[Outgoing]:
    """The text, cut to length; only the first part calls people."""
    texts = split_text(harmless(naming(message.text, message.mentions)), TEXT_BYTES)
    called = reached(message.mentions)
    return [Outgoing(message.key, text, () if number else called) for number, text in enumerate(texts)]


def _markdown(message: Outgoing) -> list[Outgoing]:
    """The markdown as one message; none where there is none or it is too long."""
    if message.markdown is None or message.table is not None:
        return []
    markdown = naming(message.markdown, message.mentions)
    part = replace(_bare(message), markdown=markdown, mentions=reached(message.mentions))
    return [part] if _fits(part) else []


def _file(message: Outgoing) -> Iterator[Outgoing]:
    """The picture or file as a message of its own, where the robot takes it: the text says it anyway."""
    file = message.file
    if file is not None and kind_of(file, FILE_BYTES) is not None:
        yield replace(_bare(message), text=first_line(message.text), file=file)


def _with_row(page: Outgoing, row: tuple[str, ...]) -> Outgoing:
    assert page.table is not None
    return replace(page, table=Table(page.table.head, (*page.table.rows, row)))


def _fits(part: Outgoing) -> bool:
    return 0 < size(_content(part)) <= (TEXT_BYTES if _kind(part) == "text" else MARKDOWN_BYTES)


def _said(message: Outgoing) -> dict[str, Any]:
    """The request's body for a message without a file."""
    kind = _kind(message)
    inner: dict[str, Any] = {"content": _content(message)}
    if kind == "text" and (accounts := accounts_of(message.mentions)):
        inner["mentioned_list"] = accounts
    return {"msgtype": kind, kind: inner}


def _kind(message: Outgoing) -> str:
    if message.table is not None:
        return MARKDOWN_V2
    return "text" if message.markdown is None else "markdown"


def _content(message: Outgoing) -> str:
    if message.table is not None:
        lead = as_markdown(message.text) if message.markdown is None else harmless(message.markdown)
        return f"{lead}\n\n{harmless(markdown_table(message.table))}"
    if message.markdown is not None:
        return calling(harmless(message.markdown), message.mentions)
    return harmless(message.text)


def _called(webhook: str, api_base: str) -> URL:
    """The address that is really called: nothing of the given one is kept but its host, path and key."""
    try:
        webhook, api_base = checked_address(webhook.strip()), checked_address(api_base.strip())
        key = robot_key("wecom", webhook)
        given, base = URL(webhook), URL(api_base)
        (base.raw_host or "").encode("idna")
    except ValueError as error:
        reason = "主机名写法不对" if isinstance(error, UnicodeError) else error
        raise ConfigError(f"企业微信群机器人的地址不对：{reason}，请从群机器人的资料页完整复制") from None
    target = given
    if given.host == WECOM_HOST and base.host != given.host:
        target = base.with_path(base.path.rstrip("/") + WECOM_PATH)
    return target.with_query(key=key).with_fragment(None)
