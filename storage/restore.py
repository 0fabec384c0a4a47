"""Putting a backup into an empty store: all of it in one transaction, or nothing.

Refused while a service runs on the store, into a store that holds anything, without the office's key, and for a file
that is damaged or newer than this program.
"""

from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import UTCDateTime

from storage import archive, migrations, presence
from storage.archive import Manifest
from storage.backup import at_once
from storage.batch import Batch
from storage.columns import instant, table
from storage.database import writing_engine
from storage.erasures import Erasures
from storage.errors import StoreError
from storage.faults import BUSY
from storage.tables import Counter, Head, Lease, Meta, Slot
from storage.transaction import Scope
from storage.vault import Vault

Reapply = Callable[[Scope, Vault, Erasures], int]
"""Erases again what the given deletions name; returns how many that were."""

_AT_ONCE = 1000
_WAIT_SECONDS = 3
"""How long another program may still hold the store."""
_OF_ITS_OWN = (Counter, Head, Lease, Meta, Slot)
"""What a store holds that nobody has used yet."""
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "text": sa.Text(),
    "int": sa.BigInteger(),
    "bool": sa.Boolean(),
    "time": UTCDateTime(),
    "bytes": sa.LargeBinary(),
}
_READ: dict[str, Callable[[Any], Any]] = {"time": instant, "bytes": b64decode}


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did: the backup's manifest, how many deletions it applied again, and all that are known now."""

    manifest: Manifest
    reapplied: int
    erased: Erasures


def restore(
    path: Path,
    url: str,
    key: Callable[[Manifest], Vault],
    *,
    now: datetime,
    present: datetime,
    erased: Erasures,
    reapply: Reapply,
) -> Restored:
    """Fill the store behind `url` from the backup and apply again the deletions that it carries and those of `erased`.

    `key` gives the office's vault; it is asked once the file is known to be a whole backup, and may raise StoreError.
    `now` is the office's moment, for events; `present` the real one, against which leases of running services are
    held. Raises StoreError, one Chinese line; the store is then as it was.
    """
    with archive.opened(path) as (manifest, lines):
        vault = _checked(manifest, key)
        with _alone(url) as connection:
            _make_room(connection, present)
            migrations.upgrade(connection, to=manifest.revision)
            try:
                together = {**erased, **_fill(connection, manifest, lines)}
            except (KeyError, TypeError, ValueError) as error:
                raise StoreError("备份的内容读不出来：没有恢复任何内容，请换一份备份") from error
            _check_filled(connection, manifest)
            migrations.upgrade(connection)
            _move_sequences(connection)
            batch = Batch(connection)
            scope = Scope(batch, now=now, actor="system", cause="restore")
            count = reapply(scope, vault, together)
            scope.close()
            batch.merge(scope)
            batch.flush()
    return Restored(manifest, count, together)


def _checked(manifest: Manifest, key: Callable[[Manifest], Vault]) -> Vault:
    """The vault that opens the backup. Raises StoreError: of a newer version, without the key, of another key."""
    if manifest.revision not in migrations.REVISIONS:
        raise StoreError(
            f"备份来自更新的版本（数据库版本 {manifest.revision}，本程序只认识到 {migrations.REVISIONS[-1]}）："
            "请换新版本程序来恢复"
        )
    vault = key(manifest)
    if manifest.vault != vault.fingerprint:
        raise StoreError(
            f"办公室密钥不对：备份是用指纹 {manifest.vault} 的密钥写的，现有的是 {vault.fingerprint}。"
            "请放回原来的密钥文件，再恢复"
        )
    return vault


@contextmanager
def _alone(url: str) -> Iterator[sa.Connection]:
    """One transaction on the store while nobody else has it; a file that was made for it goes again on failure."""
    file = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    made = file is not None and not file.exists()
    engine = _engine(url, file)
    try:
        with engine.begin() as connection:
            if file is None:
                _lock(connection)
            yield connection
    except StatementError as error:
        _remove(file, made, engine)
        raise StoreError(f"恢复不了：{_busy_or(error)}。数据库没有变动") from error
    except BaseException:
        _remove(file, made, engine)
        raise
    engine.dispose()


def _engine(url: str, file: Path | None) -> sa.Engine:
    if file is None:
        return writing_engine(url)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, connect_args={"timeout": _WAIT_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = None
        # Asked for before the first access: fails while any other connection is open, busy or not.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")

    return engine


def _lock(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'")
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('jiesu tables'))")
    names = [f'"{name}"' for name in sa.inspect(connection).get_table_names() if name in SQLModel.metadata.tables]
    if names:
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")


def _busy_or(error: StatementError) -> str:
    code = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or "")
    if code == "55P03" or code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return f"{BUSY}，请先停止服务和其他 jiesu 命令"
    return f"数据库出错（{code or type(error.orig).__name__}），请检查数据库地址、权限和磁盘空间"


