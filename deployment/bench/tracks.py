"""Pages of tracks over a million events, on SQLite and on PostgreSQL; what their rows cost when events are stored.

    python deployment/bench/tracks.py [--events 1000000] [--databases sqlite,postgresql] [--rounds 20] [--json]

A month of 16 cameras in shops: tracks begin, change their label, enter and leave zones, cross lines, raise alerts, end
with paths of 24 points; each has two images. A page is read as `GET /v1/tracks` reads it, with images and alerts.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from events import BEGIN_NS, END_NS, LABELS, PATH, STREAMS, moment, say, timed
from machine import describe

from monitoring.migrations import MONITORING
from monitoring.store.tables import media
from monitoring.store.writes import add_events
from monitoring.tracks.filters import TrackPageQuery
from monitoring.tracks.query import tracks_page
from monitoring.tracks.record import read_record
from monitoring.tracks.views import track_detail, track_views
from monitoring.tracks.writer import take_events
from tests.peers.postgres import Postgres
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.bus.event import EVENT_SCHEMA, Event, event_id
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate

ZONES = ("entrance", "till", "exit")
A_TRACK = 3.65
"""Events of a track, on average."""
BATCH = 1000
ENOUGH_MS = 300.0


class Maker:
    """Makes tracks, each event in its turn. Not validated: that is the handlers' cost, not the store's."""

    def __init__(self) -> None:
        self.dice = random.Random(7)
        self.tracks = 0

    def track(self, began_ns: int) -> list[Event]:
        """All events of one."""
        dice, number = self.dice, self.tracks
        self.tracks += 1
        stream_id, label = dice.choice(STREAMS), dice.choice(LABELS)
        about = {
            "stream_id": stream_id,
            "session": f"01JD{stream_id.upper()}{number // 20_000:017}",
            "track_id": number,
        }
        lasts_s = round(dice.expovariate(1 / 20) + 1, 2)
        found = [self._event("track_began", about, (began_ns, 0.0), label=label)]
        if dice.random() < 0.25:
            found.append(self._event("label_changed", about, (began_ns, lasts_s * 0.3), label=dice.choice(LABELS)))
        if dice.random() < 0.5:
            zone = dice.choice(ZONES)
            found.append(self._event("zone_entered", about, (began_ns, lasts_s * 0.2), zone=zone))
            found.append(self._event("zone_left", about, (began_ns, lasts_s * 0.7), zone=zone, duration_s=lasts_s / 2))
        if dice.random() < 0.33:
            found.append(self._event("line_crossed", about, (began_ns, lasts_s / 2), line="door", direction="in"))
        if number % 125 == 0:
            found.append(self._event("alert", about, (began_ns, lasts_s * 0.6), rule="no-mask", severity="warning"))
        found.append(
            self._event("track_ended", about, (began_ns, lasts_s), duration_s=lasts_s, path=PATH, reason="gone")
        )
        return found

    def _event(self, kind: Any, about: dict[str, Any], at: tuple[int, float], **fields: Any) -> Event:
        began_ns, after_s = at
        pts_us = (began_ns - BEGIN_NS) // 1000 + round(after_s * 1e6)
        return Event.model_construct(
            schema_=EVENT_SCHEMA,
            id=event_id(kind, about["stream_id"], about["session"], pts_us, about["track_id"]),
            kind=kind,
            pts_us=pts_us,
            captured_at_ns=began_ns + round(after_s * 1e9),
            detector="mask",
            confidence=round(self.dice.betavariate(8, 2), 3),
            xyxy=(412.0, 96.5, 530.2, 251.0),
            size_wh=(1280, 720),
            models={"mask": 3},
            node="host-1",
            **about,
            **fields,
        )


def month(maker: Maker, count: int) -> Iterator[list[Event]]:
    """About `count` events in batches, tracks in the order of their beginning."""
    wanted = round(count / A_TRACK)
    step_ns = (END_NS - BEGIN_NS) // wanted
    for first in range(0, wanted, BATCH // 4):
        numbers = range(first, min(first + BATCH // 4, wanted))
        yield [event for number in numbers for event in maker.track(BEGIN_NS + number * step_ns)]


def images(batch: list[Event]) -> list[dict[str, Any]]:
    """The rows of two images a track."""
    return [
        {
            "kind": kind,
            "stream_id": event.stream_id,
            "session": event.session,
            "track_id": event.track_id,
            "pts_us": event.pts_us,
            "captured_at_ns": event.captured_at_ns,
            "media_type": "image/jpeg",
            "path": f"2026-10-01/{event.id}-{kind}.jpg",
            "bytes": 20_000,
        }
        for event in batch
        if event.kind == "track_began"
        for kind in ("crop", "picture")
    ]


PAGES: dict[str, dict[str, Any]] = {
    "newest": {},
    "a day in the middle": {"since": moment(14), "until": moment(15)},
    "stream": {"stream": ["cam03"]},
    "stream, label": {"stream": ["cam03"], "label": ["without_mask"]},
    "three streams, two labels": {"stream": ["cam03", "cam04", "cam05"], "label": ["without_mask", "with_mask"]},
    "zone, label, confidence": {"zone": ["entrance"], "label": ["without_mask"], "min_confidence": 0.9},
    "zone, line, direction": {"zone": ["till"], "line": ["door"], "direction": ["in"]},
    "longer than a minute": {"min_duration_s": 60},
    "longer than an hour (none)": {"min_duration_s": 3600},
    "a label, longer than an hour (none)": {"label": ["with_mask"], "min_duration_s": 3600},
    "confidence above 0.999 (few)": {"min_confidence": 0.999},
    "with an alert": {"has_alert": True},
    "with an alert, stream, zone": {"has_alert": True, "stream": ["cam03"], "zone": ["till"]},
    "without an alert, stream": {"has_alert": False, "stream": ["cam07"]},
    "in view (none)": {"in_view": True},
    "oldest of a label": {"label": ["mask_weared_incorrect"], "order": "oldest"},
    "a label that there is not, zone": {"zone": ["entrance"], "label": ["nothing"]},
    "one session": {"session": f"01JDCAM03{5:017}"},
    "500 at once": {"limit": 500},
}


def measure(name: str, url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one database."""
    database = Database(driver_url(url))
    migrate(database, MONITORING)
    maker = Maker()
    events = rows_s = events_s = 0.0
    for batch in month(maker, arguments.events):
        with database.write() as connection:
            began_s = time.perf_counter()
            fresh = add_events(connection, batch)
            between_s = time.perf_counter()
            take_events(connection, fresh)
            rows_s += time.perf_counter() - between_s
            events_s += between_s - began_s
            connection.execute(media.insert(), images(batch))
        events += len(batch)
    say(f"{name}: {events:.0f} events, {maker.tracks} tracks, stored in {events_s:.0f} and {rows_s:.0f} s")
    if not database.is_sqlite:
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("ANALYZE")  # as autovacuum does a minute later
    found = {
        "database": name,
        "events": int(events),
        "tracks": maker.tracks,
        "rows_ms_per_event": round(rows_s / events * 1000, 3),
        "events_ms_per_event": round(events_s / events * 1000, 3),
        "pages_ms": read_all(database, arguments.rounds),
    }
    database.close()
    return found


