"""Questions in words over a million events, on SQLite and on PostgreSQL: how long each kind of answer takes.

    python deployment/bench/ask.py [--events 1000000] [--databases sqlite,postgresql] [--rounds 20] [--json]

The month of track_world.py, with zones and lines, and images of each track. A question is answered as `POST /v1/ask`
answers it: read, run, with the tracks and events that are shown. Exit code 1 where a question's p95, or that of all, is
above 300 ms, or where a question is not answered.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from events import END_NS, say
from machine import describe
from track_world import SHOPS, STREET, ZONES, TrackMaker, images, month
from tracks import ENOUGH_MS, timed

from monitoring.ask.asker import Asker, Asking
from monitoring.ask.installation import Arranged, InstallationReader
from monitoring.ask.kept import Kept
from monitoring.ask.views import AskRequest
from monitoring.core.known_people import Known
from monitoring.core.telling import Telling
from monitoring.events.zone import Line, Scene, Zone
from monitoring.migrations import MONITORING
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.store.tables import media
from monitoring.store.writes import add_events
from monitoring.tracks.writer import take_events
from tests.peers.postgres import Postgres
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate
from workers.label_words import usual_words

QUESTIONS = (
    "How many tracks were there yesterday?",
    "How many people came this month?",
    "How many people without a mask were at shop03 last week?",
    "How many people without a mask were there this month?",
    "How many people with masks were there this month?",
    "How many cars were in view this month?",
    "How many vehicles came between 9 and 10 this month?",
    "How many tracks lasted longer than 2 minutes this month?",
    "How many people without a mask came on Mondays this month?",
    "How many people entered the entrance this month?",
    "How many tracks left the till this month?",
    "How many crossings of line door in direction in this month?",
    "How often was the line door crossed at shop05 last week?",
    "How many alerts of rule no-mask were there this month?",
    "How many strangers were at shop07 yesterday?",
    "Who was at shop03 this month?",
    "Who was at the till this week?",
    "Who came most often this month?",
    "When did Person 7 come this month?",
    "When was Person 7 last seen?",
    "Where was Person 7 this month?",
    "How long was Person 7 here this month?",
    "How long do people stay at the till on average this month?",
    "How long are tracks of cars on average this month?",
    "When was the last wheelchair seen?",
    "When was the first wheelchair seen?",
    "Who was the last person at shop03 yesterday?",
    "When was it busiest this month?",
    "When was it busiest at shop03 for people without a mask this month?",
    "Which camera saw the most people this month?",
    "Which zone was the busiest this month?",
    "How many tracks per day this month?",
    "How many tracks by label this month?",
    "Compare tracks at shop03 and shop04 this month",
    "Were there more people without a mask this week than last week?",
    "Was anyone without a mask at shop03 last night?",
    "List the alerts of this month",
    "When was shop03 offline this month?",
)
SEEN = ("How many people came this month?", "Who was here this month?", "When was it busiest this month?")


class Enrolled:
    """EnrolledPeople of track_world.py."""

    def __init__(self) -> None:
        self._known = tuple(Known(f"01JDPERSON{number:016}", f"Person {number}", ()) for number in range(200))
        self._names = {one.id: one.name for one in self._known}

    def name_of(self, person_id: str) -> str | None:
        """See KnownPeople."""
        return self._names.get(person_id)

    def all(self) -> tuple[Known, ...]:
        """See KnownPeople."""
        return self._known

    def ids(self, text: str) -> tuple[str, ...]:
        """Nobody was merged."""
        return (text,) if text in self._names else ()

    def group(self, name: str) -> frozenset[str]:
        """There are none."""
        return frozenset()

    def canonical(self, person_id: str) -> str | None:
        """See `ids`."""
        return person_id if person_id in self._names else None


def scenes() -> list[Scene]:
    """Those of track_world.py."""
    polygon = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
    zones = tuple(Zone(name=name, polygon=polygon) for name in ZONES)
    door = (Line(name="door", start=(0, 0), end=(1, 1)),)
    shops = [Scene(stream_id=name, zones=zones, lines=door) for name in SHOPS]
    return [*shops, Scene(stream_id=STREET, zones=(Zone(name="kerb", polygon=polygon),), lines=door)]


def rules() -> list[Rule]:
    """Those that raised alerts."""
    return [Rule(name=name, when=SeenCondition()) for name in ("no-mask", "seldom")]


def filled(database: Database, count: int) -> int:
    """Migrates and stores the month; how many events."""
    migrate(database, MONITORING)
    maker, events = TrackMaker(), 0
    for batch in month(maker, count):
        with database.write() as connection:
            take_events(connection, add_events(connection, batch))
            connection.execute(media.insert(), images(batch))
        events += len(batch)
    if not database.is_sqlite:
        with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")  # as autovacuum does a minute later
    return events


def asker_of(database: Database) -> Asker:
    """Asked at the end of the month."""
    people, now = Enrolled(), datetime.fromtimestamp(END_NS / 1e9 - 3600 * 6, UTC)
    reader = InstallationReader(Arranged(scenes, rules), usual_words, people)
    return Asker(database, reader, Kept(), Telling(usual_words, people), lambda: now)


def measure(name: str, url: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything, on one database."""
    database = Database(driver_url(url))
    events = filled(database, arguments.events)
    say(f"{name}: {events} events stored")
    asker = asker_of(database)
    some = StreamScope(("shop0*",))
    asked = {question: (question, Asking(ALL_STREAMS, ALL_STREAMS, names=True)) for question in QUESTIONS}
    asked |= {f"who sees nine shops: {question}": (question, Asking(some, some, names=True)) for question in SEEN}
    answers, took = {}, {}
    for key, (question, asking) in asked.items():
        request = AskRequest(question=question, tz="Europe/Berlin")
        answers[key] = asker.ask(request, asking)
        took[key] = timed(lambda request=request, asking=asking: asker.ask(request, asking), arguments.rounds)  # type: ignore[misc]
    database.close()
    return {
        "database": name,
        "events": events,
        "answers_ms": took,
        "answers": {key: told["answer"] for key, told in answers.items()},
        "not_answered": [key for key, told in answers.items() if told["status"] != "answered"],
        "load_average": describe()["load_average"],
    }


