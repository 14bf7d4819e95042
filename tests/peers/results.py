"""Everything that is published to `livesight.detections`, as it comes. Reads in its own thread."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from types import TracebackType

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

TOPIC = "livesight.detections"
_SILENCE_S = 3.0


@dataclass(frozen=True)
class Seen:
    """One result. `at_s` is time.monotonic() when the test got it, `captured_at_s` the wall clock of its picture."""

    stream: str
    node: str
    session: str
    pts_us: int
    captured_at_s: float
    at_s: float


class Results:
    """A context manager that collects from now on."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._seen: list[Seen] = []
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="results")

    def since(self, at_s: float = 0.0) -> list[Seen]:
        """What came after that moment, oldest first."""
        with self._lock:
            return [seen for seen in self._seen if seen.at_s >= at_s]

    def gaps(self, since_s: float, streams: set[str]) -> dict[str, float]:
        """The longest silence of each stream from then until now, in seconds."""
        now_s = time.monotonic()
        times: dict[str, list[float]] = {stream: [since_s] for stream in streams}
        for seen in self.since(since_s):
            if seen.stream in times:
                times[seen.stream].append(seen.at_s)
        return {
            stream: max(after - before for before, after in zip(moments, [*moments[1:], now_s], strict=True))
            for stream, moments in times.items()
        }

    def _run(self) -> None:
        anew = False
        while not self._closing.is_set():
            consumer = KafkaConsumer(bootstrap_servers=self._address, group_id=None, allow_auto_create_topics=False)
            try:
                assigned = self._assign(consumer, anew)
                self._ready.set()
                self._follow(consumer, assigned)
            finally:
                consumer.close(timeout_ms=1000)
            anew = True

    def _assign(self, consumer: KafkaConsumer, anew: bool) -> list[TopicPartition]:
        """All partitions: from now on, or from the start of a topic that is new."""
        while not (partitions := consumer.partitions_for_topic(TOPIC)) and not self._closing.is_set():
            time.sleep(0.1)
            consumer.topics()
        assigned = [TopicPartition(TOPIC, number) for number in partitions or ()]
        consumer.assign(assigned)
        if anew:
            consumer.seek_to_beginning(*assigned)
        else:
            consumer.seek_to_end(*assigned)
            consumer.poll(timeout_ms=500)
        return assigned

    def _follow(self, consumer: KafkaConsumer, assigned: list[TopicPartition]) -> None:
        """Until the end, or until the broker has lost what it had."""
        heard_s = time.monotonic()
        while not self._closing.is_set():
            for records in consumer.poll(timeout_ms=200).values():
                heard_s = time.monotonic()
                for record in records:
                    self._note(record.value)
            if time.monotonic() - heard_s > _SILENCE_S:
                heard_s = time.monotonic()
                if _lost(consumer, assigned):
                    return

    def _note(self, value: bytes) -> None:
        result = json.loads(value)
        seen = Seen(
            stream=result["stream_id"],
            node=result["node"],
            session=result["session"],
            pts_us=result["pts_us"],
            captured_at_s=result["captured_at_ns"] / 1e9,
            at_s=time.monotonic(),
        )
        with self._lock:
            self._seen.append(seen)

    def __enter__(self) -> Results:
        self._thread.start()
        assert self._ready.wait(60), "the topic is not there"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.set()
        self._thread.join(20)


def _lost(consumer: KafkaConsumer, assigned: list[TopicPartition]) -> bool:
    """Whether the topic is another than what was read: its end lies before where we are, or it has fewer partitions."""
    try:
        ends = consumer.end_offsets(assigned)
        return any(consumer.position(partition) > ends[partition] for partition in assigned)
    except KeyError:
        return True  # what kafka-python 3.0.12 says of partitions that are there no more
    except KafkaError:
        return False  # it is away; asked again after the next silence
