"""绑定: one-time codes for people and groups, who is bound where, and undoing it."""

from collections.abc import Iterable, Iterator

from config.organisation import PLATFORMS, PURPOSES, Group, Organisation
from config.problems import folded, nearest
from config.shanghai import near_text
from handlers import binding
from handlers.arguments import Arguments
from handlers.binding import CHAT, PERSON
from handlers.privacy import echoed
from handlers.refusal import Misused, Refusal
from handlers.slots import Form, Slot, choice, word
from handlers.work import Said, Work

ISSUED = "一次码已在本条消息中给您；内容不留存，再要请重新发 /绑定"
_KINDS = {"人": PERSON, "群": CHAT}
_UNDO = "解除"
WORDS = frozenset((*_KINDS, _UNDO))
"""What may stand behind the command that is no code."""
_PLATFORMS = {name: platform for platform, called in PLATFORMS.items() for name in (called, folded(called), platform)}

FORMS: tuple[Form, ...] = (
    (word("一次码", optional=True),),
    (choice("人"), Slot("person", "姓名")),
    (choice("群"), Slot("word", "群名或用途", tuple(PURPOSES.values()))),
    (choice(_UNDO), choice(*_KINDS), word("名称"), choice(*PLATFORMS.values(), label="平台", optional=True)),
)


def bind(work: Work, arguments: Arguments) -> Said:
    """What is bound; for administrators a code, or the end of a binding. Codes are redeemed where they are given."""
    if not arguments:
        return Said("\n".join(_overview(work)))
    undo = arguments.optional_choice((_UNDO,)) is not None
    if not undo and (kind := arguments.optional_choice(_KINDS)) is None:
        raise Refusal("一次码要在想绑定的平台上发给我：个人的在私聊里发，群的在那个群里 @我 发")
    if "admin" not in work.actor.roles:
        raise Refusal("发一次码、解除绑定由系统管理员操作。您可以发 /绑定 看自己绑定了什么")
    if undo:
        return Said(_undo(work, arguments))
    assert kind is not None
    target = _target(work.office.organisation, kind, arguments)
    arguments.done()
    return Said(ISSUED, private=True, reveal=binding.issue(work.office, work.scope, kind, target))


def _undo(work: Work, arguments: Arguments) -> str:
    kind = arguments.choice("要解除的", _KINDS)
    target = _target(work.office.organisation, kind, arguments)
    platform = arguments.optional_choice(_PLATFORMS)
    arguments.done()
    name = binding.target_name(work.office, kind, target)
    gone = binding.unbind(work.office, work.scope, kind, target, platform)
    if not gone:
        raise Refusal(f"{name}没有用一次码绑定过：组织文件里写的账号和群，请在组织文件里改")
    return f"✔ 已解除：{name}，{'、'.join(PLATFORMS.get(each, each) for each in gone)}。组织文件里写了的，仍按文件"


def _target(organisation: Organisation, kind: str, arguments: Arguments) -> str:
    return arguments.person(organisation, "姓名").id if kind == PERSON else _group(organisation, arguments).id


def _group(organisation: Organisation, arguments: Arguments) -> Group:
    """A group by id, name, purpose (派单, 督办, 领导) or 科室; raises Refusal for none or several."""
    name = arguments.word("群名或用途")
    wanted = folded(name)
    department = {found.id for found in organisation.find_department(name)}
    by_name = [group for group in organisation.groups if wanted in (group.id, folded(group.name))]
    by_use = [
        group
        for group in organisation.groups
        if wanted in (PURPOSES[group.purpose], f"{PURPOSES[group.purpose]}群") or group.department in department
    ]
    found = by_name or by_use
    if len(found) == 1:
        return found[0]
    if found:
        raise Refusal(f"“{name}”是几个群：{'、'.join(group.name for group in found)}，请写群名")
    near = nearest(name, [group.name for group in organisation.groups])
    hint = f"，是否想写 {'、'.join(near)}" if near else ""
    raise Misused(f"组织文件里没有叫“{echoed(name)}”或作此用途的群{hint}")


def _overview(work: Work) -> Iterator[str]:
    own = list(_own(work))
    yield (
        f"{work.actor.name}，您绑定的账号："
        if own
        else f"{work.actor.name}，您还没有绑定账号。需要时请找系统管理员要一次码"
    )
    yield from own
    if "admin" in work.actor.roles:
        yield from _everything(work)


def _own(work: Work) -> Iterator[str]:
    bound = {
        row.platform: row for row in binding.bindings(work.scope) if (row.kind, row.target) == (PERSON, work.actor.id)
    }
    for platform, name in PLATFORMS.items():
        if platform in bound:
            row = bound[platform]
            yield f"  {name}：{row.native}（{near_text(row.at, work.now)} 绑定）"
        elif platform in work.actor.accounts:
            yield f"  {name}：{work.actor.accounts[platform]}（组织文件）"


def _everything(work: Work) -> Iterator[str]:
    """For administrators: on each platform where commands come in, who and what is not known there yet."""
    organisation = work.office.organisation
    bound = {(row.platform, row.kind, row.target) for row in binding.bindings(work.scope)}
    for platform in work.office.settings.bots:
        people = [
            person.name
            for person in organisation.people
            if (platform, PERSON, person.id) not in bound and platform not in person.accounts
        ]
        groups = [
            group.name
            for group in organisation.groups
            if (platform, CHAT, group.id) not in bound and platform not in group.chats
        ]
        yield f"{PLATFORMS[platform]}：{_counted(groups, len(organisation.groups), '个群')}"
        yield f"{PLATFORMS[platform]}：{_counted(people, len(organisation.people), '人')}"
    if not work.office.settings.bots:
        yield "还没有配置收命令的平台"


def _counted(missing: Iterable[str], total: int, unit: str) -> str:
    names = list(missing)
    if not names:
        return f"{total} {unit}都已绑定"
    return f"{total} {unit}，未绑定 {len(names)}：{'、'.join(names)}"
