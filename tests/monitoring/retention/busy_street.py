"""Days of a busy street, a door and a vault, stored as the monitor stores them, at a clock that is wound forward.

Used by the tests, and by deployment/bench/month.py for a whole month.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from monitoring.alerts.alert_writer import write_alerts
from monitoring.alerts.tables import alerts
from monitoring.retention.forecast import Forecast
from monitoring.retention.rates import Forecaster
from monitoring.retention.retention import Retention
from monitoring.store.media import MediaStore
from monitoring.store.retention_clock import Expiry
from monitoring.store.retention_policy import RetentionPolicy, kind_of_media
from monitoring.store.settings import RetentionSettings
from monitoring.store.tables import event_hours, events, media
from monitoring.store.writes import DAY_NS, HOUR_NS, add_events
from monitoring.tracks.tables import tracks
from monitoring.tracks.writer import LiveTracks, TrackWriter
from tests.monitoring.happened import happened
from workers.bus.event import Event, Kind
from workers.database.database import Database
from workers.wall_clock import WallClock

MONDAY_NS = 1_789_948_800 * 10**9
"""2026-09-21 00:00 UTC, when a month begins."""

CAMERAS: Mapping[str, float] = {"street-1": 1.0, "street-2": 0.6, "door": 0.1, "vault": 0.02}
"""How much comes by each, of the busiest hour of `street-1`."""

BYTES = {"crop": 9_000, "picture": 31_000, "clip": 100_000}
ALERT_EVERY = 150
_BY_HOUR = [
    0.1,
    0.05,
    0.05,
    0.05,
    0.1,
    0.3,
    0.6,
    0.9,
    1,
    0.9,
    0.8,
    0.8,
    1,
    0.9,
    0.8,
    0.8,
    0.9,
    1,
    1,
    0.8,
    0.6,
    0.4,
    0.3,
    0.2,
]
_WEEKEND = 0.6
_STEPS: tuple[tuple[Kind, dict[str, Any]], ...] = (
    ("track_began", {}),
    ("zone_entered", {"zone": "crossing"}),
    ("line_crossed", {"line": "kerb", "direction": "in"}),
    ("zone_left", {"zone": "crossing", "duration_s": 4.0}),
    ("track_ended", {"duration_s": 9.0}),
)


@dataclass(frozen=True, slots=True)
class Day:
    """What was there at the end of a day. oldest_s: how old the oldest is, by camera and kind.

    stored, media_bytes: what the limits count; tracks_with_alert, alerts: rows.
    """

    number: int
    stored: int
    media_bytes: int
    forecast: Forecast
    oldest_s: Mapping[tuple[str, str], float]
    alerts_shown: tuple[int, int]

    def reach_s(self, kind: str, stream_id: str = "street-1") -> float:
        """How old the oldest of a kind is."""
        return self.oldest_s.get((stream_id, kind), 0.0)


@dataclass(slots=True)
class BusyStreet:
    """`per_hour`: tracks in the busiest hour of the busiest camera. every_h: how often retention runs."""

    database: Database
    folder: Path
    settings: RetentionSettings
    per_hour: int
    every_h: int = 1
    dice: random.Random = field(default_factory=lambda: random.Random(11))
    tracks: int = 0

    def live(self, days: int) -> Iterator[Day]:
        """Store hour after hour, with retention in between; yields each day as it is at its end."""
        policy = RetentionPolicy(self.settings)
        store = MediaStore(self.folder / "media")
        store.folder.mkdir(exist_ok=True)
        forecaster = Forecaster(self.database, policy, store.folder, lambda folder: 2**40)
        retention = Retention(Expiry(self.settings, WallClock()), self.database, store, lambda: True, forecaster)
        writer = TrackWriter(LiveTracks(), policy)
        for hour in range(days * 24):
            began_ns = MONDAY_NS + hour * HOUR_NS
            made, files = self._hour(began_ns)
            with self.database.write() as connection:
                fresh = add_events(connection, made, lambda event: policy.stores(event.kind, event.stream_id))
                write_alerts(connection, fresh, lambda name: None, [])
                writer.write(connection, fresh)
                kept = [one for one in files if policy.stores(kind_of_media(one["kind"]), one["stream_id"])]
                if kept:
                    connection.execute(media.insert(), kept)
            writer.committed(fresh)
            now_ns = began_ns + HOUR_NS
            if hour % self.every_h == self.every_h - 1:
                retention.run_once(now_ns)
            if hour % 24 == 23:
                yield self._day(hour // 24 + 1, now_ns, forecaster.measure(now_ns))

    def _hour(self, began_ns: int) -> tuple[list[Event], list[dict[str, Any]]]:
        hour = (began_ns - MONDAY_NS) // HOUR_NS
        busy = _BY_HOUR[hour % 24] * (_WEEKEND if hour // 24 % 7 >= 5 else 1.0) * self.per_hour
        made, files = [], []
        for stream_id, share in CAMERAS.items():
            for _ in range(round(busy * share * self.dice.uniform(0.9, 1.1) + self.dice.random() / 2)):
                self.tracks += 1
                at_ns = began_ns + self.dice.randrange(HOUR_NS - 10 * 10**9)
                of_track, shown = _track(self.tracks, stream_id, at_ns)
                made += of_track
                files += shown
        return made, files

    def _day(self, number: int, now_ns: int, forecast: Forecast) -> Day:
        with self.database.read() as connection:
            return Day(
                number,
                int(connection.scalar(select(func.sum(event_hours.c.count))) or 0),
                int(connection.scalar(select(func.sum(media.c.bytes))) or 0),
                forecast,
                {key: (now_ns - at_ns) / 1e9 for key, at_ns in _oldest(connection).items()},
                _alerts_shown(connection),
            )


def _track(number: int, stream_id: str, at_ns: int) -> tuple[list[Event], list[dict[str, Any]]]:
    """The events of a track and the files that are stored of it."""
    session = f"01JD{at_ns // DAY_NS:022}"
    about = {"session": session, "track_id": number, "label": "person", "confidence": 0.9}
    steps = [*_STEPS]
    if number % ALERT_EVERY == 0:
        steps.insert(2, ("alert", {"rule": "crossing", "severity": "warning", "zone": "crossing"}))
    made = [
        happened(number * 10 + step, kind, stream_id, captured_at_ns=at_ns + step * 10**9, **about, **more)
        for step, (kind, more) in enumerate(steps)
    ]
    file = {
        "stream_id": stream_id, "session": session, "pts_us": number, "captured_at_ns": at_ns, "event_id": None,
        "track_id": number, "media_type": "image/jpeg", "quality": 1.0, "boxes": None,
    }  # fmt: skip
    files = [{**file, "kind": kind, "path": f"{number}.{kind}", "bytes": BYTES[kind]} for kind in ("crop", "picture")]
    for event in made:
        if event.kind == "alert":
            of_alert = {"kind": "clip", "path": f"{number}.clip", "bytes": BYTES["clip"], "media_type": "video/mp4"}
            files.append({**file, **of_alert, "track_id": None, "event_id": event.id})
    return made, files


def _oldest(connection: Connection) -> dict[tuple[str, str], int]:
    """By stream and kind; images and tracks are those without an alert."""
    found: dict[tuple[str, str], int] = {}
    of_alert = select(tracks.c.track_id).where(tracks.c.alerts > 0)
    queries: Sequence[Any] = (
        select(events.c.stream_id, events.c.kind, func.min(events.c.captured_at_ns)).group_by(
            events.c.stream_id, events.c.kind
        ),
        select(media.c.stream_id, media.c.kind, func.min(media.c.captured_at_ns))
        .where(media.c.track_id.is_(None) | media.c.track_id.not_in(of_alert))
        .group_by(media.c.stream_id, media.c.kind),
    )
    for query in queries:
        found |= {(stream_id, kind): at_ns for stream_id, kind, at_ns in connection.execute(query)}
    rows = select(tracks.c.stream_id, func.min(tracks.c.captured_at_ns)).where(tracks.c.alerts == 0)
    found |= {
        (stream_id, "tracks"): at_ns for stream_id, at_ns in connection.execute(rows.group_by(tracks.c.stream_id))
    }
    return found


def _alerts_shown(connection: Connection) -> tuple[int, int]:
    """How many alerts there are, and how many of these have their event, track and clip."""
    joined = (
        select(func.count())
        .select_from(alerts)
        .join(events, events.c.id == alerts.c.id)
        .join(tracks, (tracks.c.session == events.c.session) & (tracks.c.track_id == events.c.track_id))
        .join(media, media.c.event_id == alerts.c.id)
    )
    return connection.scalar(select(func.count()).select_from(alerts)) or 0, connection.scalar(joined) or 0
