"""A large export in a process of its own: the same outcome, and nothing of it stays when service or process end."""

import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot import file_imports, import_process
from bot.file_imports import import_file
from bot.import_process import ImportProcess, Task
from bot.importing import Stopped, Tally
from handlers.intake.whole import WholeFile
from handlers.refusal import Refusal
from storage.tables import OrderTable
from tests.scenarios.house import House, opened
from tests.street import at

HEADER = "工单编号,标题,来电人,来电人电话,到达时间\n"


def line(number: int, arrived: str = "2026-06-01 08:59") -> str:
    return f"热线-260601-{number:06d},路灯不亮,张三丰,13800001234,{arrived}\n"


@pytest.fixture(autouse=True)
def _every_file_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_imports, "LARGE", 0)


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    async with opened(database_url, tmp_path, at(1, "09:00")) as found:
        yield found


async def take_in(house: House, path: Path, progress: Any = None) -> tuple[WholeFile, Tally]:
    async def silent(_done: int, _total: int) -> None:
        pass

    service = house.service
    return await import_file(
        service.office,
        service.desk.run,
        service.clock,
        path,
        cause="folder",
        stopping=threading.Event(),
        progress=progress or silent,
    )


def export(house: House, text: str) -> Path:
    path = house.folder / "今日.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    return path


async def orders(house: House) -> list[tuple[str, Any]]:
    table = OrderTable.__table__  # type: ignore[attr-defined]
    columns = (table.c.number, table.c.imported_at)
    return await house.service.desk.read(
        lambda scope: [tuple(row) for row in scope.connection.execute(table.select().with_only_columns(*columns))],
        house.service.clock.now(),
    )


async def test_it_ends_as_an_import_inside_the_service_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(house, line(1) + line(2, "2026-02-30 08:00") + line(3))
    apart, apart_tally = await take_in(house, path)
    monkeypatch.setattr(file_imports, "LARGE", 1_000_000)
    inside, inside_tally = await take_in(house, path)

    with apart, inside:
        assert apart_tally.closing == "新增 2 未变 0 变更 0 拒绝 1"
        assert inside_tally.closing == "新增 0 未变 2 变更 0 拒绝 1"
        assert (apart_tally.new, apart_tally.live) == ([1, 2], 2)
        assert [row.line for row in apart.rejected] == [row.line for row in inside.rejected]
        assert apart.warnings == inside.warnings
    assert await orders(house) == [("热线-260601-000001", at(1, "09:00")), ("热线-260601-000003", at(1, "09:00"))]
    assert len(await house.notices()) == 2


@pytest.mark.parametrize("first", ["", None])
async def test_a_module_in_the_working_folder_is_none_of_ours(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str | None
) -> None:
    """Nor where the service itself was started in a way that looks there."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for name in ("bot", "config", "pickle", "sitecustomize"):
        (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    monkeypatch.chdir(folder)
    if first is not None:
        monkeypatch.setattr(sys, "path", [first, *sys.path])

    file, tally = await take_in(house, export(house, line(1)))

    file.close()
    assert tally.counts["新增"] == 1
    assert not (folder / "ran").exists()


async def test_what_cannot_be_read_is_refused_in_the_same_words(house: House) -> None:
    path = house.folder / "坏.xlsx"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(Refusal, match=r"坏\.xlsx：表格文件不完整或已损坏"):
        await take_in(house, path)


async def test_what_was_stored_before_a_stop_stays_and_the_rest_comes_with_the_file_again(house: House) -> None:
    path = export(house, "".join(map(line, range(1, 301))))

    async def stop(done: int, _total: int) -> None:
        assert done
        raise Stopped

    with pytest.raises(Stopped):
        await take_in(house, path, stop)
    before = len(await orders(house))
    assert before

    file, tally = await take_in(house, path)
    file.close()
    assert tally.counts["未变"] >= before
    assert tally.counts["新增"] + tally.counts["未变"] == 300
    assert len(await orders(house)) == 300


async def test_a_service_that_stops_ends_it(house: House) -> None:
    path = export(house, line(1))
    stopping = threading.Event()
    stopping.set()
    service = house.service
    with pytest.raises(Stopped):
        await import_file(service.office, service.desk.run, service.clock, path, cause="folder", stopping=stopping)


async def test_a_process_that_ends_by_itself_is_no_success(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export(house, "".join(map(line, range(1, 301))))

    class Dying(ImportProcess):
        def receive(self) -> Any:
            self.end()
            return super().receive()

    monkeypatch.setattr(import_process, "ImportProcess", Dying)
    with pytest.raises(EOFError):
        await take_in(house, path)


async def test_it_does_not_outlive_its_service(house: House) -> None:
    path = house.folder / "等.csv"
    os.mkfifo(path)  # a file that nobody writes: reading it waits for ever
    office = house.service.office
    task = Task(office.settings, office.organisation, path, "folder", at(1, "09:00"), 0)
    process = ImportProcess(task)
    assert process._process.stdin is not None
    process._process.stdin.close()  # as the end of our own process does
    assert process._process.wait(30) == 1
    process.close()
