"""The broker of the tests, chosen here: Apache Kafka itself where it can run, else Tansu. A process, on loopback.

Apache Kafka needs Java and either `KAFKA_HOME` or Maven, which fetches it once (kafka_jars.py). `TEST_BROKER=kafka` or
`tansu` forces one of them. pytest says at its start which one it is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Protocol

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests.peers.apache_kafka import ApacheKafka, Login, Membership
from tests.peers.kafka_jars import Jars, Unavailable, find
from tests.peers.orphans import EndsWithUs
from tests.peers.ports import free_port
from tests.peers.tansu import Tansu

_NOBODY = {"leader_id": -1}


@dataclass(frozen=True)
class Choice:
    """Which broker the tests run against: Apache Kafka from `jars`, or Tansu without. `why` says it in words."""

    jars: Jars | None
    why: str


@cache
def chosen() -> Choice:
    """Apache Kafka where it can run, or what `TEST_BROKER` says. Raises Unavailable when that cannot run."""
    forced = os.environ.get("TEST_BROKER", "")
    if forced not in ("", "kafka", "tansu"):
        raise Unavailable(f"TEST_BROKER={forced}: it is kafka or tansu")
    if forced == "tansu":
        return Choice(None, "Tansu, as TEST_BROKER says")
    try:
        jars = find()
    except Unavailable as reason:
        if forced:
            raise
        return Choice(None, f"Tansu, as Apache Kafka cannot be used: {reason}")
    return Choice(jars, f"Apache Kafka {jars.version} from {jars.libs}")


def apache_kafka() -> Jars:
    """For tests of what only Apache Kafka has; skips them on Tansu."""
    jars = chosen().jars
    if jars is None:
        pytest.skip(f"only Apache Kafka has this, and the tests' broker is {chosen().why}")
    return jars


class Server(Protocol):
    """One of the two."""

    folder: Path | None

    def spawn(self, empty: bool) -> subprocess.Popen[bytes]:
        """Start the process."""

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        """Until it serves. Raises TimeoutError."""


@dataclass(frozen=True)
class Record:
    """One message as a consumer sees it."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: dict[str, bytes]
    timestamp_ms: int


class Broker:
    """Start, kill, start again on the same port (with nothing, unless told to keep what it had), freeze, thaw."""

    def __init__(
        self,
        advertised_port: int | None = None,
        login: Login | None = None,
        membership: Membership | None = None,
    ) -> None:
        """`advertised_port`: where clients find it, when something stands before it. The rest: Apache Kafka only."""
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        jars = chosen().jars if login is None and membership is None else apache_kafka()
        self._server: Server = (
            Tansu(self.port, advertised_port or self.port)
            if jars is None
            else ApacheKafka(jars, self.port, advertised_port, login, membership)
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._orphan: EndsWithUs | None = None

    def start(self, empty: bool = True) -> None:
        """Start and wait until it serves; `empty=False`: with what it had (Apache Kafka only)."""
        self._process = self._server.spawn(empty)
        self._orphan = EndsWithUs(self._process.pid, self._server.folder)
        try:
            self._server.wait(self._process)
        except BaseException:
            self.kill()
            raise

    @property
    def settings(self) -> dict[str, str]:
        """For a LivesightProcess. Few partitions: most of what topics cost a broker, they cost by partition."""
        return {"KAFKA__BOOTSTRAP_SERVERS": self.address, "KAFKA__TOPICS__PARTITIONS": "4"}

    @property
    def running(self) -> bool:
        """Whether there is a process; it may be frozen."""
        return self._process is not None and self._process.poll() is None

    def empty(self) -> None:
        """Running, with no topic and no group; whatever state it is in. On Apache Kafka cheaper than a start."""
        if chosen().jars is None or not self._emptied():
            self.kill()
            self.start()

    def _emptied(self) -> bool:
        """False when it cannot be emptied as it is: it does not run, or members of a group are not gone yet."""
        if not self.running:
            return False
        self.thaw()
        with self.admin() as admin:
            deadline_s = time.monotonic() + 10
            admin.delete_topics(_own(admin.list_topics()))
            while _own(admin.list_topics()):  # what it answers follows what it has done
                if time.monotonic() > deadline_s:
                    return False
                time.sleep(0.02)
            groups = admin.delete_groups([group["group_id"] for group in admin.list_groups()])
        return all(said == "OK" for said in groups.values())

    @contextmanager
    def admin(self) -> Iterator[KafkaAdminClient]:
        """A client that may do anything."""
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            yield admin
        finally:
            admin.close()

    def kill(self) -> None:
        """kill -9. Idempotent."""
        self._end(signal.SIGKILL, 0)

    def stop(self, timeout_s: float = 20.0) -> None:
        """SIGTERM, then SIGKILL after `timeout_s`. Idempotent."""
        self._end(signal.SIGTERM, timeout_s)

    def _end(self, number: signal.Signals, timeout_s: float) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(timeout_s or None)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._orphan is not None
        self._orphan.release()
        self._process = None

    def freeze(self) -> None:
        """Connections stay, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def create_topic(self, topic: str, partitions: int) -> None:
        """With as many partitions as asked, each with its leader when this returns."""
        with self.admin() as admin:
            admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=-1)])
            while any(one["leader_id"] < 0 for one in admin.describe_topics([topic])[0]["partitions"] or [_NOBODY]):
                time.sleep(0.02)

    def read(self, topic: str, count: int, timeout_s: float = 20.0) -> list[Record]:
        """Consume from the beginning until `count` messages came or the time is up."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.address,
            auto_offset_reset="earliest",
            group_id=None,
            allow_auto_create_topics=False,  # else the broker makes it, with as many partitions as it likes
        )
        records: list[Record] = []
        try:
            deadline_s = time.monotonic() + timeout_s
            partitions: set[int] = set()
            while not partitions and time.monotonic() < deadline_s:
                partitions = consumer.partitions_for_topic(topic) or set()
            if not partitions:
                return records
            consumer.assign([TopicPartition(topic, partition) for partition in partitions])
            consumer.seek_to_beginning()
            while len(records) < count and time.monotonic() < deadline_s:
                for batch in consumer.poll(timeout_ms=200).values():
                    records.extend(_record(found) for found in batch)
        finally:
            consumer.close()
        return records

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()


def _own(topics: list[str]) -> list[str]:
    return [topic for topic in topics if not topic.startswith("__")]


def _record(found: object) -> Record:
    return Record(
        topic=found.topic,  # type: ignore[attr-defined]
        partition=found.partition,  # type: ignore[attr-defined]
        offset=found.offset,  # type: ignore[attr-defined]
        key=found.key.decode(),  # type: ignore[attr-defined]
        value=found.value,  # type: ignore[attr-defined]
        headers=dict(found.headers),  # type: ignore[attr-defined]
        timestamp_ms=found.timestamp,  # type: ignore[attr-defined]
    )
