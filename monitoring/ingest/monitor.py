"""From results to events: reads, has the handlers think, keeps what they say. Runs in its own thread.

Everything a batch brings about goes into one transaction: events, what keepers add, handlers' states, offsets. Between
events nothing need be written: after a crash Kafka is read again from the offsets, with the states that belong to them.
When anything goes wrong there is one way back: forget, restore from the database, read on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import structlog
from prometheus_client import Counter, Gauge

from monitoring.core.ports import Assembly
from monitoring.ingest.commit import CommitTargets, Committer
from monitoring.ingest.handler_chain import HandlerChain, HandlerOutput
from monitoring.ingest.inbox import Batch
from monitoring.settings import MonitorSettings
from monitoring.store.checkpoints import Key, forget_states, read_offsets, read_state, read_states, set_offsets
from monitoring.store.leader_lock import lead
from monitoring.store.writes import DAY_NS, known_ids
from workers.bus.event import Event
from workers.errors import WorkerError

log = structlog.get_logger(__name__)

_RETRY_S = 1.0
_FORGET_S = 3600.0
_CAREFUL = 50  # messages taken one by one after a failure that is no outage

_LOST = Counter("livesight_monitor_lost_messages", "Messages that could not be kept whatever was tried.")
_LAG = Gauge("livesight_monitor_lag_messages", "Messages that wait for the monitor.")
_ACTIVE = Gauge("livesight_monitor_active", "1 where the monitor works, 0 where it stands by.")


class Monitor:
    """Start it, close it. One at a time works on a database; others stand by until that one is gone."""

    def __init__(
        self, settings: MonitorSettings, places: CommitTargets, built: Assembly, prepare: Callable[[], None]
    ) -> None:
        """prepare: called on the monitor's thread before anything else, until it succeeds once (migrations)."""
        self._settings = settings
        self._places = places
        self._keeping = Committer(places, built.keepers)
        self._thinking = HandlerChain(built.handlers, self._stored_state)
        self._prepare: Callable[[], None] | None = prepare
        self._work = HandlerOutput()
        self._kept_s = self._all_kept_s = self._ticked_s = 0.0
        self._careful = 0
        self._forget_s = 0.0
        self._active = False
        self._problem: str | None = None
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
        """Begin. Neither database nor broker need be there."""
        self._thread.start()

    def problems(self) -> list[str]:
        """Why nothing is monitored now, in words. Any thread."""
        found = (self._problem, self._keeping.disk_problem)
        return [f"monitor: {problem}" for problem in found if problem is not None]

    def close(self, timeout_s: float) -> None:
        """Take what has come in process, keep everything, end. Idempotent."""
        self._closing.set()
        self._places.inbox.wake()
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
                self._work_once_leading()
                continue
            except WorkerError as error:
                self._failed(str(error))
            except Exception as error:
                log.exception("monitor_failed")
                self._failed(f"{type(error).__name__}: {error}"[:300])
                self._careful = _CAREFUL
            finally:
                self._active = False
                _ACTIVE.set(0)
            self._closing.wait(_RETRY_S)
        self._places.inbox.close()

    def _work_once_leading(self) -> None:
        """Returns when closing. Raises what ended it otherwise."""
        with lead(self._places.database, self._closing) as held:
            if held is None:
                return
            self._begin()
            while True:
                closing = self._closing.is_set()
                took = self._advance()
                held()
                self._look_at_the_clock(took)
                if closing and (not took or self._places.inbox.lasts):
                    break
            self._keep(every=True)

    def _begin(self) -> None:
        self._work = HandlerOutput()
        with self._places.database.read() as connection:
            states, offsets = read_states(connection), read_offsets(connection)
        self._thinking.restore(states)
        begun = self._places.inbox.open(offsets)
        if begun:
            with self._places.database.write() as connection:
                set_offsets(connection, begun)
        now_s = time.monotonic()
        self._kept_s = self._all_kept_s = self._ticked_s = now_s
        self._problem = None
        self._active = True
        _ACTIVE.set(1)
        log.info("monitor_works", database=self._places.database.name, streams=self._thinking.streams)

    def _advance(self) -> int:
        """Take what has come and keep what is due; how many messages came."""
        one_by_one = self._careful > 0
        batch = self._places.inbox.take(self._settings.gather_s, 1 if one_by_one else self._settings.batch)
        self._work.move(batch.moves)
        try:
            self._thinking.take(batch.items, self._work, self._known)
            if one_by_one or self._due():
                self._keep()
        except WorkerError:
            raise
        except Exception:
            if one_by_one:
                self._pass_over(batch)
            raise
        self._careful = max(0, self._careful - 1) if batch.items else 0
        _LAG.set(self._places.inbox.lag)
        return len(batch.items)

    def _due(self) -> bool:
        """Events and pictures are kept at once, what only moves on every few seconds."""
        work, now_s = self._work, time.monotonic()
        return bool(
            work.events
            or work.pictures
            or work.messages >= self._settings.batch
            or (work.messages and now_s - self._kept_s >= self._settings.keep_s)
        )

    def _look_at_the_clock(self, took: int) -> None:
        """After `took` messages. Streams that never rest are no reason to look away: caught up is who has read all but
        what came meanwhile.
        """
        now_s = time.monotonic()
        if now_s - self._all_kept_s >= self._settings.states_s:
            self._keep(every=True)
            self._forget()
        if now_s - self._ticked_s >= self._settings.tick_s and self._places.inbox.caught_up(took):
            self._ticked_s = now_s
            self._thinking.tick(time.time_ns(), self._work)
            if self._work.events:
                self._keep()

    def _keep(self, *, every: bool = False) -> None:
        work, self._work = self._work, HandlerOutput()
        self._kept_s = time.monotonic()
        if every:
            self._all_kept_s = self._kept_s
        self._keeping.keep(work, self._thinking.states(every=every))

    def _forget(self) -> None:
        """Streams that nobody has heard of for as long as anything is kept."""
        if time.monotonic() < self._forget_s:
            return
        self._forget_s = time.monotonic() + _FORGET_S
        with self._places.database.write() as connection:
            before_ns = time.time_ns() - int(self._settings.retention.days * DAY_NS)
            gone = forget_states(connection, before_ns)
        for stream_id in gone:
            self._thinking.forget(stream_id)

    def _pass_over(self, batch: Batch) -> None:
        """Read on behind what cannot be kept, with the states from before it."""
        _LOST.inc(len(batch.items))
        log.error("monitor_messages_lost", messages=len(batch.items))
        self._keeping.keep(HandlerOutput(moves=dict(batch.moves)), {})
        self._places.inbox.done()

    def _known(self, events: Sequence[Event]) -> set[str]:
        with self._places.database.read() as connection:
            return {str(found) for found in known_ids(connection, [event.id for event in events])}

    def _stored_state(self, key: Key) -> object | None:
        with self._places.database.read() as connection:
            return read_state(connection, key)

    def _failed(self, reason: str) -> None:
        if self._problem != reason:
            log.warning("monitor_stopped", reason=reason)
        self._problem = reason
