"""`jiesu import`: whole files or nothing, a few rows at a time, one closing line."""

import os
from pathlib import Path

import pytest

from bot.cli.context import Context
from bot.cli.importing import import_files
from bot.importing import Import
from bot.pacing import TARGET
from config.settings import load_settings
from handlers.intake import whole
from handlers.intake.whole import Spool, read_whole
from handlers.refusal import Refusal
from storage.store import Store
from storage.tables import Event, Order
from tests.conftest import KEY
from tests.street import Street, at, row

HEADER = "工单编号,标题,来电人,来电人电话,到达时间\n"


def line(number: int, arrived: str = "2026-06-01 09:00", title: str = "夜间施工噪声扰民") -> str:
    return f"热线-260601-{number:06d},{title},张三丰,13800001234,{arrived}\n"


@pytest.fixture
def context(database_url: str, tmp_path: Path) -> Context:
    environ = {
        "JIESU_DATABASE_URL": database_url,
        "JIESU_DATA_DIR": str(tmp_path),
        "JIESU_VAULT__KEY": KEY.hex(),
        "JIESU_CLOCK__START": "2026-06-01T09:00:00+08:00",
        "JIESU_CLOCK__SPEED": "0",
    }
    return Context(load_settings(None, environ), environ)


def export(folder: Path, text: str, name: str = "今日.csv") -> Path:
    path = folder / name
    path.write_text(HEADER + text, encoding="utf-8")
    return path


