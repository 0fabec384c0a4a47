"""An office's folder for the command line: settings, key, ledger, a store on either database."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from bot.cli.context import Context
from bot.ledger import keep_ledger
from bot.service import open_store
from config.settings import load_settings
from handlers.erasing import erase
from storage import presence
from storage.columns import table
from storage.store import Job, Store
from storage.tables import Lease
from storage.transaction import Scope
from tests.conftest import KEY
from tests.street import Street, row

OTHER_KEY = bytes(range(1, 33))


class House:
    """One machine: a folder with the key, and the address of a store."""

    def __init__(self, folder: Path, url: str, key: bytes | None = KEY, **settings: str) -> None:
        self.folder = folder
        self.url = url
        self.key_file = folder / "vault.key"
        folder.mkdir(parents=True, exist_ok=True)
        if key is not None:
            self.key_file.write_bytes(base64.b64encode(key))
            self.key_file.chmod(0o600)
        self.environ = {"JIESU_DATA_DIR": str(folder), "JIESU_DATABASE_URL": url, **settings}

    @property
    def context(self) -> Context:
        """As the command line starts with it."""
        return Context(load_settings(None, self.environ), self.environ)

    @property
    def ledger(self) -> Path:
        return self.folder / "erased.jsonl"

    def store(self) -> Store:
        """The store, opened as any command does; the caller closes it."""
        return open_store(self.context.settings, rehearsal=None)

    def erase(self, *orders: int) -> None:
        """Erase callers' data and write the ledger, as whoever erases must."""
        store = self.store()
        try:
            for order in orders:
                store.run(_job(lambda scope, order=order: erase(scope, scope.order(order), reason="来电人要求")))
            keep_ledger(self.context.settings, store)
        finally:
            store.close()

    def announce(self, at: datetime | None = None) -> None:
        """A service runs on the store, or did until `at` + 30 s."""
        store = self.store()
        try:
            moment = datetime.now(UTC) if at is None else at
            store.run(Job(lambda unit: unit.attempt(lambda scope: presence.announce(scope, "host-a:1")), now=moment))
        finally:
            store.close()


def _job(work: Any) -> Job[Any]:
    return Job(lambda unit: unit.attempt(work), now=datetime.now(UTC))


def fill(url: str, open_store: Any, orders: int = 6) -> Street:
    """A morning's work in the store: orders in several states, notices, messages, a history."""
    street = Street(open_store(url))
    street.import_rows(*(row(number) for number in range(1, orders + 1)), row(99, 工单状态="回复完成"))
    street.through(1, "签收", "派单", "接单")
    street.through(2, "签收")
    street.move(hours=3)
    street.deliver()
    return street


def contents(store: Store, leaving: Iterable[type[SQLModel]] = (Lease,)) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in key order."""
    left = {table(model) for model in leaving}
    with store.connect() as connection:
        return {
            stored.name: [tuple(each) for each in connection.execute(sa.select(stored).order_by(*stored.primary_key))]
            for stored in SQLModel.metadata.sorted_tables
            if stored not in left
        }


def sealed(store: Store, order: int) -> Any:
    """The order's row in the vault."""
    return store.read(lambda scope: scope.vault(order), now=datetime.now(UTC))


def later(**span: float) -> datetime:
    """A moment after now."""
    return datetime.now(UTC) + timedelta(**span)


__all__ = ["OTHER_KEY", "House", "Scope", "contents", "fill", "later", "sealed"]
