"""The event store with a million events, on SQLite and on PostgreSQL: pages, counts, writing, deleting a day.

    python deployment/bench/events.py [--events 1000000] [--databases sqlite,postgresql] [--seconds 30] [--json]

A month of 16 cameras in shops: tracks begin, change their label, enter zones, cross lines, end with paths of 24 points.
They are stored as the monitor stores them. PostgreSQL is Debian's, as it comes, with fsync.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from machine import describe

from monitoring.migrations import MONITORING
from monitoring.retention.retention import Retention
from monitoring.store.aggregates import CountQuery, counts_of
from monitoring.store.media import MediaStore
from monitoring.store.query import PageQuery, page_of
from monitoring.store.retention_clock import Expiry
from monitoring.store.settings import RetentionSettings
from monitoring.store.writes import HOUR_NS, add_events
from tests.peers.postgres import Postgres
from workers.access.principal import ALL_STREAMS
from workers.bus.event import EVENT_SCHEMA, Event, PathPoint, event_id
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate
from workers.wall_clock import WallClock

STREAMS = tuple(f"cam{number:02}" for number in range(16))
LABELS = ("with_mask", "with_mask", "with_mask", "with_mask", "without_mask", "mask_weared_incorrect")
KINDS = ("track_began", "track_ended", "label_changed", "zone_entered", "zone_left", "line_crossed", "count_changed")
SHARES = (25, 25, 6, 12, 12, 8, 12)
DAYS = 30
DAY_NS = 24 * HOUR_NS
END_NS = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp()) * 10**9
BEGIN_NS = END_NS - DAYS * DAY_NS
PATH = tuple(PathPoint(pts_us=step * 500_000, x=0.1 + step / 40, y=0.5) for step in range(24))
BATCH = 5000
RATE = 500
TICK_S = 0.25
ROUNDS = 20


def made(number: int, at_ns: int, dice: random.Random) -> Event:
    """The `number`-th event. Not validated: that is the handlers' cost, not the store's."""
    kind = "alert" if number % 500 == 0 else dice.choices(KINDS, SHARES)[0]
    stream_id, label = dice.choice(STREAMS), dice.choice(LABELS)
    in_zone = kind in ("zone_entered", "zone_left") or (kind == "alert" and number % 1000 == 0)
    session, track = f"01JD{stream_id.upper()}{number // 50_000:012}", number % 50_000
    return Event.model_construct(
        schema_=EVENT_SCHEMA,
        id=event_id(kind, stream_id, session, number, track),  # type: ignore[arg-type]
        kind=kind,  # type: ignore[arg-type]
        stream_id=stream_id,
        session=session,
        pts_us=number,
        captured_at_ns=at_ns,
        track_id=track,
        detector="mask",
        label=label,
        confidence=round(dice.betavariate(8, 2), 3),
        xyxy=(412.0, 96.5, 530.2, 251.0),
        size_wh=(1280, 720),
        zone=dice.choice(("entrance", "till", "exit")) if in_zone else None,
        line="door" if kind == "line_crossed" else None,
        direction="in" if kind == "line_crossed" else None,
        duration_s=12.5 if kind == "track_ended" else None,
        path=PATH if kind == "track_ended" else (),
        rule="no-mask" if kind == "alert" else None,
        severity="warning" if kind == "alert" else None,
        text="without_mask in zone entrance for 2 s" if kind == "alert" else None,
        models={"mask": 3},
        node="host-1",
    )


def month(count: int) -> Iterator[list[Event]]:
    """In the order of time, in batches; more by day than by night."""
    dice = random.Random(7)
    step_ns = (END_NS - BEGIN_NS) // count
    for first in range(0, count, BATCH):
        moments = (BEGIN_NS + number * step_ns for number in range(first, min(first + BATCH, count)))
        yield [made(first + at, moment, dice) for at, moment in enumerate(moments)]


def timed(action: Callable[[], Any], rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds: the first time, the median, the worst of the rest."""
    took = []
    for _ in range(rounds):
        began_s = time.perf_counter()
        action()
        took.append((time.perf_counter() - began_s) * 1000)
    rest = sorted(took[1:])
    return {"first": round(took[0], 1), "median": round(rest[len(rest) // 2], 1), "worst": round(rest[-1], 1)}


def moment(days: float) -> datetime:
    """So many days after the month's beginning."""
    return datetime.fromtimestamp(BEGIN_NS / 1e9, UTC) + timedelta(days=days)


PAGES: dict[str, dict[str, Any]] = {
    "newest": {},
    "stream": {"stream": ["cam03"]},
    "stream, label": {"stream": ["cam03"], "label": ["without_mask"]},
    "three streams, two kinds": {"stream": ["cam03", "cam04", "cam05"], "kind": ["zone_entered", "track_ended"]},
    "zone, label, confidence": {"zone": ["entrance"], "label": ["without_mask"], "min_confidence": 0.9},
    "one track": {"session": "01JDCAM03000000000003", "track": 4711},
    "confidence of 0.99": {"min_confidence": 0.99},
    "alerts": {"alert": True},
    "alerts of a stream in a zone": {"alert": True, "stream": ["cam03"], "zone": ["till"]},
    "a day in the middle, stream, kind": {
        "since": moment(14),
        "until": moment(15),
        "stream": ["cam07"],
        "kind": ["line_crossed"],
    },
    "oldest of a label": {"label": ["mask_weared_incorrect"], "order": "oldest"},
    "a zone that a label never enters": {"zone": ["entrance"], "label": ["nothing"]},
    "a stream without such a kind": {"stream": ["cam03"], "kind": ["zone_stayed"]},
    "label and rule that never meet": {"label": ["with_mask"], "rule": ["other"], "alert": True},
}
COUNTS: dict[str, dict[str, Any]] = {
    "hours of the month": {},
    "hours of the month, by kind": {"by": "kind"},
    "hours, one stream, one label": {"stream": ["cam03"], "label": ["without_mask"]},
    "days in Berlin, by label": {"bucket": "day", "tz": "Europe/Berlin", "by": "label"},
    "hours, confidence above 0.9 (reads events)": {"min_confidence": 0.9},
    "minutes of a day (reads events)": {"bucket": "minute", "since": moment(14), "until": moment(15)},
}


def read_all(database: Database) -> tuple[dict[str, Any], dict[str, Any]]:
    """How long pages and counts take."""

    def page(filters: dict[str, Any]) -> None:
        with database.read() as connection:
            page_of(connection, PageQuery(**filters), ALL_STREAMS)

    def counts(filters: dict[str, Any]) -> None:
        with database.read() as connection:
            counts_of(connection, CountQuery(**filters), ALL_STREAMS)

    pages = {name: timed(lambda filters=filters: page(filters)) for name, filters in PAGES.items()}  # type: ignore[misc]
    sums = {name: timed(lambda filters=filters: counts(filters), 6) for name, filters in COUNTS.items()}  # type: ignore[misc]
    return pages, sums


class Writer:
    """Stores `RATE` events a second, as the monitor does: what came in a quarter of a second, in one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.took_s: list[float] = []
        self.late_s = 0.0

    def _run(self) -> None:
        dice = random.Random(8)
        number, due_s = 10_000_000 + int(time.time()) % 10**6 * 1000, time.perf_counter()
        while not self._over.is_set():
            batch = [made(number + at, END_NS + number, dice) for at in range(int(RATE * TICK_S))]
            number += len(batch)
            began_s = time.perf_counter()
            with self._database.write() as connection:
                add_events(connection, batch)
            self.took_s.append(time.perf_counter() - began_s)
            due_s += TICK_S
            self.late_s = max(self.late_s, time.perf_counter() - due_s)
            self._over.wait(max(0.0, due_s - time.perf_counter()))

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self._over.set()
        self._thread.join()

    def report(self) -> dict[str, float]:
        """Milliseconds a transaction, and the worst lateness against the plan."""
        ordered = sorted(self.took_s)
        return {
            "transactions": len(ordered),
            "median_ms": round(ordered[len(ordered) // 2] * 1000, 1),
            "p99_ms": round(ordered[int(len(ordered) * 0.99)] * 1000, 1),
            "worst_ms": round(ordered[-1] * 1000, 1),
            "late_ms": round(self.late_s * 1000, 1),
        }


def measure(name: str, url: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one database."""
    database = Database(driver_url(url))
    migrate(database, MONITORING)
    began_s = time.perf_counter()
    for batch in month(arguments.events):
        with database.write() as connection:
            add_events(connection, batch)
    filled_s = time.perf_counter() - began_s
    say(f"{name}: {arguments.events} events in {filled_s:.0f} s")
    retention = Retention(
        Expiry(RetentionSettings(), WallClock()), database, MediaStore(folder / "media"), lambda: True
    )
    pages, counts = read_all(database)
    say(f"{name}: pages and counts read")
    with Writer(database) as alone:
        time.sleep(arguments.seconds)
    with Writer(database) as beside:
        time.sleep(2)
        began_s = time.perf_counter()
        deleted = retention.delete_events(BEGIN_NS + DAY_NS)
        delete_s = time.perf_counter() - began_s
        time.sleep(1)
    database.close()
    return {
        "database": name,
        "events": arguments.events,
        "filled_per_s": round(arguments.events / filled_s),
        "pages_ms": pages,
        "counts_ms": counts,
        "writing_500_per_s": alone.report(),
        "deleting_a_day": {"events": deleted, "seconds": round(delete_s, 2), "writer_meanwhile": beside.report()},
    }


def markdown(reports: list[dict[str, Any]]) -> str:
    """The figures as tables."""
    names = [report["database"] for report in reports]
    lines = [f"| what | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for group, title in (("pages_ms", "page"), ("counts_ms", "counts")):
        for key in reports[0][group]:
            cells = (f"{one[group][key]['median']} / {one[group][key]['worst']} ms" for one in reports)
            lines.append(f"| {title}: {key} (median / worst) | {' | '.join(cells)} |")
    writing = [one["writing_500_per_s"] for one in reports]
    lines.append(f"| 500 events/s: transaction (median / p99) | {_cells(writing, 'median_ms', 'p99_ms')} |")
    lines.append(
        f"| 500 events/s: latest against the plan | {' | '.join(str(one['late_ms']) + ' ms' for one in writing)} |"
    )
    deleting = [one["deleting_a_day"] for one in reports]
    cells = (f"{one['events']} in {one['seconds']} s" for one in deleting)
    lines.append(f"| a day deleted while 500/s are written | {' | '.join(cells)} |")
    beside = [one["writer_meanwhile"] for one in deleting]
    lines.append(f"| the writer's transaction meanwhile (median / worst) | {_cells(beside, 'median_ms', 'worst_ms')} |")
    return "\n".join(lines) + "\n"


def _cells(reports: list[dict[str, Any]], first: str, second: str) -> str:
    return " | ".join(f"{one[first]} / {one[second]} ms" for one in reports)


def say(text: str) -> None:
    """Progress, to the standard error."""
    sys.stderr.write(text + "\n")


def main() -> None:
    """Measure, print, keep the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--seconds", type=float, default=30.0, help="of writing alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reports = []
    with tempfile.TemporaryDirectory(prefix="livesight-events-") as name:
        folder = Path(name)
        if "sqlite" in arguments.databases:
            reports.append(measure("SQLite", f"sqlite:///{folder / 'livesight.db'}", folder, arguments))
        if "postgresql" in arguments.databases:
            with Postgres(fsync=True) as server:
                reports.append(measure("PostgreSQL", server.emptied(), folder, arguments))
    found = {"machine": describe(), "reports": reports}
    place = Path("artifacts/bench")
    place.mkdir(parents=True, exist_ok=True)
    (place / "events.json").write_text(json.dumps(found, indent=2) + "\n")
    (place / "events.md").write_text(markdown(reports))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else markdown(reports))


if __name__ == "__main__":
    main()
