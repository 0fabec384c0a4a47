"""One row against the store: new, unchanged, changed; what is masked, what is sealed (domain, sections 8 and 9)."""

import json

import pytest

from handlers.work import unsealed
from storage.tables import Evaluation, Fact, VaultRow
from tests.handlers.test_stranded import without
from tests.street import CALLER, PHONE, TO, URGENT, Street, assert_no_personal_data, at, row

RESULT = {"新增": 0, "未变": 0, "变更": 0}


def counts(street: Street, *rows: dict[str, str], **how: object) -> str:
    taken = [str(item.result) for item in street.import_rows(*rows, **how)]
    return " ".join(f"{word} {taken.count(word)}" for word in RESULT)


# -------------------------------------------------------------------------------------------------- history or live


def test_a_live_row_enters_at_the_beginning_with_its_upstream_word(street: Street) -> None:
    street.import_rows(row(工单状态="办理中", 到达时间="2026-06-01 08:00"))

    order = street.order()
    assert (order.state, order.open, order.history, order.upstream_status) == ("待签收", True, False, "办理中")
    assert (order.arrived_at, order.imported_at, order.counted_at) == (at(1, "08:00"), at(1), at(1, "08:00"))
    street.check()


@pytest.mark.parametrize(
    "columns",
    [{"工单状态": "回复完成"}, {"办结时间": "2026-05-20 10:00"}, {"工单状态": "办理中", "办结时间": "2026-05-20"}],
)
def test_history_is_closed_and_silent_and_has_no_clocks(street: Street, columns: dict[str, str]) -> None:
    street.import_rows(row(是否解决="解决", 是否满意="满意", **columns))

    order = street.order()
    assert (order.state, order.open, order.history) == ("已结案", False, True)
    assert order.counted_at is None, "intake only where an arrival time is given"
    assert street.clocks() == []
    assert [(item.origin, item.solved, item.satisfied) for item in street.rows(Evaluation, 1)] == [
        ("市级", "解决", "满意")
    ]
    street.move(days=9)
    assert street.told() == []
    street.check()


def test_history_with_an_arrival_time_counts_as_intake(one: Street) -> None:
    one.import_rows(row(2, 工单状态="回复完成", 到达时间="2026-05-20 08:00"))

    assert one.order(2).counted_at == at(20, "08:00", month=5)


# ------------------------------------------------------------------------------------------------------------ level


@pytest.mark.parametrize(
    ("columns", "level"),
    [
        ({}, "一般"),
        ({"紧急程度": "紧急"}, "紧急"),
        ({"紧急程度": "疑难"}, "疑难"),
        ({"主要内容": "居民反映停水。2小时内回复市中心"}, "紧急"),
        ({"标题": "楼道着火"}, "紧急"),
        ({"主要内容": "小区燃气管道泄漏，有异味"}, "紧急"),
        ({"主要内容": "老人被困在电梯里", "紧急程度": "一般"}, "紧急"),
        ({"主要内容": "咨询燃气费。另外屋顶有泄漏"}, "一般"),
        ({"主要内容": "注：请及时向来电人反馈办理情况"}, "一般"),
    ],
)
def test_the_level_comes_from_the_source_or_from_policy_words(one: Street, columns: dict[str, str], level: str) -> None:
    one.import_rows(row(2, **columns))

    assert one.order(2).level == level


# ---------------------------------------------------------------------------------------------------- again, changed


def test_the_same_file_again_changes_nothing(street: Street) -> None:
    rows = [
        row(number, 到达时间="2026-06-01 08:00", 工单状态=status)
        for number, status in enumerate(["", "办理中", "回复完成"], 1)
    ]
    assert counts(street, *rows) == "新增 3 未变 0 变更 0"
    events, notices = street.events(), street.told()
    before = [street.standing(number) for number in (1, 2, 3)]

    assert counts(street, *rows) == "新增 0 未变 3 变更 0"
    street.through(1, "签收")
    assert counts(street, *rows) == "新增 0 未变 3 变更 0"

    assert street.events() == [*events, "签收"]
    assert street.told() == []
    assert notices[:2] == ["dispatch: new_order #1", "dispatch: new_order #2"], "before any reminder"
    assert before[1:] == [street.standing(number) for number in (2, 3)]
    street.check()


