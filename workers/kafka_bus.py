"""The bus on Kafka, and in process beside it. Publishing: any thread; delivery runs in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from types import TracebackType

import structlog
from kafka.errors import (
    AuthorizationError,
    InvalidRecordError,
    InvalidTopicError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)
from prometheus_client import Counter, Gauge

from workers.backlog import Backlog
from workers.bus import LocalBus, Message, Subscriber
from workers.errors import BusError
from workers.kafka_client import Producer, choose_compression, describe, open_producer, probe
from workers.settings import KafkaSettings

PUBLISH_FAILURES = Counter("livesight_bus_publish_failures", "Attempts to reach the broker, or to send, that failed.")
DROPPED = Counter("livesight_bus_dropped_messages", "Messages that never reach the broker: no room, or refused.")
BUFFERED = Gauge("livesight_bus_buffered_messages", "Messages waiting for the broker or for its confirmation.")

IN_FLIGHT_BYTES = 8 * 2**20
SILENCE_S = 3.0  # unconfirmed for longer: readiness says so
QUIET_S = 10.0  # nothing confirmed for longer: asked whether the broker is still there
TICK_S = 0.25
REFUSED_MESSAGE = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError, TypeError, ValueError)
REFUSED_TOPIC = (AuthorizationError, InvalidTopicError, UnknownTopicOrPartitionError)

log = structlog.get_logger(__name__)


class KafkaBus:
    """Publishes at least once and in order per stream; while the broker is away, to a bounded buffer in memory.

    Its thread owns the producer. Whatever goes wrong, the way back is one: give the producer up, put what it has not
    confirmed back to the front in its order, open a new one. `_in_flight` holds the unconfirmed by sequence number;
    answers of a producer that was given up are recognised by their generation.
    """

    def __init__(self, settings: KafkaSettings, local: LocalBus) -> None:
        """Starts the thread; no broker need be there. Raises BusError for settings that can never work."""
        choose_compression(settings.compression)
        self._settings = settings
        self._local = local
        self._changed = threading.Condition()
        self._backlog = Backlog(settings.buffer_messages, settings.buffer_bytes)
        self._in_flight: dict[int, tuple[Message, float]] = {}
        self._sequence = 0
        self._generation = 0
        self._producer: Producer | None = None
        self._failure: BaseException | None = None
        self._down: tuple[datetime, str] | None = None
        self._retry_at_s = 0.0
        self._heard_at_s = 0.0
        self._blocked: dict[str, tuple[float, str]] = {}
        self._dropping = False
        self._close_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-bus", daemon=True)
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Call the in-process subscribers, then leave the message for the thread. Never blocks, never raises."""
        self._local.publish(message)
        with self._changed:
            first = not len(self._backlog)
            dropped = 1 if self._close_at_s is not None else self._backlog.append(message)
            self._count()
            if first:
                self._changed.notify_all()
        if dropped:
            self._report_drop(dropped)

    def subscribe(self, callback: Subscriber, topics: Collection[str]) -> Callable[[], None]:
        """In process; see Bus."""
        return self._local.subscribe(callback, topics)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the broker has confirmed all; False when the time was too short."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unconfirmed, timeout_s)

    def problems(self) -> list[str]:
        """Whether the broker is away, since when and why; which topics it refuses."""
        with self._changed:
            down = self._down
            blocked = dict(self._blocked)
        servers = ",".join(self._settings.bootstrap_servers)
        found = [f"kafka: topic {topic} not to be had: {reason}" for topic, (_, reason) in blocked.items()]
        if down is not None:
            since, reason = down
            found.insert(0, f"kafka: {servers} unreachable since {since.isoformat(timespec='seconds')} ({reason})")
        return found

    def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered within `timeout_s`, then end the thread and the producer. Idempotent."""
        with self._changed:
            if self._close_at_s is None:
                self._close_at_s = time.monotonic() + timeout_s
            self._changed.notify_all()
        self._thread.join(timeout_s + 2 * TICK_S + self._settings.connect_timeout_s)
        if self._thread.is_alive():
            log.error("kafka_bus_thread_left", timeout_s=timeout_s)
        self._local.close(timeout_s)

    def __enter__(self) -> KafkaBus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(5.0)

    @property
    def _unconfirmed(self) -> int:
        return len(self._backlog) + len(self._in_flight)

    def _waiting_s(self) -> float:
        """How long the oldest unconfirmed message has been with the client."""
        return time.monotonic() - next(iter(self._in_flight.values()))[1] if self._in_flight else 0.0

    def _count(self) -> None:
        BUFFERED.set(self._unconfirmed)

    def _run(self) -> None:
        while not self._finished():
            try:
                self._step()
            except Exception as error:
                log.exception("kafka_bus_failed")
                self._reset(error)
            with self._changed:
                if self._changed.wait_for(self._has_work, TICK_S):  # gathered here: the client wakes for each message
                    self._changed.wait_for(lambda: self._close_at_s is not None, self._settings.linger_ms / 1000)
        if self._producer is not None and not self._producer.abandon(1.0):
            log.error("kafka_client_thread_left")
        with self._changed:
            self._generation += 1
            undelivered = self._unconfirmed
            self._backlog.take(undelivered, 2**62)
            self._in_flight.clear()
            self._count()
            self._changed.notify_all()
        if undelivered:
            DROPPED.inc(undelivered)
            log.warning("kafka_bus_closed_undelivered", messages=undelivered)

    def _finished(self) -> bool:
        with self._changed:
            closing_s = self._close_at_s
            return closing_s is not None and (not self._unconfirmed or time.monotonic() >= closing_s)

    def _has_work(self) -> bool:
        """Called with the lock held."""
        if self._failure is not None or (self._close_at_s is not None and not self._unconfirmed):
            return True
        room = len(self._in_flight) < self._settings.in_flight_messages
        return self._producer is not None and room and any(t not in self._blocked for t in self._backlog.topics())

    def _step(self) -> None:
        failure = self._trouble()
        if failure is not None:
            self._reset(failure)
        if self._producer is None and time.monotonic() >= self._retry_at_s:
            self._connect()
        if self._producer is not None:
            self._send_some(self._producer)

    def _trouble(self) -> BaseException | None:
        """Why the producer must go, or None."""
        with self._changed:
            failure = self._failure
            self._blocked = {topic: entry for topic, entry in self._blocked.items() if entry[0] > time.monotonic()}
            waiting_s = self._waiting_s()
            quiet_s = time.monotonic() - self._heard_at_s
        if failure is not None or self._producer is None:
            return failure
        if waiting_s > self._settings.request_timeout_s + SILENCE_S:
            return BusError(f"no answer for {waiting_s:.0f} s")
        if waiting_s > SILENCE_S:
            self._mark_down(f"no answer for {waiting_s:.0f} s")
        if quiet_s > (1.0 if waiting_s > 1.0 else QUIET_S):
            reason = probe(self._settings)
            self._heard_at_s = time.monotonic()
            return None if reason is None else BusError(reason)
        return None

    def _connect(self) -> None:
        try:
            producer = open_producer(self._settings)
        except BusError as error:
            PUBLISH_FAILURES.inc()
            self._mark_down(str(error))
            self._retry_at_s = time.monotonic() + self._settings.retry_s
            return
        with self._changed:
            self._producer = producer
            self._heard_at_s = time.monotonic()
            if not self._unconfirmed:
                self._mark_up()
        log.info("kafka_connected", servers=self._settings.bootstrap_servers)

    def _send_some(self, producer: Producer) -> None:
        with self._changed:
            room = self._settings.in_flight_messages - len(self._in_flight)
            messages = self._backlog.take(room, IN_FLIGHT_BYTES, self._blocked) if room > 0 else []
            for message in messages:
                self._sequence += 1
                self._in_flight[self._sequence] = (message, time.monotonic())
            first = self._sequence - len(messages) + 1
        for sequence, message in enumerate(messages, first):
            if message.topic not in self._blocked:
                self._send(producer, sequence, message)
        with self._changed:
            unsent = [number for number in range(first, first + len(messages)) if self._is_blocked(number)]
            self._give_back(unsent)

    def _send(self, producer: Producer, sequence: int, message: Message) -> None:
        age_s = time.monotonic() - message.stamp_s
        try:
            future = producer.send(
                message.topic,
                value=message.value,
                key=message.key.encode(),
                headers=list(message.headers),
                timestamp_ms=int((time.time() - age_s) * 1000),
            )
        except KafkaTimeoutError as error:  # the topic's partitions are not to be had
            self._block(message.topic, describe(error))
        except (KafkaError, TypeError, ValueError) as error:
            self._on_failure(self._generation, sequence, error)
        else:
            future.add_callback(self._on_confirmed, self._generation, sequence)
            future.add_errback(self._on_failure, self._generation, sequence)

    def _on_confirmed(self, generation: int, sequence: int, _: object) -> None:
        """Runs on the client's thread."""
        with self._changed:
            if generation != self._generation:
                return
            self._in_flight.pop(sequence, None)
            self._heard_at_s = time.monotonic()
            self._count()
            if self._waiting_s() < SILENCE_S:
                self._mark_up()
            self._changed.notify_all()

    def _on_failure(self, generation: int, sequence: int, error: BaseException) -> None:
        """Runs on the client's thread or ours. A refused message is dropped; anything else costs the producer."""
        with self._changed:
            if generation != self._generation or sequence not in self._in_flight:
                return
            message = self._in_flight[sequence][0]
            if isinstance(error, REFUSED_MESSAGE):
                del self._in_flight[sequence]
                self._count()
            elif self._failure is None:
                self._failure = error
            self._changed.notify_all()
        if isinstance(error, REFUSED_MESSAGE):
            DROPPED.inc()
            log.error("kafka_message_refused", topic=message.topic, key=message.key, reason=describe(error))
        elif isinstance(error, REFUSED_TOPIC):
            self._block(message.topic, describe(error))

    def _block(self, topic: str, reason: str) -> None:
        PUBLISH_FAILURES.inc()
        with self._changed:
            self._blocked[topic] = (time.monotonic() + 5 * self._settings.retry_s, reason)
        log.warning("kafka_topic_blocked", topic=topic, reason=reason)

    def _is_blocked(self, sequence: int) -> bool:
        entry = self._in_flight.get(sequence)
        return entry is not None and entry[0].topic in self._blocked

    def _give_back(self, sequences: Collection[int]) -> None:
        """Called with the lock held."""
        dropped = self._backlog.give_back([self._in_flight.pop(sequence)[0] for sequence in sequences])
        self._count()
        if dropped:
            DROPPED.inc(dropped)

    def _reset(self, error: BaseException) -> None:
        """Give the producer up; what it has not confirmed goes first to the next one."""
        PUBLISH_FAILURES.inc()
        self._mark_down(str(error) if isinstance(error, BusError) else describe(error))
        with self._changed:
            producer, self._producer = self._producer, None
            self._generation += 1
            self._failure = None
            self._give_back(list(self._in_flight))
            self._retry_at_s = time.monotonic() + self._settings.retry_s
        if producer is not None and not producer.abandon(self._settings.connect_timeout_s):
            log.error("kafka_client_thread_left")

    def _mark_down(self, reason: str) -> None:
        with self._changed:
            first = self._down is None
            self._down = (datetime.now(UTC) if self._down is None else self._down[0], reason)
        if first:
            log.warning("kafka_unreachable", servers=self._settings.bootstrap_servers, reason=reason)

    def _mark_up(self) -> None:
        """Called with the lock held."""
        if self._down is not None:
            log.info("kafka_back", away_since=self._down[0].isoformat(timespec="seconds"))
        self._down = None
        self._dropping = False

    def _report_drop(self, messages: int) -> None:
        DROPPED.inc(messages)
        with self._changed:
            first, self._dropping = not self._dropping, True
        if first:
            log.warning("kafka_buffer_full", oldest_dropped=True, max_messages=self._settings.buffer_messages)
