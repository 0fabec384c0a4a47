"""The shipped rules, the office's own over them, and how mistakes are named."""

import re
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import config
from config.durations import parse_duration
from config.errors import ConfigError
from config.policy import UNSETTLED, Policy, check_policy, load_policy
from config.rules import ReminderSteps, Rules
from config.shanghai import span_text

SAMPLE = Path(config.__file__).parent / "sample" / "policy.toml"
DAY = date(2026, 6, 1)
MINUTE, HOUR, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
def shipped() -> Rules:
    return load_policy().on(DAY)


@pytest.fixture
def overlay(tmp_path: Path):
    def overlay(text: str) -> Path:
        path = tmp_path / "policy.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return overlay


def rule(key: str, value: str, since: str = "2026-07-01", more: str = "") -> str:
    return f'[[rule]]\nkey = "{key}"\nsince = {since}\nvalue = {value}\n{more}\n'


def test_the_defaults_are_those_of_the_domain(shipped: Rules):
    assert (shipped.sign_off.urgent.span, shipped.sign_off.other.span) == (15 * MINUTE, 60 * MINUTE)
    assert (shipped.dispatch.of(urgent=True).span, shipped.dispatch.of(urgent=False).span) == (15 * MINUTE, 2 * HOUR)
    assert shipped.dispatch_same_day
    assert (shipped.respond.urgent.span, shipped.respond.other.span) == (2 * HOUR, 24 * HOUR)
    assert shipped.urgent_handling.span == 2 * HOUR
    assert shipped.evaluation.span == 24 * HOUR
    assert shipped.over_four_days.span == 96 * HOUR
    assert shipped.quiet_hours.start == time(22) and shipped.quiet_hours.end == time(7)
    assert shipped.satisfied_weight == 0.9
    assert shipped.score_weights.solved == 0.5
    assert shipped.assessment_first_day == 19
    assert shipped.ranked_min == 10
    assert shipped.return_text_min == 10
    assert shipped.return_kinds == ("非本辖区", "非本级职责", "重复", "信息不全", "已诉讼信访", "其他")
    assert shipped.contacts_needed_unreachable == 3
    assert shipped.urge_interval == 10 * MINUTE and shipped.undo_window == 2 * MINUTE
    assert shipped.finished_words == ("回复完成",)
    assert shipped.digest_threshold == 20
    assert shipped.bare_date_time == time(18)
    assert shipped.followup_days == (3, 7)


@pytest.mark.parametrize(
    ("level", "type_", "category", "span", "label"),
    [
        ("紧急", "咨询", "市政公用->供暖", 2 * HOUR, "紧急"),
        ("一般", "诉求", "市政公用->供暖->不热", 24 * HOUR, "水电气热"),
        ("疑难", "诉求", "市政公用->供水", 24 * HOUR, "水电气热"),
        ("一般", "咨询", "教育", 24 * HOUR, "咨询"),
        ("疑难", "投诉", "城市管理->违法建设", 15 * DAYS, "疑难"),
        ("一般", "投诉", "城市管理->市容环境->占道经营", 7 * DAYS, "一般"),
        ("", "", "", 7 * DAYS, "一般"),
    ],
)
def test_the_close_out_limit_follows_the_first_entry_that_applies(shipped, level, type_, category, span, label):
    limit = shipped.close_out_limit(level, type_, category)
    assert limit.span == span
    assert limit.source == f"{label}，{UNSETTLED}"


def test_reminders_know_urgent_short_and_ordinary(shipped: Rules):
    steps = shipped.reminders
    assert steps.of(urgent=True, limit=7 * DAYS) == ReminderSteps(
        before=(60 * MINUTE, 30 * MINUTE, 10 * MINUTE), every=30 * MINUTE
    )
    assert steps.of(urgent=False, limit=4 * HOUR).before == (-30 * MINUTE, -10 * MINUTE)
    ordinary = steps.of(urgent=False, limit=5 * HOUR)
    assert (ordinary.before, ordinary.every) == ((-24 * HOUR, -4 * HOUR, -1 * HOUR), 24 * HOUR)


def test_quiet_hours_go_over_midnight(shipped: Rules):
    quiet = {hour for hour in range(24) if shipped.quiet_hours.contains(time(hour))}
    assert quiet == {22, 23, 0, 1, 2, 3, 4, 5, 6}
    assert not shipped.intake_silence.contains(time(23))


