"""Places that are never connected to, such as our own broker: at whatever address of their hosts. Any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future, wait
from dataclasses import dataclass

import structlog

from stream.network.ip_addresses import IpAddress, forms, interface_addresses, is_local, parsed_ip
from stream.network.name_lookup import NAMES, Addresses

log = structlog.get_logger(__name__)

_KEPT_S = 60.0
_FAILED_S = 10.0
_WAIT_S = 2.0


@dataclass(frozen=True, slots=True)
class _Host:
    """What is known of a host. addresses: None where nothing ever was; again_s: when to look it up again."""

    addresses: frozenset[IpAddress] | None
    again_s: float

    def has(self, address: IpAddress, interfaces: frozenset[IpAddress]) -> bool:
        if self.addresses is None or address in self.addresses:
            return True
        return is_local(address, interfaces) and any(is_local(own, interfaces) for own in self.addresses)


class HostBook:
    """The addresses of hosts, kept for a minute. Who asks later gets what was known, while it is looked up again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._hosts: dict[str, _Host] = {}

    def find(self, host: str) -> _Host:
        """What is known of a host; waits for it only the first time."""
        known = self._hosts.get(host)
        if known is not None and time.monotonic() < known.again_s:
            return known
        try:
            return _Host(frozenset(forms(parsed_ip(host))), 0.0)
        except ValueError:
            pass
        looked_up = NAMES.begin(host)
        if known is None:
            wait([looked_up], _WAIT_S)
        if looked_up.done():
            self._note(host, looked_up)
        else:
            looked_up.add_done_callback(lambda done: self._note(host, done))
        return self._hosts.get(host) or _Host(None, 0.0)

    def _note(self, host: str, done: Future[Addresses]) -> None:
        """Keep an answer; the first of those who waited for it does."""
        with self._lock:
            known = self._hosts.get(host)
            if known is not None and time.monotonic() < known.again_s:
                return
            if done.exception() is None:
                found = frozenset(form for text in done.result() for form in forms(parsed_ip(text)))
                self._hosts[host] = _Host(found, time.monotonic() + _KEPT_S)
                return
            self._hosts[host] = _Host(known.addresses if known else None, time.monotonic() + _FAILED_S)
        log.warning("reserved_host_unknown", host=host, keeps_addresses=known is not None)


_BOOK = HostBook()


class ReservedPlaces:
    """HOST:PORT, each at every address of the host; of this machine at all of this machine's.

    While nothing is known of a host its port is reserved everywhere. Hosts are looked up only when somebody asks for
    one of the ports.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._hosts: dict[int, set[str]] = {}
        for entry in entries:
            host, _, port = entry.rpartition(":")
            self._hosts.setdefault(int(port), set()).add(host.strip("[]").lower())

    def has(self, address: IpAddress, port: int) -> bool:
        """Whether the address is one of a reserved place. May wait for a name for two seconds, once."""
        hosts = self._hosts.get(port)
        if not hosts:
            return False
        interfaces = interface_addresses()
        return any(_BOOK.find(host).has(address, interfaces) for host in hosts)
