"""Robots and chats that do not get through: after ★ 10 minutes somebody is told by another way, once, and again when
they work.

Answers are counted in the store (`storage.robots`); a connection that is not there is seen by this process, unless
another replica holds it.
"""

from collections.abc import Callable, Collection
from datetime import datetime

from loguru import logger

from bot import metrics
from bot.delivery import ledger
from bot.platforms.contract import Outcome, Sender
from bot.routes import CONSOLE, address, platform_of
from config.organisation import PLATFORMS
from handlers import notices
from handlers.notices import Audience
from handlers.office import Office
from handlers.work import person_name
from storage import outbox, robots
from storage.outbox import Priority
from storage.transaction import Scope

LOST = "lost"
"""Beside the outcomes of requests: there is no connection to send through."""
MENDS: dict[str, str] = {
    LOST: "检查服务器能否上网、这个平台的密钥是否还有效，可运行 jiesu doctor",
    Outcome.RETRY: "检查服务器能否访问这个平台（网络、代理、防火墙），可运行 jiesu doctor",
    Outcome.RETRY_AFTER: "平台在限流：请减少别的程序用同一机器人发消息",
    Outcome.UNKNOWN: "平台的回答不明：检查接口地址和中间的网关，可运行 jiesu doctor",
    Outcome.CLOSED: "平台拒收：按原因处理（如重新添加机器人、更新地址、放行出口地址），改了设置后重启服务",
    Outcome.PERMANENT: "平台不收最后这一条，它不会自动补发：请从 /状态 看内容，改用别的办法告诉群里",
}
"""What to do, by how the last request ended."""


class Watch:
    """Looks after the endpoints of one office. `elsewhere` knows the leases that another replica holds."""

    def __init__(
        self, office: Office, sender_of: Callable[[str], Sender | None], elsewhere: Callable[[str], bool]
    ) -> None:
        self._office = office
        self._sender_of = sender_of
        self._elsewhere = elsewhere
        self._lost: dict[str, datetime] = {}

    def look(self, now: datetime) -> None:
        """Note which of the groups' ways out have no connection, and since when."""
        groups = self._office.organisation.groups
        ways = {endpoint for group in groups for endpoint in self._office.routes.of_group(group)}
        lost = {endpoint for endpoint in ways if self._is_lost(endpoint)}
        self._lost = {endpoint: self._lost.get(endpoint, now) for endpoint in lost}

    def due(self, scope: Scope) -> datetime | None:
        """When there is something to tell next."""
        alarmed = robots.alarmed(scope)
        if any(self._works_again(endpoint, scope) for endpoint in alarmed):
            return scope.now
        limit = self._office.rules(scope.now).robot_failing
        return min(
            (at + limit for endpoint, at in self._failing(scope).items() if endpoint not in alarmed), default=None
        )

    def tell(self, scope: Scope) -> bool:
        """Tell what is due; whether there was anything."""
        alarmed, failing = robots.alarmed(scope), self._failing(scope)
        limit = self._office.rules(scope.now).robot_failing
        new = {e: at for e, at in failing.items() if e not in alarmed and at + limit <= scope.now}
        back = {e: at for e, at in alarmed.items() if self._works_again(e, scope)}
        heard = robots.heard(scope)
        for endpoint in back:
            robots.clear(scope, endpoint)
        metrics.FAILING.set(len(alarmed) + len(new) - len(back))
        if new:
            told = self._say(scope, "robot_failing", new, failing)
            for endpoint, since in new.items():
                robots.alarm(scope, endpoint, since, heard=told > 0)
                logger.bind(endpoint=endpoint, told=told).error("nothing gets through since {}", since)
        served = {e: at for e, at in back.items() if e in heard and self._sender_of(e) is not None}
        if served:
            self._say(scope, "robot_works", served, failing)
        return bool(new or back)

    def _failing(self, scope: Scope) -> dict[str, datetime]:
        counted = {e: at for e, at in robots.failing(scope).items() if self._sender_of(e) is not None}
        return {**self._lost, **counted}

    def _works_again(self, endpoint: str, scope: Scope) -> bool:
        sender = self._sender_of(endpoint)
        if sender is None:
            return True  # nobody misses it any more
        # Where another replica holds the connection, that one knows.
        return sender.ready and endpoint not in robots.failing(scope)

    def _is_lost(self, endpoint: str) -> bool:
        sender = self._sender_of(endpoint)
        return sender is not None and not sender.ready and not self._elsewhere(f"socket:{platform_of(endpoint)}")

    def _say(self, scope: Scope, template: str, which: dict[str, datetime], failing: Collection[str]) -> int:
        """Queue one message for every way that works; returns how many there are."""
        texts = self._office.texts
        lines = [self._line(scope, endpoint, since) for endpoint, since in which.items()]
        text = texts.render(template, now=scope.now, robots=lines)
        told = 0
        for audience, endpoints, mentions in self._ways(failing):
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

    def _ways(self, failing: Collection[str]) -> list[tuple[str, list[str], tuple[str, ...]]]:
        """Audience, endpoints, people to call: the supervision groups and the administrators; where none of these
        can be reached, whatever group can."""
        office = self._office
        admins = notices.with_role(office, "admin")
        groups = notices.groups(office, Audience((notices.SUPERVISION,)))
        ways = [(group.id, office.routes.of_group(group), admins) for group in groups]
        ways += [(f"@{person}", office.routes.of_person(person), ()) for person in admins]
        found = self._working(ways, failing)
        others = ((group.id, office.routes.of_group(group), admins) for group in office.organisation.groups)
        return found or self._working(list(others), failing)[:1]

    def _working(
        self, ways: list[tuple[str, tuple[str, ...], tuple[str, ...]]], failing: Collection[str]
    ) -> list[tuple[str, list[str], tuple[str, ...]]]:
        kept = (
            (audience, [each for each in endpoints if each not in failing and self._reaches(each)], people)
            for audience, endpoints, people in ways
        )
        return [way for way in kept if way[1]]

    def _reaches(self, endpoint: str) -> bool:
        if platform_of(endpoint) == CONSOLE:
            return True
        return self._sender_of(endpoint) is not None and not self._is_lost(endpoint)

    def _line(self, scope: Scope, endpoint: str, since: datetime) -> dict[str, object]:
        platform = platform_of(endpoint)
        if endpoint in self._lost:
            outcome, error = LOST, "没有连上平台"
        else:
            outcome, error = robots.last_error(scope, endpoint) or (LOST, "没有连上平台")
        return {
            "where": self._where(endpoint),
            "platform": PLATFORMS.get(platform, platform),
            "since": since,
            "error": error,
            "mend": MENDS.get(outcome, MENDS[Outcome.RETRY]),
            "waiting": ledger.count_waiting(scope, endpoint),
        }

    def _where(self, endpoint: str) -> str:
        at, organisation = address(endpoint), self._office.organisation
        if at.person is not None:
            return f"{person_name(self._office, at.person)}的私聊"
        group = organisation.group(at.group) if at.group is not None else None
        return "未绑定的会话" if group is None else group.name
