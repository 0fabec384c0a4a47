"""What the system says in English is told in Chinese."""

import errno
import os

import pytest

from config.errors import reason


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "磁盘已满"),
        (errno.EACCES, "没有权限"),
        (errno.ENOENT, "没有这个文件或目录"),
        (errno.EADDRINUSE, "已被别的程序占用"),
        (errno.EPIPE, "系统错误 EPIPE"),
        (123456, "系统错误 123456"),
    ],
)
def test_the_reason_is_chinese_and_names_what_it_does_not_know(number, told):
    assert reason(OSError(number, os.strerror(number))) == told


def test_an_error_without_a_number():
    assert reason(OSError("broken")) == "系统错误"
