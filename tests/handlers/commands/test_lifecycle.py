"""What a refusal says, and what is never offered. Who may do what, and where: `tests/handlers/test_walk.py`."""

from tests.handlers.lifecycle_table import NOT_BUILT, PEOPLE
from tests.street import TO, Street


def test_who_may_not_is_told_who_may_and_what_they_may_do_now(one: Street) -> None:
    assert (
        one.say("gao", "/签收 1")
        == "✘ 【#1】签收由值班坐席（张坐席、李坐席、赵坐席）操作，您（高复核）没有这个职责。可用 /查 1 看经过"
    )
    one.through(1, *TO["待接单"])

    other = one.say("liu", "/接单 1")

    assert other == "✘ 【#1】主办科室是城管科，您在社区建设科，不能接单。可用 /查 1 看经过"
    assert one.say("gao", "/接单 1").startswith(
        "✘ 【#1】接单由业务科室（王科长、钱队员）、值班坐席（张坐席、李坐席、赵坐席）操作，您（高复核）没有这个职责。"
    )
    assert "没有这个职责。现在可以：/催办" in one.say("ma", "/接单 1")


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
    assert one.say("gao", "/评定 1 是 解决 满意").endswith(
        "。现在由业务科室（王科长、钱队员）、值班坐席（张坐席、李坐席、赵坐席）操作，例如 /接单 1"
    )

    one.through(1, "接单")
    assert one.say("gao", "/评定 1 是 解决 满意").endswith(
        "。现在由业务科室（王科长、钱队员）、值班坐席（张坐席、李坐席、赵坐席）操作，例如 /办结 1"
    )


def test_no_order_is_offered_a_command_to_come(one: Street) -> None:
    for person in PEOPLE:
        text = one.say(person, "/查 1") + one.say(person, "/帮助")
        for command in NOT_BUILT:
            assert f"/{command} " not in text, command
