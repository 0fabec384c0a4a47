"""An office with robots and a work group, whose messages leave at moments that the test names."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from bot.delivery import Delivery
from bot.delivery.composing import Composer
from bot.desk import Desk
from bot.directory import Directory
from bot.platforms.contract import Limit
from bot.platforms.posting import webhook_session
from bot.platforms.wecom.webhook import WeComWebhook
from bot.routes import Endpoints
from config.calendar import WorkCalendar
from config.organisation import Group, Organisation, Person, Robot
from config.policy import load_policy
from config.settings import load_settings
from config.texts import Texts
from handlers.arguments import Arguments
from handlers.commands.informing import status
from handlers.office import Office
from handlers.states import State
from handlers.work import Place, Work
from storage import outbox
from storage.columns import table
from storage.outbox import Priority
from storage.store import Job, Store
from storage.tables import Attempt, ConsoleMessage, Order, Outbox
from tests.platforms.wecom_server import FakeWeCom

MORNING = datetime(2026, 6, 1, 0, 30, tzinfo=UTC)
LIMITS = (Limit(18, timedelta(minutes=1)),)
ROBOT, SECOND = "wecom:dispatch:0", "wecom:second:0"
SECOND_KEY = "99999999-2222-3333-4444-555555555555"
PEOPLE = (
    Person(id="zhang", name="张三", roles=frozenset({"duty"}), accounts={"wecom": "zhangsan"}),
    Person(id="li", name="李四", roles=frozenset({"duty"})),
)


class HandClock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.at = MORNING

    def now(self) -> datetime:
        return self.at


def settings_with(*, console: bool):
    return load_settings(None, {"JIESU_CONSOLE__ENABLED": "true"} if console else {})


def organisation_with(*robots: FakeWeCom) -> Organisation:
    """A group for each robot, `dispatch` and `second`; `dispatch` also without one."""
    hooks = [(Robot(platform="wecom", webhook=robot.webhook),) for robot in robots] or [()]
    groups = zip(("dispatch", "second"), hooks, strict=False)
    return Organisation(
        people=PEOPLE,
        groups=[Group(id=name, name=name, purpose="dispatch", robots=hook) for name, hook in groups],
    )


class House:
    """One process of the office: a desk and its delivery. `restart` is the next process on the same store."""

    def __init__(self, store: Store, clock: HandClock, office: Office, desk: Desk, session: Any, holder: str) -> None:
        self.store, self.clock, self.office, self.desk, self.session = store, clock, office, desk, session
        self.patience = timedelta(seconds=5)
        self.limits = LIMITS
        self.elsewhere: set[str] = set()
        self.restart(holder)

    def restart(self, holder: str) -> None:
        self.senders = {
            f"wecom:{group.id}:{index}": WeComWebhook(
                self.session, robot.webhook, limits=self.limits, timeout=self.patience
            )
            for group in self.office.organisation.groups
            for index, robot in enumerate(group.robots)
        }
        compose = Composer(self.office, Directory(self.office.organisation))
        self.delivery = Delivery(
            self.office,
            self.desk.run,
            self.clock,
            lambda at: self.senders.get(at),
            compose,
            holder,
            Random(1),
            self.elsewhere.__contains__,
        )

    async def queue(self, text: str, priority: Priority = Priority.NOTICE, **values: Any) -> None:
        values = {"kind": "notice", "endpoints": [ROBOT], "audience": "dispatch", **values}
        await self.change(lambda scope: outbox.queue(scope, text=text, priority=priority, **values))

    async def order(self, number: int, state: State) -> None:
        order = Order(
            id=number,
            source="市",
            number=f"热线-260601-{number:06}",
            state=state,
            imported_at=self.clock.now(),
            changed_at=self.clock.now(),
        )
        await self.change(lambda scope: scope.record("登记", scope.add(order)))

    async def change(self, work: Any) -> Any:
        return await self.desk.run(Job(lambda unit: unit.attempt(work), now=self.clock.now(), cause="test:1"))

    async def through(self, until: timedelta | None = None) -> None:
        """Let time pass, from one due moment to the next: for `until`, else until nothing is due any more."""
        end = None if until is None else self.clock.at + until
        for _ in range(2000):
            await self.delivery.drain()
            due = await self.delivery.next_due()
            if due is None or (end is not None and due > end):
                self.clock.at = end or self.clock.at
                return
            assert due > self.clock.at
            self.clock.at = due
        raise AssertionError("delivery never comes to rest")

    def rows(self, model: Any = Outbox, **where: Any) -> list[Any]:
        stored = table(model)
        query = sa.select(stored).order_by(stored.c.id)
        for name, value in where.items():
            query = query.where(stored.c[name] == value)
        return self.store.read(lambda scope: list(scope.connection.execute(query)), now=self.clock.now())

    def states(self) -> list[str]:
        return [row.state for row in self.rows()]

    def attempts(self) -> list[str]:
        return [row.outcome for row in self.rows(Attempt)]

    def said(self, chat: str = "dispatch") -> list[Any]:
        return self.rows(ConsoleMessage, chat=chat)


@contextlib.asynccontextmanager
async def house(
    store: Store, clock: HandClock, *robots: FakeWeCom, console: bool = False, holder: str = "one"
) -> AsyncIterator[House]:
    organisation, settings = organisation_with(*robots), settings_with(console=console)
    office = Office(
        settings=settings,
        policy=load_policy(),
        organisation=organisation,
        calendar=WorkCalendar(),
        texts=Texts(),
        store=store,
        routes=Endpoints(organisation, settings),
    )
    desk = Desk(store)
    async with webhook_session() as session:
        yield House(store, clock, office, desk, session, holder)
    await desk.close()


def shown(process):
    """What /状态 says."""

    def ask(scope):
        return status(Work(process.office, scope, PEOPLE[0], Place("dispatch")), Arguments("")).text

    return process.store.read(ask, now=process.clock.now())


class Chat:
    """A sender whose connection the test cuts."""

    avoid, edits = (), False

    def __init__(self, sender):
        self.limits, self.parts, self.send = sender.limits, sender.parts, sender.send
        self.ready = False
