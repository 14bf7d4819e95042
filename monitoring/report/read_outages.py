"""Reads how often and how long cameras were down. Any thread; blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, literal_column, select

from monitoring.report.report_data import CameraOutages, ReportSubject
from monitoring.store.tables import events
from monitoring.store.visible import visible
from workers.database.database import MANY_ROWS

_UP_DOWN = ("stream_up", "stream_down")


def read_outages(connection: Connection, subject: ReportSubject) -> Mapping[str, CameraOutages]:
    """By camera, as shares of the time for which its state is known.

    The state is known from the beginning of the period when there are earlier events, else from the first event. A
    camera that is down at the end is down until then.
    """
    since_ns, until_ns = subject.period.bounds_ns
    changes = select(events.c.stream_id, events.c.kind, events.c.captured_at_ns).where(events.c.kind.in_(_UP_DOWN))
    within = changes.where(*subject.conditions(events.c.captured_at_ns, events.c.stream_id))
    cameras = {stream: _Camera(since_ns, is_up) for stream, is_up in _before(connection, subject).items()}
    ordered = within.order_by(events.c.captured_at_ns, events.c.seq)
    for stream, kind, at_ns in connection.execute(ordered, execution_options=MANY_ROWS):
        cameras.setdefault(stream, _Camera(at_ns, True)).change(kind == "stream_up", at_ns)
    return {stream: camera.end(until_ns) for stream, camera in sorted(cameras.items())}


def _before(connection: Connection, subject: ReportSubject) -> Mapping[str, bool]:
    """The cameras with earlier events, and whether they were up."""
    since_ns, _ = subject.period.bounds_ns
    seen = visible(events.c.stream_id, subject.events)
    newest = (
        select(events.c.stream_id, events.c.kind, func.max(events.c.captured_at_ns).label("at_ns"))
        .where(events.c.kind.in_(_UP_DOWN), events.c.captured_at_ns < since_ns, *seen)
        .group_by(events.c.stream_id, events.c.kind)
        .order_by(literal_column("at_ns"))
    )
    return {stream: kind == "stream_up" for stream, kind, _ in connection.execute(newest)}


@dataclass(slots=True)
class _Camera:
    """Adds up the outages of one camera."""

    known_ns: int
    is_up: bool
    changed_ns: int = 0
    down_ns: int = 0
    times: int = 0

    def __post_init__(self) -> None:
        self.changed_ns = self.known_ns

    def change(self, is_up: bool, at_ns: int) -> None:
        """It went up or down; a repeated event changes nothing."""
        if is_up == self.is_up:
            return
        if is_up:
            self.down_ns += at_ns - self.changed_ns
        else:
            self.times += 1
        self.is_up, self.changed_ns = is_up, at_ns

    def end(self, until_ns: int) -> CameraOutages:
        """The result at the end of the period."""
        if not self.is_up:
            self.down_ns += until_ns - self.changed_ns
        return CameraOutages(self.times, self.down_ns / max(1, until_ns - self.known_ns))
