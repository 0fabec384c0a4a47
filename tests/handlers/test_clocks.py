"""Clocks: when each starts and is due, what ends it, what is said about it (domain, section 3)."""

from datetime import datetime, timedelta

import pytest

from config.policy import load_policy
from tests.street import TO, URGENT, Street, at, row

ARRIVED = {"到达时间": "2026-06-01 08:00"}


def dues(street: Street, order: int = 1) -> dict[str, str]:
    """Kind → due time of every running clock, as people read it."""
    return {kind: street.due(kind, order) for kind in sorted(street.running(order))}


# ------------------------------------------------------------------------------------------------- the table's rows


def test_an_ordinary_order_counts_from_its_arrival(street: Street) -> None:
    street.import_rows(row(**ARRIVED))

    assert dues(street) == {"签收": "09:00", "响应": "06-02 08:00", "办结": "06-08 08:00", "超4天": "06-05 08:00"}
    assert {clock.started_at for clock in street.clocks()} == {at(1, "08:00")}
    street.check()


def test_an_urgent_order_has_shorter_limits_and_one_more(street: Street) -> None:
    street.import_rows(row(**ARRIVED, **URGENT))

    assert dues(street) == {
        "签收": "08:15",
        "响应": "10:00",
        "办结": "10:00",
        "紧急处置": "10:00",
        "超4天": "06-05 08:00",
    }
    assert all(clock.urgent for clock in street.clocks())


@pytest.mark.parametrize(
    ("columns", "due"),
    [
        ({}, "06-08 08:00"),
        ({"紧急程度": "疑难"}, "06-16 08:00"),
        ({"工单类型": "咨询"}, "06-02 08:00"),
        ({"问题分类": "住房城乡建设->供暖->不热"}, "06-02 08:00"),
        ({"问题分类": "公共服务-供水-停水"}, "06-02 08:00"),
        ({"紧急程度": "紧急", "工单类型": "咨询"}, "10:00"),
        ({"办理时限": "2026-06-04 12:00"}, "06-04 12:00"),
        ({"办理时限": "2026-06-04 12:00", "紧急程度": "紧急"}, "06-04 12:00"),
    ],
)
def test_the_close_out_limit_is_the_citys_else_the_policys(one: Street, columns: dict[str, str], due: str) -> None:
    one.import_rows(row(2, **ARRIVED, **columns))

    assert one.due("办结", 2) == due


def test_without_an_arrival_time_the_import_counts_and_says_so(street: Street) -> None:
    street.import_rows(row())

    assert dues(street) == {"签收": "10:00", "响应": "06-02 09:00", "办结": "06-08 09:00", "超4天": "06-05 09:00"}
    assert all(
        clock.basis.startswith("到达时间未提供，按导入时间计，自导入 2026-06-01 09:00 起") for clock in street.clocks()
    )
    assert (street.order().arrived_at, street.order().counted_at) == (None, at(1))


def test_neither_the_number_nor_the_call_stands_in_for_the_arrival(one: Street) -> None:
    one.import_rows(row("热线-260501-000001", 来话时间="2026-05-01 10:00"))

    assert one.clock("签收", 2).started_at == at(1)
    assert one.order(2).counted_at == at(1)


def test_each_clock_explains_itself_in_one_line(one: Street) -> None:
    one.import_rows(row(2, 办理时限="2026-06-04 12:00", **ARRIVED))
    one.through(2, "签收")

    basis = {clock.kind: clock.basis for clock in one.clocks(2)}

    assert basis["签收"] == "自到达 2026-06-01 08:00 起 1小时（未约定，暂按默认）"
    assert basis["办结"] == "市级给定的办理时限 2026-06-04 12:00"
    assert basis["派单"] == "自签收 2026-06-01 09:00 起 2小时（未约定，暂按默认）"
    assert all("\n" not in line for line in basis.values())
    one.through(2, "派单", "接单", "反馈", "办结")
    assert one.clock("评定", 2).basis == "自科室办结 2026-06-01 09:00 起 24小时（合同）"


def test_nothing_that_was_signed_is_left_at_midnight(street: Street) -> None:
    street.now = at(1, "22:30")
    street.import_rows(row(1), row(2, **URGENT))
    street.now = at(1, "23:50")
    street.through(1, "签收")
    street.through(2, "签收")

    for order in (1, 2):
        assert street.clock("派单", order).due_at == at(2, "00:00")
        assert street.clock("派单", order).basis.endswith("，且不过当日24:00")
    street.move(to=at(2, "00:10"))
    street.through(1, "派单", "改派")
    assert street.clock("派单").due_at == at(2, "02:10") + timedelta(seconds=1)


def test_a_few_hours_before_midnight_are_enough(one: Street) -> None:
    one.now = at(1, "21:59")
    one.through(1, "签收")

    assert one.clock("派单").due_at == at(1, "23:59")
    assert "24:00" not in one.clock("派单").basis


def test_clocks_of_a_calls_age_are_over_at_once_when_it_comes_in_late(street: Street) -> None:
    street.import_rows(row(到达时间="2026-05-20 08:00"))

    assert {clock.kind for clock in street.clocks() if clock.breached_at} == {"签收", "响应", "办结", "超4天"}
    assert street.clock("签收").breached_at == at(20, "09:00", month=5)


# --------------------------------------------------------------------------------------------- late and breached


