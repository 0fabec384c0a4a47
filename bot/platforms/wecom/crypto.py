"""WeCom's envelope: sha1 over the sorted parts as signature, AES-256-CBC inside (platforms, B1).

Whatever bytes come in, the only fault is `Sealed`: what an attacker sends decides nothing but being refused.
"""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from pydantic import SecretStr

BLOCK: Final = 32
"""PKCS#7 pads to 32 bytes here, not to the cipher's 16."""
_RANDOM, _LENGTH = 16, 4


class Sealed(Exception):
    """It cannot be opened with this key, or is not meant for us. The text is Chinese and repeats nothing of it."""


class Envelope:
    """Checks and opens what WeCom sends, and seals what it is answered.

    `receiver` is the corp id of a 自建应用, empty for a 智能机器人. The key is the one that the settings have checked.
    """

    def __init__(self, token: SecretStr, encoding_aes_key: SecretStr, receiver: str) -> None:
        self._token = token
        self._key = _Key(b64decode(encoding_aes_key.get_secret_value() + "="))
        self.receiver = receiver
        self._receiver = receiver.encode()

    def signed(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> bool:
        """Whether the signature is the platform's; takes the same time wherever it differs."""
        digest = self._signature(timestamp, nonce, encrypted)
        return hmac.compare_digest(digest.encode(), signature.encode(errors="replace"))

    def seal(self, message: bytes, timestamp: int, nonce: str) -> dict[str, Any]:
        """An answer to a callback as the platform takes it; `nonce` is the callback's, `timestamp` in seconds."""
        plain = secrets.token_bytes(_RANDOM) + len(message).to_bytes(_LENGTH, "big") + message + self._receiver
        count = BLOCK - len(plain) % BLOCK
        encrypted = b64encode(self._key.encrypted(plain + bytes([count]) * count)).decode()
        signature = self._signature(str(timestamp), nonce, encrypted)
        return {"encrypt": encrypted, "msgsignature": signature, "timestamp": timestamp, "nonce": nonce}

    def open(self, encrypted: str) -> bytes:
        """The message inside; raises Sealed for another key, another receiver, or anything cut or changed."""
        plain = unpadded(self._key.decrypted(_base64(encrypted)))
        start = _RANDOM + _LENGTH
        end = start + int.from_bytes(plain[_RANDOM:start], "big")
        if len(plain) < start or end > len(plain):
            raise Sealed("密文里的长度不对")
        if not hmac.compare_digest(plain[end:], self._receiver):
            raise Sealed("接收方不是本机构（请核对 JIESU_WECOM__CORP_ID）")
        return plain[start:end]

    def _signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        parts = sorted([self._token.get_secret_value(), timestamp, nonce, encrypted])
        return hashlib.sha1("".join(parts).encode(errors="replace"), usedforsecurity=False).hexdigest()


def opened_media(data: bytes, key: str) -> bytes:
    """A picture or file with the key that came beside its address; raises Sealed."""
    secret = _base64(key + "=" * (-len(key) % 4))
    if len(secret) != 32:
        raise Sealed("附件的密钥不对")
    return unpadded(_Key(secret).decrypted(data))


def unpadded(plain: bytes) -> bytes:
    """Without its PKCS#7 padding of 1 to 32 bytes; raises Sealed where that is none."""
    count = plain[-1] if plain else 0
    if not 1 <= count <= min(BLOCK, len(plain)) or plain[-count:] != bytes([count]) * count:
        raise Sealed("密文解不开（密钥不对，或内容被改动）")
    return plain[:-count]


class _Key:
    """An AES key that shows in no repr. The first half of it is the IV, as the platform has it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = Cipher(AES256(key), CBC(key[:16]))

    def decrypted(self, data: bytes) -> bytes:
        if not data or len(data) % 16:
            raise Sealed("密文的长度不对")
        decryptor = self._cipher.decryptor()
        return decryptor.update(data) + decryptor.finalize()

    def encrypted(self, data: bytes) -> bytes:
        encryptor = self._cipher.encryptor()
        return encryptor.update(data) + encryptor.finalize()


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Error, ValueError):
        raise Sealed("密文不是 base64") from None
