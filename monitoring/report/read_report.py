"""Reads the data of a report from the database. Any thread; blocks, on a large database for seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, func, select

from monitoring.drift.report import DriftReport
from monitoring.report.drift_history import drift_history
from monitoring.report.period import Period
from monitoring.report.read_alerts import count_alerts, read_alerts
from monitoring.report.read_outages import read_outages
from monitoring.report.report_data import DailyConfidence, DriftSummary, ReportData, ReportSubject, TrainingRuns
from monitoring.store.media import MediaStore
from monitoring.store.tables import event_counts, events
from monitoring.store.visible import visible
from monitoring.store.writes import HOUR_NS
from workers.database.database import Database

_QUARTER_NS = HOUR_NS // 4
_MAX_DAYS = 100
_TRACKS = "track_ended"


def read_report(database: Database, media: MediaStore, subject: ReportSubject, runs: TrainingRuns) -> ReportData:
    """Everything in the period, in one state of the database. Raises DatabaseUnavailable."""
    period, zone = subject.period, ZoneInfo(subject.zone)
    with database.read() as connection:
        hourly = _hourly_counts(connection, subject)
        return ReportData(
            period=period,
            zone=subject.zone,
            kinds=_sum(hourly, "kind"),
            by_day=_by_day(hourly, period, zone),
            by_label=_sum(hourly, "label", _TRACKS),
            by_stream=_sum(hourly, "stream_id", _TRACKS),
            by_hour=_by_hour(hourly, zone),
            confidence=_confidence(connection, subject, zone),
            alert_counts=count_alerts(connection, subject),
            alerts=read_alerts(connection, media, subject),
            outages=read_outages(connection, subject),
            drift=_drift(connection, subject),
            runs=runs,
        )


def _hourly_counts(connection: Connection, subject: ReportSubject) -> Sequence[RowMapping]:
    """The stored counts; hours that the period cuts count whole."""
    since_ns, until_ns = subject.period.bounds_ns
    hours = event_counts.c.hour
    within = (hours >= since_ns // HOUR_NS, hours <= (until_ns - 1) // HOUR_NS)
    query = select(event_counts).where(*within, *visible(event_counts.c.stream_id, subject.events))
    return connection.execute(query).mappings().all()


def _sum(rows: Sequence[RowMapping], column: str, kind: str | None = None) -> Mapping[str, int]:
    """By the values of a column, the most frequent first."""
    counted: Counter[str] = Counter()
    for row in rows:
        if (kind is None or row["kind"] == kind) and row[column]:
            counted[row[column]] += row["count"]
    return dict(counted.most_common())


def _by_day(rows: Sequence[RowMapping], period: Period, zone: ZoneInfo) -> Mapping[str, Mapping[str, int]]:
    """Includes days without events, unless the period is very long."""
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if period.length <= timedelta(days=_MAX_DAYS):
        first, last = (moment.astimezone(zone).date() for moment in (period.since, period.until))
        for number in range((last - first).days + 1):
            days[(first + timedelta(days=number)).isoformat()] = Counter()
    for row in rows:
        days[_local(row["hour"] * HOUR_NS, zone).date().isoformat()][row["kind"]] += row["count"]
    return dict(sorted(days.items()))


def _by_hour(rows: Sequence[RowMapping], zone: ZoneInfo) -> Mapping[int, int]:
    hours = Counter(dict.fromkeys(range(24), 0))
    for row in rows:
        if row["kind"] == "track_began":
            hours[_local(row["hour"] * HOUR_NS, zone).hour] += row["count"]
    return dict(sorted(hours.items()))


def _confidence(connection: Connection, subject: ReportSubject, zone: ZoneInfo) -> Sequence[DailyConfidence]:
    quarter = events.c.captured_at_ns - events.c.captured_at_ns % _QUARTER_NS
    query = (
        select(quarter, events.c.label, func.count(), func.sum(events.c.confidence))
        .where(
            events.c.kind == _TRACKS,
            *subject.conditions(events.c.captured_at_ns, events.c.stream_id),
            events.c.label.is_not(None),
            events.c.confidence.is_not(None),
        )
        .group_by(quarter, events.c.label)
    )
    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for at_ns, label, count, total in connection.execute(query):
        day = sums[_local(at_ns, zone).date().isoformat(), label]
        day[0] += count
        day[1] += total
    return [DailyConfidence(*key, int(count), total / count) for key, (count, total) in sorted(sums.items())]


def _drift(connection: Connection, subject: ReportSubject) -> Sequence[DriftSummary]:
    columns = drift_history.c.stream_id, drift_history.c.model
    query = (
        select(func.max(drift_history.c.seq), func.count(), func.count().filter(drift_history.c.drifted))
        .where(*subject.conditions(drift_history.c.captured_at_ns, drift_history.c.stream_id))
        .group_by(*columns)
    )
    counted = {seq: (stored, drifted) for seq, stored, drifted in connection.execute(query)}
    newest = connection.execute(
        select(drift_history.c.seq, drift_history.c.body).where(drift_history.c.seq.in_(counted)).order_by(*columns)
    )
    return [DriftSummary(DriftReport.model_validate_json(body), *counted[seq]) for seq, body in newest]


def _local(at_ns: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, zone)
