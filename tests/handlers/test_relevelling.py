"""/定级 in the middle of an order: which limits change, and that going to and fro gains no time (domain, section 3)."""

from datetime import timedelta

import pytest

from tests.street import TO, URGENT, Street, at, row

ARRIVED = {"到达时间": "2026-06-01 09:00"}


def dues(street: Street) -> dict[str, str]:
    """Kind → due time of every running clock."""
    return {kind: street.clock(kind).due_at.isoformat() for kind in sorted(street.running())}


@pytest.mark.parametrize("state", ["待签收", "待派单", "待接单", "办理中"])
def test_urgent_and_back_to_ordinary_gains_nothing(one: Street, state: str) -> None:
    one.through(1, *TO[state])
    before = dues(one)

    for _ in range(2):
        one.move(minutes=10)
        one.say("zhang", "/定级 1 紧急 有人被困")
        one.move(minutes=2)
        assert one.say("zhang", "/定级 1 一般 误报").startswith("✔")

    assert dues(one) == before
    one.check()


def test_an_order_sent_back_keeps_where_its_limit_began(one: Street) -> None:
    one.through(1, *TO["待结案"])
    before = one.clock("办结").due_at
    one.move(days=2)
    one.say("sun", "/驳回 1 未附现场照片说明")

    one.say("zhang", "/定级 1 疑难 涉及多个部门")
    assert one.clock("办结").due_at == at(16, "09:00")
    one.say("zhang", "/定级 1 一般 一家可办")

    assert one.clock("办结").due_at == before == at(8, "09:00")
    one.check()


def test_dispatch_still_ends_at_midnight(street: Street) -> None:
    street.now = at(1, "23:20")
    street.import_rows(row(到达时间="2026-06-01 23:20"))
    street.now = at(1, "23:30")
    street.through(1, "签收")
    before = dues(street)

    street.say("zhang", "/定级 1 紧急 有人被困")
    assert street.due("派单") == "23:45"
    street.say("zhang", "/定级 1 一般 误报")

    assert street.clock("派单").due_at == at(2, "00:00")
    assert "且不过当日24:00" in street.clock("派单").basis
    assert dues(street) == before


def test_what_arrived_urgent_has_the_ordinary_limits_of_its_arrival(street: Street) -> None:
    street.now = at(1, "23:20")
    street.import_rows(row(到达时间="2026-06-01 23:20", 紧急程度="紧急"))
    street.now = at(1, "23:30")
    street.through(1, "签收")

    street.say("zhang", "/定级 1 一般 误报")

    assert {kind: street.due(kind) for kind in street.running()} == {
        "派单": "06-02 00:00",
        "响应": "06-02 23:20",
        "办结": "06-08 23:20",
        "超4天": "06-05 23:20",
    }


def test_an_overdue_limit_stays_overdue_though_nobody_swept_yet(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.say("zhang", "/定级 1 紧急 有人被困")
    due = one.clock("办结").due_at
    one.sleep(hours=3)

    one.say("zhang", "/定级 1 一般 误报")
    one.move(minutes=1)

    late = {kind: (one.clock(kind).running, one.clock(kind).breached_at) for kind in ("办结", "紧急处置")}
    assert late == {"办结": (True, due), "紧急处置": (True, due)}
    one.check()


def test_what_an_order_owed_before_it_was_opened_again_does_not_count(one: Street) -> None:
    one.say("zhang", "/定级 1 紧急 有人被困")
    one.say("zhang", "/定级 1 一般 误报")
    one.through(1, *TO["已结案"])
    one.move(days=1)
    one.say("sun", "/重开 1 来电人反映再次发生")

    one.say("zhang", "/定级 1 紧急 有人被困")

    assert {kind: one.due(kind) for kind in one.running()} == {
        "响应": "11:00",
        "办结": "11:00",
        "紧急处置": "11:00",
        "超4天": "06-06 09:00",
    }
    one.check()


def test_a_contact_made_before_the_level_changed_counts_at_its_own_time(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.move(to=at(1, "10:00"))
    one.say("zhang", "/定级 1 紧急 有人被困")
    one.move(to=at(1, "12:10"))

    one.say("wang", "/反馈 1 09:30 已接通 已告知")

    clock = one.clock("响应")
    assert (clock.due_at, clock.met_at, clock.late_seconds) == (at(1, "12:00"), at(1, "09:30"), 0)
    one.check()


def test_what_is_ordinary_again_is_reminded_by_its_whole_limit(one: Street) -> None:
    one.through(1, *TO["办理中"], "反馈")
    one.say("zhang", "/定级 1 疑难 涉及多个部门")
    one.move(to=at(8, "06:30"))

    one.say("zhang", "/定级 1 一般 一家可办")

    assert one.timers()["办结", 2] == at(8, "08:00"), "an hour before, though less than four are left"


def test_a_limit_that_was_over_before_it_was_given_is_told_at_once(one: Street) -> None:
    one.through(1, *TO["办理中"], "反馈")
    one.move(to=at(3))
    one.notices()

    one.import_rows(row(办理时限="2026-06-02 12:00"))

    assert one.told() == [
        "dispatch: upstream_change #1 @wang",
        "chengguan: upstream_change #1 @wang",
        "chengguan: catch_up @wang",
    ]
    assert (one.clock("办结").started_at, one.clock("办结").breached_at) == (at(3), at(2, "12:00"))
    one.check()


def test_down_and_up_again_gains_nothing(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT))
    one.through(2, *TO["待接单"])
    before = {kind: one.due(kind, 2) for kind in one.running(2)}
    one.move(to=at(1, "09:30"))

    one.say("zhang", "/定级 2 一般 误报")
    one.move(to=at(1, "10:30"))
    one.say("zhang", "/定级 2 紧急 还是紧急")

    assert {kind: one.due(kind, 2) for kind in one.running(2)} == before
    assert before["紧急处置"] == "11:00"
    assert all("不晚于原时限" in one.clock(kind, 2).basis for kind in ("响应", "办结", "紧急处置"))


@pytest.mark.parametrize(("columns", "typed", "step"), [({}, "紧急", 30), (URGENT, "一般", 24 * 60)])
def test_what_is_overdue_is_reminded_by_its_new_level(
    one: Street, columns: dict[str, str], typed: str, step: int
) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **columns))
    one.through(2, *TO["办理中"])
    one.now = max(one.clock("响应", 2).due_at, one.now) + timedelta(minutes=1)

    one.say("zhang", f"/定级 2 {typed} 情况有变")
    one.tick()

    clock = one.clock("响应", 2)
    assert clock.breached_at == clock.due_at
    assert one.timers(2)["响应", clock.generation] == clock.due_at + timedelta(minutes=step)


def test_a_due_time_of_the_source_that_passed_before_the_reopening_holds_nothing(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", 办理时限="2026-06-03 12:00"))
    one.through(2, *TO["已结案"])
    one.move(to=at(5))
    one.say("sun", "/重开 2 来电人反映再次发生")
    assert one.due("办结", 2) == "06-12 09:00"

    one.say("zhang", "/定级 2 紧急 有人被困")

    assert one.due("办结", 2) == one.due("响应", 2) == "11:00"
