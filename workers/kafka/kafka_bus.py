"""The bus on Kafka, and in process beside it. Publishing: any thread; delivery runs in its own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from types import TracebackType

import structlog

from workers.bus.message_bus import LocalBus, Message, Subscriber
from workers.errors import BusError
from workers.kafka.broker_connection import BrokerConnection
from workers.kafka.broker_probe import tls_context
from workers.kafka.client import choose_compression, describe
from workers.kafka.delivery_health import SILENCE_S, DeliveryHealth
from workers.kafka.outbox import Outbox
from workers.kafka.sender import Sender
from workers.kafka.settings import KafkaSettings
from workers.metrics import PUBLISH_FAILURES, Reason, give_up
from workers.spool.spool import NAME, Spool

QUIET_S = 10.0  # nothing confirmed for longer: asked whether the broker is still there
TICK_S = 0.25
OVERHEAD_BYTES = 100  # what a record has beside key, headers and value

log = structlog.get_logger(__name__)


class KafkaBus:
    """Publishes at least once and in order per stream; while the broker is unreachable, to a bounded spool on disk.

    Its thread owns the producer. Whatever goes wrong with the broker, the way back is one: give the producer up, have
    what it has not confirmed sent again first, open a new one. What goes wrong with one topic holds up no other.
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
        self._health = DeliveryHealth(settings)
        self._connection = BrokerConnection(settings, self._health, self._wake)
        self._sender = Sender(settings.topics, self._outbox, self._health)
        self._close_at_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="kafka-bus", daemon=True)
        self._thread.start()

    def publish(self, message: Message) -> None:
        """Call the in-process subscribers, then leave the message for the thread. Never blocks, never raises."""
        self._local.publish(message)
        too_large = self._too_large(message)
        if too_large is not None:
            give_up(message.topic, "refused")
            self._health.refuse_message(message, too_large)
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
        """Why messages do not reach the broker; what it refuses; what the disk refuses."""
        spool = self._outbox.spool
        with self._changed:
            waiting = self._outbox.unconfirmed
        found = self._health.problems(waiting)
        if spool is not None and spool.problem is not None:
            found.append(f"kafka: messages cannot be written to disk, {spool.problem}; they wait in memory only")
        return found

    def close(self, timeout_s: float) -> None:
        """Deliver what can be delivered within `timeout_s`, leave the rest on disk, end the thread. Idempotent."""
        with self._changed:
            if self._close_at_s is None:
                self._close_at_s = time.monotonic() + timeout_s
        self._wake()
        self._thread.join(timeout_s + 2 * TICK_S + self._settings.connect_timeout_s)
        if self._thread.is_alive():
            log.error("kafka_bus_thread_left", timeout_s=timeout_s)
        self._local.close(timeout_s)

    def __enter__(self) -> KafkaBus:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close(5.0)

    def _wake(self) -> None:
        with self._changed:
            self._outbox.wake()

    def _too_large(self, message: Message) -> str | None:
        """Why a message can never be sent, or None."""
        size = len(message.value) + len(message.key) + sum(len(n) + len(v) for n, v in message.headers) + OVERHEAD_BYTES
        if size > self._settings.message_bytes + OVERHEAD_BYTES:
            return f"{size} bytes are more than kafka.message_bytes ({self._settings.message_bytes})"
        return None if NAME.fullmatch(message.topic) else f"{message.topic!r} is not a valid topic name"

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
        self._sender.end()
        self._connection.close()
        stored, lost = self._outbox.finish()
        if stored or lost:
            log.warning("kafka_bus_closed_undelivered", on_disk=stored, given_up=lost)
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
        self._sender.requeue_refused()
        failure = self._trouble()
        if failure is not None:
            self._reset(failure)
        if self._connection.producer is None and self._connection.open():
            self._sender.note_alive()
            with self._changed:
                idle = not self._outbox.unconfirmed
            if idle:
                self._health.reachable()
        self._outbox.spill(self._sendable)
        self._outbox.persist(max(1.0, self._settings.spool.fsync_s))
        producer = self._connection.producer
        return producer is not None and self._sender.send_some(producer)

    def _sendable(self, topic: str) -> bool:
        return self._connection.producer is not None and not self._health.is_waiting(topic)

    def _trouble(self) -> BaseException | None:
        """Why the producer must be given up, or None."""
        producer = self._connection.producer
        self._health.throttle(0.0 if producer is None else producer.throttled_s)
        if self._sender.failure is not None or producer is None:
            return self._sender.failure
        waiting_s, quiet_s = self._sender.silence_s()
        if waiting_s > self._settings.request_timeout_s + SILENCE_S:
            return BusError(f"no answer for {waiting_s:.0f} s")
        if waiting_s > SILENCE_S:
            self._health.unreachable(f"no answer for {waiting_s:.0f} s")
        expired = self._health.has_expired()
        if expired or quiet_s > (1.0 if waiting_s > 1.0 else QUIET_S):
            self._connection.start_check(topics=expired or waiting_s > SILENCE_S)
        return self._checked()

    def _checked(self) -> BaseException | None:
        """What the last check found wrong with the broker, if one has ended."""
        ended, failure = self._connection.checked()
        if ended:
            self._sender.note_alive()
            self._health.release_expired()
        return failure

    def _reset(self, error: BaseException) -> None:
        """Give the producer up; what it has not confirmed goes first to the next one."""
        PUBLISH_FAILURES.inc()
        self._health.unreachable(str(error) if isinstance(error, BusError) else describe(error))
        self._sender.reset()
        self._connection.give_up()
