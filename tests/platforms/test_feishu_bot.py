"""The app's bot in a chat: messages, replies, cards and their edits, files, tokens, and that nothing is said twice."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
from pydantic import SecretStr

from bot.platforms.contract import Action, Limit, Mention, Outcome, Outgoing, OutgoingFile
from bot.platforms.feishu import chat as module
from bot.platforms.feishu.api import OpenApi
from bot.platforms.feishu.chat import FeishuChat
from tests.platforms import feishu_server as fake
from tests.platforms.faults import cut_answer, garbage, hang, status
from tests.platforms.feishu_server import APP_ID, APP_SECRET, GROUP, WANG, ZHANG, FakeFeishu

KE = Mention("wang", "王科长", WANG)
LIMITS = (Limit(4, timedelta(seconds=1)),)
SIGN = Action("签收", "/签收 12")
DISPATCH = Action("派单", "/派单 12", (("城管科", "chengguan"), ("安监科", "anjian"), ("城管", "chengguan")))
ANSWER = {"message_id": "om_question"}


@pytest.fixture
async def feishu(clock):
    async with FakeFeishu(now=clock) as server:
        yield server
        assert server.errors == []


@pytest.fixture
def api(feishu, session, clock):
    return OpenApi(session, feishu.base, APP_ID, SecretStr(APP_SECRET), clock)


@pytest.fixture
def group(api):
    return FeishuChat(api, GROUP, person=False, limits=LIMITS, avoid=())


@pytest.fixture
def private(api):
    return FeishuChat(api, ZHANG, person=True, limits=LIMITS, avoid=())


def outgoing(text="【#12】 路灯不亮", *mentions, key=1, **more):
    return Outgoing(key, text, mentions, **more)


# What people see


async def test_a_message_reaches_the_group_and_can_be_quoted(group, feishu):
    answer = await group.send(outgoing("【#12】 请签收", KE))

    assert (answer.outcome, answer.remote) == (Outcome.SENT, "om_0")
    assert [(m.target, m.kind, m.mentions) for m in feishu.messages] == [(GROUP, "post", (WANG,))]


async def test_a_person_is_reached_in_private(private, feishu):
    assert (await private.send(outgoing("您有 3 件待办"))).outcome is Outcome.SENT
    assert [(m.target, m.text) for m in feishu.messages] == [(ZHANG, "您有 3 件待办")]


async def test_an_answer_is_a_reply_to_the_question(group, feishu):
    answer = await group.send(outgoing("✔ 【#12】 已签收", reply=ANSWER))

    assert answer.remote == "om_0"
    assert [(m.parent, m.target) for m in feishu.messages] == [("om_question", "")]


async def test_an_answer_to_a_question_that_was_recalled_goes_to_the_chat(group, feishu):
    answer = await group.send(outgoing("✔ 【#12】 已签收", reply={"message_id": "om_recalled"}))

    assert answer.outcome is Outcome.SENT
    assert [(m.parent, m.target) for m in feishu.messages] == [(None, GROUP)]


async def test_buttons_hold_commands_and_menus_each_choice_once(group, private, feishu):
    for chat in (group, private):
        (part,) = chat.parts(outgoing("【#12】 路灯 <at id=all></at> **不亮**", actions=(SIGN, DISPATCH)))
        await chat.send(part)

    card = feishu.messages[0]
    assert card.buttons == {
        "签收": {"command": "/签收 12", "private": False},
        "派单": {"command": "/派单 12", "private": False},
    }
    assert card.text == "【#12】 路灯 ＜at id=all>＜/at> **不亮**"
    assert card.content["body"]["elements"][0]["text"]["tag"] == "plain_text"
    options = card.content["body"]["elements"][2]["options"]
    assert [(option["text"]["content"], option["value"]) for option in options] == [
        ("城管科", "chengguan"),
        ("安监科", "anjian"),
    ]
    assert feishu.messages[1].buttons["签收"]["private"] is True


async def test_the_buttons_of_a_long_message_stand_below_its_last_part(group, feishu):
    feishu.limits = False
    for part in group.parts(outgoing("【#12】\n" + "居民反映路灯不亮。\n" * 500, KE, actions=(SIGN,))):
        assert (await group.send(part)).outcome is Outcome.SENT

    assert [bool(m.buttons) for m in feishu.messages] == [False, False, True]


async def test_a_plain_message_has_no_buttons(group):
    assert group.parts(outgoing(actions=(SIGN,), plain=True)) == [outgoing(plain=True)]


# Cards are brought up to date


async def test_a_card_is_edited_in_its_place_as_often_as_needed(group, feishu):
    sent = await group.send(outgoing("【#12】 待签收", actions=(SIGN,)))
    for text in ("【#12】 待派单", "【#12】 待接单", "【#12】 已结案"):
        (part,) = group.parts(outgoing(text, edits=sent.remote))
        answer = await group.send(part)
        assert (answer.outcome, answer.remote) == (Outcome.SENT, "om_0")

    assert [(m.text, m.buttons, m.edits) for m in feishu.messages] == [("【#12】 已结案", {}, 3)]


async def test_an_edit_too_long_for_one_card_stays_one_card(group, feishu):
    sent = await group.send(outgoing("【#12】 待签收", actions=(SIGN,)))
    (part,) = group.parts(outgoing("【#12】\n" + "居民反映路灯不亮。\n" * 900, edits=sent.remote))

    assert (await group.send(part)).outcome is Outcome.SENT
    assert feishu.messages[0].text.startswith("【#12】\n居民反映")


async def test_a_card_older_than_a_fortnight_stays_as_it_is(group, feishu, clock):
    sent = await group.send(outgoing(actions=(SIGN,)))
    clock.now += timedelta(days=15)
    answer = await group.send(outgoing("【#12】 已结案", edits=sent.remote))

    assert (answer.outcome, answer.code) == (Outcome.PERMANENT, 230031)


async def test_an_edit_of_unknown_fate_is_simply_done_again(group, feishu):
    sent = await group.send(outgoing(actions=(SIGN,)))
    feishu.then("edit", *[fake.lost()] * module.TRIES)
    answer = await group.send(outgoing("【#12】 已结案", edits=sent.remote))

    assert answer.outcome is Outcome.RETRY


# Nothing is said twice


@pytest.mark.parametrize("at", [0, 10, 60, 90, 114])
async def test_a_lost_answer_is_asked_for_again_under_the_same_uuid(group, feishu, at):
    feishu.then("create", cut_answer(at, record=True))
    answer = await group.send(outgoing())

    assert (answer.outcome, answer.remote) == (Outcome.SENT, "om_0")
    assert len(feishu.messages) == 1
    assert feishu.requests.count("create") == 2


async def test_a_lost_reply_too(group, feishu):
    feishu.then("reply", fake.lost(), status(502), garbage())
    answer = await group.send(outgoing(reply=ANSWER))

    assert answer.outcome is Outcome.UNKNOWN
    assert len(feishu.messages) == 1
    assert (await group.send(outgoing(reply=ANSWER))).remote == "om_0"
    assert len(feishu.messages) == 1


async def test_the_same_key_of_a_store_that_was_restored_is_another_message(group, feishu):
    await group.send(outgoing("【#12】 路灯不亮", key=7))
    await group.send(outgoing("【#13】 井盖丢失", key=7))

    assert feishu.texts == ["【#12】 路灯不亮", "【#13】 井盖丢失"]


@pytest.mark.parametrize("patience", [0.2, 60])
async def test_silence_to_the_end_is_unknown(api, group, feishu, monkeypatch, patience):
    await api.token()
    monkeypatch.setattr(module, "BUDGET", timedelta(seconds=0.5))
    monkeypatch.setattr(api, "call", partial(api.call, patience=timedelta(seconds=patience)))
    feishu.then("create", hang())

    assert (await group.send(outgoing())).outcome is Outcome.UNKNOWN


# What the answers mean


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (99991400, Outcome.RETRY_AFTER),
        (230020, Outcome.RETRY_AFTER),
        (230002, Outcome.CLOSED),
        (230013, Outcome.CLOSED),
        (230025, Outcome.PERMANENT),
        (230049, Outcome.RETRY),
        (232009, Outcome.CLOSED),
        (99991672, Outcome.CLOSED),
    ],
)
async def test_each_code_has_its_outcome(group, feishu, number, outcome):
    feishu.then("create", fake.code(number, status=400))
    answer = await group.send(outgoing())

    assert (answer.outcome, answer.code) == (outcome, number)
    assert str(number) in answer.detail
    assert feishu.messages == []


@pytest.mark.parametrize(("number", "bucket"), [(99991400, "app"), (11232, "app"), (230020, "chat")])
async def test_a_pause_is_for_the_app_or_for_the_chat(api, feishu, number, bucket):
    limits = replace(LIMITS[0], bucket="chat"), replace(LIMITS[0], bucket="app")
    feishu.then("create", fake.code(number, status=400))
    answer = await FeishuChat(api, GROUP, person=False, limits=limits, avoid=()).send(outgoing())

    assert (answer.outcome, answer.bucket) == (Outcome.RETRY_AFTER, bucket)


async def test_an_unknown_code_is_asked_about_and_shown_with_its_number(group, feishu):
    feishu.then("create", *[fake.code(424242, status=400)] * module.TRIES)
    answer = await group.send(outgoing())

    assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, 424242)
    assert "424242" in answer.detail


async def test_the_platforms_own_refusals(api, group, feishu):
    stranger = FeishuChat(api, "ou_nobody", person=True, limits=LIMITS, avoid=())
    assert (await stranger.send(outgoing())).code == 230013
    for number in range(5):
        assert (await group.send(outgoing(key=number))).outcome is Outcome.SENT
    assert (await group.send(outgoing(key=9))).code == 230020


# The token


async def test_one_token_serves_until_shortly_before_it_expires(group, feishu, clock):
    await asyncio.gather(*(group.send(outgoing(key=number)) for number in range(3)))
    assert feishu.tokens == 1
    clock.now += timedelta(minutes=116)
    await group.send(outgoing(key=8))
    assert feishu.tokens == 2


async def test_a_token_that_is_no_longer_taken_is_renewed_within_the_same_message(group, feishu):
    await group.send(outgoing(key=1))
    feishu.forget_token()
    assert (await group.send(outgoing(key=2))).outcome is Outcome.SENT
    assert feishu.tokens == 2


@pytest.mark.parametrize(
    "behaviour", [fake.code(10014), fake.code(10003), fake.code(77), garbage(), status(500), fake.lost()]
)
async def test_without_a_token_every_message_waits(group, feishu, behaviour):
    feishu.then("token", behaviour)
    answer = await group.send(outgoing())

    assert answer.outcome is Outcome.RETRY
    assert feishu.messages == []
    assert (await group.send(outgoing())).outcome is Outcome.SENT


async def test_a_token_that_is_never_taken_ends_after_one_renewal(group, feishu):
    feishu.then("create", *[fake.code(99991663, status=400)] * 2)
    answer = await group.send(outgoing())

    assert (answer.outcome, feishu.tokens) == (Outcome.RETRY, 2)


async def test_no_secret_shows(api, group, feishu, caplog):
    await group.send(outgoing())
    feishu.then("create", fake.code(230001, status=400))
    answer = await group.send(outgoing(key=2))

    assert "geheim" not in f"{api!r} {group!r} {answer!r} {caplog.text}"


# Pictures and files


@pytest.mark.parametrize(
    ("media", "kind"), [("image/png", "image"), ("image/jpeg", "image"), ("application/pdf", "file")]
)
async def test_a_picture_or_file_is_uploaded_and_stands_below_the_text(group, feishu, media, kind):
    file = OutgoingFile("日报 6月1日", media, b"\x89data")
    for part in group.parts(outgoing("日报", file=file)):
        assert (await group.send(part)).outcome is Outcome.SENT

    assert [m.kind for m in feishu.messages] == ["text", kind]
    assert list(feishu.uploads.values()) == [("日报 6月1日", b"\x89data")]


async def test_a_file_that_was_not_uploaded_was_not_sent(group, feishu):
    feishu.then("upload", fake.lost())
    answer = await group.send(outgoing(file=OutgoingFile("x.pdf", "application/pdf", b"data")))

    assert answer.outcome is Outcome.RETRY
    assert feishu.messages == []


@pytest.mark.parametrize("size", [0, (30 << 20) + 1])
async def test_what_feishu_does_not_take_is_left_to_the_text(group, size):
    file = OutgoingFile("x.bin", "application/octet-stream", bytes(size))
    assert group.parts(outgoing("报表", file=file)) == [outgoing("报表")]
