"""`jiesu backup`: a consistent copy of a store at work."""

import gzip
import json
import stat
import threading
from itertools import count
from pathlib import Path

import pytest
from sqlmodel import SQLModel
from typer.testing import CliRunner

from bot.cli.main import app
from bot.cli.safekeeping import backup_store, restore_store
from storage import archive
from storage.archive import HEADER_BYTES
from storage.backup import kind, tables
from storage.errors import StoreError
from storage.tables import Event
from storage.vault import Vault
from tests.bot.cli.house import House, fill
from tests.conftest import KEY
from tests.storage import desk
from tests.street import CALLER, PHONE


def test_a_backup_says_what_it_holds(database_url, open_store, tmp_path, capsys):
    street = fill(database_url, open_store)
    house = House(tmp_path / "a", database_url)
    backup_store(house.context, tmp_path / "b.jiesu")
    with archive.opened(tmp_path / "b.jiesu") as (manifest, lines):
        held = list(lines)
    events = desk.events(street.store)
    assert (manifest.seq, manifest.head) == (events[-1]["seq"], events[-1]["hash"])
    assert manifest.rows["event"] == len(events)
    assert manifest.rows["orders"] == 7
    assert manifest.vault == Vault(KEY).fingerprint
    assert sum(manifest.rows.values()) == sum(isinstance(line, list) for line in held)
    told = capsys.readouterr().out
    assert events[-1]["hash"] in told
    assert "工单 7 件" in told
    assert "演练" in told


def test_the_file_is_for_its_owner_and_leaves_no_draft(database_url, tmp_path):
    house = House(tmp_path / "a", database_url)
    folder = tmp_path / "backups"
    folder.mkdir()
    backup_store(house.context, folder / "b.jiesu")
    assert stat.S_IMODE((folder / "b.jiesu").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["b.jiesu"]


def test_neither_the_key_nor_a_caller_is_in_it(database_url, open_store, tmp_path):
    fill(database_url, open_store)
    house = House(tmp_path / "a", database_url)
    backup_store(house.context, tmp_path / "b.jiesu")
    data = (tmp_path / "b.jiesu").read_bytes()
    text = data[:HEADER_BYTES] + gzip.decompress(data[HEADER_BYTES:])
    for secret in (CALLER.encode(), PHONE.encode(), KEY, house.key_file.read_bytes().strip(), KEY.hex().encode()):
        assert secret not in text


def test_it_can_be_read_by_hand(database_url, tmp_path):
    backup_store(House(tmp_path / "a", database_url).context, tmp_path / "b.jiesu")
    data = (tmp_path / "b.jiesu").read_bytes()
    assert data.startswith(b"jiesu backup 1\n")
    first = json.loads(gzip.decompress(data[HEADER_BYTES:]).split(b"\n")[0])
    assert first["table"] in SQLModel.metadata.tables


def test_every_column_of_every_table_can_be_held():
    assert {kind(column) for stored in tables() for column in stored.c} == {"text", "int", "bool", "time", "bytes"}


def test_only_another_backup_is_replaced(database_url, tmp_path):
    house = House(tmp_path / "a", database_url)
    house.key_file.with_name("notes.txt").write_text("keep")
    with pytest.raises(StoreError, match="已经存在"):
        backup_store(house.context, house.folder / "notes.txt")
    assert house.key_file.with_name("notes.txt").read_text() == "keep"
    with pytest.raises(StoreError, match="不会覆盖"):
        backup_store(house.context, tmp_path, force=True)
    with pytest.raises(StoreError, match="不是备份：不会覆盖"):
        backup_store(house.context, house.folder / "notes.txt", force=True)
    backup_store(house.context, tmp_path / "b.jiesu")
    backup_store(house.context, tmp_path / "b.jiesu", force=True)


def test_an_older_backup_is_replaced_only_on_request(database_url, tmp_path):
    house = House(tmp_path / "a", database_url)
    target = tmp_path / "b.jiesu"
    backup_store(house.context, target)
    before = target.read_bytes()
    told = CliRunner().invoke(app, ["backup", str(target)], env=house.environ)
    assert isinstance(told.exception, StoreError)
    assert "已经存在" in str(told.exception) and "--force" in str(told.exception)
    assert target.read_bytes() == before
    told = CliRunner().invoke(app, ["backup", "--force", str(target)], env=house.environ)
    assert told.exit_code == 0
    assert [path.name for path in tmp_path.glob("*b.jiesu*")] == ["b.jiesu"]


def test_a_full_disk_leaves_the_older_backup(database_url, tmp_path, monkeypatch):
    house = House(tmp_path / "a", database_url)
    target = tmp_path / "b.jiesu"
    backup_store(house.context, target)
    before = target.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        backup_store(house.context, target, force=True)
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.glob(".b.jiesu*")] == []


def test_where_there_is_no_store_nothing_is_made(tmp_path):
    house = House(tmp_path / "a", f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(StoreError, match="不存在"):
        backup_store(house.context, tmp_path / "b.jiesu")
    assert not (tmp_path / "none.db").exists()
    assert not (tmp_path / "b.jiesu").exists()


def test_what_is_written_meanwhile_is_in_it_whole_or_not_at_all(new_url, open_store, tmp_path: Path):
    url = new_url()
    store = open_store(url)
    desk.register(store, 3)
    house = House(tmp_path / "a", url)
    stop = threading.Event()
    faults: list[BaseException] = []

    def write() -> None:
        try:
            for number in count():
                if stop.is_set():
                    return
                store.run(desk.urge(number % 3 + 1, "再催一次" * 50))
        except BaseException as fault:  # noqa: BLE001 - told below
            faults.append(fault)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(4):
            backup_store(house.context, tmp_path / f"{number}.jiesu")
    finally:
        stop.set()
        writer.join()
    assert faults == []
    seqs = []
    for number in range(4):
        target = House(tmp_path / f"t{number}", f"sqlite:///{tmp_path / f't{number}' / 'jiesu.db'}")
        assert restore_store(target.context, tmp_path / f"{number}.jiesu") == 0
        restored = target.store()
        seqs.append(desk.count(restored, Event))
        restored.close()
    assert seqs == sorted(seqs)
    assert seqs[-1] <= desk.count(store, Event)


@pytest.mark.parametrize("words", [["db"], []])
def test_both_spellings_are_one_command(words, sqlite_url, tmp_path):
    first, second = House(tmp_path / "a", sqlite_url), House(tmp_path / "b", f"sqlite:///{tmp_path / 'b' / 'jiesu.db'}")
    target = str(tmp_path / "b.jiesu")

    made = CliRunner().invoke(app, [*words, "backup", target], env=first.environ)
    assert (made.exit_code, made.exception) == (0, None)
    again = CliRunner().invoke(app, [*words, "backup", target], env=first.environ)
    assert "加 --force" in str(again.exception)
    put_back = CliRunner().invoke(app, [*words, "restore", target], env=second.environ)
    assert (put_back.exit_code, put_back.exception) == (0, None)
    assert "✔ 核验通过" in put_back.output
