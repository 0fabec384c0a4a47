import asyncio
import gc
import json
import logging
import re
import socket
import urllib.request
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bot.platforms.contract import Limit, Mention, Outcome, Outgoing, OutgoingFile, Sender, Table
from bot.platforms.posting import LARGEST_ANSWER, LONGEST_WAIT, Reply
from bot.platforms.wecom.codes import answer_of
from bot.platforms.wecom.probing import probe_interface
from bot.platforms.wecom.webhook import TEXT_BYTES, WeComWebhook
from bot.platforms.wecom.wording import as_markdown
from config.errors import ConfigError
from tests.platforms import wecom_server as fake
from tests.platforms.conftest import NOON
from tests.platforms.wecom_server import KEY, FakeWeCom

WANG = Mention("wang", "王科长", "wangqing")
LI = Mention("li", "李四")
PUBLIC = f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={KEY}"


@pytest.fixture
async def wecom(clock):
    async with FakeWeCom(now=clock) as server:
        yield server
        assert server.errors == []


def webhook_of(session, webhook, **given):
    """A robot that keeps the platform's own limit."""
    return WeComWebhook(session, webhook, limits=(Limit(20, timedelta(minutes=1)),), **given)


@pytest.fixture
def robot(session, wecom):
    return webhook_of(session, wecom.webhook)


def outgoing(text="【#12】 路灯不亮", *mentions, key=1):
    return Outgoing(key, text, mentions)


# What the group reads


async def test_a_message_reaches_the_group_and_calls_people(robot, wecom):
    answer = await robot.send(outgoing("【#12】 请签收 🙂", WANG))

    assert (answer.outcome, answer.status, answer.code) == (Outcome.SENT, 200, 0)
    assert [(m.msgtype, m.content, m.mentioned) for m in wecom.messages] == [
        ("text", "【#12】 请签收 🙂", ("wangqing",))
    ]


async def test_who_has_no_account_is_named_in_the_text(robot, wecom):
    (part,) = robot.parts(outgoing("【#12】 请签收\n", WANG, LI, LI))
    await robot.send(part)

    assert wecom.contents == ["【#12】 请签收\n@李四"]
    assert wecom.messages[0].mentioned == ("wangqing",)


async def test_a_long_notice_arrives_whole_and_in_order(robot, wecom):
    text = "【#12】 紧急\n" + "居民反映路灯不亮，夜间出行不便。\n" * 200
    parts = robot.parts(outgoing(text, WANG))
    for part in parts:
        assert (await robot.send(part)).outcome is Outcome.SENT

    assert wecom.contents == [part.text for part in parts]
    assert [message.mentioned for message in wecom.messages] == [("wangqing",), (), (), (), ()]
    assert len(parts) == 5
    assert wecom.refused == []


async def test_exactly_the_limit_is_taken_and_one_byte_more_is_refused(robot, wecom):
    assert (await robot.send(outgoing("单" * 682 + "ab"))).outcome is Outcome.SENT
    answer = await robot.send(outgoing("单" * 682 + "abc"))

    assert (answer.outcome, answer.code) == (Outcome.PERMANENT, 40058)
    assert len(wecom.messages) == 1


@pytest.mark.parametrize(
    "text", ["<@wangqing> 请看", "请 @all 看", "请 @ALL看", "@所有人", "<\x00@wangqing>", "@\x01all", "<@all>"]
)
async def test_a_text_calls_nobody_by_itself(robot, wecom, text):
    await robot.send(robot.parts(outgoing(text))[0])

    assert "@" not in wecom.contents[0]
    assert "＠" in wecom.contents[0]
    assert wecom.messages[0].mentioned == ()


async def test_ordinary_at_signs_stay(robot, wecom):
    await robot.send(outgoing("邮箱 zhang@alliance.example，@allen，@王科长"))

    assert wecom.contents == ["邮箱 zhang@alliance.example，@allen，@王科长"]


