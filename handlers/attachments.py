"""附件: pictures and files that people send with an order, kept sealed under its key (domain, section 8).

A picture may show a caller's face, so it counts as personal data: everybody who sees an order's details sees which
files there are, and opening one needs what /揭示 needs and is an event.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from config.shanghai import near_text
from config.texts import cut
from handlers.filetypes import TYPES, FileType, matching, recognise
from handlers.lifecycle import DUTY, STEPS
from handlers.permission import may
from handlers.refusal import Refusal
from handlers.states import State
from handlers.work import Said, Work, department_name
from storage.columns import table
from storage.tables import Attachment, AttachmentFile, Order, VaultRow
from storage.vault import SealedFile, seal_file

EVENT, OPENED = "附件", "打开附件"
LONGEST_NAME: Final = 60
_MB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file as it came: `kind` and `sealed`, or in `refused` why it is not taken, to stand behind its name."""

    name: str
    size: int
    kind: FileType | None = None
    sealed: SealedFile | None = None
    refused: str = ""


def examined(name: str, data: bytes) -> NewFile:
    """Look at a file and seal it: everything about it that needs no order and no transaction.

    `name` as the sender wrote it; what it is, its content says.
    """
    ending = _ending(name)
    try:
        kind = recognise(data)
    except Refusal as refusal:
        return NewFile(name, len(data), refused=refusal.message)
    if kind.ending == "txt" and ending in _SCRIPTS:
        return NewFile(name, len(data), refused=f"是脚本、网页或配置（.{ending}），不收")
    return NewFile(name, len(data), kind, seal_file(data))


def too_large(name: str, size: int, most_mb: int) -> NewFile:
    """A file that is not even read."""
    return NewFile(name, size, refused=f"超过 {most_mb} MB，不收：请压缩图片、剪短录音，或分开发")


def attach(work: Work, order: Order, files: Sequence[NewFile]) -> Said:
    """Keep the files with the order, one event for those of a message; each is taken or refused by itself.

    Raises Refusal when the person may not add files to this order, or it takes none any more.
    """
    _permit(work, order)
    key = _order_key(work, order)
    rules, vault = work.rules.attachments, work.office.store.vault
    held = work.scope.rows(Attachment, order.id)
    known = {each.mark: each for each in held}
    total = sum(each.size for each in held)
    n = order.events + 1
    kept: list[Attachment] = []
    lines = []
    for file in files:
        name = safe_name(work, order, file)
        if file.kind is None or file.sealed is None:
            lines.append(f"✘ {name}：{file.refused}")
            continue
        mark = vault.mark(order.id, key, file.sealed)
        if (before := known.get(mark)) is not None:
            lines.append(f"{name}：已经存过（{before.name}，{work.name(before.by)}），没有再存")
            continue
        if file.size > rules.file_mb * _MB:
            lines.append(f"✘ {name}：{too_large(name, file.size, rules.file_mb).refused}")
            continue
        if len(held) + len(kept) >= rules.count or total + file.size > rules.total_mb * _MB:
            lines.append(f"✘ {name}：这件工单的附件已满（最多 {rules.count} 个、共 {rules.total_mb} MB）")
            continue
        added = work.scope.add(
            Attachment(
                order_id=order.id,
                n=n,
                part=len(kept) + 1,
                name=name,
                kind=file.kind.ending,
                size=file.size,
                mark=mark,
                digest=file.sealed.digest,
                by=work.actor.id,
                at=work.now,
            )
        )
        work.scope.insert(
            AttachmentFile,
            order_id=order.id,
            n=n,
            part=added.part,
            wrapped_key=vault.wrap_file(order.id, key, (n, added.part), file.sealed),
            sealed=file.sealed.sealed,
        )
        known[mark] = added
        total += file.size
        kept.append(added)
        lines.append(_line(added) + _renamed(file, added))
    if kept:
        work.scope.record(EVENT, order, files=[added.name for added in kept])
    text = work.render("reply_attached", order=order, kept=len(kept), total=len(held) + len(kept), lines=lines)
    return Said(text, orders=(order.id,))


def listing(work: Work, order: Order) -> list[str]:
    """The order's files for /查: name, kind, size, who, when; and in a rehearsal where they can be opened."""
    lines = [described(work, each) for each in work.scope.rows(Attachment, order.id)]
    page = f"打开：/orders/{order.source}/{order.number}"
    return [*lines, page] if lines and work.office.store.rehearsal else lines


def described(work: Work, held: Attachment) -> str:
    """One file in words."""
    return f"{_line(held)} · {work.name(held.by)} {near_text(held.at, work.now)}"


def kind_of(held: Attachment) -> FileType:
    """The true type of a kept file."""
    return TYPES[held.kind]


def find(work: Work, order: Order, n: int, part: int) -> Attachment:
    """A file of the order; raises Refusal when there is none."""
    found = next((each for each in work.scope.rows(Attachment, order.id) if (each.n, each.part) == (n, part)), None)
    if found is None:
        raise Refusal(f"工单 #{order.id} 没有这个附件：可能已被撤回")
    return found


def permit_opening(work: Work, order: Order) -> None:
    """Raise Refusal for whoever may not see the order's personal data: the same people as for /揭示."""
    own = "department" in work.actor.roles and work.actor.department is not None
    if not (work.actor.roles & _OPENERS or (own and work.actor.department in (order.department, *order.assisting))):
        raise Refusal("附件里可能有个人信息，只给值班坐席、复核专员和本工单的科室打开")
    if _erased(work, order):
        raise Refusal("这个工单的个人信息已按规定删除，附件随之删除")


