"""Names that come with messages may lead anywhere: of a host that nobody configured only public addresses are called.

The check is made on the very addresses that are then connected to, so that a name cannot mean another machine a moment
later. Hosts that the settings or the organisation file name may be private: an installation of the office's own.
"""

import socket
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

from config.organisation import Organisation
from config.settings import Settings

_NAT64: Final = IPv6Network("64:ff9b::/96")


class PrivateAddress(OSError):
    """A name that nobody configured leads into a private network. Its text holds neither."""


class Guarded(AbstractResolver):
    """Resolves names for a session; `trusted` are the hosts that may be private."""

    def __init__(self, trusted: Collection[str], resolver: AbstractResolver | None = None) -> None:
        self._trusted = frozenset(_plain(host) for host in trusted)
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host; raises PrivateAddress where one of them must not be called."""
        found = await self._resolver.resolve(host, port, family)
        if _plain(host) not in self._trusted and not all(is_public(each["host"]) for each in found):
            raise PrivateAddress("a private address")
        return found

    async def close(self) -> None:
        """Let go of the resolver behind this one."""
        await self._resolver.close()


def is_public(address: str) -> bool:
    """Whether an address is a machine of the internet: not ours, not our network's, nor a way around to one."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in _NAT64:
            inner = IPv4Address(found.packed[-4:])
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast


def trusted_hosts(settings: Settings, organisation: Organisation) -> frozenset[str]:
    """The hosts that the office itself named, each platform's base and every robot's among them."""
    return frozenset(settings.platforms.private_hosts) | {
        host for address in _addresses(settings, organisation) if (host := urlsplit(address).hostname)
    }


def _addresses(settings: Settings, organisation: Organisation) -> Iterator[str]:
    yield from (settings.wecom.api_base, settings.wecom.ws_url, settings.feishu.api_base)
    yield from (settings.dingtalk.api_base, settings.dingtalk.oapi_base)
    if settings.matrix.homeserver is not None:
        yield settings.matrix.homeserver
    for group in organisation.groups:
        yield from (robot.webhook.get_secret_value() for robot in group.robots)


def _plain(host: str) -> str:
    return host.rstrip(".").casefold()
