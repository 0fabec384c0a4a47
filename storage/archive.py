"""The file of a backup: a header of fixed size that says what follows, then compressed lines of JSON.

The header is written last, into the room that was left for it, so that the body streams; it holds the body's length
and SHA-256, so that a file that was cut off or changed anywhere is known before a line of it is used. Nothing here
knows a table. By hand: `head -c 4096 FILE` and `tail -c +4097 FILE | zcat`.
"""

import gzip
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from config.errors import reason
from storage.columns import canonical, instant
from storage.errors import StoreError

FORMAT: Final = 1
"""Raised whenever an older program could not read the file."""
HEADER_BYTES: Final = 4096

_MAGIC: Final = b"jiesu backup "
_LEVEL: Final = 3
"""★ Of gzip: journals shrink to a tenth either way, and level 6 takes twice as long."""
_BLOCK: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds, and from which store. `rows` counts them by table; `length` and `sha256` are the body's."""

    made_at: datetime
    revision: str
    vault: str
    """Fingerprint of the office's key, which itself is never in a backup."""
    store: str
    rehearsal: bool
    seq: int
    head: str
    """The journal's last number and hash."""
    rows: dict[str, int] = field(default_factory=dict)
    erased: int = 0
    """Deletions that the backup carries for a restore to re-apply (domain, section 8)."""
    length: int = 0
    sha256: str = ""


class Body:
    """The lines of a backup that is being written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._digest = _Digest(file)
        self._packed = gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=self._digest, mtime=0)

    def line(self, value: Any) -> None:
        """Add one JSON value."""
        self._packed.write(canonical(value).encode() + b"\n")

    def end(self) -> tuple[int, str]:
        """Finish; the body's length and SHA-256."""
        self._packed.close()
        return self._digest.length, self._digest.hash.hexdigest()


@contextmanager
def writing(target: Path) -> Iterator[IO[bytes]]:
    """A file, mode 0600, that takes the target's place when all was written, and leaves nothing behind otherwise.

    Only another backup is ever replaced. Raises StoreError for any other file in the way, OSError for the disk.
    """
    if target.exists() and not _is_backup(target):
        raise StoreError(f"{target} 已经存在，而且不是备份：不会覆盖，请换一个文件名")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
            file.write(bytes(HEADER_BYTES))
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def seal(file: IO[bytes], manifest: Manifest) -> None:
    """Write the header into its place."""
    file.seek(0)
    file.write(_header(manifest))


@contextmanager
def opened(path: Path) -> Iterator[tuple[Manifest, Iterator[Any]]]:
    """A backup's manifest and its lines, once all of it is known to be whole.

    Raises StoreError for a file that is no backup, cut off, changed anywhere, or written by a newer version.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise StoreError(f"备份 {path} 打不开（{reason(error)}）：请核对文件名和权限") from error
    with file:
        manifest = _manifest(path, file)
        _check_body(path, file, manifest)
        file.seek(HEADER_BYTES)
        yield manifest, _lines(path, file)


def _header(manifest: Manifest) -> bytes:
    told = canonical(asdict(manifest)).encode()
    digest = hashlib.sha256(told).hexdigest().encode()
    text = _MAGIC + str(FORMAT).encode() + b"\n" + told + b"\n" + digest + b"\n"
    if len(text) > HEADER_BYTES:
        raise ValueError("the manifest does not fit into the header")
    return text.ljust(HEADER_BYTES, b" ")


def _manifest(path: Path, file: IO[bytes]) -> Manifest:
    header = file.read(HEADER_BYTES)
    first, _, rest = header.partition(b"\n")
    number = first.removeprefix(_MAGIC)
    if not first.startswith(_MAGIC) or not number.isdigit():
        raise StoreError(f"{path} 不是 jiesu 的备份，或开头已损坏：请换一份备份")
    if int(number) > FORMAT:
        raise StoreError(f"备份 {path} 由更新版本的程序写成（格式 {int(number)}）：请换新版本程序来恢复")
    try:
        values = json.loads(rest.partition(b"\n")[0])
        manifest = Manifest(**{**values, "made_at": instant(values["made_at"])})
        whole = _header(manifest) == header
    except (ValueError, TypeError, KeyError) as error:
        raise _damaged(path, "清单读不出来") from error
    if not whole:
        raise _damaged(path, "清单被改动过")
    return manifest


def _check_body(path: Path, file: IO[bytes], manifest: Manifest) -> None:
    digest = hashlib.sha256()
    length = 0
    while block := file.read(_BLOCK):
        digest.update(block)
        length += len(block)
    if length < manifest.length:
        raise _damaged(path, f"不完整，应有 {manifest.length} 字节的内容，只有 {length}")
    if (length, digest.hexdigest()) != (manifest.length, manifest.sha256):
        raise _damaged(path, "内容与校验值不符")


def _lines(path: Path, file: IO[bytes]) -> Iterator[Any]:
    try:
        with gzip.GzipFile(fileobj=file, mode="rb") as packed:
            for line in packed:
                yield json.loads(line)
    except (EOFError, OSError, ValueError, zlib.error) as error:
        raise _damaged(path, "内容读不出来") from error


def _damaged(path: Path, how: str) -> StoreError:
    return StoreError(f"备份 {path} 已损坏：{how}。没有恢复任何内容，请换一份备份")


def _is_backup(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


class _Digest:
    """A file to write to that counts and hashes what passes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()
        self.length = 0

    def write(self, data: bytes) -> int:
        self.hash.update(data)
        self.length += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing: the file is flushed once, at its end."""
