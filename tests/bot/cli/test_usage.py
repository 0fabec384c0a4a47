"""What the command line says to words that it cannot take: one Chinese line."""

import re
import sys

import pytest

from bot.cli.main import main


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("demo --port 99999", "--port 应不大于 65535"),
        ("demo --port -1", "--port 应不小于 0"),
        ("demo --port x", "--port 应为整数"),
        ("demo --port 1.5", "--port 应为整数"),
        ("demo --port " + "9" * 5000, "--port 应为整数，位数太多"),
        ("demo --speed x", "--speed 应为数字"),
        ("demo --speed -1", "--speed 应不小于 0"),
        ("demo --speed 99999", "--speed 应不大于 3600"),
        ("demo --speed nan", "--speed 应"),
        ("demo --port", "选项 '--port' 后面要写值"),
        ("doctor --probe=x", "选项 '--probe' 后面不写值"),
        ("demo y", "多了参数 (y)"),
        ("demo --prt 1", "没有这个选项"),
        ("dem", "没有这个命令"),
        ("policy check", "缺少参数：规则文件"),
    ],
)
def test_words_that_cannot_be_taken(
    words: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["jiesu", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert told in said
    assert said.count("\n") == 1
    assert len(said) < 300
    assert re.search("[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}", said.partition("。")[0]) is None, "a sentence in English"