def open_recorded(work: Work, order: Order, n: int, part: int) -> tuple[Attachment, bytes]:
    """Open a file and record that it was opened. Raises Refusal, StoreError for bytes that were changed.

    A 保密 caller's files are opened only by whoever sent them: they may show what the caller wants hidden.
    """
    permit_opening(work, order)
    held = find(work, order, n, part)
    if order.confidential and held.by != work.actor.id:
        raise Refusal(f"来电人要求保密，附件只有存入的人（{work.name(held.by)}）能打开")
    stored = table(AttachmentFile)
    row = work.scope.connection.execute(
        sa.select(stored.c.wrapped_key, stored.c.sealed).where(
            stored.c.order_id == order.id, stored.c.n == n, stored.c.part == part
        )
    ).one_or_none()
    vault = work.scope.vault(order.id)
    if row is None or vault is None or vault["wrapped_key"] is None:
        raise Refusal("这个附件的内容已经不在：请告诉系统管理员运行 jiesu verify")
    data = work.office.store.vault.open_file(order.id, vault["wrapped_key"], (n, part), row.wrapped_key, row.sealed)
    work.scope.record(OPENED, order, name=held.name, n=n, part=part)
    return held, data


def safe_name(work: Work, order: Order | None, file: NewFile) -> str:
    """The name as it may be stored and shown: no path, no marks that disguise it, masked, with the true ending."""
    bare = plain_name(file.name)
    stem, dot, ending = bare.rpartition(".")
    if not dot or not _ENDING.fullmatch(ending):
        stem, ending = bare, ""
    if file.kind is not None and not matching(ending.lower(), file.kind):
        # A harmless-looking inner ending (照片.jpg.exe) goes with the false one.
        inner = _ending(stem)
        stem, ending = (stem[: -len(inner) - 1] if inner in _ENDINGS else stem), file.kind.ending
    stem = cut(work.clean(stem, order), LONGEST_NAME).replace("\n", " ").strip(" .")
    return f"{stem or '未命名'}.{ending.lower()}" if ending else stem or "未命名"


def plain_name(name: str) -> str:
    """The last part of a path, without control, invisible and direction-turning characters."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", name)[-1])
    shown = "".join(character for character in name if unicodedata.category(character) not in _UNSEEN)
    return " ".join(re.sub(r"[<>:\"|?*]", "_", shown).split())


def size_text(size: int) -> str:
    """`1.2 MB`, `340 KB`, `12 字节`."""
    if size >= _MB:
        return f"{size / _MB:.1f} MB"
    return f"{size / 1024:.0f} KB" if size >= 1024 else f"{size} 字节"


_OPENERS: Final = frozenset({"duty", "reviewer"})
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ENDING: Final = re.compile(r"[A-Za-z][A-Za-z0-9]{0,7}")
_ENDINGS: Final = frozenset(ending for kind in TYPES.values() for ending in (kind.ending, *kind.also))
_SCRIPTS: Final = frozenset(
    {
        *("bat", "cmd", "com", "ps1", "psm1", "vbs", "vbe", "js", "jse", "mjs", "wsf", "wsh", "hta", "sh", "bash"),
        *("py", "pl", "rb", "php", "asp", "aspx", "jsp", "reg", "inf", "scf", "url", "lnk", "htm", "html", "xhtml"),
        *("svg", "xml", "toml", "ini", "cfg", "conf", "sql", "exe", "dll", "scr", "msi", "jar"),
    }
)
"""Endings under which a text would be run or read as a page or a setting."""


def _permit(work: Work, order: Order) -> None:
    """Who may write down 反馈 or 核查 may add files: the seats, and the order's own 科室."""
    step = STEPS["反馈"]
    if not work.actor.roles & step.who:
        raise Refusal(f"附件由值班坐席和本工单的科室存入，您（{work.actor.name}）没有这个职责")
    if order.department is None and DUTY not in work.actor.roles:
        raise Refusal("还没有派单，科室不能存入附件：等值班坐席派单后再存，或请值班坐席存入")
    if not may(work.actor, order, step):
        raise Refusal(
            f"主办科室是{department_name(work.office, order.department)}，"
            f"您在{department_name(work.office, work.actor.department)}，不能存入附件"
        )
    if not order.open:
        again = "，要补材料请先由综合科 /重开" if order.state == State.CLOSED else ""
        raise Refusal(f"现在是“{order.state}”，不再收附件{again}")
    if _erased(work, order):
        raise Refusal("这个工单的个人信息已按规定删除，不再收附件")


def _erased(work: Work, order: Order) -> bool:
    row = work.scope.vault(order.id)
    return row is not None and row["erased_at"] is not None


def _order_key(work: Work, order: Order) -> bytes:
    """The order's wrapped key; an order without personal data gets one now."""
    row = work.scope.vault(order.id)
    if row is not None and row["wrapped_key"] is not None:
        return bytes(row["wrapped_key"])
    key = work.office.store.vault.new_key(order.id)
    blank = dict.fromkeys(("sealed", "phone_index", "row_digest", "erased_at"))
    work.scope.place(VaultRow, (order.id,), {**blank, **(row or {}), "wrapped_key": key})
    return key


def _line(held: Attachment) -> str:
    return f"{held.name} · {kind_of(held).title} · {size_text(held.size)}"


def _renamed(file: NewFile, held: Attachment) -> str:
    ending = _ending(plain_name(file.name))
    return "" if not ending or matching(ending, kind_of(held)) else f"（原名写作 .{ending}，按内容改正）"


def _ending(name: str) -> str:
    ending = plain_name(name).rpartition(".")[2] if "." in name else ""
    return ending.lower() if _ENDING.fullmatch(ending) else ""