def read_all(database: Database, rounds: int) -> dict[str, dict[str, float]]:
    """How long pages take, for an admin, for whoever may see some cameras, and one track."""

    def page(filters: dict[str, Any], scope: StreamScope = ALL_STREAMS) -> None:
        with database.read() as connection:
            rows = tracks_page(connection, TrackPageQuery(**filters), scope).rows
            json.dumps(track_views(connection, [read_record(row["body"]) for row in rows]))

    def one() -> None:
        with database.read() as connection:
            (row,) = tracks_page(connection, TrackPageQuery(limit=1, stream=["cam05"]), ALL_STREAMS).rows
            track_detail(connection, read_record(row["body"]))

    found = {name: timed(lambda filters=filters: page(filters), rounds) for name, filters in PAGES.items()}  # type: ignore[misc]
    some = StreamScope(("cam0*",))
    found["newest, of ten cameras by a pattern"] = timed(lambda: page({}, some), rounds)
    found["one track with its events"] = timed(one, rounds)
    return found


def markdown(reports: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    names = [f"{report['database']}, {report['events']} events, {report['tracks']} tracks" for report in reports]
    lines = [f"| what | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key in reports[0]["pages_ms"]:
        cells = (f"{one['pages_ms'][key]['median']} / {one['pages_ms'][key]['worst']} ms" for one in reports)
        lines.append(f"| page: {key} (median / worst) | {' | '.join(cells)} |")
    cells = (f"{one['rows_ms_per_event']} beside {one['events_ms_per_event']} ms" for one in reports)
    lines.append(f"| storing: the tracks' rows, beside the events, an event | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print, keep the report. Exit code 1 where a page's median is above 300 ms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reports = []
    with tempfile.TemporaryDirectory(prefix="livesight-tracks-") as folder:
        if "sqlite" in arguments.databases:
            reports.append(measure("SQLite", f"sqlite:///{Path(folder) / 'livesight.db'}", arguments))
        if "postgresql" in arguments.databases:
            with Postgres(fsync=True) as server:
                reports.append(measure("PostgreSQL", server.emptied(), arguments))
    found = {"machine": describe(), "reports": reports}
    place = Path("artifacts/bench")
    place.mkdir(parents=True, exist_ok=True)
    (place / "tracks.json").write_text(json.dumps(found, indent=2) + "\n")
    (place / "tracks.md").write_text(markdown(reports))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else markdown(reports))
    slow = [one for report in reports for one in report["pages_ms"].values() if one["median"] > ENOUGH_MS]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
