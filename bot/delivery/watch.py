"""Robots and chats that do not get through, groups and people without any way out: after ★ 10 minutes somebody is
told by another way, ★ daily while it lasts, and again when they work.

Answers are counted in the store (`storage.robots`); a connection that is not there is seen by this process, unless
another replica holds it.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from loguru import logger

from bot import metrics
from bot.delivery import ledger
from bot.delivery.ways import Way, Ways
from bot.platforms.contract import Outcome
from bot.routes import platform_of
from handlers import notices
from handlers.office import Office
from storage import outbox, robots
from storage.outbox import NOWHERE, Priority
from storage.transaction import Scope

LOST, MUTE = "lost", "mute"
"""Beside the outcomes of requests: there is no connection to send through; there is no way out at all."""
LISTED: Final = 10
"""Orders named in an alarm whose messages wait behind a way out."""
MENDS: dict[str, str] = {
    MUTE: "给群加一个群机器人，或让机器人进群后用 /绑定 绑定；一天之内绑好的补发，更早的另行告知",
    LOST: "检查服务器能否上网、这个平台的密钥是否还有效，可运行 jiesu doctor",
    Outcome.RETRY: "检查服务器能否访问这个平台（网络、代理、防火墙），可运行 jiesu doctor",
    Outcome.RETRY_AFTER: "平台在限流：请减少别的程序用同一机器人发消息",
    Outcome.UNKNOWN: "平台的回答不明：检查接口地址和中间的网关，可运行 jiesu doctor",
    Outcome.CLOSED: "平台拒收：按原因处理（如重新添加机器人、更新地址、放行出口地址），改了设置后重启服务",
    Outcome.PERMANENT: "平台不收最后这一条，它不会自动补发：请从 /状态 看内容，改用别的办法告诉群里",
}
"""What to do, by how the last request ended."""


class Watch:
    """Looks after the endpoints of one office."""

    def __init__(self, office: Office, ways: Ways) -> None:
        self._office = office
        self._ways = ways

    def due(self, scope: Scope) -> datetime | None:
        """When there is something to tell next."""
        alarmed, failing = robots.alarmed(scope), self._failing(scope)
        if any(self._works_again(endpoint, failing) for endpoint in alarmed):
            return scope.now
        limit = self._office.rules(scope.now).robot_failing
        new = [at + limit for endpoint, at in failing.items() if endpoint not in alarmed]
        return min([*new, *self._again(scope, alarmed, failing).values()], default=None)

    def tell(self, scope: Scope) -> bool:
        """Tell what is due; whether there was anything."""
        alarmed, failing = robots.alarmed(scope), self._failing(scope)
        limit = self._office.rules(scope.now).robot_failing
        new = {e: at for e, at in failing.items() if e not in alarmed and at + limit <= scope.now}
        again = {e: alarmed[e] for e, at in self._again(scope, alarmed, failing).items() if at <= scope.now}
        back = {e: at for e, at in alarmed.items() if self._works_again(e, failing)}
        heard = robots.heard(scope)
        for endpoint in back:
            robots.clear(scope, endpoint)
        metrics.FAILING.set(len(alarmed) + len(new) - len(back))
        if new or again:
            told = self._say(scope, "robot_failing", {**new, **again}, failing)
            for endpoint, since in {**new, **again}.items():
                note = robots.alarm if endpoint in new else robots.alarm_again
                note(scope, endpoint, since, heard=told > 0)
                logger.bind(endpoint=endpoint, told=told).error("nothing gets through since {}", since)
        served = {e: at for e, at in back.items() if e in heard and self._is_served(e)}
        if served:
            self._say(scope, "robot_works", served, failing)
        return bool(new or again or back)

    def _failing(self, scope: Scope) -> dict[str, datetime]:
        waiting = outbox.endpoints_waiting(scope)
        mute = {e: at for e, at in waiting.items() if platform_of(e) == NOWHERE}
        counted = {e: at for e, at in robots.failing(scope).items() if self._ways.sender_of(e) is not None}
        return {**mute, **self._ways.lost, **counted}

    def _again(self, scope: Scope, alarmed: Mapping[str, datetime], failing: Collection[str]) -> dict[str, datetime]:
        """Endpoint that still fails → when its alarm is given once more: while something waits behind it, or its
        connection is away. What has no way at all is named message by message."""
        # An alarm of which nobody wrote down when it was given last counts from when the failure began.
        told, waiting = robots.told(scope), outbox.endpoints_waiting(scope)
        missed = [e for e in alarmed if e in failing and (e in waiting or e in self._ways.lost)]
        pause = self._office.rules(scope.now).robot_failing_again
        return {e: told.get(e, alarmed[e]) + pause for e in missed if platform_of(e) != NOWHERE}

    def _works_again(self, endpoint: str, failing: Collection[str]) -> bool:
        if platform_of(endpoint) == NOWHERE:
            return endpoint not in failing
        sender = self._ways.sender_of(endpoint)
        if sender is None:
            return True  # nobody misses it any more
        # Where another replica holds the connection, that one knows.
        return sender.ready and endpoint not in failing

    def _is_served(self, endpoint: str) -> bool:
        if platform_of(endpoint) == NOWHERE:
            return bool(self._ways.to(endpoint.partition(":")[2]))
        return self._ways.exists(endpoint)

    def _say(self, scope: Scope, template: str, which: dict[str, datetime], failing: Collection[str]) -> int:
        """Queue one message for every way that works; returns how many there are."""
        texts = self._office.texts
        lines = [self._line(scope, endpoint, since) for endpoint, since in which.items()]
        text = texts.render(template, now=scope.now, robots=lines)
        told = 0
        for audience, endpoints, mentions in self._audiences(failing):
            outbox.queue(
                scope,
                kind=template,
                priority=Priority.URGENT,
                endpoints=endpoints,
                audience=audience,
                text=text,
                mentions=mentions,
            )
            told += len(endpoints)
        return told

    def _audiences(self, failing: Collection[str]) -> list[Way]:
        """The supervision groups and the administrators; where none of these can be reached, whatever group can."""
        admins = notices.with_role(self._office, "admin")
        return self._ways.to_officers(failing, admins) or self._ways.to_anybody(failing, admins)

    def _line(self, scope: Scope, endpoint: str, since: datetime) -> dict[str, object]:
        if platform_of(endpoint) == NOWHERE:
            outcome, error = MUTE, "没有能送到这里的机器人或会话"
        elif endpoint in self._ways.lost:
            outcome, error = LOST, robots.NO_LINE
        else:
            outcome, error = robots.last_error(scope, endpoint) or (LOST, robots.NO_LINE)
        orders = ledger.orders_waiting(scope, endpoint)
        return {
            "where": self._ways.where(endpoint),
            "platform": self._ways.platform(endpoint),
            "since": since,
            "error": error,
            "mend": MENDS.get(outcome, MENDS[Outcome.RETRY]),
            "waiting": ledger.count_waiting(scope, endpoint),
            "orders": orders[:LISTED],
            "of": len(orders),
        }
