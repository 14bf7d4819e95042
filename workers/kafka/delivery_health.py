"""Why messages do not reach the broker: for readiness, for the log, and which topics wait. Any thread.

Four things go wrong apart from each other: the broker cannot be reached, it throttles this client, it refuses a topic,
it refuses a message. Each state is logged when it changes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime

import structlog

from workers.bus.message_bus import Message
from workers.kafka.settings import KafkaSettings
from workers.kafka.topics import kafka_name
from workers.logs import StateLog
from workers.metrics import PUBLISH_FAILURES

SILENCE_S = 3.0  # unconfirmed, or throttled, for longer: readiness reports it
CALM_S = 5.0  # not throttled for so long: the broker takes all again
REFUSED_SHOWN_S = 60.0
MOST_PAUSE_S = 60.0  # of a topic that is refused again and again

log = structlog.get_logger(__name__)


class DeliveryHealth:
    """Shared by the bus's thread, the client's and those that read `problems`."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._servers = ",".join(settings.bootstrap_servers)
        self._retry_s = settings.retry_s
        self._names = settings.topics
        self._lock = threading.RLock()
        self._down: tuple[datetime, str] | None = None
        self._waiting_topics: dict[str, float] = {}  # topic → until when, time.monotonic()
        self._pauses_s: dict[str, float] = {}
        self._refusals: dict[str, str] = {}  # topic → why; stays until the broker takes a message of it
        self._refusal_log = StateLog(log, "kafka_topic_unavailable")
        self._refused_message: tuple[float, str] | None = None
        self._refused_log = StateLog(log, "kafka_message_refused")
        self._refused_counts: Counter[str] = Counter()
        self._throttled_since_s: float | None = None
        self._throttled_until_s = float("-inf")
        self._throttle_logged = False

    def unreachable(self, reason: str) -> None:
        """The broker cannot be reached, or does not answer."""
        with self._lock:
            first = self._down is None
            self._down = (datetime.now(UTC) if self._down is None else self._down[0], reason)
        if first:
            log.warning("kafka_unreachable", servers=self._servers, reason=reason)

    def reachable(self) -> None:
        """The broker answers."""
        with self._lock:
            down, self._down = self._down, None
        if down is not None:
            log.info("kafka_reachable", unreachable_since=down[0].isoformat(timespec="seconds"))

    def refuse_topic(self, topic: str, reason: str) -> None:
        """The broker does not take a topic: its messages wait a while, longer each time; no other's do."""
        PUBLISH_FAILURES.inc()
        with self._lock:
            self._refusals[topic] = reason
            now_s = time.monotonic()
            if self._waiting_topics.get(topic, now_s) <= now_s:  # else one more of the messages on their way
                pause_s = self._pauses_s.get(topic, 5 * self._retry_s)
                self._pauses_s[topic] = min(2 * pause_s, MOST_PAUSE_S)
                self._waiting_topics[topic] = now_s + pause_s
            self._refusal_log.note(reason, topic, topic=kafka_name(topic, self._names))

    def defer_topic(self, topic: str, pause_s: float) -> None:
        """A topic's messages wait so long, through no fault of it."""
        with self._lock:
            self._waiting_topics[topic] = time.monotonic() + pause_s

    def take_topic(self, topic: str) -> None:
        """A topic is available: the broker has confirmed a message of it, or shows it again."""
        with self._lock:
            self._pauses_s.pop(topic, None)
            if self._refusals.pop(topic, None) is not None and self._refusal_log.clear(topic):
                log.info("kafka_topic_available", topic=topic)

    def refuse_message(self, message: Message, reason: str) -> None:
        """A message was given up: the broker never takes it."""
        PUBLISH_FAILURES.inc()
        with self._lock:
            self._refused_counts[message.topic] += 1
            text = f"kafka: a message of {message.key} for {message.topic} was given up: {reason}"
            self._refused_message = (time.monotonic(), text)
            count = self._refused_counts[message.topic]
            self._refused_log.note(
                "refused", message.topic, topic=message.topic, key=message.key, reason=reason, so_far=count
            )

    def throttle(self, pause_s: float) -> None:
        """The broker has this client wait so long; 0: it does not."""
        now_s = time.monotonic()
        with self._lock:
            if pause_s > 0:
                self._throttled_until_s = now_s + pause_s
                self._throttled_since_s = now_s if self._throttled_since_s is None else self._throttled_since_s
            elif now_s - self._throttled_until_s > CALM_S:
                if self._throttle_logged:
                    log.info("kafka_throttled_no_more", servers=self._servers)
                self._throttled_since_s, self._throttle_logged = None, False
            if self._throttled(now_s) and not self._throttle_logged:
                self._throttle_logged = True
                log.warning("kafka_throttled", servers=self._servers, pause_s=round(pause_s, 1))

    @property
    def throttled_until_s(self) -> float:
        """Until when the broker has this client wait, time.monotonic(); what is silent before that is no silence."""
        return self._throttled_until_s

    def waiting_topics(self) -> frozenset[str]:
        """The topics whose messages are not to be sent now."""
        with self._lock:
            return frozenset(self._waiting_topics)

    def is_waiting(self, topic: str) -> bool:
        """Whether a topic's messages are not to be sent now."""
        return topic in self._waiting_topics

    def has_expired(self) -> bool:
        """Whether a topic has waited long enough to be tried again."""
        with self._lock:
            return any(until_s <= time.monotonic() for until_s in self._waiting_topics.values())

    def release_expired(self) -> None:
        """Topics that have waited long enough are tried again."""
        with self._lock:
            now_s = time.monotonic()
            self._waiting_topics = {
                topic: until_s for topic, until_s in self._waiting_topics.items() if until_s > now_s
            }

    def problems(self, waiting: int) -> list[str]:
        """What is wrong now, in words. waiting: how many messages are not confirmed."""
        now_s = time.monotonic()
        tail = f"; {waiting} messages wait" if waiting else ""
        with self._lock:
            found = [
                f"kafka: topic {kafka_name(topic, self._names)} is unavailable: {reason}"
                for topic, reason in sorted(self._refusals.items())
            ]
            if self._throttled(now_s):
                found.insert(0, f"kafka: {self._servers} throttles this client (a quota){tail}")
            elif self._down is not None:
                since = self._down[0].isoformat(timespec="seconds")
                found.insert(0, f"kafka: {self._servers} unreachable since {since} ({self._down[1]}){tail}")
            if self._refused_message is not None and now_s - self._refused_message[0] < REFUSED_SHOWN_S:
                found.append(self._refused_message[1])
        return found

    def _throttled(self, now_s: float) -> bool:
        """Whether throttling has lasted long enough to be reported."""
        since_s = self._throttled_since_s
        return since_s is not None and max(now_s, self._throttled_until_s) - since_s > SILENCE_S
