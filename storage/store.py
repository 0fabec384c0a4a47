"""The store of one office: opened, checked, written in batches, read beside the writer."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError

from config.errors import reason
from storage import migrations, triggers
from storage.batch import Batch
from storage.columns import table
from storage.database import reading_engine, writing_engine
from storage.errors import StoreError, StoreUnavailable
from storage.failpoints import passing
from storage.faults import BUSY, hopeless, in_the_way, told, unavailable
from storage.journal import GENESIS
from storage.tables import Counter, Head, Meta
from storage.transaction import Scope
from storage.vault import Vault, VaultError

T = TypeVar("T")
Key = Callable[[bool], bytes]
"""Gives the office's vault key; told whether the store is empty, so that one may be made."""

TRIES = 6
"""How often a batch is replayed whole after another process got in its way."""


class Unit:
    """A job's hand on the batch. Each `attempt` is all or nothing; so is the job as a whole."""

    def __init__(self, batch: Batch, *, now: datetime, actor: str, cause: str | None) -> None:
        self._batch = batch
        self.now = now
        self.actor = actor
        self.cause = cause

    def attempt(self, work: Callable[[Scope], T]) -> T:
        """Run one command; when it raises, nothing of it stays and the exception goes on."""
        scope = Scope(self._batch, now=self.now, actor=self.actor, cause=self.cause)
        value = work(scope)
        scope.close()
        self._batch.merge(scope)
        return value

    def adopt(self, ahead: "Ahead[T]") -> bool:
        """Take over what was worked out beside the writer; False, and nothing is taken, when it may not hold now."""
        return self._batch.adopt(ahead.scope)

    def replies(self, platform: str, message_id: str) -> Any | None:
        """The stored replies to a message that was already taken, else None."""
        return self._batch.replies(platform, message_id)


@dataclass(frozen=True, slots=True)
class Ahead(Generic[T]):
    """New orders worked out without the write lock, for `Unit.adopt`: what the work returned, and what it did."""

    value: T
    scope: Scope


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """Work for the writer. `orders`, `message` and `counters` are what it is known to need: loaded in one go.

    It may be run again from the start when another process got in the way, so it must do nothing but what its unit
    undoes.
    """

    work: Callable[[Unit], T]
    now: datetime
    actor: str = "system"
    cause: str | None = None
    orders: tuple[int, ...] = ()
    message: tuple[str, str] | None = None
    counters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What became of a job: its value, or the exception that dropped it."""

    value: T | None = None
    error: Exception | None = None

    def result(self) -> T:
        """The value; raises what the job raised."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