def test_each_row_is_counted_once_and_again_changes_nothing(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(tmp_path, "".join(map(line, range(1, 131))))
    assert import_files(context, [file], None, takeover=False) == 0
    assert capsys.readouterr().out == "新增 130 未变 0 变更 0 拒绝 0\n"
    file = export(tmp_path, line(1, title="凌晨施工噪声扰民") + "".join(map(line, range(2, 132))))
    assert import_files(context, [file], None, takeover=False) == 0
    assert capsys.readouterr().out == "新增 1 未变 129 变更 1 拒绝 0\n"


def test_few_new_orders_are_named_and_those_without_an_arrival_are_counted(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(tmp_path, line(1) + line(2, "") + line(3, ""))
    assert import_files(context, [file], None, takeover=False) == 0
    told = capsys.readouterr().err
    assert "新工单：#1、#2、#3\n到达时间未提供：2 件新工单，时限按导入时间计\n" in told
    file = export(tmp_path, "".join(map(line, range(1, 15))))
    assert import_files(context, [file], None, takeover=False) == 0
    assert "#" not in capsys.readouterr().err, "eleven are a list, not a line"


def test_rejected_rows_are_named_and_a_file_that_cannot_be_read_is_none(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = export(tmp_path, line(1) + line(2, "2026-02-30 09:00"))
    assert import_files(context, [good], None, takeover=False) == 1
    rejected, closing = capsys.readouterr().out.splitlines()
    assert rejected.startswith("今日.csv 第 3 行（热线-260601-000002）：")
    assert closing == "新增 1 未变 0 变更 0 拒绝 1"
    bad = export(tmp_path, line(3) + '热线-260601-000004,"没有收尾\n', "坏.csv")
    assert import_files(context, [bad, tmp_path / "没有.csv"], None, takeover=False) == 2
    said = capsys.readouterr()
    assert said.out == "新增 0 未变 0 变更 0 拒绝 0\n"
    first, second = said.err.splitlines()
    assert first.startswith("坏.csv：") and first.count("坏.csv") == 1
    assert second.startswith("没有.csv：找不到这个文件")


def test_a_file_of_200_mb_is_refused_before_it_is_read(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = export(tmp_path, line(1))
    os.truncate(file, 200_000_000)  # a hole: it takes no room
    assert import_files(context, [file], None, takeover=False) == 2
    assert "只收小于 200 MB 的，没有导入。请分成几个文件导入" in capsys.readouterr().err


def test_an_import_into_a_rehearsal_says_so(
    context: Context, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = {name: value for name, value in context.environ.items() if "CLOCK" not in name}
    beside = Context(load_settings(None, real), real)
    assert import_files(beside, [export(tmp_path, line(1))], None, takeover=False) == 0
    said = capsys.readouterr()
    assert said.out == "新增 1 未变 0 变更 0 拒绝 0\n"
    assert "演练库" in said.err.splitlines()[-1]


def test_a_file_that_breaks_off_leaves_nothing(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = export(tmp_path, "".join(map(line, range(1, 131))))

    def breaks(*arguments: object) -> object:
        yield next(rows(*arguments))
        raise Refusal("表格文件不完整或已损坏")

    rows = whole.read_rows
    monkeypatch.setattr(whole, "read_rows", breaks)
    with pytest.raises(Refusal, match=r"^今日\.csv：表格文件不完整或已损坏$"):
        read_whole(file)
    assert Street(store).rows(Event) == []


def test_what_waits_is_read_again_in_order_from_memory_or_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "_IN_MEMORY", 100)
    spool: Spool[str] = Spool()
    for number in range(200):
        spool.add(f"第 {number} 行")
    assert list(spool) == list(spool) == [f"第 {number} 行" for number in range(200)]
    spool.close()


def test_a_chunk_has_as_many_rows_as_a_moment_has_room_for(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr("bot.pacing.time.monotonic", lambda: now)
    street = Street(store)
    sizes = []
    with read_whole(export(tmp_path, "".join(map(line, range(1, 401))))) as file:
        imported = Import(street.office, file, cause="import")
        for rows in imported.chunks():
            chunk = imported.prepared(rows, at(1))
            store.run(imported.job(chunk, at(1)))
            now += len(rows) * TARGET / 36  # a machine that stores 36 rows in the time there is
            imported.stored(chunk)
            sizes.append(len(rows))
    assert sizes[:4] == [50, 43, 40, 38]
    assert sizes[-2] in (36, 37)


def test_what_is_prepared_beside_the_writer_is_what_is_stored(store: Store, tmp_path: Path) -> None:
    street = Street(store)
    with read_whole(export(tmp_path, line(1, title="来电人张三丰，电话13800001234"))) as file:
        imported = Import(street.office, file, cause="import")
        for rows in imported.chunks():
            store.run(imported.job(imported.prepared(rows, at(1)), at(1)))
    order = street.order(1)
    assert (order.title, order.caller, order.phone) == ("来电人张**，电话138****1234", "张**", "138****1234")


def test_masked_phones_of_old_rows_are_one_line(tmp_path: Path) -> None:
    rows = [line(number).replace("13800001234", "136××××") for number in range(1, 30)]
    with read_whole(export(tmp_path, "".join(rows) + line(30))) as file:
        assert file.warnings == ("注意：29 行的来电人电话已打码，无法回拨",)


def test_what_was_worked_out_ahead_is_stored_as_it_is_when_nobody_came_between(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    street = Street(store)
    with read_whole(export(tmp_path, line(1) + line(2))) as file:
        imported = Import(street.office, file, cause="import")
        (rows,) = imported.chunks()
        chunk = imported.prepared(rows, at(1))

    def again(*_: object, **__: object) -> None:
        raise AssertionError("worked out a second time")

    monkeypatch.setattr("bot.importing.take_in", again)
    assert store.run(imported.job(chunk, at(1))).counts == {"新增": 2}
    monkeypatch.undo()
    store.run(imported.finishing(at(1)))
    street.tick()
    street.say("zhang", "/签收 1 2")
    street.check()


def test_a_number_given_in_between_moves_the_orders_of_an_import_on(store: Store, tmp_path: Path) -> None:
    street = Street(store)
    with read_whole(export(tmp_path, line(1) + line(2))) as file:
        imported = Import(street.office, file, cause="import")
        (rows,) = imported.chunks()
        chunk = imported.prepared(rows, at(1))
    street.import_rows(row(2), row(3))
    assert store.run(imported.job(chunk, at(1))).counts["新增"] == 1
    numbers = {order.number[-1]: order.id for order in street.rows(Order)}
    assert numbers == {"2": 1, "3": 2, "1": 3}
    street.check()
