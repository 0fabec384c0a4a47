"""The example platform is what docs/platforms.md shows, and does what the contract asks."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.contract import Connecting, Outcome, Outgoing
from bot.platforms.posting import Reply
from storage.columns import table
from storage.tables import Inbox, Outbox
from tests.platforms import example
from tests.platforms.desk import GROUP_CHAT, account, opened
from tests.platforms.example_server import ExampleServer

ROOT = Path(__file__).parents[2]
TOLD = {"id": "x1", "person": account("zhang"), "chat": GROUP_CHAT, "text": "/待办"}


@pytest.fixture
async def server():
    async with ExampleServer() as server:
        yield server
        assert server.errors == []


@pytest.fixture
async def office(sqlite_url, tmp_path, server):
    async with opened(sqlite_url, tmp_path, server) as office:
        yield office


def count(office, model):
    rows = table(model).select()
    return len(office.service.office.store.read(lambda scope: list(scope.connection.execute(rows)), now=None))


def test_the_document_shows_the_example():
    shown = (ROOT / "docs" / "platforms.md").read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    assert shown == (ROOT / "tests" / "platforms" / "example.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("how", "refusal"),
    [
        ({"token": "another"}, "签名不对"),
        ({"age": 301}, "请求过时了"),
        ({"age": -310}, "请求过时了"),
        ({"nonce": "used"}, "这个请求来过，内容却不同"),
    ],
)
async def test_what_is_not_the_platforms_is_refused_and_changes_nothing(office, server, how, refusal):
    async with await server.call(office.client, {**TOLD, "id": "x0"}, nonce="used") as answer:
        assert answer.status == 200
    before = count(office, Inbox), count(office, Outbox)
    async with await server.call(office.client, TOLD, **how) as answer:
        assert answer.status == 403
        assert refusal in (await answer.json())["refusal"]
    assert (count(office, Inbox), count(office, Outbox)) == before


async def test_a_body_that_is_too_long_is_refused_before_it_is_verified(office, server):
    async with await server.call(office.client, b"x" * (256 * 1024 + 1)) as answer:
        assert answer.status == 413


async def test_every_other_body_is_taken_or_left(office, server):
    for body in (b"", b"[]", b"{", b"\xff", b'{"id": 1}', b"[" * 5000, b'{"id":"a","person":null,"text":"x"}'):
        async with await server.call(office.client, body) as answer:
            assert answer.status == 200
    assert count(office, Inbox) == 0


async def test_it_has_all_that_the_contract_names(office):
    platform = office.service.platforms["matrix"]
    assert isinstance(platform, Connecting)
    assert all(probe.ok for probe in await platform.probe())
    sender = platform.chat(GROUP_CHAT)
    parts = sender.parts(Outgoing(7, "很长的一行\n" * 300))
    assert all(part.key == 7 and len(part.text.encode()) <= 1000 for part in parts)
    answer = await sender.send(parts[0])
    assert (answer.outcome, answer.remote) == (Outcome.SENT, "b1")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b'{"result": "gone"}', Outcome.PERMANENT),
        (200, b'{"result": "full"}', Outcome.RETRY),
        (200, b'{"result": "odd"}', Outcome.UNKNOWN),
        (200, b"garbage", Outcome.UNKNOWN),
        (200, None, Outcome.UNKNOWN),
        (503, b"", Outcome.RETRY),
    ],
)
def test_answers_are_a_table_and_what_is_not_in_it_is_unknown(status, body, outcome):
    assert example.answer_of(Reply(status, body)).outcome is outcome


@given(st.binary(max_size=200))
def test_no_bytes_are_a_fault(body):
    example.read("matrix", body)
    example.answer_of(Reply(200, body))
