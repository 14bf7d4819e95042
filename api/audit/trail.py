"""The trail of one process: facts from any thread, written in order by a thread of its own.

`add` only queues, so a request never waits for the disk. While the database or the disk is away the facts wait, up to a
bound; what does not fit is counted and becomes an entry itself, so that the trail says that it is incomplete.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog
from prometheus_client import Counter

from api.audit.entry import AuditEntry, AuditFact
from api.audit.repeats import Repeats
from api.audit.stores import AuditStore, DatabaseStore
from workers.atomic_files import OWNER_ONLY, write_whole
from workers.bus.message_bus import AUDIT, Bus, Message
from workers.errors import DatabaseError
from workers.logs import StateLog

log = structlog.get_logger(__name__)

HEADS_FILE: Final = "audit-heads.json"
MOST_WAITING = 50_000
_GATHER_S = 0.05
_AT_ONCE = 2000
_RETRY_S = 1.0
_PRUNE_S = 3600.0
_DAY_NS = 86_400_000_000_000

_ENTRIES = Counter("livesight_audit_entries", "Entries written to the audit trail.")
_LOST = Counter("livesight_audit_entries_lost", "Entries that could not be kept: too many waited for the database.")


class AuditTrail:
    """`add` facts; `close` writes what waits. `chain`: the process's name, unique in the installation."""

    def __init__(
        self, store: AuditStore, chain: str, state_dir: Path, *, bus: Bus | None = None, keep_days: float = 365.0
    ) -> None:
        """Starts the thread. bus: where entries are published besides, once they are kept."""
        self._store = store
        self._chain = chain
        self._heads = state_dir / HEADS_FILE
        self._bus = bus
        self._keep_ns = int(keep_days * _DAY_NS)
        self._waiting: deque[AuditFact] = deque()
        self._repeats = Repeats()
        self._lost = 0
        self._lock = threading.Lock()
        self._awake = threading.Event()
        self._closing = threading.Event()
        self._problem: str | None = None
        self._problem_log = StateLog(log, "audit_not_written")
        self._unnoted: AuditEntry | None = None
        self._head_problem: str | None = None
        self._prune_at_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def add(self, fact: AuditFact) -> None:
        """Any thread; never blocks, never raises."""
        with self._lock:
            if not self._repeats.is_first(fact, time.monotonic()):
                return
            self._queue(fact)
        self._awake.set()

    @property
    def database(self) -> DatabaseStore | None:
        """Where the trail can be read; None where it is a file."""
        return self._store if isinstance(self._store, DatabaseStore) else None

    def problems(self) -> list[str]:
        """What is wrong now, in sentences for readiness. Any thread."""
        found = []
        if (problem := self._problem) is not None:
            found.append(f"audit: entries are not written, {len(self._waiting)} wait: {problem}")
        if (problem := self._head_problem) is not None:
            found.append(
                f"audit: which entry is the last cannot be noted, so that missing ones are not found: {problem}"
            )
        return found

    def close(self, timeout_s: float) -> None:
        """Write what waits, repeats included, and end the thread. Idempotent."""
        self._closing.set()
        self._awake.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("audit_thread_left", waiting=len(self._waiting))

    def _run(self) -> None:
        while True:
            self._awake.wait(_RETRY_S)
            closing = self._closing.is_set()
            if not closing:
                self._closing.wait(_GATHER_S)
            self._awake.clear()
            written = self._write_all(closing)
            if closing and (written or self._problem is not None):
                return
            if self._problem is not None:
                self._closing.wait(_RETRY_S)
            self._prune()

    def _queue(self, fact: AuditFact) -> None:
        """With the lock held."""
        if len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            _LOST.inc()
        else:
            self._waiting.append(fact)

    def _write_all(self, closing: bool) -> bool:
        """Whether nothing waits any more."""
        with self._lock:
            for fact in self._repeats.over(time.monotonic(), everything=closing):
                self._queue(fact)
        self._note_head()
        while True:
            with self._lock:
                facts = list(self._waiting)[:_AT_ONCE]
                if lost := self._lost:
                    facts.insert(0, _lost(lost))
            if not facts:
                return True
            if not self._write(facts):
                return False
            with self._lock:
                for _ in facts[1:] if lost else facts:
                    self._waiting.popleft()
                self._lost -= lost

    def _write(self, facts: Sequence[AuditFact]) -> bool:
        try:
            entries = self._store.append(self._chain, facts)
        except (OSError, DatabaseError) as error:
            self._problem = str(error)
            self._problem_log.note(str(error))
            return False
        except Exception as error:  # noqa: BLE001 - logged, when it begins and then rarely
            self._problem_log.note(repr(error), exc_info=error)
            self._problem = f"internal error ({type(error).__name__}), see the log"
            return False
        self._problem = None
        self._problem_log.clear()
        _ENTRIES.inc(len(entries))
        if self._bus is not None:
            for entry in entries:
                self._bus.publish(message_of(entry))
        self._unnoted = entries[-1]
        self._note_head()
        return True

    def _note_head(self) -> None:
        """Beside the trail, not in it: entries missing at the end are found by that.

        The entries are kept by then: a disk that refuses this is tried again with no other of them.
        """
        last = self._unnoted
        if last is None:
            return
        text = json.dumps({last.chain: [last.number, last.hash]}).encode()
        try:
            write_whole(self._heads, lambda file: file.write(text), OWNER_ONLY)
        except OSError as error:
            self._head_problem = f"{self._heads}: {error.strerror or error}"
            self._problem_log.note(self._head_problem, "head")
        else:
            self._unnoted = self._head_problem = None
            self._problem_log.clear("head")

    def _prune(self) -> None:
        if time.monotonic() < self._prune_at_s or self._problem is not None:
            return
        self._prune_at_s = time.monotonic() + _PRUNE_S
        try:
            while self._store.prune(time.time_ns() - self._keep_ns):
                if self._closing.is_set():
                    return
        except (OSError, DatabaseError) as error:
            self._problem_log.note(str(error), "prune")
        except Exception:
            log.exception("audit_not_pruned")


def message_of(entry: AuditEntry) -> Message:
    """The message for the topic `livesight.audit`, keyed by the principal."""
    headers = (("schema", entry.schema_.encode()), ("content-type", b"application/json"))
    return Message(AUDIT, entry.principal, entry.to_json().encode(), headers, time.monotonic())


def _lost(count: int) -> AuditFact:
    return AuditFact(at_ns=time.time_ns(), what="lost", principal="process", count=count)
