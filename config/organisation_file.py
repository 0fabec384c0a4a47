"""Reads the organisation file and refuses one that contradicts itself, naming the line."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from config.addresses import checked_address
from config.document import Document, Loc, read_document
from config.entries import PLATFORMS, Community, Department, Group, Patch, Person, Robot
from config.problems import did_you_mean, folded, validated
from config.robot_forms import robot_key


class Entries(NamedTuple):
    """All that a file says, checked."""

    people: tuple[Person, ...]
    departments: tuple[Department, ...]
    patches: tuple[Patch, ...]
    communities: tuple[Community, ...]
    groups: tuple[Group, ...]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    departments: tuple[Department, ...] = ()
    patches: tuple[Patch, ...] = ()
    communities: tuple[Community, ...] = ()
    people: tuple[Person, ...] = ()
    groups: tuple[Group, ...] = ()


def read_organisation(path: Path, environ: Mapping[str, str]) -> Entries:
    """Read, fill in secrets from `environ`, validate. Raises ConfigError, one Chinese line with the line number."""
    document = read_document(path, "组织文件")
    _fill_secrets(document, environ)
    file = validated(document, _File)
    for check in _CHECKS:
        check(document, file)
    return Entries(file.people, file.departments, file.patches, file.communities, file.groups)


def _fill_secrets(document: Document, environ: Mapping[str, str]) -> None:
    """Put the value of the variable that `webhook_env` or `secret_env` names beside it."""
    for loc, robot in _tables(document.data, "groups", "robots"):
        for key in ("webhook", "secret"):
            variable = robot.get(f"{key}_env")
            if variable is None:
                continue
            if key in robot:
                raise document.error((*loc, key), f"{key} 与 {key}_env 只能写一个")
            if not isinstance(variable, str) or not variable:
                raise document.error((*loc, f"{key}_env"), "应为环境变量的名字，写在引号里")
            if not environ.get(variable):
                raise document.error((*loc, f"{key}_env"), f"环境变量 {variable} 没有设置或为空")
            robot[key] = environ[variable]
        if "webhook" not in robot and robot.keys() <= Robot.model_fields.keys():
            raise document.error((*loc, "webhook"), "缺少这一项，请写 webhook 或 webhook_env")


def _tables(data: Any, outer: str, inner: str) -> Iterable[tuple[Loc, dict[str, Any]]]:
    """The tables of arrays inside arrays that have the right shape; the wrong shapes are for validation to name."""
    entries = data.get(outer)
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        parts = entry.get(inner) if isinstance(entry, dict) else None
        for index, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict):
                yield (outer, number, inner, index), part


def _unique_ids(document: Document, file: _File) -> None:
    for kind in ("departments", "patches", "people", "groups"):
        ids = [((kind, number, "id"), entry.id) for number, entry in enumerate(getattr(file, kind))]
        _unique(document, ids, "编号 “{}” 已经用在第 {} 行，请换一个")


def _unique_names(document: Document, file: _File) -> None:
    """Two people may share a name, which is asked about in chat; two 科室 or 社区 may not, nor two 包片 or groups."""
    for kind in ("departments", "communities", "patches", "groups"):
        names: list[tuple[Loc, str]] = []
        for number, entry in enumerate(getattr(file, kind)):
            own: dict[str, Loc] = {folded(entry.name): (kind, number, "name")}
            for index, alias in enumerate(getattr(entry, "aliases", ())):
                own.setdefault(folded(alias), (kind, number, "aliases", index))
            names += [(loc, name) for name, loc in own.items()]
        _unique(document, names, "“{}” 已经用在第 {} 行，叫法不能重复")


def _unique_accounts(document: Document, file: _File) -> None:
    """An account is an identity: it belongs to one person, and a chat to one group."""
    accounts: list[tuple[Loc, str]] = [
        (("people", number, "accounts", platform), f"{platform}：{account}")
        for number, person in enumerate(file.people)
        for platform, account in person.accounts.items()
    ]
    chats: list[tuple[Loc, str]] = [
        (("groups", number, "chats", platform), f"{platform}：{chat}")
        for number, group in enumerate(file.groups)
        for platform, chat in group.chats.items()
    ]
    _unique(document, accounts, "账号 “{}” 已经用在第 {} 行，一个账号只能属于一个人")
    _unique(document, chats, "群 “{}” 已经用在第 {} 行，一个平台群只能对应一个群")


def _references(document: Document, file: _File) -> None:
    departments = {entry.id for entry in file.departments}
    people = {entry.id for entry in file.people}
    patches = {entry.id for entry in file.patches}
    table: tuple[tuple[str, str, set[str], str], ...] = (
        ("departments", "head", people, "人"),
        ("communities", "patch", patches, "包片"),
        ("people", "department", departments, "科室"),
        ("groups", "department", departments, "科室"),
    )
    for kind, key, known, noun in table:
        for number, entry in enumerate(getattr(file, kind)):
            value = getattr(entry, key)
            if value is not None and value not in known:
                text = f"没有编号为 “{value}” 的{noun}，{did_you_mean(value, sorted(known))}"
                raise document.error((kind, number, key), text)


def _departments_given(document: Document, file: _File) -> None:
    for number, person in enumerate(file.people):
        if "department" in person.roles and person.department is None:
            raise document.error(("people", number, "department"), f"{person.name} 是科室人员，请写明所属科室")
    for number, group in enumerate(file.groups):
        if group.purpose == "department" and group.department is None:
            raise document.error(("groups", number, "department"), f"{group.name} 是科室群，请写明是哪个科室")
        if group.purpose != "department" and group.department is not None:
            raise document.error(("groups", number, "department"), '只有 purpose = "department" 的群才写科室')


def _robots(document: Document, file: _File) -> None:
    """Webhooks have their platform's form, and a robot sends to one group: its limit is counted once."""
    webhooks: dict[str, Loc] = {}
    for number, group in enumerate(file.groups):
        for index, robot in enumerate(group.robots):
            loc: Loc = ("groups", number, "robots", index, "webhook_env" if robot.webhook_env else "webhook")
            url = robot.webhook.get_secret_value()
            where = f"（{group.name}{f'，环境变量 {robot.webhook_env}' if robot.webhook_env else ''}）"
            try:
                checked_address(url)
            except ValueError as fault:
                raise document.error(loc, f"{fault}{where}") from None
            try:
                key = robot_key(robot.platform, url)
            except ValueError as fault:
                text = f"{PLATFORMS[robot.platform]}群机器人的地址{fault}，请从群机器人设置里整行复制{where}"
                raise document.error(loc, text) from None
            # The same robot is the same whatever else stands in its address.
            own = f"{robot.platform}：{key.lower()}"
            if own in webhooks:
                raise document.error(
                    loc, f"这个机器人已经用在第 {document.line(webhooks[own])} 行，一个机器人只能发一个群"
                )
            webhooks[own] = loc


_CHECKS: tuple[Callable[[Document, _File], None], ...] = (
    _unique_ids,
    _unique_names,
    _unique_accounts,
    _references,
    _departments_given,
    _robots,
)


def _unique(document: Document, items: Iterable[tuple[Loc, str]], text: str) -> None:
    seen: dict[str, Loc] = {}
    for loc, value in items:
        if value in seen:
            raise document.error(loc, text.format(value, document.line(seen[value])))
        seen[value] = loc