async def test_an_account_cannot_stand_for_everybody(robot, wecom):
    everybody = Mention("x", "张三", "@All")
    (part,) = robot.parts(outgoing("请看", everybody))
    await robot.send(part)

    assert wecom.contents == ["请看\n@张三"]
    assert wecom.messages[0].mentioned == ()


@pytest.mark.parametrize("text", ["a\x00b\x1b[31m", "half \ud83d pair", "literal \\u4e2d", "tab\tand\r\nline"])
async def test_what_json_would_have_to_escape_is_not_refused(robot, wecom, text):
    assert (await robot.send(outgoing(text))).outcome is Outcome.SENT
    assert wecom.refused == []


@given(st.text(st.characters(), max_size=1500), st.lists(st.builds(Mention, st.just("x"), st.text(max_size=20))))
def test_every_part_is_within_the_limit_and_encodable(text, mentions):
    robot = WeComWebhook.__new__(WeComWebhook)
    for part in robot.parts(outgoing(text, *mentions)):
        assert len(part.text.encode()) <= TEXT_BYTES
        assert "<@" not in part.text


# Markdown, tables, pictures, files


PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
TABLE = Table(("科室", "件数"), (("城管科", "3"), ("平安建设办", "12")))


async def sent(robot, message):
    answers = [await robot.send(part) for part in robot.parts(message)]
    assert [answer.detail for answer in answers if answer.outcome is not Outcome.SENT] == []


async def test_markdown_calls_people_where_it_stands(robot, wecom):
    await sent(robot, replace(outgoing("全文", WANG, LI), markdown='**【#12】** <font color="warning">超期</font>'))

    assert [(m.msgtype, m.content, m.mentioned) for m in wecom.messages] == [
        ("markdown", '**【#12】** <font color="warning">超期</font>\n@李四\n<@wangqing>', ())
    ]


async def test_markdown_too_long_gives_way_to_the_text(robot, wecom):
    await sent(robot, replace(outgoing("全文", WANG), markdown="长" * 1366))

    assert [(m.msgtype, m.content) for m in wecom.messages] == [("text", "全文")]


async def test_a_table_is_shown_and_a_text_behind_it_calls_people(robot, wecom):
    await sent(robot, replace(outgoing("本周统计\n城管科 3\n平安建设办 12", WANG, LI), table=TABLE))

    table, call = wecom.messages
    assert (table.msgtype, table.content.splitlines()) == (
        "markdown_v2",
        ["本周统计", "", "| 科室 | 件数 |", "| --- | --- |", "| 城管科 | 3 |", "| 平安建设办 | 12 |"],
    )
    assert (call.msgtype, call.content, call.mentioned) == ("text", "本周统计\n见上表\n@李四", ("wangqing",))


async def test_a_long_table_keeps_its_head_on_every_page(robot, wecom):
    rows = tuple((f"科室{number}", "说明" * 30) for number in range(60))
    await sent(robot, replace(outgoing("统计"), table=Table(("科室", "说明"), rows)))

    assert len(wecom.messages) > 1
    assert all("| 科室 | 说明 |" in content for content in wecom.contents)
    assert sum(content.count("| 科室") - 1 for content in wecom.contents) == 60


@pytest.mark.parametrize("plain", [True, False])
async def test_where_tables_and_markdown_are_not_shown_the_text_says_it(session, wecom, plain):
    robot = webhook_of(session, wecom.webhook, features=())
    message = replace(outgoing("统计：3 件", WANG), table=TABLE, markdown="**统计**", plain=plain)
    await sent(robot, message)

    assert [(m.msgtype, m.content, m.mentioned) for m in wecom.messages] == [("text", "统计：3 件", ("wangqing",))]


async def test_a_picture_and_a_file_follow_the_text(robot, wecom):
    await sent(robot, replace(outgoing("日报"), file=OutgoingFile("日报.png", "image/png", PNG)))
    await sent(robot, replace(outgoing("周报"), file=OutgoingFile('周"报.xlsx', "application/zip", b"xlsx" * 10)))

    assert [m.msgtype for m in wecom.messages] == ["text", "image", "text", "file"]
    assert wecom.contents[3] == "周_报.xlsx"
    assert [data for _, _, data in wecom.uploads.values()] == [b"xlsx" * 10]