def _remove(file: Path | None, made: bool, engine: sa.Engine) -> None:
    engine.dispose()
    if file is not None and made:
        for ending in ("", "-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)


def _make_room(connection: sa.Connection, present: datetime) -> None:
    """Refuse a store that is in use or holds anything; take an unused one's tables away."""
    revision = migrations.revision(connection)
    if revision is None:
        return
    migrations.pending(connection)
    there = [stored for stored in SQLModel.metadata.sorted_tables if sa.inspect(connection).has_table(stored.name)]
    if table(Lease) in there and (running := presence.present(connection, present)) is not None:
        host = running[0].rsplit(":", 1)[0]
        raise StoreError(f"服务正在运行（{host}）：请先停止服务再恢复；若刚被强行结束，请等 {presence.SPAN.seconds} 秒")
    own = [table(model) for model in _OF_ITS_OWN]
    for stored in there:
        if stored not in own and connection.execute(sa.select(sa.literal(1)).select_from(stored).limit(1)).first():
            raise StoreError(f"数据库里已有内容（表 {stored.name}）：恢复只进空库，请先把它移走，或换一个数据库地址")
    # The backup may be of an older revision, and its tables are made as they were then.
    for stored in reversed(there):
        connection.execute(sa.schema.DropTable(stored))
    connection.exec_driver_sql("DROP TABLE alembic_version")


def _fill(connection: sa.Connection, manifest: Manifest, lines: Iterator[Any]) -> dict[str, datetime]:
    """Insert every table's rows; returns the deletions that the backup carries."""
    erased: dict[str, datetime] = {}
    ended = False
    for name, rows, columns in _sections(lines):
        count = 0
        if not name:
            for row in rows:
                erased[row[0]] = instant(row[1])
                count += 1
            ended = True
        else:
            statement = sa.insert(sa.table(name, *(sa.column(column, _TYPES[kind]) for column, kind in columns)))
            while chunk := list(islice(rows, at_once(name, _AT_ONCE))):
                connection.execute(statement, [_values(columns, row) for row in chunk])
                count += len(chunk)
        if count != (manifest.rows[name] if name else manifest.erased):
            raise StoreError(f"备份里表 {name} 的行数与清单不符：没有恢复任何内容，请换一份备份")
    if not ended:
        raise StoreError("备份里缺少末尾的部分：没有恢复任何内容，请换一份备份")
    return erased


def _sections(lines: Iterator[Any]) -> Iterator[tuple[str, Iterator[Any], Sequence[tuple[str, str]]]]:
    """The file's tables in order: name, rows, (column, kind) of each. Rows must be taken before the next table."""
    following = next(lines, None)

    def rows() -> Iterator[Any]:
        nonlocal following
        for following in lines:
            if isinstance(following, dict):
                return
            yield following
        following = None

    while following is not None:
        told = following
        yield told["table"], rows(), told["columns"]


def _values(columns: Sequence[tuple[str, str]], row: Sequence[Any]) -> Mapping[str, Any]:
    return {
        name: _READ[kind](value) if kind in _READ and value is not None else value
        for (name, kind), value in zip(columns, row, strict=True)
    }


def _check_filled(connection: sa.Connection, manifest: Manifest) -> None:
    """The store must be the one that the manifest speaks of: that is what the key was checked against."""
    meta, head = table(Meta), table(Head)
    known = {row.key: row.value for row in connection.execute(sa.select(meta.c.key, meta.c.value))}
    newest = connection.execute(sa.select(head.c.seq, head.c.hash).where(head.c.id == 1)).one_or_none()
    told = (manifest.vault, manifest.seq, manifest.head)
    if newest is None or (known.get("vault"), newest.seq, newest.hash) != told:
        raise StoreError("备份的内容与它的清单不是同一个库的：没有恢复任何内容，请换一份备份")


def _move_sequences(connection: sa.Connection) -> None:
    """PostgreSQL counts generated keys beside the table: go on after the highest."""
    if connection.dialect.name != "postgresql":
        return
    for stored in SQLModel.metadata.sorted_tables:
        for column in stored.primary_key:
            arguments = {"table": f'"{stored.name}"', "column": column.name}
            query = "SELECT pg_get_serial_sequence(%(table)s, %(column)s)"
            sequence = connection.exec_driver_sql(query, arguments).scalar_one()
            highest = connection.execute(sa.select(sa.func.max(column))).scalar_one() if sequence else None
            if highest is not None:
                connection.execute(sa.select(sa.func.setval(sequence, highest)))
