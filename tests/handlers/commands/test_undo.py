"""撤回 (domain, section 2, row 29)."""

from datetime import datetime, timedelta

import pytest

from storage.tables import Clock, Outbox, Reminder
from tests.street import LIFE, TO, URGENT, Street, at, row

STEPS = [
    ("签收", "待签收"),
    ("退回", "待签收"),
    ("退回", "待派单"),
    ("退回成功", "退回中"),
    ("退回驳回", "退回中"),
    ("派单", "待派单"),
    ("电话", "办理中"),
    ("接单", "待接单"),
    ("改派", "办理中"),
    ("核查", "办理中"),
    ("反馈", "办理中"),
    ("联系不上", "办理中"),
    ("办结", "待评定"),
    ("评定", "待评定"),
    ("不解决", "待评定"),
    ("结案", "待结案"),
    ("驳回", "待结案"),
    ("重开", "已结案"),
    ("催办", "办理中"),
]


@pytest.mark.parametrize(("step", "state"), STEPS, ids=[f"{step} in {state}" for step, state in STEPS])
def test_everything_is_as_it_was(one: Street, step: str, state: str) -> None:
    way = TO[state] if step != "办结" else (*TO["办理中"], "反馈")
    one.through(1, *way)
    before, timers, order = one.standing(), one.timers(), one.order()
    person, typed = LIFE[step]
    assert one.say(person, typed.format(1)).startswith("✔")
    assert one.standing() != before

    reply = one.say(person, "/撤回")

    assert reply.startswith(f"✔ 【#1】已撤回{one.events()[-2]}，现在是“{order.state}”")
    assert one.standing() == before
    assert one.timers() == timers
    assert one.events()[-1] == "撤回"
    assert one.event()["undoes"] == len(one.events()) - 1
    assert one.say(person, typed.format(1)).startswith("✔"), "it may be done again"
    one.check()


def test_it_works_on_both_databases(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *TO["待评定"])
    before, timers = street.standing(), street.timers()
    street.through(1, "不解决")

    assert street.say("gao", "/撤回").startswith("✔")

    assert (street.standing(), street.timers()) == (before, timers)
    street.check()


