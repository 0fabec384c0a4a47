"""The last records of `/查`: each line says what it was about, also for what leaves no record beside the order."""

from bot.chat.parser import orders_of_quote
from tests.street import Street, at, row


def test_a_fact_a_breach_and_a_change_of_the_source_are_named(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:50"))
    street.say("zhang", "/标记 1 易反弹")
    street.say("zhang", "/标记 1 易反弹 取消")
    street.move(at(1, "10:20"))
    shown = street.say("zhang", "/查 1")
    assert "张坐席 标记 易反弹" in shown
    assert "张坐席 标记 取消 易反弹" in shown
    assert "系统 超时 签收时限 09:50，已超 30分钟" in shown

    street.say("zhang", "/签收 1")
    street.import_rows(row(到达时间="2026-06-01 08:50", 标题="夜间施工，请联系13800001234", 小区点位="桃花巷2号院"))
    shown = street.say("zhang", "/查 1")

    assert "系统 超时 签收时限 09:50，晚 30分钟" in shown
    assert "系统 上游变更 标题、" in shown
    street.check()


def test_a_quoted_text_that_names_several_orders_gives_them_all() -> None:
    assert orders_of_quote("【#3】和【#5】都超时了，另有【#3】\n【#7】") == (3, 5)
    assert orders_of_quote("没有单号") == ()


def test_a_dispatch_names_its_lead_first_and_its_note_once(one: Street) -> None:
    one.through(1, "签收")
    one.say("zhang", "/派单 1 社区建设科+城管科+平安办 请尽快")
    one.say("zhang", "/改派 1 派错了")
    one.say("zhang", "/派单 1 城管科")

    shown = one.say("zhang", "/查 1")

    assert "派单 主办 社区建设科 协办 城管科 协办 平安建设科 请尽快\n" in shown
    assert "派单 主办 城管科\n" in shown
