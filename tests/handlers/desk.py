"""A small office at work: orders come in and people type the real commands, at moments the test names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any, TypeVar

from config.calendar import WorkCalendar
from config.organisation import Community, Department, Group, Organisation, Patch, Person
from config.policy import load_policy
from config.settings import load_settings
from config.shanghai import at_time
from config.texts import Texts
from handlers import clocks
from handlers.arguments import Arguments
from handlers.commands import closing, dispatching, handling, oversight, receipt, undo
from handlers.office import Office
from handlers.states import State
from handlers.work import Place, Said, Work
from storage.store import Job, Store
from storage.tables import Order
from storage.transaction import Scope

T = TypeVar("T")
Step = Callable[[Work, Order, Arguments], str | Said]

ORGANISATION = Organisation(
    people=(
        Person(id="zhang", name="张坐席", roles=frozenset({"duty"})),
        Person(id="wang", name="王科长", roles=frozenset({"department"}), department="chengguan"),
        Person(id="liu", name="刘科长", roles=frozenset({"department"}), department="wuye"),
        Person(id="gao", name="高复核", roles=frozenset({"reviewer"})),
        Person(id="sun", name="孙主任", roles=frozenset({"office"})),
        Person(id="zheng", name="郑书记", roles=frozenset({"leader"})),
        Person(id="deng", name="邓管理员", roles=frozenset({"admin"})),
    ),
    departments=(
        Department(id="chengguan", name="城管科", aliases=("城管",), head="wang"),
        Department(id="wuye", name="物业科", head="liu"),
    ),
    patches=(Patch(id="p1", name="第一包片", leader="zheng"), Patch(id="p2", name="第二包片")),
    communities=(
        Community(name="科源社区", aliases=("科源",), patch="p1"),
        Community(name="柳荫社区", patch="p1"),
        Community(name="清泉社区", patch="p2"),
    ),
    groups=(Group(id="dispatch", name="派单工作群", purpose="dispatch"),),
)


class NoRoutes:
    """Nobody is reached: these tests read answers, not notices."""

    def of_group(self, group: Group) -> tuple[str, ...]:
        return ()

    def of_person(self, person: str) -> tuple[str, ...]:
        return ()


def at(day: int, clock: str = "10:00", month: int = 6) -> datetime:
    """A moment of June 2026 in Shanghai, as aware UTC; the 1st is a Monday."""
    return at_time(date(2026, month, day), time.fromisoformat(clock))


def office_of(store: Store) -> Office:
    """The small office over a store, with the shipped rules."""
    return Office(
        settings=load_settings(None, {}),
        policy=load_policy(),
        organisation=ORGANISATION,
        calendar=WorkCalendar(),
        texts=Texts(),
        store=store,
        routes=NoRoutes(),
    )


@dataclass
class Desk:
    """Who types what, when; every call is one message."""

    office: Office
    messages: int = 0
    fields: Mapping[str, Any] = field(
        default_factory=lambda: {
            "type": "投诉",
            "category": "生态环境->噪声->施工噪声",
            "title": "夜间施工噪声扰民",
            "content": "工地夜间施工",
            "community": "科源社区",
            "place": "桃花巷工地",
            "caller": "张**",
            "phone": "138****0001",
        }
    )

    def order(self, imported: datetime, *, arrived: bool | datetime = True, **fields: Any) -> int:
        """An order comes in at `imported`; it arrived then, unless told otherwise (False: not given)."""

        def take_in(scope: Scope) -> int:
            number = scope.next_number("order")
            arrival = imported if arrived is True else arrived or None
            values = {
                "source": "市",
                "number": f"热线-260601-{number:06d}",
                "imported_at": imported,
                "arrived_at": arrival,
                "counted_at": arrival or imported,
                "changed_at": imported,
                "state": State.AWAITING_SIGNATURE,
            }
            order = scope.add(Order(id=number, **{**values, **self.fields, **fields}))
            if order.open:
                clocks.start_intake(self.office, scope, order)
            scope.record("登记", order, origin="导入")
            return number

        return self._run(take_in, imported, "system")

    def type(self, moment: datetime, person: str, step: Step, order: int, text: str = "") -> str:
        """A person types a command about an order."""

        def act(scope: Scope) -> str:
            work = self._work(scope, person)
            said = step(work, work.order(order), Arguments(text))
            return said.text if isinstance(said, Said) else said

        return self._run(act, moment, person)

    def undo(self, moment: datetime, person: str) -> None:
        """A person takes back the last command."""
        self._run(lambda scope: undo.undo(self._work(scope, person), Arguments("")), moment, person)

    def ask(self, moment: datetime, person: str, ask: Callable[[Work, Arguments], Said], text: str = "") -> str:
        """A person asks something, beside the writer."""
        return self.read(moment, person, lambda work: ask(work, Arguments(text)).text)

    def show(self, moment: datetime, person: str, order: int, step: Step) -> str:
        """A person asks about one order, beside the writer."""

        def shown(work: Work) -> str:
            said = step(work, work.order(order), Arguments(""))
            return said.text if isinstance(said, Said) else said

        return self.read(moment, person, shown)

    def read(self, moment: datetime, person: str, work: Callable[[Work], T]) -> T:
        """Run a query as a person."""
        return self.office.store.read(lambda scope: work(self._work(scope, person)), now=moment, actor=person)

    def through(self, order: int, *steps: tuple[str, datetime], department: str = "城管科") -> None:
        """Take an order through commands as the usual people type them, up to the last one named."""
        for name, moment in steps:
            person, step, text = LIFE[name]
            if department == "物业科" and person == "wang":
                person = "liu"
            self.type(moment, person, step, order, text.format(department=department))

    def _run(self, work: Callable[[Scope], T], moment: datetime, actor: str) -> T:
        self.messages += 1
        job = Job(lambda unit: unit.attempt(work), now=moment, actor=actor, cause=f"test:{self.messages}")
        return self.office.store.run(job)

    def _work(self, scope: Scope, person: str) -> Work:
        found = self.office.organisation.person(person)
        assert found is not None
        return Work(self.office, scope, found, Place("dispatch"))


LIFE: dict[str, tuple[str, Step, str]] = {
    "签收": ("zhang", receipt.sign_off, ""),
    "退回": ("zhang", receipt.send_back, "非本辖区 邻街街道 地址在河东，属邻街街道管辖"),
    "派单": ("zhang", dispatching.dispatch, "{department}"),
    "电话": ("zhang", dispatching.phone, "王科长"),
    "接单": ("wang", dispatching.accept, ""),
    "改派": ("wang", dispatching.decline, "不属于我科职责"),
    "联系不上": ("wang", handling.contact, "联系不上 无人接听"),
    "反馈": ("wang", handling.contact, "已接通 已告知处理安排"),
    "办结": ("wang", handling.report_done, "解决 已要求停止夜间施工"),
    "评定": ("gao", closing.rate, "是 解决 满意"),
    "不解决": ("gao", closing.rate, "否 未解决 不满意"),
    "结案": ("sun", closing.close, ""),
    "催办": ("sun", oversight.urge, ""),
}
"""Who usually types what."""
