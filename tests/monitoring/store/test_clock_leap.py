"""A wall clock that is wrong for a while: nothing is deleted or given up by it, and readiness says so."""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from monitoring.migrations import MONITORING
from monitoring.store.retention_clock import Expiry
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import events, handler_states
from monitoring.store.writes import DAY_NS, add_events
from tests.monitoring.happened import happened, message, result
from tests.monitoring.watch import FAST, Watch
from tests.peers.livesight_process import LivesightProcess
from workers.database.database import Database
from workers.database.migrations import migrate
from workers.wall_clock import WallClock

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
EVERY_S = 0.3

SLEEPS = """
# libfaketime refuses the clock_nanosleep that time.sleep calls
import threading, time
time.sleep = lambda seconds: threading.Event().wait(seconds) and None
import livesight
livesight.main()
"""


class LeapingService:
    """`livesight up` under libfaketime: its wall clock alone can be moved while it runs."""

    def __init__(self, folder: Path) -> None:
        self._offset = folder / "offset"
        self.leap("+0")
        self.database = folder / "livesight.db"
        settings = {"MONITORING__RETENTION__EVERY_S": str(EVERY_S), "MONITORING__RETENTION__DAYS": "30"}
        environment = {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        python = (sys.executable, "-c", SLEEPS)
        self.process = LivesightProcess(settings=settings, state_dir=folder, python=python, environment=environment)

    def leap(self, offset: str) -> None:
        """Move the wall clock: `+40d` from where it is right, `+0` back. The file is read at each look at the clock."""
        fresh = self._offset.with_suffix(".new")
        fresh.write_text(offset + "\n")
        fresh.replace(self._offset)

    def reasons(self) -> str:
        """What readiness says."""
        return str(self.process.get_json("/readyz"))

    def numbers(self) -> set[int]:
        """`pts_us` in seconds of the events that are stored."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            rows = connection.execute("SELECT body FROM events WHERE kind = 'track_began'").fetchall()
        return {int(body.partition('"pts_us":')[2].partition(",")[0]) // 1_000_000 for (body,) in rows}


def add(database: Path, *ages_days: int) -> None:
    """Events as old as that; their number is their age in days."""
    opened = Database(f"sqlite:///{database}")
    migrate(opened, MONITORING)
    now_ns = time.time_ns()
    with opened.write() as connection:
        add_events(connection, [happened(age, captured_at_ns=now_ns - age * DAY_NS) for age in ages_days])
    opened.close()


@pytest.mark.skipif(not LIBRARIES, reason="there is no libfaketime (Debian package libfaketime)")
def test_a_clock_that_leaps_forty_days_deletes_nothing(tmp_path: Path) -> None:
    service = LeapingService(tmp_path)
    add(service.database, 0, 5, 20, 29, 35)
    with service.process as process:
        process.wait_for(lambda: service.numbers() == {0, 5, 20, 29}, 30, "ordinary retention")
        service.leap("+40d")
        process.wait_for(lambda: "retention_waits" in process.log(), 30, "a retention that waits")
        add(service.database, 36)
        process.wait_for(lambda: "the clock leapt 40 days ahead" in service.reasons(), 30, "a reason in readiness")
        runs = process.metric("livesight_retention_runs_total")
        process.wait_for(lambda: process.metric("livesight_retention_runs_total") >= runs + 3, 30, "further runs")
        assert service.numbers() == {0, 5, 20, 29, 36}
        service.leap("+0")
        process.wait_for(lambda: service.numbers() == {0, 5, 20, 29}, 30, "ordinary retention again")
        assert "leapt" not in service.reasons()
        assert process.stop()[0] == 0


def test_a_start_with_a_wrong_clock_waits_an_hour() -> None:
    """The newest event is 40 days old: the service was off for long, or the clock is wrong."""
    wall_ns, elapsed_ns = [1_790_000_000 * 10**9], [0]
    clock = WallClock(lambda: wall_ns[0], lambda: elapsed_ns[0])
    expiry = Expiry(RetentionSettings(), clock, lambda: elapsed_ns[0])
    for newest_ns in (None, wall_ns[0] - DAY_NS, wall_ns[0] + DAY_NS):
        expiry.begin(newest_ns)
        assert (expiry.before_ns(), expiry.problem()) == (wall_ns[0] - 30 * DAY_NS, None)
    expiry.begin(wall_ns[0] - 40 * DAY_NS)
    assert expiry.before_ns() is None
    assert "newest event is 40 days older" in (expiry.problem() or "")
    for clocks in (wall_ns, elapsed_ns):
        clocks[0] += 3600 * 10**9
    assert (expiry.before_ns(), expiry.problem()) == (wall_ns[0] - 30 * DAY_NS, None)


def test_handlers_keep_their_states_and_streams_are_not_silent(tmp_path: Path) -> None:
    settings = FAST.model_copy(update={"states_s": 0.1})
    with Watch(f"sqlite:///{tmp_path / 'livesight.db'}", tmp_path, settings=settings) as watch:
        watch.local.publish(message(result(1, labels=("with_mask",))))
        watch.wait_for(1)
        watch.clock.leap_s = 40 * 86_400
        watch.wait(watch.clock.leap_ns, "leap")
        ticks = watch.handler.ticks
        watch.wait(lambda: watch.handler.ticks >= ticks + 5, "ticks amid the leap")
        assert abs(watch.handler.ticked_ns - time.time_ns()) < 60 * 10**9, "ticks go on from before the leap"
        watch.monitor._forget_s = 0.0  # it is an hour until it looks again
        ticks = watch.handler.ticks
        watch.wait(lambda: watch.handler.ticks >= ticks + 5, "a look amid the leap")
        with watch.database.read() as connection:
            assert connection.scalars(select(handler_states.c.stream_id)).all() == ["door", "door"]
            assert len(connection.scalars(select(events.c.id)).all()) == 1
