"""Feishu's custom robot: what the group reads, whom it calls, and what each answer means."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.platforms.contract import Action, Limit, Mention, Outcome, Outgoing, Table
from bot.platforms.feishu.codes import answer_of
from bot.platforms.feishu.content import CARD_BYTES, content_of, divided
from bot.platforms.feishu.webhook import FeishuWebhook, signature
from bot.platforms.posting import NoReply, Reply
from config.errors import ConfigError
from tests.platforms import feishu_server as fake
from tests.platforms.conftest import NOON
from tests.platforms.faults import cut_after_reading, cut_answer, cut_before_reading, garbage, hang, status
from tests.platforms.feishu_server import HOOK, WANG, FakeFeishu

SECRET = SecretStr("geheim-sign")
KE = Mention("wang", "王科长", WANG)
LI = Mention("li", "李四")
PUBLIC = f"https://open.feishu.cn/open-apis/bot/v2/hook/{HOOK}"


@pytest.fixture
async def feishu(clock):
    async with FakeFeishu(now=clock, secret=SECRET.get_secret_value()) as server:
        yield server
        assert server.errors == []


def robot_of(session, address, clock, **given):
    options = {"api_base": "https://open.feishu.cn", "limits": (Limit(4, timedelta(seconds=1)),), "avoid": ()}
    return FeishuWebhook(session, SecretStr(address), SECRET, now=clock, **{**options, **given})


@pytest.fixture
def robot(session, feishu, clock):
    return robot_of(session, feishu.webhook, clock)


def outgoing(text="【#12】 路灯不亮", *mentions, **more):
    return Outgoing(1, text, mentions, **more)


async def send_all(robot, message):
    return [await robot.send(part) for part in robot.parts(message)]


# What the group reads


async def test_a_text_reaches_the_group_signed(robot, feishu):
    answer = await robot.send(outgoing("【#12】 请签收 🙂"))

    assert (answer.outcome, answer.status, answer.code) == (Outcome.SENT, 200, 0)
    assert [(message.kind, message.text) for message in feishu.messages] == [("text", "【#12】 请签收 🙂")]


async def test_people_are_called_in_a_post_and_who_has_no_account_is_named(robot, feishu):
    await send_all(robot, outgoing("【#12】 请签收\n尽快", KE, LI, KE))

    assert [(m.kind, m.mentions) for m in feishu.messages] == [("post", (WANG,))]
    assert feishu.texts == ["【#12】 请签收\n尽快\n@李四\n"]


async def test_a_plain_message_is_text_and_calls_people_all_the_same(robot, feishu):
    table = Table(("科室", "件数"), (("城管科", "3"),))
    await send_all(robot, outgoing("日报\n城管科 3", KE, plain=True, table=table, markdown="# 日报"))

    assert [(m.kind, m.mentions) for m in feishu.messages] == [("text", (WANG,))]
    assert feishu.texts[0].startswith("日报\n城管科 3\n<at")


async def test_markdown_and_tables_are_cards(robot, feishu):
    await send_all(robot, outgoing("日报", KE, markdown="# 日报\n**3** 件", table=Table(("科室",), (("城管科|*",),))))

    assert [(m.kind, m.mentions) for m in feishu.messages] == [("interactive", (WANG,))]
    assert feishu.texts == ["# 日报\n**3** 件\n| 科室 |\n| --- |\n| 城管科\\|\\* |\n<at id=ou_wang></at>"]


async def test_a_long_table_goes_in_as_few_cards_as_hold_it(robot, feishu, clock):
    rows = tuple((f"热线-{n:06d}", "夜间施工噪声扰民" * 4) for n in range(290))
    message = outgoing("在办工单\n" + "\n".join(row[0] for row in rows), KE, table=Table(("编号", "标题"), rows))
    feishu.limits = False
    await send_all(robot, message)

    assert len(feishu.messages) == 2
    assert [m.mentions for m in feishu.messages] == [(WANG,), ()]
    assert [text.partition("\n")[0] for text in feishu.texts] == ["在办工单", "在办工单（续）"]
    assert all(sum(row[0] in text for text in feishu.texts) == 1 for row in rows)


async def test_a_long_text_is_cut_at_lines_and_counted(robot, feishu):
    feishu.limits = False
    await send_all(robot, outgoing("【#12】 紧急\n" + '居民反映"路灯"不亮，夜间出行不便。\n' * 700, KE))

    assert len(feishu.messages) > 3
    assert [m.mentions for m in feishu.messages] == [(WANG,)] + [()] * (len(feishu.messages) - 1)
    assert feishu.texts[1].startswith("【#12】（续）\n")
    assert feishu.refused == []


async def test_what_a_robot_cannot_show_is_left_out(robot, feishu):
    action = Action("签收", "/签收 12")
    (part,) = robot.parts(outgoing("【#12】 路灯", actions=(action,)))
    await robot.send(part)

    assert [(m.kind, m.buttons) for m in feishu.messages] == [("text", {})]


@pytest.mark.parametrize(
    "text",
    [
        '<at user_id="all">所有人</at> 请看',
        "< at id=all></at>",
        "<AT user_id='ou_x'>",
        "<\x00at id=all>",
        "<person id=x>",
    ],
)
@pytest.mark.parametrize("markdown", [False, True])
async def test_a_text_calls_nobody_by_itself(robot, feishu, text, markdown):
    await send_all(robot, outgoing(text, markdown=text if markdown else None))

    assert feishu.messages[0].mentions == ()
    assert "<" not in feishu.texts[0]


async def test_nobody_is_called_everybody(robot, feishu):
    await send_all(robot, outgoing("请看", Mention("x", "张三", "all"), Mention("y", "李四", 'ou" ><at')))

    assert feishu.messages[0].mentions == ()
    assert feishu.texts == ["请看\n@张三 @李四"]


@given(st.text(min_size=1, max_size=4000), st.booleans())
def test_every_part_of_whatever_text_is_within_the_limits(text, buttons):
    actions = (Action("签收", "/签收 12"),) if buttons else ()
    for part in divided(outgoing(text * 3, KE, LI, actions=actions), buttons=buttons):
        kind, content = content_of(part)
        once = json.dumps(content, ensure_ascii=False)
        assert len(once.encode()) <= CARD_BYTES + 1000
        assert len(json.dumps(once, ensure_ascii=False).encode()) <= fake.LONGEST[kind]


@given(st.text(), st.text())
def test_no_text_makes_a_mention(text, markdown):
    for message in (outgoing(text, markdown=markdown), outgoing(text, plain=True), outgoing(text)):
        for part in divided(message, buttons=False):
            kind, content = content_of(part)
            assert fake._mentions(kind, content) == []


# What an answer means


@pytest.mark.parametrize(
    ("behaviour", "outcome", "wait"),
    [
        (fake.code(11232, "frequency limited psm[x]appID[1500]"), Outcome.RETRY_AFTER, 60),
        (fake.code(9499, "too many request", 400), Outcome.RETRY_AFTER, 60),
        (fake.code(9499, "Bad Request", 400), Outcome.PERMANENT, None),
        (fake.code(9499, "something new", 400), Outcome.UNKNOWN, None),
        (fake.code(19001), Outcome.CLOSED, None),
        (fake.code(19021), Outcome.CLOSED, None),
        (fake.code(19022), Outcome.CLOSED, None),
        (fake.code(19024), Outcome.CLOSED, None),
        (fake.code(424242), Outcome.UNKNOWN, None),
        (fake.code(0, status=500), Outcome.UNKNOWN, None),
        (status(429, retry_after=7), Outcome.RETRY_AFTER, 7),
        (status(503), Outcome.RETRY, None),
        (status(502), Outcome.UNKNOWN, None),
        (garbage(), Outcome.UNKNOWN, None),
        (garbage('{"code":"0"}'), Outcome.UNKNOWN, None),
        (cut_before_reading(), Outcome.UNKNOWN, None),
        (cut_after_reading(), Outcome.UNKNOWN, None),
    ],
)
async def test_each_answer_has_its_outcome(robot, feishu, behaviour, outcome, wait):
    feishu.then("hook", behaviour)
    answer = await robot.send(outgoing())

    assert answer.outcome is outcome
    assert answer.wait == (None if wait is None else timedelta(seconds=wait))
    if answer.code is not None and answer.code != 0:
        assert str(answer.code) in answer.detail
    assert not any(secret in repr(answer) for secret in (HOOK, "geheim"))


async def test_silence_is_unknown(session, feishu, clock):
    feishu.then("hook", hang())
    answer = await robot_of(session, feishu.webhook, clock, timeout=timedelta(seconds=0.2)).send(outgoing())

    assert answer.outcome is Outcome.UNKNOWN


async def test_nobody_there_is_a_retry(session, clock):
    address = f"http://127.0.0.1:1/open-apis/bot/v2/hook/{HOOK}"
    assert (await robot_of(session, address, clock).send(outgoing())).outcome is Outcome.RETRY


async def test_the_real_refusals(session, feishu, clock):
    robot = robot_of(session, feishu.webhook, clock)
    for _ in range(5):
        assert (await robot.send(outgoing())).outcome is Outcome.SENT
    assert (await robot.send(outgoing())).code == 11232
    clock.now += timedelta(hours=2)
    late = robot_of(session, feishu.webhook, lambda: NOON)
    assert (await late.send(outgoing())).code == 19021
    feishu.keyword = "派单"
    assert (await robot.send(outgoing())).code == 19024


@given(st.binary(), st.integers(100, 599))
def test_no_answer_makes_a_fault(body, number):
    answer = answer_of(Reply(number, body))
    assert answer.outcome is not Outcome.SENT
    assert answer.detail


def test_a_line_that_never_stood_is_a_retry():
    assert answer_of(NoReply(False, "连接不上")).outcome is Outcome.RETRY
    assert answer_of(NoReply(True, "连接中断")).outcome is Outcome.UNKNOWN


# Addresses and signatures


@pytest.mark.parametrize(
    "address",
    [
        "https://open.feishu.cn/open-apis/bot/v2/hook/",
        "https://open.feishu.cn/open-apis/bot/v2/hook/abc",
        "https://open.feishu.cn/open-apis/bot/hook/11111111-2222",
        f"http://open.feishu.cn/open-apis/bot/v2/hook/{HOOK}",
        f"{PUBLIC}/more",
        "no address",
        f"https://{'x' * 70}/open-apis/bot/v2/hook/{HOOK}",
    ],
)
async def test_a_wrong_address_is_named_without_its_key(session, clock, address):
    with pytest.raises(ConfigError) as caught:
        robot_of(session, address, clock)
    assert str(caught.value).startswith("飞书自定义机器人的地址不对：")
    assert HOOK not in str(caught.value)


async def test_a_private_installation_takes_the_place_of_the_public_host(session, clock):
    robot = robot_of(session, PUBLIC, clock, api_base="https://feishu.street.test/base")
    assert robot._address.get_secret_value() == f"https://feishu.street.test/base/open-apis/bot/v2/hook/{HOOK}"
    assert repr(robot) == "FeishuWebhook(feishu.street.test)"
    own = robot_of(session, PUBLIC.replace("open.feishu.cn", "own.test"), clock, api_base="https://feishu.street.test")
    assert "own.test" in repr(own)


def test_the_signature_is_made_of_the_moment_and_the_secret():
    assert signature("s", datetime.fromtimestamp(1700000000, UTC)) == {
        "timestamp": "1700000000",
        "sign": "+z1fiKH1w9xoRwSUZju5W5ZBj/d5cwS4H+5mTClDOl4=",
    }


@pytest.mark.parametrize("at", range(0, 120, 15))
async def test_an_answer_cut_anywhere_is_never_taken_for_a_no(robot, feishu, at):
    feishu.then("hook", cut_answer(at))
    assert (await robot.send(outgoing())).outcome is Outcome.UNKNOWN
