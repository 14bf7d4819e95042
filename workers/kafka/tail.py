"""Follows topics without a group: all partitions, from their start or from now. Runs in its own thread.

For what every process must know (specs, status) and what it may show (detections). Nothing is committed, so a
follower that is late or absent costs nobody anything. After whatever goes wrong there is one way back: close the
consumer, open another, begin again. A broker that lost its data looks like one that was unreachable. A topic that this
principal may not read, or that does not exist, is left out until it can be read; the others are followed meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from kafka import TopicPartition
from kafka.errors import TopicAuthorizationFailedError

from workers.bus.identifiers import UnreadableMessages
from workers.errors import BusError, WorkerError
from workers.kafka.broker_probe import check_reachable
from workers.kafka.client import open_consumer, reporting
from workers.kafka.kafka_python import consumer_throttled_s
from workers.kafka.permissions import denied_topics, topic_denied
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import check_topics, kafka_name
from workers.logs import StateLog

log = structlog.get_logger(__name__)

_POLL_MS = 250
_PROBE_S = 2.0
_SETTLE_S = 15.0
_DENIED_S = 10.0


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `value` is None for a tombstone; `topic` is our constant, whatever the broker calls it."""

    topic: str
    key: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp_ms: int


class RecordHandler(Protocol):
    """What takes the records. All calls come from the tail's thread; when one raises, reading begins again."""

    def begin(self) -> None:
        """What follows is read from the start (or from now) again."""
        ...

    def take(self, record: Record) -> None:
        """One record, in order per partition."""
        ...

    def caught_up(self, unavailable: Collection[str]) -> None:
        """All that the whole topics had when reading began has been taken, but for those that are unavailable.

        Not called without such topics.
        """
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
    """Start it, close it. `restart` has it read from the start once more."""

    def __init__(self, settings: KafkaSettings, plan: TailPlan, handler: RecordHandler) -> None:
        self._settings = settings
        self._plan = plan
        self._handler = handler
        self._names = {kafka_name(topic, settings.topics): topic for topic in (*plan.whole, *plan.from_now)}
        self._denied: dict[str, float] = {}  # topics that may not be read → when that is tried again
        self._unavailable: dict[str, str] = {}  # topics (our constants) that are left out → why
        self._topic_log = StateLog(log, "tail_topic_unavailable")
        self._tail_log = StateLog(log, "tail_lost")
        self._unreadable = UnreadableMessages(log)
        self._restart = threading.Event()
        self._closing = threading.Event()
        self._problem: str | None = "not connected yet"
        self._thread = threading.Thread(target=self._run, name=plan.name, daemon=True)

    def start(self) -> None:
        """Begin. The broker need not be there."""
        self._thread.start()

    def restart(self) -> None:
        """Read from the start once more. Any thread."""
        self._restart.set()

    @property
    def problem(self) -> str | None:
        """Why nothing is read now, in words."""
        return self._problem

    @property
    def unavailable(self) -> dict[str, str]:
        """The topics that are not read now, though others are, by their names on the broker, and why."""
        return {name: self._unavailable[topic] for name, topic in self._names.items() if topic in self._unavailable}

    def close(self, timeout_s: float) -> None:
        """End the thread. Idempotent."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.error("tail_thread_left", tail=self._plan.name)

    def _run(self) -> None:
        while not self._closing.is_set():
            with reporting(self._fail):
                self._follow()
                continue
            self._closing.wait(self._settings.retry_s)

    def _fail(self, reason: str) -> None:
        self._tail_log.note(reason, tail=self._plan.name)
        self._problem = reason

    def _follow(self) -> None:
        """Until reading is to begin again. Raises what ended it otherwise."""
        self._restart.clear()
        names = self._readable()
        consumer = open_consumer(self._settings, {"client_id": f"{self._settings.client_id}-{self._plan.name}"})
        try:
            behind = self._assign(consumer, names)
            self._handler.begin()
            self._problem = None
            self._tail_log.clear()
            self._read(consumer, behind)
        except TopicAuthorizationFailedError as error:
            if not (denied := denied_topics(error) & self._names.keys()):
                raise
            self._denied |= dict.fromkeys(denied, time.monotonic() + _DENIED_S)  # and begin again, without them
        finally:
            consumer.close(timeout_ms=1000)

    def _readable(self) -> list[str]:
        """The topics that are there and may be read. Raises BusError when there is none."""
        found = check_topics(self._settings, self._names.values(), "READ")
        now_s = time.monotonic()
        self._denied = {name: again_s for name, again_s in self._denied.items() if again_s > now_s}
        found |= {self._names[name]: topic_denied(name, "READ") for name in self._denied}
        self._unavailable = found
        for name, topic in self._names.items():
            if topic in found:
                self._topic_log.note(found[topic], topic, topic=name, tail=self._plan.name)
            elif self._topic_log.clear(topic):
                log.info("tail_topic_available", topic=name, tail=self._plan.name)
        readable = [name for name, topic in self._names.items() if topic not in found]
        if not readable:
            raise BusError("; ".join(f"topic {name} is unavailable: {why}" for name, why in self.unavailable.items()))
        return readable

    def _assign(self, consumer: Any, names: Collection[str]) -> list[TopicPartition]:
        """Returns the partitions that are read from their start."""
        found = []
        for name in names:
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
        most_s = min([_DENIED_S] * bool(self._unavailable) + [self._plan.reread_s or float("inf")])
        ends: dict[TopicPartition, int] = {}
        while not (self._closing.is_set() or self._restart.is_set()):
            for records in consumer.poll(timeout_ms=_POLL_MS).values():
                for found in records:
                    self._take(found)
            now_s = time.monotonic()
            if behind:
                behind = [partition for partition in behind if not _reached(consumer, partition, ends)]
                if not behind:
                    self._handler.caught_up(self._unavailable)
                elif now_s - began_s > _SETTLE_S and not consumer_throttled_s(consumer):
                    raise BusError(f"{len(behind)} partitions do not answer")
            if now_s - probed_s > _PROBE_S:
                probed_s = now_s
                check_reachable(self._settings)
            if now_s - began_s > most_s:
                return

    def _take(self, found: Any) -> None:
        if found.key is None:
            return
        topic, key = self._names[found.topic], found.key.decode(errors="replace")
        record = Record(topic, key, found.value or None, tuple(found.headers or ()), found.timestamp)
        try:
            self._handler.take(record)
        except WorkerError:
            raise
        except Exception as error:  # reading it again would not help: the next record is taken
            log.exception("record_failed", topic=topic, key=key[:100])
            self._unreadable.note(topic, key, "failed", repr(error))


def _reached(consumer: Any, partition: TopicPartition, ends: dict[TopicPartition, int]) -> bool:
    """Whether everything up to the end that the partition's first fetch gave has been read; noted in `ends`."""
    if partition not in ends:
        end = consumer.highwater(partition)
        if end is None:
            return False
        ends[partition] = end
    return ends[partition] == 0 or consumer.position(partition, timeout_ms=200) >= ends[partition]
