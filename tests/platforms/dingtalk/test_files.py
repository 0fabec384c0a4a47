"""Pictures and files that come with messages."""

import pytest

from bot.platforms.dingtalk.files import _safe


async def test_a_picture_is_fetched_and_readable_while_it_is_taken(platform, dingtalk, ears):
    dingtalk.files["c1"] = b"\x89PNG" * 1000
    await platform._take(dingtalk.said(msgtype="picture", content={"downloadCode": "c1"}))

    (found,) = ears.heard
    assert [(file.name, file.size) for file in found.files] == [("图片.jpg", 4000)]
    assert ears.files == [dingtalk.files["c1"]]
    assert not found.files[0].path.exists() or found.files[0].path.read_bytes() != ears.files[0]


async def test_a_file_that_cannot_be_had_is_told_with_the_reason(platform, dingtalk, ears):
    await platform._take(dingtalk.said(msgtype="file", content={"downloadCode": "gone", "fileName": "现场.pdf"}))
    (file,) = ears.heard[0].files
    assert (file.name, file.size, ears.files) == ("现场.pdf", 0, [b""])
    assert file.lost.startswith("没有从钉钉取到（") and file.lost.endswith("），请再发一次")


async def test_a_file_that_is_too_large_is_told_by_its_size(platform, dingtalk, ears, monkeypatch):
    monkeypatch.setattr("bot.platforms.dingtalk.files.MAX_BYTES", 1000)
    dingtalk.files["c1"] = b"x" * 1001
    await platform._take(dingtalk.said(msgtype="picture", content={"downloadCode": "c1"}))
    assert ears.heard[0].files[0].size == 1001


@pytest.mark.parametrize(
    ("address", "base", "safe"),
    [
        ("https://down-cdn.dingtalk.com/a?x=1", "https://api.dingtalk.com", True),
        ("https://store.oss-cn-beijing.aliyuncs.com/a", "https://api.dingtalk.com", True),
        ("https://store.aliyuncs.com:443/a", "https://api.dingtalk.com", True),
        ("http://127.0.0.1:1/a", "http://127.0.0.1:2", True),
        ("http://127.0.0.1/a", "https://api.dingtalk.com", False),
        ("https://localhost/a", "https://api.dingtalk.com", False),
        ("http://down.dingtalk.com/a", "https://api.dingtalk.com", False),
        ("https://10.0.0.1/a", "https://api.dingtalk.com", False),
        ("https://[::1]/a", "https://api.dingtalk.com", False),
        ("https://[fd00::1]/a", "https://api.dingtalk.com", False),
        ("https://0x7f000001/a", "https://api.dingtalk.com", False),
        ("https://2130706433/a", "https://api.dingtalk.com", False),
        ("https://127.1/a", "https://api.dingtalk.com", False),
        ("https://0x7f.0x1/a", "https://api.dingtalk.com", False),
        ("https://a.example:8443/a", "https://api.dingtalk.com", False),
        ("https://u:p@a.example/a", "https://api.dingtalk.com", False),
        ("https://intranet/a", "https://api.dingtalk.com", False),
        ("https://a.example\\@b.example/a", "https://api.dingtalk.com", False),
        ("https://[a/", "https://api.dingtalk.com", False),
        ("ftp://a.example/a", "https://api.dingtalk.com", False),
    ],
)
def test_where_a_file_may_lie(address, base, safe):
    assert _safe(address, base) is safe


async def test_a_file_at_a_strange_address_is_not_fetched(platform, dingtalk, ears):
    dingtalk.redirects["c1"] = "http://169.254.169.254/latest"
    await platform._take(dingtalk.said(msgtype="picture", content={"downloadCode": "c1"}))
    assert "不能访问的地址" in ears.heard[0].files[0].lost
