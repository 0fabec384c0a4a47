"""What is the robot's own in its address: its key, in its platform's form (platforms, A1 to A3), and how to say so."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

WECOM_HOST: Final = "qyapi.weixin.qq.com"


class Form(NamedTuple):
    """The key is the first group of `shape` in the address; `wanted` tells people."""

    shape: re.Pattern[str]
    wanted: str


_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_WECOM: Final = Form(re.compile(rf"[?&]key=({_UUID})(?:&|$)", re.IGNORECASE), "key= 和 36 位的键值（8-4-4-4-12）")
_PRIVATE_WECOM: Final = Form(
    re.compile(r"[?&]key=([A-Za-z0-9_-]{8,128})(?:&|$)"), "key= 和 8 到 128 位的键值（字母、数字、- 或 _）"
)
_FORMS: Final[Mapping[str, Form]] = {
    "dingtalk": Form(re.compile(r"[?&]access_token=([^&]+)"), "access_token="),
    "feishu": Form(re.compile(r"/hook/([^/?#]+)$"), "/hook/"),
}


def form_of(platform: str, url: str) -> Form:
    """The form of a robot's address that `checked_address` took. What keys private installations of WeCom give out
    nobody has written down; on its public host they are UUIDs."""
    if platform != "wecom":
        return _FORMS[platform]
    return _WECOM if (urlsplit(url).hostname or "").rstrip(".") == WECOM_HOST else _PRIVATE_WECOM
