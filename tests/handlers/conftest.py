"""The street office at work, on both databases; on SQLite alone where only words are tried."""

import pytest

from storage.store import Store
from tests.conftest import OpenStore
from tests.street import Street, row


@pytest.fixture
def street(store: Store) -> Street:
    """An office without orders, at 09:00 on Monday 1 June 2026."""
    return Street(store)


@pytest.fixture
def one(sqlite_url: str, open_store: OpenStore) -> Street:
    """The same with one ordinary order at 待签收, on SQLite."""
    found = Street(open_store(sqlite_url))
    found.import_rows(row(到达时间="2026-06-01 09:00"))
    found.notices()
    return found
