"""Runs deletions: commits them, unlinks files, tells pages that look on, and empties the database's log of them.

`delete` is called on any thread and blocks. The log is emptied at once where nobody reads from it, else by a thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import Connection

from monitoring.deletion.deletion import Removed
from monitoring.store.live_events import Gone, LiveEvents
from monitoring.store.media import MediaStore
from monitoring.store.tombstones import forget_old
from monitoring.tracks.writer import LiveTracks
from workers.database.database import Database
from workers.errors import DatabaseError
from workers.logs import StateLog
from workers.wall_clock import WallClock

log = structlog.get_logger(__name__)

_RETRY_S = 1.0
_LATE_S = 60.0
_FORGET_S = 3600.0


class Deletions:
    """A BackgroundService, and what the routes call."""

    def __init__(
        self, database: Database, media: MediaStore, clock: WallClock, live: tuple[LiveEvents, LiveTracks]
    ) -> None:
        self._database = database
        self._media = media
        self._clock = clock
        self._live_events, self._live_tracks = live
        self._waiting_since_s: float | None = None
        self._awake = threading.Event()
        self._closing = False
        self._problem_log = StateLog(log, "deletion_left_in_log")
        self._thread = threading.Thread(target=self._run, name="deletions", daemon=True)

    def delete(self, what: Callable[[Connection], Removed]) -> Removed:
        """Do what a function of monitoring/deletion/deletion.py says. Raises what that raises, DatabaseUnavailable."""
        with self._database.write() as connection:
            removed = what(connection)
        self._media.unlink(removed.paths)
        log.info("deleted", stream=removed.stream_id, tracks=len(removed.tracks), events=len(removed.events))
        self._tell(removed)
        if not self._scrub():
            self.scrub_soon()
        return removed

    def scrub_soon(self) -> None:
        """Empty the database's log as soon as nobody reads from it. Any thread; does not block."""
        self._waiting_since_s = self._waiting_since_s or time.monotonic()
        self._awake.set()

    def start(self) -> None:
        """See BackgroundService. What a process that died had left is scrubbed."""
        self._awake.set()
        self._thread.start()

    def problems(self) -> list[str]:
        """See BackgroundService."""
        since_s = self._waiting_since_s
        if since_s is None or time.monotonic() - since_s < _LATE_S:
            return []
        return ["deletion: what was deleted is still in the database's log, which somebody has been reading for long"]

    def close(self, timeout_s: float) -> None:
        """See BackgroundService. The log goes with the last connection."""
        self._closing = True
        self._awake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _tell(self, removed: Removed) -> None:
        if removed.events:
            self._live_events.add([Gone(removed.stream_id, tuple(removed.events))])
        if removed.tracks:
            self._live_tracks.add([Gone(removed.stream_id, tuple(removed.tracks))])
        self._live_tracks.add(removed.changed)

    def _scrub(self) -> bool:
        try:
            return self._database.scrub()
        except DatabaseError as error:
            self._problem_log.note(str(error))
            return False

    def _run(self) -> None:
        forget_s = time.monotonic()
        while True:
            self._awake.wait(_FORGET_S)
            self._awake.clear()
            if self._closing:
                return
            if self._scrub():
                self._waiting_since_s = None
                self._problem_log.clear()
            else:
                self._awake.wait(_RETRY_S)
                self._awake.set()
            if time.monotonic() >= forget_s and self._forget():
                forget_s = time.monotonic() + _FORGET_S

    def _forget(self) -> bool:
        """Drop old tombstones, unless the clock cannot be trusted."""
        if self._clock.leap_ns():
            return False
        try:
            with self._database.write() as connection:
                forget_old(connection, self._clock.now_ns())
        except DatabaseError as error:
            self._problem_log.note(str(error))
            return False
        return True
