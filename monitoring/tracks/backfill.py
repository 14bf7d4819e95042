"""Tells the tracks of events that an earlier version stored, the newest first, in short steps. Runs in its own thread.

How far it got is stored with what it made: a restart goes on there. Tracks that go on meanwhile are the writer's, which
tells them whole; what is there already stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from sqlalchemy import Connection, select, update

from monitoring.store.tables import events
from monitoring.store.tombstones import hold_back
from monitoring.tracks.rows import insert_rows, key_of, told
from monitoring.tracks.tables import track_backfill, tracks
from monitoring.tracks.writer import lose_others
from workers.bus.event import Event
from workers.database.database import Database
from workers.errors import DatabaseError

log = structlog.get_logger(__name__)

_STEP = 100  # tracks a transaction: some fifty milliseconds
_PAUSE_S = 0.02  # between two steps, for writers that wait
_RETRY_S = 5.0


class TrackBackfill:
    """A BackgroundService. `step` is what its thread does again and again, while this process's monitor works."""

    def __init__(self, database: Database, active: Callable[[], bool]) -> None:
        self._database = database
        self._active = active
        self._problem: str | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="track-backfill", daemon=True)

    def start(self) -> None:
        """See BackgroundService."""
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        return [] if self._problem is None else [f"tracks of earlier events: {self._problem}"]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. Stops between two steps."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def step(self) -> bool:
        """Tell some more tracks. Returns whether there may be others. Raises DatabaseUnavailable."""
        with self._database.write() as connection:
            hold_back(connection)
            before_seq = connection.scalar(select(track_backfill.c.before_seq).where(~track_backfill.c.done))
            if before_seq is None:
                return False
            reached = _tell_some(connection, before_seq)
            changes = {"done": True} if reached is None else {"before_seq": reached}
            if reached is None:
                lose_others(connection, _newest_sessions(connection))
            connection.execute(update(track_backfill).values(changes))
        return reached is not None

    def _run(self) -> None:
        steps = 0
        wait_s = _PAUSE_S
        while not self._closing.wait(wait_s):
            wait_s = _RETRY_S
            if not self._active():
                wait_s = 0.2
                continue
            try:
                if not self.step():
                    break
                steps += 1
                wait_s, self._problem = _PAUSE_S, None
            except DatabaseError as error:
                self._problem = str(error)
            except Exception as error:
                log.exception("track_backfill_failed")
                self._problem = f"{type(error).__name__}: {error}"[:300]
        if steps:
            log.info("track_backfill_stopped" if self._closing.is_set() else "track_backfill_done", steps=steps)


def _tell_some(connection: Connection, before_seq: int) -> int | None:
    """The tracks of the last `track_began` events before that one; the first of these, None without any."""
    query = (
        select(events.c.seq, events.c.body)
        .where(events.c.seq < before_seq, events.c.kind == "track_began")
        .with_hint(events, "NOT INDEXED", "sqlite")  # but in the order of rows
        .order_by(events.c.seq.desc())
        .limit(_STEP)
    )
    found = [(seq, Event.model_validate_json(body)) for seq, body in connection.execute(query)]
    if not found:
        return None
    rows = told(connection, {key_of(event) for _, event in found})
    insert_rows(connection, [row for known in rows.values() for row in known], replace=False)
    return min(int(seq) for seq, _ in found)


def _newest_sessions(connection: Connection) -> dict[str, str]:
    """Of each stream with a track that has not ended: the session of the track that began last."""
    streams = connection.scalars(select(tracks.c.stream_id).where(tracks.c.ended_at_ns.is_(None)).distinct()).all()
    found = {}
    for stream_id in streams:
        of_stream = select(tracks.c.session).where(tracks.c.stream_id == stream_id)
        found[stream_id] = str(connection.scalar(of_stream.order_by(tracks.c.captured_at_ns.desc()).limit(1)))
    return found
