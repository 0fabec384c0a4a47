"""`jiesu verify` and `jiesu db upgrade`."""

from bot.cli.context import Context, out
from bot.service import open_store
from storage.verify import verify

_SHOWN = 20


def verify_store(context: Context) -> int:
    """Recompute the chain and the projections; returns the exit status."""
    store = open_store(context.settings, create=False, migrate=False)
    try:
        with store.connect() as connection:
            findings = verify(connection)
    finally:
        store.close()
    for problem in findings.problems[:_SHOWN]:
        out(f"✘ {problem}")
    if len(findings.problems) > _SHOWN:
        out(f"✘ 另有 {len(findings.problems) - _SHOWN} 处")
    if findings.problems:
        first = "" if findings.first_bad is None else f"，第一条坏事件是 {findings.first_bad}"
        out(f"核验不通过{first}：请保留现场，用备份比对，不要继续写入")
        return 1
    out(f"✔ 核验通过：{findings.events} 条事件，{findings.orders} 件工单，账头 {findings.head}")
    return 0


def upgrade_store(context: Context) -> None:
    """Bring the tables up to date and put the protecting triggers back."""
    store = open_store(context.settings, create=True, migrate=True)
    try:
        store.protect()
    finally:
        store.close()
    out("数据库已是本版本，保护触发器齐全")
