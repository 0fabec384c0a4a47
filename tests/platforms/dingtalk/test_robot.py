"""DingTalk's custom robot against the fake platform."""

import gc
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.platforms.contract import Limit, Mention, Outcome, Outgoing
from bot.platforms.dingtalk.answers import REST, answer_of, refused
from bot.platforms.dingtalk.contents import BODY_BYTES, body, encoded, harmless, parts
from bot.platforms.dingtalk.robot import DingTalkRobot
from bot.platforms.dingtalk.signing import signed, signed_at
from bot.platforms.posting import Reply
from config.entries import Robot
from config.errors import ConfigError
from tests.platforms import wecom_server as fault
from tests.platforms.conftest import NOON
from tests.platforms.dingtalk.desk import outgoing
from tests.platforms.dingtalk_server import SECRET, TOKEN, sign

WANG = Mention("wang", "王科长", "user123")
LI = Mention("li", "李四")
PUBLIC = f"https://oapi.dingtalk.com/robot/send?access_token={TOKEN}"


@pytest.fixture
def robot(session, dingtalk, clock):
    return robot_of(session, clock, dingtalk.webhook)


def robot_of(session, clock, webhook, secret=SECRET, **given):
    """A robot that keeps the platform's own limit."""
    robot = Robot(platform="dingtalk", webhook=webhook, secret=secret)
    return DingTalkRobot(session, robot, limits=(Limit(20, timedelta(minutes=1)),), now=clock, **given)


async def send(robot, message):
    """Send all parts; the answers."""
    return [await robot.send(part) for part in robot.parts(message)]


# What the group reads


async def test_a_message_reaches_the_group_and_calls_people(robot, dingtalk):
    (answer,) = await send(robot, outgoing("【#12】 请签收 🙂", WANG))

    assert (answer.outcome, answer.status, answer.code) == (Outcome.SENT, 200, 0)
    (message,) = dingtalk.messages
    assert (message.kind, message.content, message.called) == ("text", "【#12】 请签收 🙂\n@user123", ("user123",))


async def test_who_has_no_account_is_named_and_nobody_is_named_twice(robot, dingtalk):
    await send(robot, outgoing("【#12】 请签收\n", WANG, LI, LI, WANG))

    assert dingtalk.contents == ["【#12】 请签收\n@user123 @李四"]
    assert dingtalk.messages[0].called == ("user123",)


@pytest.mark.parametrize("account", ["all", "ALL", "a b", "@user123", " "])
async def test_an_account_cannot_stand_for_everybody_nor_end_the_mention(robot, dingtalk, account):
    await send(robot, outgoing("请看", Mention("x", "张三", account)))

    assert dingtalk.contents == ["请看\n@张三"]
    assert dingtalk.messages[0].called == ()


@pytest.mark.parametrize("text", ["请 @all 看", "请 @ALL看", "@所有人", "@\x01all", "[点](dtmd://dingtalkclient/x)"])
async def test_a_text_neither_calls_nor_commands(robot, dingtalk, text):
    await send(robot, outgoing(text))

    assert not any(harm in dingtalk.contents[0] for harm in ("@", "dtmd:"))
    assert dingtalk.messages[0].called == ()


async def test_ordinary_at_signs_stay(robot, dingtalk):
    await send(robot, outgoing("邮箱 zhang@alliance.example，@allen，@王科长"))
    assert dingtalk.contents == ["邮箱 zhang@alliance.example，@allen，@王科长"]


async def test_markdown_has_a_title_and_keeps_its_lines(robot, dingtalk):
    await send(robot, outgoing("【#12】 超期\n请处理", WANG, markdown="### 超期\n工单 12\n\n> 请处理\n"))

    (message,) = dingtalk.messages
    assert (message.kind, message.title) == ("markdown", "【#12】 超期")
    assert message.content == "### 超期  \n工单 12\n\n> 请处理\n\n@user123"
    assert message.called == ("user123",)


async def test_readers_of_plain_text_get_plain_text(robot, dingtalk):
    await send(robot, outgoing("【#12】 超期", markdown="### 超期", plain=True))
    assert [(m.kind, m.content) for m in dingtalk.messages] == [("text", "【#12】 超期")]


async def test_markdown_that_is_too_long_arrives_as_text_in_parts(robot, dingtalk):
    text = "【#12】 紧急\n" + "居民反映路灯不亮，夜间出行不便。\n" * 800
    answers = await send(robot, outgoing(text, WANG, markdown=text))

    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert len(answers) == 3
    assert {message.kind for message in dingtalk.messages} == {"text"}
    assert [message.called for message in dingtalk.messages] == [("user123",), (), ()]
    assert dingtalk.contents[0].endswith("(1/3)\n@user123")
    assert dingtalk.contents[2].startswith("【#12】（续）")


async def test_what_json_escapes_is_counted(robot, dingtalk):
    answers = await send(robot, outgoing('"\\\n' * 5000))
    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert dingtalk.refused == []


