"""The ledger of deletions when several processes write it: a service, a restore, somebody at the command line."""

import fcntl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage import erasures
from storage.erasures import add_to_ledger, read_ledger

AT = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_line_that_another_process_adds_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each look into the file another writer comes, and is done or waits for its turn before we go on."""
    path = tmp_path / "erased.jsonl"
    path.write_text("an unfinished line, longer than the one that comes after it" * 5)
    ours = threading.current_thread()
    others: list[threading.Thread] = []
    arrived: list[threading.Event] = []
    read, lock = Path.read_bytes, fcntl.flock

    def another(name: str, here: threading.Event) -> None:
        add_to_ledger(path, {name: AT})
        here.set()

    def reads(self: Path) -> bytes:
        data = read(self)
        if self == path and threading.current_thread() is ours:
            arrived.append(threading.Event())
            others.append(threading.Thread(target=another, args=(f"other {len(others)}", arrived[-1])))
            others[-1].start()
            assert arrived[-1].wait(30)
        return data

    def locks(file: int, operation: int) -> None:
        if threading.current_thread() in others:
            arrived[others.index(threading.current_thread())].set()
        lock(file, operation)

    monkeypatch.setattr(Path, "read_bytes", reads)
    monkeypatch.setattr(fcntl, "flock", locks)
    assert add_to_ledger(path, {"ours": AT, "also ours": AT}) == 2
    monkeypatch.setattr(Path, "read_bytes", read)
    for other in others:
        other.join(30)

    assert len(others) > 1
    names = {"ours", "also ours", *(f"other {number}" for number in range(len(others)))}
    assert read_ledger(path) == dict.fromkeys(names, AT)
    assert len(path.read_text().splitlines()) == len(names)


def test_nothing_to_add_makes_no_file(tmp_path: Path) -> None:
    assert add_to_ledger(erasures.ledger_path(tmp_path), {}) == 0
    assert list(tmp_path.iterdir()) == []
