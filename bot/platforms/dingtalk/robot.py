"""DingTalk's custom robot (自定义机器人): messages to one group through an address that holds its key."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import aiohttp
from pydantic import SecretStr
from yarl import URL

from bot.platforms.contract import Answer, Avoid, Limit, Outcome, Outgoing, Probe
from bot.platforms.dingtalk.answers import UNVERIFIED, answer_of
from bot.platforms.dingtalk.contents import body, encoded, parts
from bot.platforms.dingtalk.signing import signed
from bot.platforms.posting import NoReply, Reply, answer_without_reply, post_json
from bot.platforms.robots import bucket
from config.addresses import checked_address
from config.entries import Robot
from config.errors import ConfigError
from config.robot_forms import DINGTALK_PATH, robot_key

PUBLIC_BASE: Final = "https://oapi.dingtalk.com"
TIMEOUT: Final = timedelta(seconds=10)
"""★ For the whole request. A longer wait would only hold up the messages behind it."""
_WRONG: Final = "钉钉群机器人的地址不对"
_NOTHING: Final = {"msgtype": "probe"}
"""No kind of message: whoever takes address and signature refuses it, and nobody reads anything."""


class DingTalkRobot:
    """One group robot, a `Sender`, also of the government edition: same path, body and signature on another host.

    Where its address is on the public host and `oapi_base` names another, that one is called. Raises ConfigError, with
    one Chinese line that does not repeat the address, where either is wrong.
    """

    avoid: tuple[Avoid, ...] = ()
    edits = False

    def __init__(
        self,
        session: aiohttp.ClientSession,
        robot: Robot,
        *,
        limits: tuple[Limit, ...],
        now: Callable[[], datetime],
        oapi_base: str = PUBLIC_BASE,
        timeout: timedelta = TIMEOUT,
    ) -> None:
        self.limits = limits
        self._session = session
        self._now = now
        self._timeout = timeout
        self._name = robot.fingerprint
        self._address = SecretStr(_called(robot.webhook.get_secret_value(), oapi_base))
        self._secret = robot.secret

    @property
    def ready(self) -> bool:
        """Always: an address needs no connection."""
        return True

    def __repr__(self) -> str:
        return f"DingTalkRobot({self._name})"

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """The messages to send, in order; `send` adds the line that calls people, room for it is left."""
        return parts(message, calls=True)

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts` and classify the answer."""
        reply = await self._post(encoded(body(message, calls=True)))
        answer = answer_without_reply(reply) if isinstance(reply, NoReply) else answer_of(reply)
        return answer.pausing(bucket(self.limits))

    async def probe(self) -> Probe:
        """Send what the platform refuses only after it took key and signature; no group reads anything."""
        reply = await self._post(encoded(_NOTHING))
        name = f"钉钉群机器人 {self._name}"
        if isinstance(reply, NoReply):
            return Probe(name, False, reply.reason, "检查本机能否访问钉钉")
        answer = answer_of(reply)
        skew = None if reply.date is None else reply.date - self._now()
        if answer.code in _TAKEN or (answer.code == UNVERIFIED and "关键词" in answer.detail):
            return Probe(name, True, "地址和签名被接受", skew=skew)
        if answer.code is None or answer.outcome in (Outcome.PERMANENT, Outcome.CLOSED, Outcome.RETRY):
            detail, _, mend = answer.detail.partition("：")
            return Probe(name, False, detail, mend or "请检查地址，或稍后再试", skew)
        return Probe(name, True, f"有回答，但看不出签名对不对（错误码 {answer.code}）", skew=skew)

    async def _post(self, content: bytes) -> Reply | NoReply:
        address = self._address.get_secret_value()
        if self._secret is not None:
            address = signed(address, self._secret.get_secret_value(), self._now())
        return await post_json(self._session, address, content, self._timeout)


_TAKEN: Final = (40035, 400105)
"""What an address that is right answers to `_NOTHING`: a field is missing, or no such kind of message."""


def _called(webhook: str, oapi_base: str) -> str:
    """The address that is really called: nothing of the given one is kept but its host, path and key."""
    try:
        webhook, oapi_base = checked_address(webhook.strip()), checked_address(oapi_base.strip())
        token = robot_key("dingtalk", webhook)
        given, base = URL(webhook), URL(oapi_base)
        (base.raw_host or "").encode("idna")
    except ValueError as error:
        reason = "主机名写法不对" if isinstance(error, UnicodeError) else error
        raise ConfigError(f"{_WRONG}：{reason}，请从群机器人的设置页完整复制") from None
    target = given
    if given.host == URL(PUBLIC_BASE).host and base.host != given.host:
        target = base.with_path(base.path.rstrip("/") + DINGTALK_PATH)
    return str(target.with_query(access_token=token).with_fragment(None))