TEXTS = st.text(max_size=400) | st.builds(lambda a, n: a * n, st.text(max_size=30), st.integers(1, 2000))


@settings(max_examples=60)
@given(TEXTS, st.lists(st.builds(Mention, st.just("x"), st.text(max_size=20), st.none() | st.text(max_size=20))))
def test_no_part_is_too_long_and_only_the_first_calls(text, mentions):
    found = parts(Outgoing(1, text, tuple(mentions)), calls=True)
    assert all(len(encoded(body(part, calls=True))) <= BODY_BYTES for part in found)
    assert all(not part.mentions for part in found[1:])
    assert [part.key for part in found] == [1] * len(found)


@given(st.text())
def test_what_is_harmless_stays_so(text):
    assert harmless(harmless(text)) == harmless(text)


# Address and signature


async def test_a_signature_is_encoded_exactly_once(robot, dingtalk, clock):
    # over these moments the signature has +, / and = in every place
    for second in range(40):
        clock.now = NOON + timedelta(minutes=second)
        assert (await robot.send(outgoing())).outcome is Outcome.SENT


async def test_a_robot_without_a_secret_does_not_sign(session, dingtalk, clock):
    dingtalk.secret = None
    assert (await robot_of(session, clock, dingtalk.webhook, secret=None).send(outgoing())).outcome is Outcome.SENT


async def test_the_government_edition_takes_the_same_at_its_own_host(session, dingtalk, clock):
    robot = robot_of(session, clock, PUBLIC, oapi_base=dingtalk.base)
    assert (await robot.send(outgoing())).outcome is Outcome.SENT
    robot_of(session, clock, f"https://ding.example.gov.cn/robot/send?access_token={TOKEN}")


@pytest.mark.parametrize(
    "webhook",
    [
        "https://oapi.dingtalk.com/robot/send",
        "https://oapi.dingtalk.com/robot/send?access_token=short",
        f"https://oapi.dingtalk.com/robot/sendBySession?access_token={TOKEN}",
        f"http://oapi.dingtalk.com/robot/send?access_token={TOKEN}",
        f"https://user:pass@oapi.dingtalk.com/robot/send?access_token={TOKEN}",
        f"https://[oapi/robot/send?access_token={TOKEN}",
        "SEC123",
        "",
    ],
)
def test_a_wrong_address_is_named_and_not_shown(session, clock, webhook):
    with pytest.raises(ConfigError) as error:
        robot_of(session, clock, webhook)
    assert str(error.value).startswith("钉钉群机器人的地址不对：")
    assert "\n" not in str(error.value)
    assert TOKEN not in str(error.value)
    assert "pass" not in str(error.value)


async def test_key_and_secret_show_nowhere(robot, dingtalk, clock):
    dingtalk.then(fault.garbage(), fault.cut_after_reading())
    answers = [await robot.send(outgoing()), await robot.send(outgoing()), await robot.probe()]
    shown = f"{answers} {robot!r} {robot._address!r} {robot._secret!r}"
    assert TOKEN not in shown
    assert SECRET not in shown


@given(st.integers(10**12, 10**13 - 1), st.text(min_size=1, max_size=80))
def test_a_signature_is_known_again_and_no_other(moment, secret):
    good = sign(str(moment), secret)
    assert signed_at(str(moment), good, secret) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=moment)
    assert signed_at(str(moment + 1 if moment < 10**13 - 1 else moment - 1), good, secret) is None
    assert signed_at(str(moment), good[:-2] + "==", secret) in (None, signed_at(str(moment), good, secret))
    assert signed_at(str(moment), good, secret + "x") is None


@given(st.text() | st.from_regex(r"[0-9]{13}", fullmatch=True), st.text(st.characters()))
def test_no_header_is_a_fault(moment, given_sign):
    assert signed_at(moment, given_sign, SECRET) is None


def test_the_moment_is_that_of_the_clock():
    assert "&timestamp=1780286400000&sign=" in signed("https://x/robot/send?access_token=t", SECRET, NOON)


# What the answers mean


async def test_the_twenty_first_message_puts_the_robot_to_rest(robot, dingtalk, clock):
    for _ in range(20):
        assert (await robot.send(outgoing())).outcome is Outcome.SENT
    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.code, answer.wait) == (Outcome.RETRY_AFTER, 130101, timedelta(minutes=10))
    clock.now += answer.wait
    assert (await robot.send(outgoing())).outcome is Outcome.SENT


@pytest.mark.parametrize(
    ("code", "outcome", "wait"),
    [
        (410100, Outcome.RETRY_AFTER, REST),
        (-1, Outcome.RETRY, None),
        (300005, Outcome.CLOSED, None),
        (400013, Outcome.CLOSED, None),
        (400101, Outcome.CLOSED, None),
        (400102, Outcome.CLOSED, None),
        (400105, Outcome.PERMANENT, None),
        (400106, Outcome.CLOSED, None),
        (40035, Outcome.PERMANENT, None),
        (43002, Outcome.PERMANENT, None),
        (460101, Outcome.PERMANENT, None),
        (987654, Outcome.UNKNOWN, None),
    ],
)
async def test_http_200_is_no_success(robot, dingtalk, code, outcome, wait):
    dingtalk.then(fault.errcode(code))
    answer = await robot.send(outgoing())
    assert (answer.outcome, answer.code, answer.wait) == (outcome, code, wait)
    assert str(code) in answer.detail


