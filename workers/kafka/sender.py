"""Hands the outbox's messages to the producer and takes its answers: confirmed, refused, failed.

The bus's thread sends; answers come on the client's thread. Those of a producer that was given up are recognised by
their generation.
"""

from __future__ import annotations

import time

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

from workers.bus.message_bus import Message
from workers.kafka.client import describe
from workers.kafka.delivery_health import SILENCE_S, DeliveryHealth
from workers.kafka.kafka_python import Producer
from workers.kafka.outbox import Outbox
from workers.kafka.permissions import topic_denied
from workers.kafka.topic_settings import TopicsSettings
from workers.kafka.topics import kafka_name

REFUSED_MESSAGE = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidRecordError, TypeError, ValueError)
REFUSED_TOPIC = (AuthorizationError, InvalidTopicError, UnknownTopicOrPartitionError)


class Sender:
    """`failure`: why the producer must be given up, once something has failed that concerns no single topic."""

    def __init__(self, topics: TopicsSettings, outbox: Outbox, health: DeliveryHealth) -> None:
        self.failure: BaseException | None = None
        self._topics = topics
        self._outbox = outbox
        self._health = health
        self._changed = outbox.changed
        self._generation = 0
        self._refused: set[str] = set()  # topics that the broker has refused since the last turn
        self._confirmed_s = 0.0

    def send_some(self, producer: Producer) -> bool:
        """Hand over what the client has room for; whether anything was."""
        drawn = self._outbox.next_batch(self._health.waiting_topics())
        unsent = []
        for sequence, message in drawn:
            if self._health.is_waiting(message.topic):
                unsent.append(sequence)
            else:
                self._send(producer, sequence, message)
        self._outbox.requeue(unsent)
        return len(drawn) > len(unsent)

    def requeue_refused(self) -> None:
        """What the client has of refused topics waits again; the other topics' messages are not affected."""
        with self._changed:
            refused, self._refused = self._refused, set()
        for topic in refused:
            self._outbox.requeue_topic(topic)

    def reset(self) -> None:
        """The producer is given up: what it has not confirmed goes first to the next one."""
        with self._changed:
            self._generation += 1
            self.failure = None
            self._outbox.requeue()

    def end(self) -> None:
        """From here on no answer counts."""
        with self._changed:
            self._generation += 1

    def note_alive(self) -> None:
        """The broker has shown that it is there, as if it had confirmed something now."""
        self._confirmed_s = time.monotonic()

    def silence_s(self) -> tuple[float, float]:
        """For how long the oldest message in flight has waited, and for how long nothing was confirmed.

        The time in which the broker throttles this client does not count: waiting is what it asks for.
        """
        now_s = time.monotonic()
        since_throttled_s = max(0.0, now_s - self._health.throttled_until_s)
        with self._changed:
            waiting_s = self._outbox.waiting_s()
        return min(waiting_s, since_throttled_s), min(now_s - self._confirmed_s, since_throttled_s)

    def _send(self, producer: Producer, sequence: int, message: Message) -> None:
        age_s = time.monotonic() - message.stamp_s
        try:
            future = producer.send(
                kafka_name(message.topic, self._topics),
                value=message.value,
                key=message.key.encode(),
                headers=list(message.headers),
                timestamp_ms=int((time.time() - age_s) * 1000),
            )
        except KafkaTimeoutError as error:  # the client does not learn the topic's partitions
            self._hold_back(message.topic, producer.throttled_s, error)
        except (KafkaError, TypeError, ValueError) as error:
            self._on_failure(self._generation, sequence, error)
        else:
            future.add_callback(self._on_confirmed, self._generation, sequence, message.topic)
            future.add_errback(self._on_failure, self._generation, sequence)

    def _hold_back(self, topic: str, throttled_s: float, error: KafkaTimeoutError) -> None:
        """Have a topic wait, and what the client was to get of it."""
        with self._changed:
            self._refused.add(topic)
        if throttled_s > 0:
            self._health.defer_topic(topic, throttled_s)
        else:
            self._health.refuse_topic(topic, f"its partitions are unknown ({describe(error)})")

    def _on_confirmed(self, generation: int, sequence: int, topic: str, _: object) -> None:
        """Runs on the client's thread."""
        self._health.take_topic(topic)
        with self._changed:
            if generation != self._generation:
                return
            self._outbox.confirm(sequence)
            self._confirmed_s = time.monotonic()
            if self._outbox.waiting_s() < SILENCE_S:
                self._health.reachable()
            if not self._outbox.unconfirmed:
                self._changed.notify_all()

    def _on_failure(self, generation: int, sequence: int, error: BaseException) -> None:
        """Runs on the client's thread or the bus's. A refused message is given up, a refused topic waits.

        Anything else costs the producer.
        """
        with self._changed:
            message = self._outbox.message(sequence)
            if generation != self._generation or message is None:
                return
            if isinstance(error, REFUSED_MESSAGE):
                self._outbox.refuse(sequence)
            elif isinstance(error, REFUSED_TOPIC):
                self._refused.add(message.topic)
            elif self.failure is None:
                self.failure = error
            self._outbox.wake()
        if isinstance(error, REFUSED_MESSAGE):
            self._health.refuse_message(message, describe(error))
        elif isinstance(error, AuthorizationError):
            self._health.refuse_topic(message.topic, topic_denied(kafka_name(message.topic, self._topics), "WRITE"))
        elif isinstance(error, REFUSED_TOPIC):
            self._health.refuse_topic(message.topic, describe(error))