@pytest.mark.parametrize(
    "file",
    [
        OutgoingFile("a.txt", "text/plain", b"12345"),
        OutgoingFile("a.bin", "application/zip", b"0" * (20 * 1024 * 1024 + 1)),
    ],
    ids=["short", "long"],
)
async def test_a_file_that_the_robot_refuses_is_left_out(robot, file):
    assert [part.file for part in robot.parts(replace(outgoing("周报"), file=file))] == [None]
    assert len(robot.parts(replace(outgoing("周报"), file=file, plain=True))) == 1


async def test_a_failed_upload_is_certainly_not_delivered(robot, wecom):
    _, part = robot.parts(replace(outgoing("周报"), file=OutgoingFile("a.txt", "text/plain", b"123456")))
    wecom.then(fake.cut_after_reading(), fake.garbage(), fake.errcode(0), fake.errcode(40004))

    outcomes = [(await robot.send(part)).outcome for _ in range(4)]

    assert outcomes == [Outcome.RETRY, Outcome.RETRY, Outcome.RETRY, Outcome.PERMANENT]
    assert wecom.messages == []


@pytest.mark.parametrize(
    "text", ['<font color="warning">x</font>', "[点这里](https://evil.example)", "**粗**", "`码`", "# 标题", "> 引用"]
)
def test_a_plain_text_has_no_markup_of_its_own(text):
    shown = as_markdown(text)

    assert shown != text
    assert not re.search(r"<font|\]\(|\*\*|`|^# |^>", shown)


# What the platform answers


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (0, Outcome.SENT),
        (-1, Outcome.RETRY),
        (45033, Outcome.RETRY),
        (45009, Outcome.RETRY_AFTER),
        (93000, Outcome.CLOSED),
        (93004, Outcome.CLOSED),
        (93008, Outcome.CLOSED),
        (40008, Outcome.PERMANENT),
        (40033, Outcome.PERMANENT),
        (40058, Outcome.PERMANENT),
        (44004, Outcome.PERMANENT),
        (45002, Outcome.PERMANENT),
        (60020, Outcome.CLOSED),
        (7654321, Outcome.UNKNOWN),
    ],
)
async def test_the_errcode_decides(robot, wecom, code, outcome):
    wecom.then(fake.errcode(code))

    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.status, answer.code) == (outcome, 200, code)
    assert code == 0 or str(code) in answer.detail
    assert (answer.wait is not None) == (outcome is Outcome.RETRY_AFTER)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.UNKNOWN),
        (204, Outcome.UNKNOWN),
        (301, Outcome.CLOSED),
        (400, Outcome.PERMANENT),
        (403, Outcome.CLOSED),
        (404, Outcome.CLOSED),
        (407, Outcome.CLOSED),
        (408, Outcome.RETRY),
        (425, Outcome.RETRY),
        (429, Outcome.RETRY_AFTER),
        (500, Outcome.UNKNOWN),
        (501, Outcome.CLOSED),
        (502, Outcome.UNKNOWN),
        (503, Outcome.RETRY),
        (504, Outcome.UNKNOWN),
        (599, Outcome.UNKNOWN),
    ],
)
async def test_without_an_errcode_the_http_status_decides(robot, wecom, status, outcome):
    wecom.then(fake.status(status))

    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.status, answer.code) == (outcome, status, None)
    assert f"HTTP {status}" in answer.detail


def test_an_errcode_counts_whatever_the_status():
    assert answer_of(Reply(400, b'{"errcode":93000}')).outcome is Outcome.CLOSED
    assert answer_of(Reply(503, b'{"errcode":-1}')).outcome is Outcome.RETRY
    assert answer_of(Reply(201, b'{"errcode":0}')).outcome is Outcome.SENT


