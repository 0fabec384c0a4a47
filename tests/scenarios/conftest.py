"""The street office at work, on both databases."""

import pytest

from storage.store import Store
from tests.street import Street


@pytest.fixture
def street(store: Store) -> Street:
    """An office without orders, at 09:00 on Monday 1 June 2026."""
    return Street(store)
