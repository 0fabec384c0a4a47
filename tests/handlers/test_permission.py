"""Who may do what to which order, with several roles and in corners (domain, sections 1 and 2)."""

import pytest

from handlers.lifecycle import COMING, ONWARD, STEPS
from handlers.registry import BY_NAME, COMMANDS
from handlers.states import ENDED, OPEN, State
from tests.street import TO, Street, with_roles


def test_one_person_may_hold_several_roles(one: Street) -> None:
    one.organisation = with_roles("wang", "duty", "department", "office", "reviewer")
    one.through(1)
    for typed in ("/签收 1", "/派单 1 城管科", "/接单 1", "/反馈 1 已接通 已告知", "/办结 1 解决 已处理"):
        assert one.say("wang", typed).startswith("✔"), typed
    assert "不能自己评定" in one.say("wang", "/评定 1 是 解决 满意")
    one.through(1, "评定")
    assert one.say("wang", "/结案 1").startswith("✔")


def test_a_seat_who_is_also_of_the_department_acts_in_its_own_name(one: Street) -> None:
    one.organisation = with_roles("wang", "duty", "department")
    one.through(1, "签收", "派单")

    assert "经办人：王科长" in one.say("wang", "/接单 1")
    assert "behalf" not in one.event()["data"]


def test_who_left_the_organisation_is_named_by_id_and_the_department_takes_over(one: Street) -> None:
    one.through(1, "签收", "派单")
    one.say("qian", "/接单 1")
    sample = one.organisation
    one.organisation = type(sample)(
        [person for person in sample.people if person.id != "qian"],
        sample.departments,
        sample.patches,
        sample.communities,
        sample.groups,
    )

    assert "qian" in one.say("zhang", "/查 1")
    assert "王科长" in one.say("zhang", "/催办 1")


def test_a_department_that_was_dissolved_does_not_break_its_orders(one: Street) -> None:
    one.through(1, *TO["办理中"])
    sample = one.organisation
    one.organisation = type(sample)(
        [person for person in sample.people if person.department != "chengguan"],
        [department for department in sample.departments if department.id != "chengguan"],
        sample.patches,
        sample.communities,
        [group for group in sample.groups if group.department != "chengguan"],
    )

    assert "chengguan" in one.say("zhang", "/查 1")
    assert one.say("zhang", "/催办 1").startswith("✔")
    one.move(days=8)
    assert one.say("zhang", "/改派 1 科室已撤销").startswith("✔")
    assert one.say("zhang", "/派单 1 物业科").startswith("✔")


@pytest.mark.parametrize("state", [state for state in State if state not in ENDED])
def test_every_open_state_has_a_way_on(state: State) -> None:
    step = STEPS[ONWARD[state]]
    assert state in step.states
    assert step.to


def test_the_table_and_the_registry_name_the_same_steps() -> None:
    assert set(STEPS) <= set(BY_NAME)
    assert {name for name in STEPS if not BY_NAME[name].provided} == COMING
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))


def test_the_eleven_states() -> None:
    assert [state.value for state in State] == [
        "待签收",
        "退回中",
        "已退回",
        "待派单",
        "待接单",
        "办理中",
        "待评定",
        "待结案",
        "已结案",
        "挂账",
        "作废",
    ]
    assert {state.value for state in State} - {state.value for state in OPEN} == {"已退回", "已结案", "作废"}
