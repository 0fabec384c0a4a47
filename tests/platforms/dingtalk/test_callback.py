"""Messages by HTTP callback."""

import json
from datetime import timedelta

import pytest

from storage.errors import StoreUnavailable
from tests.platforms.conftest import NOON
from tests.platforms.dingtalk.desk import (
    client_of,
    headers_at,
)


async def test_a_callback_is_taken_once_and_its_repeat_again(client, dingtalk, ears, clock):
    body = json.dumps(dingtalk.said("/签收 12")).encode()
    for _ in range(2):
        async with client.post("/callbacks/dingtalk", data=body, headers=headers_at(NOON)) as answer:
            assert (answer.status, await answer.text()) == (200, "")
    # which of them counts is the message id's matter
    assert [found.message_id for found in ears.heard] == ["msg1", "msg1"]


async def test_a_signature_is_good_for_one_body_only(client, dingtalk, ears):
    for number, status in ((1, 200), (2, 403)):
        body = json.dumps(dingtalk.said(number=f"msg{number}"))
        async with client.post("/callbacks/dingtalk", data=body, headers=headers_at(NOON)) as answer:
            assert answer.status == status
    assert [found.message_id for found in ears.heard] == ["msg1"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        headers_at(NOON, "another secret"),
        headers_at(NOON - timedelta(minutes=6)),
        headers_at(NOON + timedelta(minutes=6)),
        {**headers_at(NOON), "sign": ""},
        {**headers_at(NOON), "timestamp": headers_at(NOON + timedelta(milliseconds=1))["timestamp"]},
        {**headers_at(NOON), "timestamp": "９" * 13},
        {**headers_at(NOON), "timestamp": "1" * 5000},
    ],
)
async def test_what_is_not_genuine_or_stale_is_refused_and_changes_nothing(client, dingtalk, ears, headers):
    async with client.post("/callbacks/dingtalk", json=dingtalk.said(), headers=headers) as answer:
        assert answer.status == 403
        assert (await answer.json())["error"].startswith("没有接受：")
        assert answer.headers["X-Request-ID"]
    async with client.post("/callbacks/dingtalk", json=dingtalk.said(), headers=headers_at(NOON)) as answer:
        assert answer.status == 200
    assert len(ears.heard) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"msgtype":"audio"}', b"\xff\xfe", b"null", b"[" * 1000])
async def test_what_is_no_message_is_taken_and_left(client, ears, body):
    async with client.post("/callbacks/dingtalk", data=body, headers=headers_at(NOON)) as answer:
        assert answer.status == 200
    assert ears.heard == []


async def test_a_body_that_is_too_long_is_refused_before_it_is_looked_at(client, ears):
    async with client.post("/callbacks/dingtalk", data=b" " * 300_000, headers=headers_at(NOON)) as answer:
        assert answer.status == 413


async def test_a_fault_of_ours_is_answered_well_and_made_good(client, dingtalk, ears):
    ears.failures = [StoreUnavailable("忙"), ZeroDivisionError()]
    async with client.post("/callbacks/dingtalk", json=dingtalk.said(), headers=headers_at(NOON)) as answer:
        assert answer.status == 200
    assert len(ears.heard) == 1


async def test_in_stream_mode_nobody_can_call(platform):
    async with client_of(platform) as client, client.post("/callbacks/dingtalk", headers=headers_at(NOON)) as answer:
        assert answer.status == 404
    assert platform.connected is False
