"""Reply addresses that come with a message are used only where they lead to the platform itself (platforms, E8)."""

from collections.abc import Collection
from urllib.parse import urlsplit

from config.addresses import is_loopback


def allowed(url: str, public_hosts: Collection[str], configured: str) -> bool:
    """Whether `url` is https on exactly one of the platform's public hosts, or on the configured base's scheme, host
    and port. Never with a user, a password or another port. Redirects are not followed by whoever calls it."""
    try:
        given, base = urlsplit(url), urlsplit(configured)
        port = given.port
        own = (given.scheme, given.hostname, port) == (base.scheme, base.hostname, base.port)
    except ValueError:
        return False
    if "@" in given.netloc or "\\" in url or any(mark.isspace() or not mark.isprintable() for mark in url):
        return False
    if own and given.hostname:
        return given.scheme == "https" or is_loopback(given.hostname)
    return given.scheme == "https" and port is None and given.hostname in public_hosts
