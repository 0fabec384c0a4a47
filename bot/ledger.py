"""The ledger of deletions beside an office's store: brought up to date, and held against what was restored."""

from collections.abc import Mapping
from datetime import datetime

from config.settings import Settings
from handlers.erasing import reapply
from storage import erasures
from storage.store import Job, Store


def keep_ledger(settings: Settings, store: Store) -> Mapping[str, datetime]:
    """Add what was erased in the store to the file; returns all that the file holds then.

    Also finds what a process that ended between its commit and the file has left out. Raises StoreError, OSError.
    """
    with store.connect() as connection:
        found = erasures.in_store(connection, store.vault)
    path = erasures.ledger_path(settings.data_dir)
    erasures.add_to_ledger(path, found)
    return erasures.read_ledger(path)


def settle(settings: Settings, store: Store, now: datetime) -> int:
    """Bring file and store together; returns how many orders had to be erased again.

    Those are orders that came in again after an older backup had been restored, which did not know them yet.
    """
    erased = keep_ledger(settings, store)
    with store.connect() as connection:
        unknown = erased.keys() - erasures.in_store(connection, store.vault).keys()
    if not unknown:
        return 0
    left = {name: erased[name] for name in unknown}
    return store.run(
        Job(lambda unit: unit.attempt(lambda scope: reapply(scope, store.vault, left)), now=now, cause="ledger")
    )
