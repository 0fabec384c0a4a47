"""Messages over the Stream connection."""

import asyncio
import json
from datetime import timedelta

import pytest
from loguru import logger

from tests.platforms import wecom_server as fault
from tests.platforms.dingtalk.desk import (
    outgoing,
    running_alone,
)
from tests.platforms.dingtalk_server import CLIENT_SECRET


async def test_a_message_is_acknowledged_when_it_was_taken(platform, dingtalk, ears):
    let = asyncio.Event()
    ears.wait = let.wait
    async with running_alone(platform):
        await dingtalk.connected.get()
        await dingtalk.push(dingtalk.said("/签收 12"), number="f7")
        await dingtalk.system("ping", '{"opaque":"o1"}')
        ping = await dingtalk.acknowledged.get()
        assert (ping["headers"]["messageId"], ping["data"]) == ("sys-ping", '{"opaque":"o1"}')
        let.set()
        ack = await dingtalk.acknowledged.get()
        assert platform.connected is True
    assert (ack["code"], ack["headers"]) == (200, {"contentType": "application/json", "messageId": "f7"})
    assert json.loads(ack["data"]) == {"response": "OK"}
    assert [found.text for found in ears.heard] == ["/签收 12"]
    assert platform.connected is False


@pytest.mark.parametrize("how", ["disconnect", "close", "abort"])
async def test_a_connection_that_ends_is_opened_again_with_a_new_ticket(platform, dingtalk, ears, how):
    async with running_alone(platform):
        line = await dingtalk.connected.get()
        if how == "disconnect":
            await dingtalk.push(dingtalk.said(number="before"))
            await dingtalk.system("disconnect", '{"reason":"upgrade"}')
        elif how == "close":
            await line.close()
        else:
            line._req.transport.abort()
        second = await dingtalk.connected.get()
        await dingtalk.push(dingtalk.said(number="after"), line=second)
        while (await ears.came.get()).message_id != "after":
            pass
    assert len(dingtalk.lines) == 2


async def test_a_gateway_that_fails_is_asked_again(platform, dingtalk, ears):
    answers = [
        fault.status(503),
        fault.garbage(),
        fault.garbage('{"endpoint":"ws://evil.example/connect","ticket":"t"}'),
        fault.garbage('{"endpoint":"wss://[","ticket":"t"}'),
        fault.garbage('{"endpoint":"ws://127.0.0.1:9/connect","ticket":"t"}'),
        fault.cut_after_reading(),
    ]
    dingtalk.then(*answers)
    async with running_alone(platform):
        await dingtalk.connected.get()
    assert dingtalk.requests.count("/v1.0/gateway/connections/open") == len(answers) + 1


async def test_a_line_that_is_sent_elsewhere_is_not_followed(platform, dingtalk, elsewhere):
    dingtalk.then(fault.garbage(json.dumps({"endpoint": elsewhere.url, "ticket": "t"})))
    async with running_alone(platform):
        await dingtalk.connected.get()
    assert (elsewhere.sent_on, elsewhere.asked) == (1, [])


async def test_pauses_grow_while_nothing_comes_and_begin_anew_after_something_did(platform, dingtalk):
    asked, reasons = [], []

    def waits(attempt, random):
        asked.append(attempt)
        reasons.append(platform.reason)
        return timedelta(0)

    platform._stream._waits = waits
    dingtalk.then(fault.status(503), fault.status(503))
    async with running_alone(platform):
        await dingtalk.connected.get()
        await dingtalk.system("disconnect", "{}")
        await dingtalk.connected.get()
        await dingtalk.lines[-1].close()
        await dingtalk.connected.get()
    assert asked == [1, 2, 1, 2]
    assert "开 Stream 连接没有成功" in reasons[1] and reasons[2:] == ["", ""]


FRAMES = [
    "",
    "{",
    "[]",
    '"x"',
    "{}",
    '{"type":"CALLBACK"}',
    '{"type":"CALLBACK","headers":5,"data":7}',
    '{"type":"CALLBACK","headers":{"topic":"/v1.0/im/bot/messages/get","messageId":5},"data":"{"}',
    '{"type":"CALLBACK","headers":{"topic":"/v1.0/im/bot/messages/get"},"data":{"msgId":"x"}}',
    '{"type":"CALLBACK","headers":{"topic":"/v1.0/card/instances/callback"},"data":"{}"}',
    '{"type":"EVENT","headers":{"topic":"*","messageId":"e"},"data":"{}"}',
    '{"type":["SYSTEM"],"headers":{"topic":[]}}',
]


async def test_no_frame_is_a_fault(platform, dingtalk, ears):
    async with running_alone(platform):
        line = await dingtalk.connected.get()
        for frame in FRAMES:
            await line.send_str(frame)
        await line.send_bytes(b"\xff\x00")
        await dingtalk.push(dingtalk.said(number="after"))
        assert (await ears.came.get()).message_id == "after"
    assert len(ears.heard) == 1
    assert len(dingtalk.lines) == 1


async def test_secrets_show_nowhere(platform, dingtalk, ears):
    lines = []
    sink = logger.add(lines.append, level="TRACE", format="{message} {extra} {exception}")
    try:
        dingtalk.then(fault.garbage('{"endpoint":"ws://127.0.0.1:9/connect","ticket":"the-ticket"}'))
        async with running_alone(platform):
            await dingtalk.connected.get()
            await dingtalk.push(dingtalk.said())
            reply = (await ears.came.get()).reply
        dingtalk.then(fault.garbage(), fault.garbage())
        answers = [await platform.chat("cid1").send(outgoing(reply=reply)) for _ in range(2)]
        shown = f"{lines} {answers} {vars(platform._api)} {platform!r}"
    finally:
        logger.remove(sink)
    for secret in (CLIENT_SECRET, "the-ticket", "ticket/1", "session=s", "token1"):
        assert secret not in shown.replace("'token1'", ""), secret
