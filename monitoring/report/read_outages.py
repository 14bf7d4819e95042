"""Reads how often and how long cameras were down. Any thread; blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, and_, func, select

from monitoring.report.report_data import CameraOutages, ReportSubject
from monitoring.store.tables import events
from monitoring.store.visible import visible
from workers.bus.stream_down import RELEASED, REMOVED, is_outage
from workers.database.database import MANY_ROWS

_UP_DOWN = ("stream_up", "stream_down")


def read_outages(connection: Connection, subject: ReportSubject) -> Mapping[str, CameraOutages]:
    """By camera, as shares of the time for which its state is known.

    The state is known from the beginning of the period when there are earlier events, else from the first event, and
    not while Livesight itself did not watch. A camera that is down at the end is down until then.
    """
    since_ns, until_ns = subject.period.bounds_ns
    cameras: dict[str, _Camera] = {}
    for event in _before(connection, subject):
        cameras.setdefault(event["stream_id"], _Camera(since_ns)).change(event, since_ns)
    for camera in cameras.values():
        camera.times = 0  # outages that began earlier
    changes = select(events.c.captured_at_ns, events.c.body).where(
        events.c.kind.in_(_UP_DOWN), *subject.conditions(events.c.captured_at_ns, events.c.stream_id)
    )
    ordered = changes.order_by(events.c.captured_at_ns, events.c.seq)
    for at_ns, body in connection.execute(ordered, execution_options=MANY_ROWS):
        event = json.loads(body)
        cameras.setdefault(event["stream_id"], _Camera(at_ns)).change(event, at_ns)
    return {stream: camera.end(until_ns) for stream, camera in sorted(cameras.items())}


def _before(connection: Connection, subject: ReportSubject) -> Iterator[dict[str, Any]]:
    """Of each camera the newest earlier stream_up and stream_down, in order."""
    since_ns, _ = subject.period.bounds_ns
    earlier = (events.c.kind.in_(_UP_DOWN), events.c.captured_at_ns < since_ns)
    newest = (
        select(events.c.stream_id, events.c.kind, func.max(events.c.captured_at_ns).label("at_ns"))
        .where(*earlier, *visible(events.c.stream_id, subject.events))
        .group_by(events.c.stream_id, events.c.kind)
        .subquery()
    )
    same = [events.c[name] == newest.c[name] for name in ("stream_id", "kind")]
    query = select(events.c.body).join(newest, and_(*same, events.c.captured_at_ns == newest.c.at_ns)).where(*earlier)
    for body in connection.scalars(query.order_by(events.c.captured_at_ns, events.c.seq)):
        yield json.loads(body)


@dataclass(slots=True)
class _Camera:
    """Adds up the outages of one camera. session: the newest that was up. was_down: it was, when last watched."""

    changed_ns: int
    state: Literal["up", "down", "unwatched"] = "up"
    session: str | None = None
    was_down: bool = False
    down_ns: int = 0
    known_ns: int = 0
    times: int = 0
    removed: bool = False

    def change(self, event: dict[str, Any], at_ns: int) -> None:
        """It went up or down, or is watched no more; a repeated event changes nothing."""
        self._add_until(at_ns)
        reason = event.get("reason")
        self.removed = event["kind"] == "stream_down" and reason == REMOVED
        if event["kind"] == "stream_up":
            self.state, self.session, self.was_down = "up", event["session"], False
        elif is_outage(reason):
            self.times += not self.was_down  # one that Livesight looked away from meanwhile is the same
            self.state, self.was_down = "down", True
        elif reason != RELEASED or self.session in (None, event["session"]):  # else the next node shows it already
            self.state = "unwatched"

    def end(self, until_ns: int) -> CameraOutages:
        """The result at the end of the period."""
        self._add_until(until_ns)
        return CameraOutages(self.times, self.down_ns / max(1, self.known_ns), self.removed)

    def _add_until(self, at_ns: int) -> None:
        elapsed_ns, self.changed_ns = at_ns - self.changed_ns, at_ns
        self.down_ns += elapsed_ns if self.state == "down" else 0
        self.known_ns += elapsed_ns if self.state != "unwatched" else 0
