"""Messages that wait in memory: bounded, the least important and oldest go first. Pure; its owner locks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from workers.bus.message_bus import DETECTIONS, DRIFT, SNAPSHOTS, Message

OVERHEAD_BYTES = 400  # what Python needs for a message beside its text
_LESS = (DETECTIONS, SNAPSHOTS, DRIFT)


def importance(topic: str) -> int:
    """What is given up first when there is no room: detections, then snapshots, drift reports, all else (events)."""
    return _LESS.index(topic) if topic in _LESS else len(_LESS)


def size_bytes(message: Message) -> int:
    """About how much memory a message holds."""
    headers = sum(len(name) + len(value) for name, value in message.headers)
    return OVERHEAD_BYTES + len(message.value) + len(message.key) + headers


class Backlog:
    """One queue a topic, so that a topic that the broker refuses holds up no other. In order per topic."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._queues: dict[str, deque[Message]] = {}
        self._bytes = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, message: Message) -> Counter[str]:
        """Add the newest message; returns how many were dropped for it, by topic (itself when it cannot fit)."""
        self._queues.setdefault(message.topic, deque()).append(message)
        self._add(message)
        return self._trim()

    def give_back(self, messages: Iterable[Message]) -> Counter[str]:
        """Put messages, oldest first, back before everything else of their topics; returns how many were dropped."""
        for message in reversed(list(messages)):
            self._queues.setdefault(message.topic, deque()).appendleft(message)
            self._add(message)
        return self._trim()

    def topics(self) -> list[str]:
        """The topics that have messages."""
        return list(self._queues)

    def oldest_s(self, topic: str) -> float:
        """When the oldest message of a topic that has some was made (time.monotonic())."""
        return self._queues[topic][0].stamp_s

    def take(self, topic: str, max_messages: int, max_bytes: int) -> list[Message]:
        """Remove the oldest messages of a topic, oldest first; at least one if there is one."""
        taken: list[Message] = []
        room = max_bytes
        while len(taken) < max_messages and topic in self._queues:
            room -= size_bytes(self._queues[topic][0])
            if room < 0 and taken:
                break
            taken.append(self._pop(topic))
        return taken

    def _add(self, message: Message) -> None:
        self._count += 1
        self._bytes += size_bytes(message)

    def _pop(self, topic: str) -> Message:
        queue = self._queues[topic]
        message = queue.popleft()
        if not queue:
            del self._queues[topic]
        self._count -= 1
        self._bytes -= size_bytes(message)
        return message

    def _trim(self) -> Counter[str]:
        dropped: Counter[str] = Counter()
        while self._count > self._max_messages or self._bytes > self._max_bytes:
            topic = min(self._queues, key=lambda name: (importance(name), self.oldest_s(name)))
            self._pop(topic)
            dropped[topic] += 1
        return dropped
