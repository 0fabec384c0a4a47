"""Message templates."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError

from config.texts import Texts, cut

NOW = datetime(2026, 6, 1, 2, 32, tzinfo=UTC)


@pytest.fixture
def texts(tmp_path: Path) -> Texts:
    (tmp_path / "times.txt").write_text(
        "{{ at|clock }} {{ at|time }} {{ at|full }} {{ at|day }} {{ at|weekday }} {{ span|span }} {{ at|near(now) }}\n"
    )
    (tmp_path / "lines.txt").write_text("甲\n{% for item in items %}\n  {{ item }}\n{% endfor %}\n乙\n")
    return Texts(tmp_path)


def test_the_example_renders():
    text = Texts().render("example", now=NOW, number=123, state="待派单", due=NOW + timedelta(hours=2, minutes=5))
    assert text == "【#123】\n状态：待派单\n到期：12:37，2小时5分后"
    assert Texts().render("example", now=NOW, number=1, state="已结案", due=None) == "【#1】\n状态：已结案"


def test_filters_write_shanghai_times(texts: Texts):
    text = texts.render("times", at=NOW, now=NOW + timedelta(days=1), span=timedelta(hours=2, minutes=5))
    assert text == "10:32 06-01 10:32 2026-06-01 10:32 2026-06-01 周一 2小时5分 06-01 10:32"


def test_blocks_leave_no_blank_lines_and_nothing_is_escaped(texts: Texts):
    assert texts.render("lines", items=["<a>", "&"]) == "甲\n  <a>\n  &\n乙"


def test_a_missing_value_or_template_is_a_fault(texts: Texts):
    with pytest.raises(UndefinedError):
        texts.render("lines")
    with pytest.raises(TemplateNotFound):
        texts.render("nothing")


def test_long_texts_are_cut_to_one_line():
    assert cut("路灯\n不亮", 5) == "路灯 不亮"
    assert cut("路灯不亮三天了", 5) == "路灯不亮…"


def test_values_are_never_templates(texts: Texts):
    assert "{{ 7*7 }}" in texts.render("lines", items=["{{ 7*7 }}"])


def test_all_shipped_templates_compile():
    texts = Texts()
    assert "example" in texts.names()
    for name in texts.names():
        texts._environment.get_template(f"{name}.txt")
