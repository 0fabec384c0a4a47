"""The store: its triggers, the end of its chain, its size, who runs on it, and what did not go out."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from bot.doctor.finding import Finding, bad, good, warning
from bot.doctor.machine import AHEAD, database_file
from config.settings import Settings
from config.shanghai import full_text
from storage import migrations, outbox, presence, triggers, verify
from storage.columns import table
from storage.journal import link
from storage.outbox import SENTENCES, Status
from storage.store import Store
from storage.tables import AttachmentTable, Event, Head, Outbox

TAIL = 500
"""Events at the end of the chain that are recomputed, newest attachments that are read; `jiesu verify` does all."""
MOST_FILES = 10
"""Damaged attachments that are named."""
LARGE_WAL = 256 << 20
_MB = 1 << 20
_TROUBLE = {
    Status.FAILED: "用 /状态 看是哪些，请人补发或核对",
    # Whoever sent what was sent once more by itself would make a double.
    Status.UNKNOWN: "用 /状态 看是哪些，请核对；已重发的不要再补发",
}
"""Messages that need somebody, and what to do."""


def findings(connection: sa.Connection, store: Store, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Look at an opened store on one consistent state."""
    kind = "演练" if store.rehearsal else "正式"
    yield good("数据库", f"打得开，版本 {migrations.revision(connection)}，{kind}，密钥指纹 {store.vault.fingerprint}")
    if settings.clock.rehearsal != store.rehearsal:
        wanted = "演练" if settings.clock.rehearsal else "正式"
        yield bad("数据库", f"是{kind}库，设置却是{wanted}时钟，服务不会启动", "换一个数据目录，或改 JIESU_CLOCK 设置")
    if missing := triggers.missing(connection):
        mend = "运行 jiesu db upgrade 装回，再运行 jiesu verify，并查明原因"
        yield bad("保护触发器", f"缺失或被改动：{'、'.join(missing)}", mend)
    else:
        yield good("保护触发器", "齐全")
    yield from _tail(connection)
    yield from _newest(connection, store, now)
    yield from _attachments(connection)
    yield from _size(settings)
    running = presence.present(connection, now)
    yield good("服务", "没有在运行" if running is None else f"正在运行（{running[0].rsplit(':', 1)[0]}）")
    yield from _outbox(connection)


def _tail(connection: sa.Connection) -> Iterator[Finding]:
    event, head = table(Event), table(Head)
    known = connection.execute(sa.select(head.c.seq, head.c.hash).where(head.c.id == 1)).one_or_none()
    columns = (event.c.seq, event.c.previous, event.c.hash, event.c.body)
    rows = connection.execute(sa.select(*columns).order_by(event.c.seq.desc()).limit(TAIL)).all()
    mend = "运行 jiesu verify 查明，保留现场，不要继续写入"
    newest = (rows[0].seq, rows[0].hash) if rows else (0, None if known is None else known.hash)
    if known is None or (known.seq, known.hash) != newest:
        yield bad("事件链", "账头与最后一条事件不符，末尾被删去或改动过", mend)
        return
    for row, before in zip(rows, [*rows[1:], None], strict=False):
        follows = before is None or (before.seq, before.hash) == (row.seq - 1, row.previous)
        if row.hash != link(row.previous, row.body) or not follows:
            yield bad("事件链", f"事件 {row.seq} 与前后接不上，内容被改动过", mend)
            return
    yield good("事件链", f"{known.seq} 条，最后 {len(rows)} 条核对无误，账头 {known.hash[:12]}")


def _newest(connection: sa.Connection, store: Store, now: datetime) -> Iterator[Finding]:
    event = table(Event)
    at = connection.execute(sa.select(event.c.at).order_by(event.c.seq.desc()).limit(1)).scalar_one_or_none()
    if at is not None and not store.rehearsal and at > now + AHEAD:
        told = f"系统时间 {full_text(now)}，最新一条事件却记于 {full_text(at)}"
        yield bad("时钟", told, "校准系统时间并打开时间同步（NTP），再启动服务")


def _attachments(connection: sa.Connection) -> Iterator[Finding]:
    damaged = list(verify.damaged_files(connection, read=TAIL))
    mend = "请存入的人再存一次；或从备份恢复到另一个地址取回。运行 jiesu verify 查全"
    for told in damaged[:MOST_FILES]:
        yield bad("附件", told, mend)
    if len(damaged) > MOST_FILES:
        yield bad("附件", f"还有 {len(damaged) - MOST_FILES} 个附件缺少内容或已损坏", mend)
    count = connection.execute(sa.select(sa.func.count()).select_from(table(AttachmentTable))).scalar_one()
    if not damaged and count:
        yield good("附件", f"{count} 个，内容都在，与记录相符")


def _size(settings: Settings) -> Iterator[Finding]:
    file = database_file(settings)
    if file is None:
        return
    wal = file.with_name(f"{file.name}-wal")
    waiting = wal.stat().st_size if wal.exists() else 0
    text = f"{file} {file.stat().st_size / _MB:.1f} MB，待并入的日志 {waiting / _MB:.1f} MB"
    if waiting > LARGE_WAL:
        yield warning("数据库大小", text, "有程序长时间占着旧内容：查查哪个 jiesu report、verify 或备份没有结束")
    else:
        yield good("数据库大小", text)


def _outbox(connection: sa.Connection) -> Iterator[Finding]:
    box = table(Outbox)
    query = sa.select(box.c.id, box.c.state, box.c.told_at, box.c.detour_at).where(box.c.state.in_(_TROUBLE))
    rows = [dict(row) for row in connection.execute(query).mappings()]
    again = outbox.repeated(connection) if rows else set()
    for status, mend in _TROUBLE.items():
        decided = Counter(outbox.decision(row, again) for row in rows if row["state"] == status)
        if not decided:
            continue
        words = "，".join(f"{count} 条{what}" for what, count in sorted(decided.items(), reverse=True) if what)
        done = f"（{words}）" if words else ""
        yield warning("发送", f"{decided.total()} 条{SENTENCES[status]}{done}", mend)
    if not rows:
        yield good("发送", "没有送不到或结果不明的消息")
