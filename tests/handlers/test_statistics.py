"""/统计 and 三率: what is counted, when, in which group, and what an empty table says."""

from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import load_policy
from handlers.figures import Axis, Figures, Window, answers, figures
from handlers.periods import read_period
from handlers.rates import Answers, percent, points, pooled, three_rates
from handlers.refusal import Refusal
from handlers.states import State
from handlers.statistics import statistics
from storage.store import Store
from tests.handlers.desk import ORGANISATION, Desk, at, office_of

RULES = load_policy().on(at(1).date())
HANDLED = ("签收", "派单", "接单", "反馈", "办结")


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(office_of(store))


def counted(desk: Desk, period: str, now: datetime, by: Axis | None = None) -> dict[str, Figures]:
    found = read_period(period, now)
    assert found is not None
    return desk.read(now, "zhang", lambda work: figures(work.scope, ORGANISATION, Window.of(found, now), by))


def test_an_empty_street_says_so_with_its_window(desk: Desk) -> None:
    text = desk.ask(at(1), "zhang", statistics)

    assert text.splitlines()[0] == "【统计】2026-06-01"
    assert "窗口：2026-06-01 00:00 至 10:00（未完）" in text
    assert text.endswith("本期无")


def test_today_counts_arrivals_and_marks_those_counted_by_import(desk: Desk) -> None:
    desk.order(at(1, "08:00"))
    desk.order(at(1, "09:00"), arrived=False)
    desk.order(at(1, "00:10"), arrived=at(31, "23:50", month=5))

    text = desk.ask(at(1), "zhang", statistics)

    assert "受理 2（其中 1 件按导入时间计）" in text
    assert "在办 3，办结超期 0，超4天 0" in text
    assert "口径：全口径(含剔除)" in text
    assert "合计" not in text, "there is no total row"
    assert "；合计为合并计算\n" in desk.ask(at(1), "zhang", statistics, "按科室")


def test_history_without_arrival_time_is_no_intake(desk: Desk) -> None:
    desk.order(at(1, "08:00"), arrived=False, history=True, counted_at=None, state=State.CLOSED, open=False)

    assert counted(desk, "今日", at(1)) == {}


def test_late_orders_are_those_whose_close_out_has_passed_and_still_runs(desk: Desk) -> None:
    waiting = desk.order(at(1))
    handled = desk.order(at(1))
    desk.through(handled, *((name, at(2)) for name in HANDLED))
    assert counted(desk, "本期", at(5, "10:00"))[""].over_four_days == 1

    assert counted(desk, "本期", at(8, "09:59"))[""].overdue == 0
    assert counted(desk, "本期", at(8, "10:00"))[""] == Figures(2, 0, 2, 1, 1)
    desk.through(waiting, *((name, at(8, "11:00")) for name in HANDLED))
    assert counted(desk, "本期", at(8, "12:00"))[""] == Figures(2, 0, 2, 0, 0)


def test_a_past_window_shows_what_was_in_hand_at_its_end(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, *((name, at(2)) for name in (*HANDLED, "评定", "结案")))

    assert counted(desk, "2026-06-01", at(3))[""] == Figures(received=1, in_hand=1)
    assert counted(desk, "2026-06-02", at(3)) == {}
    assert counted(desk, "今日", at(3)) == {}
    assert "超4天为窗口末的数" in desk.ask(at(3), "zhang", statistics, "2026-06-01")


def test_groups_add_up_to_the_street_on_every_axis_and_moment(desk: Desk) -> None:
    for day in (1, 2, 3):
        for community in ("科源社区", "科源", "柳荫社区", "清泉社区", "外村", ""):
            order = desk.order(at(day, "09:00"), community=community, category="" if day == 2 else "供暖->不热")
            if community != "清泉社区":
                desk.through(order, ("签收", at(day)), ("派单", at(day, "11:00")))
            if community == "柳荫社区":
                desk.through(order, ("接单", at(day, "12:00")), ("改派", at(day, "13:00")))
                desk.through(order, ("派单", at(day, "14:00")), department="物业科")
    for period in ("今日", "昨日", "2026-06-01..2026-06-02", "本期"):
        street = counted(desk, period, at(3, "18:00"))[""]
        for axis in Axis:
            assert sum(counted(desk, period, at(3, "18:00"), axis).values(), Figures()) == street

    by_community = counted(desk, "本期", at(3, "18:00"), Axis.COMMUNITY)
    assert list(by_community) == ["科源社区", "柳荫社区", "清泉社区", "外村", "未填社区"]
    assert by_community["科源社区"].received == 6, "an alias is the same 社区"
    by_department = counted(desk, "本期", at(3, "18:00"), Axis.DEPARTMENT)
    assert {name: group.received for name, group in by_department.items()} == {"城管科": 12, "物业科": 3, "未派单": 3}


