"""Writes specs and status to Kafka, past the bus: a spec is confirmed or refused at once, an old status is worthless.

Any thread; `write` blocks, `send` may for a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from kafka.errors import AuthorizationError, KafkaError

from workers.errors import BusDenied, BusError
from workers.kafka.broker_probe import check_reachable
from workers.kafka.client import describe, open_producer
from workers.kafka.kafka_python import Producer
from workers.kafka.permissions import THROTTLED, topic_denied
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import kafka_name
from workers.logs import StateLog

log = structlog.get_logger(__name__)

_MOST_WAITING = 500

Sign = Callable[[str, str, bytes | None], tuple[str, bytes]]
"""Makes a header, name and value, of a record's topic, key and value."""


class ControlWriter:
    """One producer, opened when needed, given up when it fails."""

    def __init__(self, settings: KafkaSettings, sign: Sign | None = None) -> None:
        """sign: signs what is sent; what is written stays for long, and a signature holds for seconds."""
        self._settings = settings
        self._sign = sign
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._retry_at_s = 0.0
        self._waiting = 0
        self._closed = False
        self._send_log = StateLog(log, "status_not_sent")

    def write(self, topic: str, key: str, value: bytes | None, schema: str) -> None:
        """Block until the broker has it. Raises BusError when it does not take it; then it is not written later either.

        That is BusDenied when this principal may not write to the topic.
        """
        with self._lock:
            try:
                check_reachable(self._settings)
                producer = self._open()
                future = producer.send(kafka_name(topic, self._settings.topics), **_record(key, value, schema))
                future.get(timeout=self._settings.connect_timeout_s)
            except (BusError, KafkaError, OSError, RuntimeError) as error:
                throttled = self._producer is not None and self._producer.throttled_s > 0
                self._give_up()
                reason = THROTTLED if throttled else self._reason(topic, error)
                kind = BusDenied if isinstance(error, AuthorizationError) else BusError
                raise kind(f"{topic} cannot be written: {reason}") from error

    def send(self, topic: str, key: str, value: bytes | None, schema: str) -> None:
        """Hand over; what cannot be sent soon is not sent. Raises nothing."""
        with self._lock:
            if self._closed or self._waiting >= _MOST_WAITING or time.monotonic() < self._retry_at_s:
                return
            try:
                producer = self._open()
                record = _record(key, value, schema)
                if self._sign is not None:
                    record["headers"].append(self._sign(topic, key, value))
                future = producer.send(kafka_name(topic, self._settings.topics), **record)
            except (BusError, KafkaError, OSError, RuntimeError) as error:
                self._send_log.note(self._reason(topic, error), topic, topic=topic)
                self._give_up()
                return
            self._waiting += 1
            future.add_callback(self._confirmed, topic)
            future.add_errback(self._failed, topic)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was sent is confirmed or refused; False when the time was too short."""
        deadline_s = time.monotonic() + timeout_s
        while self._waiting and time.monotonic() < deadline_s:
            time.sleep(0.01)
        return not self._waiting

    def close(self, timeout_s: float) -> None:
        """Idempotent."""
        self.flush(timeout_s)
        with self._lock:
            self._closed = True
            self._give_up()

    def _confirmed(self, topic: str, _: object) -> None:
        """On the client's thread, as `_failed`."""
        self._waiting = max(0, self._waiting - 1)
        self._send_log.clear(topic)

    def _failed(self, topic: str, error: BaseException) -> None:
        self._waiting = max(0, self._waiting - 1)
        self._send_log.note(self._reason(topic, error), topic, topic=topic)

    def _reason(self, topic: str, error: BaseException) -> str:
        if isinstance(error, AuthorizationError):
            return topic_denied(kafka_name(topic, self._settings.topics), "WRITE")
        return describe(error)

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
