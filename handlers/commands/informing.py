"""What holds and how the system itself is: 规则, 状态."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from config.shanghai import near_text
from config.texts import cut
from handlers.arguments import Arguments
from handlers.command import Command
from handlers.privacy import echoed
from handlers.refusal import Refusal
from handlers.work import Said, Work
from storage import outbox, robots
from storage.columns import table
from storage.outbox import NOWHERE, SENTENCES, WAITING, Status
from storage.queries import head
from storage.tables import Lease, Outbox

_SHOWN = 5
_PLACES = 8
_KINDS = {"reply": "（答复）"}
_IDLE = "（尚未启用）"
_TOPICS = {
    "sign_off": "时限",
    "reminders": "提醒和通知",
    "attachments": "附件和绑定",
    "return_kinds": "办理",
    "upstream": "导入",
    "satisfied_weight": "三率和考核",
}
"""The first rule of each topic, in the policy's own order, and what stands above it."""
_TROUBLE = (Status.FAILED, Status.UNKNOWN)


def rules(work: Work, arguments: Arguments, commands: Sequence[Command]) -> Said:
    """规则: every rule in force, or those whose name has the word, with source; ★ says 未约定，暂按默认.

    What is in force and what begins with the word come first. Where none begins with it a command may be meant.
    """
    wanted = arguments.optional_rest()
    lines = work.office.policy.describe(work.now.date())
    if wanted:
        found = [line for line in lines if wanted in line.title or wanted == line.key]
        known = any(wanted in (each.name, *each.aliases) for each in commands if each.provided)
        if not found:
            meant = f"；“{wanted}”是一条命令，怎么用看 /帮助 {wanted}" if known else ""
            raise Refusal(f"没有“{echoed(wanted)}”这条规则：/规则 看全部{meant}")
        found.sort(key=lambda line: (_IDLE in line.title, not line.title.startswith(wanted)))
        told = [f"{line.title}：{line.value}\n自 {line.since} 起，{line.source}" for line in found]
        if known and not any(line.title.startswith(wanted) for line in found):
            told.append(f"“{wanted}”是一条命令：怎么用看 /帮助 {wanted}")
        return Said("\n".join(told))
    body, idle = [], 0
    for line in lines:
        if line.key in _TOPICS:
            body += ["", f"〔{_TOPICS[line.key]}〕"]
        if _IDLE in line.title:
            idle += 1
        else:
            body.append(f"{line.title}：{line.value}{'（★）' if line.starred else ''}")
    if idle:
        body += ["", f"另有 {idle} 条尚未启用：/规则 尚未启用"]
    return Said("\n".join(("【规则】现行", *body, "★ 合同和公开来源没有约定，暂按默认；/规则 名称 看来源")))


def status(work: Work, arguments: Arguments) -> Said:
    """状态: journal, outbox by state, robots that fail, what waits where or did not arrive, who sends."""
    arguments.done()
    counts = outbox.counts(work.scope)
    seq, digest = head(work.scope)
    lines = [
        "【状态】",
        f"时间：{near_text(work.now, work.now)}{'（演练）' if work.office.store.rehearsal else ''}",
        f"日志：{seq} 条，末条 {digest[:12]}",
    ]
    lines += [f"{SENTENCES[state]}：{counts[state]} 条" for state in Status if counts.get(state)]
    parts = (
        ("发不出消息的出口：", _failing(work)),
        ("等待发送：", _waiting(work)),
        ("结果不明的（最近）：", _trouble(work, Status.UNKNOWN)),
        ("送不到的（最近）：", _trouble(work, Status.FAILED)),
        ("正在使用：", _leases(work)),
    )
    for title, found in parts:
        lines += [title, *found] if found else []
    if not any(counts.get(state) for state in _TROUBLE):
        lines.append("没有送不到或结果不明的消息")
    return Said("\n".join(lines))


def _failing(work: Work) -> list[str]:
    """Each endpoint that fails, since when and why; told ones first of all."""
    told, heard, counted = robots.alarmed(work.scope), robots.heard(work.scope), robots.failing(work.scope)
    found = []
    for endpoint, since in {**told, **counted}.items():
        last = robots.last_error(work.scope, endpoint) if endpoint in counted else None
        error = last[1] if last else "没有连上平台"
        alarm = "，已告警" if endpoint in heard else ""
        found.append(f"{_place(work, endpoint)} 自 {near_text(since, work.now)}：{error}{alarm}")
    return found


def _waiting(work: Work) -> list[str]:
    """How much waits for each endpoint, and since when."""
    box = table(Outbox)
    oldest = sa.func.min(box.c.at, type_=box.c.at.type)
    query = (
        sa.select(box.c.endpoint, sa.func.count(), oldest)
        .where(box.c.state.in_((*WAITING, Status.SENDING)))
        .group_by(box.c.endpoint)
        .order_by(sa.func.count().desc(), box.c.endpoint)
    )
    rows = work.scope.connection.execute(query).all()
    lines = [f"{_place(work, row[0])}：{row[1]} 条，最早 {near_text(row[2], work.now)}" for row in rows[:_PLACES]]
    return [*lines, f"另有 {len(rows) - _PLACES} 处"] if len(rows) > _PLACES else lines


def _trouble(work: Work, state: Status) -> list[str]:
    box = table(Outbox)
    query = sa.select(box).where(box.c.state == state).order_by(box.c.id.desc()).limit(_SHOWN)
    rows = [dict(row) for row in work.scope.connection.execute(query).mappings()]
    again = outbox.repeated(work.scope.connection, box.c.repeat_of.in_([row["id"] for row in rows]))
    return [
        f"{near_text(row['at'], work.now)} {_where(work, row['audience'])}{_KINDS.get(row['kind'], '')}："
        f"{cut(row['text'].splitlines()[0], 30)}（{robots.coded(row['detail'] or SENTENCES[state], row['code'])}）"
        f"{_decided(row, again)}"
        for row in rows
    ]


def _decided(row: Mapping[str, Any], again: Collection[int]) -> str:
    """What was decided about a message that is in trouble."""
    decision = outbox.decision(row, again)
    return f" → {decision}" if decision else ""


def _leases(work: Work) -> list[str]:
    """Which process holds which robots and connections, by its machine."""
    lease = table(Lease)
    held_now = lease.c.until > work.now, lease.c.holder != ""
    query = sa.select(lease.c.name, lease.c.holder).where(*held_now).order_by(lease.c.name)
    held: defaultdict[str, list[str]] = defaultdict(list)
    for name, holder in work.scope.connection.execute(query):
        if not name.startswith("service:"):
            held[holder.partition(":")[0]].append(name)
    return [
        f"{host}：{'、'.join(names[:_PLACES])}{f' 等 {len(names)} 个' if len(names) > _PLACES else ''}"
        for host, names in held.items()
    ]


def _place(work: Work, endpoint: str) -> str:
    """An endpoint with the name of its group or person, where its parts have one."""
    platform, _, rest = endpoint.partition(":")
    audience = rest if rest.startswith("@") else rest.partition(":")[0]
    named = _where(work, audience)
    if platform == NOWHERE:
        return f"{named}（没有出口）"
    return endpoint if named == audience else f"{named}（{endpoint}）"


def _where(work: Work, audience: str) -> str:
    group = work.office.organisation.group(audience)
    return work.name(audience[1:]) if audience.startswith("@") else audience if group is None else group.name