def test_a_changed_row_is_an_event_that_names_the_columns(street: Street) -> None:
    street.import_rows(row(到达时间="2026-06-01 08:00"))
    street.notices()

    assert (
        counts(street, row(到达时间="2026-06-01 08:00", 标题="施工噪声整夜扰民", 小区点位="桃花巷北口"))
        == "新增 0 未变 0 变更 1"
    )

    assert (street.order().title, street.order().place) == ("施工噪声整夜扰民", "桃花巷北口")
    data = street.event()["data"]
    assert data["columns"] == ["标题", "小区点位"]
    assert data["changes"]["title"] == ["夜间施工噪声扰民", "施工噪声整夜扰民"]
    notice = street.notices().only("upstream_change")
    assert str(notice) == "dispatch: upstream_change #1 @zhang @li @zhao"
    assert notice.text.startswith("【#1】来源系统有变更：标题、小区点位")
    street.check()


def test_a_status_that_only_moves_on_is_recorded_and_calls_nobody(one: Street) -> None:
    one.through(1, "签收")

    assert counts(one, row(工单状态="已签收", 到达时间="2026-06-01 09:00")) == "新增 0 未变 0 变更 1"

    assert one.events()[-1] == "上游变更"
    assert one.told() == []


def test_the_department_reads_of_a_change_of_its_order(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.notices()

    one.import_rows(row(标题="施工噪声整夜扰民", 到达时间="2026-06-01 09:00"))

    assert one.told() == ["dispatch: upstream_change #1 @wang", "chengguan: upstream_change #1 @wang"]


def test_blanks_never_overwrite(street: Street) -> None:
    street.import_rows(
        row(
            到达时间="2026-06-01 08:00",
            办理时限="2026-06-05 18:00",
            标签="七有五性",
            企业名称="某某公司",
            工单状态="办理中",
        )
    )
    before = street.standing()

    assert counts(street, {"工单编号": "热线-260601-000001"}) == "新增 0 未变 1 变更 0"
    assert counts(street, {"工单编号": "热线-260601-000001", "标题": "", "来电人": ""}) == "新增 0 未变 1 变更 0"

    assert street.standing() == before
    assert PHONE in street.privately("zhang", "/揭示 1 回访")
    street.check()


def test_a_number_that_is_masked_this_time_does_not_wipe_the_full_one(one: Street) -> None:
    assert (
        counts(one, row(来电人="张某", 到达时间="2026-06-01 09:00", **{"来电人电话/账号": "138××××"}))
        == "新增 0 未变 1 变更 0"
    )

    reply = one.privately("zhang", "/揭示 1 回访")
    assert PHONE in reply
    assert CALLER in reply
    assert one.order().phone == "138****1234"


def test_a_full_number_replaces_a_masked_one(one: Street) -> None:
    one.import_rows(row(2, 来电人="张某", 主要内容="路灯不亮", **{"来电人电话/账号": "138××××"}))

    assert counts(one, row(2, 来电人="张三丰", 主要内容="路灯不亮")) == "新增 0 未变 0 变更 1"

    assert PHONE in one.privately("zhang", "/揭示 2 回访")
    assert (one.order(2).caller, one.order(2).phone) == ("张**", "138****1234")
    one.check()


def test_an_arrival_time_that_comes_later_counts(one: Street) -> None:
    one.import_rows(row(2))
    one.import_rows(row(2, 到达时间="2026-05-31 20:00"))

    assert one.order(2).arrived_at == one.order(2).counted_at == at(31, "20:00", month=5)
    assert one.clock("签收", 2).started_at == at(1), "a clock that runs is frozen"


def test_an_order_that_the_source_makes_urgent_becomes_urgent(one: Street) -> None:
    one.import_rows(row(到达时间="2026-06-01 09:00", **URGENT))

    assert one.order().level == "紧急"
    assert one.due("紧急处置") == "11:00"
    notice = one.notices().only("upstream_change")
    assert notice.urgent
    assert "⚠ 已改为紧急" in notice.text
    one.check()


def test_the_citys_own_answers_are_kept_apart(one: Street) -> None:
    one.through(1, *TO["已结案"])

    one.import_rows(row(到达时间="2026-06-01 09:00", 工单状态="回复完成", 是否解决="未解决", 是否满意="不满意"))

    answers = {item.origin: (item.solved, item.satisfied) for item in one.rows(Evaluation, 1)}
    assert answers == {"科室": ("解决", ""), "复核": ("解决", "满意"), "市级": ("未解决", "不满意")}
    one.check()


def test_secrecy_that_is_asked_for_later_holds(one: Street) -> None:
    one.import_rows(row(到达时间="2026-06-01 09:00", 来电人="保密", **{"来电人电话/账号": "保密"}))

    assert one.order().confidential
    assert [fact.name for fact in one.rows(Fact, 1)] == ["保密"]
    assert "不予揭示" in one.privately("zhang", "/揭示 1 回访")
    assert "来电人：保密" in one.say("zhang", "/查 1")


# ---------------------------------------------------------------------------------------- the source's own decisions


@pytest.mark.parametrize(("word", "state"), [("已退回", "已退回"), ("退单驳回", "待派单")])
def test_an_import_brings_the_answer_to_a_return(street: Street, word: str, state: str) -> None:
    street.import_rows(row(工单状态="待签收"))
    street.through(1, "退回")
    street.notices()

    street.import_rows(row(工单状态=word))

    assert street.order().state == state
    assert street.events()[-2:] == ["上游变更", "退回结果"]
    assert street.event()["actor"] == "system"
    assert street.running() == (set() if state == "已退回" else {"派单", "响应", "办结", "超4天"})
    notice = street.notices().only("upstream_change")
    assert f"来源状态：{word}；本地现在是“{state}”" in notice.text
    street.check()


def test_an_import_opens_again_what_the_source_had_finished(street: Street) -> None:
    street.import_rows(row(工单状态="办理中"))
    street.through(1, *TO["已结案"])
    street.import_rows(row(工单状态="回复完成"))
    street.move(days=3)
    street.notices()

    street.import_rows(row(工单状态="办理中"))

    order = street.order()
    assert (order.state, order.generation, order.result, order.mismatch) == ("办理中", 1, "已要求停止夜间施工", "")
    assert street.running() == {"响应", "办结", "超4天"}
    assert street.told() == ["dispatch: upstream_change #1 @wang", "chengguan: upstream_change #1 @wang"]
    street.check()


@pytest.mark.parametrize("urgent", [False, True])
def test_what_the_source_opens_again_is_told_with_what_runs_anew(street: Street, *, urgent: bool) -> None:
    more = URGENT if urgent else {}
    street.import_rows(row(工单状态="办理中", **more))
    street.say("sun", "/督办 1 区 2026-06-09 12:00")
    street.through(1, *TO["已结案"])
    street.import_rows(row(工单状态="回复完成", **more))
    street.move(days=3)
    street.notices()

    street.import_rows(row(工单状态="办理中", **more))

    for notice in street.notices().of("upstream_change"):
        lines = notice.text.splitlines()
        assert f"已重新办理，新的办结时限：{street.due('办结')}" in lines
        assert any(line.startswith("区级督办：06-09 12:00 到期") for line in lines)
        assert "下一步：联系来电人后 /反馈 1 已接通 说明" in lines


def test_what_the_source_opens_again_for_nobody_is_to_be_sent_elsewhere(street: Street) -> None:
    street.import_rows(row(工单状态="办理中"))
    street.through(1, *TO["已结案"])
    street.import_rows(row(工单状态="回复完成"))
    street.organisation = without("chengguan")
    street.notices()

    street.import_rows(row(工单状态="办理中"))

    text = street.notices().only("upstream_change").text
    assert "下一步：/改派 1 理由，再派给别的科室" in text
    assert "/反馈" not in text


def test_other_changes_do_not_speak_of_a_new_round(one: Street) -> None:
    one.through(1, *TO["办理中"])
    one.notices()

    one.import_rows(row(标题="施工噪声整夜扰民", 到达时间="2026-06-01 09:00"))

    assert all("重新办理" not in notice.text for notice in one.notices())


def test_history_that_the_source_opens_again_is_to_be_dispatched(one: Street) -> None:
    one.import_rows(row(2, 工单状态="回复完成"))

    one.import_rows(row(2, 工单状态="办理中"))

    assert (one.order(2).state, one.order(2).history) == ("待派单", False)
    notice = one.notices().only("upstream_change")
    assert str(notice) == "dispatch: upstream_change #2 @zhang @li @zhao"
    assert notice.text.startswith("【#2】来源系统有变更：工单状态\n")
    assert "下一步：/派单 2 主办科室" in notice.text
    one.through(2, "派单", "接单")
    one.check()


@pytest.mark.parametrize("word", ["", "已归档"])
def test_history_that_only_its_closing_time_showed_is_opened_again_too(one: Street, word: str) -> None:
    one.import_rows(row(2, 办结时间="2026-05-20 10:00", 工单状态=word))

    one.import_rows(row(2, 办结时间="", 工单状态="办理中"))

    assert (one.order(2).state, one.order(2).history) == ("待派单", False)
    assert str(one.notices().only("upstream_change")) == "dispatch: upstream_change #2 @zhang @li @zhao"
    one.check()


def test_history_is_opened_again_whatever_it_was_called_meanwhile(one: Street) -> None:
    for word in ("回复完成", "回访中", "办理中"):
        one.import_rows(row(2, 工单状态=word))

    assert one.order(2).state == "待派单"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"办结时间": "2026-05-20 10:00"}, {"办结时间": ""}),
        ({"办结时间": "2026-05-20 10:00", "工单状态": "办理中"}, {"办结时间": "", "工单状态": "办理中"}),
        ({"办结时间": "2026-05-20 10:00"}, {"办结时间": "2026-05-20 10:00", "工单状态": "办理中"}),
        ({"办结时间": "2026-05-20 10:00"}, {"办结时间": "", "工单状态": "某种新词"}),
    ],
)
def test_a_blank_closing_time_alone_opens_nothing(one: Street, before: dict[str, str], after: dict[str, str]) -> None:
    one.import_rows(row(2, **before))

    one.import_rows(row(2, **after))

    assert (one.order(2).state, one.order(2).history) == ("已结案", True)
    assert one.notices().of("upstream_change") == []
    one.check()


