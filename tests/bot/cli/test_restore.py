"""`jiesu restore`: onto another machine, into the other database, and everything that it refuses."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.cli.safekeeping import backup_store, restore_store
from storage import archive, migrations, presence, triggers
from storage.columns import table
from storage.errors import StoreError
from storage.restore import restore
from storage.tables import Event, Lease, OrderTable
from storage.vault import Vault
from tests.bot.cli.house import OTHER_KEY, House, contents, fill, later, sealed
from tests.conftest import KEY, OpenStore
from tests.storage import desk
from tests.street import CALLER, Street, row


@pytest.fixture
def street(database_url: str, open_store: OpenStore) -> Street:
    """An office at work."""
    return fill(database_url, open_store)


@pytest.fixture
def house(street: Street, tmp_path: Path) -> House:
    """The machine that it is on."""
    return House(tmp_path / "first", street.store.url)


@pytest.fixture
def backup(house: House, tmp_path: Path) -> Path:
    """A backup of it."""
    backup_store(house.context, tmp_path / "b.jiesu")
    return tmp_path / "b.jiesu"


@pytest.fixture(params=["to sqlite", "to postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, of each kind, whatever the backup came from."""
    if request.param == "to sqlite":
        yield f"sqlite:///{tmp_path / 'second' / 'jiesu.db'}"
        return
    server = request.getfixturevalue("postgresql")
    name = server.create("template1")
    yield server.url(name)
    server.drop(name)


def test_every_row_comes_back_in_either_database(street, backup, elsewhere, tmp_path, capsys):
    other = House(tmp_path / "second", elsewhere)
    assert restore_store(other.context, backup) == 0
    told = capsys.readouterr().out
    assert "✔ 核验通过" in told
    assert told.count(desk.events(street.store)[-1]["hash"]) == 2
    restored = other.store()
    try:
        assert contents(restored) == contents(street.store)
        assert desk.checked(restored).problems == []
        with restored.connect() as connection:
            assert triggers.missing(connection) == []
            assert migrations.pending(connection) is False
        held = sealed(restored, 1)
        assert restored.vault.open(1, held["wrapped_key"], held["sealed"]).name == CALLER
    finally:
        restored.close()


def test_the_restored_office_goes_on_with_its_work(backup, elsewhere, tmp_path, open_store):
    other = House(tmp_path / "second", elsewhere)
    restore_store(other.context, backup)
    restored = Street(open_store(elsewhere), now=later())
    before = {notice.id for notice in restored.notices()}
    restored.through(3, "签收", "派单")
    restored.import_rows(row(200))
    new = {notice.id for notice in restored.notices()}
    assert new
    assert min(new) > max(before)
    assert restored.order(8).number == "热线-260601-000200"
    restored.check()


