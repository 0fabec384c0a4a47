"""People write and press on Feishu, by HTTP and by long connection; what is refused, and that nothing happens twice."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from bot.platforms import taking
from bot.platforms.feishu import arrivals, socket
from storage.errors import StoreUnavailable
from storage.tables import Attachment
from tests.platforms import feishu_server as fake
from tests.platforms.faults import garbage
from tests.platforms.feishu_office import Office, opened
from tests.platforms.feishu_server import GROUP, FakeFeishu, message_event, press_event
from tests.street import Street, row

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000a49444154789c6300010000050001" + "0d0a2db40000000049454e44ae426082"
)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy machine makes nothing take "too long"; the test of what does says so itself."""
    monkeypatch.setattr(taking, "PATIENCE", timedelta(seconds=60))


@pytest.fixture
async def feishu():
    async with FakeFeishu(limits=False) as server:
        yield server
        assert server.errors == []


def one_order(street: Street) -> None:
    street.import_rows(row(1))


@pytest.fixture
async def office(database_url, tmp_path, feishu):
    """By HTTP, on each database in turn."""
    async with opened(database_url, tmp_path, feishu, "http", one_order) as office:
        yield office


@pytest.fixture
async def light(sqlite_url, tmp_path, feishu):
    """By HTTP, on SQLite: for what the store has no part in."""
    async with opened(sqlite_url, tmp_path, feishu, "http", one_order) as office:
        yield office


@pytest.fixture
async def lined(sqlite_url, tmp_path, feishu):
    """By long connection."""
    async with opened(sqlite_url, tmp_path, feishu, "socket", one_order) as office:
        await asyncio.wait_for(feishu.connected.wait(), 60)
        yield office


# Messages by HTTP


async def test_a_command_is_carried_out_and_answered_as_a_reply(office: Office, feishu):
    assert await office.call(message_event("签收 1", person="ou_zhang")) == (200, {})
    await office.settle()

    assert office.street.order(1).state == "待派单"
    reply = next(message for message in feishu.messages if message.parent == "om_q1")
    assert reply.text.startswith("✔ 【#1】")
    assert reply.mentions == ("ou_zhang",)


async def test_the_platforms_repeat_changes_nothing_and_is_not_answered_again(office: Office, feishu):
    event = message_event("签收 1", person="ou_zhang")
    for _ in range(3):
        event["header"]["event_id"] += "x"  # the message's own id counts, not the event's
        assert (await office.call(event))[0] == 200
    await office.settle()

    assert office.taken() == ["om_q1"]
    assert sum(message.parent == "om_q1" for message in feishu.messages) == 1
    assert office.street.events(1).count("签收") == 1


async def test_a_quote_finds_its_order(office: Office, feishu):
    await office.settle()
    sent = next(message for message in feishu.messages if "【#1】" in message.text)
    await office.call(message_event("签收", person="ou_zhang", parent=sent.id))

    assert office.street.order(1).state == "待派单"


# Buttons


async def test_a_press_is_the_command_and_its_toast_the_answer(office: Office, feishu):
    value = {"command": "/签收 1", "private": False}
    status, answer = await office.call(press_event(value, person="ou_zhang", number="e1"))

    assert (status, answer["toast"]["type"]) == (200, "success")
    assert answer["toast"]["content"].startswith("✔ 【#1】")
    assert office.street.order(1).state == "待派单"
    assert office.taken() == ["press:e1"]


async def test_a_card_is_brought_up_to_date_when_its_order_moves(light: Office, feishu):
    await light.settle()
    card = next(message for message in feishu.messages if message.buttons)
    assert "签收" in card.buttons
    await light.call(press_event(card.buttons["签收"], card=card.id, person="ou_zhang"))
    await light.settle()

    assert card.edits == 1
    assert "签收" not in card.buttons


async def test_a_press_that_is_not_allowed_says_so(light: Office):
    _, answer = await light.call(press_event({"command": "/结案 1"}, person="ou_zhang"))

    assert answer["toast"]["type"] == "error"
    assert light.street.order(1).state == "待签收"


async def test_a_menus_choice_stands_behind_the_command(light: Office):
    await light.call(message_event("签收 1", person="ou_zhang"))
    await light.call(press_event({"command": "/派单 1"}, option="城管科", person="ou_zhang"))

    assert light.street.order(1).state == "待接单"


