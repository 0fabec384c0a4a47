"""What the watched folder keeps of the exports it took: their names, their mode, and how long (docs/privacy.md).

A whole export names callers in clear text, so it stays for the service's own user only, and no longer than the office
decides: `kept_exports` in the rules, ★ 30 days after it was put away. The orders themselves are in the store.
"""

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

DONE, FAILED = "done", "failed"
RESULT: Final = ".result.txt"
_LONGEST_NAME: Final = 230
"""Bytes of a kept export's name: a file system takes 255, and the result has the longer one."""
_LONGEST_ENDING: Final = 20


def own_folder(folder: Path) -> None:
    """Make a folder for kept exports, or close one that an earlier version left open. Raises OSError."""
    folder.mkdir(exist_ok=True, mode=0o700)
    with suppress(PermissionError):  # somebody else's folder: `jiesu doctor` names it
        folder.chmod(0o700)


def readable(name: str) -> str:
    """A file's name as text that can be stored and shown; one that is not UTF-8 is mostly GB18030, from Windows."""
    raw = os.fsencode(name)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def put_away(path: Path, folder: Path, lines: Iterable[str], at: datetime) -> None:
    """Move a file into a folder under a name that is free there, with its result.

    Nothing is ever overwritten: both names are reserved by empty files first, then the file takes its place at once.
    The result is written before the move, so that a file in the folder has one. Both name callers in clear text, so
    only the service's own user may read them, whatever mode the file came with.
    """
    own_folder(folder)
    target, result = _reserved(folder, path)
    try:
        with result.open("w", encoding="utf-8", newline="\n") as out:
            out.writelines(f"{line}\n" for line in lines)
        _stamp(result, at)
        _move(path, target)
    except BaseException:
        target.unlink(missing_ok=True)
        result.unlink(missing_ok=True)
        raise


def _move(path: Path, target: Path) -> None:
    """Put a file in the place of `target`, for us only: itself or a copy, after which a crash brings it again."""
    if _closed(path):
        path.replace(target)
    else:
        shutil.copyfile(path, target)
        path.unlink()


def _closed(path: Path) -> bool:
    """Whether nobody else may read a file any more. Only its owner may see to that, and we do not where it has another
    name elsewhere or became a link since we looked."""
    if path.is_symlink() or path.stat().st_nlink > 1:
        return False
    try:
        path.chmod(0o600)
    except PermissionError:
        return False
    return True


def _reserved(folder: Path, path: Path) -> tuple[Path, Path]:
    """Two new empty files for a file and its result: `今日.csv`, or `今日.2.csv` where that name is taken."""
    stem, ending = _shortened(path)
    for number in itertools.count(1):
        name = f"{stem}{ending}" if number == 1 else f"{stem}.{number}{ending}"
        target, result = folder / name, folder / f"{name}{RESULT}"
        if target.exists() or result.exists():
            continue
        try:
            target.touch(mode=0o600, exist_ok=False)
        except FileExistsError:  # somebody else came between
            continue
        result.touch(mode=0o600)
        return target, result
    raise AssertionError("numbers do not end")


def _shortened(path: Path) -> tuple[str, str]:
    """A file's stem and ending, so short that a number and the result's ending find room behind them."""
    stem, ending = path.stem, path.suffix
    if len(os.fsencode(ending)) > _LONGEST_ENDING:
        stem, ending = path.name, ""
    while len(os.fsencode(stem + ending)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem, ending


def _stamp(result: Path, at: datetime) -> None:
    """Note on a result file when its export was put away, by the office's clock. Raises OSError."""
    os.utime(result, (at.timestamp(), at.timestamp()))


def overdue(folder: Path, before: datetime) -> Iterator[Path]:
    """Exports below the watched folder that were put away before the moment; files without a result are not ours.

    Raises OSError when a folder cannot be read.
    """
    for below in (folder / DONE, folder / FAILED):
        for result in sorted(below.glob(f"*{RESULT}")) if below.is_dir() else ():
            if result.stat().st_mtime < before.timestamp():
                yield result.with_name(result.name.removesuffix(RESULT))


def delete_overdue(folder: Path, before: datetime) -> int:
    """Delete those exports, each with its result after it, so that a crash in between is made good at the next sweep.

    Returns how many; raises OSError for the first that cannot be deleted.
    """
    count = 0
    for export in overdue(folder, before):
        export.unlink(missing_ok=True)
        export.with_name(f"{export.name}{RESULT}").unlink(missing_ok=True)
        count += 1
    return count