def test_narrowed_to_one_department_or_community_or_patch_in_any_order(desk: Desk) -> None:
    desk.order(at(1, "08:00"), community="清泉社区")
    order = desk.order(at(1, "08:00"), community="科源")
    desk.through(order, ("签收", at(1, "08:10")), ("派单", at(1, "08:20")))

    assert "受理 1\n在办 1" in desk.ask(at(1), "zhang", statistics, "城管")
    assert desk.ask(at(1), "zhang", statistics, "物业科").endswith("本期无")
    assert "受理 1\n在办 1" in desk.ask(at(1), "zhang", statistics, "科源社区 今日")
    text = desk.ask(at(1), "zhang", statistics, "按社区 第一包片 本周")
    assert text.splitlines()[0] == "【统计】第一包片 本周（06-01 至 06-07）"
    assert "科源社区：受理 1，在办 1，办结超期 0，超4天 0" in text
    assert "清泉社区" not in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("明天", "还没有到"),
        ("城管局", "看不懂“城管局”"),
        ("今日 昨日", "只能写一个"),
        ("按科室 按分类", "只能写一个"),
        ("城管科 物业科", "只能写一个"),
    ],
)
def test_what_it_does_not_understand_it_says(desk: Desk, text: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        desk.ask(at(1), "zhang", statistics, text)


def test_the_days_of_a_period_add_up_to_it(desk: Desk) -> None:
    for day in (1, 1, 2, 4):
        desk.order(at(day))
    days = [counted(desk, f"2026-06-0{day}", at(5)).get("", Figures()).received for day in range(1, 6)]
    assert sum(days) == counted(desk, "2026-06-01..2026-06-05", at(5))[""].received == 4


# ---------------------------------------------------------------------------------------------------------- 三率


def test_rates_take_the_last_review_of_each_order_within_the_window(desk: Desk) -> None:
    first, second = desk.order(at(1)), desk.order(at(1))
    for order in (first, second):
        desk.through(order, *((name, at(1, "11:00")) for name in HANDLED))
    desk.through(first, ("评定", at(1, "12:00")))
    desk.through(second, ("不解决", at(1, "12:00")))
    desk.through(second, ("反馈", at(2)), ("办结", at(2)), ("评定", at(2, "11:00")))

    def given(period: str) -> dict[str, Answers]:
        found = read_period(period, at(3))
        assert found is not None
        return desk.read(
            at(3), "gao", lambda work: answers(work.scope, ORGANISATION, Window.of(found, at(3)), Axis.DEPARTMENT)
        )

    assert given("2026-06-01") == {"城管科": Answers(valid=2, responded=1, solved=1, satisfied=1)}
    assert given("2026-06-02") == {"城管科": Answers(valid=1, responded=1, solved=1, satisfied=1)}
    assert given("本期") == {"城管科": Answers(valid=2, responded=2, solved=2, satisfied=2)}
    text = desk.ask(at(3), "gao", statistics, "三率 本期 按科室")
    assert "响应率 100.0%（2/2）" in text
    assert "城管科：响应 100.0%（2/2），解决 100.0%（2/2），满意 100.0%（2/2），得分 100.0" in text
    assert "合计为合并计算" in text


def test_an_undone_rating_does_not_count(desk: Desk) -> None:
    order = desk.order(at(1))
    desk.through(order, *((name, at(1, "11:00")) for name in (*HANDLED, "评定")))
    desk.undo(at(1, "11:01"), "gao")

    assert "响应率 —（0/0）" in desk.ask(at(1, "12:00"), "gao", statistics, "三率")


def test_the_score_of_the_contract() -> None:
    rates = three_rates(Answers(valid=10, responded=9, solved=8, satisfied=5, basically=3, unrated=1), RULES)

    assert [rate.text() for _, rate in rates.items()] == ["90.0%（9/10）", "80.0%（8/10）", "85.6%（7.7/9）"]
    assert rates.score == Fraction(9) + 40 + Fraction(40 * 77, 90)
    assert points(rates.score) == "83.2"


def test_an_empty_denominator_is_a_dash_and_never_a_nought() -> None:
    empty = three_rates(Answers(), RULES)
    assert [rate.text() for _, rate in empty.items()] == ["—（0/0）"] * 3
    assert points(empty.score) == "—"
    unrated = three_rates(Answers(valid=2, responded=2, solved=1, unrated=2), RULES)
    assert unrated.satisfaction.text() == "—（0/0）"
    assert unrated.response.text() == "100.0%（2/2）"
    assert points(unrated.score) == "—"


def test_rounding_is_half_up() -> None:
    assert percent(Fraction(1, 8)) == "12.5%"
    assert percent(Fraction(2, 3)) == "66.7%"
    assert percent(Fraction(1, 16)) == "6.3%"
    assert percent(Fraction(5, 10000)) == "0.1%"


groups = st.integers(0, 50).flatmap(
    lambda valid: st.builds(
        Answers,
        valid=st.just(valid),
        responded=st.integers(0, valid),
        solved=st.integers(0, valid),
        satisfied=st.integers(0, valid // 3),
        basically=st.integers(0, valid // 3),
        unrated=st.integers(0, valid // 3),
    )
)


@given(st.lists(groups, max_size=5))
def test_pooled_rates_lie_between_those_of_the_groups(parts: list[Answers]) -> None:
    whole = three_rates(pooled(parts), RULES)
    each = [three_rates(part, RULES) for part in parts]
    for index, (_, rate) in enumerate(whole.items()):
        values = [value for part in each if (value := part.items()[index][1].value) is not None]
        if values:
            assert rate.value is not None
            assert min(values) <= rate.value <= max(values)
        else:
            assert rate.value is None


def test_rates_by_group_say_that_there_are_none(desk: Desk) -> None:
    desk.order(at(1, "08:00"))

    text = desk.ask(at(1, "12:00"), "gao", statistics, "三率 按科室")

    assert text.endswith("三率按科室：2026-06-01 00:00 至 12:00（未完）内没有有效回访")


# ------------------------------------------------------------------------------------------------------ one 分类

LAMPS = "城市管理->市政设施->路灯"


@pytest.mark.parametrize(
    "typed",
    [
        "路灯",
        "市政设施->路灯",
        "市政设施→路灯",
        "市政设施-路灯",
        "城市管理->市政设施->路灯",
        "按分类 路灯",
        "路灯 按分类",
    ],
)
def test_narrowed_to_one_category_as_people_write_it(desk: Desk, typed: str) -> None:
    desk.order(at(1, "08:00"), category=LAMPS)
    desk.order(at(1, "08:00"), category="城市管理->市政设施->井盖")
    desk.order(at(1, "08:00"), category="路灯科技->市政设施")

    text = desk.ask(at(1), "zhang", statistics, typed)

    assert "受理 1\n在办 1" in text
    assert text.startswith(
        f"【统计】{typed.replace('按分类', '').strip().replace('->', '→').replace('-', '→')} 2026-06-01\n"
    )


def test_an_upper_level_counts_all_below_it(desk: Desk) -> None:
    order = desk.order(at(1, "08:00"), category=LAMPS)
    desk.order(at(1, "08:00"), category="城市管理->市政设施->井盖")
    desk.order(at(1, "08:00"))
    desk.through(order, ("签收", at(1, "08:10")), ("派单", at(1, "08:20")))

    text = desk.ask(at(1), "zhang", statistics, "城市管理 按分类 三率")

    assert "市政设施→路灯：受理 1" in text and "市政设施→井盖：受理 1" in text and "施工噪声" not in text
    assert desk.ask(at(3), "zhang", statistics, "昨日 市政设施").count("受理 0") == 1
    assert "物业科：" not in desk.ask(at(1), "zhang", statistics, "市政设施 按科室")


def test_a_category_in_several_places_asks_which(desk: Desk) -> None:
    desk.order(at(1, "08:00"), category=LAMPS)
    desk.order(at(1, "08:00"), category="公园->设施->路灯")

    listed = "叫“路灯”的分类有 2 处，请写全：公园->设施->路灯、城市管理->市政设施->路灯\n例：/统计 公园->设施->路灯"
    with pytest.raises(Refusal) as refused:
        desk.ask(at(1), "zhang", statistics, "路灯")
    assert type(refused.value) is Refusal and refused.value.message == listed, "no usage with another example follows"
    assert "受理 1\n" in desk.ask(at(1), "zhang", statistics, "公园->设施->路灯"), "the example can be sent"
    assert "受理 1\n" in desk.ask(at(1), "zhang", statistics, "设施->路灯")


def test_a_word_that_is_a_department_and_a_category_asks_which(desk: Desk) -> None:
    order = desk.order(at(1, "08:00"), category="城管->占道")
    desk.through(order, ("签收", at(1, "08:10")), ("派单", at(1, "08:20")))
    desk.order(at(1, "08:00"), category="城管->占道")

    with pytest.raises(Refusal, match="“城管”是科室（城管科），也是分类：看科室写 城管科，看分类写 按分类 城管"):
        desk.ask(at(1), "zhang", statistics, "今日 城管")
    assert "受理 1\n" in desk.ask(at(1), "zhang", statistics, "城管科")
    assert "受理 2\n" in desk.ask(at(1), "zhang", statistics, "按分类 城管")


def test_signs_in_a_category_are_no_pattern(desk: Desk) -> None:
    desk.order(at(1, "08:00"), category=LAMPS)

    with pytest.raises(Refusal, match="它不是期间、科室、社区、包片或分类"):
        desk.ask(at(1), "zhang", statistics, "市政%")