async def test_a_press_that_takes_long_is_answered_at_once_and_goes_on(light: Office, monkeypatch):
    let, done = asyncio.Event(), asyncio.Event()
    take = light.service.platforms["feishu"]._bot.arrivals
    receive = take._receive

    async def slow(incoming):
        await let.wait()
        said = await receive(incoming)
        done.set()
        return said

    monkeypatch.setattr(take, "_receive", slow)
    monkeypatch.setattr(taking, "PATIENCE", timedelta(0))
    _, answer = await light.call(press_event({"command": "/签收 1"}, person="ou_zhang"))
    assert answer == {"toast": {"type": "info", "content": "已收到，正在办理"}}
    let.set()
    await asyncio.wait_for(done.wait(), 60)
    assert light.street.order(1).state == "待派单"


async def test_a_nonce_that_the_store_does_not_take_keeps_nobody_waiting(light: Office, monkeypatch):
    let, bot = asyncio.Event(), light.service.platforms["feishu"]._bot
    first = bot.callbacks._door.first

    async def slow(*given):
        await let.wait()
        return await first(*given)

    monkeypatch.setattr(bot.callbacks._door, "first", slow)
    monkeypatch.setattr(taking, "PATIENCE", timedelta(0))
    async with asyncio.timeout(20):
        assert await light.call(message_event("签收 1", person="ou_zhang")) == (200, {})
    assert light.street.order(1).state == "待签收"
    let.set()
    await bot.arrivals.stop()
    assert (light.street.order(1).state, light.seen()) == ("待派单", 1)


# What is refused


def _now(**shift: float) -> str:
    return str(int((datetime.now(UTC) + timedelta(**shift)).timestamp()))


@pytest.mark.parametrize(
    "stamp",
    [-6, 6, "0", "", "now", "2026-10-04 18:23:46.052290112 +0800 CST m=+3612.1", "1" * 30],
)
async def test_what_is_not_fresh_is_refused(light: Office, stamp):
    body = fake.sealed(message_event("签收 1", person="ou_zhang"))
    async with await light.post(body, stamp if isinstance(stamp, str) else _now(minutes=stamp)) as response:
        assert response.status == 403
        assert "没有通过验证" in (await response.json())["error"]
    assert (light.taken(), light.seen()) == ([], 0)


async def test_a_time_as_go_prints_it_is_fresh_where_it_is(light: Office):
    shanghai = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S.052290112 +0800 CST m=+3612.1")
    status, answer = await light.call(press_event({"command": "/签收 1"}, person="ou_zhang"), stamp=shanghai)
    assert (status, answer["toast"]["type"]) == (200, "success")


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("another-key", {}),
        (fake.ENCRYPT_KEY, {"token": "another-token"}),
        (fake.ENCRYPT_KEY, {"app_id": "cli_other"}),
        (fake.ENCRYPT_KEY, {"token": None}),
    ],
)
async def test_another_key_token_or_app_is_refused(light: Office, key, change):
    event = message_event("签收 1", person="ou_zhang")
    event["header"] |= change
    body = fake.sealed(event, key)
    async with await light.post(body, **fake.signed(body, _now(), key=key)) as response:
        assert response.status == 403
    assert (light.taken(), light.seen()) == ([], 0)


