"""Whom the office reaches: robots, groups, and people who must be there for an order to come to its end."""

from collections import Counter
from collections.abc import Iterator

from bot.doctor.finding import Finding, bad, good, warning
from bot.doctor.machine import secrets_inside
from bot.routes import TEXT_BY_ROBOTS, Endpoints
from config.organisation import PLATFORMS, Organisation, role_name
from config.settings import Settings

_NEEDED = ("duty", "department", "reviewer", "office")
"""Roles without which no order reaches 已结案 (domain, section 2)."""


def platforms(settings: Settings, organisation: Organisation) -> Iterator[Finding]:
    """Groups and their robots. Nothing is sent."""
    routes = Endpoints(organisation, settings)
    found = [
        *_groups(organisation),
        *mute(routes, organisation),
        *unread(routes, organisation),
        *spare(organisation),
        *_answering(settings, organisation),
    ]
    if inside := secrets_inside(organisation):
        mend = "改用 webhook_env、secret_env，把值放进环境变量"
        found.append(warning("平台", f"机器人地址或密钥直接写在组织文件里：{'、'.join(inside)}", mend))
    yield from found
    if not found:
        robots = sum(len(group.robots) for group in organisation.groups)
        console = "，网页工作群已开启" if settings.console.enabled else ""
        yield good("平台", f"{len(organisation.groups)} 个群都有出口，机器人 {robots} 个{console}")


def lacking(organisation: Organisation) -> list[Finding]:
    """What an office lacks to bring an order to its end, and what may go elsewhere than meant: told at each start,
    too."""
    return [*_groups(organisation), *_people(organisation), *spare(organisation)]


def people(organisation: Organisation) -> Iterator[Finding]:
    """Leaders and heads that are nobody, roles that nobody has, names that two people share."""
    found = _people(organisation)
    yield from found
    if not found:
        yield good("人员", f"{len(organisation.people)} 人，负责人和包片领导都在其中")


def _groups(organisation: Organisation) -> list[Finding]:
    if organisation.groups_for("dispatch"):
        return []
    return [bad("平台", "没有派单工作群，通知无处可去", '在组织文件里加一个 purpose = "dispatch" 的群')]


def _people(organisation: Organisation) -> list[Finding]:
    found = [
        warning("人员", f"{patch.name}的包片领导“{patch.leader}”不在人员里，提醒到不了", "在组织文件里补上此人或改编号")
        for patch in organisation.patches
        if patch.leader is not None and organisation.person(patch.leader) is None
    ]
    found += [
        warning("人员", f"{department.name}的负责人“{department.head}”不在人员里", "在组织文件里补上此人或改编号")
        for department in organisation.departments
        if department.head is not None and organisation.person(department.head) is None
    ]
    found += [
        warning("人员", f"没有人是{role_name(role)}，工单走不到结案", f'在组织文件里给一个人 roles = ["{role}"]')
        for role in _NEEDED
        if not organisation.people_with(role)
    ]
    names = Counter(person.name for person in organisation.people)
    found += [
        warning(
            "人员",
            f"有 {count} 个人叫“{name}”，按姓名叫人时分不清",
            "在组织文件里给其中的人换一个叫法，如 王强（城管科）",
        )
        for name, count in names.items()
        if count > 1
    ]
    return found


def _answering(settings: Settings, organisation: Organisation) -> Iterator[Finding]:
    """A bot that may only answer, and the groups for which nothing else speaks."""
    if settings.wecom.receives and not settings.wecom.pushes:
        told = "企业微信是 HTTP 回调方式：机器人只能回答提问，不能主动发通知、私聊，也没有卡片按钮"
        without = [
            group.name
            for group in organisation.groups
            if "wecom" in group.chats and all(robot.platform != "wecom" for robot in group.robots)
        ]
        if without:
            told += f"；{'、'.join(without)}没有群机器人，收不到企业微信的通知"
        yield warning("平台", told, "给每个群加一个群机器人，或改用长连接（JIESU_WECOM__BOT_ID、__SECRET）")


def mute(routes: Endpoints, organisation: Organisation) -> Iterator[Finding]:
    """Groups that nothing reaches, in one line, told at each start, too: an office that has just begun has many."""
    if mute := [group.name for group in organisation.groups if not routes.of_group(group)]:
        several = f"（{len(mute)} 个群）" if len(mute) > 1 else ""
        mend = "给群加一个群机器人，或让机器人进群后用 /绑定 绑定"
        yield warning("平台", f"{'、'.join(mute)}没有出口{several}，发过去的通知都要等着", mend)


def unread(routes: Endpoints, organisation: Organisation) -> Iterator[Finding]:
    """Groups whose readers see plain text only, where the platform's bot writes nothing but markdown."""
    groups = [group for group in organisation.groups if group.text_only]
    if found := [
        group.name for group in groups if {f"{on}:{group.id}" for on in TEXT_BY_ROBOTS} & {*routes.of_group(group)}
    ]:
        mend = "给群加一个群机器人，写进组织文件的 robots；通知就由它用纯文本发"
        yield warning("平台", f"{'、'.join(found)}只能看纯文本，但只有智能机器人能发到那里，它发的是 markdown", mend)


def spare(organisation: Organisation) -> Iterator[Finding]:
    """Groups with several robots of one platform: nobody can see from their addresses where they write to."""
    for group in organisation.groups:
        for platform, count in Counter(robot.platform for robot in group.robots).items():
            if count > 1:
                told = f"{group.name}有 {count} 个{PLATFORMS[platform]}机器人，视为同一个会话：第一个发，其余备用"
                yield warning("平台", told, "在同一个群里就不必改；不在同一个群里，请在组织文件里分成几个用途相同的群")
