"""The Feishu custom robot (自定义机器人): text, posts that call people, and cards to read, to one group.

The last part of its address is a key and whoever has it speaks as the street office: it never appears in an answer,
a repr or an exception. The signature travels in the body (platforms, A3).
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import aiohttp
from pydantic import SecretStr
from yarl import URL

from bot.platforms.contract import Answer, Avoid, Limit, Outgoing
from bot.platforms.feishu.codes import answer_of
from bot.platforms.feishu.content import content_of, divided
from bot.platforms.posting import post_json
from bot.platforms.robots import bucket
from config.addresses import checked_address
from config.errors import ConfigError
from config.robot_forms import FEISHU_PATH, robot_key

PUBLIC_HOSTS: Final = frozenset({"open.feishu.cn", "open.larksuite.com"})
WEBHOOK_TIMEOUT: Final = timedelta(seconds=10)
"""★ For the whole request. A longer wait would only hold up the messages behind it."""


class FeishuWebhook:
    """One group robot, a `Sender`.

    `webhook` is the robot's full address; where it is on a public host and `api_base` names a private installation,
    that one is called instead. `secret` signs, where the robot wants it, with the time of `now`. Raises ConfigError,
    with one Chinese line that does not repeat the address, where either address is wrong.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        webhook: SecretStr,
        secret: SecretStr | None,
        *,
        api_base: str,
        limits: tuple[Limit, ...],
        avoid: tuple[Avoid, ...],
        now: Callable[[], datetime],
        timeout: timedelta = WEBHOOK_TIMEOUT,
    ) -> None:
        self.limits = limits
        self.avoid = avoid
        self._session = session
        self._secret = secret
        self._now = now
        self._timeout = timeout
        self._address = SecretStr(str(_called(webhook.get_secret_value(), api_base)))

    edits = False

    @property
    def ready(self) -> bool:
        """Always: a webhook needs no connection."""
        return True

    def __repr__(self) -> str:
        return f"FeishuWebhook({URL(self._address.get_secret_value()).host})"

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """The messages to send, in order. Pictures and files cannot be uploaded by a robot, nor buttons pressed: the
        text says it too."""
        return divided(message, buttons=False)

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts` and classify the answer. Raises nothing for what the network does."""
        kind, content = content_of(message)
        body: dict[str, Any] = {"msg_type": kind}
        match kind:
            case "interactive":
                body["card"] = content
            case "post":
                body["content"] = {"post": content}
            case _:
                body["content"] = content
        if self._secret is not None:
            body |= signature(self._secret.get_secret_value(), self._now())
        raw = json.dumps(body, ensure_ascii=False).encode()
        answer = answer_of(await post_json(self._session, self._address.get_secret_value(), raw, self._timeout))
        return answer.pausing(bucket(self.limits))


def signature(secret: str, at: datetime) -> dict[str, str]:
    """`timestamp` and `sign` of a robot that wants a signature: the key is moment and secret, the message empty."""
    moment = str(int(at.timestamp()))
    digest = hmac.new(f"{moment}\n{secret}".encode(), b"", hashlib.sha256).digest()
    return {"timestamp": moment, "sign": b64encode(digest).decode()}


def _called(webhook: str, api_base: str) -> URL:
    """The address that is really called: nothing of the given one is kept but its host and key."""
    try:
        webhook, api_base = checked_address(webhook.strip()), checked_address(api_base.strip())
        key = robot_key("feishu", webhook)
        given, base = URL(webhook), URL(api_base)
        (base.raw_host or "").encode("idna")
    except ValueError as error:
        reason = "主机名写法不对" if isinstance(error, UnicodeError) else error
        raise ConfigError(f"飞书自定义机器人的地址不对：{reason}，请从群机器人的设置里完整复制") from None
    front = given.path.partition(FEISHU_PATH)[0]
    if given.host in PUBLIC_HOSTS and base.host not in PUBLIC_HOSTS:
        given, front = base, base.path.rstrip("/")
    return given.with_path(f"{front}{FEISHU_PATH}{key}").with_query(None).with_fragment(None)
