"""Personal data at rest: sealed per order, findable by a blind index, gone when its key is gone.

Every order has its own AES-256-GCM key, wrapped by the office's key. The wrapped key and the sealed text are two
values, so that a new office key rewraps keys without touching texts, and destroying the wrapped key destroys the
text in every copy of the store. The office's key itself never enters the database or a backup; only its fingerprint
does. Nothing here knows a table: values go in, values come out (domain, section 8).
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import secrets
import stat
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from config.errors import reason

KEY_BYTES: Final = 32

_VERSION: Final = b"\x01"  # first byte of everything sealed: AES-256-GCM, 12-byte nonce, JSON list inside
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_FILE: Final = b"jiesu 1 file"  # the file's key is used once, and is itself bound to its order and place


class VaultError(Exception):
    """The key or a sealed value cannot be used. The message is one Chinese line: what is wrong and what to do."""


class KeyMissing(VaultError):
    """There is no key where one was expected; it may be made only for an empty store."""


@dataclass(frozen=True, slots=True)
class Personal:
    """What only the vault may hold of one order: raw texts as they came. Never shown by `repr`, so never logged."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    title: str = field(repr=False)
    content: str = field(repr=False)
    extra: dict[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The stored form of a `Personal`: three columns of one row."""

    wrapped_key: bytes
    sealed: bytes
    phone_index: str | None


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file under a key of its own, made without the order's: sealing megabytes needs no transaction.

    `key` and `content` (SHA-256 of what is inside) stay in memory; only what a vault makes of them is stored.
    `digest` is the SHA-256 of the sealed bytes, in hexadecimal digits; it says nothing of what is inside.
    """

    sealed: bytes = field(repr=False)
    digest: str
    key: bytes = field(repr=False)
    content: bytes = field(repr=False)


class Vault:
    """Seals and opens personal data with one office key. Holds no state but keys; safe to share between threads."""

    def __init__(self, office_key: bytes) -> None:
        """Take the office's 32 bytes. Raises `VaultError` for any other length."""
        if len(office_key) != KEY_BYTES:
            raise VaultError(f"办公室密钥应为 {KEY_BYTES} 字节，现为 {len(office_key)} 字节：请核对密钥设置。")
        self._wrap = AESGCM(_derive(office_key, b"wrap"))
        self._index_key = _derive(office_key, b"index")
        self._digest_key = _derive(office_key, b"digest")
        self.fingerprint: Final = _derive(office_key, b"fingerprint")[:8].hex()
        """Tells one office key from another, 16 hexadecimal digits; safe to store and to print."""

    def __repr__(self) -> str:
        return f"Vault({self.fingerprint})"

    def seal(self, order_id: int, personal: Personal, wrapped_key: bytes | None = None) -> Sealed:
        """Seal under the order's key where it has one, for its files are sealed with it too; else under a fresh one.

        Raises `VaultError` for a wrapped key that is not this order's.
        """
        wrapped_key = wrapped_key or self.new_key(order_id)
        order_key = self._order_key(order_id, wrapped_key)
        return Sealed(
            wrapped_key=wrapped_key,
            sealed=_encrypt(AESGCM(order_key), _to_bytes(personal), _purpose(b"personal", order_id)),
            phone_index=self.phone_index(personal.phone),
        )

    def open(self, order_id: int, wrapped_key: bytes, sealed: bytes) -> Personal:
        """Give back what `seal` took. Raises `VaultError` for a wrong key, a changed value or another order's row."""
        order_key = self._order_key(order_id, wrapped_key)
        plain = _decrypt(AESGCM(order_key), sealed, _purpose(b"personal", order_id))
        if plain is None:
            raise VaultError(f"工单 {order_id} 的个人信息被改动或已损坏：请从备份恢复，并运行 jiesu verify。")
        return _from_bytes(plain)

    def new_key(self, order_id: int) -> bytes:
        """A fresh key for an order that has none, wrapped."""
        return _encrypt(self._wrap, os.urandom(KEY_BYTES), _purpose(b"key", order_id))

    def mark(self, order_id: int, wrapped_key: bytes, file: SealedFile) -> str:
        """Keyed digest of a file's content, 64 hexadecimal digits: equal files of one order are equal.

        It dies with the order's key; a plain hash of a small file could be guessed for ever.
        """
        return _mac(_derive(self._order_key(order_id, wrapped_key), b"mark"), file.content)

    def wrap_file(self, order_id: int, wrapped_key: bytes, place: tuple[int, int], file: SealedFile) -> bytes:
        """The file's key under the order's, bound to the file's place within the order."""
        return _encrypt(AESGCM(self._order_key(order_id, wrapped_key)), file.key, _file_purpose(order_id, place))

    def open_file(
        self, order_id: int, wrapped_key: bytes, place: tuple[int, int], wrapped_file: bytes, sealed: bytes
    ) -> bytes:
        """Give back what `seal_file` took. Raises `VaultError` for a wrong key, changed bytes, another file's row."""
        order_key = AESGCM(self._order_key(order_id, wrapped_key))
        key = _decrypt(order_key, wrapped_file, _file_purpose(order_id, place))
        plain = None if key is None else _decrypt(AESGCM(key), sealed, _FILE)
        if plain is None:
            raise VaultError(f"工单 {order_id} 的附件被改动或已损坏：请从备份恢复，并运行 jiesu verify。")
        return plain

    def _order_key(self, order_id: int, wrapped_key: bytes) -> bytes:
        order_key = _decrypt(self._wrap, wrapped_key, _purpose(b"key", order_id))
        if order_key is None:
            raise VaultError(
                f"工单 {order_id} 的个人信息打不开：密钥不是本库的，或该行被改动；"
                f"请核对办公室密钥（指纹 {self.fingerprint}），并运行 jiesu verify。"
            )
        return order_key

    def rewrap(self, order_id: int, wrapped_key: bytes, new: "Vault") -> bytes:
        """Wrap one order's key for a new office key; its sealed text stays as it is (the blind index does not)."""
        order_key = _decrypt(self._wrap, wrapped_key, _purpose(b"key", order_id))
        if order_key is None:
            raise VaultError(f"工单 {order_id} 的密钥打不开：旧办公室密钥不对，更换密钥已停止。")
        return _encrypt(new._wrap, order_key, _purpose(b"key", order_id))

    def phone_index(self, phone: str) -> str | None:
        """Blind index of a complete number, 64 hexadecimal digits: equal numbers, however written, are equal.

        None for a masked, hidden or incomplete number: an index of those would join strangers.
        """
        number = canonical_phone(phone)
        return None if number is None else _mac(self._index_key, number.encode())

    def digest(self, values: Mapping[str, str]) -> str:
        """Keyed digest of an imported row, to see later that it changed without keeping the row; order is ignored."""
        return _mac(self._digest_key, _json_bytes(dict(values)))


def seal_file(data: bytes) -> SealedFile:
    """Seal a file under a fresh key of its own; `Vault.wrap_file` then ties it to an order."""
    key = os.urandom(KEY_BYTES)
    sealed = _encrypt(AESGCM(key), data, _FILE)
    return SealedFile(sealed, hashlib.sha256(sealed).hexdigest(), key, hashlib.sha256(data).digest())


def sealed_size(size: int) -> int:
    """How many bytes a file of this size has once sealed."""
    return len(_VERSION) + _NONCE_BYTES + size + _TAG_BYTES


def load_key(*, key: str | None, key_file: Path, store_is_empty: bool) -> bytes:
    """Return the office's key: from the setting, else from the file, else a new one for an empty store.

    `key` is base64 or hexadecimal of 32 bytes and wins over the file. Only for an empty store a missing file is
    made (mode 0600, parent folders too): a store that already holds sealed texts must not quietly get a second key.
    Raises `VaultError`, `KeyMissing` among them.
    """
    if key is not None and key.strip():
        return _parse_key(key, "设置 JIESU_VAULT__KEY")
    text = _read(key_file)
    if text is None:
        if not store_is_empty:
            raise KeyMissing(
                f"找不到办公室密钥 {key_file}：库里已有加密的个人信息，不能另造密钥；"
                "请把原密钥文件放回原处，或设置 JIESU_VAULT__KEY。"
            )
        _create(key_file)
        text = _read(key_file) or ""
    return _parse_key(text, f"密钥文件 {key_file}")


def key_warnings(key_file: Path) -> tuple[str, ...]:
    """Say what is unwise about the key file, in Chinese lines for `doctor`; it is used all the same."""
    try:
        mode = stat.S_IMODE(key_file.stat().st_mode)
    except OSError:
        return ()
    if mode & 0o077:
        return (f"密钥文件 {key_file} 权限为 {mode:04o}，别的用户可读：请执行 chmod 600。",)
    return ()


def canonical_phone(phone: str) -> str | None:
    """Return the digits of a complete number, or None: `13800001234`, `01088880000`, `01088880000-801`.

    Understands +86, 0086, spaces, dashes, dots, brackets, full-width digits and extensions. Of several numbers in one
    field the first complete one counts. A landline needs its area code.
    """
    folded = unicodedata.normalize("NFKC", phone)
    for part in _SEVERAL.split(_NOTE.sub("", folded)):
        number = _complete(part)
        if number is not None:
            return number
    return None


_SEVERAL = re.compile(r"[/、,;|\n]")
_NOTE = re.compile(r"\((?=[^()\d]{1,20}\))[^()]*\)")  # "13800001234(本人)", but not "(010)88880000"
_FILLING = re.compile(r"[\s\-‐-―−.·()\u00ad\u200b-\u200f\u2060\ufeff]+")
_NUMBER = re.compile(
    r"""(?:tel|手机号?|电话|联系电话|座机)?:?
        (?P<country>\+86|0086|86(?=1[3-9]\d{9}$))?
        (?: 0?(?P<mobile>1[3-9]\d{9})
          | (?P<area>0?10|0?2\d|0[3-9]\d\d) (?P<local>[2-9]\d{6,7}) (?:(?:转|ext|x)(?P<extension>\d{1,6}))?
        )""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def _complete(part: str) -> str | None:
    found = _NUMBER.fullmatch(_FILLING.sub("", part))
    if found is None:
        return None
    if found["mobile"]:
        return found["mobile"]
    area: str = found["area"]
    if not area.startswith("0"):
        if not found["country"]:  # "10 8888 0000" is an area code only after +86
            return None
        area = "0" + area
    if len(area) == 3 and len(found["local"]) != 8:
        return None
    return area + found["local"] + (f"-{found['extension']}" if found["extension"] else "")


def _derive(office_key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"jiesu vault 1 " + purpose).derive(office_key)


def _purpose(what: bytes, order_id: int) -> bytes:
    """Bind a ciphertext to its column and order, so that no value can stand in for another."""
    return b"jiesu 1 " + what + b" " + str(order_id).encode()


def _file_purpose(order_id: int, place: tuple[int, int]) -> bytes:
    return _purpose(b"file key", order_id) + b" %d %d" % place


def _encrypt(cipher: AESGCM, plain: bytes, purpose: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + cipher.encrypt(nonce, plain, purpose)


def _decrypt(cipher: AESGCM, value: bytes, purpose: bytes) -> bytes | None:
    if value[:1] != _VERSION or len(value) < 1 + _NONCE_BYTES + _TAG_BYTES:
        return None
    try:
        return cipher.decrypt(value[1 : 1 + _NONCE_BYTES], value[1 + _NONCE_BYTES :], purpose)
    except InvalidTag:
        return None


def _to_bytes(personal: Personal) -> bytes:
    return _json_bytes([personal.name, personal.phone, personal.title, personal.content, personal.extra])


def _from_bytes(plain: bytes) -> Personal:
    name, phone, title, content, extra = json.loads(plain.decode("utf-8", "surrogatepass"))
    return Personal(name=name, phone=phone, title=title, content=content, extra=extra)


def _json_bytes(value: object) -> bytes:
    # surrogatepass: raw texts are kept as they came, even with halves of a broken emoji in them
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _mac(key: bytes, message: bytes) -> str:
    return hmac.digest(key, message, hashlib.sha256).hex()


def _parse_key(text: str, where: str) -> bytes:
    text = text.strip()
    try:
        if re.fullmatch(r"[0-9A-Fa-f]{64}", text):
            return bytes.fromhex(text)
        ascii_text = text.encode("ascii").rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        raw = base64.b64decode(ascii_text + b"=" * (-len(ascii_text) % 4), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise VaultError(
            f"{where} 不是有效的密钥：应为 32 字节的 base64（44 个字符）或十六进制（64 个字符）；请放回正确的密钥。"
        )
    return raw


def _read(key_file: Path) -> str | None:
    try:
        with key_file.open("rb") as file:
            return file.read(4096).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(f"密钥文件 {key_file} 读不了（{reason(error)}）：请检查路径和权限。") from error


def _create(key_file: Path) -> None:
    """Make the file whole or not at all; when two processes start at once, the first one's key stands."""
    draft = key_file.with_name(f".{key_file.name}.{secrets.token_hex(4)}")
    try:
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, key_file)  # unlike a rename, never replaces a key that is already there
            except FileExistsError:
                return
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(key_file.parent)
    except OSError as error:
        raise VaultError(
            f"办公室密钥 {key_file} 写不进去（{reason(error)}）：请检查目录权限和磁盘空间，或设置 JIESU_VAULT__KEY。"
        ) from error


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