def test_a_closing_time_that_no_longer_holds_opens_nothing_a_second_time(one: Street) -> None:
    one.import_rows(row(2, 办结时间="2026-05-20 10:00"))
    one.import_rows(row(2, 工单状态="办理中"))
    one.through(2, "派单", "接单", "反馈", "办结", "评定", "结案")

    one.import_rows(row(2, 工单状态="已转派"))

    assert one.order(2).state == "已结案"
    assert one.order(2).mismatch == "本地已结案，来源系统为“已转派”"
    one.check()


# -------------------------------------------------------------------------------------------------- 系统状态不符


@pytest.mark.parametrize(
    ("state", "word", "found"),
    [
        ("待派单", "待签收", "本地已签收，来源系统为“待签收”"),
        ("待接单", "已签收", "本地已派单，来源系统为“已签收”"),
        ("办理中", "待签收", "本地已派单，来源系统为“待签收”"),
        ("已结案", "办理中", "本地已结案，来源系统为“办理中”"),
        ("退回中", "待签收", "本地已申请退回，来源系统为“待签收”"),
        ("已退回", "办理中", "本地已退回，来源系统为“办理中”"),
        ("办理中", "回复完成", "来源系统为“回复完成”，本地没有结案"),
        ("办理中", "退回成功", "来源系统为“退回成功”，本地没有退回"),
    ],
)
def test_a_contradiction_is_raised_urgently_and_once(one: Street, state: str, word: str, found: str) -> None:
    one.through(1, *TO[state])
    one.notices()

    for _ in range(3):
        one.import_rows(row(工单状态=word, 到达时间="2026-06-01 09:00"))
        one.move(hours=0.01)

    notices = one.notices().of("mismatch")
    assert [notice.group for notice in notices] == ["dispatch", "supervision"]
    assert {notice.people for notice in notices} == {("zhang", "li", "zhao", "sun", "ma")}
    assert all(notice.urgent for notice in notices)
    assert notices[0].text.startswith(f"【#1】⚠ 系统状态不符：{found}")
    assert one.events().count("系统状态不符") == 1
    assert one.order().state == state, "nothing is decided by a contradiction"
    one.check()


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("待签收", "待签收"),
        ("待签收", "办理中"),
        ("待派单", "已签收"),
        ("待派单", "办理中"),
        ("待接单", "已转派"),
        ("办理中", "办理中"),
        ("已结案", "回复完成"),
        ("办理中", "某种新词"),
        ("退回中", "退回审核中"),
    ],
)
def test_what_agrees_or_is_unknown_contradicts_nothing(one: Street, state: str, word: str) -> None:
    one.through(1, *TO[state])

    one.import_rows(row(工单状态=word, 到达时间="2026-06-01 09:00"))

    assert "系统状态不符" not in one.events()


