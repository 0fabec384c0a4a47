"""What protects a callback: a hash over the raw body, AES-256-CBC under the Encrypt Key (platforms, B3)."""

import hashlib
import hmac
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

_BLOCK: Final = 16
_DIGITS: Final = re.compile(r"[0-9]{1,19}")
_GO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ([+-])(\d\d)(\d\d)"
    r"(?: [A-Z0-9+-]{1,8})?(?: m=[+-][\d.]{1,32})?",
    re.ASCII,
)
"""`2026-10-04 18:23:46.052290112 +0800 CST m=+3612.1`: what Go prints for a time, seen on card callbacks."""


def signed(key: str, timestamp: str, nonce: str, body: bytes, signature: str) -> bool:
    """Whether the signature is that of this raw body, with the headers as they came; compared in constant time."""
    expected = hashlib.sha256(f"{timestamp}{nonce}{key}".encode("utf-8", "surrogateescape") + body).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogateescape"))


def same(given: object, expected: str) -> bool:
    """Whether a token is the expected one; compared in constant time."""
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


def opened(key: str, encrypted: str) -> bytes | None:
    """The plain text of `encrypt`; None for what was not encrypted under this key."""
    try:
        data = b64decode(encrypted, validate=True)
    except ValueError:
        return None
    if len(data) < 2 * _BLOCK or len(data) % _BLOCK:
        return None
    decryptor = Cipher(AES(hashlib.sha256(key.encode()).digest()), CBC(data[:_BLOCK])).decryptor()
    padded = decryptor.update(data[_BLOCK:]) + decryptor.finalize()
    unpadder = PKCS7(8 * _BLOCK).unpadder()
    try:
        return unpadder.update(padded) + unpadder.finalize()
    except ValueError:
        return None


def moment_of(stamp: str) -> datetime | None:
    """The aware moment of a time stamp: seconds, ms, µs or ns since 1970, or as Go prints a time; else None."""
    if _DIGITS.fullmatch(stamp):
        number = int(stamp)
        for scale in (1, 1_000, 1_000_000, 1_000_000_000):
            if number < _LATEST * scale:
                return datetime.fromtimestamp(number // scale, UTC)
        return None
    found = _GO.fullmatch(stamp)
    if found is None:
        return None
    *numbers, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    offset = timedelta(hours=int(hours), minutes=int(minutes)) * (-1 if sign == "-" else 1)
    try:
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=timezone(offset))
    except (ValueError, OverflowError):
        return None


_LATEST: Final = 100_000_000_000
"""Seconds until the year 5138: a larger number counts in a smaller unit."""
