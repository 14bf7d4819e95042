"""What counts and reports hold in memory does not grow with what is stored, on SQLite and PostgreSQL."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

import monitoring.assembly  # noqa: F401 - the parts declare their tables
from monitoring.core.errors import BadQuery
from monitoring.report.period import Period
from monitoring.report.read_report import read_report
from monitoring.report.report_data import ReportSubject, TrainingRuns
from monitoring.store import aggregates
from monitoring.store.aggregates import CountQuery, counts_of
from monitoring.store.media import MediaStore
from monitoring.store.tables import event_counts, events
from monitoring.store.writes import HOUR_NS
from tests.monitoring.happened import BEGAN_NS, happened
from workers.access.principal import ALL_STREAMS
from workers.database.database import Database

ROWS = 10_000
MOST_BYTES = 1_200_000


@contextmanager
def bounded() -> Iterator[None]:
    """Python's own memory; the database's is not counted."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def store_events(database: Database) -> None:
    """One a minute."""
    body = happened(0).to_json().decode()
    given = {"kind": "track_ended", "stream_id": "door", "session": "s", "body": body}
    rows = [
        {**given, "id": happened(number).id, "captured_at_ns": BEGAN_NS + number * 60 * 10**9} for number in range(ROWS)
    ]
    with database.write() as connection:
        connection.execute(insert(events), rows)


def store_counts(database: Database) -> None:
    """Of 50 hours, two streams and 200 labels; two events each."""
    given = {"kind": "track_ended", "zone": "", "count": 2}
    rows = [
        {**given, "hour": BEGAN_NS // HOUR_NS + hour, "stream_id": stream, "label": f"label-{label}"}
        for hour, stream, label in product(range(50), ("door", "yard"), range(ROWS // 100))
    ]
    with database.write() as connection:
        connection.execute(insert(event_counts), rows)


@pytest.mark.parametrize(
    ("store", "query"),
    [(store_events, {"bucket": "minute"}), (store_counts, {"bucket": "hour", "by": "label"})],
    ids=["by scan", "by hours"],
)
def test_too_many_counts_are_refused_before_they_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch, store: Any, query: dict[str, Any]
) -> None:
    store(database)
    monkeypatch.setattr(aggregates, "_MOST_BUCKETS", 200)
    with (
        database.read() as connection,
        bounded(),
        pytest.raises(BadQuery, match="more than 200 counts; choose a larger bucket"),
    ):
        counts_of(connection, CountQuery(**query), ALL_STREAMS)


def test_as_many_as_are_allowed_are_counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Buckets are made of more rows than there are buckets."""
    store_events(database)
    hours = len({(BEGAN_NS + number * 60 * 10**9) // HOUR_NS for number in range(ROWS)})
    monkeypatch.setattr(aggregates, "_MOST_BUCKETS", hours)
    with database.read() as connection, bounded():
        found = counts_of(connection, CountQuery(bucket="hour", session="s"), ALL_STREAMS)
    assert sum(one.count for one in found) == ROWS
    assert len(found) == hours


def test_a_report_of_many_counts_is_added_up_by_the_database(database: Database, tmp_path: Path) -> None:
    store_counts(database)
    since = datetime.fromtimestamp(BEGAN_NS / 1e9, UTC)
    subject = ReportSubject(Period(since, since + timedelta(hours=60)), "UTC", ALL_STREAMS, ALL_STREAMS)
    with bounded():
        report = read_report(database, MediaStore(tmp_path / "media"), subject, TrainingRuns())
    assert report.kinds == {"track_ended": 2 * ROWS}
    assert report.by_stream == {"door": ROWS, "yard": ROWS}
    assert len(report.by_label) == ROWS // 100 and set(report.by_label.values()) == {200}
    assert sum(sum(kinds.values()) for kinds in report.by_day.values()) == 2 * ROWS
