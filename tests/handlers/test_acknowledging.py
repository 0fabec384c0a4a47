"""知悉: whoever an order waits for is spared nudges for a while, and nothing else is."""

from datetime import timedelta

import pytest

from storage.tables import Remark
from tests.street import URGENT, Street, at, row


@pytest.fixture
def one(store):
    """An order that the 城管科 works on; 王科长 is its handler. Its 办结 is due in seven days."""
    street = Street(store)
    street.import_rows(row(1))
    street.through(1, "签收", "派单", "接单")
    street.told()
    return street


def reminders(street):
    return [notice for notice in street.notices() if notice.kind == "reminder"]


def test_who_knows_is_not_called_for_an_hour(one):
    one.move(at(2, "08:30"))
    one.notices()
    assert one.say("wang", "/知悉 1") == "✔ 【#1】已记下，06-02 09:30 前不再提醒您；到期时仍会提醒"
    assert "知悉 提醒停到 06-02 09:30" in one.say("wang", "/查 1")
    one.check()


@pytest.mark.parametrize(("said", "spared"), [("/知悉 1 稍后 2小时", True), ("/知悉 1 稍后 10分钟", False)])
def test_for_as_long_as_was_said(one, said, spared):
    """The last nudge before the due time comes an hour before it."""
    due = one.clock("响应").due_at
    one.move(due - timedelta(minutes=90))
    one.notices()
    one.say("wang", said)
    one.move(due - timedelta(minutes=30))
    assert (reminders(one) == []) is spared
    one.move(due)
    assert [notice.people[0] for notice in reminders(one)] == ["wang"], "the due moment is always told"


def test_others_are_called_all_the_same(one):
    due = one.clock("响应").due_at
    one.move(due - timedelta(minutes=90))
    one.notices()
    one.say("qian", "/知悉 1 稍后 2小时")
    one.move(due - timedelta(minutes=30))
    assert [notice.people for notice in reminders(one)] == [("wang",)]


def test_only_who_is_waited_for_may_say_so(one):
    assert "等的是 王科长" in one.say("zhang", "/知悉 1")
    assert one.say("wang", "/知悉 1 稍后 3天").startswith("✘ 【#1】稍后最长 24小时")
    assert one.say("wang", "/知悉 1 明天").startswith("✘")
    assert one.rows(Remark, 1) == []


def test_of_urgent_orders_and_those_that_nobody_signed_everything_is_told(store):
    street = Street(store)
    street.import_rows(row(1), row(2, **URGENT))
    for number in (1, 2):
        assert "仍按时提醒" in street.say("zhang", f"/知悉 {number}")
    street.notices()
    due = street.clock("签收", 1).due_at
    street.move(due)
    assert {notice.order for notice in reminders(street)} == {1, 2}


def test_an_ended_order_needs_no_acknowledgement(one):
    one.through(1, "反馈", "办结", "评定", "结案")
    assert "已经没有提醒" in one.say("wang", "/知悉 1")