async def test_bytes_that_were_changed_or_cut_are_refused(light: Office):
    body = fake.sealed(message_event("签收 1", person="ou_zhang"))
    headers = fake.signed(body, _now())
    cut, flipped = body[: len(body) // 2], body[:40] + bytes([body[40] ^ 1]) + body[41:]
    for changed in (b"", b"{}", b"[]", b"\xff", cut, flipped, body + b" "):
        async with await light.post(changed, **headers) as response:
            assert response.status == 403
    plain = json.dumps(message_event("签收 1", person="ou_zhang")).encode()
    for headers in ({}, {"X-Lark-Signature": ""}):
        async with await light.client.post("/callbacks/feishu", data=plain, headers=headers) as response:
            assert response.status == 403
    assert (light.taken(), light.seen()) == ([], 0)


async def test_a_replay_is_answered_and_changes_nothing_but_never_with_another_body(light: Office, feishu):
    stamp, body = _now(), fake.sealed(message_event("签收 1", person="ou_zhang"))
    for _ in range(2):
        async with await light.post(body, stamp, "nonce") as response:
            assert response.status == 200
    other = fake.sealed(message_event("/派单 1 城管科", number="om_2", person="ou_zhang"))
    async with await light.post(other, stamp, "nonce") as response:
        assert response.status == 403
    assert light.taken() == ["om_q1"]


async def test_more_than_a_quarter_of_a_megabyte_is_not_even_decrypted(light: Office):
    with patch("bot.platforms.feishu.callbacks.opened", side_effect=AssertionError):
        async with await light.post(b" " * (256 * 1024 + 1)) as response:
            assert response.status == 413


@pytest.mark.parametrize("secret", [True, False])
async def test_the_address_is_tried_with_the_token_alone(light: Office, secret):
    question = {"type": "url_verification", "challenge": "c-1", "token": fake.TOKEN}
    body = fake.sealed(question) if secret else json.dumps(question).encode()
    async with await light.client.post("/callbacks/feishu", data=body) as response:
        assert (response.status, await response.json()) == (200, {"challenge": "c-1"})
    wrong = question | {"token": "guess"}
    body = fake.sealed(wrong) if secret else json.dumps(wrong).encode()
    async with await light.client.post("/callbacks/feishu", data=body) as response:
        assert response.status == 403
    assert (light.taken(), light.seen()) == ([], 0)


async def test_an_event_of_another_kind_is_taken_note_of_only(light: Office):
    assert await light.call(fake._event("im.chat.updated_v1", {"chat_id": GROUP})) == (200, {})
    assert light.taken() == []


async def test_a_store_that_takes_nothing_for_a_while_loses_nothing(light: Office, monkeypatch):
    take = light.service.platforms["feishu"]._bot.arrivals
    receive, failures = take._receive, [StoreUnavailable("忙"), StoreUnavailable("忙")]

    async def failing(incoming):
        if failures:
            raise failures.pop()
        return await receive(incoming)

    monkeypatch.setattr(take, "_receive", failing)
    monkeypatch.setattr(take._taking, "_waits", lambda attempt, random: timedelta(0))
    assert await light.call(message_event("签收 1", person="ou_zhang")) == (200, {})
    assert light.street.order(1).state == "待派单"


# Pictures and files


async def test_a_picture_with_a_quote_is_kept_with_the_order(office: Office, feishu):
    await office.settle()
    sent = next(message for message in feishu.messages if "【#1】" in message.text)
    feishu.resources["img_1"] = ("image", PNG)
    content = {"title": "", "content": [[{"tag": "at", "user_id": "@_user_1"}, {"tag": "img", "image_key": "img_1"}]]}
    await office.call(message_event(kind="post", content=content, person="ou_zhang", parent=sent.id))

    kept = office.street.rows(Attachment, 1)
    assert [(file.kind, file.size, file.by) for file in kept] == [("png", len(PNG), "zhang")]


async def test_a_picture_that_cannot_be_had_is_told(light: Office, feishu):
    await light.settle()
    sent = next(message for message in feishu.messages if "【#1】" in message.text)
    event = message_event(kind="image", content={"image_key": "img_9"}, person="ou_zhang", parent=sent.id, at_bot=False)
    await light.call(event)

    assert "没有从飞书取到" in (await light.settle())[-1]
    assert light.street.rows(Attachment, 1) == []


async def test_too_large_a_picture_is_told_and_not_fetched_whole(light: Office, feishu):
    await light.settle()
    sent = next(message for message in feishu.messages if "【#1】" in message.text)
    feishu.resources["img_1"] = ("image", bytes((10 << 20) + 1))
    await light.call(
        message_event(kind="image", content={"image_key": "img_1"}, person="ou_zhang", parent=sent.id, at_bot=False)
    )

    assert "超过 10 MB" in (await light.settle())[-1]
    assert feishu.requests.count("resource") == 1


async def test_what_strangers_or_colleagues_send_among_themselves_is_not_fetched(light: Office, feishu):
    feishu.resources["img_1"] = ("image", PNG)
    for person, parent in (("ou_zhang", ""), ("ou_stranger", "om_7")):
        await light.call(
            message_event(kind="image", content={"image_key": "img_1"}, person=person, parent=parent, at_bot=False)
        )
    assert "resource" not in feishu.requests


# The long connection


async def test_the_same_by_long_connection(lined: Office, feishu):
    assert await feishu.push(message_event("签收 1", person="ou_zhang")) == {}
    value = {"command": "/派单 1", "private": False}
    answer = await feishu.push(press_event(value, option="城管科", person="ou_zhang"), pieces=3)
    await lined.settle()

    assert answer["toast"]["type"] == "success"
    assert lined.street.order(1).state == "待接单"
    assert any(message.parent == "om_q1" for message in feishu.messages)
    assert lined.service.platforms["feishu"].connected


async def test_a_repeat_on_another_line_changes_nothing(lined: Office, feishu):
    event = message_event("签收 1", person="ou_zhang")
    await asyncio.gather(*(feishu.push(event) for _ in range(3)))

    assert lined.taken() == ["om_q1"]


async def test_a_stranger_gets_one_polite_line_and_no_data(lined: Office, feishu):
    feishu.people.add("ou_stranger")
    for number in ("om_1", "om_2"):
        await feishu.push(message_event("/查 1", person="ou_stranger", number=number))
    await lined.settle()
    told = [message.text for message in feishu.messages if message.parent in ("om_1", "om_2")]

    assert len(told) == 1
    assert "#1" not in told[0]
    assert lined.street.order(1).state == "待签收"


async def test_garbage_on_the_line_is_passed_over(lined: Office, feishu):
    for data in (b"", b"\xff" * 40, b"\x08\x01\x10"):
        await feishu.connections[-1].send_bytes(data)
    await feishu.connections[-1].send_str("hello")
    await feishu.push({"header": None})
    assert await feishu.push(message_event("签收 1", person="ou_zhang")) == {}
    assert lined.street.order(1).state == "待派单"


@pytest.mark.parametrize("first", [[], [garbage()], [fake.code(1000040345)]])
async def test_a_line_that_breaks_is_made_again(lined: Office, feishu, monkeypatch, first):
    monkeypatch.setattr(socket, "LONGEST_PAUSE", timedelta(0))
    feishu.then("endpoint", *first)
    feishu.connected.clear()
    await feishu.connections[-1].close()
    await asyncio.wait_for(feishu.connected.wait(), 60)

    assert await feishu.push(message_event("签收 1", person="ou_zhang")) == {}
    assert len(feishu.connections) == 2


async def test_a_line_that_is_sent_elsewhere_is_not_followed(lined: Office, feishu, monkeypatch, elsewhere):
    monkeypatch.setattr(socket, "LONGEST_PAUSE", timedelta(0))
    told = {"code": 0, "msg": "", "data": {"URL": f"{elsewhere.url}?service_id=42"}}
    feishu.then("endpoint", garbage(json.dumps(told)))
    feishu.connected.clear()
    await feishu.connections[-1].close()
    await asyncio.wait_for(feishu.connected.wait(), 60)

    assert (elsewhere.sent_on, elsewhere.asked) == (1, [])


async def test_the_line_is_kept_alive_as_often_as_the_platform_wants(lined: Office, feishu):
    await asyncio.wait_for(feishu.pinged.wait(), 60)
    assert lined.service.platforms["feishu"]._bot.socket._ping == timedelta(seconds=120)


# Questions


async def test_the_probe_asks_harmless_questions(lined: Office, feishu):
    before = len(await lined.settle())
    probes = await lined.service.platforms["feishu"].probe()

    assert [(probe.name, probe.ok) for probe in probes] == [
        ("飞书应用", True),
        ("飞书机器人", True),
        ("飞书长连接", True),
    ]
    assert abs(probes[0].skew) < timedelta(seconds=5)
    assert len(feishu.messages) == before


async def test_the_probe_names_what_to_mend(light: Office, feishu):
    feishu.then("token", fake.code(10014))
    (probe,) = await light.service.platforms["feishu"].probe()

    assert not probe.ok
    assert "JIESU_FEISHU__APP_SECRET" in probe.detail + probe.mend


def test_a_toast_is_one_short_line():
    assert len(arrivals._toast(["✔ " + "长" * 200 + "\n第二行"])["toast"]["content"]) == arrivals.LONGEST_TOAST
    assert arrivals._toast([])["toast"]["content"] == "已收到"
