"""What DingTalk tells of messages, and what we make of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.platforms.dingtalk.answers import json_object
from bot.platforms.dingtalk.messages import told
from tests.platforms.conftest import NOON
from tests.platforms.dingtalk.desk import incoming, organisation
from tests.platforms.dingtalk_server import FakeDingTalk


def server():
    """A fake that only tells what messages look like."""
    return FakeDingTalk(now=lambda: NOON)


def test_a_message_in_a_group():
    data = server().said("/签收 12")
    found = incoming(data)
    assert (found.platform, found.message_id, found.chat, found.account) == ("dingtalk", "msg1", "cid1", "user123")
    assert (found.text, found.mentioned, found.quote, found.quote_text) == ("/签收 12", True, None, None)
    assert found.reply == {
        "session": data["sessionWebhook"],
        "expires": str(data["sessionWebhookExpiredTime"]),
    }


def test_a_message_in_private():
    found = incoming(server().said("待办", conversationType="1"))
    assert (found.chat, found.account, found.text) == (None, "user123", "待办")


@pytest.mark.parametrize("written", [" /签收 12", "/签收 12 @", "\u3000/签收 12\u3000@ ", "/签收 12\n"])
def test_what_is_left_of_the_mention_is_taken_off(written):
    assert incoming(server().said(text={"content": written})).text == "/签收 12"


@pytest.mark.parametrize(
    "other", [{"senderStaffId": ""}, {"senderStaffId": None}, {"senderCorpId": "ding-other"}, {"senderStaffId": "x\n"}]
)
def test_who_is_no_member_is_nobody(other):
    account = incoming(server().said(**other)).account
    assert account in ("outsider:$:LWCP_v1:$zhang", "x")
    assert organisation().by_account("dingtalk", account) is None


def test_nobody_can_be_named_like_an_outsider():
    assert incoming(server().said(senderStaffId="outsider:boss")).account == "outsider:$:LWCP_v1:$zhang"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"text": "【#12】 路灯不亮"}, "【#12】 路灯不亮"),
        ({"content": "【#12】 路灯不亮"}, "【#12】 路灯不亮"),
        ("【#12】 路灯不亮", "【#12】 路灯不亮"),
        (
            {"richText": [{"msgType": "text", "content": "【#12】"}, {"msgType": "picture"}, {"text": " 灯"}]},
            "【#12】 灯",
        ),
        ({"title": "只有标题"}, None),
        ({"text": {"text": {"text": {"text": {"text": {"text": {"text": "太深"}}}}}}}, None),
        (None, None),
        (12, None),
    ],
)
def test_a_quote_brings_its_text(content, text):
    quoted = {"msgId": "old", "msgType": "text", "content": content}
    found = incoming(server().said(text={"content": "签收", "isReplyMsg": True, "repliedMsg": quoted}))
    assert (found.quote, found.quote_text) == ("old", text)


def test_a_quote_of_what_the_app_pushed_brings_the_key_of_its_sending():
    data = server().said(text={"content": "签收", "isReplyMsg": True}, originalProcessQueryKey="key7")
    assert incoming(data).quote == "key7"


@pytest.mark.parametrize(
    ("kind", "content", "text", "files"),
    [
        ("picture", {"downloadCode": "c1"}, "", [("c1", "图片.jpg")]),
        ("file", {"downloadCode": "c1", "fileName": "现场.pdf"}, "", [("c1", "现场.pdf")]),
        ("video", {"downloadCode": "c1", "videoType": "mp4"}, "", [("c1", "视频.mp4")]),
        (
            "richText",
            {"richText": [{"text": "12 现场"}, {"downloadCode": "a"}, {"downloadCode": "b"}]},
            "12 现场",
            None,
        ),
        ("picture", {}, "", []),
    ],
)
def test_pictures_and_files_come_with_a_code(kind, content, text, files):
    found = told(server().said(msgtype=kind, content=content))
    assert found.incoming.text == text
    expected = [("a", "图片.jpg"), ("b", "图片.jpg")] if files is None else files
    assert [(file.code, file.name) for file in found.enclosures] == expected


def test_files_of_outsiders_are_not_fetched():
    data = server().said(msgtype="picture", content={"downloadCode": "c1"}, senderStaffId="")
    assert told(data).enclosures == ()


@pytest.mark.parametrize(
    "other",
    [
        {"msgId": ""},
        {"msgId": 5},
        {"conversationType": "3"},
        {"conversationId": None},
        {"msgtype": "audio"},
        {"msgtype": ["text"]},
        {"senderStaffId": None, "senderId": None},
    ],
)
def test_what_is_no_message_is_left(other):
    assert told(server().said(**other)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)
KEYS = ["text", "content", "senderStaffId", "msgtype", "conversationType", "sessionWebhook", "msgId", "isInAtList"]


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from([*KEYS, "sessionWebhookExpiredTime", "originalMsgId", "senderId"]), JSON))
def test_no_json_is_a_fault(changed):
    found = told(server().said(**changed))
    if found is not None:
        assert len(found.incoming.text.encode()) >= len(found.incoming.text)
        assert found.incoming.account


@given(st.binary(max_size=300) | st.text(st.characters(), max_size=300))
def test_no_bytes_are_a_fault(body):
    assert told(json_object(body)) is None


def test_deep_json_is_no_fault():
    assert json_object("[" * 100_000) == {}