def test_an_unchanged_row_can_contradict_too(one: Street) -> None:
    one.import_rows(row(2, 工单状态="待签收"))
    one.through(2, "签收")
    one.notices()

    assert counts(one, row(2, 工单状态="待签收")) == "新增 0 未变 1 变更 0"

    assert one.notices().of("mismatch") != []


def test_a_further_step_that_is_missing_upstream_is_raised_again_a_state_is_not(one: Street) -> None:
    same = row(2, 工单状态="待签收")
    one.import_rows(same)
    raised = []
    for step in ("签收", "派单", "接单", "反馈", "办结", "评定", "结案"):
        one.through(2, step)
        one.notices()
        one.import_rows(same)
        raised.append(len(one.notices().of("mismatch")) > 0)

    assert raised == [True, True, False, False, False, False, True]


def test_a_contradiction_that_is_mended_may_come_again(one: Street) -> None:
    one.through(1, "签收")
    for word in ("待签收", "已签收", "待签收"):
        one.import_rows(row(工单状态=word, 到达时间="2026-06-01 09:00"))

    assert one.events().count("系统状态不符") == 2


# -------------------------------------------------------------------------------------------------- personal data


def test_nothing_but_the_vault_holds_personal_data(street: Street) -> None:
    texts = {
        "标题": f"{CALLER}反映噪声，电话{PHONE}#微信服务号#",
        "主要内容": f"来电人{CALLER}（{PHONE}），住科源小区5号楼3单元601室，身份证110101190001010000，车牌京A12345",
        "办理结果": f"已联系{CALLER} 138-0000-1234",
        "回复内容": "已回复13800009876",
        "小区点位": f"科源小区（{CALLER}家）",
        "处理受理方式": "电话",
        "备注联系电话": "010-88880000",
    }
    secrets = [CALLER, PHONE, "138-0000-1234", "13800009876", "110101190001010000", "京A12345", "88880000", "601室"]
    street.import_rows(row(**texts))
    street.import_rows(row(**{**texts, "标题": f"{CALLER}再次反映，{PHONE}"}))
    street.through(1, *TO["办理中"])
    street.say("wang", f"/反馈 1 已接通 {CALLER}称已解决，改打{PHONE}")
    street.say("wang", f"/办结 1 解决 联系人：{CALLER} {PHONE}\n结果：已停工")
    street.privately("zhang", "/揭示 1 回访")
    street.say("gao", f"/评定 1 是 解决 满意 {CALLER}满意")
    street.say("sun", "/结案 1")
    street.say("zhang", f"/查 {PHONE}")
    street.say(
        "zhang", f"/登记 工单编号：热线-260601-000009\n来电人：{CALLER}\n电话：{PHONE}\n主要内容：{CALLER}说路灯坏了"
    )
    street.deliver()

    assert_no_personal_data(street.store, secrets)
    street.check()
    held = street._read(lambda scope: unsealed(street.office, scope, 1))
    assert (held.name, held.phone) == (CALLER, PHONE)
    assert PHONE in json.dumps(held.extra, ensure_ascii=False) or "138-0000-1234" in str(held.extra)


