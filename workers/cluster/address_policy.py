"""Holds the addresses in status records against the networks that processes of the cluster may be in.

One thread; looks names up, each once a minute at most.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from workers.cluster.record_signature import RecordRefused
from workers.cluster.trust import Address, Network

_KEPT_S = 60.0
_FAILED_S = 10.0
_MOST_NAMES = 1000


def look_up(host: str) -> list[Address]:
    """The addresses of a name; none when it has none. Blocks."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ip_address(str(entry[4][0]).split("%")[0]) for entry in found]


class AddressPolicy:
    """What may be connected to. `own`: where others reach this process, which is not looked up."""

    def __init__(
        self, networks: Sequence[Network], own: str, look_up: Callable[[str], list[Address]] = look_up
    ) -> None:
        self._networks = tuple(networks)
        self._own = own
        self._look_up = look_up
        self._known: dict[str, tuple[Address | None, float]] = {}  # name → its address and until when that holds

    def hold(self, address: str) -> str:
        """The address to connect to, with the name in it replaced by what it stands for. Raises RecordRefused.

        With https the name stays: the certificate says whether the right one answers.
        """
        if address == self._own:
            return address
        try:
            parts = urlsplit(address)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        whole = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("http", "https") or not host or parts.username is not None or address != whole:
            raise RecordRefused("bad address", "its address is not http://host:port")
        found = self._address(host)
        if found is None:
            why = f"its address names {host[:100]}, which is not in cluster.networks"
            raise RecordRefused("foreign address", why)
        if parts.scheme == "https":
            return address
        shown = f"[{found}]" if found.version == 6 else str(found)
        return f"http://{shown}" + ("" if port is None else f":{port}")

    def _address(self, host: str) -> Address | None:
        """The first address of a host that lies in the networks. A name with one that does not is refused whole."""
        try:
            candidates = [ip_address(host)]
        except ValueError:
            found, until_s = self._known.get(host, (None, 0.0))
            if time.monotonic() < until_s:
                return found
            candidates = self._look_up(host)
            first = self._permitted(candidates)
            self._known.pop(host, None)
            self._known[host] = (first, time.monotonic() + (_FAILED_S if first is None else _KEPT_S))
            if len(self._known) > _MOST_NAMES:
                del self._known[next(iter(self._known))]
            return first
        return self._permitted(candidates)

    def _permitted(self, candidates: Sequence[Address]) -> Address | None:
        for candidate in candidates:
            mapped = candidate.ipv4_mapped if candidate.version == 6 else None
            if not any((mapped or candidate) in network for network in self._networks):
                return None
        return candidates[0] if candidates else None
