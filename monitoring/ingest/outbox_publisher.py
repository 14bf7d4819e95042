"""Sends what the outbox holds to Kafka, in order, and takes it out when the broker has it. Runs in its own thread.

A crash between the two has a message sent again; an event's id is the same then. A topic that the broker refuses waits
alone: the others are sent on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from kafka.errors import AuthorizationError, InvalidTopicError, KafkaError, KafkaTimeoutError
from prometheus_client import Gauge
from sqlalchemy import delete, func, select
from sqlalchemy.engine import RowMapping

from monitoring.ingest.inbox import SOURCE_HEADER
from monitoring.store.tables import outbox
from workers.bus.message_bus import DRIFT, EVENTS
from workers.database.database import Database
from workers.errors import BusError, DatabaseError
from workers.kafka.client import describe, open_producer
from workers.kafka.kafka_python import Producer
from workers.kafka.permissions import THROTTLED, topic_denied
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import check_topics, kafka_name
from workers.logs import StateLog

log = structlog.get_logger(__name__)

TOPICS = (EVENTS, DRIFT)
CLOSE_S = 2.0  # how long the newest events get, at the end, to reach a broker that is there
_BATCH = 500
_LOOK_S = 1.0
_SLOW_S = 10.0
_POLL_S = 0.01
_REFUSED_S = 10.0

_WAITING = Gauge(
    "livesight_outbox_messages", "Events and reports that are stored and that the broker has not confirmed."
)


class OutboxPublisher:
    """A BackgroundService. Does nothing while this process's monitor stands by."""

    def __init__(self, database: Database, kafka: KafkaSettings, active: Callable[[], bool]) -> None:
        self._database = database
        self._kafka = kafka
        self._active = active
        self._producer: Producer | None = None
        self._topics_checked = False
        self._refused: dict[str, tuple[float, str]] = {}  # topic → when it is tried again, why it waits
        self._refused_log = StateLog(log, "events_not_published")
        self._problem: str | None = None
        self._problem_log = StateLog(log, "events_not_published")
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._close_at_s = float("inf")
        self._thread = threading.Thread(target=self._run, name="monitor-publish", daemon=True)

    def start(self) -> None:
        """See BackgroundService."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to send. Any thread."""
        self._awake.set()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        problem, refused = self._problem, dict(self._refused)
        found = [] if problem is None else [f"events are stored, but not published: {problem}"]
        return found + [
            f"kafka: topic {kafka_name(topic, self._kafka.topics)} is unavailable: {why}"
            for topic, (_, why) in refused.items()
        ]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. The newest events get `CLOSE_S` to be sent; others are sent after the next start."""
        self._close_at_s = min(self._close_at_s, time.monotonic() + min(CLOSE_S, timeout_s))
        self._closing.set()
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s + 1.0)
            if self._thread.is_alive():
                log.error("monitor_publisher_left")

    def _run(self) -> None:
        was_active = False
        while True:
            if not self._closing.is_set():
                self._awake.wait(_LOOK_S)
            self._awake.clear()
            closing = self._closing.is_set()
            was_active = self._active() or (was_active and closing)  # the monitor has ended before
            if not closing or self._problem is None:
                self._send_all(was_active)
            if closing:
                break
        self._give_up()

    def _send_all(self, active: bool) -> None:
        """Until there is nothing more to send now."""
        try:
            while active and time.monotonic() < self._close_at_s and self._send_some():
                continue
        except (BusError, DatabaseError) as error:
            self._failed(str(error))
        except (KafkaError, OSError, RuntimeError) as error:
            self._failed(describe(error))
        except Exception as error:
            log.exception("monitor_publisher_failed")
            self._failed(describe(error))

    def _send_some(self) -> bool:
        """Send a batch and take what the broker has out of the outbox; whether there is more at once."""
        waiting, rows = self._rows()
        _WAITING.set(waiting)
        if not rows:
            return False
        producer = self._opened()
        confirmed, failure = self._confirmed([(row, self._send(producer, row)) for row in rows])
        if confirmed:
            with self._database.write() as connection:
                connection.execute(delete(outbox).where(outbox.c.seq.in_([row["seq"] for row in confirmed])))
        _WAITING.set(waiting - len(confirmed))
        if failure is not None:
            raise failure
        self._problem = None
        self._problem_log.clear()
        for topic in {row["topic"] for row in confirmed} & self._refused.keys():
            self._available(topic)
        return len(rows) == _BATCH

    def _rows(self) -> tuple[int, Sequence[RowMapping]]:
        """How many messages wait, and the oldest of those whose topics are not refused."""
        now_s = time.monotonic()
        refused = [topic for topic, (again_s, _) in self._refused.items() if again_s > now_s]
        with self._database.read() as connection:
            wanted = select(outbox).where(outbox.c.topic.not_in(refused)).order_by(outbox.c.seq).limit(_BATCH)
            rows = connection.execute(wanted).mappings().all()
            if len(rows) < _BATCH and not refused:
                return len(rows), rows
            return connection.scalar(select(func.count()).select_from(outbox)) or 0, rows

    def _send(self, producer: Producer, row: RowMapping) -> Any:
        """The client's future, or why it takes the message not at all."""
        if self._is_refused(row["topic"]):
            return None
        headers = [("schema", row["schema"].encode()), ("content-type", b"application/json"), SOURCE_HEADER]
        topic = kafka_name(row["topic"], self._kafka.topics)
        try:
            return producer.send(topic, key=row["key"].encode(), value=row["body"].encode(), headers=headers)
        except (AuthorizationError, InvalidTopicError) as error:
            self._refuse(row["topic"], error)
        except KafkaTimeoutError as error:  # the client does not learn the topic's partitions
            if producer.throttled_s:
                raise BusError(THROTTLED) from error
            self._topics_checked = False
            self._wait(row["topic"], f"its partitions are unknown ({describe(error)})", self._kafka.retry_s)
        return None

    def _confirmed(self, sent: Sequence[tuple[RowMapping, Any]]) -> tuple[list[RowMapping], BaseException | None]:
        """What the broker has, and what went wrong. Ends at `close`'s deadline; the rest is sent later."""
        confirmed: list[RowMapping] = []
        silent_s = time.monotonic() + _SLOW_S
        for row, future in sent:
            if future is None:
                continue
            while not future.is_done:
                throttled_s = self._producer.throttled_s if self._producer is not None else 0.0
                silent_s = max(silent_s, time.monotonic() + throttled_s) if throttled_s else silent_s
                if time.monotonic() > self._close_at_s:
                    return confirmed, None
                if time.monotonic() > silent_s:
                    return confirmed, BusError(f"no answer for {_SLOW_S:.0f} s")
                time.sleep(_POLL_S)
            error = future.exception
            if error is None:
                confirmed.append(row)
            elif isinstance(error, AuthorizationError | InvalidTopicError):
                self._refuse(row["topic"], error)
            else:
                return confirmed, error
        return confirmed, None

    def _is_refused(self, topic: str) -> bool:
        return topic in self._refused and self._refused[topic][0] > time.monotonic()

    def _refuse(self, topic: str, error: BaseException) -> None:
        """A topic waits; the others go on."""
        denied = isinstance(error, AuthorizationError)
        reason = topic_denied(kafka_name(topic, self._kafka.topics), "WRITE") if denied else describe(error)
        self._wait(topic, reason, _REFUSED_S)

    def _wait(self, topic: str, reason: str, pause_s: float) -> None:
        self._refused = {**self._refused, topic: (time.monotonic() + pause_s, reason)}
        self._refused_log.note(reason, topic, topic=topic)

    def _available(self, topic: str) -> None:
        self._refused = {name: entry for name, entry in self._refused.items() if name != topic}
        if self._refused_log.clear(topic):
            log.info("events_published", topic=topic)

    def _opened(self) -> Producer:
        if self._producer is None:
            self._producer = open_producer(self._kafka)
        if not self._topics_checked:
            refused = check_topics(self._kafka, TOPICS, "WRITE")
            for topic, reason in refused.items():
                self._wait(topic, reason, _REFUSED_S)
            for topic in self._refused.keys() - refused.keys():
                self._available(topic)
            self._topics_checked = True
        return self._producer

    def _failed(self, reason: str) -> None:
        self._problem_log.note(reason)
        self._problem = reason
        self._topics_checked = False  # a broker that came back empty has none
        self._give_up()
        self._closing.wait(self._kafka.retry_s)

    def _give_up(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None and not producer.abandon(1.0):
            log.error("kafka_client_thread_left")