@dataclass(slots=True)
class Store:
    """One office's database and vault. Use `Store.open`; nothing is cached across transactions."""

    url: str
    vault: Vault
    rehearsal: bool
    fresh: bool
    _write: sa.Engine = field(repr=False)
    _read: sa.Engine = field(repr=False)
    on_commit: Callable[[frozenset[str]], None] = field(default=lambda written: None, repr=False)

    @classmethod
    def open(
        cls,
        url: str,
        key: Key,
        *,
        rehearsal: bool | None = None,
        create: bool = True,
        migrate: bool = True,
    ) -> "Store":
        """Open or make the store.

        `key(store_is_empty)` gives the office's vault key. `rehearsal` says how it is going to be used (None: as it
        is marked). Raises StoreError in one Chinese line: not there, too old (without `migrate`), too new, wrong key,
        rehearsal against real.
        """
        if url.startswith("sqlite:///"):
            path = Path(url.removeprefix("sqlite:///"))
            if not create and not path.exists():
                raise StoreError(f"数据库 {path} 不存在：请先运行 jiesu run 或 jiesu import")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(mode=0o600)
            except OSError as error:
                raise StoreError(f"数据目录 {path.parent} 建不了：{reason(error)}。请检查路径和权限") from error
        reading, writing = reading_engine(url), writing_engine(url)
        try:
            opened = _look(reading, key, rehearsal, create=create, migrate=migrate)
            fresh, vault, marked = opened or _make(writing, key, rehearsal, create=create, migrate=migrate)
        except BaseException as error:
            reading.dispose()
            writing.dispose()
            if isinstance(error, DBAPIError):
                raise StoreError(f"数据库打不开：{told(error)}。请检查地址、权限和磁盘空间") from error
            if isinstance(error, VaultError):
                raise StoreError(str(error)) from error
            raise
        return cls(url=url, vault=vault, rehearsal=marked, fresh=fresh, _write=writing, _read=reading)

    def close(self) -> None:
        """Give all connections back."""
        self._write.dispose()
        self._read.dispose()

    def protect(self) -> None:
        """Put back the triggers that protect the journal, where any is missing or changed."""
        with self._read.connect() as connection:
            whole = not triggers.missing(connection)
        if not whole:
            with self._write.begin() as connection:
                triggers.install(connection)

    def read(self, work: Callable[[Scope], T], *, now: datetime, actor: str = "system", cause: str | None = None) -> T:
        """Run a query on one consistent state, beside the writer; nothing can be changed."""
        try:
            with self._read.connect() as connection:
                return work(Scope(Batch(connection, writable=False), now=now, actor=actor, cause=cause))
        except DBAPIError as error:
            if hopeless(error) or in_the_way(error):
                raise StoreUnavailable(unavailable(error)) from error
            raise

    def ahead(self, work: Callable[[Scope], T], *, now: datetime, actor: str = "system", cause: str | None) -> Ahead[T]:
        """Work out beside the writer what is likely to hold when it is written, so that nobody waits for the working.

        Only new orders ever hold (`Batch.adopt`); whoever adopts must be ready to do the work again inside.
        """

        def worked(scope: Scope) -> Ahead[T]:
            value = work(scope)
            scope.close()
            return Ahead(value, scope)

        return self.read(worked, now=now, actor=actor, cause=cause)

    def connect(self) -> sa.Connection:
        """A reading connection, for long streams such as `verify`; the caller closes it."""
        return self._read.connect()

    def transact(self, jobs: Sequence[Job[Any]]) -> list[Outcome[Any]]:
        """Run the jobs in one transaction; every outcome is durable when this returns.

        A job that raises is dropped alone. When the batch cannot be written, it is replayed whole if another process
        was in the way, else job by job, so that one bad job cannot harm the others.
        """
        fault: Exception | None = None
        for _ in range(TRIES):
            try:
                outcomes, written = self._once(jobs)
            except Exception as error:  # noqa: BLE001 - whatever one job tries to write, the others get their answers
                fault = error
            else:
                passing("batch.after_commit")
                if written:
                    self.on_commit(written)
                return outcomes
            if hopeless(fault):
                return [Outcome(error=StoreUnavailable(unavailable(fault))) for _ in jobs]
            if not in_the_way(fault) and (len(jobs) > 1 or not isinstance(fault, IntegrityError)):
                break
        if in_the_way(fault):
            return [Outcome(error=StoreUnavailable(f"没有存下来：{BUSY}。请稍后再试")) for _ in jobs]
        if len(jobs) > 1:
            return [self.transact([job])[0] for job in jobs]
        return [Outcome(error=fault)]

    def run(self, job: Job[T]) -> T:
        """Run one job by itself, for command-line programs and tests; raises what the job raised."""
        return self.transact([job])[0].result()  # type: ignore[no-any-return]

    def _once(self, jobs: Sequence[Job[Any]]) -> tuple[list[Outcome[Any]], frozenset[str]]:
        outcomes: list[Outcome[Any]] = []
        with self._write.begin() as connection:
            batch = Batch(connection)
            batch.preload(
                orders=[order for job in jobs for order in job.orders],
                messages=[job.message for job in jobs if job.message],
                counters=[counter for job in jobs for counter in job.counters],
            )
            for job in jobs:
                mark = batch.mark()
                try:
                    unit = Unit(batch, now=job.now, actor=job.actor, cause=job.cause)
                    outcomes.append(Outcome(value=job.work(unit)))
                except DBAPIError:
                    raise
                except Exception as error:  # noqa: BLE001 - the job's own fault, handed to whoever asked
                    batch.back_to(mark)
                    outcomes.append(Outcome(error=error))
            passing("batch.before_write")
            batch.flush()
            passing("batch.before_commit")
        return outcomes, batch.written


