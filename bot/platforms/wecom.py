"""The WeCom group webhook (企业微信 群机器人, 消息推送): messages of type `text` to one group.

HTTP 200 says nothing; `errcode` decides (platforms, A1). The key in the address is the only secret and whoever has it
speaks as the street office: it never appears in an answer, a repr or an exception.
"""

import json
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from bot.platforms.contract import Answer, Avoid, Limit, Mention, Outcome, Outgoing, Probe, Sender, Wiring
from bot.platforms.posting import DEFAULT_WAIT, NoReply, Reply, answer_by_status, answer_without_reply, post_json
from bot.platforms.splitting import split_text, without_surrogates
from config.addresses import checked_address
from config.entries import Robot
from config.errors import ConfigError

PUBLIC_BASE = "https://qyapi.weixin.qq.com"
WEBHOOK_PATH = "/cgi-bin/webhook/send"
TEXT_BYTES = 2048
"""The longest `text.content`, in bytes of UTF-8 (platforms, A1)."""
WEBHOOK_TIMEOUT = timedelta(seconds=10)
"""★ For the whole request. A longer wait would only hold up the messages behind it."""


def connect(wiring: Wiring) -> "WeCom":
    """The platform as the settings configure it."""
    return WeCom(wiring)


class WeCom:
    """A `Platform`: group robots."""

    name = "wecom"
    receives = False

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring

    def robot(self, robot: Robot) -> Sender:
        """The sender of a group robot; raises ConfigError for a wrong address."""
        settings = self._wiring.settings.wecom
        limit = Limit(settings.per_minute, timedelta(minutes=1))
        return WeComWebhook(self._wiring.session, robot.webhook, api_base=settings.api_base, limits=(limit,))

    def chat(self, chat: str) -> Sender | None:
        """No bot yet."""
        return None

    def person(self, account: str) -> Sender | None:
        """No bot yet."""
        return None

    def add_routes(self, app: web.Application) -> None:
        """None."""

    async def run(self) -> None:
        """Nothing to hold."""

    async def probe(self) -> list[Probe]:
        """Nothing that could be asked without sending."""
        return []


