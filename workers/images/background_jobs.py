"""Work on frames that no result waits for: image figures and snapshots. Runs in its own thread.

One thread for all streams, so that by-products never take more than one CPU and no inference worker's time. A stream's
next job of a kind replaces the one that still waits: when the machine is short of CPU there are fewer by-products, not
later ones, and each stream keeps one frame alive at most for each kind.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable

import structlog
from prometheus_client import Counter

log = structlog.get_logger(__name__)

SKIPPED = Counter("livesight_sideline_skipped", "Figures and snapshots left out because newer frames came.")

_TICK_S = 0.5


class BackgroundJobs:
    """`submit` from any thread; jobs run one after the other. The thread starts with the first job."""

    def __init__(self) -> None:
        self._jobs: dict[Hashable, Callable[[], None]] = {}
        self._tickers: list[Callable[[], None]] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Run `job` soon, instead of the one with the same key if that has not begun. Never blocks."""
        with self._changed:
            if self._closed:
                return
            if key in self._jobs:
                SKIPPED.inc()
            self._jobs[key] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="background-jobs", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def every(self, tick: Callable[[], None]) -> None:
        """Call `tick` on the thread about twice a second, once it runs."""
        with self._changed:
            self._tickers.append(tick)

    def close(self, timeout_s: float) -> None:
        """Drop what waits and end the thread. Idempotent."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
            if thread.is_alive():
                log.error("background_thread_still_running")

    def _run(self) -> None:
        tick_s = time.monotonic() + _TICK_S
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._jobs, max(0.0, tick_s - time.monotonic()))
                if self._closed:
                    return
                job = self._jobs.pop(next(iter(self._jobs))) if self._jobs else None
                tickers = list(self._tickers)
            if job is not None:
                self._call(job)
            if time.monotonic() >= tick_s:
                tick_s = time.monotonic() + _TICK_S
                for tick in tickers:
                    self._call(tick)

    def _call(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:
            log.exception("background_job_failed")
