"""Alerts on a real database, raised as the monitor does: stored with the events, in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from monitoring.alerts.alert_clips import AlertResources
from monitoring.alerts.service import Alerts
from monitoring.alerts.settings import AlertSettings
from monitoring.core.contracts import CutClip
from monitoring.migrations import MONITORING
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.store.media import MediaStore
from monitoring.store.writes import add_events
from tests.monitoring.happened import Leaping
from workers.bus.event import Event, Severity, event_id
from workers.bus.media import Clip
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate
from workers.errors import ClipUnavailable

SESSION = "01JD0000000000000000000000"


def no_clips(stream_id: str, session: str, from_us: int, to_us: int) -> Clip:
    """A node without packets."""
    raise ClipUnavailable(f"{stream_id} has no packets")


class AlertMonitor:
    """`raise_alert` and `end_alert` do what the monitor does."""

    def __init__(self, folder: Path, settings: AlertSettings, cut: CutClip = no_clips, url: str | None = None) -> None:
        self.rules: dict[str, Rule] = {}
        self.is_active = True
        self.database = Database(driver_url(url or f"sqlite:///{folder / 'livesight.db'}"))
        self.media = MediaStore(folder / "media")
        self.clock = Leaping()
        resources = AlertResources(cut, self.media, self.database, self.clock, lambda: self.is_active)
        self.alerts = Alerts(settings, resources, self.rules.get, "test")
        self.count = 0

    def raise_alert(
        self, rule: str = "mask", stream: str = "door", severity: Severity = "warning", **fields: Any
    ) -> Event:
        """One alert, a second of the stream after the one before."""
        event = self.alert(rule, stream, severity, **fields)
        self.store([event])
        return event

    def end_alert(self, alert: Event, after_s: float = 3.0) -> Event:
        """The end of an alert."""
        event = self.end_of(alert, after_s)
        self.store([event])
        return event

    def alert(self, rule: str = "mask", stream: str = "door", severity: Severity = "warning", **fields: Any) -> Event:
        """As `raise_alert`, not stored."""
        self.count += 1
        given = {
            "session": SESSION, "pts_us": self.count * 1_000_000, "captured_at_ns": time.time_ns(), **fields
        }  # fmt: skip
        return Event(
            id=event_id("alert", stream, given["session"], given["pts_us"], rule=rule),
            kind="alert",
            stream_id=stream,
            rule=rule,
            severity=severity,
            text=f"Alert number {self.count}",
            **given,
        )

    def end_of(self, alert: Event, after_s: float = 3.0) -> Event:
        """As `end_alert`, not stored."""
        pts_us = alert.pts_us + int(after_s * 1e6)
        return alert.model_copy(
            update={
                "id": event_id("alert_ended", alert.stream_id, SESSION, pts_us, rule=alert.rule),
                "kind": "alert_ended",
                "pts_us": pts_us,
                "captured_at_ns": time.time_ns(),
                "duration_s": after_s,
                "cause": alert.id,
            }
        )

    def store(self, events: Sequence[Event]) -> None:
        """As the monitor does; events that are stored already are left out."""
        with self.database.write() as connection:
            fresh = add_events(connection, events)
            self.alerts.write(connection, fresh)
        self.alerts.committed(fresh)

    def state(self, alert: Event) -> dict[str, list[str]]:
        """The states of an alert's deliveries, by target."""
        found: dict[str, list[str]] = {}
        for one in self.alerts.deliveries.of_alerts([alert.id])[alert.id]:
            found.setdefault(one.target, []).append(one.state)
        return found


def rule(name: str = "mask", **fields: Any) -> Rule:
    """A rule with what tests care about."""
    return Rule(name=name, when=SeenCondition(), **fields)


@contextmanager
def running_alerts(
    folder: Path, cut: CutClip = no_clips, url: str | None = None, **settings: Any
) -> Iterator[AlertMonitor]:
    """Runs the alerts of these settings (AlertSettings) until the end of the block."""
    found = AlertMonitor(folder, AlertSettings.model_validate(settings), cut, url)
    migrate(found.database, MONITORING)
    found.alerts.start()
    try:
        yield found
    finally:
        found.alerts.close(5)
        found.database.close()


def eventually(found: Callable[[], Any], timeout_s: float = 30.0) -> Any:
    """What `found` returns once it is true. Raises TimeoutError."""
    deadline_s = time.monotonic() + timeout_s
    while not (value := found()):
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"not within {timeout_s} s")
        time.sleep(0.02)
    return value
