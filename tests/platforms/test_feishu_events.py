"""What Feishu pushes, read; and its envelope: signature, cipher, time stamps, frames. No bytes make a fault."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.contract import Incoming
from bot.platforms.feishu import frames
from bot.platforms.feishu.events import Resource, received
from bot.platforms.feishu.frames import Frame
from bot.platforms.feishu.sealing import moment_of, opened, signed
from tests.platforms import feishu_server as fake
from tests.platforms.feishu_server import BOT, ENCRYPT_KEY, GROUP, WANG, ZHANG, message_event, press_event

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def incoming(text, **more):
    return Incoming("feishu", "om_q1", GROUP, ZHANG, text, reply={"message_id": "om_q1"}, **more)


def read(event, bot=BOT):
    found = received(event, bot)
    return None if found is None else found.incoming


# Messages


def test_a_message_in_a_group_begins_with_the_bots_mention():
    assert read(message_event("/工单 12")) == incoming("/工单 12", mentioned=True)


def test_in_private_nothing_is_needed():
    assert read(message_event("待办", chat=None)) == Incoming(
        "feishu", "om_q1", None, ZHANG, "待办", reply={"message_id": "om_q1"}
    )


def test_other_people_keep_their_names_and_lines_stay():
    event = message_event(
        "/分办 12 @_user_2\n请  今天办 @_user_11 @_all",
        mentions=((WANG, "王科长"),),
    )
    assert read(event) == incoming("/分办 12 @王科长\n请 今天办 @_user_11 @所有人", mentioned=True)


def test_a_message_to_somebody_else_is_not_to_us():
    event = message_event("@_user_1 看一下 12", at_bot=False, mentions=((WANG, "王科长"),))
    assert read(event) == incoming("@王科长 看一下 12")


def test_where_the_bot_is_not_known_a_mention_at_the_beginning_is_its_own():
    assert read(message_event("签收 12"), None) == incoming("签收 12", mentioned=True)
    later = message_event("请 @_user_1 看", at_bot=False, mentions=((WANG, "王科长"),))
    assert read(later, None) == incoming("请 @王科长 看")


def test_a_mention_at_the_end_is_one_too():
    event = message_event(content={"text": "签收 12 @_user_1"})
    assert read(event) == incoming("签收 12", mentioned=True)


def test_a_quote_is_the_parents_id():
    assert read(message_event("签收", parent="om_7")) == incoming("签收", mentioned=True, quote="om_7")


def test_a_rich_text_is_read_with_its_pictures():
    content = {
        "title": "现场",
        "content": [
            [{"tag": "at", "user_id": "@_user_1", "user_name": "接诉"}, {"tag": "text", "text": " /办结 12 解决"}],
            [{"tag": "a", "text": "已清理", "href": "https://x.test"}, {"tag": "img", "image_key": "img_1"}],
            [{"tag": "media", "file_key": "file_1", "image_key": "img_2"}, {"tag": "emotion", "emoji_type": "OK"}],
        ],
    }
    found = received(message_event(kind="post", content=content), BOT)
    assert found.incoming == incoming("现场\n/办结 12 解决\n已清理", mentioned=True)
    assert found.resources == (Resource("image", "img_1", "图片"), Resource("file", "file_1", "视频.mp4"))
    assert received(message_event(kind="post", content={"zh_cn": content}), BOT) == found


@pytest.mark.parametrize(
    ("kind", "content", "resource"),
    [
        ("image", {"image_key": "img_1"}, Resource("image", "img_1", "图片")),
        ("file", {"file_key": "f_1", "file_name": "导出.xls"}, Resource("file", "f_1", "导出.xls")),
        ("audio", {"file_key": "f_1", "duration": 1}, Resource("file", "f_1", "录音.opus")),
        ("media", {"file_key": "f_1", "file_name": ""}, Resource("file", "f_1", "视频.mp4")),
    ],
)
def test_pictures_and_files_are_named(kind, content, resource):
    found = received(message_event(kind=kind, content=content, parent="om_7", at_bot=False), BOT)
    assert (found.incoming.text, found.incoming.quote, found.resources) == ("", "om_7", (resource,))


@pytest.mark.parametrize(
    "event",
    [
        message_event(sender="app"),
        message_event(kind="sticker", content={"file_key": "x"}),
        message_event(person=""),
        message_event(number=""),
        message_event("", at_bot=False),
        fake._event("im.chat.member.bot.added_v1", {"chat_id": GROUP}),
        press_event({}),
        press_event({"command": ""}),
        press_event({"command": "/签收 12", "private": "yes"}, chat=""),
        {},
    ],
)
def test_what_is_not_for_us_is_nothing(event):
    assert received(event, BOT) is None


# Buttons


def test_a_press_is_the_command_of_its_button():
    event = press_event({"command": "/签收 12", "private": False}, number="e1")
    assert read(event) == Incoming(
        "feishu", "press:e1", GROUP, ZHANG, "/签收 12", mentioned=True, button=True, reply={"message_id": "om_0"}
    )


def test_a_choice_stands_behind_the_command():
    found = read(press_event({"command": "/派单 12", "private": True}, option="chengguan"))
    assert (found.text, found.chat, found.button) == ("/派单 12 chengguan", None, True)


def test_two_presses_are_two_messages():
    one, two = (read(press_event({"command": "/催办 12"})) for _ in range(2))
    assert one.message_id != two.message_id


# No bytes make a fault


@given(JSON)
def test_no_event_makes_a_fault(value):
    if isinstance(value, dict):
        received(value, BOT)
    for kind in ("im.message.receive_v1", "card.action.trigger"):
        received({"header": {"event_type": kind, "event_id": "e"}, "event": value}, None)


@given(JSON, st.sampled_from(["text", "post", "image", "file"]))
def test_no_content_makes_a_fault(value, kind):
    event = message_event(kind=kind)
    event["event"]["message"]["content"] = json.dumps(value)
    event["event"]["message"]["mentions"] = [value]
    received(event, BOT)


def test_what_no_store_can_keep_is_taken_out():
    assert read(message_event("a\x00b\ud800c", chat=None)).text == "ab?c"


# The envelope


def test_what_was_encrypted_under_the_key_is_read():
    body = fake.sealed({"a": "工单"})
    assert json.loads(opened(ENCRYPT_KEY, json.loads(body)["encrypt"])) == {"a": "工单"}
    assert opened("another key", json.loads(body)["encrypt"]) != b'{"a": "\xe5'


@given(st.text() | st.binary().map(lambda data: data.hex()))
def test_no_ciphertext_makes_a_fault(text):
    opened(ENCRYPT_KEY, text)


@given(st.data())
def test_no_changed_ciphertext_is_read_as_it_was(data):
    whole = json.loads(fake.sealed({"token": fake.TOKEN, "text": "x" * 40}))["encrypt"]
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = whole[:at]
    assert (
        opened(ENCRYPT_KEY, cut) in (None, b"") or json.dumps(fake.TOKEN).encode() not in opened(ENCRYPT_KEY, cut)[-60:]
    )


@given(st.binary(max_size=200), st.text(max_size=30), st.text(max_size=30), st.text(max_size=70))
def test_no_signature_is_guessed(body, timestamp, nonce, signature):
    assert not signed(ENCRYPT_KEY, timestamp, nonce, body, signature)


def test_a_flipped_bit_is_another_body():
    body = fake.sealed({"a": 1})
    headers = fake.signed(body, "1780286400", "n")
    given_ = ("1780286400", "n")
    assert signed(ENCRYPT_KEY, *given_, body, headers["X-Lark-Signature"])
    for at in range(len(body)):
        flipped = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        assert not signed(ENCRYPT_KEY, *given_, flipped, headers["X-Lark-Signature"])


@pytest.mark.parametrize(
    "stamp",
    [
        "1791109426",
        "1791109426052",
        "1791109426052290",
        "1791109426052290112",
        "2026-10-04 18:23:46.052290112 +0800 CST m=+3612.1",
        "2026-10-04 18:23:46 +0800 CST",
        "2026-10-04 10:23:46.05 +0000 UTC m=-1.5",
        "2026-10-04 07:53:46 -0230",
    ],
)
def test_a_time_stamp_is_read_in_every_form_seen(stamp):
    moment = moment_of(stamp)
    assert moment.tzinfo is not None
    assert abs(moment - datetime(2026, 10, 4, 10, 23, 46, tzinfo=UTC)) < timedelta(seconds=1)


@pytest.mark.parametrize("stamp", ["", "now", "2026-13-04 18:23:46 +0800", "2026-10-04 18:23:46", "-1", "９", "1" * 30])
def test_anything_else_is_no_moment(stamp):
    assert moment_of(stamp) is None


@given(st.text() | st.from_regex(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}", fullmatch=True) | st.integers().map(str))
def test_no_time_stamp_makes_a_fault(stamp):
    moment = moment_of(stamp)
    assert moment is None or moment.utcoffset() is not None
    assert moment is None or timezone(moment.utcoffset())


# Frames

NUMBERS = st.integers(0, (1 << 64) - 1)
SMALL = st.integers(-(1 << 31), (1 << 31) - 1)
FRAMES = st.builds(
    Frame,
    NUMBERS,
    NUMBERS,
    SMALL,
    SMALL,
    st.dictionaries(st.text(), st.text(), max_size=5),
    st.text(),
    st.text(),
    st.binary(),
    st.text(),
)


@given(FRAMES)
def test_a_frame_is_read_as_it_was_written(frame):
    assert frames.read(frames.written(frame)) == frame


@given(st.binary())
def test_no_bytes_make_a_fault(data):
    frames.read(data)


@given(FRAMES, st.data())
def test_no_cut_or_flipped_frame_makes_a_fault(frame, data):
    whole = frames.written(frame)
    at = data.draw(st.integers(0, len(whole) - 1))
    frames.read(whole[:at])
    frames.read(whole[:at] + bytes([whole[at] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[at + 1 :])


def test_unknown_fields_are_passed_over():
    whole = frames.written(Frame(1, 2, 3, 1, {"type": "event"}, payload=b"x"))
    more = b"\x98\x01\x05" + b"\xa2\x01\x02ab" + b"\xad\x01\x00\x00\x00\x00" + b"\xb1\x01" + bytes(8)
    assert frames.read(whole + more) == frames.read(whole)