def test_success_with_a_failing_status_is_unknown():
    assert answer_of(Reply(500, b'{"errcode":0}')).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("errcode", ['"0"', "true", "null", "0.0", "[0]", "0", "0}{"])
async def test_an_errcode_must_be_a_plain_number_in_a_whole_object(robot, wecom, errcode):
    wecom.then(fake.garbage(f'{{"errcode":{errcode}' + "}" * (errcode != "0")))

    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, None)


@pytest.mark.parametrize(
    "body",
    ["", "ok", "<html>", "[]", "null", "0", '{"status":1111,"wait":5,"punish":"deny"}', "[" * 60000, "9" * 60000],
    ids=lambda body: body[:10],
)
async def test_an_answer_without_a_plain_errcode_is_unknown(robot, wecom, body):
    wecom.then(fake.garbage(body))

    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, None)


@given(st.integers(min_value=100, max_value=999), st.none() | st.binary(max_size=200))
def test_any_answer_is_classified_and_only_errcode_0_is_sent(status, body):
    answer = answer_of(Reply(status, body))

    assert answer.outcome is not Outcome.SENT or b"errcode" in body
    assert "\n" not in answer.detail


async def test_an_endless_answer_is_not_read_to_its_end(robot, wecom):
    wecom.then(fake.garbage('{"errcode":0,"errmsg":"' + "x" * LARGEST_ANSWER + '"}'))

    assert (await robot.send(outgoing())).outcome is Outcome.UNKNOWN


async def test_a_redirect_is_not_followed(robot, wecom):
    wecom.then(fake.redirect(f"{wecom.base}/elsewhere"))

    assert (await robot.send(outgoing())).outcome is Outcome.CLOSED
    assert wecom.requests == 1


@pytest.mark.parametrize(
    ("retry_after", "date", "wait"),
    [
        (None, None, timedelta(seconds=60)),
        ("7", None, timedelta(seconds=7)),
        ("0", None, timedelta(seconds=1)),
        ("-5", None, timedelta(seconds=60)),
        ("soon", None, timedelta(seconds=60)),
        ("9" * 5000, None, timedelta(seconds=60)),
        ("999999", None, LONGEST_WAIT),
        ("Mon, 01 Jun 2026 04:02:30 GMT", NOON, timedelta(seconds=150)),
        ("Mon, 01 Jun 2026 03:00:00 GMT", NOON, timedelta(seconds=1)),
        ("Mon, 99 Jun 2026 03:00:00 GMT", NOON, timedelta(seconds=60)),
    ],
)
async def test_the_pause_that_the_platform_asks_for(robot, wecom, retry_after, date, wait):
    wecom.then(fake.status(429, retry_after, date=date))

    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.wait) == (Outcome.RETRY_AFTER, wait)


async def test_a_503_that_names_a_pause_is_obeyed(robot, wecom):
    wecom.then(fake.status(503, retry_after=30))

    answer = await robot.send(outgoing())

    assert (answer.outcome, answer.wait) == (Outcome.RETRY_AFTER, timedelta(seconds=30))


async def test_the_platform_says_when_its_limit_is_passed(robot, wecom, clock):
    answers = [await robot.send(outgoing(f"第 {number} 条")) for number in range(21)]

    assert [answer.outcome for answer in answers] == [Outcome.SENT] * 20 + [Outcome.RETRY_AFTER]
    assert answers[-1].wait == timedelta(seconds=60)
    clock.now += answers[-1].wait
    assert (await robot.send(outgoing("第 21 条"))).outcome is Outcome.SENT


# What the line does


