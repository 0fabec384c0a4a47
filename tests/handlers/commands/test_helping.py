"""帮助 (interface, section Chat)."""

import pytest

from handlers.registry import COMMANDS
from tests.street import Street


def names(text: str) -> set[str]:
    return {
        line.split()[0].removeprefix("/").rstrip("：").split("：")[0] for line in text.splitlines() if line[:3] == "  /"
    }


def test_each_person_reads_what_they_may_do_here(one: Street) -> None:
    everybody = {"查", "待办", "我的", "列表", "统计", "日报", "撤回", "帮助"}
    steps = {"登记", "签收", "退回", "派单", "接单", "办结", "评定", "结案", "驳回", "重开", "揭示", "催办"}

    for person, own in {
        "zhang": {"登记", "签收", "退回", "派单", "接单", "办结", "催办"},
        "wang": {"接单", "办结"},
        "gao": {"评定"},
        "ma": {"结案", "驳回", "重开", "催办"},
        "zheng": {"催办"},
        "admin": set(),
    }.items():
        text = one.say(person, "/帮助")
        assert names(text) >= everybody
        assert names(text) & steps == own, person
    assert "揭示" in names(one.privately("gao", "帮助"))
    assert not names(one.say("zhang", "/帮助")) & {command.name for command in COMMANDS if not command.provided}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.provided], ids=lambda c: c.name)
def test_every_command_explains_itself_by_every_name(one: Street, command: object) -> None:
    for name in (command.name, *command.aliases, f"/{command.name}"):  # type: ignore[attr-defined]
        text = one.say("zhang", f"/帮助 {name}")
        assert text.startswith(f"/{command.name}：")  # type: ignore[attr-defined]
        assert f"用法：/{command.name}" in text  # type: ignore[attr-defined]


def test_the_examples_are_understood(one: Street) -> None:
    for command in COMMANDS:
        for example in command.examples:
            if command.provided:
                reply = one.say("zhang", example)
                assert "例：" not in reply or command.name == "帮助", f"{example}: {reply}"
                assert "不认识" not in reply


def test_an_unknown_command_offers_the_nearest(one: Street) -> None:
    assert "没有“派蛋”这条命令" in one.say("zhang", "/帮助 派蛋")
    assert "（尚未提供）" in one.say("zhang", "/帮助 延期")
