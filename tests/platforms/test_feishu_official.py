"""The fake and our own receiver beside Feishu's official client: what one takes, the other takes.

The client is more lenient than we are: it knows no freshness and answers its own errors with 500, which makes Feishu
repeat. Its process is started once for the module.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.platforms.feishu.events import received
from bot.platforms.feishu.sealing import opened, signed
from bot.platforms.feishu.webhook import signature
from tests.platforms import feishu_server as fake
from tests.platforms.feishu_server import BOT, ENCRYPT_KEY, FakeFeishu, message_event, press_event


class Official:
    """The other process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def hear(self) -> Any:
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), 300))

    async def tell(self, **question: Any) -> None:
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        await self._process.stdin.drain()

    async def ask(self, **question: Any) -> Any:
        await self.tell(**question)
        return await self.hear()


async def test_the_official_client_takes_what_we_take():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.platforms.official_feishu",
        cwd=Path(__file__).parents[2],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    official = Official(process)
    try:
        assert await official.hear() == "ready"
        await _signs_the_same(official)
        await _receives_the_same(official)
        async with FakeFeishu() as feishu:
            await official.tell(connect=feishu.base)
            await _speaks_the_same_frames(official, feishu)
            assert feishu.errors == []
    finally:
        process.terminate()
        await process.communicate()


async def _signs_the_same(official: Official) -> None:
    for moment, secret in ((1700000000, "s"), (1780286400, "geheim-密")):
        ours = signature(secret, datetime.fromtimestamp(moment, UTC))
        assert ours == {"timestamp": str(moment), "sign": await official.ask(sign=[moment, secret])}


async def _receives_the_same(official: Official) -> None:
    for event, said in (
        (message_event("签收 1 🙂"), 'om_q1 {"text": "@_user_1 签收 1 🙂"}'),
        (press_event({"command": "/派单 1"}, option="城管科", number="e1"), "e1 /派单 1 城管科"),
    ):
        for stamp in ("1780286400", "2026-10-04 18:23:46.052290112 +0800 CST m=+3612.1"):
            body = fake.sealed(event)
            headers = fake.signed(body, stamp)
            theirs = await official.ask(callback={"body": body.decode(), "headers": headers})
            assert (theirs["status"], theirs["heard"]) == (200, [said])
            ours = headers["X-Lark-Request-Timestamp"], headers["X-Lark-Request-Nonce"]
            assert signed(ENCRYPT_KEY, *ours, body, headers["X-Lark-Signature"])
            found = received(json.loads(opened(ENCRYPT_KEY, json.loads(body)["encrypt"])), BOT)
            assert found.incoming.message_id.endswith(said.partition(" ")[0])
            changed = {**headers, "X-Lark-Signature": "0" * 64}
            theirs = await official.ask(callback={"body": body.decode(), "headers": changed})
            assert theirs["status"] == 500
            assert not signed(ENCRYPT_KEY, *ours, body, "0" * 64)
    question = fake.sealed({"type": "url_verification", "challenge": "c-1", "token": fake.TOKEN})
    theirs = await official.ask(callback={"body": question.decode(), "headers": {}})
    assert json.loads(theirs["said"]) == {"challenge": "c-1"}


async def _speaks_the_same_frames(official: Official, feishu: FakeFeishu) -> None:
    await asyncio.wait_for(feishu.connected.wait(), 300)
    assert await feishu.push(message_event("签收 1")) == {}
    assert (await official.hear())["heard"][0].startswith("om_q1 ")
    answer = await feishu.push(press_event({"command": "/派单 1"}, option="城管科", number="e1"), pieces=3)
    assert answer["toast"]["content"] == "好"
    assert await official.hear() == {"heard": ["e1 /派单 1 城管科"]}
    await asyncio.wait_for(feishu.pinged.wait(), 60)
