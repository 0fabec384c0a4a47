"""督办 that is set after the 科室's 办结: whoever has the order then is reminded, and 结案 meets it."""

import pytest

from handlers.standing_lists import due_lists
from tests.street import TO, Street, at, row

WAITS = [
    ("待评定", "@gao @luo", "/评定 1", "复核专员"),
    ("待结案", "@sun @ma", "/结案 1；要件不足 /驳回 1 理由", "综合科"),
]


@pytest.mark.parametrize(("state", "people", "step", "role"), WAITS, ids=["rating", "closing"])
def test_whoever_has_the_order_is_reminded_where_they_read(
    one: Street, state: str, people: str, step: str, role: str
) -> None:
    one.through(1, *TO[state])
    one.say("sun", "/督办 1 市 2026-06-01 12:00")
    one.notices()

    one.move(to=at(1, "13:00"))

    told = one.notices()
    assert set(told.lines) == {f"supervision: reminder #1 {people}"}, "warned, and at the due time"
    assert "⚠ 已超期" in told[-1].text and step in told[-1].text
    assert one.say("sun", "/超期").endswith(f"{state} 城管科 ⚠已超 1小时，等{role}")
    assert f"科室已办结，还没有{state[1:]}，等{role}，所以红" in one.say("gao", "/查 1")


def test_a_closing_meets_what_was_set_after_the_result(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, *TO["待评定"])
    street.say("sun", "/督办 1 市 2026-06-01 12:00")
    street.say("sun", "/督办 1 区 2026-06-01 18:00")
    street.through(1, "评定")
    street.move(to=at(1, "13:00"))

    street.through(1, "结案")

    assert (street.clock("市级督办").met_at, street.clock("市级督办").late_seconds) == (at(1, "13:00"), 3600)
    assert (street.clock("区级督办").met_at, street.clock("区级督办").late_seconds) == (at(1, "13:00"), 0)
    assert street.running() == set() and street.timers() == {}
    street.check()


def test_a_department_is_not_told_of_what_it_cannot_meet(one: Street) -> None:
    one.through(1, *TO["待评定"])
    one.say("sun", "/督办 1 市 2026-06-01 09:30")
    one.import_rows(row(2, 到达时间="2026-06-01 09:00"))
    one.through(2, *TO["办理中"])
    one.say("sun", "/督办 2 市 2026-06-01 09:30")
    one.notices()
    one.move(to=at(1, "10:00"))
    one._run(lambda scope: due_lists(one.office, scope, one.now), "test")

    listed = one.notices().of("due_lists")
    assert [notice.group for notice in listed] == ["chengguan"]
    assert "#2 " in listed[0].text and "#1 " not in listed[0].text
