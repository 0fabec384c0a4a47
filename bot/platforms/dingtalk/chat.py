"""The app's robot in a group or with a person: answers where a reply address came with the question, else by itself."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import aiohttp

from bot.platforms.contract import Answer, Avoid, Limit, Outcome, Outgoing
from bot.platforms.dingtalk.answers import answer_of
from bot.platforms.dingtalk.contents import body, encoded, parts, template
from bot.platforms.dingtalk.openapi import TO_GROUP, TO_PEOPLE, OpenApi
from bot.platforms.posting import DEFAULT_WAIT, NoReply, answer_without_reply, post_json
from bot.platforms.reply_addresses import allowed

HOSTS: Final = frozenset({"oapi.dingtalk.com", "api.dingtalk.com"})
"""Where the public platform's reply addresses lead (platforms, E8)."""
MARGIN: Final = timedelta(minutes=1)
"""★ A reply address is not used in its last minute."""
OUTSIDER: Final = "outsider:"
"""Before the id of somebody whom the organisation does not know: no account of a member begins so."""
TIMEOUT: Final = timedelta(seconds=5)

ADDRESS: Final = "session"
EXPIRES: Final = "expires"
"""The keys of `Incoming.reply`: the reply address, and the milliseconds since 1970 at which it ends."""


class DingTalkChat:
    """A `Sender`: exactly one of `group` (open conversation id) and `person` (user id) is given.

    `bases` are the configured addresses beside the public hosts to which a reply address may lead. In a group the
    app's interface calls nobody, a reply address does.
    """

    avoid: tuple[Avoid, ...] = ()
    edits = False

    def __init__(
        self,
        session: aiohttp.ClientSession,
        api: OpenApi,
        *,
        bases: Collection[str],
        limits: tuple[Limit, ...],
        now: Callable[[], datetime],
        group: str | None = None,
        person: str | None = None,
    ) -> None:
        self.limits = limits
        self._session = session
        self._api = api
        self._bases = bases
        self._now = now
        self._group = group
        self._person = person

    @property
    def ready(self) -> bool:
        """Always: neither way needs the connection by which messages come in."""
        return True

    def parts(self, message: Outgoing) -> list[Outgoing]:
        """The messages to send, in order."""
        return parts(message, calls=self._group is not None)

    async def send(self, message: Outgoing) -> Answer:
        """Send one of `parts`. Where the reply address certainly refused it, the app's interface is tried."""
        session = self._session_of(message)
        if session is None:
            return await self._push(message)
        content = encoded(body(message, calls=self._group is not None))
        reply = await post_json(self._session, session, content, TIMEOUT)
        answer = answer_without_reply(reply) if isinstance(reply, NoReply) else answer_of(reply)
        return await self._push(message) if answer.outcome.refused else answer

    async def _push(self, message: Outgoing) -> Answer:
        if self._person is not None and self._person.startswith(OUTSIDER):
            return Answer(Outcome.PERMANENT, "对方不是本组织的人，回复地址也已失效，没有发出")
        if self._group is not None:
            target, path = {"openConversationId": self._group}, TO_GROUP
        else:
            target, path = {"userIds": [self._person]}, TO_PEOPLE  # type: ignore[dict-item]
        found = await self._api.call(path, {"robotCode": self._api.client, **target, **template(message)})
        return found if isinstance(found, Answer) else _pushed(found)

    def _session_of(self, message: Outgoing) -> str | None:
        """The reply address, where it leads to the platform and has not ended."""
        handle = message.reply or {}
        address, expires = handle.get(ADDRESS, ""), handle.get(EXPIRES, "")
        if not expires.isdecimal() or len(expires) > 14:
            return None
        ends = datetime.fromtimestamp(int(expires) / 1000, UTC)
        if self._now() + MARGIN > ends or not any(allowed(address, HOSTS, base) for base in self._bases):
            return None
        return address


_LISTS: Final[dict[str, tuple[Outcome, str]]] = {
    "invalidStaffIdList": (Outcome.CLOSED, "钉钉不认得这个人的账号：请核对组织文件或请本人重新绑定"),
    "flowControlledStaffIdList": (Outcome.RETRY_AFTER, "钉钉嫌给这个人发得太频繁，稍后自动再发"),
    "filteredStaffIdList": (Outcome.CLOSED, "这个人不在应用的可见范围里：请在钉钉开放平台调整应用的可见范围"),
}
"""A success that names the person in one of these lists was none for them."""


def _pushed(found: dict[str, Any]) -> Answer:
    for name, (outcome, detail) in _LISTS.items():
        if found.get(name):
            return Answer(outcome, detail, 200, wait=DEFAULT_WAIT if outcome is Outcome.RETRY_AFTER else None)
    key = found.get("processQueryKey")
    if not isinstance(key, str) or not key:
        return Answer(Outcome.UNKNOWN, "钉钉的回答里没有消息编号，这条消息可能已经送到", 200)
    return Answer(Outcome.SENT, "钉钉已收下", 200, remote=key[:256])
