"""Writes wishes and status to Kafka, past the bus: a wish is confirmed or refused at once, an old status is worthless.

Any thread; `write` blocks, `tell` may for a moment.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import structlog
from kafka.errors import KafkaError

from workers.errors import BusError
from workers.kafka.client import describe, open_producer, probe
from workers.kafka.kafka_python import Producer
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import kafka_name

log = structlog.get_logger(__name__)

_MOST_WAITING = 500


class ControlWriter:
    """One producer, opened when needed, given up when it fails."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._retry_at_s = 0.0
        self._waiting = 0
        self._closed = False

    def write(self, topic: str, key: str, value: bytes | None, schema: str) -> None:
        """Blocks until the broker has it. Raises BusError when it cannot be had; then it is not written later."""
        with self._lock:
            reason = probe(self._settings)
            if reason is not None:
                raise BusError(f"{topic} cannot be written: {reason}")
            try:
                producer = self._open()
                future = producer.send(kafka_name(topic, self._settings.topics), **_record(key, value, schema))
                future.get(timeout=self._settings.connect_timeout_s)
            except (KafkaError, OSError, RuntimeError) as error:
                self._give_up()
                raise BusError(f"{topic} cannot be written: {describe(error)}") from error

    def tell(self, topic: str, key: str, value: bytes | None, schema: str) -> None:
        """Hand over; what cannot be sent soon is not sent. Raises nothing."""
        with self._lock:
            if self._closed or self._waiting >= _MOST_WAITING or time.monotonic() < self._retry_at_s:
                return
            try:
                producer = self._open()
                future = producer.send(kafka_name(topic, self._settings.topics), **_record(key, value, schema))
            except (BusError, KafkaError, OSError, RuntimeError) as error:
                log.info("status_not_sent", key=key, reason=describe(error))
                self._give_up()
                return
            self._waiting += 1
            future.add_callback(self._done)
            future.add_errback(self._done)

    def settle(self, timeout_s: float) -> bool:
        """Wait until what was told is out; False when the time was too short."""
        deadline_s = time.monotonic() + timeout_s
        while self._waiting and time.monotonic() < deadline_s:
            time.sleep(0.01)
        return not self._waiting

    def close(self, timeout_s: float) -> None:
        """Idempotent."""
        self.settle(timeout_s)
        with self._lock:
            self._closed = True
            self._give_up()

    def _done(self, _: object) -> None:
        self._waiting = max(0, self._waiting - 1)

    def _open(self) -> Producer:
        if self._closed:
            raise BusError("closed")
        if self._producer is None:
            self._producer = open_producer(self._settings)
            self._waiting = 0
        return self._producer

    def _give_up(self) -> None:
        producer, self._producer = self._producer, None
        self._waiting = 0
        self._retry_at_s = time.monotonic() + self._settings.retry_s
        if producer is not None and not producer.abandon(1.0):
            log.error("kafka_client_thread_left")


def _record(key: str, value: bytes | None, schema: str) -> dict[str, Any]:
    headers = [("schema", schema.encode()), ("content-type", b"application/json")]
    return {"key": key.encode(), "value": value, "headers": headers}
