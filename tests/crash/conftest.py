"""The nursery that forks services, one for each process of tests, and an office with robots for each test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.crash.house import House, Nursery, house


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Started when first asked for; it takes as long as the imports of a service."""
    process = Nursery()
    yield process
    process.close()


@pytest.fixture
async def on_sqlite(nursery: Nursery, tmp_path: Path, sqlite_url: str) -> AsyncIterator[House]:
    """An office on SQLite that has not been started."""
    async with house(nursery, tmp_path, sqlite_url) as office:
        yield office


@pytest.fixture
async def on_postgresql(nursery: Nursery, tmp_path: Path, postgresql_url: str) -> AsyncIterator[House]:
    """An office on PostgreSQL that has not been started."""
    async with house(nursery, tmp_path, postgresql_url) as office:
        yield office