def test_a_breach_is_marked_once_at_the_due_time(street: Street) -> None:
    street.import_rows(row(**ARRIVED))
    street.move(hours=5)

    assert street.clock("签收").breached_at == at(1, "09:00")
    assert street.clock("签收").late_seconds is None, "lateness is known when it is met"
    assert street.events() == ["登记", "超时"]

    street.through(1, "签收")
    assert street.clock("签收").breached_at == at(1, "09:00")
    assert street.clock("签收").late_seconds == 5 * 3600
    street.move(days=1)
    assert street.events().count("超时") == 1 + 2  # 派单 and 响应
    street.check()


def test_what_is_met_late_before_the_sweep_is_marked_too(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.sleep(hours=2)

    street.through(1, "签收")

    clock = street.clock("签收")
    assert (clock.breached_at, clock.late_seconds) == (at(1, "09:50"), 70 * 60)
    street.tick()
    assert "超时" not in street.events()
    street.check()


def test_met_at_the_last_second_is_in_time(one: Street) -> None:
    one.now = at(1, "10:00")
    one.through(1, "签收")

    clock = one.clock("签收")
    assert (clock.breached_at, clock.late_seconds) == (None, 0)


# ---------------------------------------------------------------------------------------------------- generations


def test_going_back_keeps_the_due_time_in_a_new_generation(street: Street) -> None:
    street.import_rows(row(**ARRIVED))
    street.through(1, *TO["待评定"], "不解决", "反馈", "办结", "评定", "驳回")

    for kind, due in (("办结", at(8, "08:00")), ("超4天", at(5, "08:00"))):
        clocks = street.clocks(1, kind)
        assert [clock.generation for clock in clocks] == [0, 1, 2]
        assert {clock.due_at for clock in clocks} == {due}
        assert [clock.running for clock in clocks] == [False, False, True]
    assert [clock.generation for clock in street.clocks(1, "评定")] == [0, 1]
    street.check()


def test_a_rejection_after_the_due_time_is_late_from_the_start(street: Street) -> None:
    street.import_rows(row(**ARRIVED))
    street.through(1, *TO["待结案"])
    street.move(days=9)
    street.through(1, "驳回")
    street.notices()

    street.tick()

    assert street.clock("办结").breached_at == at(8, "08:00")
    assert street.told() == [], "the rejection itself was the news"
    street.move(days=1)
    assert "chengguan: reminder #1 @wang" in street.told()


def test_a_new_due_time_of_the_city_wins_as_a_new_generation(street: Street) -> None:
    street.import_rows(row(办理时限="2026-06-04 12:00", **ARRIVED))
    street.notices()

    street.import_rows(row(办理时限="2026-06-03 12:00", **ARRIVED))

    first, second = street.clocks(1, "办结")
    assert (first.superseded_at, first.running, first.due_at) == (at(1), False, at(4, "12:00"))
    assert (second.generation, second.due_at) == (1, at(3, "12:00"))
    assert "新的办理时限：06-03 12:00" in street.notices().only("upstream_change").text
    street.check()


def reminders_of_a_due_time_given_again(street: Street, *, changed_away: datetime) -> list[str]:
    """What is told of 办结 after the city gave 06-05 12:00, later 06-10 12:00, and on 6 June the first one again."""
    street.import_rows(row(办理时限="2026-06-05 12:00", **ARRIVED))
    street.through(1, "签收", "派单", "接单", "反馈")
    street.move(to=changed_away)
    street.import_rows(row(办理时限="2026-06-10 12:00", **ARRIVED))
    street.move(to=at(6, "09:00"))
    street.notices()
    street.import_rows(row(办理时限="2026-06-05 12:00", **ARRIVED))
    street.move(minutes=5)
    assert street.clock("办结").breached_at == at(5, "12:00")
    return [notice.text for notice in street.notices() if notice.kind in ("reminder", "catch_up")]


def test_a_due_time_that_the_city_gives_again_after_it_passed_is_told(street: Street) -> None:
    (text,) = reminders_of_a_due_time_given_again(street, changed_away=at(2))

    assert "办结：06-05 12:00 到期，已超 21小时" in text
    street.check()


def test_a_due_time_that_was_told_when_it_passed_is_not_told_again(street: Street) -> None:
    assert reminders_of_a_due_time_given_again(street, changed_away=at(5, "15:00")) == []


def test_a_clock_is_frozen_when_it_starts(one: Street, tmp_path: object) -> None:
    overlay = tmp_path / "policy.toml"  # type: ignore[operator]
    overlay.write_text(
        '[[rule]]\nkey = "sign_off"\nsince = 2026-06-02\ntitle = "签收"\n'
        'value = { urgent = "5分钟", other = "30分钟" }\nsource = "街道约定"\n',
        encoding="utf-8",
    )
    one.policy = load_policy(overlay)
    old = one.clock("签收")
    one.move(to=at(2, "09:00"))
    one.import_rows(row(2))

    assert one.clock("签收") == old.model_copy(update={"breached_at": old.due_at})
    assert one.clock("签收", 2).due_at == at(2, "09:30")
    assert one.clock("签收", 2).basis.endswith("起 30分钟（街道约定）")
    assert one.clock("签收", 2).rule_version != old.rule_version


def test_a_due_time_before_the_arrival_does_not_break_anything(one: Street) -> None:
    one.import_rows(row(2, 办理时限="2026-05-01 12:00", **ARRIVED))

    assert one.clock("办结", 2).due_at > one.clock("办结", 2).started_at
    assert one.say("zhang", "/查 2").startswith("【#2】")
