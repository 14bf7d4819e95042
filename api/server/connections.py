"""How many connections there may be, and which ones end when there are too many. Runs on the event loop.

A connection *waits* while it has no whole request: it was just opened, sends slowly, or is kept alive. One that is
being answered, and a WebSocket, *works*. Where there is no room for a newcomer, the one that waits longest ends, of the
address that has most of them: so a flood of connections crowds out itself, and whoever sends a request is answered.
Only when all of them work a newcomer is refused.

Cameras and files need descriptors too: besides `api.connections` the process's limit counts, less what everything else
has open and a reserve.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from prometheus_client import Counter, Gauge

from api.settings import ApiSettings
from workers import descriptors
from workers.access.declaration import FORWARDED_BY
from workers.logs import StateLog

log = structlog.get_logger(__name__)

OPEN = Gauge("livesight_connections", "Open connections of clients, WebSockets among them.")
ENDED = Counter(
    "livesight_connections_refused",
    "Connections refused, or ended before they had a whole request.",
    ["reason"],  # total, address, descriptors: refused; crowded: made room; late: no whole request in time
)

_RESERVE = 128
_FEWEST = 16
_RECENT_S = 60.0


class Endable(Protocol):
    """What a connection runs on."""

    def end(self) -> None:
        """Close the connection now."""
        ...


@dataclass(slots=True, eq=False)
class ClientConnection:
    """One connection. `group`: its address, or the /64 network of it. `scope`: of its newest request."""

    group: str
    since_s: float
    waits: bool = True
    served_by: Endable | None = None
    scope: dict[str, object] = field(default_factory=dict)

    @property
    def of_process(self) -> bool:
        """Whether another Livesight process proved itself here, whoever it asked for: many clients are behind it."""
        return FORWARDED_BY in self.scope


class Connections:
    """All connections of a server. `refresh` it once a second."""

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._shared = [ipaddress.ip_network(network) for network in settings.shared_addresses]
        self._groups: dict[str, dict[ClientConnection, None]] = {}
        self._waiting: dict[str, dict[ClientConnection, None]] = {}  # in each group the one that waits longest is first
        self._count = 0
        self._room = settings.connections
        self._short = False  # of descriptors
        self._recent: deque[float] = deque(maxlen=100_000)  # when one was refused or had to make room
        self._state_log = StateLog(log, "connections_refused")

    @property
    def count(self) -> int:
        """Connections that are open."""
        return self._count

    @property
    def room(self) -> int:
        """How many there may be now."""
        return self._room

    def enter(self, address: str) -> ClientConnection | None:
        """A connection from `address` begins to wait. None: it is refused."""
        group = _group(address)
        connection = ClientConnection(group, time.monotonic())
        members = self._groups.get(group, {})
        if len(members) >= self._settings.connections_per_address and not self._is_shared(address):
            if sum(not one.of_process for one in members) >= self._settings.connections_per_address:
                if not self._make_room(group):
                    self._refused("address", f"{group} has {len(members)}; at most api.connections_per_address")
                    return None
        if self._count >= self._room and not self._make_room():
            limited = "descriptors" if self._short else "total"
            self._refused(limited, f"all {self._count} are in use; {self._advice()}")
            return None
        self._groups.setdefault(group, {})[connection] = None
        self._waiting.setdefault(group, {})[connection] = None
        self._count += 1
        OPEN.set(self._count)
        return connection

    def leave(self, connection: ClientConnection) -> None:
        """It is closed, or about to be. Idempotent."""
        members = self._groups.get(connection.group, {})
        if connection in members:
            del members[connection]
            self._count -= 1
            OPEN.set(self._count)
            if not members:
                del self._groups[connection.group]
        self._stop_waiting(connection)

    def wait(self, connection: ClientConnection) -> None:
        """It has been answered, and waits for its next request."""
        if not connection.waits and connection in self._groups.get(connection.group, {}):
            connection.waits = True
            self._waiting.setdefault(connection.group, {})[connection] = None

    def work(self, connection: ClientConnection) -> None:
        """Its request is whole."""
        connection.waits = False
        self._stop_waiting(connection)

    def late(self, connection: ClientConnection) -> None:
        """Its request did not become whole in time: its owner closes it."""
        ENDED.labels("late").inc()
        self.leave(connection)

    def crowded(self) -> None:
        """There is no descriptor for a newcomer, whatever was reckoned: end some that wait."""
        self._refused("descriptors", f"no descriptor is left for a connection; {self._advice()}")
        for _ in range(_FEWEST):
            self._make_room()

    def refresh(self) -> None:
        """Reckon how many there may be, from the descriptors that everything else has open now."""
        most, used = descriptors.limit(), descriptors.in_use()
        others = most // 4 if used is None else max(0, used - self._count)
        left = max(_FEWEST, most - others - min(_RESERVE, most // 4))
        self._short = left < self._settings.connections
        self._room = min(self._settings.connections, left)
        while self._count > self._room and self._make_room():
            pass
        self._forget_old()
        if not self._recent:
            self._state_log.clear()

    def problems(self) -> list[str]:
        """What is wrong now, as a readiness reason: refused in the last minute, how many there are and may be."""
        self._forget_old()
        if not self._recent:
            return []
        used = descriptors.in_use()
        opened = "" if used is None else f", and {used} of {descriptors.limit()} descriptors"
        return [
            f"connections: {len(self._recent)} refused or ended early in the last minute; {self._count} of "
            f"{self._room} are in use{opened}; {self._advice()}, or find out who opens them"
        ]

    def _make_room(self, group: str | None = None) -> bool:
        """End the connection that waits longest, of this group or of the one with most of them."""
        if group is None:
            group = max(self._waiting, key=lambda name: len(self._waiting[name]), default=None)
        longest = next(iter(self._waiting.get(group or "", ())), None)
        if longest is None:
            return False
        self._note("crowded")
        self.leave(longest)
        if longest.served_by is not None:
            longest.served_by.end()
        return True

    def _stop_waiting(self, connection: ClientConnection) -> None:
        waiting = self._waiting.get(connection.group, {})
        waiting.pop(connection, None)
        if not waiting:
            self._waiting.pop(connection.group, None)

    def _is_shared(self, address: str) -> bool:
        """Whether many clients may be behind it: this machine, or one of `api.shared_addresses`."""
        try:
            ip = _ip(address)
        except ValueError:
            return True  # not an address: a local socket
        return ip.is_loopback or any(ip in network for network in self._shared)

    def _refused(self, reason: str, why: str) -> None:
        self._note(reason)
        self._state_log.note(reason, detail=why)

    def _note(self, reason: str) -> None:
        ENDED.labels(reason).inc()
        self._recent.append(time.monotonic())

    def _forget_old(self) -> None:
        oldest_s = time.monotonic() - _RECENT_S
        while self._recent and self._recent[0] < oldest_s:
            self._recent.popleft()

    def _advice(self) -> str:
        return "raise the limit of open files (ulimit -n)" if self._short else "raise api.connections"


class Opening:
    """A connection of which there is no protocol yet, such as one in its TLS handshake: a task opens it."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def end(self) -> None:
        """See Endable."""
        self._task.cancel()


def _ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address)
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def _group(address: str) -> str:
    """The IPv4 address, or the /64 network of an IPv6 one: a single machine has a whole one of those."""
    try:
        ip = _ip(address)
    except ValueError:
        return address
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((int(ip) >> 64 << 64, 64)))
