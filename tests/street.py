"""A whole street office at work in a test: exports come in, people type in their groups, the clock is moved by hand.

Nothing is replaced: a message is read by the real parser, answered by the real commands on a real store and posted
into the embedded work group; an export is a real file. Only the event loop and the writer's thread are left out, so
that a test needs no waiting: one call is one message.
"""

import csv
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlmodel import SQLModel

from bot.chat.router import understood
from bot.console import messages
from bot.delivery.console import hand_over
from bot.platforms.contract import Incoming
from bot.routes import Endpoints
from config.calendar import WorkCalendar
from config.organisation import Organisation, load_organisation
from config.policy import Policy, load_policy
from config.settings import Settings, load_settings
from config.shanghai import at_time, near_text
from config.texts import Texts
from handlers import reminders
from handlers.attachments import examined
from handlers.inbound import Message, Reply, answer, shown
from handlers.intake import announcing
from handlers.intake.accept import Accepted
from handlers.intake.announcing import finish, tell_finished
from handlers.intake.files import read_table
from handlers.intake.orders import IncomingOrder, RejectedRow
from handlers.intake.register import take_in
from handlers.intake.rows import read_rows
from handlers.office import Office
from handlers.privacy import mask_name
from storage import verify
from storage.columns import restored, table
from storage.outbox import Priority
from storage.store import Job, Store
from storage.tables import (
    PROJECTIONS,
    Clock,
    ConsoleMessage,
    Counter,
    Event,
    Order,
    Outbox,
    Timer,
    VaultRow,
)
from storage.transaction import Scope
from storage.vault import canonical_phone

T = TypeVar("T")
R = TypeVar("R", bound=SQLModel)

DISPATCH = "dispatch"
CALLER, PHONE = "张三丰", "13800001234"
"""The caller of every row that names no other."""
SECOND = timedelta(seconds=1)


def at(day: int, clock: str = "09:00", month: int = 6) -> datetime:
    """A moment of 2026 in Shanghai, as aware UTC; 1 June is a Monday."""
    return at_time(date(2026, month, day), time.fromisoformat(clock))


def row(number: int | str = 1, /, **columns: str) -> dict[str, str]:
    """One row of an export; columns by their Chinese names, `""` for a blank."""
    return {
        "工单编号": f"热线-260601-{number:06d}" if isinstance(number, int) else number,
        "工单类型": "诉求",
        "问题分类": "生态环境->噪声->施工噪声",
        "标题": "夜间施工噪声扰民",
        "主要内容": f"市民反映桃花巷工地夜间施工，影响休息。来电人{CALLER}，电话{PHONE}。",
        "工单状态": "",
        "来电人": CALLER,
        "来电人电话/账号": PHONE,
        "村/社区": "科源社区",
        "小区点位": "桃花巷工地",
        **columns,
    }


URGENT = {"紧急程度": "紧急"}


@cache
def sample_organisation() -> Organisation:
    return load_organisation(Path(__file__).parents[1] / "config" / "sample" / "organisation.toml", {})


@cache
def _settings() -> Settings:
    return load_settings(None, {"JIESU_CONSOLE__ENABLED": "true"})


@cache
def _policy() -> Policy:
    return load_policy()


@cache
def _texts() -> Texts:
    return Texts()


@cache
def _calendar() -> WorkCalendar:
    return WorkCalendar()


def with_roles(person: str, *roles: str) -> Organisation:
    """The sample organisation, in which one person has other roles."""
    sample = sample_organisation()
    people = [
        each.model_copy(update={"roles": frozenset(roles)}) if each.id == person else each for each in sample.people
    ]
    return Organisation(people, sample.departments, sample.patches, sample.communities, sample.groups)


def office_of(store: Store, organisation: Organisation, policy: Policy | None = None) -> Office:
    """An office over a store, with the console as its way out."""
    settings = _settings()
    return Office(
        settings=settings,
        policy=policy or _policy(),
        organisation=organisation,
        calendar=_calendar(),
        texts=_texts(),
        store=store,
        routes=Endpoints(organisation, settings),
    )


@dataclass(frozen=True)
class Notice:
    """One row of the outbox: what a group is going to read, and who is called."""

    id: int
    kind: str
    group: str
    order: int | None
    people: tuple[str, ...]
    text: str
    urgent: bool
    state: str
    at: datetime

    def __str__(self) -> str:
        order = f" #{self.order}" if self.order else ""
        people = "".join(f" @{person}" for person in self.people)
        return f"{self.group}: {self.kind}{order}{people}"


