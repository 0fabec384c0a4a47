import pytest

from bot.platforms.reply_addresses import allowed

PUBLIC = {"oapi.dingtalk.com", "api.dingtalk.com"}
PRIVATE = "https://ding.example:8443"


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("https://oapi.dingtalk.com/robot/sendBySession?session=x", True),
        ("https://ding.example:8443/robot/sendBySession?session=x", True),
        ("http://oapi.dingtalk.com/robot", False),
        ("https://oapi.dingtalk.com.evil.example/robot", False),
        ("https://oapi.dingtalk.com:444/robot", False),
        ("https://user@oapi.dingtalk.com/robot", False),
        ("https://oapi.dingtalk.com@evil.example/", False),
        ("https://evil.example\\@oapi.dingtalk.com/", False),
        ("https://ding.example/robot", False),
        ("http://ding.example:8443/robot", False),
        ("https://oapi.dingtalk.com:99999/", False),
        ("https://oapi.dingtalk.com/\r\nX: y", False),
        ("//oapi.dingtalk.com/", False),
        ("", False),
    ],
)
def test_only_the_platform_itself_is_answered(url: str, right: bool):
    assert allowed(url, PUBLIC, PRIVATE) is right


def test_a_plain_address_only_on_this_machine():
    assert allowed("http://127.0.0.1:9000/x", PUBLIC, "http://127.0.0.1:9000")
    assert not allowed("http://127.0.0.1:9001/x", PUBLIC, "http://127.0.0.1:9000")
    assert not allowed("http://ding.example/x", PUBLIC, "http://ding.example")
