"""The watched folder: a file is put there, looked at twice, taken in, moved; on both databases."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from loguru import logger

from bot.clock import RehearsalClock
from bot.desk import Desk
from bot.intake_folder import IntakeFolder
from config.errors import ConfigError
from config.settings import load_settings
from storage.errors import StoreUnavailable
from storage.store import Job, Store
from storage.tables import Event
from tests.street import Street, at

HEADER = "工单编号,标题,来电人,来电人电话,到达时间\n"


def line(number: int, arrived: str = "2026-06-01 09:00") -> str:
    return f"热线-260601-{number:06d},夜间施工噪声扰民,张三丰,13800001234,{arrived}\n"


class Watched:
    """A folder under watch, and the office behind it."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.street = Street(store)
        self.folder = folder
        self.desk = Desk(store)
        self.watch = self.restarted()

    def restarted(self) -> IntakeFolder:
        return self.at(at(1))

    def at(self, now: datetime) -> IntakeFolder:
        """The service started again at a moment."""
        return IntakeFolder(self.street.office, self.desk, RehearsalClock(now, 0), self.folder)

    def put(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    async def looks(self, times: int = 2) -> None:
        for _ in range(times):
            await self.watch.look()

    def names(self, below: str = "") -> list[str]:
        return sorted(path.name for path in (self.folder / below).iterdir() if path.is_file())

    def result(self, name: str, below: str = "done") -> list[str]:
        return (self.folder / below / f"{name}.result.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture
async def watched(store: Store, tmp_path: Path) -> AsyncIterator[Watched]:
    found = Watched(store, tmp_path / "收件")
    yield found
    await found.desk.close()


async def test_a_file_is_taken_once_it_is_complete_and_moved_with_its_result(watched: Watched) -> None:
    watched.put("今日.csv", HEADER + line(1) + line(2))
    await watched.looks(1)
    assert watched.names() == ["今日.csv"]
    await watched.looks(1)
    assert watched.names() == []
    assert watched.names("done") == ["今日.csv", "今日.csv.result.txt"]
    assert watched.result("今日.csv")[1:] == ["新工单：#1、#2", "新增 2 未变 0 变更 0 拒绝 0"]
    watched.street.tick()
    assert watched.street.told() == ["dispatch: new_order #1", "dispatch: new_order #2"]
    assert watched.street.order(1).imported_at == at(1)


async def test_a_file_that_grows_is_left_alone(watched: Watched) -> None:
    path = watched.put("大.csv", HEADER + line(1))
    await watched.looks(1)
    path.write_text(HEADER + line(1) + line(2), encoding="utf-8")
    await watched.looks(1)
    assert watched.names() == ["大.csv"]
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    await watched.looks(1)
    assert watched.names() == ["大.csv"]
    await watched.looks(1)
    assert watched.result("大.csv")[-1] == "新增 2 未变 0 变更 0 拒绝 0"


@pytest.mark.parametrize(
    "name", [".今日.csv", "~$今日.xls", "今日.csv.tmp", "今日.csv.crdownload", "a.csv~", "Thumbs.db"]
)
async def test_what_programs_still_write_is_not_touched(watched: Watched, name: str) -> None:
    watched.put(name, HEADER + line(1))
    (watched.folder / "目录").mkdir()
    await watched.looks(3)
    assert watched.names() == [name]
    assert watched.street.told() == []


async def test_rejected_rows_are_named_in_the_result_and_the_group_reads_one_line(watched: Watched) -> None:
    watched.put("今日.csv", HEADER + line(1) + line(2, "2026-02-30 09:00") + line(1))
    await watched.looks()
    *_, first, second, closing = watched.result("今日.csv")
    assert first.startswith("第 3 行（热线-260601-000002）：") and "2026-02-30" in first
    assert second == "第 4 行（热线-260601-000001）：工单编号与第 2 行重复"
    assert closing == "新增 1 未变 0 变更 0 拒绝 2"
    notice = watched.street.notices().only("intake_folder")
    assert (notice.group, notice.text) == (
        "dispatch",
        "导入文件夹：今日.csv 已导入，有 2 行被拒绝：原因见 done/ 里的结果文件",
    )


async def test_a_file_that_cannot_be_read_goes_to_failed_and_nothing_of_it_is_stored(watched: Watched) -> None:
    watched.put("坏.csv", HEADER + line(1) + '热线-260601-000002,"没有收尾\n')
    watched.put("图.xls", "\x89PNG 不是表格")
    await watched.looks()
    assert watched.names("failed") == ["图.xls", "图.xls.result.txt", "坏.csv", "坏.csv.result.txt"]
    reason, closing = watched.result("坏.csv", "failed")
    assert "引号没有成对" in reason
    assert closing == "新增 0 未变 0 变更 0 拒绝 0"
    texts = [notice.text for notice in watched.street.notices().of("intake_folder")]
    assert len(texts) == 2
    assert all("\n" not in text and "没有导入：" in text for text in texts)
    assert watched.street.rows(Event) == []


async def test_only_the_service_reads_what_it_keeps(watched: Watched) -> None:
    watched.put("今日.csv", HEADER + line(1)).chmod(0o644)
    watched.put("图.xls", "").chmod(0o664)
    await watched.looks()
    for below in ("", "done", "failed"):
        assert stat.S_IMODE((watched.folder / below).stat().st_mode) == 0o700
    kept = [watched.folder / below / name for below in ("done", "failed") for name in watched.names(below)]
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in kept} == dict.fromkeys(
        ("今日.csv", "今日.csv.result.txt", "图.xls", "图.xls.result.txt"), 0o600
    )


async def test_a_file_of_somebody_else_is_kept_as_a_copy_of_ours(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("今日.csv", HEADER + line(1)).chmod(0o644)

    def refuses(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuses)
    await watched.looks()
    assert watched.names() == []
    kept = watched.folder / "done" / "今日.csv"
    assert kept.read_text(encoding="utf-8") == HEADER + line(1)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("make", [Path.symlink_to, Path.hardlink_to])
async def test_the_mode_of_a_file_elsewhere_stays(
    watched: Watched, tmp_path: Path, make: Callable[[Path, Path], None]
) -> None:
    elsewhere = tmp_path / "别处.csv"
    elsewhere.write_text(HEADER + line(1), encoding="utf-8")
    elsewhere.chmod(0o644)
    make(watched.folder / "今日.csv", elsewhere)
    await watched.looks(4)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644
    assert elsewhere.read_text(encoding="utf-8") == HEADER + line(1)


async def test_a_link_is_left_alone_and_named_once(watched: Watched, tmp_path: Path) -> None:
    lines: list[str] = []
    sink = logger.add(lines.append, format="{message}")
    elsewhere = tmp_path / "别处.csv"
    elsewhere.write_text(HEADER + line(1), encoding="utf-8")
    for name in ("今日.csv", ".看不见.csv"):
        (watched.folder / name).symlink_to(elsewhere)
    (watched.folder / "断.csv").symlink_to(tmp_path / "没有.csv")
    await watched.looks(4)
    (watched.folder / "又一个.csv").symlink_to(elsewhere)
    await watched.looks(2)
    logger.remove(sink)
    assert [(watched.folder / name).is_symlink() for name in ("今日.csv", "断.csv")] == [True, True]
    assert watched.street.rows(Event) == []
    assert watched.names("done") == watched.names("failed") == []
    told = [text for text in lines if "link" in text]
    assert len(told) == 2, told


async def test_a_file_of_200_mb_is_told_and_kept_aside(watched: Watched) -> None:
    os.truncate(watched.put("大.csv", HEADER + line(1)), 200_000_000)  # a hole: it takes no room
    await watched.looks()
    reason, closing = watched.result("大.csv", "failed")
    assert reason == "大.csv：文件太大，只收小于 200 MB 的，没有导入。请分成几个文件导入。"
    assert closing == "新增 0 未变 0 变更 0 拒绝 0"
    assert "只收小于 200 MB 的" in watched.street.notices().only("intake_folder").text


async def test_a_name_that_is_taken_is_never_overwritten(watched: Watched) -> None:
    for number in (1, 2, 3):
        watched.put("今日.csv", HEADER + line(number))
        await watched.looks()
    assert watched.names("done") == [
        "今日.2.csv",
        "今日.2.csv.result.txt",
        "今日.3.csv",
        "今日.3.csv.result.txt",
        "今日.csv",
        "今日.csv.result.txt",
    ]
    assert line(1) in (watched.folder / "done" / "今日.csv").read_text(encoding="utf-8")
    assert line(3) in (watched.folder / "done" / "今日.3.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["长" * 83 + ".csv", "长" * 82 + "." + "x" * 8, "今日." + "长" * 82], ids=["csv", "8 letters", "no ending"]
)
async def test_a_name_of_full_length_is_shortened(watched: Watched, name: str) -> None:
    for number in (1, 2):
        watched.put(name, HEADER + line(number))
        await watched.looks()
    watched.put(name, "不是表格")
    await watched.looks()
    assert watched.names() == []
    assert len(watched.names("done")) == 4
    kept, result = watched.names("failed")
    assert result == f"{kept}.result.txt"
    assert kept.startswith(name[:70])
    assert Path(kept).suffix == Path(name).suffix or len(Path(name).suffix) > 20


async def test_a_name_in_another_encoding_is_taken_and_told(watched: Watched) -> None:
    name = os.fsdecode("今日".encode("gb18030") + b".csv")
    watched.put(name, HEADER + line(1) + line(1))
    await watched.looks()
    watched.put(name, "不是表格")
    await watched.looks()
    assert watched.names() == []
    assert watched.names("done") == [name, f"{name}.result.txt"]
    assert watched.result(name)[-1] == "新增 1 未变 0 变更 0 拒绝 1"
    assert watched.names("failed") == [name, f"{name}.result.txt"]
    told = [notice.text for notice in watched.street.notices().of("intake_folder")]
    assert told[0].startswith("导入文件夹：今日.csv 已导入")
    assert told[1].startswith("导入文件夹：今日.csv 没有导入：")
    assert len(told) == 2


async def test_what_was_imported_before_a_crash_is_unchanged_after_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("今日.csv", HEADER + "".join(line(number) for number in range(1, 121)))
    run = watched.desk.run
    jobs = 0

    async def dies(job: Job) -> object:
        nonlocal jobs
        jobs += 1
        if jobs == 2:
            raise StoreUnavailable("没有存下来：磁盘已满。请稍后再试")
        return await run(job)

    monkeypatch.setattr(watched.desk, "run", dies)
    with pytest.raises(StoreUnavailable):
        await watched.looks()
    assert watched.names() == ["今日.csv"]
    monkeypatch.undo()
    watched.watch = watched.restarted()
    await watched.looks()
    assert watched.result("今日.csv")[-1] == "新增 70 未变 50 变更 0 拒绝 0"
    watched.street.tick()
    watched.street.move(minutes=3)
    digests = watched.street.notices().of("new_orders_digest")
    assert [notice.text.splitlines()[0] for notice in digests] == [
        "新工单汇总：本次导入 70 件待签收",
        "新工单汇总：本次导入 50 件待签收",
    ]


async def test_a_file_that_cannot_be_moved_is_told_once_and_left(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.put("今日.csv", HEADER + line(1))

    def refuses(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuses)
    await watched.looks(4)
    monkeypatch.undo()
    assert watched.names() == ["今日.csv"]
    assert watched.names("done") == []
    assert "移不到 done/" in watched.street.notices().only("intake_folder").text
    os.utime(watched.folder / "今日.csv", ns=(0, 5))
    await watched.looks()
    assert watched.result("今日.csv")[-1] == "新增 0 未变 1 变更 0 拒绝 0"


async def test_a_file_name_is_masked_in_the_group(watched: Watched) -> None:
    watched.put("张三13800001234.csv", "")
    await watched.looks()
    assert "13800001234" not in watched.street.notices().only("intake_folder").text


async def test_a_stop_ends_the_loop(watched: Watched) -> None:
    running = asyncio.create_task(watched.watch.run())
    await watched.watch.stop()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_folder_that_cannot_be_made_is_named(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "文件").write_text("x", encoding="utf-8")
    watched.folder = tmp_path / "文件" / "收件"
    with pytest.raises(ConfigError, match=r"^导入文件夹 .*用不了：.*请检查"):
        watched.restarted()


def test_the_setting_counts_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "jiesu.toml"
    file.write_text('[intake]\nfolder = "收件"\n', encoding="utf-8")
    assert load_settings(file, {}).intake.folder == tmp_path / "收件"
    assert load_settings(file, {"JIESU_INTAKE__FOLDER": "/srv/in"}).intake.folder == Path("/srv/in")


async def test_exports_are_deleted_when_they_were_kept_as_long_as_the_rules_say(watched: Watched) -> None:
    watched.put("今日.csv", HEADER + line(1))
    watched.put("坏.xls", "不是表格")
    await watched.looks()
    (watched.folder / "done" / "手放的.csv").touch()
    await watched.at(at(1) + timedelta(days=30)).sweep()
    assert watched.names("failed") == ["坏.xls", "坏.xls.result.txt"]
    later = watched.at(at(1) + timedelta(days=30, seconds=1))
    await later.sweep()
    assert watched.names("done") == ["手放的.csv"], "what nobody imported is not ours to delete"
    assert watched.names("failed") == []
    assert watched.street.order(1).imported_at == at(1)


async def test_an_export_whose_deletion_was_cut_off_is_deleted_with_the_rest(watched: Watched) -> None:
    watched.put("今日.csv", HEADER + line(1))
    await watched.looks()
    (watched.folder / "done" / "今日.csv").unlink()
    await watched.at(at(1) + timedelta(days=31)).sweep()
    assert watched.names("done") == []


async def test_folders_of_an_earlier_version_are_closed(watched: Watched) -> None:
    for name in ("done", "failed"):
        (watched.folder / name).chmod(0o755)
    watched.restarted()
    assert {stat.S_IMODE((watched.folder / name).stat().st_mode) for name in ("done", "failed")} == {0o700}
