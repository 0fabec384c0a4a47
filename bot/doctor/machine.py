"""What the machine gives: time, room, files for the owner only, and a calendar that reaches far enough."""

import shutil
import stat
import tomllib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bot.doctor.finding import Finding, bad, good, warning
from bot.kept_exports import DONE, FAILED, overdue, readable
from config.calendar import WorkCalendar
from config.errors import reason
from config.organisation import Organisation
from config.settings import Settings
from config.settings_file import DEFAULT_FILE, secrets_given
from config.shanghai import SHANGHAI, day_of, full_text, span_text
from storage.erasures import ledger_path

AHEAD = timedelta(minutes=2)
"""How far a file's or an event's time may be ahead of the clock."""
LITTLE_ROOM = 1 << 30
NO_ROOM = 100 << 20
_BEIJING = timedelta(hours=8)


def database_file(settings: Settings) -> Path | None:
    """The SQLite file; None for PostgreSQL."""
    url = settings.database()
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def clock(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Time zone data, and files that are newer than the clock."""
    if SHANGHAI.utcoffset(now.astimezone(SHANGHAI)) != _BEIJING:
        yield bad("时区", "Asia/Shanghai 不是东八区", "重新安装 tzdata")
    file = database_file(settings)
    places = [path for path in (file, settings.vault_key_file, settings.data_dir) if path is not None and path.exists()]
    newest = max((path.stat().st_mtime for path in places), default=0.0)
    written = datetime.fromtimestamp(newest, UTC)
    if written > now + AHEAD:
        told = f"系统时间 {full_text(now)}，数据文件却写于 {full_text(written)}"
        yield bad("时钟", told, "校准系统时间并打开时间同步（NTP），再启动服务")
    else:
        yield good("时钟", f"{full_text(now)}（Asia/Shanghai）")


def disk(settings: Settings) -> Iterator[Finding]:
    """Free space where the data lie."""
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{folder} 剩余 {free / (1 << 30):.1f} GB"
    if free < NO_ROOM:
        yield bad("磁盘", text, "尽快清理：写满后不再接收任何内容")
    elif free < LITTLE_ROOM:
        yield warning("磁盘", text, "清理旧备份和日志，或换大一些的盘")
    else:
        yield good("磁盘", text)


def calendar(known: WorkCalendar, now: datetime) -> Iterator[Finding]:
    """Whether holidays are known for this year and the next."""
    year = day_of(now).year
    missing = [each for each in (year, year + 1) if known.provisional(date(each, 1, 1))]
    mend = "国务院公布放假安排后升级 chinesecalendar，或在 config/calendar/ 放一份当年的文件"
    if year in missing:
        yield bad("日历", f"没有 {year} 年的放假安排，工作日时限都是暂计", mend)
    elif missing:
        yield warning("日历", f"有 {year} 年的放假安排，还没有 {year + 1} 年的", mend)
    else:
        yield good("日历", f"放假安排到 {year + 1} 年")


def modes(settings: Settings, config_file: Path | None, organisation: Organisation | None) -> Iterator[Finding]:
    """Files with secrets or personal data that others can read."""
    wide = [_wide(path) for path in _private(settings, config_file, organisation) if _mode(path) & 0o077]
    yield from wide
    if not wide:
        yield good("文件权限", "密钥、数据库和含口令的文件只有属主能读")


def kept_exports(settings: Settings, kept: timedelta, now: datetime) -> Iterator[Finding]:
    """What the watched folder keeps: whole exports, so callers' names and numbers in clear text; `kept` says how long.

    In a rehearsal the real `now` says nothing of how long they have been there.
    """
    folder = settings.intake.folder
    if folder is None:
        return
    if _mode(folder) & 0o077:
        mend = f"执行 chmod 700 {folder.absolute()}；放文件的程序请用运行服务的同一用户"
        yield warning(
            "导入文件夹", f"{folder} 是 {_mode(folder):04o}，别的用户可读：里面的原表有来电人的姓名电话", mend
        )
    yield from _links(folder)
    wide, count = [], 0
    for below in (folder / DONE, folder / FAILED):
        try:
            files = [path for path in below.iterdir() if path.is_file()]
        except FileNotFoundError:
            continue
        except OSError as error:
            yield warning("导入文件夹", f"{below} 看不了（{reason(error)}）", "用运行服务的用户再查一次")
            continue
        count += len(files)
        open_files = [path for path in files if _mode(path) & 0o077]
        if _mode(below) & 0o077:
            wide.append(f"{below}（{_mode(below):04o}）")
        if open_files:
            wide.append(f"{below} 里的 {len(open_files)} 个文件（如 {readable(open_files[0].name)}）")
    if not settings.clock.rehearsal:
        yield from _kept_too_long(folder, kept, now)
    held = f"{DONE}/ 和 {FAILED}/ 里有 {count} 个文件，导出原表里有来电人的姓名电话"
    if wide:
        where = folder.absolute()
        mend = f"执行 chmod -R go-rwx {where / DONE} {where / FAILED}；不再需要的原表请删去"
        yield warning("导入文件夹", f"{held}，别的用户可读：{'、'.join(wide)}", mend)
    else:
        yield good("导入文件夹", f"{held}，只有属主能读；处理完满{span_text(kept)}的由服务自动删去")


def _links(folder: Path) -> Iterator[Finding]:
    """Links in the watched folder, which it leaves alone."""
    try:
        links = sorted(path.name for path in folder.iterdir() if path.is_symlink() and path.name not in (DONE, FAILED))
    except OSError:  # said of the folders below it, or made at the first start
        return
    if links:
        told = f"{folder} 里有 {len(links)} 个链接（如 {readable(links[0])}），不会导入"
        yield warning("导入文件夹", told, "把文件本身复制进来，再删去链接")


def _kept_too_long(folder: Path, kept: timedelta, now: datetime) -> Iterator[Finding]:
    """Exports that the service should have deleted a day ago."""
    try:
        late = list(overdue(folder, now - kept - timedelta(days=1)))
    except OSError:  # said already, of the folder it lies in
        return
    if late:
        mend = "服务运行时每小时删一次：看看服务是否在运行、日志里有没有 intake folder 的警告"
        yield warning(
            "导入文件夹", f"{len(late)} 个原表超过{span_text(kept)}还没有删去（如 {readable(late[0].name)}）", mend
        )


def _private(settings: Settings, config_file: Path | None, organisation: Organisation | None) -> Iterator[Path]:
    if settings.vault.key is None:
        yield settings.vault_key_file
    file = database_file(settings)
    if file is not None:
        yield from (file.with_name(file.name + ending) for ending in ("", "-wal", "-shm"))
    yield ledger_path(settings.data_dir)
    if settings.organisation_file is not None and organisation is not None and secrets_inside(organisation):
        yield settings.organisation_file
    path = config_file or DEFAULT_FILE
    if path.is_file() and _has_secrets(path):
        yield path


def secrets_inside(organisation: Organisation) -> list[str]:
    """Names of groups whose robots' addresses or secrets stand in the organisation file itself."""
    return [
        group.name
        for group in organisation.groups
        if any(
            robot.webhook_env is None or (robot.secret is not None and robot.secret_env is None)
            for robot in group.robots
        )
    ]


def _has_secrets(path: Path) -> bool:
    return any(secrets_given(Settings, tomllib.loads(path.read_text(encoding="utf-8-sig"))))


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _wide(path: Path) -> Finding:
    return warning("文件权限", f"{path} 是 {_mode(path):04o}，别的用户可读", f"执行 chmod 600 {path}")
