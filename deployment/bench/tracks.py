"""Pages of tracks over a million events, on SQLite and on PostgreSQL; what their rows cost when events are stored.

    python deployment/bench/tracks.py [--events 1000000] [--databases sqlite,postgresql] [--rounds 40] [--json]

A month of a street and of shops (track_world.py), each track with two images. A page is read as `GET /v1/tracks` reads
it, with images and alerts. The shapes are those that leave few tracks of very many, or none.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from events import BEGIN_NS, DAY_NS, moment, say
from machine import describe
from track_world import CLOSET, SHOPS, STREET, TrackMaker, images, month

from monitoring.core.telling import Telling
from monitoring.migrations import MONITORING
from monitoring.store.cursor import cursor_of
from monitoring.store.tables import media
from monitoring.store.writes import add_events
from monitoring.tracks.filters import TrackPageQuery
from monitoring.tracks.query import tracks_page
from monitoring.tracks.record import read_record
from monitoring.tracks.views import track_detail, track_views
from monitoring.tracks.writer import take_events
from tests.peers.postgres import Postgres
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate

ENOUGH_MS = 300.0
MONTH_LONG = f"01JD{STREET.upper()}{0:017}"
A_DAY_LONG = f"01JDSHOP03{5:017}"
EARLY = cursor_of({"captured_at_ns": BEGIN_NS + DAY_NS, "seq": 2**40})
MANY_LABELS = ["with_mask", "car", "person", "without_mask", "bicycle", "mask", *(f"label{n}" for n in range(26))]
MANY_ZONES = ["till", "exit", "entrance", "kerb", "vault", *(f"zone{n}" for n in range(27))]

PAGES: dict[str, dict[str, Any]] = {
    "newest": {},
    "oldest": {"order": "oldest"},
    "a day in the middle": {"since": moment(14), "until": moment(15)},
    "a day far back": {"since": moment(1), "until": moment(2)},
    "since far back, oldest": {"since": moment(1), "order": "oldest"},
    "a cursor 29 days deep": {"cursor": EARLY},
    "a cursor 29 days deep, label": {"cursor": EARLY, "label": ["without_mask"]},
    "stream": {"stream": ["shop03"]},
    "the camera of three tracks": {"stream": [CLOSET]},
    "stream, label": {"stream": ["shop03"], "label": ["without_mask"]},
    "three streams, two labels": {"stream": ["shop03", "shop04", "shop05"], "label": ["without_mask", "with_mask"]},
    "a rare label (5)": {"label": ["wheelchair"]},
    "a rare label, stream": {"label": ["wheelchair"], "stream": ["shop03"]},
    "a label that occurs no longer": {"label": ["mask"]},
    "a label that occurs no longer, last week (none)": {"label": ["mask"], "since": moment(23)},
    "a label that occurs no longer, zone": {"label": ["mask"], "zone": ["till"]},
    "a label that there is not, zone (none)": {"zone": ["entrance"], "label": ["nothing"]},
    "zone": {"zone": ["till"]},
    "a zone of one camera's first week, label": {"zone": ["vault"], "label": ["with_mask"]},
    "zone, label, confidence": {"zone": ["entrance"], "label": ["without_mask"], "min_confidence": 0.9},
    "zone, line, direction": {"zone": ["till"], "line": ["door"], "direction": ["in"]},
    "zone and label that never meet (none)": {"zone": ["kerb"], "label": ["with_mask"]},
    "zone, label, line that never meet (none)": {"zone": ["till"], "label": ["car"], "line": ["door"]},
    "3 zones and 2 labels that never meet (none)": {"zone": ["till", "exit", "entrance"], "label": ["person", "car"]},
    "stream and label that never meet (none)": {"stream": [STREET], "label": ["with_mask"]},
    "never meeting, lasting 5 s (none)": {"zone": ["kerb"], "label": ["with_mask"], "min_duration_s": 5},
    "longer than a minute": {"min_duration_s": 60},
    "longer than an hour (none)": {"min_duration_s": 3600},
    "a label, longer than an hour (none)": {"label": ["with_mask"], "min_duration_s": 3600},
    "confidence above 0.999 (few)": {"min_confidence": 0.999},
    "with an alert": {"has_alert": True},
    "with an alert, stream, zone": {"has_alert": True, "stream": ["shop03"], "zone": ["till"]},
    "without an alert, stream": {"has_alert": False, "stream": ["shop07"]},
    "a rule that raised four": {"rule": ["seldom"]},
    "a severity that never was, label (none)": {"severity": ["critical"], "label": ["with_mask"]},
    "in view (none)": {"in_view": True},
    "in view, label (none)": {"in_view": True, "label": ["with_mask"]},
    "person": {"person": [f"01JDPERSON{7:016}"]},
    "person, label": {"person": [f"01JDPERSON{7:016}"], "label": ["with_mask"]},
    "a session of a month": {"session": MONTH_LONG},
    "a session of a month, oldest": {"session": MONTH_LONG, "order": "oldest"},
    "a session of a month, label": {"session": MONTH_LONG, "label": ["car"]},
    "a session of a month, a zone it never had (none)": {"session": MONTH_LONG, "zone": ["till"]},
    "a session of a month, confidence above 0.999": {"session": MONTH_LONG, "min_confidence": 0.999},
    "a session of a day": {"session": A_DAY_LONG},
    "a number in any session": {"track": 4711},
    "32 labels, 32 zones": {"label": MANY_LABELS, "zone": MANY_ZONES},
    "64 streams, 32 labels": {"stream": [*SHOPS, CLOSET, *(f"cam{n}" for n in range(25))], "label": MANY_LABELS},
    "500 at once": {"limit": 500},
}
SEEN: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "who sees the camera of three tracks": ((CLOSET,), {}),
    "who sees it by a pattern": (("clos*",), {}),
    "who sees it by a pattern, label": (("clos*",), {"label": ["with_mask"]}),
    "who sees it by a pattern, zone (none)": (("clos*",), {"zone": ["till"]}),
    "who sees it by a pattern, with an alert": (("clos*",), {"has_alert": True}),
    "who sees nine shops by a pattern": (("shop0*",), {}),
    "who sees 38 shops by a pattern": (("shop*",), {}),
    "who sees 38 shops by a pattern, a label of the street (none)": (("shop*",), {"label": ["car"]}),
    "who sees 39 cameras by their names": ((*SHOPS, CLOSET), {}),
    "who sees none, by a pattern (none)": (("*z*",), {"zone": ["till"]}),
}


def timed(action: Callable[[], Any], rounds: int) -> dict[str, float]:
    """Milliseconds: the first time, the median and p95 of all."""
    took = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        action()
        took.append((time.perf_counter() - began_s) * 1000)
    ordered = sorted(took)
    p95 = ordered[min(rounds - 1, round(rounds * 0.95))]
    return {"first": round(took[0], 1), "median": round(ordered[rounds // 2], 1), "p95": round(p95, 1)}


def measure(name: str, url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one database."""
    database = Database(driver_url(url))
    migrate(database, MONITORING)
    maker = TrackMaker()
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
            connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum does a minute later
    found = {
        "database": name,
        "events": int(events),
        "tracks": maker.tracks,
        "rows_ms_per_event": round(rows_s / events * 1000, 3),
        "events_ms_per_event": round(events_s / events * 1000, 3),
        "pages_ms": read_all(database, arguments.rounds),
        "load_average": describe()["load_average"],
    }
    database.close()
    return found


