"""What the monitor reads, from Kafka: all partitions, from offsets in the database. Runs in the monitor's thread.

There is no consumer group: its offsets could not move in the transaction that holds the events. A lock of the database
says who reads (monitoring/store/leader_lock.py). A topic that may not be read is left out until it may; the others are
read meanwhile.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import structlog
from kafka import TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from monitoring.ingest.inbox import TOPICS, Batch, InboxMessage
from monitoring.store.checkpoints import Partition
from workers.errors import BusError
from workers.kafka.broker_probe import check_reachable
from workers.kafka.client import describe, open_consumer
from workers.kafka.permissions import denied_topics, explain_denial, topic_denied
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import check_topics, kafka_name

log = structlog.get_logger(__name__)

_PROBE_S = 2.0
_PARTITIONS_S = 60.0
_LAG_S = 0.5
_DENIED_S = 600.0


class KafkaInbox:
    """See Inbox. After BusError `open` begins again."""

    lasts = True

    def __init__(self, kafka: KafkaSettings, begin: Literal["newest", "oldest"]) -> None:
        self._kafka = kafka
        self._begin = begin
        self._names = {kafka_name(topic, kafka.topics): topic for topic in TOPICS}
        self._denied: dict[str, float] = {}  # topics that may not be read → when that is tried again
        self._unavailable: dict[str, str] = {}  # topics that are left out → why
        self._consumer: Any = None
        self._next: dict[Partition, int] = {}
        self._unseen: set[TopicPartition] = set()
        self._lag: int | None = None
        self._looked_s = self._probed_s = self._counted_s = 0.0
        self._woken = threading.Event()

    def open(self, stored: Mapping[Partition, int]) -> Mapping[Partition, int]:
        """See Inbox."""
        self.close()
        with self._as_bus_errors():
            self._unavailable = self._find_unavailable()
            names = [name for name in self._names if name not in self._unavailable]
            if not names:
                raise BusError("; ".join(self.problems()))
            self._consumer = open_consumer(
                self._kafka, {"client_id": f"{self._kafka.client_id}-monitor", "auto_offset_reset": "earliest"}
            )
            places = self._assign(names)
            begun = self._seek(places, stored)
        self._next = {place: stored.get(place, begun.get(place, 0)) for place in places}
        self._unseen = {TopicPartition(*place) for place in places}
        self._lag = None
        self._looked_s = self._probed_s = time.monotonic()
        return begun

    def take(self, timeout_s: float, most: int) -> Batch:
        """See Inbox."""
        if self._consumer is None:
            raise BusError("not connected")
        deadline_s = time.monotonic() + timeout_s
        items: list[InboxMessage] = []
        moves: dict[Partition, tuple[int, int]] = {}
        with self._as_bus_errors():
            while True:
                left_s = deadline_s - time.monotonic()
                found = self._consumer.poll(timeout_ms=max(0, int(left_s * 1000)), max_records=most - len(items))
                self._add(found, items, moves)
                if len(items) >= most or left_s <= 0 or self._woken.is_set():
                    break
                self._woken.wait(min(0.05, max(0.0, left_s)))  # gathered here: else a transaction for each result
            self._check()
        return Batch(items, moves)

    def done(self) -> None:
        """See Inbox: the offsets say it."""

    def problems(self) -> list[str]:
        """See Inbox: the topics that are left out."""
        return [f"kafka: topic {name} is unavailable: {why}" for name, why in self._unavailable.items()]

    def caught_up(self, within: int = 0) -> bool:
        """See Inbox."""
        return self.lag <= within and not self._unseen

    @property
    def lag(self) -> int:
        """See Inbox. Counted twice a second at most; of partitions that have not answered yet nothing is known."""
        now_s = time.monotonic()
        if self._consumer is not None and (self._lag is None or now_s - self._counted_s > _LAG_S):
            self._counted_s = now_s
            self._lag = sum(
                max(0, (self._consumer.highwater(TopicPartition(*place)) or 0) - at) for place, at in self._next.items()
            )
        return self._lag or 0

    def wake(self) -> None:
        """See Inbox. For good."""
        self._woken.set()

    def close(self) -> None:
        """See Inbox."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            consumer.close(timeout_ms=500)

    def _find_unavailable(self) -> dict[str, str]:
        """The topics that are not there or may not be read, by their names on the broker, and why."""
        found = {
            kafka_name(topic, self._kafka.topics): why
            for topic, why in check_topics(self._kafka, TOPICS, "READ").items()
        }
        now_s = time.monotonic()
        self._denied = {name: again_s for name, again_s in self._denied.items() if again_s > now_s}
        return found | {name: topic_denied(name, "READ") for name in self._denied}

    def _assign(self, names: Collection[str]) -> list[Partition]:
        places: list[Partition] = []
        deadline_s = time.monotonic() + self._kafka.connect_timeout_s
        for name in names:
            numbers = self._consumer.partitions_for_topic(name)
            while not numbers and time.monotonic() < deadline_s and not self._woken.wait(0.1):
                self._consumer.topics()  # just created: ask again
                numbers = self._consumer.partitions_for_topic(name)
            if not numbers:
                raise BusError(f"topic {name} has no partitions")
            places += [(name, number) for number in sorted(numbers)]
        self._consumer.assign([TopicPartition(*place) for place in places])
        return places

    def _seek(self, places: list[Partition], stored: Mapping[Partition, int]) -> dict[Partition, int]:
        """Returns where partitions begin that were never read; new ones of a topic that was read, at their start."""
        read = {topic for topic, _ in stored}
        late, whole = [], []
        for place in places:
            partition = TopicPartition(*place)
            if place in stored:
                self._consumer.seek(partition, stored[place])
            elif place[0] in read or self._begin == "oldest":
                whole.append(partition)
            else:
                late.append(partition)
        if whole:
            self._consumer.seek_to_beginning(*whole)
        if late:
            self._consumer.seek_to_end(*late)
        timeout_ms = int(self._kafka.request_timeout_s * 1000)
        found = {}
        for partition in (*whole, *late):
            position = self._consumer.position(partition, timeout_ms=timeout_ms)
            if position is None:
                raise BusError(f"topic {partition.topic}, partition {partition.partition}: no answer")
            found[partition.topic, partition.partition] = int(position)
        return found

    def _add(
        self,
        found: Mapping[TopicPartition, list[Any]],
        items: list[InboxMessage],
        moves: dict[Partition, tuple[int, int]],
    ) -> None:
        """In the order of their times, which is about that of what happened, and by offset within a partition."""
        for record in heapq.merge(*found.values(), key=lambda one: int(one.timestamp)):
            if record.key is not None and record.value is not None:
                key = record.key.decode(errors="replace")
                items.append(InboxMessage(self._names[record.topic], key, record.value, tuple(record.headers or ())))
        for partition, records in found.items():
            place = (partition.topic, partition.partition)
            before = moves[place][0] if place in moves else self._next[place]
            self._next[place] = records[-1].offset + 1
            moves[place] = (before, self._next[place])

    def _check(self) -> None:
        """Whether the broker is there, has what was read up to, and has no more partitions than are read."""
        now_s = time.monotonic()
        for partition in [one for one in self._unseen if self._consumer.highwater(one) is not None]:
            self._unseen.discard(partition)
            self._check_end(partition)
        if now_s - self._probed_s > _PROBE_S:
            self._probed_s = now_s
            check_reachable(self._kafka)
        if now_s - self._looked_s > _PARTITIONS_S:
            self._looked_s = now_s
            if self._unavailable and self._find_unavailable().keys() != self._unavailable.keys():
                raise BusError("other topics are available now: reading begins again")
            for name in self._names:
                if any((name, number) not in self._next for number in self._consumer.partitions_for_topic(name) or ()):
                    raise BusError(f"topic {name} has more partitions now")

    def _check_end(self, partition: TopicPartition) -> None:
        """A broker that lost its data counts from 0 again: what it has now has not been read."""
        at, end = self._next[partition.topic, partition.partition], self._consumer.highwater(partition)
        if at > end:
            log.warning("kafka_lost_data", topic=partition.topic, partition=partition.partition, read=at, end=end)
            self._consumer.seek_to_beginning(partition)

    @contextmanager
    def _as_bus_errors(self) -> Iterator[None]:
        """The client's errors as ours. A topic that may not be read is left out when reading begins again."""
        try:
            yield
        except BusError as error:
            raise BusError(f"kafka: {str(error).removeprefix('kafka: ')}") from error
        except TopicAuthorizationFailedError as error:
            denied = denied_topics(error) & self._names.keys()
            self._denied |= dict.fromkeys(denied, time.monotonic() + _DENIED_S)
            raise BusError(f"kafka: {explain_denial(error, 'READ') or describe(error)}") from error
        except (KafkaError, OSError, ValueError, RuntimeError) as error:
            raise BusError(f"kafka: {explain_denial(error, 'READ') or describe(error)}") from error