async def test_a_refused_connection_is_certainly_not_delivered(session):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    robot = webhook_of(session, f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key={KEY}")

    assert (await robot.send(outgoing())).outcome is Outcome.RETRY


async def test_an_unknown_host_is_certainly_not_delivered(session, monkeypatch):
    async def unknown(self, host, port=0, family=socket.AF_INET):
        raise OSError("no such host")

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", unknown)
    monkeypatch.setattr(session.connector, "_resolver", aiohttp.ThreadedResolver())
    answer = await webhook_of(session, PUBLIC).send(outgoing())

    assert answer.outcome is Outcome.RETRY
    assert "域名" in answer.detail


async def test_a_failed_handshake_is_certainly_not_delivered(session, wecom):
    robot = webhook_of(session, wecom.webhook.replace("http:", "https:"))

    answer = await robot.send(outgoing())

    assert answer.outcome is Outcome.RETRY
    assert "加密连接" in answer.detail


async def test_a_handshake_that_hangs_is_certainly_not_delivered(session):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"https://127.0.0.1:{silent.getsockname()[1]}/cgi-bin/webhook/send?key={KEY}"
        answer = await webhook_of(session, address, timeout=timedelta(seconds=0.2)).send(outgoing())

    assert answer.outcome is Outcome.RETRY
    assert "超时" in answer.detail


@pytest.mark.parametrize("recorded", [True, False])
async def test_no_answer_in_time_is_unknown(session, wecom, recorded):
    wecom.then(fake.hang(recorded))

    answer = await webhook_of(session, wecom.webhook, timeout=timedelta(seconds=0.2)).send(outgoing())

    assert answer.outcome is Outcome.UNKNOWN
    assert len(wecom.messages) == recorded


@pytest.mark.parametrize(
    "behaviour", [fake.cut_before_reading(), fake.cut_after_reading(), fake.cut_after_reading(record=True)], ids=repr
)
async def test_a_line_cut_after_writing_began_is_unknown_and_not_repeated(robot, wecom, behaviour):
    wecom.then(behaviour)

    assert (await robot.send(outgoing())).outcome is Outcome.UNKNOWN
    assert wecom.requests == 1
    assert len(wecom.messages) == behaviour.record


async def test_an_answer_cut_at_any_byte_is_unknown(robot, wecom, clock):
    whole = fake.whole_answer()
    for at in range(len(whole)):
        clock.now += timedelta(minutes=1)
        wecom.then(fake.cut_answer(at))
        assert (await robot.send(outgoing())).outcome is Outcome.UNKNOWN, whole[:at]

    clock.now += timedelta(minutes=1)
    wecom.then(fake.cut_answer(len(whole)))
    assert (await robot.send(outgoing())).outcome is Outcome.SENT
    assert wecom.requests == len(wecom.messages) == len(whole) + 1


async def test_every_request_has_a_fresh_connection(robot, wecom):
    for _ in range(5):
        await robot.send(outgoing())

    assert len(wecom.connections) == 5


async def test_a_session_that_keeps_connections_is_refused(wecom):
    async with aiohttp.ClientSession() as keeping:
        with pytest.raises(ValueError, match="webhook_session"):
            await webhook_of(keeping, wecom.webhook).send(outgoing())


async def test_a_send_that_is_cancelled_stays_cancelled(robot, wecom):
    wecom.then(fake.hang())
    task = asyncio.create_task(robot.send(outgoing()))
    await wecom.reached.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


# The address and its key


@pytest.mark.parametrize(
    ("webhook", "base", "called"),
    [
        (PUBLIC, "https://qyapi.weixin.qq.com", PUBLIC),
        (PUBLIC + "&debug=1#x", "https://qyapi.weixin.qq.com/", PUBLIC),
        (PUBLIC, "https://wx.gov.example", f"https://wx.gov.example/cgi-bin/webhook/send?key={KEY}"),
        (PUBLIC, "https://gov.example:8443/wecom/", f"https://gov.example:8443/wecom/cgi-bin/webhook/send?key={KEY}"),
        (
            f"https://other.example/cgi-bin/webhook/send?key={KEY}",
            "https://wx.gov.example",
            f"https://other.example/cgi-bin/webhook/send?key={KEY}",
        ),
        (
            "https://wx.gov.example/cgi-bin/webhook/send?key=Robot_01-x",
            "https://wx.gov.example",
            "https://wx.gov.example/cgi-bin/webhook/send?key=Robot_01-x",
        ),
    ],
)
async def test_which_address_is_called(session, webhook, base, called):
    robot = webhook_of(session, SecretStr(f" {webhook}\n"), api_base=base)

    assert robot._address.get_secret_value() == called


@pytest.mark.parametrize(
    ("webhook", "base"),
    [
        ("", "https://qyapi.weixin.qq.com"),
        (KEY, "https://qyapi.weixin.qq.com"),
        (PUBLIC.replace("https", "http"), "https://qyapi.weixin.qq.com"),
        (PUBLIC.replace("send", "upload_media"), "https://qyapi.weixin.qq.com"),
        (PUBLIC.replace("key=", "token="), "https://qyapi.weixin.qq.com"),
        (PUBLIC[:-30], "https://qyapi.weixin.qq.com"),
        (PUBLIC[:-1], "https://qyapi.weixin.qq.com"),
        (PUBLIC + "%0d%0aX:1", "https://qyapi.weixin.qq.com"),
        (PUBLIC + "王", "https://qyapi.weixin.qq.com"),
        (PUBLIC, "http://wx.gov.example"),
        (PUBLIC, "wx.gov.example"),
        (PUBLIC.replace("://", "://u:p@"), "https://qyapi.weixin.qq.com"),
        (PUBLIC.replace("qyapi.", "qyapi.."), "https://qyapi.weixin.qq.com"),
        (PUBLIC, "https://gov..example"),
        (f"https://{'a' * 70}.example/cgi-bin/webhook/send?key={KEY}", "https://qyapi.weixin.qq.com"),
    ],
)
async def test_a_wrong_address_is_named_without_its_key(session, webhook, base):
    with pytest.raises(ConfigError) as error:
        webhook_of(session, webhook, api_base=base)

    assert "地址不对" in str(error.value)
    assert "\n" not in str(error.value)
    assert KEY[:8] not in repr(error.value)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None


async def test_the_key_shows_nowhere(session, wecom, caplog, recwarn):
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    robot = webhook_of(session, wecom.webhook, timeout=timedelta(seconds=0.2))
    unreachable = webhook_of(session, f"http://127.0.0.1:1/cgi-bin/webhook/send?key={KEY}")
    wecom.then(
        fake.garbage(wecom.webhook),
        fake.errcode(93000),
        fake.errcode(7654321),
        fake.status(500, body=wecom.webhook),
        fake.redirect(wecom.webhook),
        fake.hang(),
        fake.cut_before_reading(),
        fake.cut_after_reading(),
        fake.cut_answer(3, record=False),
    )

    answers = [await robot.send(outgoing(key=number)) for number in range(10)]
    answers.append(await unreachable.send(outgoing()))
    gc.collect()
    await asyncio.sleep(0)

    assert answers[-2].outcome is Outcome.SENT
    assert KEY not in repr(answers)
    assert all("\n" not in answer.detail and answer.detail for answer in answers)
    assert KEY not in repr(robot) + str(robot) + repr(vars(robot))
    assert KEY not in caplog.text + "".join(str(warning.message) for warning in recwarn)


async def test_it_is_a_sender(robot):
    sender: Sender = robot

    assert callable(sender.send)
    assert callable(sender.parts)


# Harmless questions


async def test_a_robot_is_asked_without_sending_anything(session, wecom):
    good = await webhook_of(session, wecom.webhook).probe()
    removed = await webhook_of(session, wecom.webhook.replace(KEY, KEY[::-1])).probe()
    wecom.then(fake.garbage(), fake.errcode(45009), fake.cut_after_reading())
    odd, busy, cut = [await webhook_of(session, wecom.webhook).probe() for _ in range(3)]

    assert all(abs(probe.skew) < timedelta(minutes=1) for probe in (good, removed, odd, busy)), "told by each answer"
    assert [probe.ok for probe in (good, removed, odd, busy, cut)] == [True, False, False, True, False]
    assert "key" in removed.detail and KEY not in repr((good, removed, odd, busy, cut))
    assert wecom.messages == []


async def test_the_interface_is_asked_what_time_it_is_there(session):
    async def answer(request):
        assert (request.method, request.path) == ("GET", "/cgi-bin/getcallbackip")
        headers = {"Date": "Mon, 01 Jun 2026 04:02:00 GMT"}
        return web.json_response({"errcode": 41001, "errmsg": "access_token missing"}, headers=headers)

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    async with TestServer(app) as server:
        probe = await probe_interface(session, f"http://127.0.0.1:{server.port}", lambda: NOON)

    assert (probe.ok, probe.skew) == (True, timedelta(minutes=2))
    assert not (await probe_interface(session, "http://127.0.0.1:1", lambda: NOON)).ok


@pytest.mark.parametrize(
    ("status", "body", "ok"),
    [
        (404, "<html>not found</html>", True),
        (403, "", True),
        (200, "<html>please sign in</html>", False),
        (302, "", False),
        (502, "", False),
    ],
)
async def test_a_private_installation_that_lacks_the_question_is_there_all_the_same(session, status, body, ok):
    async def answer(request):
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_get("/{any:.*}", answer)
    async with TestServer(app) as server:
        probe = await probe_interface(session, f"http://127.0.0.1:{server.port}", lambda: NOON)

    assert probe.ok is ok
    assert f"HTTP {status}" in probe.detail, "what it was is said"
    assert "JIESU_WECOM__API_BASE" in probe.detail + probe.mend


async def test_the_public_host_must_answer_as_wecom_does(monkeypatch):
    async def elsewhere(session, method, url, patience):
        assert url == "https://qyapi.weixin.qq.com/cgi-bin/getcallbackip"
        return Reply(404, b"")

    monkeypatch.setattr("bot.platforms.wecom.probing.request", elsewhere)
    assert not (await probe_interface(None, "https://qyapi.weixin.qq.com", lambda: NOON)).ok


# The fake itself, asked by a client that is not ours


def post(address, body, content_type="application/json"):
    request = urllib.request.Request(address, body, {"Content-Type": content_type})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as response:
        return json.load(response)["errcode"]


def text(content, **more):
    return json.dumps({"msgtype": "text", "text": {"content": content} | more}, ensure_ascii=False).encode()


def test_the_fake_refuses_what_the_real_one_refuses():
    with fake.in_thread() as wecom:
        assert post(wecom.webhook, text("好")) == 0
        assert post(wecom.webhook[:-1], text("好")) == 93000
        assert post(wecom.webhook, b"{") == 40008
        assert post(wecom.webhook, b"[]") == 40008
        assert post(wecom.webhook, b'{"msgtype":"card"}') == 40008
        assert post(wecom.webhook, text("")) == 44004
        assert post(wecom.webhook, text("单" * 683)) == 40058
        assert post(wecom.webhook, b'{"msgtype":"text","text":{"content":"\\u5355"}}') == 40033
        assert wecom.contents == ["好"]
        assert wecom.errors == []

        assert post(wecom.webhook, text("好", at=["x"])) == 0
        assert post(wecom.webhook, text("好", mentioned_list="x"), "text/plain") == 0
        with pytest.raises(urllib.error.HTTPError):
            post(wecom.base + "/other", text("好"))
        assert len(wecom.errors) == 4


def test_the_fake_outlives_us_in_a_process_of_its_own(tmp_path):
    with fake.in_process(tmp_path, fake.errcode(-1), limit=False) as wecom:
        assert [post(wecom.webhook, text(f"第 {number} 条")) for number in range(23)] == [-1] + [0] * 22
        assert [entry["content"] for entry in wecom.entries()] == [f"第 {number} 条" for number in range(1, 23)]
        assert wecom.entries("error") == []
        assert (tmp_path / "wecom.port").read_text() == str(wecom.port)
