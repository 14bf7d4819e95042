"""What the monitor reads: results, node events, snapshots, in process. Filled on any thread, read by the monitor's."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prometheus_client import Counter as Metric

from monitoring.store.checkpoints import Partition
from workers.bus.message_bus import DETECTIONS, EVENTS, SNAPSHOTS, LocalBus, Message

TOPICS = (DETECTIONS, EVENTS, SNAPSHOTS)
SOURCE_HEADER = ("source", b"monitor")
"""On events that a monitor made, which monitors skip."""

_MOST_BYTES = 64 * 2**20
_DROPPED = Metric("livesight_monitor_dropped_messages", "Messages the monitor was too slow for, in process.", ["topic"])


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """One message. `topic` is our constant."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages in order, and how far reading them moves each partition: from offset, to offset."""

    items: Sequence[InboxMessage] = ()
    moves: Mapping[Partition, tuple[int, int]] = field(default_factory=dict)


class Inbox(Protocol):
    """Read by one thread. Messages that were taken and are not `done` when `open` is called again are taken again.

    `lasts`: whether messages not taken at the end are still there at the next start.
    """

    lasts: bool

    def open(self, stored: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """Begin, or begin again, at the stored offsets. Returns those of partitions that had none. Raises BusError."""
        ...

    def take(self, timeout_s: float, most: int) -> Batch:
        """What came within `timeout_s`, at most `most` messages. Raises BusError when the broker is unreachable."""
        ...

    def done(self) -> None:
        """Everything taken is committed."""
        ...

    def problems(self) -> list[str]:
        """What is not read, though the rest is, and why; in words."""
        ...

    def caught_up(self, within: int = 0) -> bool:
        """Whether no more than so many messages wait to be read."""
        ...

    @property
    def lag(self) -> int:
        """How many messages wait."""
        ...

    def wake(self) -> None:
        """Have `take` return soon. Any thread."""
        ...

    def close(self) -> None:
        """Idempotent."""
        ...


class LocalInbox:
    """In process: a bounded queue. When it is full the oldest go and are counted."""

    lasts = False

    def __init__(self, local: LocalBus, most_messages: int) -> None:
        self._most = most_messages
        self._waiting: deque[InboxMessage] = deque()
        self._bytes = 0
        self._taken: list[InboxMessage] = []
        self._changed = threading.Condition()
        self._awake = False
        self._unsubscribe: Callable[[], None] = local.subscribe(self._receive, TOPICS)

    def open(self, stored: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """See Inbox: messages that were not done come first again."""
        with self._changed:
            self._waiting.extendleft(reversed(self._taken))
            self._bytes += sum(len(item.value) for item in self._taken)
            self._taken.clear()
        return {}

    def take(self, timeout_s: float, most: int) -> Batch:
        """See Inbox. Waits the whole time: what comes gathers."""
        deadline_s = time.monotonic() + timeout_s
        with self._changed:
            full = min(most, self._most)
            self._changed.wait_for(lambda: self._awake or len(self._waiting) >= full, deadline_s - time.monotonic())
            items = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            self._bytes -= sum(len(item.value) for item in items)
            self._taken += items
        return Batch(items)

    def done(self) -> None:
        """See Inbox."""
        with self._changed:
            self._taken.clear()

    def problems(self) -> list[str]:
        """Nothing can be missing here."""
        return []

    def caught_up(self, within: int = 0) -> bool:
        """See Inbox."""
        return len(self._waiting) <= within

    @property
    def lag(self) -> int:
        """See Inbox."""
        return len(self._waiting)

    def wake(self) -> None:
        """See Inbox. For good: it is only called at the end."""
        with self._changed:
            self._awake = True
            self._changed.notify_all()

    def close(self) -> None:
        """See Inbox."""
        self._unsubscribe()

    def _receive(self, message: Message) -> None:
        """Runs on the publisher's thread."""
        if SOURCE_HEADER in message.headers:
            return
        gone: Counter[str] = Counter()
        with self._changed:
            self._waiting.append(InboxMessage(message.topic, message.key, message.value, message.headers))
            self._bytes += len(message.value)
            while len(self._waiting) > self._most or self._bytes > _MOST_BYTES:
                lost = self._waiting.popleft()
                self._bytes -= len(lost.value)
                gone[lost.topic] += 1
            if len(self._waiting) >= self._most:
                self._changed.notify_all()
        for topic, count in gone.items():
            _DROPPED.labels(topic).inc(count)
