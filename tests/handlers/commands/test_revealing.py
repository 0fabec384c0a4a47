"""揭示: plain personal data, in private, to a role that needs them, with a reason (domain, section 8)."""

import pytest

from storage.tables import ConsoleMessage, Inbox
from tests.street import CALLER, PHONE, TO, Street, row


def test_the_plain_values_are_shown_and_the_showing_is_an_event(street: Street) -> None:
    street.import_rows(row())

    reply = street.privately("zhang", "/揭示 1 回访核实")

    for words in (f"来电人：{CALLER}", f"电话：{PHONE}", "标题：夜间施工噪声扰民", "来电人张三丰，电话13800001234"):
        assert words in reply
    assert street.event()["kind"] == "揭示"
    assert street.event()["data"] == {"reason": "回访核实"}
    assert street.told() == ["dispatch: new_order #1"]
    street.check()


def test_what_is_stored_is_a_reference(street: Street) -> None:
    street.import_rows(row())
    street.privately("zhang", "/揭示 1 回访核实")

    stored = street.rows(Inbox)[-1].replies[0]
    assert stored["reveal"] == 1
    assert "内容不留存" in stored["text"]
    assert "内容不留存" in street.rows(ConsoleMessage)[-1].text
    street.check()


def test_the_same_message_again_shows_the_same_without_a_second_event(street: Street) -> None:
    street.import_rows(row())
    first = street.privately("zhang", "/揭示 1 回访核实", message_id="zhang/m1")

    assert street.privately("zhang", "/揭示 1 回访核实", message_id="zhang/m1") == first
    assert PHONE in first
    assert street.events() == ["登记", "揭示"]


@pytest.mark.parametrize(("person", "may"), [("zhang", True), ("gao", True), ("wang", True), ("liu", False)])
def test_seats_reviewers_and_the_orders_own_department(one: Street, person: str, may: bool) -> None:
    one.through(1, *TO["待接单"])

    reply = one.privately(person, "/揭示 1 联系来电人")

    assert (PHONE in reply) == may
    if not may:
        assert reply == "✘ 【#1】揭示只给值班坐席、复核专员和本工单的科室"


@pytest.mark.parametrize("person", ["sun", "zheng", "song", "xie", "cao", "admin"])
def test_no_other_role(one: Street, person: str) -> None:
    one.through(1, *TO["待接单"])

    reply = one.privately(person, "/揭示 1 看看")

    assert reply.startswith("✘")
    assert "揭示" in reply
    assert PHONE not in reply
    assert "揭示" not in one.events()


def test_a_department_not_before_it_has_the_order(one: Street) -> None:
    one.through(1, "签收")

    assert PHONE not in one.privately("wang", "/揭示 1 联系来电人")


def test_never_in_a_group(one: Street) -> None:
    reply = one.say("zhang", "/揭示 1 回访核实")

    assert reply == "✘ /揭示 只能在与我的私聊中使用：群里人人可见。请打开私聊，再发一次"
    assert one.events() == ["登记"]


def test_a_reason_is_needed(one: Street) -> None:
    reply = one.privately("zhang", "/揭示 1")

    assert reply.startswith("✘ 【#1】缺少事由\n用法：/揭示 N 事由\n例：/揭示 1 回访核实")
    assert one.events() == ["登记"]


def test_who_asked_for_secrecy_is_shown_to_nobody(one: Street) -> None:
    one.import_rows(row(2, 来电人="保密", **{"来电人电话/账号": "保密"}))

    for person in ("zhang", "gao"):
        assert "来电人要求保密，个人信息不予揭示" in one.privately(person, "/揭示 2 回访")
    assert one.events(2) == ["登记"]


def test_a_quote_serves_in_private_too(one: Street) -> None:
    one.privately("zhang", "/查 1")

    assert PHONE in one.privately("zhang", "揭示 回访核实", quote=one.last_message())
