"""What holds and how the system itself is: 规则, 状态."""

import sqlalchemy as sa

from config.shanghai import near_text
from handlers.arguments import Arguments
from handlers.refusal import Refusal
from handlers.work import Said, Work
from storage import outbox
from storage.columns import table
from storage.outbox import SENTENCES, Status
from storage.queries import head
from storage.tables import Outbox

_SHOWN = 5
_TROUBLE = (Status.FAILED, Status.UNKNOWN)


def rules(work: Work, arguments: Arguments) -> Said:
    """规则: every rule in force, or those whose name has the word, with source; ★ says 未约定，暂按默认."""
    wanted = arguments.optional_rest()
    lines = work.office.policy.describe(work.now.date())
    if wanted:
        found = [line for line in lines if wanted in line.title or wanted == line.key]
        if not found:
            raise Refusal(f"没有“{wanted[:20]}”这条规则：/规则 看全部")
        return Said("\n".join(f"{line.title}：{line.value}\n自 {line.since} 起，{line.source}" for line in found))
    body = [f"{line.title}：{line.value}{'（★）' if line.starred else ''}" for line in lines]
    return Said("\n".join(("【规则】现行", *body, "★ 合同和公开来源没有约定，暂按默认；/规则 名称 看来源")))


def status(work: Work, arguments: Arguments) -> Said:
    """状态: journal, outbox by state with a sentence each, and what did not arrive, newest first."""
    arguments.done()
    counts = outbox.counts(work.scope)
    seq, digest = head(work.scope)
    lines = [
        "【状态】",
        f"时间：{near_text(work.now, work.now)}{'（演练）' if work.office.store.rehearsal else ''}",
        f"日志：{seq} 条，末条 {digest[:12]}",
    ]
    lines += [f"{SENTENCES[state]}：{counts[state]} 条" for state in Status if counts.get(state)]
    if not any(counts.get(state) for state in _TROUBLE):
        lines.append("没有送不到或结果不明的消息")
    else:
        lines += ["最近送不到或结果不明的：", *_trouble(work)]
    return Said("\n".join(lines))


def _trouble(work: Work) -> list[str]:
    box = table(Outbox)
    query = sa.select(box).where(box.c.state.in_(_TROUBLE)).order_by(box.c.id.desc()).limit(_SHOWN)
    return [
        f"{near_text(row['at'], work.now)} {_where(work, row['audience'])}："
        f"{row['text'].splitlines()[0][:30]}（{row['detail'] or SENTENCES[Status(row['state'])]}）"
        for row in work.scope.connection.execute(query).mappings()
    ]


def _where(work: Work, audience: str) -> str:
    group = work.office.organisation.group(audience)
    return work.name(audience[1:]) if audience.startswith("@") else audience if group is None else group.name