def test_a_reminder_that_came_due_in_between_is_told_after_all(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00", **URGENT))
    street.move(to=at(1, "09:04"))
    street.notices()
    street.move(seconds=30)
    street.through(1, "签收")
    street.move(seconds=60)  # 09:05 is the step ten minutes before the due time
    assert street.told() == []

    street.say("zhang", "/撤回")
    street.tick()

    assert "dispatch: reminder #1 @zhang @li @zhao" in street.told()
    street.restarted().tick()
    assert street.told() == []
    assert [reminder.step for reminder in street.rows(Reminder, 1)] == ["-600"]


def test_two_minutes_and_no_longer(one: Street) -> None:
    one.through(1, "签收")
    one.now = at(1, "09:02")
    assert one.say("zhang", "/撤回").startswith("✔")

    one.through(1, "签收")
    one.move(minutes=2)
    reply = one.say("zhang", "/撤回")
    assert reply == "✘ 最后一次操作（签收）已超过 2分钟，不能撤回：可用相反的命令改正"
    assert one.order().state == "待派单"


def test_not_when_something_followed(one: Street) -> None:
    one.through(1, "签收")
    one.say("li", "/核查 1 现场无人")

    reply = one.say("zhang", "/撤回")

    assert reply == "✘ 【#1】之后又有了新的操作，不能再撤回签收：可用 /查 1 看经过"
    assert one.order().state == "待派单"


def test_not_a_step_that_an_import_has_shown_upstream(one: Street) -> None:
    one.through(1, "签收")
    one.import_rows(row(1, 工单状态="已签收", 到达时间="2026-06-01 09:00"))

    assert "不能再撤回签收" in one.say("zhang", "/撤回")


@pytest.mark.parametrize(
    ("step", "word", "instead"),
    [
        ("签收", "已签收", "/退回 2 类别 单位 说明"),
        ("签收", "办理中", "/退回 2 类别 单位 说明"),
        ("退回", "退回成功", "/退回结果 2 成功"),
        ("派单", "已派单", "/改派 2 理由"),
        ("派单", "办理中", "/改派 2 理由"),
        ("结案", "回复完成", "/重开 2 理由"),
    ],
)
def test_not_a_step_that_the_source_showed_before_and_still_shows(
    one: Street, step: str, word: str, instead: str
) -> None:
    one.import_rows(row(2))
    way = {"签收": (), "退回": (), "派单": ("签收",), "结案": TO["待结案"]}[step]
    one.through(2, *way)
    one.import_rows(row(2, 工单状态=word))
    one.through(2, step)
    one.import_rows(row(2, 工单状态=word))
    state = one.order(2).state

    reply = one.say(LIFE[step][0], "/撤回")

    assert reply == f"✘ 【#2】来源系统已是“{word}”，不能撤回{step}：要改的用 {instead}"
    assert one.order(2).state == state
    one.check()


@pytest.mark.parametrize(
    ("step", "word"),
    [("签收", "待签收"), ("派单", "已签收"), ("退回", "已签收"), ("退回", "退回驳回"), ("签收", "某新词")],
)
def test_what_the_source_does_not_show_is_taken_back(one: Street, step: str, word: str) -> None:
    one.import_rows(row(2, 工单状态=word))
    if step == "派单":
        one.through(2, "签收")
    one.through(2, step)

    assert one.say("zhang", "/撤回").startswith("✔")


@pytest.mark.parametrize(
    ("step", "state", "moment"),
    [("派单", "待派单", at(2, "09:00")), ("反馈", "办理中", at(5, "09:00"))],
)
def test_a_breach_that_was_marked_meanwhile_holds_nothing_up(
    street: Street, step: str, state: str, moment: datetime
) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.move(to=moment - timedelta(minutes=2))
    street.through(1, *TO[state])
    street.now = moment - timedelta(seconds=30)
    before = street.order().state
    street.through(1, step)
    street.move(to=moment)
    marked = street.events().count("超时")

    reply = street.say(LIFE[step][0], "/撤回")

    assert (reply[:6], street.order().state) == ("✔ 【#1】", before)
    assert street.events()[-2:] != ["超时", step]
    assert street.events().count("超时") == marked
    street.move(minutes=5)
    street.check()


def test_a_breach_of_what_the_step_began_keeps_it(street: Street) -> None:
    street.now = at(1, "23:58")
    street.import_rows(row(到达时间="2026-06-01 23:57"))
    street.now = at(1, "23:59")
    street.through(1, "签收")
    street.move(to=at(2, "00:00"))
    assert street.events(1)[-1] == "超时"

    assert street.say("zhang", "/撤回") == (
        "✘ 【#1】签收牵涉的时限已经超时，不能再撤回：可用相反的命令改正，/查 1 看经过"
    )
    street.check()


def test_what_people_did_after_a_breach_holds_it_up_all_the_same(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.through(1, "签收")
    street.move(to=at(2, "08:59"))
    street.through(1, "派单")
    street.move(to=at(2, "09:00"))
    street.say("li", "/核查 1 现场无人")

    assert "之后又有了新的操作" in street.say("zhang", "/撤回")


def test_only_ones_own_and_only_once(one: Street) -> None:
    one.through(1, "签收")

    assert one.say("li", "/撤回") == "✘ 您还没有可以撤回的操作"
    assert one.say("zhang", "/撤回").startswith("✔")
    assert one.say("zhang", "/撤回") == "✘ 刚才的操作已经撤回过了"


def test_never_a_registration(one: Street) -> None:
    one.say("zhang", "/登记 工单编号：热线-260601-000009\n标题：路灯不亮")

    assert one.say("zhang", "/撤回") == "✘ 登记不能撤回"
    assert one.order(2).state == "待签收"


def test_nothing_but_the_name_is_typed(one: Street) -> None:
    one.through(1, "签收")

    assert "多了“1”" in one.say("zhang", "/撤回 1")


def test_all_orders_of_one_message_are_taken_back_but_those_that_went_on(one: Street) -> None:
    one.import_rows(row(2), row(3))
    one.say("zhang", "/签收 1-3")
    one.say("li", "/派单 2 城管科")

    lines = one.say("zhang", "/撤回").splitlines()

    assert [line[:6] for line in lines] == ["✔ 【#1】", "✘ 【#2】", "✔ 【#3】"]
    assert [one.order(number).state for number in (1, 2, 3)] == ["待签收", "待接单", "待签收"]
    one.check()


def test_notices_that_were_not_sent_are_cancelled(street: Street) -> None:
    street.import_rows(row())
    street.through(1, "签收")
    street.deliver()
    street.through(1, "派单")
    street.notices()

    street.say("zhang", "/撤回", chat="@zhang")

    states = {(notice.kind, notice.audience): notice.state for notice in street.rows(Outbox)}
    assert states == {
        ("new_order", "dispatch"): "sent",
        ("dispatched", "dispatch"): "cancelled",
        ("dispatched", "chengguan"): "cancelled",
        ("undone", "dispatch"): "pending",
    }
    assert street.notices().only("undone").text == "【#1】张坐席 撤回了派单，现在是“待派单”"
    street.check()


def test_who_was_told_already_is_told_that_it_no_longer_holds(street: Street) -> None:
    street.import_rows(row())
    street.through(1, "签收")
    street.say("zhang", "/派单 1 城管科+社区建设科")
    street.deliver()
    street.notices()

    street.say("zhang", "/撤回")

    assert street.told() == [
        "dispatch: undone #1 @wang @liu @qian @he",
        "chengguan: undone #1 @wang @qian",
        "shequ: undone #1 @liu @he",
    ]


def test_a_mirrored_step_must_be_corrected_upstream_too(one: Street) -> None:
    one.through(1, "签收")

    assert "请在市级系统一并更正" in one.say("zhang", "/撤回")


def test_a_clock_that_was_started_is_gone(one: Street) -> None:
    one.through(1, "签收")
    one.say("zhang", "/撤回")

    assert "派单" not in {clock.kind for clock in one.rows(Clock, 1)}
    one.move(hours=3)
    assert all("派单" not in notice.text.splitlines()[1] for notice in one.notices().of("reminder"))
