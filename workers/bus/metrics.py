"""What the bus counts. Any thread."""

from __future__ import annotations

from typing import Literal

from prometheus_client import Counter, Gauge

Reason = Literal["full", "refused", "damaged", "crash", "closed"]

PUBLISH_FAILURES = Counter("livesight_bus_publish_failures", "Attempts to reach the broker, or to send, that failed.")
GIVEN_UP = Counter(
    "livesight_bus_given_up_messages",
    "Messages that never reach the broker. full: no room, the least important and oldest go; refused: by the broker or "
    "for their size; damaged: unreadable on disk; crash: of an earlier run, neither sent nor on disk; closed: no disk.",
    ["topic", "reason"],
)
BUFFERED = Gauge("livesight_bus_buffered_messages", "Messages in memory, waiting for the broker or its confirmation.")
SPOOLED = Gauge("livesight_bus_spooled_messages", "Messages on disk, waiting for the broker or its confirmation.")
SPOOLED_BYTES = Gauge("livesight_bus_spooled_bytes", "Size of the files they are in.")
SPOOL_WRITTEN = Counter("livesight_bus_spool_written_messages", "Messages put on disk: the broker was unreachable.")
REPLAYED = Counter("livesight_bus_replayed_messages", "Messages from disk that the broker confirmed.")
SPOOL_FAILURES = Counter("livesight_bus_spool_failures", "Times the disk refused; meanwhile messages stay in memory.")


def give_up(topic: str, reason: Reason, messages: int = 1) -> None:
    """Count messages that will not arrive."""
    if messages:
        GIVEN_UP.labels(topic, reason).inc(messages)