async def test_the_edge_answers_without_a_code(robot, dingtalk):
    denied = {"status": 1111, "wait": 5, "source": "x5", "punish": "deny", "uuid": "u"}
    dingtalk.then(fault.garbage(json.dumps(denied)))
    answer = await robot.send(outgoing())
    assert (answer.outcome, answer.wait) == (Outcome.RETRY_AFTER, timedelta(minutes=1))
    assert "1111" in answer.detail


@pytest.mark.parametrize("wait", [None, "5", -1, 10**30, True, 1.5, [5]])
def test_whatever_the_edge_says_of_waiting(wait):
    answer = answer_of(Reply(200, json.dumps({"status": 1111, "wait": wait}).encode()))
    assert answer.outcome is Outcome.RETRY_AFTER
    assert timedelta(minutes=1) <= answer.wait <= REST


async def test_310000_says_in_its_text_what_is_wrong(session, dingtalk, clock, robot):
    dingtalk.keywords = ("工单",)
    keyword = await robot.send(outgoing("【#12】 路灯"))
    assert (keyword.outcome, "关键词" in keyword.detail) == (Outcome.CLOSED, True)

    wrong = await robot_of(session, clock, dingtalk.webhook, secret="SECwrong").send(outgoing("工单"))
    assert (wrong.outcome, "加签密钥" in wrong.detail) == (Outcome.CLOSED, True)

    early = robot_of(session, lambda: clock.now - timedelta(hours=2), dingtalk.webhook)
    answer = await early.send(outgoing("工单"))
    assert (answer.outcome, "时钟" in answer.detail) == (Outcome.RETRY, True)

    body = '{"errcode":310000,"errmsg":"ip 203.0.113.9 not in whitelist"}'
    dingtalk.then(fault.garbage(body))
    answer = await robot.send(outgoing())
    assert (answer.outcome, "白名单" in answer.detail, "203.0" in answer.detail) == (Outcome.CLOSED, True, False)


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (fault.status(429, 30), Outcome.RETRY_AFTER),
        (fault.status(503), Outcome.RETRY),
        (fault.status(500), Outcome.UNKNOWN),
        (fault.status(502, record=True), Outcome.UNKNOWN),
        (fault.garbage(), Outcome.UNKNOWN),
        (fault.garbage("[]"), Outcome.UNKNOWN),
        (fault.garbage('{"errcode":"0"}'), Outcome.UNKNOWN),
        (fault.redirect("https://evil.example/"), Outcome.CLOSED),
        (fault.cut_before_reading(), Outcome.UNKNOWN),
        (fault.cut_after_reading(record=True), Outcome.UNKNOWN),
    ],
)
async def test_what_http_alone_says(robot, dingtalk, behaviour, outcome):
    dingtalk.then(behaviour)
    assert (await robot.send(outgoing())).outcome is outcome


async def test_an_answer_cut_at_any_byte_is_unknown_or_whole(robot, dingtalk):
    dingtalk.per_window = None
    whole = len(fault.whole_answer())
    for at in range(1, whole + 1):
        dingtalk.then(fault.cut_answer(at))
        answer = await robot.send(outgoing())
        assert answer.outcome is (Outcome.SENT if at == whole else Outcome.UNKNOWN)
    gc.collect()


async def test_nobody_listens(session, clock):
    robot = robot_of(session, clock, f"http://127.0.0.1:9/robot/send?access_token={TOKEN}")
    assert (await robot.send(outgoing())).outcome is Outcome.RETRY


@given(st.integers(100, 599), st.binary(max_size=200) | st.none())
def test_no_answer_is_a_fault(status, content):
    assert answer_of(Reply(status, content)).detail
    assert refused(Reply(status, content))[0].detail


# Looking without sending


async def test_a_probe_reaches_nobody(robot, dingtalk):
    found = await robot.probe()
    assert (found.ok, found.detail) == (True, "地址和签名被接受")
    assert dingtalk.messages == []
    assert dingtalk.errors == []


async def test_a_probe_names_what_to_mend(session, dingtalk, clock):
    wrong = await robot_of(session, clock, dingtalk.webhook, secret="SECwrong").probe()
    assert (wrong.ok, "secret" in wrong.mend) == (False, True)
    unknown = await robot_of(session, clock, dingtalk.webhook.replace("0123", "9999")).probe()
    assert (unknown.ok, "组织文件" in unknown.mend) == (False, True)
    nobody = await robot_of(session, clock, f"http://127.0.0.1:9/robot/send?access_token={TOKEN}").probe()
    assert (nobody.ok, bool(nobody.mend)) == (False, True)
