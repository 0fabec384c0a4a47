"""签收, 退回, 退回结果 (domain, section 2, rows 2 to 4)."""

import threading

import pytest

from tests.conftest import OpenStore
from tests.street import DISPATCH, TO, URGENT, Street, at, row


def test_a_signature_is_recorded_and_starts_the_dispatch_clock(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.notices()

    reply = street.say("zhang", "/签收 1")

    order = street.order()
    assert (order.state, order.signed_by, order.signed_at) == ("待派单", "zhang", at(1))
    assert street.clock("签收").met_at == at(1)
    assert street.clock("签收").late_seconds == 0
    assert street.due("派单") == "11:00"
    assert reply.splitlines()[:2] == ["✔ 【#1】已签收（张坐席 09:00）", "派单时限：11:00"]
    assert "视为已在市级系统同步签收" in reply
    assert street.told() == [], "the group has read the reply"
    street.check()


def test_a_district_order_asserts_the_district_system(one: Street) -> None:
    one.import_rows(row("20260601000001"))

    assert "视为已在区级系统同步签收" in one.say("zhang", "/签收 2")


def test_signing_in_another_group_tells_the_dispatch_group(one: Street) -> None:
    one.say("zhang", "/签收 1", chat="supervision")

    assert one.told() == ["dispatch: signed #1"]


def test_of_two_who_sign_at_once_one_wins_and_the_other_reads_who_and_when(street: Street) -> None:
    street.import_rows(row())

    first, second = street.together(("zhang", "/签收 1"), ("li", "/签收 1"))

    assert first.startswith("✔ 【#1】已签收（张坐席 09:00）")
    assert second.startswith("✘ 【#1】现在是“待派单”，不能签收：张坐席 已于 09:00 签收")
    assert street.events() == ["登记", "签收"]
    street.check()


def test_two_replicas_sign_at_once(postgresql_url: str, open_store: OpenStore) -> None:
    streets = [Street(open_store(postgresql_url)), Street(open_store(postgresql_url))]
    streets[0].import_rows(*(row(number) for number in range(1, 6)))
    start = threading.Barrier(2)
    replies: dict[str, list[str]] = {"zhang": [], "li": []}

    def sign(street: Street, person: str) -> None:
        start.wait()
        replies[person] = [street.say(person, f"/签收 {order}") for order in range(1, 6)]

    threads = [threading.Thread(target=sign, args=pair) for pair in zip(streets, replies, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for one, other in zip(*replies.values(), strict=True):
        won, lost = sorted((one, other), key=lambda reply: reply.startswith("✘"))
        assert won.startswith("✔")
        assert "已于 09:00 签收" in lost
    assert streets[0].events().count("签收") == 5
    streets[0].check()


@pytest.mark.parametrize(("typed", "wrong"), [("/签收", "缺少单号"), ("/签收 1 好的", "多了“好的”")])
def test_a_wrong_signature_shows_usage_and_example(one: Street, typed: str, wrong: str) -> None:
    named = 1 if "1" in typed else 123
    reply = one.say("zhang", typed)

    assert wrong in reply
    assert f"用法：/签收 N…\n例：/签收 {named}" in reply
    assert one.order().state == "待签收"


# ------------------------------------------------------------------------------------------------------------ 退回


def test_a_return_names_kind_unit_and_reason_and_tells_the_office(street: Street) -> None:
    street.import_rows(row())
    street.notices()

    reply = street.say("zhang", "/退回 1 非本辖区 邻街街道 地址在河东，属邻街街道管辖")

    order = street.order()
    assert (order.state, order.return_kind, order.return_unit, order.returned_at) == (
        "退回中",
        "非本辖区",
        "邻街街道",
        at(1),
    )
    assert street.clock("签收").met_at == at(1)
    assert street.running() == {"响应", "办结", "超4天"}
    assert "/退回结果 1 成功" in reply
    notices = street.notices()
    assert notices.lines == ["dispatch: returned #1 @sun @ma", "supervision: returned #1 @sun @ma"]
    assert "说明：地址在河东，属邻街街道管辖" in notices[0].text
    street.check()


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ("/退回 1", "缺少类别，可以是：非本辖区、非本级职责、重复、信息不全、已诉讼信访、其他"),
        ("/退回 1 搞错了 邻街街道 地址在河东属邻街街道", "类别不能是“搞错了”"),
        ("/退回 1 非本辖区", "缺少单位"),
        ("/退回 1 非本辖区 邻街街道", "缺少说明，至少 10 个字"),
        ("/退回 1 非本辖区 邻街街道 不是我们的", "说明太短：至少 10 个字，现在 5 个字"),
        ("/退回 1 非本辖区 邻街街道 不 是 我 们 的 地 盘", "说明太短：至少 10 个字，现在 7 个字"),
    ],
)
def test_a_return_that_says_too_little_is_refused(one: Street, typed: str, wrong: str) -> None:
    reply = one.say("zhang", typed)

    assert reply.startswith(f"✘ 【#1】{wrong}")
    assert "用法：/退回 N 类别 单位 说明\n例：/退回 1 非本辖区" in reply
    assert one.order().state == "待签收"
    assert one.told() == []


def test_ten_characters_are_enough_and_there_may_be_no_unit(one: Street) -> None:
    assert one.say("zhang", "/退回 1 重复 无 一二三四五六七八九十").startswith("✔")


def test_a_granted_return_ends_the_order_and_all_its_clocks(street: Street) -> None:
    street.import_rows(row())
    street.through(1, "签收", "退回")
    street.notices()

    reply = street.say("zhang", "/退回结果 1 成功 市中心已改派")

    order = street.order()
    assert (order.state, order.open) == ("已退回", False)
    assert street.running() == set()
    cancelled = {clock.kind: clock.cancel_reason for clock in street.clocks() if clock.cancelled_at}
    assert cancelled == dict.fromkeys(("派单", "响应", "办结", "超4天"), "退回成功")
    assert street.timers() == {}
    assert "退回成功" in reply
    street.move(days=10)
    assert street.told() == []
    street.check()


def test_a_refused_return_keeps_the_clocks_and_starts_the_dispatch(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.through(1, "退回")
    before = {clock.kind: clock.due_at for clock in street.clocks() if clock.running}
    street.move(hours=3)
    street.notices()

    reply = street.say("zhang", "/退回结果 1 驳回")

    assert street.order().state == "待派单"
    after = {clock.kind: clock.due_at for clock in street.clocks() if clock.running}
    assert {kind: after[kind] for kind in before} == before
    assert street.due("派单") == "14:00"
    assert "派单时限：14:00" in reply
    assert "/派单 1 主办科室" in reply


def test_a_dispatch_clock_that_ran_before_the_return_runs_on(one: Street) -> None:
    one.through(1, "签收")
    due = one.clock("派单").due_at
    one.move(minutes=30)
    one.through(1, "退回")
    one.move(minutes=30)

    one.through(1, "退回驳回")

    assert [(clock.generation, clock.due_at, clock.running) for clock in one.clocks(1, "派单")] == [(0, due, True)]


def test_the_answer_to_a_return_typed_elsewhere_is_told(one: Street) -> None:
    one.through(1, "退回")
    one.notices()

    one.say("zhang", "/退回结果 1 驳回 属本街道", chat="supervision")

    notice = one.notices().only("return_answer")
    assert notice.group == DISPATCH
    assert "说明：属本街道" in notice.text


@pytest.mark.parametrize(("typed", "wrong"), [("/退回结果 1", "缺少结果"), ("/退回结果 1 同意", "结果不能是“同意”")])
def test_an_answer_to_a_return_is_one_of_two(one: Street, typed: str, wrong: str) -> None:
    one.through(1, *TO["退回中"])

    reply = one.say("zhang", typed)

    assert reply.startswith(f"✘ 【#1】{wrong}，可以是：成功、驳回")
    assert "用法：/退回结果 N 成功|驳回 [说明]" in reply


def test_an_urgent_order_is_due_in_a_quarter_of_an_hour(one: Street) -> None:
    one.import_rows(row(2, 到达时间="2026-06-01 09:00", **URGENT))

    one.through(2, "签收")

    assert one.clock("签收", 2).due_at == at(1, "09:15")
    assert one.due("派单", 2) == "09:15"
