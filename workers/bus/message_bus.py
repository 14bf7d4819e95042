"""The bus: messages by topic and key, to their subscribers. Any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

import structlog

DETECTIONS = "livesight.detections"
SNAPSHOTS = "livesight.snapshots"
EVENTS = "livesight.events"
STREAMS = "livesight.streams"
STATUS = "livesight.status"
DRIFT = "livesight.drift"
MODELS = "livesight.models"
AUDIT = "livesight.audit"
PEOPLE = "livesight.people"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `value` is serialised once, here; `stamp_s` is time.monotonic() of the moment it was made."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    stamp_s: float


Subscriber = Callable[[Message], None]


class Bus(Protocol):
    """Where results go. Publishing never blocks, and never raises because the broker is unreachable."""

    def publish(self, message: Message) -> None:
        """Hand over one message. Any thread."""
        ...

    def subscribe(self, callback: Subscriber, topics: Collection[str]) -> Callable[[], None]:
        """Have `callback` called on the publisher's thread for each message; returns what ends it."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was published is delivered; False when the time was too short."""
        ...

    def problems(self) -> list[str]:
        """What is wrong now, in words for readiness; empty when well."""
        ...

    def close(self, timeout_s: float) -> None:
        """Flush and free everything. Idempotent."""
        ...


class LocalBus:
    """The in-process bus: subscribers are called at once, on the publishing thread; one that raises is logged."""

    def __init__(self) -> None:
        self._subscribers: tuple[tuple[frozenset[str], Subscriber], ...] = ()
        self._lock = threading.Lock()

    def publish(self, message: Message) -> None:
        """Call every subscriber of the topic."""
        for topics, callback in self._subscribers:
            if message.topic in topics:
                try:
                    callback(message)
                except Exception:
                    log.exception("bus_subscriber_failed", topic=message.topic)

    def subscribe(self, callback: Subscriber, topics: Collection[str]) -> Callable[[], None]:
        """See Bus."""
        entry = (frozenset(topics), callback)
        with self._lock:
            self._subscribers = (*self._subscribers, entry)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers = tuple(known for known in self._subscribers if known is not entry)

        return unsubscribe

    def flush(self, timeout_s: float) -> bool:
        """Nothing waits here."""
        return True

    def problems(self) -> list[str]:
        """Nothing can be wrong here."""
        return []

    def close(self, timeout_s: float) -> None:
        """Forget the subscribers."""
        with self._lock:
            self._subscribers = ()