def test_a_restored_file_is_for_its_owner(backup, tmp_path):
    other = House(tmp_path / "second", f"sqlite:///{tmp_path / 'second' / 'jiesu.db'}")
    restore_store(other.context, backup)
    assert stat.S_IMODE((tmp_path / "second" / "jiesu.db").stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["jiesu.db", "vault.key"]


def test_a_backup_of_a_restored_store_is_the_same_again(backup, elsewhere, tmp_path):
    other = House(tmp_path / "second", elsewhere)
    restore_store(other.context, backup)
    backup_store(other.context, tmp_path / "again.jiesu")
    with archive.opened(backup) as (first, _), archive.opened(tmp_path / "again.jiesu") as (second, _):
        assert second.sha256 == first.sha256


# ------------------------------------------------------------------------------------------------------------- the key


def test_without_the_right_key_nothing_is_restored(backup, elsewhere, tmp_path):
    other = House(tmp_path / "second", elsewhere, OTHER_KEY)
    with pytest.raises(StoreError, match="办公室密钥不对") as refused:
        restore_store(other.context, backup)
    assert "\n" not in str(refused.value)
    assert Vault(KEY).fingerprint in str(refused.value)
    _assert_nothing_there(elsewhere)


def test_without_any_key_none_is_made(backup, elsewhere, tmp_path):
    other = House(tmp_path / "second", elsewhere, None)
    with pytest.raises(
        StoreError, match=f"找不到办公室密钥 {other.key_file}：备份里.*指纹 {Vault(KEY).fingerprint}"
    ) as refused:
        restore_store(other.context, backup)
    assert "库里" not in str(refused.value), "there is no store yet"
    assert not other.key_file.exists()
    _assert_nothing_there(elsewhere)


def test_a_file_that_is_not_there_is_named_before_the_key_is_missed(elsewhere, tmp_path):
    other = House(tmp_path / "second", elsewhere, None)
    with pytest.raises(StoreError, match=r"备份 .*nofile 打不开（没有这个文件"):
        restore_store(other.context, tmp_path / "nofile")
    (tmp_path / "notes.txt").write_text("no backup")
    with pytest.raises(StoreError, match="不是 jiesu 的备份"):
        restore_store(other.context, tmp_path / "notes.txt")
    _assert_nothing_there(elsewhere)


# ---------------------------------------------------------------------------------------------------- where it may go


def test_a_store_that_holds_anything_is_not_overwritten(street, house, backup):
    before = contents(street.store)
    _let_go(street)
    with pytest.raises(StoreError, match="恢复只进空库"):
        restore_store(house.context, backup)
    assert contents(street.store) == before


def test_a_store_that_was_made_and_never_used_is_filled(street, backup, empty_url, tmp_path):
    other = House(tmp_path / "second", empty_url)
    other.store().close()
    assert restore_store(other.context, backup) == 0
    restored = other.store()
    assert contents(restored) == contents(street.store)
    restored.close()


def test_an_unused_store_of_an_older_version_is_filled(street, backup, empty_url, tmp_path, monkeypatch):
    other = House(tmp_path / "second", empty_url)
    store = other.store()
    store.run(desk.job(lambda scope: scope.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))))
    store.close()
    monkeypatch.setattr(migrations, "REVISIONS", ("0000", *migrations.REVISIONS))
    assert restore_store(other.context, backup) == 0
    restored = other.store()
    assert contents(restored) == contents(street.store)
    restored.close()


def test_while_the_service_runs_nothing_is_restored(backup, empty_url, tmp_path):
    other = House(tmp_path / "second", empty_url)
    other.announce()
    with pytest.raises(StoreError, match="服务正在运行（host-a）"):
        restore_store(other.context, backup)
    store = other.store()
    assert desk.count(store, OrderTable) == 0
    store.close()


def test_a_service_that_was_killed_is_in_the_way_for_half_a_minute_only(backup, empty_url, tmp_path):
    other = House(tmp_path / "second", empty_url)
    other.announce(later(seconds=-1) - presence.SPAN)
    assert restore_store(other.context, backup) == 0
    store = other.store()
    assert desk.count(store, Lease) == 0
    store.close()


def test_another_program_that_has_the_file_open_is_in_the_way(backup, tmp_path):
    other = House(tmp_path / "second", f"sqlite:///{tmp_path / 'second' / 'jiesu.db'}")
    other.store().close()
    with closing(sqlite3.connect(tmp_path / "second" / "jiesu.db")) as held:
        assert held.execute("SELECT count(*) FROM event").fetchone() == (0,)
        with pytest.raises(StoreError, match="请先停止服务"):
            restore_store(other.context, backup)
    assert restore_store(other.context, backup) == 0


def test_a_transaction_of_another_program_is_in_the_way(backup, postgresql_url, tmp_path):
    other = House(tmp_path / "second", postgresql_url)
    store = other.store()
    with store.connect() as connection:
        connection.execute(sa.select(table(Event)))
        with pytest.raises(StoreError, match="请先停止服务"):
            restore_store(other.context, backup)
    store.close()
    assert restore_store(other.context, backup) == 0


# ------------------------------------------------------------------------------------------------------- damaged files


@pytest.fixture
def small(sqlite_url: str, open_store: OpenStore, tmp_path: Path) -> bytes:
    """The bytes of a small backup."""
    desk.register(open_store(sqlite_url), 2)
    backup_store(House(tmp_path / "first", sqlite_url).context, tmp_path / "b.jiesu")
    return (tmp_path / "b.jiesu").read_bytes()


