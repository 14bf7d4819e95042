"""A month of a busy street under limits by camera and kind, on SQLite and PostgreSQL: do they hold, was it foretold?

    python deployment/bench/month.py [--per-hour 60] [--days 30] [--databases sqlite,postgresql] [--json]

Four cameras, busy by the hour and by the day, stored as the monitor stores them at a clock that is wound forward
(tests/monitoring/retention/busy_street.py). The limits are some days' worth. Exit code 1 where one does not hold, an
alert lost what it shows, or a forecast from the second week on was off by more than a fifth.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from machine import describe

from monitoring.migrations import MONITORING
from monitoring.store.settings import RetentionRule, RetentionSettings
from tests.monitoring.retention.busy_street import BusyStreet, Day
from tests.peers.postgres import Postgres
from workers.database.database import Database
from workers.database.database_url import driver_url
from workers.database.migrations import migrate

DAY_S = 86_400.0
FAR_OFF = 0.2
STREETS = ("street-*",)
RULES = (
    RetentionRule(streams=STREETS, kinds=("line_crossed",), store=False),
    RetentionRule(streams=STREETS, kinds=("zone_*",), days=2),
    RetentionRule(streams=STREETS, kinds=("pictures",), days=1),
    RetentionRule(kinds=("alert*", "clips"), days=14),
)
LIMITED = {"events": ("track_began", "street-1"), "media_bytes": ("crop", "street-1")}
"""What the limit on events, or on bytes, leaves of what is set to stay for a month."""


def settings_for(per_hour: int) -> RetentionSettings:
    """Limits that some days of so many tracks fill."""
    a_day = round(per_hour * 14.1 * 1.72)
    return RetentionSettings.model_construct(
        days=30.0, events=a_day * 26, media_bytes=a_day * 110_000, every_s=300.0, rules=RULES
    )


def judged(day: Day, settings: RetentionSettings) -> list[str]:
    """What does not hold at the end of a day, in words."""
    held = {
        "events": day.stored <= settings.events,
        "media_bytes": day.media_bytes <= settings.media_bytes,
        "lines of a street": day.reach_s("line_crossed") == 0,
        "zones of a street": day.reach_s("zone_entered") <= 2 * DAY_S + 3600,
        "pictures of a street": day.reach_s("picture") <= DAY_S + 3600,
        "what alerts show": day.alerts_shown[0] == day.alerts_shown[1],
        "alerts": day.reach_s("alert") <= 14 * DAY_S + 3600,
    }
    return [f"day {day.number}: {what}" for what, holds in held.items() if not holds]


def measure(name: str, url: str, folder: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """A month on one database."""
    database = Database(driver_url(url))
    migrate(database, MONITORING)
    settings = settings_for(arguments.per_hour)
    street = BusyStreet(database, folder, settings, arguments.per_hour)
    began_s, days, broken = time.perf_counter(), [], []
    for day in street.live(arguments.days):
        days.append(day)
        broken += judged(day, settings)
        say(f"{name}: day {day.number}, {day.stored} events, {day.media_bytes / 1e6:.0f} MB, {day.forecast.notes()}")
    database.close()
    rows = [row for limit in LIMITED for row in compared(days, limit)]
    return {
        "database": name,
        "tracks": street.tracks,
        "took_s": round(time.perf_counter() - began_s),
        "broken": broken,
        "forecasts": rows,
        "worst": max((row["off"] for row in rows if row["day"] > 7), default=None),
    }


def compared(days: list[Day], setting: str) -> list[dict[str, Any]]:
    """Each day's forecast of a limit, in days, beside what was kept: the mean of the last week."""
    kind, stream_id = LIMITED[setting]
    last = [day.reach_s(kind, stream_id) for day in days[-7:]]
    kept_s = sum(last) / len(last)
    return [
        {
            "limit": setting,
            "day": day.number,
            "forecast_days": round(limit.kept_s / DAY_S, 2),
            "kept_days": round(kept_s / DAY_S, 2),
            "off": round(abs(limit.kept_s - kept_s) / kept_s, 3),
        }
        for day in days
        for limit in day.forecast.limits
        if limit.setting == setting
    ]


def markdown(reports: list[dict[str, Any]]) -> str:
    """The figures as a table."""
    names = [f"{report['database']}, {report['tracks']} tracks" for report in reports]
    lines = [f"| forecast / kept, days (off) | {' | '.join(names)} |", f"|---|{'---|' * len(names)}"]
    for at, row in enumerate(reports[0]["forecasts"]):
        if row["day"] in (1, 3, 7, 14, 21, 30):
            cells = (report["forecasts"][at] for report in reports)
            told = (f"{one['forecast_days']} / {one['kept_days']} ({one['off']:.0%})" for one in cells)
            lines.append(f"| {row['limit']}, on day {row['day']} | {' | '.join(told)} |")
    lines.append(f"| worst after the first week | {' | '.join(str(report['worst']) for report in reports)} |")
    lines.append(f"| limits that did not hold | {' | '.join(str(len(report['broken'])) for report in reports)} |")
    return "\n".join(lines) + "\n"


def say(text: str) -> None:
    """Progress, to the standard error."""
    sys.stderr.write(text + "\n")


def main() -> int:
    """Measure, print, keep the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--per-hour", type=int, default=60, help="tracks in the busiest hour of the busiest camera")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    reports = []
    with tempfile.TemporaryDirectory(prefix="livesight-month-") as name:
        folder = Path(name)
        if "sqlite" in arguments.databases:
            reports.append(measure("SQLite", f"sqlite:///{folder / 'livesight.db'}", folder, arguments))
        if "postgresql" in arguments.databases:
            with Postgres(fsync=True) as server:
                reports.append(measure("PostgreSQL", server.emptied(), folder, arguments))
    found = {"machine": describe(), "reports": reports}
    place = Path("artifacts/bench")
    place.mkdir(parents=True, exist_ok=True)
    (place / "month.json").write_text(json.dumps(found, indent=2) + "\n")
    (place / "month.md").write_text(markdown(reports))
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if arguments.json else markdown(reports))
    bad = [one for one in reports if one["broken"] or (one["worst"] or 0) > FAR_OFF]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
