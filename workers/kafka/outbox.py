"""What is on its way to the broker: in memory, on disk, and handed to the client. One owner of order and of counts.

A message goes one of two ways. Straight: backlog, in flight, confirmed. Or over the disk: backlog, spool, in flight,
settled; that is the way of a topic whenever the broker does not take it at once, until the last message on disk is
confirmed. In one topic only one of them is in flight at a time, so that neither overtakes the other. Any thread calls
`add`, the client's thread `confirm` and `refuse`; all else runs in the bus's thread, which alone touches the disk.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from workers.bus.backlog import Backlog, importance
from workers.bus.message_bus import Message
from workers.kafka.settings import KafkaSettings
from workers.metrics import BUFFERED, Reason, give_up
from workers.spool.log import Position
from workers.spool.spool import Spool

BATCH_BYTES = 8 * 2**20
MOVE_MESSAGES = 2000
SPILL_AFTER_S = 0.5  # waiting longer for the client: to the disk


@dataclass(slots=True)
class InFlight:
    """A message that the client has, or will get again. `position`: where it lies on disk, if it does."""

    message: Message
    position: Position | None
    at_s: float


class Outbox:
    """See the module. `changed` is its lock, and is notified of changes."""

    def __init__(
        self, settings: KafkaSettings, make_spool: Callable[[Callable[[str, Reason, int], None]], Spool | None]
    ):
        self.changed = threading.Condition()
        self.awake = False  # something for the thread to do
        self.spool = make_spool(self._given_up)
        self._most = settings.in_flight_messages
        self._backlog = Backlog(settings.buffer_messages, settings.buffer_bytes)
        self._moving = 0
        self._in_flight: dict[int, InFlight] = {}
        self._retries: dict[str, deque[InFlight]] = {}
        self._direct: Counter[str] = Counter()
        self._outstanding: Counter[str] = Counter()
        self._done: list[tuple[str, Position, bool]] = []
        self._sequence = 0

    # any thread

    def add(self, message: Message) -> None:
        """Take a message; the oldest and least important one goes when there is no room."""
        with self.changed:
            self._outstanding[message.topic] += 1
            first = not len(self._backlog)
            dropped = self._backlog.append(message)
            self._drop(dropped)
            BUFFERED.set(self.in_memory)
            if first:
                self.wake()

    def wake(self) -> None:
        """Have the thread look. Called with the lock held."""
        self.awake = True
        self.changed.notify_all()

    @property
    def in_memory(self) -> int:
        """Messages that are not on disk, and those that the client has. Called with the lock held."""
        return len(self._backlog) + self._moving + len(self._in_flight) + sum(map(len, self._retries.values()))

    @property
    def unconfirmed(self) -> int:
        """All that is published and neither confirmed nor given up. Called with the lock held."""
        return self._outstanding.total()

    def waiting_s(self) -> float:
        """How long the oldest unconfirmed message has been with the client. Called with the lock held."""
        return time.monotonic() - next(iter(self._in_flight.values())).at_s if self._in_flight else 0.0

    # the client's thread

    def confirm(self, sequence: int) -> None:
        """The broker has it. Called with the lock held."""
        self._finish(sequence, True)

    def refuse(self, sequence: int) -> Message | None:
        """The broker will never take it: given up. Called with the lock held."""
        message = self._finish(sequence, False)
        if message is not None:
            give_up(message.topic, "refused")
        return message

    def message(self, sequence: int) -> Message | None:
        """The message that was sent under a number, if it is not done. Called with the lock held."""
        sent = self._in_flight.get(sequence)
        return None if sent is None else sent.message

    def _finish(self, sequence: int, confirmed: bool) -> Message | None:
        sent = self._in_flight.pop(sequence, None)
        if sent is None:
            return None
        topic = sent.message.topic
        self._outstanding[topic] -= 1
        if sent.position is None:
            self._direct[topic] -= 1
        else:
            self._done.append((topic, sent.position, confirmed))
        BUFFERED.set(self.in_memory)
        if sent.position is not None or not self._outstanding.total() or len(self._in_flight) == self._most // 2:
            self.wake()
        return sent.message

    # the bus's thread

    def recover(self) -> None:
        """Take over what an earlier run left on disk, once that is possible."""
        if self.spool is None:
            return
        found = self.spool.open()
        if found:
            with self.changed:
                self._outstanding.update(found)

    def tick(self) -> None:
        """Settle what the client's thread reported, write the ledger, have the disk synced in time."""
        with self.changed:
            done, self._done = self._done, []
            outstanding = {topic: count for topic, count in self._outstanding.items() if count}
        if self.spool is None:
            return
        for topic, position, confirmed in done:
            self.spool.settle(topic, [position], confirmed)
        self.spool.tick(outstanding)

    def spill(self, sendable: Callable[[str], bool]) -> None:
        """Put on disk what the broker does not take now: topics that are not `sendable`, and those on that way."""
        spool = self.spool
        if spool is None or not spool.usable:
            return
        with self.changed:
            topics = {topic: self._backlog.oldest_s(topic) for topic in self._backlog.topics()}
        for topic, oldest_s in topics.items():
            late = time.monotonic() - oldest_s > SPILL_AFTER_S
            if late or spool.pending_of(topic) or self._retries.get(topic) or not sendable(topic):
                self._move(spool, topic)

    def persist(self, older_s: float) -> None:
        """Write to disk what has been in flight for longer, and what will be sent again."""
        spool = self.spool
        if spool is None or not spool.usable:
            return
        with self.changed:
            late_s = time.monotonic() - older_s
            topics = {
                sent.message.topic for sent in self._in_flight.values() if not sent.position and sent.at_s < late_s
            }
            topics |= {topic for topic, waiting in self._retries.items() if waiting and not waiting[0].position}
        for topic in topics:
            self._persist(spool, topic)

    def next_batch(self, blocked: Collection[str]) -> list[tuple[int, Message]]:
        """What the client gets next, numbered, in order per topic; it counts as in flight from here on."""
        with self.changed:
            room = self._most - len(self._in_flight)
            topics = {*self._backlog.topics(), *(topic for topic, waiting in self._retries.items() if waiting)}
        topics |= set(self.spool.topics()) if self.spool is not None else set()
        drawn: list[tuple[int, Message]] = []
        for topic in sorted(topics - set(blocked), key=importance, reverse=True):
            if room - len(drawn) <= 0:
                break
            drawn += self._next_of_topic(topic, room - len(drawn))
        return drawn

    def requeue(self, sequences: Collection[int] | None = None) -> None:
        """These (default: all in flight) go to the client again, before all else of their topics."""
        with self.changed:
            for sequence in sorted(self._in_flight if sequences is None else sequences, reverse=True):
                sent = self._in_flight.pop(sequence, None)
                if sent is not None:
                    self._retries.setdefault(sent.message.topic, deque()).appendleft(sent)

    def requeue_topic(self, topic: str) -> None:
        """All that the client has of a topic goes to it again."""
        with self.changed:
            sequences = [number for number, sent in self._in_flight.items() if sent.message.topic == topic]
        self.requeue(sequences)

    def finish(self) -> tuple[int, int]:
        """The end: all to the disk. Returns how many messages are there then and how many are given up."""
        self.requeue()
        self.tick()
        self.persist(0.0)
        while len(self._backlog) and self.spool is not None and self.spool.usable:
            self.spill(lambda topic: False)
        with self.changed:
            for topic in self._backlog.topics():
                self._drop(Counter({topic: len(self._backlog.take(topic, 2**62, 2**62))}), "closed")
            for topic, waiting in self._retries.items():
                self._drop(Counter({topic: sum(1 for sent in waiting if sent.position is None)}), "closed")
            self._retries.clear()
            stored = self.unconfirmed
            lost = self._closed
            BUFFERED.set(0)
        self.tick()
        if self.spool is not None:
            self.spool.close()
        return stored, lost

    _closed = 0

    def _next_of_topic(self, topic: str, room: int) -> list[tuple[int, Message]]:
        waiting = self._retries.get(topic)
        batch: list[InFlight] = []
        with self.changed:
            while waiting and len(batch) < room:
                batch.append(waiting.popleft())
            more, direct = room - len(batch), self._direct[topic]
        now_s = time.monotonic()
        if self.spool is not None and more and not waiting and not direct and self.spool.unread_of(topic):
            batch += [InFlight(m, at, now_s) for at, m in self.spool.read(topic, more, BATCH_BYTES)]
        with self.changed:
            if not batch and not waiting and (self.spool is None or not self.spool.pending_of(topic)):
                taken = self._backlog.take(topic, room, BATCH_BYTES)
                self._direct[topic] += len(taken)
                batch = [InFlight(message, None, now_s) for message in taken]
            return [self._number(sent, now_s) for sent in batch]

    def _number(self, sent: InFlight, now_s: float) -> tuple[int, Message]:
        self._sequence += 1
        sent.at_s = now_s
        self._in_flight[self._sequence] = sent
        return self._sequence, sent.message

    def _move(self, spool: Spool, topic: str) -> None:
        with self.changed:
            messages = self._backlog.take(topic, MOVE_MESSAGES, BATCH_BYTES)
            self._moving = len(messages)
        done = spool.append(messages)
        with self.changed:
            self._moving = 0
            self._drop(self._backlog.give_back(messages[done:]))
            BUFFERED.set(self.in_memory)

    def _persist(self, spool: Spool, topic: str) -> None:
        """All of a topic that is in flight or to be sent again, and not on disk."""
        with self.changed:
            of_topic = {number: sent for number, sent in self._in_flight.items() if sent.message.topic == topic}
            flying = {number: sent for number, sent in of_topic.items() if sent.position is None}
            waiting = [sent for sent in self._retries.get(topic, ()) if sent.position is None]
        every = [*flying.values(), *waiting]
        positions = spool.prepend(topic, [sent.message for sent in every])
        if positions is None:
            return
        with self.changed:
            for sent, position in zip(every, positions, strict=True):
                sent.position = position
            self._direct[topic] = 0
            self._done += [
                (topic, s.position, True) for n, s in flying.items() if n not in self._in_flight and s.position
            ]

    def _given_up(self, topic: str, reason: Reason, messages: int) -> None:
        with self.changed:
            self._drop(Counter({topic: messages}), reason)

    def _drop(self, dropped: Counter[str], reason: Reason = "full") -> None:
        """Called with the lock held."""
        for topic, messages in dropped.items():
            give_up(topic, reason, messages)
            self._outstanding[topic] -= messages
            if reason == "closed":
                self._closed += messages
        if dropped:
            self.changed.notify_all()