class Notices(list[Notice]):
    """Notices in the order in which they were queued."""

    def of(self, kind: str) -> "Notices":
        return Notices(notice for notice in self if notice.kind == kind)

    def only(self, kind: str) -> Notice:
        """The one notice of this kind; anything else is a failure."""
        found = self.of(kind)
        assert len(found) == 1, f"expected one {kind}, got {[str(notice) for notice in self]}"
        return found[0]

    @property
    def lines(self) -> list[str]:
        return [str(notice) for notice in self]


@dataclass(repr=False)
class Street:
    """The office, its store and the hands on the clock."""

    store: Store
    now: datetime = field(default_factory=lambda: at(1))
    policy: Policy | None = None
    organisation: Organisation = field(default_factory=sample_organisation)
    said: int = 0
    _seen: int = 0
    secrets: list[str] = field(default_factory=lambda: [CALLER, PHONE])

    @property
    def office(self) -> Office:
        """The office as it is configured now."""
        return office_of(self.store, self.organisation, self.policy)

    # ------------------------------------------------------------------------------------------------- what people do

    def say(self, person: str, text: str, **how: Any) -> str:
        """Somebody types something; the answer, all replies as one text. Moves the clock by a second."""
        return "\n".join(self.replies(person, text, **how))

    def replies(self, person: str, text: str, **how: Any) -> list[str]:
        """The replies one by one, as they are given."""
        answered = self.store.run(self._job(person, text, **how))
        self.now += SECOND
        return [self._read(partial(shown, self.office, reply=reply)) for reply in answered]

    def privately(self, person: str, text: str, **how: Any) -> str:
        """Somebody types something to the bot alone."""
        return self.say(person, text, chat=f"@{person}", **how)

    def together(self, *said: tuple[str, str], **how: Any) -> list[str]:
        """Several people type at the same instant: one batch of the writer."""
        outcomes = self.store.transact([self._job(person, text, **how) for person, text in said])
        self.now += SECOND
        return ["\n".join(reply.text for reply in outcome.result()) for outcome in outcomes]

    def through(self, order: int, *steps: str) -> None:
        """Take an order through commands as the usual people type them; each must succeed."""
        for step in steps:
            person, text = LIFE[step]
            reply = self.say(person, text.format(order))
            assert reply.startswith("✔"), f"{step}: {reply}"

    def import_rows(self, *rows: Mapping[str, str], source: Any = None, takeover: bool = False) -> list[Accepted]:
        """An export file comes in, as `jiesu import` reads it; the service tells what it found at its next tick."""
        batch = f"import {self.said}"
        self.said += 1
        good = [item for item in self.file(*rows, source=source) if isinstance(item, IncomingOrder)]
        self.secrets += [item.caller for item in good if mask_name(item.caller) != item.caller]
        self.secrets += [item.phone for item in good if canonical_phone(item.phone)]
        work = partial(take_in, self.office, rows=good, origin="导入", batch=batch, takeover=takeover)
        accepted = self._run(work, "import")
        if not takeover:
            self._run(partial(finish, batch=batch), "import")
        self.tick()
        return accepted

    def file(self, *rows: Mapping[str, str], source: Any = None) -> list[IncomingOrder | RejectedRow]:
        """Write rows as the city's .csv and read them back."""
        columns = list(dict.fromkeys(name for each in rows for name in each))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "export.csv"
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)
            with read_table(path) as opened:
                noise = self.office.rules(self.now).title_noise
                return list(read_rows(opened, default_source=source, noise=noise))

    def number_from(self, number: int) -> None:
        """As if orders up to this one had come in already."""
        counter = table(Counter)
        update = sa.update(counter).where(counter.c.name == "order").values(value=number - 1)
        self._run(lambda scope: scope.execute(update), "test")

    # ---------------------------------------------------------------------------------------------------- the time

    def move(self, to: datetime | None = None, **span: float) -> None:
        """Let time pass, through every due moment on the way, each with its own now."""
        target = self.now + timedelta(**span) if to is None else to
        assert target >= self.now, "time does not run backwards"
        self.tick()
        while (due := self._next_due()) is not None and due <= target:
            self.now = max(self.now, due)
            self.tick()
        self.now = target
        self.tick()

    def _next_due(self) -> datetime | None:
        held = partial(announcing.next_due, self.office)
        return min((due for due in (self._read(reminders.next_due), self._read(held)) if due is not None), default=None)

    def sleep(self, **span: float) -> None:
        """Time passes while the service is down: nobody sweeps."""
        self.now += timedelta(**span)

    def tick(self) -> None:
        """One beat of the scheduler at the moment it is."""
        self._run(partial(tell_finished, self.office), "import")
        while self._run(partial(reminders.sweep, self.office), "sweep") >= reminders.MOST:
            pass
        if (ready := self._read(partial(reminders.put_off, self.office))) is not None:
            self._run(partial(reminders.tell_put_off, self.office, ready=ready), "sweep")

    def restarted(self) -> "Street":
        """The same store under a new process."""
        return replace(self)

    # ----------------------------------------------------------------------------------------------- what is to be seen

    def notices(self) -> Notices:
        """What was queued since last asked."""
        box = table(Outbox)
        query = sa.select(box).where(box.c.id > self._seen).order_by(box.c.id)
        rows = self._read(lambda scope: scope.connection.execute(query).mappings().all())
        found = Notices(
            Notice(
                item["id"],
                item["kind"],
                item["audience"],
                item["order_id"],
                tuple(item["mentions"]),
                item["text"],
                item["priority"] == Priority.URGENT,
                item["state"],
                item["at"],
            )
            for item in rows
        )
        self._seen = max((notice.id for notice in found), default=self._seen)
        return found

    def told(self) -> list[str]:
        """The notices since last asked as lines `group: kind #order @people`; nothing may be in it unexpected."""
        return self.notices().lines

    def deliver(self) -> None:
        """Put what waits into the embedded work group."""
        endpoints = {notice.group: f"console:{notice.group}" for notice in self._all_notices()}.values()
        job = Job(
            lambda unit: unit.attempt(lambda scope: hand_over(scope, list(endpoints))),
            now=self.now,
            counters=("message",),
        )
        while self.store.run(job):
            pass

    def message_of(self, notice: Notice) -> int:
        """The id under which a delivered notice stands in its group, to be quoted."""
        box = table(ConsoleMessage)
        query = sa.select(box.c.id).where(box.c.outbox_id == notice.id)
        return self._read(lambda scope: int(scope.connection.execute(query).scalar_one()))

    def last_message(self) -> int:
        """The id of the newest message in any group."""
        return self._read(messages.newest)

    def order(self, number: int = 1) -> Order:
        """An order's row."""
        found = self._read(lambda scope: scope.order(number))
        assert found is not None
        return found

    def rows(self, model: type[R], order: int | None = None) -> list[R]:
        """Rows of any table, those of one order where one is given."""
        source = table(PROJECTIONS.get(model, model))  # type: ignore[call-overload]
        query = sa.select(source) if order is None else sa.select(source).where(source.c.order_id == order)
        query = query.order_by(*source.primary_key)
        found = self._read(lambda scope: scope.connection.execute(query).mappings().all())
        if model in PROJECTIONS:
            return [restored(model, item) for item in found]
        return [cast(R, SimpleNamespace(**item)) for item in found]

    def clocks(self, order: int = 1, kind: str | None = None) -> list[Clock]:
        """An order's clocks, oldest generation first."""
        return [clock for clock in self.rows(Clock, order) if kind in (None, clock.kind)]

    def clock(self, kind: str, order: int = 1) -> Clock:
        """The newest clock of a kind."""
        return self.clocks(order, kind)[-1]

    def running(self, order: int = 1) -> set[str]:
        """Kinds of clocks that run."""
        return {clock.kind for clock in self.clocks(order) if clock.running}

    def timers(self, order: int = 1) -> dict[tuple[str, int], datetime]:
        """(kind, generation) → next moment."""
        return {(timer.kind, timer.generation): timer.next_at for timer in self.rows(Timer, order)}

    def due(self, kind: str, order: int = 1) -> str:
        """The due time of the newest clock of a kind, as people read it on the day."""
        return near_text(self.clock(kind, order).due_at, self.now)

    def events(self, order: int | None = None) -> list[str]:
        """Kinds of the events, of one order or all, in order."""
        return [event.kind for event in self.rows(Event) if order in (None, event.order_id)]

    def event(self, order: int = 1) -> dict[str, Any]:
        """The body of an order's last event."""
        found = [item for item in self.rows(Event) if item.order_id == order]
        return dict(json.loads(found[-1].body))

    def standing(self, order: int = 1) -> dict[str, list[dict[str, Any]]]:
        """Everything that is projected of an order, bookkeeping aside, to compare before and after an undo."""
        kept = {"events", "changed_at", "stay", "since"}
        found: dict[str, list[dict[str, Any]]] = {}
        for model in PROJECTIONS:
            if model.NAME == "stay":
                continue
            rows = [self.order(order)] if model is Order else self.rows(model, order)
            found[model.NAME] = [{k: v for k, v in item.__dict__.items() if k not in kept} for item in rows]
        return found

    def check(self) -> None:
        """The chain is whole, the projections follow from it, and no personal data stands outside the vault."""
        with self.store.connect() as connection:
            findings = verify.verify(connection)
        assert findings.problems == []
        assert_no_personal_data(self.store, self.secrets)

    # --------------------------------------------------------------------------------------------------------- within

    def _job(
        self,
        person: str,
        text: str,
        *,
        chat: str = DISPATCH,
        quote: Notice | int | str | None = None,
        message_id: str | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> Job[list[Reply]]:
        self.said += 1
        office = self.office
        who = office.organisation.person(person)
        assert who is not None
        if isinstance(quote, Notice):
            quote = self.message_of(quote)
        incoming = Incoming(
            platform="console",
            message_id=message_id or f"{person}/{self.said}",
            chat=None if chat.startswith("@") else chat,
            account=person,
            text=text,
            quote=str(quote) if isinstance(quote, int) else None,
        )
        request = understood(incoming, who, chat)
        enclosed = tuple(examined(name, data) for name, data in (files or {}).items())
        message = Message(incoming.platform, incoming.message_id, chat, who, text, enclosed, quote is not None)
        post = messages.Posted(chat, person, incoming.message_id, quote if isinstance(quote, int) else None)

        def quoted(scope: Scope) -> tuple[int, ...]:
            return messages.orders_of(scope, int(incoming.quote or 0))

        return Job(
            lambda unit: answer(office, unit, message, request, quoted, post)[0],
            now=self.now,
            actor=person,
            cause=f"console:{incoming.message_id}",
            message=(incoming.platform, incoming.message_id),
            counters=("message",),
        )

    def _run(self, work: Any, cause: str) -> Any:
        return self.store.run(Job(lambda unit: unit.attempt(work), now=self.now, cause=cause))

    def _read(self, work: Any) -> Any:
        return self.store.read(work, now=self.now)

    def _all_notices(self) -> Notices:
        seen, self._seen = self._seen, 0
        found = self.notices()
        self._seen = seen
        return found


LIFE: dict[str, tuple[str, str]] = {
    "签收": ("zhang", "/签收 {}"),
    "退回": ("zhang", "/退回 {} 非本辖区 邻街街道 地址在河东，属于邻街街道管辖"),
    "退回成功": ("zhang", "/退回结果 {} 成功"),
    "退回驳回": ("zhang", "/退回结果 {} 驳回"),
    "派单": ("zhang", "/派单 {} 城管科"),
    "电话": ("zhang", "/电话 {} 王科长"),
    "接单": ("wang", "/接单 {}"),
    "改派": ("wang", "/改派 {} 不属于我科职责"),
    "核查": ("wang", "/核查 {} 现场无人施工"),
    "反馈": ("wang", "/反馈 {} 已接通 已告知处理安排"),
    "联系不上": ("wang", "/反馈 {} 联系不上 无人接听"),
    "办结": ("wang", "/办结 {} 解决 已要求停止夜间施工"),
    "评定": ("gao", "/评定 {} 是 解决 满意"),
    "不解决": ("gao", "/评定 {} 否 未解决 不满意"),
    "结案": ("sun", "/结案 {}"),
    "驳回": ("sun", "/驳回 {} 缺少现场照片说明"),
    "重开": ("sun", "/重开 {} 来电人反映再次发生"),
    "催办": ("sun", "/催办 {}"),
}
"""Who usually types what."""

TO: dict[str, tuple[str, ...]] = {
    "待签收": (),
    "退回中": ("退回",),
    "已退回": ("退回", "退回成功"),
    "待派单": ("签收",),
    "待接单": ("签收", "派单"),
    "办理中": ("签收", "派单", "接单"),
    "待评定": ("签收", "派单", "接单", "反馈", "办结"),
    "待结案": ("签收", "派单", "接单", "反馈", "办结", "评定"),
    "已结案": ("签收", "派单", "接单", "反馈", "办结", "评定", "结案"),
}
"""The usual way to each state."""


def assert_no_personal_data(store: Store, secrets: Sequence[str]) -> None:
    """No table but the vault holds any of these values, in any column of any row."""
    found = []
    with store.connect() as connection:
        for stored in SQLModel.metadata.sorted_tables:
            if stored.name == VaultRow.__tablename__:
                continue
            for values in connection.execute(sa.select(stored)).mappings():
                text = json.dumps(dict(values), ensure_ascii=False, default=str)
                found += [f"{secret} in {stored.name}: {text}" for secret in secrets if secret in text]
    assert not found, "\n".join(found)