def test_repeat_callers_are_found_by_a_blind_index(one: Street) -> None:
    one.import_rows(
        row(2), row(3, 来电人="李四", **{"来电人电话/账号": "138 0000 1234"}), row(4, **{"来电人电话/账号": "138××××"})
    )

    index = {item.order_id: item.phone_index for item in one.rows(VaultRow)}

    assert index[1] == index[2] == index[3]
    assert index[4] is None


def test_what_was_erased_does_not_come_back(one: Street) -> None:
    def erase(scope: object) -> None:
        held = dict(scope.vault(1))  # type: ignore[attr-defined]
        gone = {"wrapped_key": None, "sealed": None, "phone_index": None, "erased_at": at(1)}
        scope.place(VaultRow, (1,), {name: value for name, value in {**held, **gone}.items() if name != "order_id"})  # type: ignore[attr-defined]

    one._run(erase, "test")
    one.import_rows(row(标题="施工噪声整夜扰民", 到达时间="2026-06-01 09:00"))

    kept = next(item for item in one.rows(VaultRow) if item.order_id == 1)
    assert (kept.wrapped_key, kept.sealed, kept.phone_index, kept.erased_at) == (None, None, None, at(1))
    assert "已按规定删除" in one.privately("zhang", "/揭示 1 回访")
    assert counts(one, row(标题="施工噪声整夜扰民", 到达时间="2026-06-01 09:00")) == "新增 0 未变 1 变更 0"
