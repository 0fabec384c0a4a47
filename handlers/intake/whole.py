"""A whole file, validated before any of it is stored: one that breaks off leaves nothing behind.

What was read waits on disk, not in memory: 100,000 rows take as little of it as one.
"""

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Self, TypeVar, cast

from handlers.intake.files import read_table
from handlers.intake.orders import IncomingOrder, RejectedRow, Source
from handlers.intake.rows import read_rows
from handlers.intake.validate import MASKED_PHONE
from handlers.refusal import Refusal

T = TypeVar("T")
_IN_MEMORY: Final = 4 * 2**20
"""Bytes of a file's rows that stay in memory; beyond, they go into a file without a name, gone with the process."""
_SHOWN: Final = 5
_BEAT: Final = 100


class Spool(Generic[T]):
    """Values put down one after the other, to be read again in the same order, as often as wanted."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed with the spool
        self.count = 0

    def add(self, value: T) -> None:
        """Put a value at the end."""
        pickle.dump(value, self._file, protocol=5)
        self.count += 1

    def __iter__(self) -> Iterator[T]:
        self._file.seek(0)
        for _ in range(self.count):
            yield cast(T, pickle.load(self._file))  # noqa: S301 - written by ourselves, into a file nobody can open

    def close(self) -> None:
        """Give the disk back."""
        self._file.close()


@dataclass(frozen=True, slots=True)
class WholeFile:
    """A file that was read to its end: `good` rows to store, `rejected` ones to name; close it after use.

    `warnings` are Chinese sentences about the file and its first odd rows.
    """

    name: str
    good: Spool[IncomingOrder]
    rejected: Spool[RejectedRow]
    warnings: tuple[str, ...]

    def close(self) -> None:
        """Give the disk back."""
        self.good.close()
        self.rejected.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_whole(
    path: Path,
    *,
    default_source: Source | None = None,
    noise: Iterable[str] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> WholeFile:
    """Read and validate every row of an export. `default_source` and `noise` as in `validate.build`.

    `progress(rows, of how many)` is called again and again while it reads; what it raises ends the reading.

    Raises:
        Refusal: the file cannot be read, or not to its end: nothing of it may be stored. One Chinese line that begins
            with the file's name.
    """
    good: Spool[IncomingOrder] = Spool()
    rejected: Spool[RejectedRow] = Spool()
    odd: list[str] = []
    odd_rows = masked = 0
    try:
        with read_table(path) as table:
            for read in read_rows(table, default_source, noise):
                if isinstance(read, RejectedRow):
                    rejected.add(read)
                else:
                    good.add(read)
                    told = [warning for warning in read.warnings if warning != MASKED_PHONE]
                    masked += len(told) < len(read.warnings)
                    odd_rows += bool(told)
                    if told and len(odd) < _SHOWN:
                        odd.append(f"第 {read.row} 行（{read.number}）注意：{'；'.join(told)}")
                if (done := good.count + rejected.count) % _BEAT == 0:
                    progress(done, table.total)
            warnings = [f"注意：{warning}" for warning in table.warnings]
    except BaseException as error:
        good.close()
        rejected.close()
        if isinstance(error, Refusal) and not error.message.startswith(path.name):
            raise Refusal(f"{path.name}：{error.message}") from error
        raise
    if odd_rows > len(odd):
        odd.append(f"另有 {odd_rows - len(odd)} 行有类似提示，均已导入")
    if masked:
        odd.append(f"注意：{masked} 行的来电人电话已打码，无法回拨")
    return WholeFile(path.name, good, rejected, (*warnings, *odd))
