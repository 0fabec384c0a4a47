"""Which addresses may be called without TLS: only those on this machine."""

from ipaddress import ip_address
from urllib.parse import urlsplit

_PLAIN = {"http": "https", "ws": "wss"}


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this machine."""
    if host.casefold() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def checked_address(url: str, secure: str = "https") -> str:
    """The url without a trailing slash; raises ValueError with a Chinese sentence, which never repeats the url.

    `secure` is `https` or `wss`; the plain form of it is taken only to loopback (interface, Platforms).
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise ValueError("地址写法不对") from None
    if not host or any(mark.isspace() or not mark.isprintable() for mark in url):
        raise ValueError(f"应为完整的地址，例如 {secure}://主机名")
    if parts.username is not None or parts.password is not None:
        raise ValueError("地址里不能带用户名或密码")
    if parts.scheme != secure and _PLAIN.get(parts.scheme) != secure:
        raise ValueError(f"应以 {secure}:// 开头")
    if parts.scheme != secure and not is_loopback(host):
        raise ValueError(f"明文 {parts.scheme}:// 只能用于本机，请改用 {secure}://")
    return url.rstrip("/")
