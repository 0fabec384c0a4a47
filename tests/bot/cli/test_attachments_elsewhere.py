"""Pictures and files through a backup: they open on another machine with the key, and stay erased where they were."""

from pathlib import Path

import pytest

from bot.cli.safekeeping import backup_store, restore_store
from handlers.refusal import Refusal
from storage.tables import Attachment, AttachmentFile
from tests.bot.cli.house import House, fill
from tests.conftest import OpenStore
from tests.handlers.sample_files import png
from tests.handlers.test_attachments import opened, problems
from tests.street import Street


def test_files_come_back_and_erased_ones_do_not(database_url: str, open_store: OpenStore, tmp_path: Path) -> None:
    street = fill(database_url, open_store)
    house = House(tmp_path / "first", database_url)
    for order in (1, 2):
        assert street.say("zhang", f"#{order}", files={"现场.png": png(order)}).startswith("✔")
    backup_store(house.context, tmp_path / "b.jiesu")
    street.store.close()
    house.erase(2)
    other = House(tmp_path / "second", f"sqlite:///{tmp_path / 'second' / 'jiesu.db'}")
    (other.folder / "erased.jsonl").write_bytes(house.ledger.read_bytes())

    restore_store(other.context, tmp_path / "b.jiesu")

    restored = Street(open_store(other.url), now=street.now)
    assert opened(restored) == png(1)
    assert [(item.order_id, item.name) for item in restored.rows(Attachment)] == [(1, "现场.png"), (2, "现场.png")]
    assert [item.order_id for item in restored.rows(AttachmentFile)] == [1]
    assert problems(restored) == []
    with pytest.raises(Refusal, match="随之删除"):
        opened(restored, order=2)
