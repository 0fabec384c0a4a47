"""The fake held against implementations of others: DingTalk's own Stream client, and onepush's robot and signature."""

import asyncio
import contextlib
import json
import sys
import warnings
from pathlib import Path
from urllib.parse import quote

import pytest

from bot.platforms.dingtalk.signing import signature, signed_at
from tests.platforms.dingtalk_server import CLIENT, CLIENT_SECRET, SECRET, TOKEN, FakeDingTalk

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # theirs
    from onepush.providers.dingtalk import DingTalk as OnePush

ROOT = Path(__file__).parents[3]
PATIENCE = 30


@pytest.fixture
async def dingtalk():
    """On the real clock, as foreign clients are."""
    async with FakeDingTalk() as server:
        yield server
        assert server.errors == []


@contextlib.asynccontextmanager
async def official_client(server):
    command = [sys.executable, "-m", "tests.platforms.dingtalk.official_client", server.base, CLIENT, CLIENT_SECRET]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process.stdout
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_the_official_client_is_served_by_the_fake(dingtalk):
    async with asyncio.timeout(PATIENCE), official_client(dingtalk) as printed:
        assert (await printed.readline()).strip() == b"token1"
        await dingtalk.connected.get()
        await dingtalk.push(dingtalk.said("/签收 12"), number="f7")
        assert json.loads(await printed.readline()) == {"text": " /签收 12", "from": "user123", "chat": "cid1"}
        ack = await dingtalk.acknowledged.get()
        assert (ack["code"], ack["headers"]["messageId"]) == (200, "f7")
        assert json.loads(ack["data"]) == {"response": "OK"}
        await dingtalk.system("ping", '{"opaque":"o1"}')
        pong = await dingtalk.acknowledged.get()
        assert (pong["code"], json.loads(pong["data"])) == (200, {"opaque": "o1"})
    assert [(message.where, message.content) for message in dingtalk.messages] == [("session", "收到 /签收 12")]


async def test_another_sender_is_taken_by_the_fake(dingtalk, monkeypatch):
    monkeypatch.setattr(OnePush, "base_url", f"{dingtalk.base}/robot/send?access_token={{}}")
    answer = await asyncio.to_thread(OnePush().notify, token=TOKEN, title="【#12】", content="请签收", secret=SECRET)
    assert answer.json()["errcode"] == 0
    assert len(dingtalk.messages) == 1


def test_our_signature_is_that_of_another_sender():
    moment, encoded = OnePush.encrypt(SECRET)
    assert quote(signature(moment, SECRET), safe="") == encoded
    assert signed_at(moment, signature(moment, SECRET), SECRET) is not None
