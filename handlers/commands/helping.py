"""帮助: what this person may do here; one command explained with examples."""

from collections.abc import Sequence

from config.organisation import Person
from handlers.arguments import Arguments
from handlers.command import Command
from handlers.privacy import echoed
from handlers.refusal import Refusal
from handlers.work import Said, Work

_GROUPS = (
    ("接件", ("登记", "签收", "退回", "退回结果", "报备", "批复", "派单", "电话")),
    ("办理", ("接单", "分办", "改派", "核查", "反馈", "办结", "补要件")),
    ("复核和结案", ("评定", "结案", "驳回", "重开")),
    ("督促", ("催办", "升级", "督办", "定级", "标记")),
    ("查询", ("查", "待办", "我的", "超期", "列表", "统计", "日报")),
    ("其他", ("揭示", "撤回", "绑定", "规则", "状态", "帮助")),
)


_USEFUL = (
    ("duty", "/待办 看轮到您做的，/签收 单号，/派单 单号 科室"),
    ("department", "/待办 看轮到您做的，/接单 单号，/反馈 单号 已接通 说明"),
    ("reviewer", "/待办 看待评定的，/评定 单号 是 解决 满意"),
    ("office", "/待办 看待结案的，/结案 单号，/统计"),
    ("leader", "/超期 看过了时限的，/统计，/催办 单号"),
)
_EXAMPLE_ORDER = " 123"
"""The order of every example in the registry, behind the command's name."""
_ANYBODY = "/列表 看在办工单，/统计 看数量，/查 单号"


def help_(work: Work, arguments: Arguments, commands: Sequence[Command]) -> Said:
    """`/帮助` lists what the person may do here; `/帮助 派单` explains one with examples."""
    wanted = arguments.optional_rest().lstrip("/／、\\").strip()
    if not wanted:
        return Said(_overview(work, commands))
    for command in commands:
        if wanted in (command.name, *command.aliases):
            return Said(explain(command))
    raise Refusal(f"没有“{echoed(wanted)}”这条命令：/帮助 看全部命令")


def welcome(person: Person) -> str:
    """The answer to a greeting, or to anything said to the bot that is no command: what this person uses most."""
    useful = next((words for role, words in _USEFUL if role in person.roles), _ANYBODY)
    return f"{person.name}，您好。常用：{useful}；/帮助 看全部命令"


def usage(command: Command, order: int | None = None) -> str:
    """`用法：/派单 N… 主办[+协办] [说明]` and one example, of the order that is spoken of: an example can be tapped."""
    lines = [f"用法：/{command.name} {command.usage}".rstrip()]
    if command.examples:
        example = command.examples[0]
        lines.append(f"例：{example if order is None else example.replace(_EXAMPLE_ORDER, f' {order}', 1)}")
    return "\n".join(lines)


def explain(command: Command) -> str:
    """One command in full."""
    if not command.provided:
        return f"/{command.name}：{command.summary}（尚未提供）"
    lines = [f"/{command.name}：{command.summary}", f"用法：/{command.name} {command.usage}".rstrip()]
    if command.aliases:
        lines.append(f"也可写：{' '.join('/' + alias for alias in command.aliases)}")
    lines += [f"例：{example}" for example in command.examples]
    if command.private:
        lines.append("只能在私聊中使用")
    return "\n".join(lines)


def _overview(work: Work, commands: Sequence[Command]) -> str:
    by_name = {command.name: command for command in commands}
    lines = [f"{work.actor.name}，您可以使用："]
    for title, names in _GROUPS:
        usable = [
            by_name[name]
            for name in names
            if by_name[name].provided
            and by_name[name].may(work.actor.roles)
            and (work.place.private or not by_name[name].private)
        ]
        if usable:
            lines.append(f"{title}")
            lines += [
                f"  /{command.name} {command.usage}：{command.summary}".replace(" ：", "：") for command in usable
            ]
    lines.append("引用一条通知再发命令，可以不写单号。/帮助 派单 看一条命令的详细用法")
    return "\n".join(lines)
