"""Positions in TOML files: every value's line, however it is written."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.document import key_text, read_document
from config.errors import ConfigError

TEXT = '''\
# a comment with [[brackets]] and "quotes
top = 1
dotted.inner = "a = b # no comment"
"quoted.key" = 'lit\\eral'

long = """
[[not a table]]
ends with quotes"""""
list = [
  1, # [one
  { a = [
    "x" ], b.c = 2026-01-01 08:00:00 },
]

[table.sub]
key = true
[[array]]
name = "first"
[[array]]
name = "second"
[array.child]
deep = 1
[[array.items]]
n = 0
[[array.items]]
n = 1
'''


def test_every_value_has_its_line(tmp_path: Path):
    path = tmp_path / "some.toml"
    path.write_text(TEXT)
    document = read_document(path, "文件")
    lines = {
        ("top",): 2,
        ("dotted", "inner"): 3,
        ("quoted.key",): 4,
        ("long",): 6,
        ("list",): 9,
        ("list", 0): 10,
        ("list", 1): 11,
        ("list", 1, "a", 0): 12,
        ("list", 1, "b", "c"): 12,
        ("table", "sub", "key"): 16,
        ("array", 0): 17,
        ("array", 0, "name"): 18,
        ("array", 1, "name"): 20,
        ("array", 1, "child", "deep"): 22,
        ("array", 1, "items", 0, "n"): 24,
        ("array", 1, "items", 1, "n"): 26,
    }
    assert {loc: document.line(loc) for loc in lines} == lines
    assert document.line(("array", 1, "missing")) == 19
    assert document.line(("missing",)) is None


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path: Path):
    path = tmp_path / "some.toml"
    path.write_bytes(b"\xef\xbb\xbf# one\r\nkey = 1\r\n")
    assert read_document(path, "文件").line(("key",)) == 2


def test_a_syntax_mistake_names_its_line(tmp_path: Path):
    path = tmp_path / "some.toml"
    for text, message in [
        ("a = 1\nb c\n", "第 2 行：键后面要写等号和值"),
        ("a = 1\na = 2\n", "第 2 行：同一个键写了两次"),
        ("a = [1,\n", "第 2 行"),
        ('a = "x\n', "第 1 行：有不能出现的字符，引号可能没有写完"),
    ]:
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            read_document(path, "文件")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_key_is_named_as_it_is_written():
    assert key_text(("http", "port")) == "http.port"
    assert key_text(("people", 3, "roles", 0)) == "roles"
    assert key_text(("groups", 0, "robots", 1, "webhook")) == "robots.webhook"
    assert key_text(("people", 3)) == "people"
    assert key_text(()) == ""


KEYS = st.sampled_from(["a", "b_1", "c-2", '"d.e"', "'f]'"])
SCALARS = st.sampled_from(["1", '"x # y"', "'''z\n[q]'''", '"""\n\\""" ]"""', "1.5e3", "2026-01-01 08:00:00", "true"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3).map(lambda items: "[\n" + ", # c]\n".join(items) + "\n]"),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.lists(st.tuples(KEYS, VALUES), unique_by=lambda pair: pair[0], max_size=4), st.integers(0, 3))
def test_reading_follows_whatever_tomllib_accepts(tmp_path_factory, pairs, blank):
    text = ("\n" * blank).join(f"{key} = {value}\n" for key, value in pairs)
    path = tmp_path_factory.getbasetemp() / "generated.toml"
    path.write_text(text)
    document = read_document(path, "文件")
    expected, line = {}, 1
    for key, value in pairs:
        expected[tomllib.loads(f"{key}=1").popitem()[0]] = line
        line += f"{key} = {value}\n".count("\n") + blank
    assert {key: document.line((key,)) for key in document.data} == expected
