"""What waits on disk while the broker is unreachable, bounded in bytes. Runs in the bus's thread.

A folder a topic, so that a topic that the broker refuses holds up no other and detections can be given up before any
event. When the disk refuses, the spool says so, takes nothing for a while, and tries again: its owner leaves
messages in memory meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import structlog

from workers.bus.backlog import importance
from workers.bus.message_bus import Message
from workers.descriptors import is_shortage
from workers.logs import StateLog
from workers.metrics import REPLAYED, SPOOL_FAILURES, SPOOL_WRITTEN, SPOOLED, SPOOLED_BYTES, Reason, give_up
from workers.spool.ledger import Entry, SpoolLedger
from workers.spool.log import Position, TopicLog
from workers.spool.settings import SpoolSettings

RETRY_S = 5.0
LEAST_SEGMENTS = 16  # the bound is at least so many files: what is given up at once stays small
NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")  # Kafka's rule for topics; they are folders here

log = structlog.get_logger(__name__)


class Spool:
    """Messages by topic, in order. Nothing here raises OSError: `problem` says what the disk refused."""

    def __init__(self, settings: SpoolSettings, folder: Path, given_up: Callable[[str, Reason, int], None]) -> None:
        """`given_up` is called with (topic, reason, messages) for what will not arrive."""
        self._settings = settings
        self._given_up = given_up
        self._folder = folder
        self._segment_bytes = min(settings.segment_bytes, settings.max_bytes // LEAST_SEGMENTS)
        self._logs: dict[str, TopicLog] = {}
        self._ledger: SpoolLedger | None = None
        self._lock_fd = -1
        self._problem: str | None = None
        self._problem_log = StateLog(log, "spool_failed")
        self._retry_at_s = 0.0
        self._synced_at_s = 0.0
        self._had_some = False
        self._full = False  # and said so

    @property
    def usable(self) -> bool:
        """Whether messages can be put here now."""
        return self._ledger is not None and time.monotonic() >= self._retry_at_s

    @property
    def problem(self) -> str | None:
        """What the disk refused, in words."""
        return self._problem

    @property
    def pending(self) -> int:
        """Messages that are not confirmed."""
        return sum(one.pending for one in self._logs.values())

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(one.size for one in self._logs.values())

    def pending_of(self, topic: str) -> int:
        """Messages of a topic that are not confirmed."""
        return self._logs[topic].pending if topic in self._logs else 0

    def unread_of(self, topic: str) -> int:
        """Messages of a topic that nobody has read yet."""
        return self._logs[topic].unread if topic in self._logs else 0

    def topics(self) -> list[str]:
        """The topics that have messages to be read."""
        return [topic for topic, one in self._logs.items() if one.unread]

    def open(self) -> dict[str, int] | None:
        """Take the folder over, with what an earlier run left; what is there by topic. None: not now (see `problem`).

        Says how much the earlier run lost, if it did not end in order.
        """
        if self._ledger is not None:
            return {}
        if time.monotonic() < self._retry_at_s:
            return None
        try:
            return self._recover()
        except OSError as error:
            self._fail(error)
            self.close()
            return None

    def append(self, messages: Sequence[Message]) -> int:
        """Put messages at the ends of their topics; returns how many, from the first on, need no more care."""
        for done, message in enumerate(messages):
            try:
                self._append(message)
            except OSError as error:
                self._fail(error)
                return done
        return len(messages)

    def prepend(self, topic: str, messages: Sequence[Message]) -> list[Position] | None:
        """Put messages that are on their way before all others of their topic. None when the disk refuses."""
        try:
            positions = self._log(topic).prepend(messages)
        except OSError as error:
            self._fail(error)
            return None
        SPOOL_WRITTEN.inc(len(messages))
        return positions

    def read(self, topic: str, most: int, most_bytes: int) -> list[tuple[Position, Message]]:
        """The next messages of a topic; they stay here until they are settled."""
        one = self._logs[topic]
        try:
            return one.read(most, most_bytes)
        except OSError as error:
            self._fail(error)
            if not is_shortage(error):  # which passes; the file is as good as before
                self._given_up(topic, "damaged", one.drop_oldest())
            return []

    def settle(self, topic: str, positions: Collection[Position], confirmed: bool) -> None:
        """These are done: confirmed, or refused for good."""
        try:
            for position in positions:
                self._logs[topic].settle(position)
        except OSError as error:
            self._fail(error)
        if confirmed:
            REPLAYED.inc(len(positions))

    def tick(self, outstanding: Mapping[str, int]) -> None:
        """Write down how much is on its way, and have everything on disk when the interval is over."""
        if self._ledger is None:
            return
        for topic, one in self._logs.items():
            if one.damaged:
                log.error("spool_damaged", topic=topic, messages=one.damaged)
                self._given_up(topic, "damaged", one.damaged)
                one.damaged = 0
        try:
            entries = {}
            for topic in {*outstanding, *self._logs}:
                cursor = self._logs[topic].cursor if topic in self._logs else (0, 0)
                entries[topic] = Entry(outstanding.get(topic, 0), *cursor)
            self._ledger.write(entries)
            pending = self.pending
            if (pending or self._had_some) and time.monotonic() - self._synced_at_s >= self._settings.fsync_s:
                self.sync()
                self._had_some = bool(pending)
        except OSError as error:
            self._fail(error)
        if not self.pending:
            self._full = False
        SPOOLED.set(self.pending)
        SPOOLED_BYTES.set(self.size)

    def sync(self) -> None:
        """Have everything on disk now. Raises OSError."""
        for one in self._logs.values():
            one.sync()
        if self._ledger is not None:
            self._ledger.sync()
        self._synced_at_s = time.monotonic()

    def close(self) -> None:
        """Free everything; what is there stays. Idempotent."""
        try:
            if self._ledger is not None:
                self.sync()
            for one in self._logs.values():
                one.close()
        except OSError as error:
            self._fail(error)
        self._logs.clear()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _recover(self) -> dict[str, int]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_lock()
        ledger = SpoolLedger(self._folder / "ledger")
        self._ledger = ledger
        entries = ledger.read()
        found: dict[str, int] = {}
        for path in sorted(self._folder.iterdir()):
            if NAME.fullmatch(path.name) and path.is_dir():
                entry = entries.get(path.name, Entry())
                found[path.name] = self._log(path.name).recover((entry.segment, entry.offset))
        for topic, entry in entries.items():
            lost = entry.outstanding - found.get(topic, 0)
            if lost > 0:
                log.error("spool_messages_lost", topic=topic, messages=lost, reason="the process ended before its time")
                give_up(topic, "crash", lost)
        if any(found.values()):
            log.warning("spool_recovered", messages=found, bytes=self.size)
        self._well()
        return found

    def _take_lock(self) -> None:
        self._lock_fd = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError("another process uses it") from None

    def _append(self, message: Message) -> None:
        size = len(message.value) + len(message.key) + 256
        while self.size + size > self._settings.max_bytes:
            if not self._drop_for(message.topic):
                self._overflow(message.topic, 1)
                return
        self._log(message.topic).append(message)
        self._well()
        SPOOL_WRITTEN.inc()

    def _drop_for(self, topic: str) -> bool:
        """Remove the oldest file of the least important topic; False when all that is here is more important."""
        logs = [one for one in self._logs.values() if one.size]
        victim = min(logs, key=lambda one: importance(one.topic), default=None)
        if victim is None or importance(victim.topic) > importance(topic):
            return False
        self._overflow(victim.topic, victim.drop_oldest())
        return True

    def _overflow(self, topic: str, messages: int) -> None:
        self._given_up(topic, "full", messages)
        if not self._full:
            log.warning("spool_full", max_bytes=self._settings.max_bytes, given_up_of=topic)
        self._full = True

    def _log(self, topic: str) -> TopicLog:
        if topic not in self._logs:
            self._logs[topic] = TopicLog(self._folder / topic, topic, self._segment_bytes)
        return self._logs[topic]

    def _well(self) -> None:
        self._problem = None
        if self._problem_log.clear():
            log.info("spool_works", folder=str(self._folder))

    def _fail(self, error: OSError) -> None:
        SPOOL_FAILURES.inc()
        self._problem_log.note(error.strerror or str(error), folder=str(self._folder))
        self._problem = f"{self._folder}: {error.strerror or error}"
        self._retry_at_s = time.monotonic() + RETRY_S