class WeComWebhook:
    """One group robot, a `Sender`.

    `webhook` is the robot's full address with `key=`. Where it is on the public host and `api_base` names a private
    or government installation, that one is called instead. `limits` are how many messages it may send; `session`
    comes from `posting.webhook_session`. Raises ConfigError, with one Chinese line that does not repeat the address,
    where either address is wrong.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        webhook: SecretStr | str,
        *,
        limits: tuple[Limit, ...],
        api_base: str = PUBLIC_BASE,
        timeout: timedelta = WEBHOOK_TIMEOUT,
    ) -> None:
        self.limits = limits
        self._session = session
        self._timeout = timeout
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
        """The contents to send, in order. People without an account here are named in a last line `@姓名`.

        `send` adds nothing to a content; only the first calls people.
        """
        text = message.text
        unreachable = dict.fromkeys(f"@{mention.name}" for mention in message.mentions if _account(mention) is None)
        if unreachable:
            text = f"{text.rstrip()}\n{' '.join(unreachable)}"
        reached = tuple(mention for mention in message.mentions if _account(mention) is not None)
        return [
            Outgoing(message.key, part, () if number else reached)
            for number, part in enumerate(split_text(_harmless(text), TEXT_BYTES))
        ]

    async def send(self, message: Outgoing) -> Answer:
        """Send one content of `split` and classify the answer. Raises nothing for what the network does."""
        text: dict[str, Any] = {"content": _harmless(message.text)}
        if accounts := _accounts(message.mentions):
            text["mentioned_list"] = accounts
        body = json.dumps({"msgtype": "text", "text": text}, ensure_ascii=False).encode()
        reply = await post_json(self._session, self._address.get_secret_value(), body, self._timeout)
        return answer_without_reply(reply) if isinstance(reply, NoReply) else answer_of(reply)


def answer_of(reply: Reply) -> Answer:
    """What the platform's answer means. An `errcode` decides whatever the HTTP status; without one the status does.

    A code that the table does not know is kept as unknown and shown with its number: nobody has said that such a
    message did not arrive, and repeating it for ever would help nobody.
    """
    code = _errcode(reply.body)
    if code is None:
        return answer_by_status(reply)
    if code == 0 and reply.status // 100 != 2:
        return Answer(Outcome.UNKNOWN, f"平台说成功，状态却是 HTTP {reply.status}，可能已经送到", reply.status, code)
    outcome, detail = _CODES.get(code, _UNKNOWN_CODE)
    wait = (reply.wait or DEFAULT_WAIT) if outcome is Outcome.RETRY_AFTER else None
    return Answer(outcome, detail if code == 0 else f"{detail}（错误码 {code}）", reply.status, code, wait)


_UNKNOWN_CODE = (
    Outcome.UNKNOWN,
    "企业微信回了没见过的错误码，不知道是否送到；含义可查 https://open.work.weixin.qq.com/devtool/query",
)
_TOO_LONG = "消息超过 2048 字节被拒收，请把这一条报告给维护人员"
_ILL_FORMED = "企业微信不接受消息的格式，请把这一条报告给维护人员"
_REMOVED = "群机器人已被移除，或地址里的 key 不对：请在群里重新添加机器人，把新地址写进组织文件"
# The platform's list of return codes (document 90313), as far as a webhook can meet them. Every code but 0 says that
# the message was not posted; those of RETRY are the platform's own trouble.
_CODES: dict[int, tuple[Outcome, str]] = {
    0: (Outcome.SENT, "企业微信已收下"),
    -1: (Outcome.RETRY, "企业微信系统繁忙，稍后自动重试"),
    45009: (Outcome.RETRY_AFTER, "这个群机器人一分钟内发得太多，稍后自动重试"),
    45033: (Outcome.RETRY, "企业微信嫌同时发得太多，稍后自动重试"),
    93000: (Outcome.PERMANENT, _REMOVED),
    93004: (Outcome.PERMANENT, "群机器人已被停用：请在企业微信管理后台启用它"),
    93008: (Outcome.PERMANENT, "群机器人不在群里：请在群里重新添加机器人，把新地址写进组织文件"),
    40008: (Outcome.PERMANENT, "企业微信不认识这种消息类型：私有部署请确认版本支持文本消息"),
    40033: (Outcome.PERMANENT, _ILL_FORMED),
    40035: (Outcome.PERMANENT, _ILL_FORMED),
    40058: (Outcome.PERMANENT, "消息超过 2048 字节或参数不合规被拒收，请把这一条报告给维护人员"),
    40063: (Outcome.PERMANENT, _ILL_FORMED),
    44004: (Outcome.PERMANENT, "消息内容是空的，被企业微信拒收，请把这一条报告给维护人员"),
    45002: (Outcome.PERMANENT, _TOO_LONG),
    48002: (Outcome.PERMANENT, "企业微信没有给这个机器人发消息的权限：请企业微信管理员开通"),
    49008: (Outcome.PERMANENT, "这个群已经解散：请给新的群添加机器人，把新地址写进组织文件"),
    60020: (Outcome.PERMANENT, "企业微信不允许从本机的网络地址发送：请企业微信管理员把本机出口地址加入可信 IP"),
    301007: (Outcome.PERMANENT, "企业已停用或解散：请联系企业微信管理员"),
    301042: (Outcome.PERMANENT, "企业微信不允许从本机的网络地址发送：请企业微信管理员把本机出口地址加入可信 IP"),
}

_KEY = re.compile(r"[A-Za-z0-9_-]{8,128}")
_ALL = "@all"
# What could call people or be refused. Texts of citizens come neutralised; this is the last door.
_HARMS = (
    # JSON must escape these, and \uxxxx is refused in some fields (40033)
    (re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"), ""),
    (re.compile(r"\\(?=u[0-9A-Fa-f]{4})"), "＼"),
    (re.compile(r"(?<=<)@|@(?=all(?![A-Za-z0-9_])|所有人)", re.IGNORECASE), "＠"),
)


def _called(webhook: str, api_base: str) -> URL:
    """The address that is really called: nothing of the given one is kept but its host, path and key."""
    try:
        webhook, api_base = checked_address(webhook.strip()), checked_address(api_base.strip())
    except ValueError as error:
        raise ConfigError(f"企业微信群机器人的地址不对：{error}") from None
    try:
        given, base = URL(webhook), URL(api_base)
        for url in (given, base):
            (url.raw_host or "").encode("idna")
    except ValueError:
        raise ConfigError("企业微信群机器人的地址不对：主机名写法不对") from None
    if not given.path.endswith(WEBHOOK_PATH) or not _KEY.fullmatch(given.query.get("key", "")):
        raise ConfigError(
            f"企业微信群机器人的地址不对：应为 {PUBLIC_BASE}{WEBHOOK_PATH}?key=…，请从群机器人的资料页完整复制"
        )
    target = given
    if given.host == URL(PUBLIC_BASE).host and base.host != given.host:
        target = base.with_path(base.path.rstrip("/") + WEBHOOK_PATH)
    return target.with_query(key=given.query["key"]).with_fragment(None)


def _account(mention: Mention) -> str | None:
    """The account to call; never everybody, whatever the organisation file says."""
    account = (mention.account or "").strip()
    return account if account and account.casefold() != _ALL else None


def _accounts(mentions: Iterable[Mention]) -> list[str]:
    return list(dict.fromkeys(account for mention in mentions if (account := _account(mention)) is not None))


def _harmless(text: str) -> str:
    text = without_surrogates(text)
    for harm, replacement in _HARMS:
        text = harm.sub(replacement, text)
    return text


def _errcode(body: bytes | None) -> int | None:
    try:
        answer = json.loads(body or b"")
    except (ValueError, RecursionError):
        return None
    code = answer.get("errcode") if isinstance(answer, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None
