"""Masked forms, neutralised text and log lines."""

import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.intake.text import shortened
from handlers.privacy import clean, echoed, mask_name, mask_phone, neutralise, redact_log

any_text = st.text(st.characters(), max_size=80)


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张**"),
        ("欧阳震华", "欧**"),
        ("张女士", "张**"),
        ("张某", "张某"),
        ("张某某", "张某某"),
        ("张某三", "张**"),
        ("张**", "张**"),
        ("张××", "张**"),
        ("保密", "保密"),
        ("", ""),
        ("  ", ""),
        ("John Smith", "J***"),
        ("买买提·艾力", "买**"),
        ("张三（本人）13800001234", "张**"),
        ("13800001234", "138****1234"),
        ("，", "*"),
        ("张\u200b三", "张*"),
    ],
)
def test_a_name_keeps_its_first_character(name, masked):
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("13800001234", "138****1234"),
        ("+86 138-0000-1234", "138****1234"),
        ("１３８００００１２３４", "138****1234"),
        ("010-88880000", "010-****0000"),
        ("010-88880000转801", "010-****0000"),
        ("0311-8888000", "0311-****8000"),
        ("88880000", "****0000"),
        ("136××××", "136****"),
        ("136××××1234", "136****1234"),
        ("138xxxx1234", "138****1234"),
        ("138****1234", "138****1234"),
        ("1380000123*", "138****"),
        ("1380000123", "138****"),
        ("保密", "保密"),
        ("", ""),
        ("wx_zhang001", "w***"),
        ("zhang@example.com", "z***"),
        ("13800001234/13800005678", "138****1234/138****5678"),
        ("12345", "1***"),
    ],
)
def test_a_phone_keeps_its_ends(phone, masked):
    assert mask_phone(phone) == masked


@given(any_text)
def test_masking_is_stable_and_shows_no_complete_number(text):
    for mask in (mask_name, mask_phone):
        masked = mask(text)
        assert mask(masked) == masked
        assert not any(len(part) > 4 for part in "".join(c if c.isdecimal() else " " for c in masked).split())


# Text from citizens


@pytest.mark.parametrize(
    ("text", "neutral"),
    [
        ("@所有人 看这里", "＠所有人 看这里"),
        ("<@U123> <at user_id=\"all\"></at> <font color='red'>", "＜@U123＞"),
        ("/签收 123", "⁄签收 123"),
        ("好的\n／签收", "好的\n⁄签收"),
        ("  、结案 5", "  ⁄结案 5"),
        ("\\\\/派单", "⁄⁄⁄派单"),
        ("和/或、以及", "和/或、以及"),
        ("【#123】 热线-260601-000123", "〔#123】 热线-260601-000123"),
        ("【 ＃123】", "〔 ＃123】"),
        ("【紧急】", "【紧急】"),
        ("[点我](dtmd://dingtalkclient/sendMessage?content=/签收)", "[点我］(dtmd"),
        ("a\x00b\u202ec\u200bd\x07e", "abcde"),
        ("一\r\n二\u2028三\t四", "一\n二\n三 四"),
        ("\ud83d", "\ufffd"),
    ],
)
def test_text_from_outside_becomes_neither_mention_nor_command(text, neutral):
    assert neutralise(text).startswith(neutral.replace("@U", "＠U"))


@given(any_text | st.text(" \n\t/／、\\【#＃<>@](\u200b\u202e\x00a签收", max_size=30))
def test_neutral_text_is_neutral_and_can_be_written(text):
    neutral = neutralise(text)
    assert neutralise(neutral) == neutral
    assert not set(neutral) & set("@<>\x00\u202e\u200b\r\t")
    assert "【#" not in neutral
    assert "](" not in neutral
    assert not any(line.lstrip().startswith(("/", "／", "、", "\\")) for line in neutral.split("\n"))
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Cs") for c in neutral if c != "\n")
    neutral.encode()


@given(any_text)
def test_clean_text_is_clean(text):
    assert clean(clean(text)) == clean(text)


# Log lines


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("POST https://qyapi.example.com/cgi-bin/webhook/send?key=0a1b2c3d-aaaa-bbbb-cccc-0123456789ab", "0a1b2c3d"),
        ("https://oapi.example.com/robot/send?access_token=abc123&timestamp=1", "abc123"),
        ("https://open.example.cn/open-apis/bot/v2/hook/0a1b-2c3d", "0a1b-2c3d"),
        ("Authorization: Bearer abc.def-ghi", "abc.def"),
        ("{'authorization': 'Basic dTpw'}", "dTpw"),
        ("postgresql://jiesu:geheim@localhost/jiesu", "geheim"),
        ("postgresql://jiesu:ge@heim@localhost/jiesu", "heim"),
        ('{"client_secret": "s p a c e"}', "a c e"),
        ("JIESU_MAIL__PASSWORD=geheim", "geheim"),
        ("JIESU_VAULT__KEY=AAECAwQFBgc=", "AAECAwQ"),
        ("sign=abcdef&x=1", "abcdef"),
        ("caller 13800001234 called", "13800001234"),
        ("content=3号楼2单元501室", "501"),
    ],
)
def test_a_log_line_shows_neither_keys_nor_persons(line, secret):
    assert secret not in redact_log(line)
    assert redact_log(redact_log(line)) == redact_log(line)


@pytest.mark.parametrize(
    "line",
    [
        "2026-06-01T10:30:00.123456+08:00 INFO order 123 热线-260601-000123 signed",
        "outbox key=12 attempt=3 status=200 in 35 ms from 192.168.100.23:8080",
        "head " + string.hexdigits[:16] * 4,
        "request 0a1b2c3d-0000-1111-2222-012345678901",
        "rows=100000 seconds=12.5",
    ],
)
def test_a_log_line_keeps_what_an_engineer_needs(line):
    assert redact_log(line) == line


@pytest.mark.parametrize("words", range(5, 22))
def test_an_echo_is_masked_before_it_is_cut(words: int) -> None:
    shown = echoed("噪" * words + "13800001234，请回电")
    assert not re.search(r"[0-9]{4}\*{0,4}[0-9]|[0-9]{5}", shown)


@pytest.mark.parametrize("before", range(485, 501))
def test_a_column_is_never_cut_within_a_number(before: int) -> None:
    kept = shortened("噪" * before + "138 0000 1234 请回电", 500)
    assert len(kept) <= 500
    assert kept.lstrip("噪") in ("", "138 0000 1234 请回电"[: len(kept) - before]) and not re.search("[0-9]$", kept)


def test_a_column_is_cut_behind_a_sign_where_one_is_near() -> None:
    assert shortened("噪" * 480 + "，来电人张三丰反映" + "扰民" * 20, 490) == "噪" * 480 + "，"
    assert shortened("噪声", 2) == "噪声"
