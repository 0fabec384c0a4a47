"""The lifecycle table (domain, section 2): where each command is allowed, to whom, and what a refusal says."""

import pytest

from handlers.registry import COMMANDS
from tests.street import TO, Street, row

STEPS: dict[str, tuple[str, str, str]] = {
    # command: who may (by person), what is typed, where it is allowed
    "签收": ("zhang", "/签收 {}", "待签收"),
    "退回": ("zhang", "/退回 {} 重复 无 与前一件内容完全相同重复派发", "待签收 待派单"),
    "退回结果": ("zhang", "/退回结果 {} 驳回", "退回中"),
    "派单": ("zhang", "/派单 {} 城管科", "待派单"),
    "电话": ("zhang", "/电话 {} 王科长", "待派单 待接单 办理中"),
    "接单": ("wang", "/接单 {}", "待接单"),
    "改派": ("wang", "/改派 {} 不属于我科", "待接单 办理中"),
    "核查": ("zhang", "/核查 {} 现场无人施工", "待签收 待派单 待接单 办理中"),
    "反馈": ("zhang", "/反馈 {} 已接通 已告知", "待签收 待派单 待接单 办理中 待评定"),
    "办结": ("wang", "/办结 {} 解决 已处理", "办理中"),
    "补要件": ("wang", "/补要件 {} 态度 认可", "待评定 待结案"),
    "评定": ("gao", "/评定 {} 是 解决 满意", "待评定"),
    "结案": ("sun", "/结案 {}", "待结案"),
    "驳回": ("ma", "/驳回 {} 缺少照片", "待结案"),
    "重开": ("ma", "/重开 {} 再次发生", "已结案"),
    "催办": ("ma", "/催办 {}", "待签收 退回中 待派单 待接单 办理中 待评定 待结案"),
    "升级": ("zhang", "/升级 {} 多次未接单", "待签收 退回中 待派单 待接单 办理中 待评定 待结案"),
}

MAY: dict[str, set[str]] = {
    "签收": {"duty"},
    "退回": {"duty"},
    "退回结果": {"duty"},
    "派单": {"duty"},
    "电话": {"duty"},
    "接单": {"duty", "department"},
    "改派": {"duty", "department"},
    "核查": {"duty", "department"},
    "反馈": {"duty", "department"},
    "办结": {"duty", "department"},
    "补要件": {"duty", "department", "office"},
    "评定": {"reviewer"},
    "结案": {"office"},
    "驳回": {"office"},
    "重开": {"office"},
    "催办": {"duty", "office", "leader"},
    "升级": {"duty", "department", "office"},
}

PEOPLE = {
    "duty": "zhang",
    "department": "wang",
    "reviewer": "gao",
    "office": "ma",
    "centre": "song",
    "analyst": "xie",
    "leader": "zheng",
    "principal": "cao",
    "admin": "admin",
}

TYPED = {
    "吹哨": "1 区住建委 请到场",
    "延期": "1 6月9日 需要采购",
    "二次确认": "1 属实",
    "挂账": "1 6月20日 需立项",
    "作废": "1 2",
    "报表": "日报",
    "报送": "1 确认 已发",
    "失误": "数据专员 1 谢数据 数字错误",
    "陈述": "1 说明",
    "考核结果": "2026-05 良好",
    "登记事件": "舆情 6月1日 说明",
    "申诉": "1 理由",
    "抽检": "10 本周",
    "提醒": "明天 开会",
}
"""Arguments of commands to come, as they will be typed."""

COMING = [command.name for command in COMMANDS if not command.provided and not command.private]


@pytest.mark.parametrize("state", TO)
def test_each_command_is_allowed_in_its_states_and_nowhere_else(one: Street, state: str) -> None:
    allowed = [command for command, (_, _, states) in STEPS.items() if state in states.split()]
    if allowed:
        one.import_rows(*(row(number) for number in range(2, 2 + len(allowed))))
    one.through(1, *TO[state])
    before = one.events(1)
    for command, (person, typed, _) in STEPS.items():
        if command not in allowed:
            reply = one.say(person, typed.format(1))
            assert reply.startswith(f"✘ 【#1】现在是“{state}”，不能{command}"), f"{command} in {state}: {reply}"
            assert "现在可以：/" in reply or "例如 /" in reply or "已经结束" in reply
    assert (one.events(1), one.order(1).state) == (before, state)

    for order, command in enumerate(allowed, 2):
        one.through(order, *TO[state], *(["反馈"] if (command, state) == ("办结", "办理中") else []))
        before = one.events(order)
        person, typed, _ = STEPS[command]
        reply = one.say(person, typed.format(order))
        assert reply.startswith(f"✔ 【#{order}】"), f"{command} in {state}: {reply}"
        assert one.events(order) == [*before, command]


