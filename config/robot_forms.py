"""The one place that knows what a group robot's address looks like on its platform (platforms, A1 to A3).

The organisation file is judged by it, line by line; the platforms build on it what they call.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlsplit

WECOM_HOST: Final = "qyapi.weixin.qq.com"
WECOM_PATH: Final = "/cgi-bin/webhook/send"
DINGTALK_PATH: Final = "/robot/send"
FEISHU_PATH: Final = "/open-apis/bot/v2/hook/"


class Form(NamedTuple):
    """The key is what stands behind `path`, or in the parameter `name` where there is one; `wanted` tells people."""

    path: str
    name: str | None
    key: re.Pattern[str]
    wanted: str


_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OWN: Final = "（字母、数字、- 或 _）"
_WECOM: Final = Form(WECOM_PATH, "key", re.compile(_UUID, re.IGNORECASE), "key= 和 36 位的键值（8-4-4-4-12）")
_PRIVATE_WECOM: Final = Form(WECOM_PATH, "key", re.compile(r"[A-Za-z0-9_-]{8,128}"), f"key= 和 8 到 128 位的键值{_OWN}")
_FORMS: Final[Mapping[str, Form]] = {
    "dingtalk": Form(
        DINGTALK_PATH,
        "access_token",
        re.compile(r"[A-Za-z0-9_-]{16,256}"),
        f"access_token= 和 16 到 256 位的令牌{_OWN}",
    ),
    "feishu": Form(FEISHU_PATH, None, re.compile(r"[A-Za-z0-9_-]{8,128}"), f"{FEISHU_PATH} 和 8 到 128 位的键值{_OWN}"),
}


def robot_key(platform: str, url: str) -> str:
    """What is the robot's own in an address that `checked_address` took; raises ValueError with what a Chinese
    sentence about the address goes on with, which never repeats any of it."""
    parts = urlsplit(url.rstrip("/"))
    host = parts.hostname or ""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("主机名写法不对") from None
    form = _form(platform, host)
    key = _given(form, parts)
    if not form.key.fullmatch(key):
        raise ValueError(f"应含 {form.wanted}")
    if form.name is not None and not parts.path.endswith(form.path):
        raise ValueError(f"在问号前应以 {form.path} 结尾")
    return key


def _form(platform: str, host: str) -> Form:
    """What keys private installations of WeCom give out nobody has written down; on its public host they are UUIDs."""
    if platform != "wecom":
        return _FORMS[platform]
    return _WECOM if host.rstrip(".") == WECOM_HOST else _PRIVATE_WECOM


def _given(form: Form, parts: SplitResult) -> str:
    if form.name is None:
        return parts.path.partition(form.path)[2]
    return parse_qs(parts.query).get(form.name, [""])[0]