@pytest.mark.parametrize(
    ("text", "urgent"),
    [
        ("请２小时内 回复市中心", True),
        ("小区燃气管道泄漏，很危险", True),
        ("燃气费太高。楼上水管泄漏", False),
        ("电梯里有两人被困", True),
        ("有人触电", True),
        ("占道经营", False),
        ("", False),
    ],
)
def test_words_make_an_order_urgent(shipped: Rules, text: str, urgent: bool):
    assert shipped.is_urgent(text) is urgent


@pytest.mark.parametrize(
    ("word", "step"),
    [
        ("待签收", "待签收"),
        ("已签收", "签收"),
        ("已转派", "派单"),
        ("已派单", "派单"),
        ("办理中", "办理"),
        ("回复完成", "办结"),
        ("已办结", "办结"),
        (" 已退回 ", "退回成功"),
        ("退回驳回", "退回驳回"),
        ("", None),
        ("别的词", None),
    ],
)
def test_upstream_words_are_steps(shipped: Rules, word: str, step: str | None):
    assert shipped.upstream_step(word) == step


def test_titles_lose_the_marks_of_channels(shipped: Rules):
    assert shipped.without_noise("路灯不亮#微信服务号#") == "路灯不亮"


def test_prices_are_the_contracts_in_fen(shipped: Rules):
    def month(clause: str, count: int) -> int:
        tariff = shipped.tariff(clause)
        return sum(
            tariff.higher if tariff.higher_from and number >= tariff.higher_from else tariff.price
            for number in range(1, count + 1)
        )

    assert month("值班坐席派单失误", 5) == 190_000
    assert month("数据专员", 5) == 130_000
    assert month("零分工单", 2) == 200_000


def test_a_later_rule_takes_over_on_its_day(overlay):
    path = overlay(
        rule("ranked_min", "5")
        + rule("ranked_min", "7", "2026-09-01", 'source = "纪要"')
        + rule("undo_window", '"3分钟"')
    )
    policy = load_policy(path)
    assert [policy.on(date(2026, month, 1)).ranked_min for month in (1, 6, 7, 8, 9, 12)] == [10, 10, 5, 5, 7, 7]
    assert policy.on(date(2026, 6, 30)).version != policy.on(date(2026, 7, 1)).version
    assert policy.on(date(2026, 7, 1)) is policy.on(date(2026, 8, 31))
    line = next(line for line in policy.describe(date(2026, 9, 1)) if line.key == "ranked_min")
    assert (line.title, line.value, line.since, line.source, line.starred) == (
        "有效评价至少几件才参加排名（尚未启用）",
        "7",
        date(2026, 9, 1),
        "纪要",
        False,
    )


def test_the_offices_own_rule_wins_over_a_shipped_one_of_a_later_day(overlay):
    policy = load_policy(overlay(rule("ranked_min", "5", "2025-05-01")))
    assert policy.on(date(2025, 4, 30)).ranked_min == 10
    assert policy.on(date(2025, 5, 1)).ranked_min == 5
    assert policy.on(DAY).ranked_min == 5


def test_days_before_every_rule_have_rules_too(shipped: Rules):
    assert load_policy().on(date(2019, 1, 1)) == shipped


def test_a_limits_source_is_ready_for_an_explanation(overlay, shipped: Rules):
    assert shipped.sign_off.urgent.source == UNSETTLED
    assert shipped.evaluation.source == "合同"
    own = load_policy(overlay(rule("sign_off", '{ urgent = "5分钟", other = "30分钟" }'))).on(date(2026, 8, 1))
    assert own.sign_off.other.source == "本单位规定"


def test_every_rule_is_described_and_stars_say_so():
    lines = load_policy().describe()
    assert {line.key for line in lines} == Rules.model_fields.keys() - {"version", "calendar_version"}
    assert all(line.title and line.value and line.source for line in lines)
    assert not any(re.search("[a-z_]{2,}", line.value) for line in lines)
    by_key = {line.key: line for line in lines}
    assert by_key["sign_off"].value == "紧急 15分钟，其他 1小时"
    assert by_key["sign_off"].starred and by_key["sign_off"].source == UNSETTLED
    assert by_key["evaluation"].source == "合同" and not by_key["evaluation"].starred


