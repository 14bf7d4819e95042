"""What the parts of monitoring give each other: how handlers, stores, threads and routes plug in. Pure.

`assemble` (monitoring/assembly.py) makes them from `MonitoringContext`; Monitoring (monitoring/service.py) owns and
runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter
from sqlalchemy import Connection

from monitoring.core.handler import Handler
from monitoring.settings import MonitorSettings
from monitoring.store.database import Database
from monitoring.store.media import MediaStore
from monitoring.store.writes import Outgoing
from workers.bus.bus import LocalBus
from workers.bus.clip import Clip
from workers.bus.event import Event
from workers.kafka.settings import KafkaSettings

CutClip = Callable[[str, str, int, int], Clip]
"""(stream, session, from_us, to_us) → what the node that has the stream still keeps of that time. Blocks; raises
ClipUnavailable, and its ClipNotYet when there may be one later."""


@dataclass(frozen=True, slots=True)
class MonitoringContext:
    """What every part may use. `node`: this process's name. `local`: the in-process bus; `kafka`: None without.

    `active`: whether this process's monitor works; where it stands by, another's does, and helpers do nothing.
    """

    settings: MonitorSettings
    state_dir: Path
    node: str
    local: LocalBus
    kafka: KafkaSettings | None
    database: Database
    media: MediaStore
    cut_clip: CutClip
    active: Callable[[], bool]


class CommitHook(Protocol):
    """Writes in the monitor's own transactions: alert deliveries, drift reports. Calls come from its thread."""

    def keep(self, connection: Connection, events: Sequence[Event]) -> Sequence[Outgoing]:
        """Within the transaction that stores `events`, all of them new. Returns what to publish besides them.

        May be called again with the same events when the transaction fails; what a keeper that is a handler as well
        had gathered is void then, and `forget(None)` says so.
        """
        ...

    def kept(self, events: Sequence[Event]) -> None:
        """After the commit: wake whoever sends. Must not block or raise."""
        ...


class BackgroundService(Protocol):
    """A thread, or several, beside the monitor's: a dispatcher, say."""

    def start(self) -> None:
        """Begin. The database is migrated; brokers and targets need not be there."""
        ...

    def problems(self) -> list[str]:
        """What is wrong now, in words for readiness; empty when well."""
        ...

    def close(self, timeout_s: float) -> None:
        """End. Idempotent."""
        ...


@dataclass(slots=True)
class Assembly:
    """What `assemble` made. Handlers run in their order here; helpers start in theirs and close the other way round."""

    handlers: list[Handler] = field(default_factory=list)
    keepers: list[CommitHook] = field(default_factory=list)
    helpers: list[BackgroundService] = field(default_factory=list)
    routers: list[APIRouter] = field(default_factory=list)
