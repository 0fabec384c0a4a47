"""分办, 定级, 标记, 督办 (domain, section 2, rows 10, 27, 28)."""

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
    assert street.clock("督办").due_at == at(3, "18:00")
    assert set(street.told()) == {f"{group}: supervised #1 @wang" for group in ("dispatch", "supervision", "chengguan")}
    street.through(1, "办结")
    assert not street.clock("督办").running
    street.through(1, "不解决")
    assert (street.clock("督办").generation, street.clock("督办").due_at) == (1, at(3, "18:00"))
    assert street.say("sun", "/督办 1 国 明天").startswith("✘ 【#1】级别不能是“国”")
    street.check()
