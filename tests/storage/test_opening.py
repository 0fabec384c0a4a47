"""Opening a store: its tables, and every reason for which it stays shut, told in one line."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from storage import migrations, triggers
from storage.database import writing_engine
from storage.errors import StoreError
from storage.store import Store
from tests.conftest import KEY, OpenStore, PostgreSQL
from tests.storage.desk import checked, events, register

FOLDER_RIGHTS = 0o500


def shut(url: str, **options: object) -> str:
    """The line that says why the store cannot be opened: one line, Chinese."""
    key = options.pop("key", KEY)
    with pytest.raises(StoreError) as caught:
        Store.open(url, lambda empty: key, **{"rehearsal": True, **options})  # type: ignore[arg-type]
    line = str(caught.value)
    assert re.search("[一-鿿]", line)
    assert "\n" not in line
    return line


def test_migrations_make_exactly_the_tables_of_the_program(empty_url: str, open_store: OpenStore) -> None:
    store = open_store(empty_url)
    assert store.fresh
    with store.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
        assert triggers.missing(connection) == []
        assert migrations.revision(connection) == migrations.REVISIONS[-1]


def test_a_store_is_fresh_once(empty_url: str, open_store: OpenStore) -> None:
    open_store(empty_url)
    assert not open_store(empty_url).fresh


def test_upgrade_puts_dropped_triggers_back(database_url: str, open_store: OpenStore) -> None:
    engine = writing_engine(database_url)
    suffix = "" if database_url.startswith("sqlite") else " ON event"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER event_no_update{suffix}")
        connection.exec_driver_sql(f"DROP TRIGGER event_no_delete{suffix}")
        assert triggers.missing(connection) == ["event_no_update", "event_no_delete"]
    with engine.begin() as connection:
        migrations.upgrade(connection)
    engine.dispose()
    assert checked(open_store(database_url)).problems == []


def test_a_store_written_by_a_newer_version_stays_shut(database_url: str) -> None:
    engine = writing_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    line = shut(database_url)
    assert "更新版本" in line
    assert "9999" in line


def test_another_key_stays_out(database_url: str) -> None:
    assert "密钥不对" in shut(database_url, key=bytes(32))
    assert "32 字节" in shut(database_url, key=b"short")


def test_a_rehearsal_store_does_no_duty(database_url: str) -> None:
    assert "演练用的" in shut(database_url, rehearsal=False)


def test_a_real_store_is_not_rehearsed_in(empty_url: str, open_store: OpenStore) -> None:
    open_store(empty_url, rehearsal=False)
    assert "正式的" in shut(empty_url, rehearsal=True)


def test_tools_take_a_store_as_it_is_marked(database_url: str, open_store: OpenStore) -> None:
    assert open_store(database_url, rehearsal=None).rehearsal


def test_a_store_is_not_made_where_one_was_expected(empty_url: str) -> None:
    line = shut(empty_url, create=False)
    assert "jiesu run" in line
    if empty_url.startswith("sqlite"):
        assert not Path(empty_url.removeprefix("sqlite:///")).exists()


def test_an_older_store_is_not_changed_unasked(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "REVISIONS", (*migrations.REVISIONS, "0999"))
    assert "jiesu db upgrade" in shut(database_url, migrate=False)


def test_when_opening_fails_halfway_nothing_is_made(empty_url: str, open_store: OpenStore) -> None:
    assert "32 字节" in shut(empty_url, key=b"short")
    assert open_store(empty_url).fresh


def test_processes_that_open_an_empty_store_together_agree(empty_url: str) -> None:
    barrier = threading.Barrier(4)

    def start(_: int) -> Store:
        barrier.wait()
        return Store.open(empty_url, lambda empty: KEY, rehearsal=True)

    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(start, range(4)))
    assert sorted(store.fresh for store in stores) == [False, False, False, True]
    assert register(stores[0]) == [1]
    assert len(events(stores[3])) == 1
    for store in stores:
        store.close()


@pytest.mark.parametrize("content", [b"no database, " * 500, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "export.db"
    path.write_bytes(content)
    assert "不是数据库" in shut(f"sqlite:///{path}")
    assert path.read_bytes() == content


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    assert "文件打不开" in shut(f"sqlite:///{tmp_path}")


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "建不了" in shut(f"sqlite:///{tmp_path / 'data' / 'store' / 'jiesu.db'}")


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up the rights that let root write everywhere."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_that_must_not_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(FOLDER_RIGHTS)
    with unprivileged():
        assert "请检查" in shut(f"sqlite:///{folder / 'jiesu.db'}")
        assert "建不了" in shut(f"sqlite:///{folder / 'deeper' / 'jiesu.db'}")
    folder.chmod(0o700)


def test_a_server_that_does_not_answer(tmp_path: Path) -> None:
    assert "连不上" in shut(f"postgresql://nobody:secret@/office?host={tmp_path}")


def test_a_database_that_does_not_exist(postgresql: PostgreSQL) -> None:
    assert "不存在" in shut(postgresql.url("nowhere"))


def test_a_user_without_rights(postgresql: PostgreSQL, postgresql_url: str) -> None:
    postgresql.execute("CREATE ROLE visitor LOGIN")
    try:
        assert "没有权限" in shut(postgresql_url.replace("postgres:@", "visitor:@"))
    finally:
        postgresql.execute("DROP ROLE visitor")


def test_an_address_is_never_told_with_its_password(tmp_path: Path) -> None:
    assert "secret" not in shut(f"postgresql://nobody:secret@/office?host={tmp_path}")


def test_the_engine_keeps_what_is_acknowledged(sqlite_url: str) -> None:
    engine = writing_engine(sqlite_url)
    with engine.connect() as connection:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        assert {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted} == wanted
    engine.dispose()


def test_a_reader_sees_one_state_while_another_writes(database_url: str, open_store: OpenStore) -> None:
    store = open_store(database_url)
    orders = sa.text("SELECT count(*) FROM orders")
    with store.connect() as connection:
        assert connection.execute(orders).scalar_one() == 0
        register(store, 3)
        assert connection.execute(orders).scalar_one() == 0
    with store.connect() as connection:
        assert connection.execute(orders).scalar_one() == 3


def test_a_store_that_was_only_imported_into_becomes_what_first_uses_it(empty_url: str, open_store: OpenStore) -> None:
    assert not open_store(empty_url, rehearsal=None).rehearsal
    assert open_store(empty_url, rehearsal=True).rehearsal
    assert "演练用的" in shut(empty_url, rehearsal=False)


# ------------------------------------------------------------------------------------------- beside a service at work


def test_a_whole_store_is_opened_while_another_process_writes(sqlite_url: str, open_store: OpenStore) -> None:
    engine = writing_engine(sqlite_url)
    with engine.begin():
        assert open_store(sqlite_url, create=False, migrate=False).rehearsal
        assert "密钥不对" in shut(sqlite_url, key=bytes(32))
    engine.dispose()


LOADED_AT_THE_LOCK = """
import sys

from storage import database
from storage.store import Store

take, loaded = database._wait_for_turn, []


def told(connection):
    loaded.append("alembic.command" in sys.modules)
    take(connection)


database._wait_for_turn = told
for _ in range(2):
    Store.open(sys.argv[1], lambda empty: bytes(32)).close()
print(loaded)
"""


def test_what_migrates_is_loaded_before_the_lock_is_taken_and_a_whole_store_takes_none(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADED_AT_THE_LOCK, f"sqlite:///{tmp_path / 'new.db'}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[True]\n"