def overall(report: dict[str, Any]) -> float:
    """The p95 over the questions, each by its median."""
    medians = sorted(one["median"] for one in report["answers_ms"].values())
    return float(medians[min(len(medians) - 1, round(len(medians) * 0.95))])


def markdown(reports: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    names = [f"{report['database']}, {report['events']} events" for report in reports]
    lines = [f"| p50 / p95 of an answer | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for key in reports[0]["answers_ms"]:
        cells = (f"{one['answers_ms'][key]['median']} / {one['answers_ms'][key]['p95']} ms" for one in reports)
        lines.append(f"| {key} | {' | '.join(cells)} |")
    lines.append(f"| p95 over all questions | {' | '.join(f'{overall(one)} ms' for one in reports)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print, keep the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reports = []
    with tempfile.TemporaryDirectory(prefix="livesight-ask-") as folder:
        if "sqlite" in arguments.databases:
            reports.append(measure("SQLite", f"sqlite:///{Path(folder) / 'livesight.db'}", arguments))
        if "postgresql" in arguments.databases:
            with Postgres(fsync=True) as server:
                reports.append(measure("PostgreSQL", server.emptied(), arguments))
    found = {"machine": describe(), "reports": reports}
    place = Path("artifacts/bench")
    place.mkdir(parents=True, exist_ok=True)
    (place / "ask.json").write_text(json.dumps(found, indent=2) + "\n")
    (place / "ask.md").write_text(markdown(reports))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else markdown(reports))
    for report in reports:
        for key in report["not_answered"]:
            say(f"{report['database']}: not answered: {key}: {report['answers'][key]}")
    return 1 if any(overall(one) > ENOUGH_MS or one["not_answered"] for one in reports) else 0


if __name__ == "__main__":
    sys.exit(main())
