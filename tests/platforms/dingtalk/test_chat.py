"""The app's robot in groups and with people."""

import asyncio
from datetime import timedelta

import pytest

from bot.platforms.contract import Mention, Outcome, Wiring
from bot.platforms.dingtalk import connect
from config.errors import ConfigError
from config.settings import load_settings
from tests.platforms import wecom_server as fault
from tests.platforms.conftest import NOON
from tests.platforms.dingtalk.desk import (
    incoming,
    outgoing,
)
from tests.platforms.dingtalk_server import CLIENT_SECRET

WANG = Mention("wang", "王科长", "user456")


async def test_an_answer_goes_where_the_question_came_from_and_calls(platform, dingtalk):
    reply = incoming(dingtalk.said()).reply
    answer = await platform.chat("cid1").send(outgoing("✔ 已派单", WANG, reply=reply))

    assert answer.outcome is Outcome.SENT
    (message,) = dingtalk.messages
    assert (message.where, message.content, message.called) == ("session", "✔ 已派单\n@user456", ("user456",))
    assert dingtalk.tokens_given == 0


async def test_a_notice_is_pushed_and_names_people(platform, dingtalk):
    answer = await platform.chat("cid1").send(outgoing("【#12】 请签收", WANG))

    assert (answer.outcome, answer.remote) == (Outcome.SENT, "key1")
    assert [(m.where, m.kind, m.content) for m in dingtalk.messages] == [("cid1", "text", "【#12】 请签收\n@王科长")]


async def test_markdown_is_pushed_as_markdown_and_in_private_too(platform, dingtalk):
    answer = await platform.person("user456").send(outgoing("【#12】 超期", markdown="### 超期\n请处理"))

    assert answer.outcome is Outcome.SENT
    (message,) = dingtalk.messages
    assert (message.where, message.kind, message.title) == ("@user456", "markdown", "【#12】 超期")
    assert message.content == "### 超期  \n请处理"


async def test_an_answer_that_comes_late_is_pushed(platform, dingtalk, clock):
    reply = incoming(dingtalk.said()).reply
    clock.now += timedelta(minutes=89, seconds=30)
    assert (await platform.chat("cid1").send(outgoing(reply=reply))).outcome is Outcome.SENT
    assert dingtalk.messages[0].where == "cid1"
    assert "/robot/sendBySession" not in dingtalk.requests


async def test_an_answer_that_its_address_refuses_is_pushed(platform, dingtalk):
    reply = incoming(dingtalk.said()).reply
    dingtalk.sessions.clear()
    assert (await platform.chat("cid1").send(outgoing(reply=reply))).outcome is Outcome.SENT
    assert dingtalk.messages[0].where == "cid1"


async def test_an_answer_that_may_have_arrived_is_not_said_twice(platform, dingtalk):
    reply = incoming(dingtalk.said()).reply
    dingtalk.then(fault.cut_after_reading(record=True))
    assert (await platform.chat("cid1").send(outgoing(reply=reply))).outcome is Outcome.UNKNOWN
    assert len(dingtalk.messages) == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://oapi.dingtalk.com.evil.example/robot/sendBySession?session=s",
        "https://evil.example/robot/sendBySession?session=s",
        "http://oapi.dingtalk.com/robot/sendBySession?session=s",
        "https://oapi.dingtalk.com@evil.example/",
        "http://127.0.0.1:9/robot/sendBySession?session=s",
        "file:///etc/passwd",
        "",
    ],
)
async def test_a_reply_address_leads_to_the_platform_or_is_not_used(platform, dingtalk, address):
    reply = {"session": address, "expires": str(int((NOON + timedelta(hours=1)).timestamp() * 1000))}
    assert (await platform.chat("cid1").send(outgoing(reply=reply))).outcome is Outcome.SENT
    assert dingtalk.messages[0].where == "cid1"


async def test_outsiders_are_answered_but_nothing_is_pushed_to_them(platform, dingtalk):
    data = dingtalk.said(conversationType="1", senderStaffId="")
    found = incoming(data)
    sender = platform.person(found.account)
    assert (await sender.send(outgoing("您不在名单里", reply=found.reply))).outcome is Outcome.SENT
    assert (await sender.send(outgoing("您不在名单里"))).outcome is Outcome.PERMANENT
    assert [m.where for m in dingtalk.messages] == ["session"]


