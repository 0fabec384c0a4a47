"""What the bot hears in a room's events, and what it makes of a message before it leaves."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.platforms.contract import Mention, Outcome, Outgoing, OutgoingFile, Table
from bot.platforms.matrix.api import answer_of
from bot.platforms.matrix.content import CONTENT_BYTES, parts, said, shared
from bot.platforms.matrix.reading import Heard, Me, heard
from bot.platforms.matrix.sender import transaction
from bot.platforms.posting import NoReply, Reply

ME = Me("@jiesu:chat.test", "接诉 助手")
ZHANG = Mention("zhang", "张三", "@zhang:chat.test")
LI = Mention("li", "李四")


def event(body: Any = "/签收 12", sender: str = "@zhang:chat.test", **content: Any) -> dict[str, Any]:
    inside = {"msgtype": "m.text", "body": body, **content}
    return {"type": "m.room.message", "event_id": "$1", "sender": sender, "content": inside}


def hear(body: str, **content: Any) -> Heard:
    found = heard(event(body, **content), ME)
    assert found is not None
    return found


def quoting(target: str, **more: Any) -> dict[str, Any]:
    return {"m.in_reply_to": {"event_id": target}, **more}


@pytest.mark.parametrize(
    ("body", "text", "mentioned"),
    [
        ("/签收 12", "/签收 12", False),
        ("大家辛苦", "大家辛苦", False),
        ("接诉 助手: 签收 12", "签收 12", True),
        ("接诉 助手：签收 12", "签收 12", True),
        ("@接诉 助手 签收 12", "签收 12", True),
        ("@jiesu 签收 12", "签收 12", True),
        ("jiesu/签收 12", "/签收 12", True),
        ("签收 12 @jiesu:chat.test", "签收 12", True),
        ("签收 12@jiesu", "签收 12", True),
        (
            "[接诉](https://matrix.to/#/@jiesu:chat.test) 分办 3 [李四](https://matrix.to/#/%40li:chat.test)",
            "分办 3 @李四",
            True,
        ),
        ("jiesus 签收 12", "jiesus 签收 12", False),
        ("请问 jiesu 在吗", "请问 jiesu 在吗", False),
        ("接诉 助手", "", True),
    ],
)
def test_the_bots_name_at_either_end_addresses_it(body, text, mentioned):
    found = hear(body)
    assert (found.text, found.mentioned) == (text, mentioned)


def test_a_mention_in_the_platforms_way_addresses_it_wherever_the_name_stands():
    assert hear("请 接诉 助手 看看", **{"m.mentions": {"user_ids": [ME.user_id]}}).mentioned
    assert not hear("请 张三 看看", **{"m.mentions": {"user_ids": [ZHANG.account]}}).mentioned


def test_a_quote_names_its_event_and_what_older_clients_repeat_is_left_out():
    found = hear(
        "> <@jiesu:chat.test> 【#7】新工单\n> 第二行\n\n/签收\n> 这行是我写的", **{"m.relates_to": quoting("$9")}
    )
    assert (found.quote, found.text) == ("$9", "/签收\n> 这行是我写的")
    assert hear("> 不是引用\n\n/签收").text == "> 不是引用\n\n/签收"


def test_in_a_thread_the_message_that_begins_it_is_quoted():
    thread = {"rel_type": "m.thread", "event_id": "$root"}
    last = hear("/签收", **{"m.relates_to": quoting("$last", **thread, is_falling_back=True)})
    assert (last.quote, last.thread) == ("$root", "$root")
    real = hear("/签收", **{"m.relates_to": quoting("$other", **thread, is_falling_back=False)})
    assert (real.quote, real.thread) == ("$other", "$root")


@pytest.mark.parametrize(
    "silent",
    [
        event(sender="@jiesu:chat.test"),
        event(msgtype="m.notice"),
        event(msgtype="m.emote"),
        event(**{"m.relates_to": {"rel_type": "m.replace", "event_id": "$0"}, "m.new_content": {"body": "/签收 3"}}),
        event() | {"content": {}},
        event() | {"type": "m.reaction"},
        event() | {"state_key": ""},
        event(msgtype="m.image", url="https://elsewhere.test/x.png"),
        event(msgtype="m.file", file={"url": "mxc://chat.test/sealed"}),
    ],
)
def test_own_words_other_bots_edits_and_what_is_no_message_are_not_heard(silent):
    assert heard(silent, ME) is None


def test_a_picture_has_its_name_and_what_was_written_beside_it():
    content = {"msgtype": "m.image", "url": "mxc://chat.test/abc", "info": {"size": 12}}
    bare, told = hear("现场.png", **content), hear("12 现场照片", filename="现场.png", **content)
    assert bare.file == told.file
    assert (bare.file.name, bare.file.server, bare.file.media, bare.file.size) == ("现场.png", "chat.test", "abc", 12)
    assert (bare.text, told.text) == ("", "12 现场照片")


plain = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["m.text", "m.image", "> <a"])
)
anything = plain | st.lists(plain, max_size=2) | st.dictionaries(st.text(max_size=3), plain, max_size=2)
relations = st.fixed_dictionaries({"m.in_reply_to": anything, "rel_type": anything, "event_id": anything})
contents = st.fixed_dictionaries(
    {"msgtype": st.sampled_from(["m.text", "m.image"]) | anything, "body": st.text() | anything},
    optional={
        "url": st.just("mxc://a/b") | anything,
        "info": anything,
        "filename": anything,
        "m.mentions": st.fixed_dictionaries({"user_ids": anything}) | anything,
        "m.relates_to": relations | anything,
    },
)


@given(
    st.fixed_dictionaries(
        {
            "type": st.just("m.room.message"),
            "event_id": st.just("$1") | anything,
            "sender": st.just("@a:b") | anything,
            "content": contents | anything,
        }
    )
    | anything
)
def test_no_event_is_a_fault(found):
    result = heard(found, ME)
    assert result is None or isinstance(result.text, str)


# ----------------------------------------------------------------------------------------------------- what leaves


@given(
    st.text(max_size=200).map(lambda piece: piece * 300) | st.text(alphabet="\"\\\n&<>'", max_size=40_000),
    st.none() | st.just("$0"),
    st.booleans(),
)
@example("汉" * 30_000, "$0", True)
def test_every_part_fits_into_an_event(text, edits, calls):
    message = Outgoing(1, text, (ZHANG, LI) if calls else (), edits=edits)
    pieces = parts(message)
    for piece in pieces:
        assert len(json.dumps(said(piece), ensure_ascii=False).encode()) <= CONTENT_BYTES
    assert [piece.mentions for piece in pieces[1:]] == [()] * (len(pieces) - 1)


def test_people_are_called_by_account_and_named_in_the_text():
    (part,) = parts(Outgoing(1, "【#7】派单 <b>", (ZHANG, LI)))
    content = said(part)
    assert content["msgtype"] == "m.text"
    assert content["body"] == "【#7】派单 <b>\n@张三 @李四"
    assert content["m.mentions"] == {"user_ids": ["@zhang:chat.test"]}
    link = '<a href="https://matrix.to/#/@zhang:chat.test">张三</a>'
    assert content["formatted_body"] == f"【#7】派单 &lt;b&gt;<br>{link} @李四"


def test_a_citizens_text_calls_nobody():
    content = said(*parts(Outgoing(1, "找 @room 和 @zhang:chat.test\x00 @ROOM")))
    assert content["body"] == "找 ＠room 和 @zhang:chat.test ＠ROOM"
    assert content["m.mentions"] == {}
    assert "formatted_body" not in content


def test_an_answer_is_a_notice_below_what_it_answers_and_in_its_thread():
    answer = said(*parts(Outgoing(1, "✔", reply={"event": "$5"})))
    assert (answer["msgtype"], answer["m.relates_to"]) == ("m.notice", quoting("$5"))
    inside = said(*parts(Outgoing(1, "✔", reply={"event": "$5", "thread": "$0"})))["m.relates_to"]
    assert inside == quoting("$5", rel_type="m.thread", event_id="$0", is_falling_back=True)


def test_a_table_is_shown_and_stays_text_for_who_reads_only_text():
    table = Table(("科室", "在办"), (("城管 <科>", "12"),))
    content = said(*parts(Outgoing(1, "在办\n城管 12", table=table)))
    assert content["body"] == "在办\n城管 12"
    assert content["formatted_body"].startswith("在办<table><thead><tr><th>科室</th>")
    assert "<td>城管 &lt;科&gt;</td>" in content["formatted_body"]
    assert "formatted_body" not in said(*parts(Outgoing(1, "在办", table=table, plain=True)))
    many = Table(("科室",), (("长" * 100,),) * 1000)
    assert "formatted_body" not in said(*parts(Outgoing(1, "在办", table=many)))


def test_an_edit_takes_a_messages_place_and_calls_nobody_again():
    content = said(*parts(Outgoing(1, "已签收", (ZHANG,), edits="$3")))
    assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": "$3"}
    assert content["m.new_content"]["body"] == "已签收\n@张三"
    assert content["m.mentions"] == {}


def test_a_file_follows_its_text():
    file = OutgoingFile("日报@room.png", "image/png", b"123")
    text, picture = parts(Outgoing(1, "日报", file=file))
    assert (text.text, text.file, picture.file) == ("日报", None, file)
    content = shared(file, "mxc://chat.test/a")
    assert (content["msgtype"], content["body"], content["info"]["size"]) == ("m.image", "日报＠room.png", 3)
    assert len(parts(Outgoing(1, "日报", file=file, plain=True))) == 1


def test_a_transaction_is_the_row_and_all_it_says():
    one = Outgoing(1, "甲", file=OutgoingFile("a", "text/plain", b"1"))
    assert transaction(one) == transaction(Outgoing(1, "甲", file=OutgoingFile("a", "text/plain", b"1")))
    others = (Outgoing(1, "乙"), Outgoing(2, "甲"), Outgoing(1, "甲", file=OutgoingFile("a", "text/plain", b"2")))
    assert len({transaction(each) for each in (one, *others)}) == 4


# ---------------------------------------------------------------------------------------------- what answers mean


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (NoReply(True, "连接中断"), Outcome.RETRY),
        (NoReply(False, "连接不上"), Outcome.RETRY),
        (Reply(200, b"<html>"), Outcome.RETRY),
        (Reply(200, None), Outcome.RETRY),
        (Reply(302, b""), Outcome.CLOSED),
        (Reply(502, b""), Outcome.RETRY),
        (Reply(500, b'{"errcode":"M_UNKNOWN"}'), Outcome.RETRY),
        (Reply(401, b'{"errcode":"M_UNKNOWN_TOKEN"}'), Outcome.CLOSED),
        (Reply(403, b'{"errcode":"M_FORBIDDEN"}'), Outcome.CLOSED),
        (Reply(413, b'{"errcode":"M_TOO_LARGE"}'), Outcome.PERMANENT),
        (Reply(400, b'{"errcode":"ORG_NEW_CODE"}'), Outcome.PERMANENT),
        (Reply(429, b""), Outcome.RETRY_AFTER),
    ],
)
def test_what_an_answer_means(reply, outcome):
    assert answer_of(reply).outcome is outcome


def test_the_longer_pause_counts_and_an_unknown_code_is_shown():
    asked = b'{"errcode":"M_LIMIT_EXCEEDED","retry_after_ms":4578}'
    answer = answer_of(Reply(429, asked))
    assert answer.wait is not None and answer.wait.total_seconds() == 4.578
    assert "M_NEW" in answer_of(Reply(400, b'{"errcode":"M_NEW"}')).detail
    assert "syt" not in answer_of(Reply(400, b'{"errcode":"syt_x y"}')).detail


@given(
    st.integers(100, 599), st.binary() | anything.map(lambda value: json.dumps(value).encode()), st.none() | anything
)
def test_no_answer_is_a_fault_and_none_is_unknown(code, body, wait):
    assert answer_of(Reply(code, body)).outcome in set(Outcome) - {Outcome.UNKNOWN, Outcome.SENT}
    limited = json.dumps({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": wait}).encode()
    answer = answer_of(Reply(429, limited))
    assert answer.wait is not None and answer.wait.total_seconds() >= 0
