"""`jiesu db backup` and `jiesu db restore`, also without the `db`."""

from pathlib import Path

from bot.cli.checking import verify_store
from bot.cli.context import Context, out
from bot.clock import SystemClock, clock_for
from bot.ledger import keep_ledger
from bot.service import open_store, vault_key
from config.settings import Settings
from config.shanghai import full_text
from handlers.erasing import reapply
from storage import erasures
from storage.archive import Manifest
from storage.backup import write_backup
from storage.errors import StoreError
from storage.restore import restore
from storage.vault import KeyMissing, Vault, VaultError


def backup_store(context: Context, target: Path, *, force: bool = False) -> None:
    """Write a consistent copy, also while the service runs; says what it holds.

    An older backup of that name is replaced only with `force`, anything else never. Raises StoreError, OSError.
    """
    if target.is_file() and not force:
        raise StoreError(f"{target} 已经存在，没有备份，也没有覆盖：请换一个文件名；要覆盖这份旧备份，加 --force")
    store = open_store(context.settings, create=False, migrate=False)
    try:
        erased = keep_ledger(context.settings, store)
        with store.connect() as connection:
            manifest = write_backup(connection, store.vault, target, now=SystemClock().now(), erased=erased)
    finally:
        store.close()
    out(f"✔ 已备份到 {target}（{_size(target.stat().st_size)}）")
    _tell(manifest)
    out(f"办公室密钥（指纹 {manifest.vault}）不在备份里：请另行妥善保管，没有它备份恢复不了")


def restore_store(context: Context, source: Path) -> int:
    """Put a backup into an empty store, apply deletions again and verify; returns the exit status.

    Raises StoreError: nothing was changed then.
    """
    settings = context.settings
    ledger = erasures.ledger_path(settings.data_dir)
    restored = restore(
        source,
        settings.database(),
        lambda manifest: _vault(settings, manifest),
        now=clock_for(settings.clock).now(),
        present=SystemClock().now(),
        erased=erasures.read_ledger(ledger),
        reapply=reapply,
    )
    erasures.add_to_ledger(ledger, restored.erased)
    out(f"✔ 已从 {source} 恢复")
    _tell(restored.manifest)
    if restored.reapplied:
        out(f"其中 {restored.reapplied} 件工单的个人信息在备份之后已按规定删除，现已重新删除，各记一条事件")
    return verify_store(context)


def _vault(settings: Settings, manifest: Manifest) -> Vault:
    """The vault with the office's key, without which the backup's personal data could never be read again."""
    try:
        return Vault(vault_key(settings, store_is_empty=False))
    except KeyMissing as error:
        raise StoreError(
            f"找不到办公室密钥 {settings.vault_key_file}：备份里的个人信息是用指纹 {manifest.vault} 的密钥加密的，"
            "没有它恢复不了；请把那把密钥的文件放到这里，或设置 JIESU_VAULT__KEY"
        ) from error
    except VaultError as error:
        raise StoreError(str(error)) from error


def _tell(manifest: Manifest) -> None:
    use = "演练" if manifest.rehearsal else "正式"
    rows = manifest.rows
    out(
        f"时间 {full_text(manifest.made_at)}，{use}，工单 {rows['orders']} 件，事件 {rows['event']} 条，"
        f"共 {sum(rows.values())} 行，删除台账 {manifest.erased} 条"
    )
    out(f"账头 {manifest.head}")


def _size(length: int) -> str:
    size = float(length)
    for unit in ("字节", "KB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "字节" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"