async def test_a_token_is_kept_renewed_in_time_and_when_it_is_refused(platform, dingtalk, clock):
    chat = platform.chat("cid1")
    for _ in range(3):
        assert (await chat.send(outgoing())).outcome is Outcome.SENT
    assert dingtalk.tokens_given == 1
    clock.now += timedelta(minutes=116)
    assert (await chat.send(outgoing())).outcome is Outcome.SENT
    assert dingtalk.tokens_given == 2
    dingtalk.tokens.clear()
    assert (await chat.send(outgoing())).outcome is Outcome.SENT
    assert dingtalk.tokens_given == 3
    assert len(dingtalk.messages) == 5


async def test_tokens_are_asked_for_once_by_many(platform, dingtalk):
    answers = await asyncio.gather(*(platform.chat("cid1").send(outgoing()) for _ in range(5)))
    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert dingtalk.tokens_given == 1


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (fault.status(400, body='{"code":"invalidClientIdOrSecret","message":"m"}'), Outcome.CLOSED),
        (fault.status(500), Outcome.RETRY),
        (fault.garbage(), Outcome.RETRY),
        (fault.garbage('{"accessToken":"a\\nb","expireIn":7200}'), Outcome.RETRY),
        (fault.garbage('{"accessToken":"a","expireIn":"x"}'), Outcome.RETRY),
        (fault.cut_after_reading(), Outcome.RETRY),
        (fault.status(429, 30), Outcome.RETRY_AFTER),
    ],
)
async def test_without_a_token_nothing_was_sent(platform, dingtalk, behaviour, outcome):
    dingtalk.then(behaviour)
    answer = await platform.chat("cid1").send(outgoing())
    assert answer.outcome is outcome
    assert dingtalk.messages == []


@pytest.mark.parametrize(
    ("behaviour", "outcome"),
    [
        (fault.status(403, body='{"code":"Forbidden.AccessDenied.QpsLimitForApi"}'), Outcome.RETRY_AFTER),
        (fault.status(403, body='{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied"}'), Outcome.CLOSED),
        (fault.status(400, body='{"code":"group.disbanded"}'), Outcome.CLOSED),
        (fault.status(400, body='{"code":"something.new"}'), Outcome.PERMANENT),
        (fault.status(400, body='{"code":"system.err"}'), Outcome.UNKNOWN),
        (fault.status(503, body='{"code":"ServiceUnavailable"}'), Outcome.RETRY),
        (fault.status(500), Outcome.UNKNOWN),
        (fault.garbage(), Outcome.UNKNOWN),
        (fault.garbage("{}"), Outcome.UNKNOWN),
        (fault.garbage('{"processQueryKey":5}'), Outcome.UNKNOWN),
        (fault.cut_after_reading(record=True), Outcome.UNKNOWN),
        (fault.cut_before_reading(), Outcome.UNKNOWN),
    ],
)
async def test_what_the_interface_says(platform, dingtalk, behaviour, outcome):
    chat = platform.chat("cid1")
    await chat.send(outgoing())
    dingtalk.then(behaviour)
    answer = await chat.send(outgoing())
    assert answer.outcome is outcome
    assert "token1" not in answer.detail


async def test_a_success_may_be_none_for_the_person(platform, dingtalk):
    dingtalk.flow_controlled.add("user456")
    slow = await platform.person("user456").send(outgoing())
    assert (slow.outcome, slow.wait) == (Outcome.RETRY_AFTER, timedelta(minutes=1))
    assert (await platform.person("nobody").send(outgoing())).outcome is Outcome.CLOSED
    assert (await platform.chat("cid2").send(outgoing())).outcome is Outcome.CLOSED


async def test_a_probe_asks_for_a_token_and_the_time(platform, dingtalk):
    (found,) = await platform.probe()
    assert (found.ok, dingtalk.messages) == (True, [])
    assert found.skew is not None
    dingtalk.then(fault.status(400, body='{"code":"invalidClientIdOrSecret"}'))
    (found,) = await platform.probe()
    assert (found.ok, CLIENT_SECRET in str(found)) == (False, False)
    assert "CLIENT_SECRET" in found.detail + found.mend


@pytest.mark.parametrize(
    ("given", "missing"),
    [("CLIENT_ID", "JIESU_DINGTALK__CLIENT_SECRET"), ("CLIENT_SECRET", "JIESU_DINGTALK__CLIENT_ID")],
)
async def test_half_an_app_is_named(given, missing):
    settings = load_settings(None, {f"JIESU_DINGTALK__{given}": "x"})
    assert settings.dingtalk.receives
    with pytest.raises(ConfigError, match=f"^{missing}：没有填"):
        connect(Wiring(settings, None, None, None, None, None))
