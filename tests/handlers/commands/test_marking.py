"""分办, 定级, 标记, 督办 (domain, section 2, rows 10, 27, 28)."""

import pytest

from storage.tables import Fact
from tests.street import TO, Street, at, row


def test_the_head_names_the_handler(one: Street) -> None:
    one.through(1, *TO["待接单"])
    one.notices()

    reply = one.say("wang", "/分办 1 钱队员", chat="chengguan")

    assert "经办人：钱队员" in reply
    assert one.order().handler == "qian"
    assert all("qian" in notice.people for notice in one.notices())
    assert one.say("wang", "/分办 1 何干事").startswith("✘")
    assert one.say("wang", "/分办 1").startswith("✘ 【#1】缺少")


def test_an_order_becomes_urgent_with_a_reason(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:30"))
    street.notices()

    reply = street.say("zhang", "/定级 1 紧急 有人被困")

    assert "已定级：一般 → 紧急" in reply
    assert street.order().level == "紧急"
    assert {kind: street.due(kind) for kind in street.running()} == {
        "签收": "09:15",
        "响应": "11:00",
        "办结": "11:00",
        "紧急处置": "11:00",
        "超4天": "06-05 08:30",
    }
    assert street.notices()[0].urgent
    assert street.say("zhang", "/定级 1 紧急 再定一次").startswith("✘ 【#1】现在就是“紧急”")
    street.say("sun", "/定级 1 一般 误报")
    assert "紧急处置" not in street.running()
    street.check()


def test_a_level_is_undone_exactly(one: Street) -> None:
    before, timers = one.standing(), one.timers()
    one.say("zhang", "/定级 1 紧急 有人被困")

    assert one.say("zhang", "/撤回").startswith("✔")

    assert (one.standing(), one.timers()) == (before, timers)
    one.check()


def test_facts_are_set_and_cleared(one: Street) -> None:
    assert one.say("zhang", "/标记 1 易反弹").startswith("✔")
    assert "已经标记过易反弹" in one.say("zhang", "/标记 1 易反弹")
    assert one.say("zhang", "/标记 1 易反弹 取消").startswith("✔")
    assert "剔除要写类别" in one.say("zhang", "/标记 1 剔除")
    assert "事实不能是“好看”" in one.say("zhang", "/标记 1 好看")
    one.say("zhang", "/标记 1 保密")
    assert "不予揭示" in one.privately("zhang", "/揭示 1 回访")
    assert {fact.name: fact.cleared_at is None for fact in one.rows(Fact, 1)} == {"易反弹": False, "保密": True}
    one.check()


def test_supervision_has_a_clock_of_its_own(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 09:00"))
    street.through(1, *TO["办理中"], "反馈")
    street.notices()

    reply = street.say("sun", "/督办 1 市 6月3日")

    assert "已列为市级督办，截止 06-03 18:00" in reply
    assert street.clock("市级督办").due_at == at(3, "18:00")
    assert set(street.told()) == {f"{group}: supervised #1 @wang" for group in ("dispatch", "supervision", "chengguan")}
    street.through(1, "办结")
    assert not street.clock("市级督办").running
    street.through(1, "不解决")
    assert (street.clock("市级督办").generation, street.clock("市级督办").due_at) == (1, at(3, "18:00"))
    assert street.say("sun", "/督办 1 国 明天").startswith("✘ 【#1】级别不能是“国”")
    street.check()


def test_every_level_of_supervision_stands_by_itself(one: Street) -> None:
    assert "已列为区级督办，截止 06-03 18:00" in one.say("sun", "/督办 1 区 6月3日")
    assert "已列为街道级督办，截止 06-02 12:00" in one.say("zheng", "/督办 1 街道 明天12:00")

    sheet = one.say("zhang", "/查 1")
    assert "区级督办，限 06-03 18:00（孙主任" in sheet and "街道级督办，限 06-02 12:00（郑书记" in sheet
    assert {"区级督办", "街道级督办"} < one.running()
    assert (one.clock("区级督办").due_at, one.clock("街道级督办").due_at) == (at(3, "18:00"), at(2, "12:00"))


def test_the_same_level_again_changes_its_due_time_and_says_so(one: Street) -> None:
    one.say("sun", "/督办 1 区 6月3日")
    one.notices()

    assert "区级督办截止由 06-03 18:00 改为 06-02 12:00" in one.say("sun", "/督办 1 区 明天12:00")

    assert "截止由 06-03 18:00 改为 06-02 12:00" in one.notices()[0].text
    assert [clock.running for clock in one.clocks(1, "区级督办")] == [False, True]
    assert "区级督办，截止 2026-06-02 12:00（原 2026-06-03 18:00）" in one.say("zhang", "/查 1")
    assert "已经是区级督办，截止就是 06-02 12:00" in one.say("sun", "/督办 1 区 明天12:00")
    one.check()


def test_supervision_is_lifted_with_its_clock_by_who_may_supervise(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.say("sun", "/督办 1 区 6月3日")
    one.say("sun", "/督办 1 街道 6月2日")
    one.notices()

    assert one.say("zhang", "/督办 1 区 取消").startswith("✘ 【#1】督办由")
    assert "没有市级督办，不用取消" in one.say("sun", "/督办 1 市 取消")
    assert "已取消区级督办" in one.say("zheng", "/督办 1 区 取消 区里已销号")

    assert one.running() & {"区级督办", "街道级督办"} == {"街道级督办"}
    assert one.clock("区级督办").cancel_reason == "督办取消"
    assert {notice.group for notice in one.notices().of("supervision_lifted")} == {
        "dispatch",
        "supervision",
        "chengguan",
    }
    assert "区级督办" not in one.say("zhang", "/查 1").partition("时限：")[0]
    assert one.say("zheng", "/撤回").startswith("✔")
    assert "区级督办" in one.running()
    one.check()


def test_a_lifted_supervision_does_not_come_back_with_the_order(one: Street) -> None:
    one.through(1, *TO["办理中"], "反馈")
    one.say("sun", "/督办 1 区 6月3日")
    one.say("sun", "/督办 1 市 6月3日")
    one.through(1, "办结")
    one.say("sun", "/督办 1 区 取消")

    one.through(1, "不解决")

    assert one.running() & {"区级督办", "市级督办"} == {"市级督办"}


@pytest.mark.parametrize("typed", ["督办", "督办 取消", "报备", "报备 取消"])
@pytest.mark.parametrize("person", ["zhang", "sun"])
def test_what_has_a_command_of_its_own_is_not_marked(one: Street, person: str, typed: str) -> None:
    one.say("sun", "/督办 1 区 6月3日")
    before = one.standing()

    name = typed.split()[0]
    assert one.say(person, f"/标记 1 {typed}").startswith(f"✘ 【#1】{name}不用标记：由")

    assert one.standing() == before


def test_only_the_office_lifts_secrecy(one: Street) -> None:
    one.say("zhang", "/标记 1 保密")

    assert one.say("zhang", "/标记 1 保密 取消") == (
        "✘ 【#1】保密只能由综合科（孙主任、马干事）取消，您（张坐席）没有这个职责"
    )
    assert "不予揭示" in one.privately("zhang", "/揭示 1 回访")

    assert one.say("sun", "/标记 1 保密 取消").startswith("✔")
    assert "电话" in one.privately("zhang", "/揭示 1 回访")


@pytest.mark.parametrize("before", ["", "保密", "保密 取消"], ids=["unmarked", "marked", "lifted"])
def test_nobody_lifts_the_secrecy_that_the_source_asked_for(one: Street, before: str) -> None:
    if before:
        one.say("sun", "/标记 1 保密")
        one.say("sun", f"/标记 1 {before}")
    one.import_rows(row(到达时间="2026-06-01 08:30", 来电人="保密", **{"来电人电话/账号": "保密"}))

    assert "保密是来源系统带来的，来电人要求的，谁都不能取消" in one.say("sun", "/标记 1 保密 取消")
    assert "保密是来源系统带来的" in one.say("zhang", "/标记 1 保密 手误")

    assert one.order().confidential
    assert "保密（来源系统）" in one.say("zhang", "/查 1")
    one.check()


def test_a_limit_in_workdays_ends_at_twenty_four(one: Street) -> None:
    assert "截止 06-04 24:00" in one.say("sun", "/督办 1 区 3个工作日后")

    shown = one.say("zhang", "/查 1")
    assert "限 06-04 24:00" in shown and "区级督办：06-04 24:00 到期" in shown
    assert "06-04 24:00 前办理" in one.notices()[0].text
    assert "06-05 00:00" not in shown
