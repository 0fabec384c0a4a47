"""`代 科室`: a seat acts for a 科室 on somebody's word; recorded as on behalf, with who gave it."""

from dataclasses import dataclass
from typing import Any

from config.organisation import Department, Person
from handlers import notices
from handlers.arguments import Arguments
from handlers.lifecycle import STEPS
from handlers.permission import is_seat_for
from handlers.refusal import Refusal
from handlers.work import Work, department_name
from storage.tables import Order


@dataclass(frozen=True, slots=True)
class Behalf:
    """For which 科室, and on whose word: the person named, else its head, else unknown."""

    department: Department
    person: Person | None

    @property
    def word_from(self) -> str:
        """Whose word it rests on, as people read it: named by the seat or the head by rule, confirmed by nobody."""
        return f"据{self.person.name}" if self.person else "未注明据何人"

    def data(self) -> dict[str, Any]:
        """For the event."""
        return {"behalf": self.department.id, "word_from": self.person.id if self.person else None}


def read_behalf(work: Work, order: Order, command: str, arguments: Arguments) -> Behalf | None:
    """Read an optional `代 科室|人`. Raises Refusal where a seat must give it, or names a 科室 that is not the 主办."""
    token = arguments.behalf()
    step = STEPS[command]
    move = notices.sending_elsewhere(work.office, order)
    if move and is_seat_for(work.actor, order, step):
        raise Refusal(f"{_nobody_left(work, order)}，不能代它{command}：{move}，再派给别的科室")
    if token is None:
        if is_seat_for(work.actor, order, step):
            name = department_name(work.office, order.department)
            raise Refusal(f"值班坐席只能代科室{command}：请写 /{command} {order.id} 代 {name}")
        return None
    if "duty" not in work.actor.roles:
        raise Refusal(f"只有值班坐席可以代科室{command}，您直接 /{command} {order.id} 即可")
    behalf = _who(work, token)
    if order.department is None:
        raise Refusal(f"还没有派单，不能代{behalf.department.name}{command}：直接写 /{command} {order.id} …，不用写代")
    if behalf.department.id != order.department and not (step.assisting and behalf.department.id in order.assisting):
        raise Refusal(
            f"主办科室是{department_name(work.office, order.department)}，不能代{behalf.department.name}{command}"
        )
    if not work.office.organisation.staffed(behalf.department.id):
        raise Refusal(f"{behalf.department.name}已没有人，不能代它{command}：直接写 /{command} {order.id} …，不用写代")
    return behalf


def _nobody_left(work: Work, order: Order) -> str:
    """Why nobody can give the word for the 主办 科室."""
    if work.office.organisation.department(order.department or "") is None:
        return f"主办科室 {order.department} 已不在组织里"
    return f"{department_name(work.office, order.department)}已没有人"


def _who(work: Work, token: str) -> Behalf:
    organisation = work.office.organisation
    departments = organisation.find_department(token)
    if len(departments) == 1:
        return Behalf(departments[0], organisation.head_of(departments[0].id))
    people = [person for person in organisation.find_person(token) if person.department is not None]
    if len(people) == 1 and people[0].department is not None:
        department = organisation.department(people[0].department)
        assert department is not None
        return Behalf(department, people[0])
    if len(people) > 1:
        raise Refusal(f"有 {len(people)} 位{token}：请用编号，{'、'.join(person.id for person in people)}")
    raise Refusal(f"“代 {token}”：没有这个科室或科室人员，请写科室名称或人名")
