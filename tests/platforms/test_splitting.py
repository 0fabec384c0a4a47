import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.platforms.splitting import LEAST_LIMIT, cut, split_text

LIMIT = 2048
COUNTER = re.compile(r"\n?\((\d+)/(\d+)\)\Z")
CONTINUED = re.compile(r"\A【#\d+】（续）\n")

clusters = ["👨‍👩‍👧‍👦", "🇨🇳🇨🇳", "👍🏽", "e\u0301", "❤️", "𠮷", "\u200b"]
marks = ["\n", "\r\n", "\n\n", " ", "，", "…", "！”", "(1/3)", "<@all>", "\x00"]
words = st.sampled_from(
    ["【#123】", "工单", "路灯不亮。", "13800001111", "https://a.example/?x=1&y=2", *clusters, *marks]
)
texts = st.one_of(
    st.text(max_size=400),
    st.lists(words, max_size=300).map("".join),
    st.tuples(st.sampled_from(["", "【#7】 ", "【#123】\n"]), st.lists(words, max_size=200).map("".join)).map("".join),
)


def pieces_of(parts):
    """What remains without the heads and counters that the docstring of the module allows."""
    if len(parts) == 1:
        return parts
    return [COUNTER.sub("", CONTINUED.sub("", part) if number else part) for number, part in enumerate(parts)]


@given(texts, st.integers(min_value=LEAST_LIMIT, max_value=600))
def test_no_part_is_longer_than_the_limit_and_nothing_is_lost(text, limit):
    parts = split_text(text, limit)

    assert all(len(part.encode()) <= limit for part in parts)
    numbers = [tuple(map(int, COUNTER.search(part).groups())) for part in parts] if len(parts) > 1 else []
    assert numbers == [(number, len(parts)) for number in range(1, len(parts) + 1)][: len(numbers)]
    # the counter's own line break hides whether the piece ended with one
    assert "".join(pieces_of(parts)).replace("\n", "") == text.replace("\n", "")


@given(texts, st.integers(min_value=4, max_value=300))
def test_pieces_joined_are_the_text_to_the_last_character(text, room):
    pieces = cut(text, room)

    assert "".join(pieces) == text
    assert all(0 < len(piece.encode()) <= room for piece in pieces) or text == ""


@given(st.text(st.characters(), max_size=300))
def test_any_code_points_come_out_encodable(text):
    for part in split_text(text + "\ud83d" * 50, LEAST_LIMIT):
        part.encode()


def test_a_text_that_fits_is_left_alone():
    exact = "单" * 682 + "ab"
    assert len(exact.encode()) == LIMIT

    assert split_text(exact, LIMIT) == [exact]
    assert split_text("", LIMIT) == [""]


def test_one_byte_too_many_makes_two_parts():
    parts = split_text("单" * 682 + "abc", LIMIT)

    assert [part[-5:] for part in parts] == ["(1/2)", "(2/2)"]
    assert max(len(part.encode()) for part in parts) <= LIMIT


def test_cuts_at_line_ends_first():
    lines = [f"第{number}行：" + "路灯不亮" * 20 for number in range(30)]

    pieces = pieces_of(split_text("\n".join(lines), LIMIT))

    assert [line for piece in pieces for line in piece.split("\n")] == lines


def test_cuts_behind_a_sentence_where_there_is_no_line_end():
    parts = split_text("居民反映路灯不亮，请尽快处理。" * 100, LIMIT)

    assert all(piece.endswith("。") for piece in pieces_of(parts))


def test_an_early_line_end_does_not_cost_a_message():
    parts = split_text("【#123】\n" + "很长的一段" * 150, LIMIT)

    assert len(parts) == 2


def test_every_part_tells_its_order_on_its_first_line():
    parts = split_text("【#123】 紧急 市政设施\n" + "居民反映路灯不亮。\n" * 300, LIMIT)

    assert len(parts) > 3
    assert all(part.startswith("【#123】") for part in parts)
    assert [part.split("\n")[0] for part in parts[1:]] == ["【#123】（续）"] * (len(parts) - 1)


def test_an_order_named_further_down_is_no_head():
    parts = split_text("今日汇总\n" + "【#123】 路灯不亮\n" * 200, LIMIT)

    assert not any("（续）" in part for part in parts)


@pytest.mark.parametrize("count", [9, 10, 11, 99, 100, 101, 1000])
def test_the_counter_is_counted_however_many_digits_it_has(count):
    parts = split_text("测" * (count * 38), 128)

    assert max(len(part.encode()) for part in parts) <= 128
    assert parts[-1].endswith(f"({len(parts)}/{len(parts)})")


@pytest.mark.parametrize("cluster", ["👨‍👩‍👧‍👦", "🇨🇳", "👍🏽", "e\u0301", "❤️", "\r\n", "1️⃣"])
def test_no_cut_inside_what_reads_as_one_character(cluster):
    for padding in range(len(cluster.encode()) + 1):
        for piece in cut("x" * padding + " " + cluster * 60, 100):
            assert not piece.startswith(("\u200d", "\u0301", "\ufe0f", "\u20e3", "\n", "\U0001f3fd"))
            assert unicodedata.category(piece[0])[0] != "M"
            assert sum("\U0001f1e6" <= mark <= "\U0001f1ff" for mark in piece) % 2 == 0


def test_no_cut_inside_a_number_or_an_address():
    number = "20260601000123"
    for padding in range(40):
        text = "单" * padding + ("号" + number) * 30
        assert all(piece.count("0123") == piece.count("2026") for piece in cut(text, 100))


def test_a_run_without_any_border_is_cut_all_the_same():
    assert [len(piece) for piece in cut("a" * 250, 100)] == [100, 100, 50]


def test_a_limit_without_room_is_refused():
    with pytest.raises(ValueError, match="128"):
        split_text("x", LEAST_LIMIT - 1)


def test_a_hundred_thousand_characters_are_cut_whole():
    text = "居民反映路灯不亮，请处理。" * 8000

    assert "".join(pieces_of(split_text(text, LIMIT))) == text
