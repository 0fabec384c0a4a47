"""One person, 科室, 包片, 社区, robot or group, and what each may hold.

Format and requirements: interface, "The organisation file"; roles: domain, section 1.
"""

import contextlib
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from config.problems import did_you_mean
from config.robot_forms import robot_key

ROLES: Final = {
    "duty": "值班坐席",
    "department": "业务科室",
    "reviewer": "复核专员",
    "office": "综合科",
    "centre": "街道分中心",
    "analyst": "数据专员",
    "leader": "街道领导",
    "principal": "甲方授权人",
    "admin": "系统管理员",
}
"""The nine roles and their Chinese names (domain, section 1)."""

PURPOSES: Final = {"dispatch": "派单", "supervision": "督办", "department": "科室", "leaders": "领导"}
"""What a group is for, and the Chinese word for it."""

PLATFORMS: Final = {"wecom": "企业微信", "dingtalk": "钉钉", "feishu": "飞书", "matrix": "Matrix"}
"""Where people have accounts and groups have chats, and how people call it."""

SYSTEM: Final = "system"
"""The actor of what no person does; no person may have this id."""


def role_name(key: str) -> str:
    """The Chinese name of a role; raises KeyError for one that does not exist."""
    return ROLES[key]


def _identity(text: str) -> str:
    if text.startswith("@"):
        raise ValueError(f"“{text}” 不能以 @ 开头，@ 留给私聊")
    if text == SYSTEM:
        raise ValueError("system 留给系统自己，请换一个")
    if not all(mark.isalnum() or mark in "_-." for mark in text):
        raise ValueError(f"“{text}” 只能用文字、数字、下划线、减号和点")
    return text


def _one_of(known: Iterable[str], kind: str) -> AfterValidator:
    def check(text: str) -> str:
        if text not in known:
            raise ValueError(f"没有这个{kind} “{text}”，{did_you_mean(text, known)}")
        return text

    return AfterValidator(check)


def _name(text: str) -> str:
    if not text.strip():
        raise ValueError("不能为空")
    if text != text.strip() or not text.isprintable():
        raise ValueError("前后不能有空格，中间不能换行")
    return text


Identity = Annotated[str, Field(min_length=1), AfterValidator(_identity)]
Name = Annotated[str, Field(min_length=1), AfterValidator(_name)]
Account = Annotated[str, Field(min_length=1)]
OnPlatform = Annotated[str, _one_of(PLATFORMS, "平台")]
Role = Annotated[str, _one_of(ROLES, "角色")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class _Named(_Part):
    id: Identity
    name: Name

    def __hash__(self) -> int:
        return hash((type(self), self.id))


class Person(_Named):
    """One person. `accounts` maps a platform to that platform's stable user id."""

    roles: frozenset[Role] = Field(min_length=1)
    department: str | None = None
    accounts: dict[OnPlatform, Account] = Field(default_factory=dict)
    aliases: tuple[Name, ...] = ()

    def has_role(self, *roles: str) -> bool:
        """Whether the person has at least one of these roles."""
        return not self.roles.isdisjoint(roles)


class Department(_Named):
    """A 科室. `head` is a person's id; `duties` are words or category paths it answers for."""

    aliases: tuple[Name, ...] = ()
    head: str | None = None
    duties: tuple[Name, ...] = ()


class Patch(_Named):
    """A 包片: some 社区 under one leader (a person's id)."""

    leader: str | None = None


class Community(_Part):
    """A 社区, known by its name. `patch` is a 包片's id."""

    name: Name
    patch: str | None = None
    aliases: tuple[Name, ...] = ()


class Robot(_Part):
    """A group robot that only sends. `webhook_env` and `secret_env` name the variables that gave the values, if any."""

    platform: Annotated[str, _one_of(("wecom", "dingtalk", "feishu"), "机器人平台")]
    webhook: SecretStr
    secret: SecretStr | None = None
    webhook_env: str | None = None
    secret_env: str | None = None

    @property
    def fingerprint(self) -> str:
        """A stable name for logs, limits and leases that gives nothing away: `wecom:` and twelve hex digits. However
        its address is written, a robot has one."""
        url = self.webhook.get_secret_value()
        with contextlib.suppress(ValueError):  # of an address that the organisation file would not take
            host = (urlsplit(url).hostname or "").rstrip(".")
            url = f"{host} {robot_key(self.platform, url)}".lower()
        return f"{self.platform}:{sha256(url.encode()).hexdigest()[:12]}"


class Group(_Named):
    """A work group: its chats by platform, where commands come from, and the robots that send to it.

    `text_only`: nothing but plain text is sent there, for readers in the WeChat plug-in, which shows neither markdown
    nor cards.
    """

    purpose: Annotated[str, _one_of(PURPOSES, "用途")]
    department: str | None = None
    chats: dict[OnPlatform, Account] = Field(default_factory=dict)
    robots: tuple[Robot, ...] = ()
    text_only: bool = False