def _refused(data: bytes, folder: Path) -> str:
    """Restore these bytes into a database that does not exist; why that was refused. Nothing may be left of it."""
    file, target = folder / "damaged.jiesu", folder / "second" / "jiesu.db"
    file.write_bytes(data)
    with pytest.raises(StoreError) as refused:
        restore(
            file,
            f"sqlite:///{target}",
            lambda manifest: Vault(KEY),
            now=later(),
            present=later(),
            erased={},
            reapply=lambda scope, vault, erased: 0,
        )
    assert not target.exists()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_flip_anywhere_is_recognised(small, tmp_path):
    header = len(small[: archive.HEADER_BYTES].rstrip(b" "))
    places = st.integers(0, header) | st.integers(0, len(small) - 1)

    @settings(max_examples=200, deadline=None)
    @given(place=places, mask=st.integers(1, 255))
    def check(place: int, mask: int) -> None:
        data = bytearray(small)
        data[place] ^= mask
        assert any(word in _refused(bytes(data), tmp_path) for word in ("损坏", "更新版本"))

    check()


def test_a_file_that_was_cut_off_or_goes_on_is_recognised(small, tmp_path):
    @settings(max_examples=100, deadline=None)
    @given(length=st.integers(0, len(small) - 1))
    def check(length: int) -> None:
        assert "损坏" in _refused(small[:length], tmp_path)

    check()
    assert "损坏" in _refused(small + b"\0", tmp_path)
    assert "损坏" in _refused(small + small, tmp_path)


def test_what_is_no_backup_is_said_to_be_none(tmp_path):
    assert "不是 jiesu 的备份" in _refused(b"SQLite format 3\0" + bytes(5000), tmp_path)
    assert "不是 jiesu 的备份" in _refused(b"", tmp_path)
    with pytest.raises(StoreError, match="打不开"):
        restore_store(House(tmp_path / "a", f"sqlite:///{tmp_path / 'x.db'}").context, tmp_path / "missing")


def test_a_newer_format_asks_for_a_newer_program(small, tmp_path):
    assert "格式 2" in _refused(small.replace(b"jiesu backup 1\n", b"jiesu backup 2\n", 1), tmp_path)


def test_a_newer_revision_asks_for_a_newer_program(small, tmp_path, monkeypatch):
    monkeypatch.setattr(migrations, "REVISIONS", ("0000",))
    assert "请换新版本程序" in _refused(small, tmp_path)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([{"table": "meta", "columns": [["key", "text"]]}], "行数与清单不符"),
        ([], "缺少末尾"),
        (["nonsense"], "读不出来"),
        ([{"table": "meta", "columns": [["key", "unknown"]]}], "读不出来"),
        ([{"table": "nowhere", "columns": [["key", "text"]]}, ["x"]], "恢复不了"),
        ([{"table": "meta", "columns": [["key", "text"]]}, ["a", "b"]], "读不出来"),
    ],
)
def test_a_whole_file_that_tells_nonsense_leaves_nothing(lines, why, tmp_path):
    with archive.writing(tmp_path / "b.jiesu") as file:
        body = archive.Body(file)
        for line in lines:
            body.line(line)
        length, sha256 = body.end()
        about = {"made_at": later(), "revision": migrations.REVISIONS[-1], "vault": Vault(KEY).fingerprint}
        told = {"store": "s", "rehearsal": True, "seq": 0, "head": "0", "rows": {"meta": 5, "nowhere": 1}}
        archive.seal(file, archive.Manifest(**about, **told, length=length, sha256=sha256))
    assert why in _refused((tmp_path / "b.jiesu").read_bytes(), tmp_path)


def test_a_damaged_backup_leaves_an_unused_store_as_it_was(backup, empty_url, tmp_path, monkeypatch):
    other = House(tmp_path / "second", empty_url)
    store = other.store()
    before = contents(store)
    store.close()
    monkeypatch.setattr("storage.restore._check_filled", _fail)
    with pytest.raises(StoreError, match="at the last moment"):
        restore_store(other.context, backup)
    store = other.store()
    assert contents(store) == before
    store.close()


def _fail(*_: object) -> None:
    raise StoreError("at the last moment")


def test_a_tampered_journal_is_restored_as_it_is_and_said_aloud(street, house, tmp_path, elsewhere, capsys):
    with street.store._write.begin() as connection:
        for name in ("event_no_update",):
            on = " ON event" if connection.dialect.name == "postgresql" else ""
            connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
        connection.exec_driver_sql("UPDATE event SET actor = 'x' WHERE seq = 3")
    backup_store(house.context, tmp_path / "b.jiesu")
    assert restore_store(House(tmp_path / "second", elsewhere).context, tmp_path / "b.jiesu") == 1
    assert "第一条坏事件是 3" in capsys.readouterr().out


