"""IP addresses: their forms, and those of this machine. Any thread."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Iterator

import psutil

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.IPv6Network("::/96")


def parsed_ip(text: str) -> IpAddress:
    """An address as the system writes it, without its zone. Raises ValueError."""
    return ipaddress.ip_address(text.partition("%")[0])


def forms(address: IpAddress) -> Iterator[IpAddress]:
    """The address, or the IPv4 address that is reached by it, and both where both may be."""
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    local = address in _V4_COMPATIBLE and int(address) > 1
    if local or address in _NAT64 or address in _NAT64_LOCAL:
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)


def interface_addresses() -> frozenset[IpAddress]:
    """Those of this machine's interfaces; none where the system does not tell."""
    with contextlib.suppress(OSError):
        places = (place for interface in psutil.net_if_addrs().values() for place in interface)
        return frozenset(
            parsed_ip(place.address) for place in places if place.family in (socket.AF_INET, socket.AF_INET6)
        )
    return frozenset()


def is_local(address: IpAddress, interfaces: frozenset[IpAddress]) -> bool:
    """Whether this machine is reached by it. interfaces: `interface_addresses()`."""
    return address.is_loopback or address.is_unspecified or address in interfaces
