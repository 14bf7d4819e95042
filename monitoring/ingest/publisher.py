"""Sends what the outbox holds to Kafka, in order, and takes it out when the broker has it. Runs in its own thread.

A crash between the two has a message sent again; an event's id is the same then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kafka.errors import KafkaError
from prometheus_client import Gauge
from sqlalchemy import delete, func, select

from monitoring.core.errors import MonitoringError
from monitoring.ingest.inbox import SOURCE_HEADER
from monitoring.store.database import Database
from monitoring.store.tables import outbox
from workers.errors import BusError
from workers.kafka.client import describe, open_admin, open_producer
from workers.kafka.kafka_python import Producer
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import ensure_topics, kafka_name

log = structlog.get_logger(__name__)

_BATCH = 500
_LOOK_S = 1.0
_SLOW_S = 10.0
_POLL_S = 0.01

_WAITING = Gauge(
    "livesight_outbox_messages", "Events and reports that are stored and that the broker has not confirmed."
)


class Publisher:
    """A BackgroundService. Does nothing while this process's monitor stands by."""

    def __init__(self, database: Database, kafka: KafkaSettings, active: Callable[[], bool]) -> None:
        self._database = database
        self._kafka = kafka
        self._active = active
        self._producer: Producer | None = None
        self._topics_checked = False
        self._problem: str | None = None
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-publish", daemon=True)

    def start(self) -> None:
        """See BackgroundService."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to send. Any thread."""
        self._awake.set()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        problem = self._problem
        return [] if problem is None else [f"events are stored, but not published: {problem}"]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. What is not sent is sent after the next start."""
        self._closing.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.error("monitor_publisher_left")

    def _run(self) -> None:
        while not self._closing.is_set():
            self._awake.wait(_LOOK_S)
            self._awake.clear()
            try:
                while self._active() and not self._closing.is_set() and self._send_some():
                    continue
            except (BusError, MonitoringError) as error:
                self._failed(str(error))
            except (KafkaError, OSError, RuntimeError) as error:
                self._failed(describe(error))
            except Exception as error:
                log.exception("monitor_publisher_failed")
                self._failed(describe(error))
        self._give_up()

    def _send_some(self) -> bool:
        """Whether there is more at once."""
        with self._database.read() as connection:
            rows = connection.execute(select(outbox).order_by(outbox.c.seq).limit(_BATCH)).mappings().all()
            waiting = len(rows) if len(rows) < _BATCH else connection.scalar(select(func.count()).select_from(outbox))
        _WAITING.set(waiting or 0)
        if not rows:
            return False
        producer = self._opened()
        sent = []
        for row in rows:
            headers = [("schema", row["schema"].encode()), ("content-type", b"application/json"), SOURCE_HEADER]
            topic = kafka_name(row["topic"], self._kafka.topics)
            sent.append(producer.send(topic, key=row["key"].encode(), value=row["body"].encode(), headers=headers))
        if not self._confirmed(sent):
            return False
        with self._database.write() as connection:
            connection.execute(delete(outbox).where(outbox.c.seq.in_([row["seq"] for row in rows])))
        _WAITING.set((waiting or 0) - len(rows))
        self._problem = None
        return len(rows) == _BATCH

    def _confirmed(self, sent: Sequence[Any]) -> bool:
        """Whether the broker has them all; False when it is time to end first. Raises what it refuses, BusError."""
        deadline_s = time.monotonic() + _SLOW_S
        for future in sent:
            while not future.is_done:
                if time.monotonic() > deadline_s:
                    raise BusError(f"no answer for {_SLOW_S:.0f} s")
                if self._closing.wait(_POLL_S):
                    return False
            future.get(timeout=0)
        return True

    def _opened(self) -> Producer:
        if self._producer is None:
            if not self._topics_checked:
                self._ensure_topics()
            self._producer = open_producer(self._kafka)
        return self._producer

    def _ensure_topics(self) -> None:
        admin = open_admin(self._kafka)
        try:
            refused = ensure_topics(admin, self._kafka)
        finally:
            admin.close()
        for topic, reason in refused.items():
            raise BusError(f"topic {topic}: {reason}")
        self._topics_checked = True

    def _failed(self, reason: str) -> None:
        if self._problem != reason:
            log.warning("events_not_published", reason=reason)
        self._problem = reason
        self._topics_checked = False  # a broker that came back empty has none
        self._give_up()
        self._closing.wait(self._kafka.retry_s)

    def _give_up(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None and not producer.abandon(1.0):
            log.error("kafka_client_thread_left")
