"""The bus on Kafka, and in process beside it. Publishing: any thread; delivery runs in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
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

from workers.bus.bus import LocalBus, Message, Subscriber
from workers.bus.metrics import PUBLISH_FAILURES, Reason, give_up
from workers.errors import BusError
from workers.kafka.background_call import BackgroundCall
from workers.kafka.client import choose_compression, describe, open_admin, open_producer, probe, tls_context
from workers.kafka.kafka_python import Producer
from workers.kafka.outbox import Outbox
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import ensure_topics, kafka_name
from workers.spool.spool import NAME, Spool

SILENCE_S = 3.0  # unconfirmed for longer: readiness says so, and the topics are looked at
QUIET_S = 10.0  # nothing confirmed for longer: asked whether the broker is still there
TICK_S = 0.25
REFUSED_SHOWN_S = 60.0
OVERHEAD_BYTES = 100  # what a record has beside key, headers and value
REFUSED_MESSAGE = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError, TypeError, ValueError)
REFUSED_TOPIC = (AuthorizationError, InvalidTopicError, UnknownTopicOrPartitionError)

log = structlog.get_logger(__name__)


class KafkaBus:
    """Publishes at least once and in order per stream; while the broker is away, to a bounded spool on disk.

    Its thread owns the producer. Whatever goes wrong, the way back is one: give the producer up, have what it has not
    confirmed sent again first, open a new one. `Outbox` knows what is where; answers of a producer that was given up
    are recognised by their generation.
    """

    def __init__(self, settings: KafkaSettings, local: LocalBus, state_dir: Path | None = None) -> None:
        """Starts the thread; no broker need be there. Raises BusError for settings that can never work.

        Without `state_dir` or `spool.dir`, or with the spool disabled, what waits is in memory only.
        """
        choose_compression(settings.compression)
        if settings.security_protocol.endswith("SSL"):
            tls_context(settings)
        self._settings = settings
        self._local = local
        folder = settings.spool.dir or (state_dir / "spool" if state_dir is not None else None)

        def make_spool(given_up: Callable[[str, Reason, int], None]) -> Spool | None:
            wanted = settings.spool.enabled and folder is not None
            return Spool(settings.spool, folder, given_up) if wanted and folder is not None else None

        self._outbox = Outbox(settings, make_spool)
        self._changed = self._outbox.changed
        self._generation = 0
        self._producer: Producer | None = None
        self._failure: BaseException | None = None
        self._down: tuple[datetime, str] | None = None
        self._retry_at_s = 0.0
        self._heard_at_s = 0.0
        self._opening: BackgroundCall[tuple[Producer, dict[str, str]]] = BackgroundCall("kafka-connect")
        self._checking: BackgroundCall[tuple[str | None, dict[str, str]]] = BackgroundCall("kafka-check")
        self._over = False
        self._blocked: dict[str, tuple[float, str]] = {}
        self._refused: tuple[float, str] | None = None
        self._close_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-bus", daemon=True)
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Call the in-process subscribers, then leave the message for the thread. Never blocks, never raises."""
        self._local.publish(message)
        too_large = self._too_large(message)
        if too_large is not None:
            give_up(message.topic, "refused")
            self._say_refused(message, too_large)
            return
        with self._changed:
            if self._close_at_s is None:
                self._outbox.add(message)
                return
        give_up(message.topic, "closed")

    def subscribe(self, callback: Subscriber, topics: Collection[str]) -> Callable[[], None]:
        """In process; see Bus."""
        return self._local.subscribe(callback, topics)

    def flush(self, timeout_s: float) -> bool:
        """Wait until the broker has confirmed all; False when the time was too short."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._outbox.unconfirmed, timeout_s)

    def problems(self) -> list[str]:
        """Whether the broker is away, since when and why; what it refuses; what the disk refuses."""
        spool = self._outbox.spool
        with self._changed:
            down, blocked, refused = self._down, dict(self._blocked), self._refused
            waiting = self._outbox.unconfirmed
        servers = ",".join(self._settings.bootstrap_servers)
        found = [f"kafka: topic {topic} not to be had: {reason}" for topic, (_, reason) in blocked.items()]
        if down is not None:
            since, reason = down
            text = f"kafka: {servers} unreachable since {since.isoformat(timespec='seconds')} ({reason})"
            found.insert(0, f"{text}; {waiting} messages wait" if waiting else text)
        if refused is not None and time.monotonic() - refused[0] < REFUSED_SHOWN_S:
            found.append(refused[1])
        if spool is not None and spool.problem is not None:
            found.append(f"kafka: messages cannot be kept on disk, {spool.problem}; they wait in memory only")
        return found

    def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered within `timeout_s`, keep the rest on disk, end the thread. Idempotent."""
        with self._changed:
            if self._close_at_s is None:
                self._close_at_s = time.monotonic() + timeout_s
            self._outbox.wake()
        self._thread.join(timeout_s + 2 * TICK_S + self._settings.connect_timeout_s)
        if self._thread.is_alive():
            log.error("kafka_bus_thread_left", timeout_s=timeout_s)
        self._local.close(timeout_s)

    def __enter__(self) -> KafkaBus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(5.0)

    def _too_large(self, message: Message) -> str | None:
        """Why a message can never be sent, or None."""
        size = len(message.value) + len(message.key) + sum(len(n) + len(v) for n, v in message.headers) + OVERHEAD_BYTES
        if size > self._settings.message_bytes + OVERHEAD_BYTES:
            return f"{size} bytes are more than kafka.message_bytes ({self._settings.message_bytes})"
        return None if NAME.fullmatch(message.topic) else f"{message.topic!r} is no name for a topic"

    def _run(self) -> None:
        while not self._finished():
            busy = False
            try:
                busy = self._step()
            except Exception as error:
                log.exception("kafka_bus_failed")
                self._reset(error)
            with self._changed:
                if not busy and self._changed.wait_for(lambda: self._outbox.awake, TICK_S):
                    # gathered here: the client wakes for each message
                    self._changed.wait_for(lambda: self._close_at_s is not None, self._settings.linger_ms / 1000)
                self._outbox.awake = False
        with self._changed:
            self._generation += 1
            self._over = True
        if self._producer is not None and not self._producer.abandon(1.0):
            log.error("kafka_client_thread_left")
        kept, lost = self._outbox.finish()
        if kept or lost:
            log.warning("kafka_bus_closed_undelivered", kept_on_disk=kept, given_up=lost)
        with self._changed:
            self._changed.notify_all()

    def _finished(self) -> bool:
        with self._changed:
            closing_s = self._close_at_s
            if closing_s is None:
                return False
            return not self._outbox.unconfirmed or time.monotonic() >= closing_s

    def _step(self) -> bool:
        """One turn; whether there is more to do at once."""
        self._outbox.recover()
        self._outbox.tick()
        failure = self._trouble()
        if failure is not None:
            self._reset(failure)
        if self._producer is None:
            self._connect()
        self._outbox.keep(self._sendable)
        self._outbox.insure(max(1.0, self._settings.spool.fsync_s))
        return self._producer is not None and self._send_some(self._producer)

    def _sendable(self, topic: str) -> bool:
        return self._producer is not None and topic not in self._blocked

    def _trouble(self) -> BaseException | None:
        """Why the producer must go, or None."""
        with self._changed:
            failure = self._failure
            waiting_s = self._outbox.waiting_s()
            quiet_s = time.monotonic() - self._heard_at_s
            expired = any(until_s <= time.monotonic() for until_s, _ in self._blocked.values())
        if failure is not None or self._producer is None:
            return failure
        if waiting_s > self._settings.request_timeout_s + SILENCE_S:
            return BusError(f"no answer for {waiting_s:.0f} s")
        if waiting_s > SILENCE_S:
            self._mark_down(f"no answer for {waiting_s:.0f} s")
        if not self._checking.busy and (expired or quiet_s > (1.0 if waiting_s > 1.0 else QUIET_S)):
            self._checking.start(lambda: self._check(expired or waiting_s > SILENCE_S))
        return self._checked()

    def _check(self, topics: bool) -> tuple[str | None, dict[str, str]]:
        """Whether the broker is there, and its topics: one that came back empty has none. Runs beside."""
        reason = probe(self._settings)
        return reason, self._ensure_topics() if topics and reason is None else {}

    def _checked(self) -> BaseException | None:
        """What came of the last check."""
        found = self._checking.poll()
        if found is None:
            return None
        reason, refused = found
        with self._changed:
            self._heard_at_s = time.monotonic()
            self._blocked = {topic: entry for topic, entry in self._blocked.items() if entry[0] > time.monotonic()}
        for topic, why in refused.items():
            self._block(topic, why)
        return None if reason is None else BusError(reason)

    def _connect(self) -> None:
        """Begin to connect, when it is time, or see what came of it."""
        if not self._opening.busy and time.monotonic() >= self._retry_at_s:
            self._opening.start(self._open)
        try:
            opened = self._opening.poll()
        except BusError as error:
            PUBLISH_FAILURES.inc()
            self._mark_down(str(error))
            self._retry_at_s = time.monotonic() + self._settings.retry_s
            return
        if opened is None:
            return
        producer, refused = opened
        for topic, reason in refused.items():
            self._block(topic, reason)
        with self._changed:
            self._producer = producer
            self._heard_at_s = time.monotonic()
            if not self._outbox.unconfirmed:
                self._mark_up()
        log.info("kafka_connected", servers=self._settings.bootstrap_servers)

    def _open(self) -> tuple[Producer, dict[str, str]]:
        """Runs beside: with a broker that hangs it takes seconds, in which the spool must go on."""
        producer = open_producer(self._settings)
        refused = self._ensure_topics()
        with self._changed:
            over = self._over
            self._outbox.wake()
        if over:
            producer.abandon(1.0)
        return producer, refused

    def _ensure_topics(self) -> dict[str, str]:
        """Create what is missing; why some cannot be, by topic. Runs beside."""
        try:
            admin = open_admin(self._settings)
            try:
                return ensure_topics(admin, self._settings)
            finally:
                admin.close()
        except (BusError, KafkaError, OSError) as error:
            log.warning("kafka_topics_not_checked", reason=describe(error))
            return {}

    def _send_some(self, producer: Producer) -> bool:
        drawn = self._outbox.draw(self._blocked)
        for sequence, message in drawn:
            if message.topic not in self._blocked:
                self._send(producer, sequence, message)
        with self._changed:
            unsent = [number for number, message in drawn if message.topic in self._blocked]
        self._outbox.give_back(unsent)
        return len(drawn) > len(unsent)

    def _send(self, producer: Producer, sequence: int, message: Message) -> None:
        age_s = time.monotonic() - message.stamp_s
        try:
            future = producer.send(
                kafka_name(message.topic, self._settings.topics),
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
            self._outbox.confirm(sequence)
            self._heard_at_s = time.monotonic()
            if self._outbox.waiting_s() < SILENCE_S:
                self._mark_up()
            if not self._outbox.unconfirmed:
                self._changed.notify_all()

    def _on_failure(self, generation: int, sequence: int, error: BaseException) -> None:
        """Runs on the client's thread or ours. A refused message is given up, a refused topic waits.

        Anything else costs the producer.
        """
        with self._changed:
            message = self._outbox.of(sequence)
            if generation != self._generation or message is None:
                return
            if isinstance(error, REFUSED_MESSAGE):
                self._outbox.refuse(sequence)
            elif self._failure is None:
                self._failure = error
            self._outbox.wake()
        if isinstance(error, REFUSED_MESSAGE):
            self._say_refused(message, describe(error))
        elif isinstance(error, REFUSED_TOPIC):
            self._block(message.topic, describe(error))

    def _say_refused(self, message: Message, reason: str) -> None:
        PUBLISH_FAILURES.inc()
        text = f"kafka: a message of {message.key} for {message.topic} was given up: {reason}"
        with self._changed:
            self._refused = (time.monotonic(), text)
        log.error("kafka_message_refused", topic=message.topic, key=message.key, reason=reason)

    def _block(self, topic: str, reason: str) -> None:
        PUBLISH_FAILURES.inc()
        with self._changed:
            self._blocked[topic] = (time.monotonic() + 5 * self._settings.retry_s, reason)
        log.warning("kafka_topic_blocked", topic=topic, reason=reason)

    def _reset(self, error: BaseException) -> None:
        """Give the producer up; what it has not confirmed goes first to the next one."""
        PUBLISH_FAILURES.inc()
        if not isinstance(error, REFUSED_TOPIC):
            self._mark_down(str(error) if isinstance(error, BusError) else describe(error))
        with self._changed:
            producer, self._producer = self._producer, None
            self._generation += 1
            self._failure = None
            self._outbox.give_back()
            self._retry_at_s = time.monotonic() + self._settings.retry_s
        if producer is not None:
            threading.Thread(target=_give_up, args=(producer,), name="kafka-abandon", daemon=True).start()

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


def _give_up(producer: Producer) -> None:
    """Ending a producer whose broker hangs takes a while; nobody waits for it."""
    if not producer.abandon(30.0):
        log.error("kafka_client_thread_left")
