"""The contracts between the parts of monitoring: hooks of a commit, background services, cutting clips. Pure.

`assemble` (monitoring/assembly.py) makes the parts; Monitoring (monitoring/service.py) owns and runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from workers.bus.event import Event
from workers.bus.media import Clip

CutClip = Callable[[str, str, int, int], Clip]
"""(stream, session, from_us, to_us) → what the node that runs the stream still has of that time. Blocks; raises
ClipUnavailable, and its ClipNotYet when there may be one later."""

SignLink = Callable[[str, int], str]
"""(path, when the alert was, in ns) → the path as a link that opens without an account, for some time after that. The
same for the same arguments: a message is the same at every try."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for Kafka, stored until the broker has it. `body`: JSON."""

    topic: str
    key: str
    schema: str
    body: str


class CommitHook(Protocol):
    """Writes in the monitor's own transactions: alert deliveries, drift reports. Calls come from its thread."""

    def write(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """Within the transaction that stores `events`, all of them new. Returns what to publish besides them.

        It may be called again with the same events when the transaction fails. What a hook that is a handler as well
        had gathered is void then; `forget(None)` says so.
        """
        ...

    def committed(self, events: Sequence[Event]) -> None:
        """After the commit: wake whatever sends. Must not block or raise."""
        ...


class BackgroundService(Protocol):
    """A thread, or several, beside the monitor's: a dispatcher, say."""

    def start(self) -> None:
        """Begin. The database is migrated; brokers and targets may be unreachable."""
        ...

    def problems(self) -> list[str]:
        """What is wrong now, in sentences for readiness; empty when all is well."""
        ...

    def close(self, timeout_s: float) -> None:
        """End. Idempotent."""
        ...
