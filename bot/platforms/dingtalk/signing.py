"""DingTalk's signature: the same for what we send to a custom robot and for what an app robot's callback brings.

It covers a moment and the secret, never the body (platforms, A2 and B2): whoever sees one signed request can sign any
body with it until the moment is stale. Whoever verifies must therefore remember it and keep the window small.
"""

import hmac
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

_MOMENT: Final = re.compile(r"[0-9]{13}")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def signature(moment: str, secret: str) -> str:
    """Base64 of the HMAC-SHA256 of moment (milliseconds since 1970) and secret, with the secret as its key."""
    return b64encode(hmac.digest(secret.encode(), f"{moment}\n{secret}".encode(), "sha256")).decode()


def signed(address: str, secret: str, now: datetime) -> str:
    """A robot's address with moment and signature, which is percent-encoded exactly once."""
    moment = str((now - _EPOCH) // timedelta(milliseconds=1))
    return f"{address}&timestamp={moment}&sign={quote(signature(moment, secret), safe='')}"


def signed_at(moment: str, given: str, secret: str) -> datetime | None:
    """When a request was signed (aware UTC); None where the signature is not ours. Never raises."""
    if not _MOMENT.fullmatch(moment):
        return None
    if not hmac.compare_digest(signature(moment, secret).encode(), given.encode(errors="backslashreplace")):
        return None
    return _EPOCH + timedelta(milliseconds=int(moment))