def test_the_same_rules_have_the_same_version():
    assert load_policy().on(DAY).version == load_policy().on(DAY).version


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rule("sign_of", "1"), "第 2 行 key：没有这条规则 “sign_of”，是否想写 sign_off"),
        (rule("undo_window", '"2"'), '第 4 行 undo_window：应为时长，例如 "15分钟"'),
        (rule("undo_window", '"0分钟"'), "第 4 行 undo_window：时长应大于零"),
        (rule("undo_window", "2"), "第 4 行 undo_window：应为时长"),
        (rule("ranked_min", '"x"'), "第 4 行 ranked_min：应为整数"),
        (rule("ranked_min", "0"), "第 4 行 ranked_min：应不小于 1"),
        (rule("sign_off", '{ urgent = "5分钟" }'), "第 4 行 sign_off.other：缺少这一项"),
        (rule("sign_off", '{ urgent = "5分钟", othr = "1小时" }'), "第 4 行 sign_off.othr：没有这个键，是否想写 other"),
        (rule("quiet_hours", '{ start = "25:00", end = "7:00" }'), "第 4 行 quiet_hours.start：应为一天中的时刻"),
        (rule("close_out", '[\n{ label = "一般", limit = "七天" },\n]'), "第 5 行 close_out.limit：应为时长"),
        (rule("close_out", '[{ label = "甲", level = ["紧急"], limit = "7天" }]'), "close_out：最后一条应不写条件"),
        (rule("score_weights", "{ responded = 0.1, solved = 0.5, satisfied = 0.3 }"), "三项权重之和应为 1，现为 0.9"),
        (rule("upstream", '{ "签收" = ["甲"], "派单" = ["甲"] }'), "upstream：“甲” 只能属于一个步骤"),
        (rule("upstream", '{ "签受" = ["甲"] }'), "第 4 行 upstream.签受：只能是"),
        (rule("ranked_min", "1") + rule("ranked_min", "2"), "第 7 行 key：“ranked_min” 同一天起的规则已经写在第 2 行"),
        (rule("ranked_min", "1", '"later"'), "第 3 行 since：应为日期，例如 2026-01-01"),
        (rule("ranked_min", "1", more="not_known = 1"), "第 5 行 not_known：没有这个键"),
        ('[[rule]]\nkey = "ranked_min"\nvalue = 1\n', "第 1 行 since：缺少这一项"),
        ("[[rules]]\n", "第 1 行 rules：没有这个键，是否想写 rule"),
        ("[[rule]\n", "第 1 行："),
    ],
)
def test_a_mistake_is_named_with_line_and_key(overlay, text: str, message: str):
    path = overlay(text)
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    assert str(caught.value).startswith("policy.toml 第 ")
    assert message in str(caught.value)
    assert str(caught.value) in check_policy(path)
    assert "\n" not in str(caught.value)


def test_checking_names_every_mistake(overlay):
    path = overlay(rule("ranked_min", "0") + rule("undo_window", '"2"') + rule("nothing", "1"))
    assert len(check_policy(path)) == 3


def test_the_sample_is_valid_as_it_is_and_with_its_examples(overlay):
    assert check_policy(SAMPLE) == []
    text = SAMPLE.read_text(encoding="utf-8")
    examples = "\n".join(line.removeprefix("# ") for line in text.splitlines() if re.match(r"# +[\[{}a-z\]]", line))
    examples = examples[examples.index("[[rule]]") :]
    path = overlay(
        "\n".join(line for line in examples.splitlines() if not re.match(r" +(key|since|value|source) ", line))
    )
    assert check_policy(path) == []
    policy = load_policy(path)
    assert isinstance(policy, Policy)
    assert policy.on(date(2026, 12, 1)).close_out_limit("一般", "诉求", "供暖").span == 12 * HOUR
    assert "军产单位" in policy.on(date(2026, 7, 1)).return_kinds


@settings(deadline=None)
@given(st.integers(1, 60 * 24 * 400))
def test_a_span_in_words_reads_back_to_the_hour(minutes: int):
    span = timedelta(minutes=minutes)
    again = parse_duration(span_text(span))
    assert span - again < (HOUR if span >= 2 * DAYS else MINUTE)
    assert again <= span
