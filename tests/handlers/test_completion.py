"""What the console offers to whom: orders in a state where the command is allowed, names, arguments as data."""

from dataclasses import replace

import pytest

from config.policy import load_policy
from handlers.commands.handling import OUTCOMES
from handlers.completion import offered
from handlers.lifecycle import STEPS
from handlers.registry import COMMANDS
from storage.store import Store
from tests.handlers.desk import Desk, at, office_of

MORNING = at(1, "09:00")


@pytest.fixture
def desk(store: Store) -> Desk:
    """An office with nothing in it, on both databases."""
    return Desk(office_of(store))


def seen(desk, person):
    return desk.read(MORNING, person, lambda work: offered(work.office, work.scope, work.actor))


def grammar(desk, person, name):
    return next(command for command in seen(desk, person)["commands"] if command["name"] == name)


def test_an_order_names_what_the_person_may_do_to_it_now(desk):
    waiting, handled = desk.order(MORNING), desk.order(MORNING)
    desk.through(handled, ("签收", MORNING), ("派单", MORNING), ("接单", MORNING))
    by_seat = {order["id"]: order for order in seen(desk, "zhang")["orders"]}
    assert {"签收", "退回", "查"} <= set(by_seat[waiting]["commands"])
    assert "派单" not in by_seat[waiting]["commands"]
    assert "签收" not in by_seat[handled]["commands"]
    own = {order["id"]: order for order in seen(desk, "wang")["orders"]}
    other = {order["id"]: order for order in seen(desk, "liu")["orders"]}
    assert "办结" in own[handled]["commands"]
    assert "办结" not in other[handled]["commands"]
    assert own[handled]["department"] == "chengguan"
    assert own[handled]["state"] == "办理中"


def test_what_waits_for_the_person_comes_first_then_the_urgent_then_the_newest(desk):
    old, urgent, new = desk.order(MORNING), desk.order(MORNING, level="紧急"), desk.order(MORNING)
    mine = desk.order(MORNING)
    desk.through(mine, ("签收", MORNING), ("派单", MORNING))
    assert [order["id"] for order in seen(desk, "zhang")["orders"]] == [urgent, new, old, mine]
    assert [order["id"] for order in seen(desk, "wang")["orders"]] == [mine, urgent, new, old]


def test_the_limit_of_a_file_is_the_offices(store, tmp_path):
    policy = tmp_path / "policy.toml"
    policy.write_text(
        '[[rule]]\nkey = "attachments"\nsince = 2026-01-01\ntitle = "附件"\n'
        'value = { file_mb = 3, count = 50, total_mb = 200 }\nsource = "★"\n',
        encoding="utf-8",
    )
    desk = Desk(replace(office_of(store), policy=load_policy(policy)))
    assert seen(desk, "zhang")["attachment_mb"] == 3


def test_a_closed_order_is_offered_to_whom_may_reopen_it(desk):
    closed, returned = (desk.order(MORNING, state=state, open=False) for state in ("已结案", "已退回"))
    office = next(person.id for person in desk.office.organisation.people if "office" in person.roles)
    assert [order["id"] for order in seen(desk, office)["orders"]] == [closed]
    assert "重开" in seen(desk, office)["orders"][0]["commands"]
    assert seen(desk, "wang")["orders"] == []
    assert returned != closed


def test_the_rules_are_offered_by_name(desk):
    (form,) = grammar(desk, "zhang", "规则")["forms"]
    assert form[0]["kind"] == "choice"
    assert set(form[0]["words"]) == {line.title for line in desk.office.policy.describe(MORNING.date())}


def test_roles_hide_commands(desk):
    names = {command["name"] for command in seen(desk, "wang")["commands"]}
    assert {"接单", "查", "帮助"} <= names
    assert not {"派单", "评定", "登记"} & names
    assert not {command.name for command in COMMANDS if not command.provided} & names


def test_the_words_are_those_that_the_command_and_the_rules_know(desk):
    (form,) = grammar(desk, "wang", "办结")["forms"]
    assert [slot["kind"] for slot in form] == ["choice", "text"]
    assert tuple(form[0]["words"]) == OUTCOMES
    (form,) = grammar(desk, "zhang", "退回")["forms"]
    assert tuple(form[0]["words"]) == desk.office.rules(MORNING).return_kinds


def test_only_a_seat_writes_on_behalf_and_must_where_the_lifecycle_says_so(desk):
    def behalf(person, name):
        return [slot for slot in grammar(desk, person, name)["forms"][0] if slot.get("before") == "代"]

    assert behalf("wang", "接单") == []
    assert "optional" not in behalf("zhang", "接单")[0]
    assert STEPS["接单"].behalf and not STEPS["反馈"].behalf
    assert behalf("zhang", "反馈")[0]["optional"] is True


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.provided], ids=lambda each: each.name)
def test_every_command_that_is_carried_out_says_what_its_arguments_are(command):
    assert command.forms
    for form in command.forms:
        assert all(slot.usage.strip("[]") in command.usage for slot in form)
        assert all(slot.kind != "text" for slot in form[:-1]), "text takes all that is left"


def test_the_usage_is_written_from_the_arguments():
    usage = {command.name: command.usage for command in COMMANDS}
    assert usage["派单"] == "N… 主办[+协办+协办] [说明]"
    assert usage["反馈"] == "N [代 科室] [时间] 已接通|联系不上|无法联系 说明"
    assert usage["批复"] == "N 派 科室 [说明] 或 N 退 单位 [说明] 或 N 说明 …"
    assert usage["查"] == "N，或要查找的词"
    assert usage["撤回"] == ""


def test_what_has_a_command_of_its_own_is_not_offered_as_a_mark(desk):
    marks = grammar(desk, "zhang", "标记")["forms"][0][0]["words"]
    assert "易反弹" in marks
    assert not {"督办", "报备"} & set(marks)