_Opened = tuple[bool, Vault, bool]
"""Whether the store was made just now, its vault, whether it is a rehearsal's."""


def _look(engine: sa.Engine, key: Key, rehearsal: bool | None, *, create: bool, migrate: bool) -> _Opened | None:
    """Open a store that is whole without its write lock, for which a running service would have to wait.

    None where something is to be made or marked first.
    """
    with engine.connect() as connection:
        if _lacking(connection, create=create, migrate=migrate):
            return None
        known = _marks(connection)
        use, wanted = _uses(known, rehearsal)
        return None if use != wanted else (False, _vault(known, key), use == _REHEARSAL)


def _make(engine: sa.Engine, key: Key, rehearsal: bool | None, *, create: bool, migrate: bool) -> _Opened:
    """Make or bring up to date the tables, and mark the store's use, while no other process does."""
    migrations.load()
    with engine.begin() as connection:
        # On SQLite the write lock is held from the start.
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('jiesu tables'))")
        # Looked at anew: another process may have done it while this one waited.
        fresh = migrations.revision(connection) is None
        if _lacking(connection, create=create, migrate=migrate):
            migrations.upgrade(connection)
        if fresh:
            vault = Vault(key(True))
            wanted = _uses({}, rehearsal)[1]
            _fill(connection, {"use": wanted, "vault": vault.fingerprint, "store": secrets.token_hex(8)})
            return True, vault, wanted == _REHEARSAL
        known = _marks(connection)
        use, wanted = _uses(known, rehearsal)
        vault = _vault(known, key)
        if use != wanted:
            meta = table(Meta)
            connection.execute(sa.update(meta).where(meta.c.key == "use").values(value=wanted))
        return False, vault, wanted == _REHEARSAL


def _lacking(connection: sa.Connection, *, create: bool, migrate: bool) -> bool:
    """Whether tables are to be made or brought up to date; raises StoreError where that is not wanted."""
    fresh = migrations.revision(connection) is None
    if fresh and not create:
        raise StoreError("数据库里还没有表：请先运行 jiesu run 或 jiesu import")
    pending = migrations.pending(connection)
    if pending and not fresh and not migrate:
        raise StoreError("数据库版本较旧：请先运行 jiesu db upgrade")
    return pending


def _marks(connection: sa.Connection) -> dict[str, str]:
    meta = table(Meta)
    return {row.key: row.value for row in connection.execute(sa.select(meta.c.key, meta.c.value))}


def _uses(known: Mapping[str, str], rehearsal: bool | None) -> tuple[str, str]:
    """What the store is marked for, and what it is to be marked for now; raises StoreError where they contradict."""
    use = known.get("use", _UNUSED)
    wanted = use if rehearsal is None else _REHEARSAL if rehearsal else _REAL
    if use not in (_UNUSED, wanted):
        raise StoreError(
            "这个数据库是演练用的，不能用于正式值守：请换一个数据目录，或设回演练时钟"
            if use == _REHEARSAL
            else "这个数据库是正式的，不能用于演练：请换一个数据目录，或去掉 JIESU_CLOCK 设置"
        )
    return use, wanted


def _vault(known: Mapping[str, str], key: Key) -> Vault:
    vault = Vault(key(False))
    if known["vault"] != vault.fingerprint:
        raise StoreError("办公室密钥不对：它不是写入这个数据库时用的那一把。请换回原来的密钥文件")
    return vault


def _fill(connection: sa.Connection, marks: Mapping[str, str]) -> None:
    """The rows that a store without a history has."""
    connection.execute(sa.insert(table(Head)).values(id=1, seq=0, hash=GENESIS))
    connection.execute(sa.insert(table(Counter)), [{"name": name, "value": 0} for name in ("message", "order")])
    connection.execute(sa.insert(table(Meta)), [{"key": key, "value": value} for key, value in marks.items()])


_UNUSED, _REAL, _REHEARSAL = "unused", "real", "rehearsal"
"""What a store was used for. An import makes a store that no service has used yet; the first service marks it."""
