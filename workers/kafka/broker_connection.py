"""The bus's connection to the broker: opened, checked and given up in threads of their own, so that the spool goes on.

`KafkaBus`'s thread owns it and alone calls it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from kafka.errors import KafkaError

from workers.bus.message_bus import DETECTIONS, EVENTS, MODELS, SNAPSHOTS
from workers.errors import BusError
from workers.kafka.background_call import BackgroundCall
from workers.kafka.broker_probe import check_reachable
from workers.kafka.client import describe, open_producer
from workers.kafka.delivery_health import DeliveryHealth
from workers.kafka.kafka_python import Producer
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import check_topics
from workers.logs import StateLog
from workers.metrics import PUBLISH_FAILURES

PUBLISHED = (DETECTIONS, SNAPSHOTS, EVENTS, MODELS)
"""The topics that the bus writes to, and creates when they are missing."""

log = structlog.get_logger(__name__)


class BrokerConnection:
    """`producer` is None while there is no connection. What topics are refused goes to `health`."""

    def __init__(self, settings: KafkaSettings, health: DeliveryHealth, wake: Callable[[], None]) -> None:
        """wake: called, from any thread, when something was opened."""
        self.producer: Producer | None = None
        self._settings = settings
        self._health = health
        self._wake = wake
        self._retry_at_s = 0.0
        self._opening: BackgroundCall[Producer] = BackgroundCall("kafka-connect")
        self._checking: BackgroundCall[None] = BackgroundCall("kafka-check")
        self._topics_log = StateLog(log, "kafka_topics_not_checked")
        self._refused: frozenset[str] = frozenset()  # topics, by the last check
        self._lock = threading.Lock()
        self._opened: Producer | None = None  # the newest, whether the bus has fetched it or not
        self._closed = False

    def open(self) -> bool:
        """Begin to connect, when it is time, or see what came of it; whether there is a new producer."""
        if not self._opening.busy and time.monotonic() >= self._retry_at_s:
            self._opening.start(self._open)
        try:
            self.producer = self._opening.poll()
        except BusError as error:
            PUBLISH_FAILURES.inc()
            self._health.unreachable(str(error))
            self._retry_at_s = time.monotonic() + self._settings.retry_s
        if self.producer is None:
            return False
        log.info("kafka_connected", servers=self._settings.bootstrap_servers)
        return True

    def start_check(self, topics: bool) -> None:
        """Begin to look whether the broker is there and, if `topics`, whether its topics are. One at a time."""
        if not self._checking.busy:
            self._checking.start(lambda: self._check(topics))

    def checked(self) -> tuple[bool, BaseException | None]:
        """Whether a check has ended since the last call, and what it found wrong with the broker."""
        running = self._checking.busy
        try:
            self._checking.poll()
        except BusError as error:
            return True, error
        return running and not self._checking.busy, None

    def give_up(self) -> None:
        """Let go of the producer; another is opened after a pause. Ending it may take a while: nobody waits."""
        producer, self.producer = self.producer, None
        self._retry_at_s = time.monotonic() + self._settings.retry_s
        if producer is not None:
            threading.Thread(target=_abandon, args=(producer,), name="kafka-abandon", daemon=True).start()

    def close(self) -> None:
        """End the producer, and one that is still being opened."""
        with self._lock:
            self._closed = True
            producer = self._opened
        if producer is not None and not producer.abandon(1.0):
            log.error("kafka_client_thread_left")

    def _open(self) -> Producer:
        """Runs beside: with a broker that hangs it takes seconds."""
        producer = open_producer(self._settings)
        self._check_topics()
        with self._lock:
            self._opened = producer
            closed = self._closed
        if closed:
            producer.abandon(1.0)
        self._wake()
        return producer

    def _check(self, topics: bool) -> None:
        """Runs beside. A broker that came back empty has no topics. Raises BusError when it cannot be reached."""
        check_reachable(self._settings)
        if topics:
            self._check_topics()

    def _check_topics(self) -> None:
        try:
            refused = check_topics(self._settings, PUBLISHED, "WRITE")
        except (BusError, KafkaError, OSError) as error:
            self._topics_log.note(describe(error))
            return
        self._topics_log.clear()
        for topic, reason in refused.items():
            self._health.refuse_topic(topic, reason)
        for topic in self._refused - refused.keys():
            self._health.take_topic(topic)
        self._refused = frozenset(refused)


def _abandon(producer: Producer) -> None:
    if not producer.abandon(30.0):
        log.error("kafka_client_thread_left")
