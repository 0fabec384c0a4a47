"""A 自建应用 by encrypted HTTP callback, in XML: it hears people in private and answers in the answer itself."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms import taking
from bot.platforms.contract import Mention, Outgoing
from bot.platforms.wecom import application
from storage.columns import table
from storage.tables import Outbox
from tests.platforms.test_wecom_callback import Office, serving
from tests.platforms.test_wecom_streams import opened
from tests.platforms.wecom_caller import xml_text

CORP = "ww1"


class Silent(Office):
    """Takes everything and says nothing to it."""

    async def receive(self, incoming):
        await super().receive(incoming)
        return []


@pytest.fixture
def office():
    return Silent()


@pytest.fixture
async def callback(sqlite_url, open_store, office, tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "PATIENCE", timedelta(seconds=50))
    async with serving(open_store(sqlite_url), office, corp=CORP, JIESU_DATA_DIR=str(tmp_path)) as (callback, _):
        yield callback


async def test_a_message_is_received_in_private(callback, office):
    answer = await callback.post_xml(xml_text("/查 12 <!-- x --> &amp;"), "n1")

    assert (answer.status, await answer.read()) == (200, b"")
    ((incoming, _),) = office.received
    assert (incoming.platform, incoming.message_id, incoming.chat, incoming.account) == (
        "wecom",
        "7001",
        None,
        "zhangsan",
    )
    assert (incoming.text, incoming.mentioned, incoming.proven) == ("/查 12 <!-- x --> &amp;", False, True)


@pytest.mark.parametrize("kind", ["event", "image", "location"])
async def test_other_kinds_are_answered_and_left(callback, office, kind):
    answer = await callback.post_xml(xml_text("x", kind=kind), "n1")

    assert (answer.status, await answer.read()) == (200, b"")
    assert office.received == []


DOCTYPE = b'<!DOCTYPE xml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "mend",
    [
        lambda body: DOCTYPE + body,
        lambda body: body.replace(b"<xml>", b'<?xml version="1.0"?><!DOCTYPE xml SYSTEM "file:///etc/passwd"><xml>'),
        lambda body: body.replace(b"</Encrypt>", b"&b;</Encrypt>"),
        lambda body: body.replace(b"</xml>", b""),
        lambda body: body.replace(b"Encrypt>", b"encrypt>"),
        lambda body: b"<xml><a>" + body + b"</a></xml>",
        lambda body: b"<" * 1000,
        lambda body: b"<xml>" * 20000,
        lambda body: body.decode().encode("utf-16"),
    ],
)
async def test_what_is_no_such_envelope_is_refused(callback, office, mend):
    answer = await callback.post_xml(xml_text("/查 12"), "n1", mend)

    assert answer.status == 403
    assert office.received == []


def test_entities_are_not_even_declared():
    assert application.fields(DOCTYPE + b"<xml><Content>&b;</Content></xml>") == {}
    assert application.fields(b"<xml><Content>a&lt;b<![CDATA[<!]]></Content></xml>") == {"Content": "a<b<!"}


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"<xml><a>{text}</a></xml>".encode()))
def test_no_bytes_are_a_fault(body):
    application.fields(body)
    application.told(body)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=100))
def test_an_answer_is_read_as_it_was_said(text):
    said = application.part(Outgoing(1, text)).text
    read = application.fields(application.answer("zhangsan", CORP, said, 1))

    assert read.get("Content", "") == said.translate({0xFFFE: None, 0xFFFF: None})


def test_what_is_too_long_ends_with_what_to_do():
    part = application.part(Outgoing(1, "居民反映路灯不亮。\n" * 200, (Mention("li", "李四"),)))

    assert len(part.text.encode()) <= application.TEXT_BYTES
    assert part.text.endswith("请缩小范围再查")


def rows(group):
    query = table(Outbox).select().where(table(Outbox).c.kind == "reply")
    return group.service.office.store.read(lambda scope: list(scope.connection.execute(query)), now=None)


async def ask(group, words, number):
    """Somebody writes in private; what the callback is answered."""
    asking = asyncio.create_task(group.callback.post_xml(xml_text(words, number, "zhang"), f"n{next(group.numbers)}"))
    async with asyncio.timeout(60):
        while not asking.done():
            await group.service.delivery.drain()
            await asyncio.sleep(0.005)
    answer = await asking
    assert answer.status == 200
    return await group.callback.opened_xml(answer)


async def test_a_question_is_answered_in_the_callbacks_own_answer_and_its_repeat_alike(
    sqlite_url, tmp_path, monkeypatch
):
    monkeypatch.setattr(taking, "PATIENCE", timedelta(seconds=50))
    async with opened(sqlite_url, tmp_path, ("http://127.0.0.1:1", []), corp=CORP) as group:
        first = await ask(group, "/待办", "1")
        again = await ask(group, "/待办", "1")
        assert [row.state for row in rows(group)] == ["sent"]
    assert (first["ToUserName"], first["FromUserName"], first["MsgType"]) == ("zhang", CORP, "text")
    assert first["Content"] != ""
    assert again["Content"] == first["Content"]


async def test_an_answer_that_is_not_ready_in_time_is_never_said_and_counts_as_such(sqlite_url, tmp_path, monkeypatch):
    monkeypatch.setattr(taking, "PATIENCE", timedelta(0))
    async with opened(sqlite_url, tmp_path, ("http://127.0.0.1:1", []), corp=CORP) as group:
        assert await ask(group, "/待办", "1") == {}
        async with asyncio.timeout(20):
            while [row.state for row in rows(group)] != ["failed"]:
                await group.service.delivery.drain()
                await asyncio.sleep(0.005)
        assert "自建应用只能在收到消息后一秒内回答" in rows(group)[0].detail
