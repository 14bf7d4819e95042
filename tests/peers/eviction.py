"""How long a broker takes to give a silent member's partitions to another: plain consumers, nothing of Livesight."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any

from kafka import KafkaConsumer

_GROUP = "eviction-measured"


class Eviction:
    """A context manager: two members of a group of their own. `silence` one, then ask `seconds` for the time it took.

    topic: any that exists, with two partitions or more. Ten polls a second; heartbeats as told.
    """

    def __init__(self, address: str, topic: str, session_s: float, heartbeat_s: float) -> None:
        options: dict[str, Any] = {
            "bootstrap_servers": address,
            "group_id": _GROUP,
            "session_timeout_ms": int(session_s * 1000),
            "heartbeat_interval_ms": int(heartbeat_s * 1000),
            "enable_auto_commit": False,
            "allow_auto_create_topics": False,
        }
        self._consumers = [KafkaConsumer(topic, **options) for _ in range(2)]
        self._all = len(self._consumers[0].partitions_for_topic(topic) or ())
        self._closing = [threading.Event(), threading.Event()]
        self._silent_s = 0.0
        self._over_s: float | None = None
        self._threads = [threading.Thread(target=self._poll, args=(number,)) for number in range(2)]

    def silence(self) -> None:
        """One member says nothing any more, not even that it leaves. Blocks until both are members."""
        deadline_s = time.monotonic() + 60
        while not all(consumer.assignment() for consumer in self._consumers):
            assert time.monotonic() < deadline_s, "no group of two"
            time.sleep(0.1)
        self._closing[1].set()
        self._threads[1].join()
        self._consumers[1]._net.stop(1000)
        self._silent_s = time.monotonic()

    def seconds(self, timeout_s: float = 90.0) -> float:
        """From the silence until the other had all partitions. Blocks until then."""
        deadline_s = time.monotonic() + timeout_s
        while self._over_s is None:
            assert time.monotonic() < deadline_s, "the silent member was not evicted"
            time.sleep(0.1)
        return self._over_s - self._silent_s

    def _poll(self, number: int) -> None:
        consumer = self._consumers[number]
        while not self._closing[number].is_set():
            consumer.poll(timeout_ms=100)
            if self._silent_s and self._over_s is None and len(consumer.assignment()) == self._all:
                self._over_s = time.monotonic()

    def __enter__(self) -> Eviction:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for closing, thread in zip(self._closing, self._threads, strict=True):
            closing.set()
            thread.join()
        self._consumers[0].close(timeout_ms=1000)
        self._consumers[1]._net.start()  # its loop was stopped, and its sockets are yet to be closed
        self._consumers[1].close(timeout_ms=1000)