def test_a_role_that_may_not_is_told_who_may(one: Street) -> None:
    one.import_rows(*(row(number) for number in range(2, 2 + len(STEPS))))
    for order, (command, (_, typed, states)) in enumerate(STEPS.items(), 2):
        one.through(order, *TO[states.split()[0]])
        before = one.events(order)
        for role, person in PEOPLE.items():
            if role in MAY[command]:
                continue
            reply = one.say(person, typed.format(order))
            assert reply.startswith(f"✘ 【#{order}】{command} 由"), f"{role}: {reply}"
            assert "没有这个职责" in reply
            assert "操作" in reply
        assert one.events(order) == before, command


@pytest.mark.parametrize(
    ("command", "state"),
    [
        ("接单", "待接单"),
        ("改派", "办理中"),
        ("核查", "办理中"),
        ("反馈", "办理中"),
        ("办结", "办理中"),
        ("补要件", "待评定"),
        ("升级", "办理中"),
    ],
)
def test_another_department_may_not(one: Street, command: str, state: str) -> None:
    one.through(1, *TO[state])

    reply = one.say("liu", STEPS[command][1].format(1))

    assert reply == f"✘ 【#1】主办科室是城管科，您在社区建设科，不能{command}"


@pytest.mark.parametrize("command", ["核查", "反馈", "升级"])
def test_before_a_dispatch_no_department_acts(one: Street, command: str) -> None:
    one.through(1, "签收")

    reply = one.say("wang", STEPS[command][1].format(1))

    assert reply == f"✘ 【#1】还没有派单，科室不能{command}：等值班坐席派单后再办"


def test_an_assisting_department_may_only_check_and_report_contacts(one: Street) -> None:
    one.through(1, "签收")
    one.say("zhang", "/派单 1 城管科+社区建设科")

    assert "不能接单" in one.say("liu", "/接单 1")
    one.through(1, "接单")
    assert one.say("liu", "/核查 1 地面干净").startswith("✔")
    assert one.say("liu", "/反馈 1 已接通 已告知").startswith("✔")
    for command in ("改派", "办结", "升级"):
        assert f"不能{command}" in one.say("liu", STEPS[command][1].format(1))


def test_a_wrong_state_says_what_this_person_may_do_now(one: Street) -> None:
    one.through(1, *TO["待接单"])

    seat = one.say("zhang", "/派单 1 城管科").partition("现在可以：")[2].split()
    assert seat[:5] == ["/电话", "/接单", "/改派", "/核查", "/反馈"]
    assert {"/催办", "/升级"} <= set(seat)
    department = one.say("wang", "/办结 1 解决 好了").partition("现在可以：")[2].split()
    assert {"/接单", "/改派", "/核查", "/反馈", "/升级"} <= set(department)
    assert not {"/派单", "/电话", "/催办", "/办结", "/评定"} & set(department)


def test_who_can_do_nothing_now_is_told_who_can(one: Street) -> None:
    one.through(1, *TO["待接单"])
    assert one.say("gao", "/评定 1 是 解决 满意").endswith("。现在由业务科室、值班坐席操作，例如 /接单")

    one.through(1, "接单")
    assert one.say("gao", "/评定 1 是 解决 满意").endswith("。现在由业务科室、值班坐席操作，例如 /办结")


@pytest.mark.parametrize("command", COMING)
def test_a_command_to_come_says_so_and_changes_nothing(one: Street, command: str) -> None:
    before = one.events()

    for person in ("zhang", "sun"):
        reply = one.say(person, f"/{command} {TYPED.get(command, '1')}")
        assert reply.startswith(f"✘ /{command}（")
        assert "尚未提供" in reply

    assert one.events() == before
    assert one.notices() == []


def test_no_order_is_offered_a_command_to_come(one: Street) -> None:
    for person in PEOPLE.values():
        text = one.say(person, "/查 1") + one.say(person, "/帮助")
        for command in COMING:
            assert f"/{command} " not in text, command
