"""A full disk: nothing is acknowledged that is not stored, the reason is told, and it works again afterwards."""

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from storage.errors import StoreUnavailable
from storage.store import Store
from tests.conftest import OpenStore
from tests.storage.desk import checked, errors, events, order, register, urge

Filling = Callable[[Path], Any]


@pytest.fixture
def connections() -> Iterator[list[Any]]:
    """The driver's connections that are opened during the test."""
    opened: list[Any] = []

    def remember(connection: Any, _: object) -> None:
        opened.append(connection)

    sa.event.listen(sa.Engine, "connect", remember)
    yield opened
    sa.event.remove(sa.Engine, "connect", remember)


@contextmanager
def no_more_pages(connections: list[Any], _: Path) -> Iterator[None]:
    """The database may not grow: the write itself fails."""
    for connection in connections:
        connection.execute(f"PRAGMA max_page_count = {connection.execute('PRAGMA page_count').fetchone()[0]}")
    yield
    for connection in connections:
        connection.execute("PRAGMA max_page_count = 1000000")


@contextmanager
def no_larger_files(_: list[Any], database: Path) -> Iterator[None]:
    """No file may grow: the log cannot take the transaction when it is committed."""
    log = database.with_name(f"{database.name}-wal")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(log.stat().st_size, database.stat().st_size) + 10_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(("filling", "words"), [(no_more_pages, "磁盘已满"), (no_larger_files, "磁盘读写失败")])
def test_nothing_is_acknowledged_that_is_not_stored(
    sqlite_url: str, open_store: OpenStore, connections: list[Any], filling: Any, words: str
) -> None:
    store = open_store(sqlite_url)
    register(store, 3)
    acknowledged = len(events(store))
    refusals: list[Exception] = []
    with filling(connections, Path(sqlite_url.removeprefix("sqlite:///"))):
        for _ in range(40):
            for outcome in store.transact([urge(number, text="水" * 2000) for number in (1, 2, 3)]):
                if outcome.error is None:
                    acknowledged += 1
                else:
                    refusals.append(outcome.error)
        assert refusals
        assert len(events(store)) == acknowledged
    assert {type(refusal) for refusal in refusals} == {StoreUnavailable}
    assert {str(refusal) for refusal in refusals} == {f"没有存下来：{words}。请稍后再试"}
    assert len(refusals) % 3 == 0
    _works_again(store, acknowledged)


def _works_again(store: Store, acknowledged: int) -> None:
    assert errors(store.transact([urge(1), urge(2)])) == ["", ""]
    assert len(events(store)) == acknowledged + 2
    assert sum(order(store, number).urged for number in (1, 2, 3)) == acknowledged - 3 + 2
    assert checked(store).problems == []
