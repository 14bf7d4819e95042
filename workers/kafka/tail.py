"""Follows topics without a group: all partitions, from their start or from now. Runs in its own thread.

For what every process must know (wishes, status) and what it may show (detections). Nothing is committed, so a
follower that is late or absent costs nobody anything. After whatever goes wrong there is one way back: close the
consumer, open another, begin again. A broker that lost its data looks like one that was away.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from kafka import TopicPartition

from workers.errors import BusError
from workers.kafka.client import open_admin, open_consumer, probe, told
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import ensure_topics, kafka_name

log = structlog.get_logger(__name__)

_POLL_MS = 250
_PROBE_S = 2.0
_SETTLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `value` is None for a tombstone; `topic` is our constant, whatever the broker calls it."""

    topic: str
    key: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


class Reader(Protocol):
    """What takes the records. All calls come from the tail's thread; what raises begins everything again."""

    def begin(self) -> None:
        """What follows is read from the start (or from now) again."""
        ...

    def take(self, record: Record) -> None:
        """One record, in order per partition."""
        ...

    def settled(self) -> None:
        """All that the whole topics had when reading began has been taken. Not called without such topics."""
        ...


@dataclass(frozen=True, slots=True)
class TailPlan:
    """What to follow: topics read whole, and topics read from now on.

    `reread_s`: begin again that often, None: never without need.
    """

    name: str
    whole: tuple[str, ...] = ()
    from_now: tuple[str, ...] = ()
    reread_s: float | None = None


class Tail:
    """Start it, close it. `again` has it read from the start once more."""

    def __init__(self, settings: KafkaSettings, plan: TailPlan, reader: Reader) -> None:
        self._settings = settings
        self._plan = plan
        self._reader = reader
        self._names = {kafka_name(topic, settings.topics): topic for topic in (*plan.whole, *plan.from_now)}
        self._again = threading.Event()
        self._closing = threading.Event()
        self._problem: str | None = "not connected yet"
        self._thread = threading.Thread(target=self._run, name=plan.name, daemon=True)

    def start(self) -> None:
        """Begin. The broker need not be there."""
        self._thread.start()

    def again(self) -> None:
        """Read from the start once more. Any thread."""
        self._again.set()

    @property
    def problem(self) -> str | None:
        """Why nothing is read now, in words."""
        return self._problem

    def close(self, timeout_s: float) -> None:
        """End the thread. Idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.error("tail_thread_left", tail=self._plan.name)

    def _run(self) -> None:
        while not self._closing.is_set():
            with told(self._fail):
                self._follow()
                continue
            self._closing.wait(self._settings.retry_s)

    def _fail(self, reason: str) -> None:
        if self._problem != reason:
            log.warning("tail_lost", tail=self._plan.name, reason=reason)
        self._problem = reason

    def _follow(self) -> None:
        """Until reading is to begin again. Raises what ended it otherwise."""
        self._again.clear()
        self._ensure_topics()
        consumer = open_consumer(self._settings, {"client_id": f"{self._settings.client_id}-{self._plan.name}"})
        try:
            behind = self._assign(consumer)
            self._reader.begin()
            self._problem = None
            self._read(consumer, behind)
        finally:
            consumer.close(timeout_ms=1000)

    def _ensure_topics(self) -> None:
        admin = open_admin(self._settings)
        try:
            refused = ensure_topics(admin, self._settings, self._names.values())
        finally:
            admin.close()
        for topic, reason in refused.items():
            raise BusError(f"topic {topic}: {reason}")

    def _assign(self, consumer: Any) -> list[TopicPartition]:
        """Returns the partitions that are read from their start."""
        found = []
        for name in self._names:
            numbers = consumer.partitions_for_topic(name)
            deadline_s = time.monotonic() + self._settings.connect_timeout_s
            while not numbers and time.monotonic() < deadline_s and not self._closing.wait(0.1):
                consumer.topics()  # just created: ask again
                numbers = consumer.partitions_for_topic(name)
            if not numbers:
                raise BusError(f"topic {name} has no partitions")
            found += [TopicPartition(name, number) for number in sorted(numbers)]
        consumer.assign(found)
        whole = [partition for partition in found if self._names[partition.topic] in self._plan.whole]
        late = [partition for partition in found if partition not in whole]
        if whole:
            consumer.seek_to_beginning(*whole)
        if late:
            consumer.seek_to_end(*late)
        return whole

    def _read(self, consumer: Any, behind: list[TopicPartition]) -> None:
        """`behind`: the partitions whose end is not reached yet."""
        began_s = probed_s = time.monotonic()
        reread_s = self._plan.reread_s
        ends: dict[TopicPartition, int] = {}
        while not (self._closing.is_set() or self._again.is_set()):
            for records in consumer.poll(timeout_ms=_POLL_MS).values():
                for found in records:
                    self._take(found)
            now_s = time.monotonic()
            if behind:
                behind = [partition for partition in behind if not _reached(consumer, partition, ends)]
                if not behind:
                    self._reader.settled()
                elif now_s - began_s > _SETTLE_S:
                    raise BusError(f"{len(behind)} partitions do not answer")
            if now_s - probed_s > _PROBE_S:
                probed_s = now_s
                if (reason := probe(self._settings)) is not None:
                    raise BusError(reason)
            if reread_s is not None and now_s - began_s > reread_s:
                return

    def _take(self, found: Any) -> None:
        if found.key is None:
            return
        self._reader.take(
            Record(
                topic=self._names[found.topic],
                key=found.key.decode(errors="replace"),
                value=found.value or None,
                headers=tuple(found.headers or ()),
                timestamp_ms=found.timestamp,
            )
        )


def _reached(consumer: Any, partition: TopicPartition, ends: dict[TopicPartition, int]) -> bool:
    """Whether everything up to the end that the partition's first fetch told of has been read; noted in `ends`."""
    if partition not in ends:
        end = consumer.highwater(partition)
        if end is None:
            return False
        ends[partition] = end
    return ends[partition] == 0 or consumer.position(partition, timeout_ms=200) >= ends[partition]