# ----------------------------------------------------------------------------------------------------------- deletions


def test_what_was_erased_after_the_backup_is_erased_again(street, house, backup, elsewhere, tmp_path, capsys):
    house.erase(1, 3)
    other = House(tmp_path / "second", elsewhere)
    other.ledger.write_bytes(house.ledger.read_bytes())
    assert restore_store(other.context, backup) == 0
    assert "2 件工单的个人信息在备份之后已按规定删除" in capsys.readouterr().out
    restored = other.store()
    try:
        for order in range(1, 8):
            held = sealed(restored, order)
            gone = [held[name] is None for name in ("wrapped_key", "sealed", "phone_index", "row_digest")]
            assert gone == [order in (1, 3)] * 4
            assert (held["erased_at"] is not None) == (order in (1, 3))
        told = [json.loads(event["body"]) for event in desk.events(restored) if event["kind"] == "删除"]
        assert [event["order"] for event in told] == [1, 3]
        assert told[0]["data"]["first_erased_at"]
        assert desk.order(restored, 1).caller == desk.order(street.store, 1).caller == "张**"
    finally:
        restored.close()


def test_a_later_backup_carries_the_ledger_to_another_machine(house, backup, elsewhere, tmp_path):
    house.erase(2)
    backup_store(house.context, tmp_path / "later.jiesu")
    other = House(tmp_path / "second", elsewhere)
    assert restore_store(other.context, tmp_path / "later.jiesu") == 0
    assert other.ledger.read_bytes() == house.ledger.read_bytes()
    assert stat.S_IMODE(other.ledger.stat().st_mode) == 0o600
    third = House(tmp_path / "third", f"sqlite:///{tmp_path / 'third' / 'jiesu.db'}")
    third.ledger.write_bytes(other.ledger.read_bytes())
    assert restore_store(third.context, backup) == 0
    restored = third.store()
    assert sealed(restored, 2)["wrapped_key"] is None
    restored.close()


def test_erasing_is_an_event_and_no_import_brings_the_data_back(street, house):
    house.erase(1)
    assert street.events(1)[-1] == "删除"
    street.import_rows(row(1, 标题="又来了一次", 来电人="张三丰"))
    held = sealed(street.store, 1)
    assert (held["wrapped_key"], held["sealed"], held["phone_index"]) == (None, None, None)
    assert "按规定删除" in street.privately("zhang", "/揭示 1 回访核实")
    house.erase(1)
    assert street.events(1).count("删除") == 1
    street.check()


def test_the_ledger_names_nobody(house):
    house.erase(1)
    entry = json.loads(house.ledger.read_text())
    assert set(entry) == {"at", "order"}
    assert len(entry["order"]) == 64
    assert "260601" not in house.ledger.read_text()


def test_an_order_that_the_backup_did_not_know_is_erased_when_it_comes_again(
    street, house, backup, elsewhere, tmp_path, open_store
):
    from bot.ledger import settle

    street.import_rows(row(50))
    house.erase(8)
    other = House(tmp_path / "second", elsewhere)
    other.ledger.write_bytes(house.ledger.read_bytes())
    restore_store(other.context, backup)
    again = Street(open_store(elsewhere), now=later())
    again.import_rows(row(51), row(50))
    assert settle(other.context.settings, again.store, later()) == 1
    assert [sealed(again.store, order)["wrapped_key"] is None for order in (8, 9)] == [False, True]
    assert settle(other.context.settings, again.store, later()) == 0
    again.check()


def test_a_line_that_was_never_finished_is_dropped_and_a_damaged_one_named(house):
    house.erase(1)
    whole = house.ledger.read_bytes()
    house.ledger.write_bytes(whole + b'{"at":"2026-06')
    house.erase(2)
    assert house.ledger.read_bytes().startswith(whole)
    assert house.ledger.read_bytes().count(b"\n") == 2
    house.ledger.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(StoreError, match="第 1 行读不出来"):
        backup_store(house.context, house.folder / "b.jiesu")


# -------------------------------------------------------------------------------------------------------------- helpers


def _assert_nothing_there(url: str) -> None:
    if url.startswith("sqlite:///"):
        assert not Path(url.removeprefix("sqlite:///")).exists()
        return
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    engine.dispose()


def _let_go(street: Street) -> None:
    """Give the connections back, so that only the contents are in the way; the pools open new ones when asked."""
    street.store.close()
