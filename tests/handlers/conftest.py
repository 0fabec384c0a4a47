"""The street office at work, on both databases; on SQLite alone where only words are tried."""

import shutil
from pathlib import Path

import pytest

from storage.store import Store
from tests.conftest import OpenStore, open_rehearsal
from tests.street import Street, row


@pytest.fixture
def street(store: Store) -> Street:
    """An office without orders, at 09:00 on Monday 1 June 2026."""
    return Street(store)


@pytest.fixture(scope="session")
def one_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with one ordinary order at 待签收, to copy."""
    path = tmp_path_factory.mktemp("template") / "one.db"
    shutil.copyfile(sqlite_template, path)
    store = open_rehearsal(f"sqlite:///{path}")
    Street(store).import_rows(row(到达时间="2026-06-01 09:00"))
    store.close()
    return path


@pytest.fixture
def one(one_template: Path, tmp_path: Path, open_store: OpenStore) -> Street:
    """An office with one ordinary order at 待签收, on SQLite; its notice was read."""
    path = tmp_path / "jiesu.db"
    shutil.copyfile(one_template, path)
    found = Street(open_store(f"sqlite:///{path}"), said=1)
    found.notices()
    return found