def read_all(database: Database, rounds: int) -> dict[str, dict[str, float]]:
    """How long pages take, for an admin, for whoever may see some cameras, and one track."""

    def page(filters: dict[str, Any], scope: StreamScope) -> None:
        with database.read() as connection:
            rows = tracks_page(connection, TrackPageQuery(**filters), scope).rows
            json.dumps(track_views(connection, [read_record(row["body"]) for row in rows], Telling()))

    def one() -> None:
        with database.read() as connection:
            (row,) = tracks_page(connection, TrackPageQuery(limit=1, stream=["shop05"]), ALL_STREAMS).rows
            track_detail(connection, read_record(row["body"]), Telling())

    asked = {name: (filters, ALL_STREAMS) for name, filters in PAGES.items()}
    asked |= {name: (filters, StreamScope(patterns)) for name, (patterns, filters) in SEEN.items()}
    found = {name: timed(lambda each=each: page(*each), rounds) for name, each in asked.items()}  # type: ignore[misc]
    found["one track with its events"] = timed(one, rounds)
    return found


def markdown(reports: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    names = [f"{report['database']}, {report['events']} events, {report['tracks']} tracks" for report in reports]
    lines = [f"| p50 / p95 of a page | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key in reports[0]["pages_ms"]:
        cells = (f"{one['pages_ms'][key]['median']} / {one['pages_ms'][key]['p95']} ms" for one in reports)
        lines.append(f"| {key} | {' | '.join(cells)} |")
    cells = (f"{one['rows_ms_per_event']} beside {one['events_ms_per_event']} ms" for one in reports)
    lines.append(f"| storing: the tracks' rows, beside the events, an event | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print, keep the report. Exit code 1 where a page's p95 is above 300 ms."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=40)
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
    slow = [one for report in reports for one in report["pages_ms"].values() if one["p95"] > ENOUGH_MS]
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
