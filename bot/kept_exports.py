"""What the watched folder keeps of the exports it took: their mode, and how long (docs/privacy.md).

A whole export names callers in clear text, so it stays for the service's own user only, and no longer than the office
decides: `kept_exports` in the rules, ★ 30 days after it was put away. The orders themselves are in the store.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final

DONE, FAILED = "done", "failed"
RESULT: Final = ".result.txt"


def own_folder(folder: Path) -> None:
    """Make a folder for kept exports, or close one that an earlier version left open. Raises OSError."""
    folder.mkdir(exist_ok=True, mode=0o700)
    with suppress(PermissionError):  # somebody else's folder: `jiesu doctor` names it
        folder.chmod(0o700)


def stamp(result: Path, at: datetime) -> None:
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
