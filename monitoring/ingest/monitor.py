"""From results to events: reads, runs the handlers, commits what they made. Runs in its own thread.

Everything a batch brings about goes into one transaction: events, what hooks add, handlers' states, offsets. Between
events nothing need be written: after a crash Kafka is read again from the offsets, with the states that belong to them.
When anything goes wrong there is one way back: forget, restore from the database, read on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from prometheus_client import Counter, Gauge

from monitoring.core.contracts import CommitHook
from monitoring.core.handler import Handler
from monitoring.ingest.commit import CommitTargets, Committer
from monitoring.ingest.handler_chain import HandlerChain, HandlerOutput
from monitoring.ingest.inbox import Batch
from monitoring.store.checkpoints import Key, forget_states, read_offsets, read_state, read_states, set_offsets
from monitoring.store.leader_lock import lead
from monitoring.store.retention_clock import Expiry
from monitoring.store.settings import IngestSettings
from monitoring.store.writes import known_ids
from workers.bus.event import Event
from workers.errors import WorkerError
from workers.logs import StateLog

log = structlog.get_logger(__name__)

_RETRY_S = 1.0
_FORGET_S = 3600.0
_CAREFUL = 50  # messages taken one by one after a failure that is no outage

_LOST = Counter("livesight_monitor_lost_messages", "Messages that could not be stored, whatever was tried.")
_LAG = Gauge("livesight_monitor_lag_messages", "Messages that wait for the monitor.")
_ACTIVE = Gauge("livesight_monitor_active", "1 where the monitor works, 0 where it stands by.")


@dataclass(frozen=True, slots=True)
class Participants:
    """What takes part in each batch: handlers make events of it, hooks write in the transaction that stores them."""

    handlers: Sequence[Handler]
    hooks: Sequence[CommitHook]


class Monitor:
    """One at a time works on a database; others stand by until that one is gone."""

    def __init__(
        self,
        settings: IngestSettings,
        targets: CommitTargets,
        participants: Participants,
        expiry: Expiry,
        prepare: Callable[[], None],
    ) -> None:
        """prepare: called on the monitor's thread before anything else, until it succeeds once (migrations)."""
        self._settings = settings
        self._targets = targets
        self._committer = Committer(targets, participants.hooks)
        self._chain = HandlerChain(participants.handlers, self._stored_state)
        self._expiry = expiry
        self._prepare: Callable[[], None] | None = prepare
        self._output = HandlerOutput()
        self._committed_s = self._states_s = self._ticked_s = 0.0
        self._careful = 0
        self._forget_s = 0.0
        self._active = False
        self._problem: str | None = None
        self._problem_log = StateLog(log, "monitor_stopped")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor", daemon=True)

    @property
    def active(self) -> bool:
        """Whether this one works; else it stands by, or cannot. Any thread."""
        return self._active

    @property
    def ready(self) -> bool:
        """Whether the database was reached and is as it should be. Any thread."""
        return self._prepare is None

    def start(self) -> None:
        """Begin. Database and broker may be unreachable."""
        self._thread.start()

    def problems(self) -> list[str]:
        """Why nothing is monitored now, in sentences. Any thread."""
        found = (self._problem, self._committer.disk_problem)
        missing = self._targets.inbox.problems() if self._problem is None else []
        return [f"monitor: {problem}" for problem in found if problem is not None] + missing

    def close(self, timeout_s: float) -> None:
        """Take what has come in process, commit everything, end. Idempotent."""
        self._closing.set()
        self._targets.inbox.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.error("monitor_thread_left", timeout_s=timeout_s)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                if self._prepare is not None:
                    self._prepare()
                    self._prepare = None
                self._lead()
                continue
            except WorkerError as error:
                self._failed(str(error))
            except Exception as error:  # noqa: BLE001 - logged, when it begins and then rarely
                self._failed(f"{type(error).__name__}: {error}"[:300], exc_info=error)
                self._careful = _CAREFUL
            finally:
                self._active = False
                _ACTIVE.set(0)
            self._closing.wait(_RETRY_S)
        self._targets.inbox.close()

    def _lead(self) -> None:
        """Returns when closing. Raises what ended it otherwise."""
        with lead(self._targets.database, self._closing) as check_lead:
            if check_lead is None:
                return
            self._begin()
            while True:
                closing = self._closing.is_set()
                took = self._advance()
                check_lead()
                self._check_the_clock(took)
                if closing and (not took or self._targets.inbox.lasts):
                    break
            self._commit(every=True)

    def _begin(self) -> None:
        self._output = HandlerOutput()
        with self._targets.database.read() as connection:
            states, offsets = read_states(connection), read_offsets(connection)
        self._chain.restore(states)
        begun = self._targets.inbox.open(offsets)
        if begun:
            with self._targets.database.write() as connection:
                set_offsets(connection, begun)
        now_s = time.monotonic()
        self._committed_s = self._states_s = self._ticked_s = now_s
        self._problem = None
        self._active = True
        _ACTIVE.set(1)
        if not self._problem_log.lasts():  # else that is to be seen: a full disk can be read
            self._say_works()

    def _say_works(self) -> None:
        log.info("monitor_works", database=self._targets.database.name, streams=self._chain.streams)

    def _advance(self) -> int:
        """Take what has come and commit what is due; how many messages came."""
        one_by_one = self._careful > 0
        batch = self._targets.inbox.take(self._settings.gather_s, 1 if one_by_one else self._settings.batch)
        self._output.move(batch.moves)
        try:
            self._chain.take(batch.items, self._output, self._stored_ids)
            if one_by_one or self._due():
                self._commit()
        except WorkerError:
            raise
        except Exception:
            if one_by_one:
                self._skip(batch)
            raise
        self._careful = max(0, self._careful - 1) if batch.items else 0
        _LAG.set(self._targets.inbox.lag)
        return len(batch.items)

    def _due(self) -> bool:
        """Events and images are committed at once, what only moves offsets every few seconds."""
        output, now_s = self._output, time.monotonic()
        return bool(
            output.events
            or output.images
            or output.messages >= self._settings.batch
            or (output.messages and now_s - self._committed_s >= self._settings.keep_s)
        )

    def _check_the_clock(self, took: int) -> None:
        """After `took` messages: store states and run the handlers' ticks when they are due.

        Busy streams do not hold up the ticks: the inbox is caught up when only what came meanwhile waits.
        """
        now_s = time.monotonic()
        if now_s - self._states_s >= self._settings.states_s:
            self._commit(every=True)
            if self._problem_log.clear():
                self._say_works()
            self._forget()
        if now_s - self._ticked_s >= self._settings.tick_s and self._targets.inbox.caught_up(took):
            self._ticked_s = now_s
            self._chain.tick(self._expiry.clock.now_ns(), self._output)
            if self._output.events:
                self._commit()

    def _commit(self, *, every: bool = False) -> None:
        output, self._output = self._output, HandlerOutput()
        self._committed_s = time.monotonic()
        if every:
            self._states_s = self._committed_s
        self._committer.commit(output, self._chain.states(every=every))

    def _forget(self) -> None:
        """Drop streams that have sent nothing for as long as anything is kept."""
        if time.monotonic() < self._forget_s:
            return
        before_ns = self._expiry.before_ns()
        if before_ns is None:
            return
        self._forget_s = time.monotonic() + _FORGET_S
        with self._targets.database.write() as connection:
            gone = forget_states(connection, before_ns)
        for stream_id in gone:
            self._chain.forget(stream_id)

    def _skip(self, batch: Batch) -> None:
        """Read on behind what cannot be stored, with the states from before it."""
        _LOST.inc(len(batch.items))
        log.error("monitor_messages_lost", messages=len(batch.items))
        self._committer.commit(HandlerOutput(moves=dict(batch.moves)), {})
        self._targets.inbox.done()

    def _stored_ids(self, events: Sequence[Event]) -> set[str]:
        with self._targets.database.read() as connection:
            return {str(found) for found in known_ids(connection, [event.id for event in events])}

    def _stored_state(self, key: Key) -> object | None:
        with self._targets.database.read() as connection:
            return read_state(connection, key)

    def _failed(self, reason: str, **fields: object) -> None:
        self._problem_log.note(reason, **fields)
        self._problem = reason
