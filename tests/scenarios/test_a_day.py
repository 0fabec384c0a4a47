"""One whole day of a street office, from the morning's export to the last 结案, as the people there live it."""

from storage.tables import Dispatch, Evaluation, Reminder
from tests.street import Street, at, row

SEATS = "@zhang @li @zhao"


def export(*orders: dict[str, str]) -> list[dict[str, str]]:
    """What the city's system gives at that hour: every order so far, and yesterday's, which is finished."""
    return [row("热线-260531-000900", 工单状态="回复完成", 是否解决="解决", 是否满意="满意"), *orders]


def test_a_whole_day(street: Street) -> None:
    street.now = at(1, "08:30")
    noise = row(1, 到达时间="2026-06-01 08:20", 工单状态="待签收")
    leak = row(
        2,
        标题="楼内水管爆裂",
        问题分类="住房城乡建设->供水->漏水",
        主要内容="水漫楼道，请2小时内回复市中心。来电人李四，电话13800002222，住3单元502室",
        来电人="李四",
        到达时间="2026-06-01 08:25",
        工单状态="待签收",
        **{"来电人电话/账号": "13800002222"},
    )
    elsewhere = row(3, 标题="河东广场舞扰民", 小区点位="河东公园", 到达时间="2026-06-01 08:28", 工单状态="待签收")

    # The morning's export: three live orders are announced, the finished one to nobody. The leak is urgent by its text.
    street.import_rows(*export(noise, leak, elsewhere))
    assert street.told() == [f"dispatch: new_order #3 {SEATS}", "dispatch: new_order #2", "dispatch: new_order #4"]
    assert street.order(1).state == "已结案"
    assert street.order(3).level == "紧急"

    # 张坐席 signs the urgent one from the notice, sends it out and phones; the others of her shift sign the rest.
    street.move(minutes=5)
    assert street.say("zhang", "/签收 3").startswith("✔ 【#3】已签收（张坐席 08:35）\n派单时限：08:50")
    street.say("zhang", "/派单 3 市政+物业科 水务先到场")
    assert street.told() == [
        "dispatch: dispatched #3 @huang @liu @lin @he",
        "shizheng: dispatched #3 @huang @lin",
        "shequ: dispatched_assisting #3 @liu @he",
    ]
    street.say("zhang", "/电话 3 黄科长 已告知，十分钟到场")
    first, second = street.together(("li", "/签收 2"), ("zhao", "/签收 2"))
    assert first.startswith("✔")
    assert "李坐席 已于 08:35 签收" in second

    # The dance is across the river: returned with a reason, and the office is told.
    street.say("zhao", "/退回 4 非本辖区 河东街道 地址在河东公园，属于河东街道管辖")
    assert street.told() == ["dispatch: returned #4 @sun @ma", "supervision: returned #4 @sun @ma"]

    # 林班长 takes the leak in his own group, reaches the caller, and the clocks of the urgent order are met.
    street.say("lin", "/接单 3", chat="shizheng")
    street.move(minutes=20)
    reply = street.privately("lin", "/揭示 3 联系来电人确认位置")
    assert "电话：13800002222" in reply
    street.say("lin", "/反馈 3 已接通 已关阀，正在抢修", chat="shizheng")
    assert not {"响应", "紧急处置"} & street.running(3)
    assert street.told() == ["dispatch: accepted #3"]

    # 派单 to the wrong 科室 costs ten minutes: declined, dispatched anew, counted.
    street.say("li", "/派单 2 物业科")
    street.move(minutes=10)
    assert street.say("liu", "/改派 2 工地噪声属城管科", chat="shequ").startswith("✔ 【#2】已退给值班坐席改派")
    street.say("li", "/派单 2 城管科")
    assert street.told()[-2:] == ["dispatch: dispatched #2 @wang @qian", "chengguan: dispatched #2 @wang @qian"]
    street.say("li", "/接单 2 代 钱队员")
    assert street.order(2).handler == "qian"
    assert [(item.department, item.superseded_at is None) for item in street.rows(Dispatch, 2)] == [
        ("shequ", False),
        ("chengguan", True),
    ]

    # At ten the next export comes. The city has taken the return back, and has not noticed that #2 was signed.
    street.move(to=at(1, "10:00"))
    street.notices()
    elsewhere["工单状态"] = "退单驳回"
    leak["工单状态"] = "办理中"
    street.import_rows(*export(noise, leak, elsewhere))
    notices = street.notices()
    assert street.order(4).state == "待派单"
    assert "来源状态：退单驳回；本地现在是“待派单”" in notices.only("upstream_change").text
    assert {notice.order for notice in notices.of("mismatch")} == {2}
    assert "本地已派单，来源系统为“待签收”" in notices.of("mismatch")[0].text
    street.say("zhao", "/派单 4 文教科")

    # The leak is done before eleven; 高复核 calls back, the answer is good; the office closes.
    street.move(to=at(1, "10:20"))
    street.say("lin", "/办结 3 解决 已更换水管，恢复供水\n诉求：尽快修复\n依据：供水条例\n态度：满意", chat="shizheng")
    assert street.clock("办结", 3).late_seconds == 0
    street.say("gao", "/评定 3 是 解决 满意 录音 A0001")
    assert street.say("sun", "/结案 3").startswith("✔")

    # The noise is not solved: the reviewer sends it back with its old limit, and 钱队员 goes again.
    street.say("qian", "/反馈 2 联系不上 无人接听")
    street.move(to=at(1, "14:00"))
    street.say("qian", "/反馈 2 13:50 已接通 已告知今晚起停工")
    street.say("qian", "/办结 2 解决 已责令停工")
    assert "退回科室重办，时限不变：06-08 08:20" in street.say("gao", "/评定 2 是 未解决 不满意 夜里还在施工")
    street.notices()

    # Nobody of 文教科 accepts #4. The seat urges, then escalates.
    street.say("zhao", "/催办 4")
    assert street.told() == ["dispatch: urged #4 @wu"]
    street.move(minutes=30)
    street.say("zhao", "/升级 4 两小时未接单")
    assert street.told() == ["supervision: escalated #4 @wu @sun @ma"]

    # In the night the service is down for a while; in the morning one digest for each group says what was missed.
    street.move(to=at(1, "23:00"))
    street.notices()
    street.sleep(hours=10)
    street = street.restarted()
    street.tick()
    notices = street.notices()
    assert {notice.kind for notice in notices} == {"catch_up"}
    assert len({notice.group for notice in notices}) == len(notices)
    assert "#4 河东广场舞扰民 待接单 响应：08:28 到期，已超 32分钟" in "\n".join(notice.text for notice in notices)

    # The second day: contact and result of the new round, a rating, and the file is closed by the office.
    street.say("qian", "/反馈 2 已接通 昨夜未施工，来电人认可")
    street.say("qian", "/办结 2 解决 夜间已停工")
    street.say("luo", "/评定 2 是 解决 基本满意")
    street.say("sun", "/结案 2")
    street.say("wu", "/接单 4")
    street.say("wu", "/反馈 4 已接通 已劝离")
    street.say("wu", "/办结 4 解决 已协调错峰")
    street.say("luo", "/评定 4 是 解决 满意")
    street.say("ma", "/结案 4")
    assert [street.order(number).state for number in (2, 3, 4)] == ["已结案"] * 3

    # What is left: no clock, no reminder, three answers kept apart, and every message's events in one chain.
    assert all(not street.running(number) for number in (1, 2, 3, 4))
    street.notices()
    street.move(days=10)
    assert street.told() == []
    assert [
        (item.order_id, item.origin, item.solved, item.satisfied)
        for item in street.rows(Evaluation)
        if item.order_id == 2
    ] == [
        (2, "科室", "解决", ""),
        (2, "复核", "未解决", "不满意"),
        (2, "科室", "解决", ""),
        (2, "复核", "解决", "基本满意"),
    ]
    keys = [(item.order_id, item.kind, item.generation, item.step) for item in street.rows(Reminder)]
    assert len(keys) == len(set(keys))
    street.deliver()
    street.check()
    assert street.say("zheng", "/日报 6月1日").startswith("【日报】")
    assert "状态：已结案" in street.say("wang", "/查 2")
