"""Reply addresses that come with a message are used only where they lead to the platform itself (platforms, E8)."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from config.addresses import is_loopback

_NAME = re.compile(r"(?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*\.?", re.ASCII | re.IGNORECASE)


def is_name(host: str) -> bool:
    """Whether a host is a full name, not an address in any spelling that a resolver takes for one (127.1, 0x7f.1,
    full-width digits): the last part of each of those begins with a digit."""
    return _NAME.fullmatch(host) is not None


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
