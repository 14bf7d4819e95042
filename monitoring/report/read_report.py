"""Reads the data of a report from the database. Any thread; blocks, on a large database for seconds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, Connection, func, select

from monitoring.report.drift_history import drift_history
from monitoring.report.read_alerts import count_alerts, read_alerts
from monitoring.report.read_outages import read_outages
from monitoring.report.report_data import DailyConfidence, DriftSummary, ReportData, ReportSubject, TrainingRuns
from monitoring.report.scenes import read_scenes
from monitoring.report.seen_people import read_people
from monitoring.store.media import MediaStore
from monitoring.store.tables import event_counts, events
from monitoring.store.visible import visible
from monitoring.store.writes import HOUR_NS
from workers.bus.drift_report import DriftReport
from workers.database.database import MANY_ROWS, Database

_QUARTER_NS = HOUR_NS // 4
_MAX_DAYS = 100
_TRACKS = "track_ended"
_BEGAN = "track_began"


def read_report(database: Database, media: MediaStore, subject: ReportSubject, runs: TrainingRuns) -> ReportData:
    """Everything in the period, in one state of the database. Raises DatabaseUnavailable."""
    period, zone = subject.period, ZoneInfo(subject.zone)
    with database.read() as connection:
        by_day, by_hour = _by_time(connection, subject, zone)
        outages = read_outages(connection, subject)
        removed = {stream_id for stream_id, camera in outages.items() if camera.removed}
        return ReportData(
            period=period,
            zone=subject.zone,
            kinds=_sum(connection, subject, event_counts.c.kind),
            by_day=by_day,
            by_label=_sum(connection, subject, event_counts.c.label, _TRACKS),
            by_stream=_sum(connection, subject, event_counts.c.stream_id, _TRACKS),
            by_hour=by_hour,
            confidence=_confidence(connection, subject, zone),
            alert_counts=count_alerts(connection, subject),
            alerts=read_alerts(connection, media, subject),
            outages=outages,
            drift=[one for one in _drift(connection, subject) if one.newest.stream_id not in removed],
            runs=runs,
            people=read_people(connection, subject),
            scenes=read_scenes(connection, subject),
        )


def _counted(subject: ReportSubject) -> tuple[ColumnElement[bool], ...]:
    """Which of the stored counts; hours that the period cuts count whole."""
    since_ns, until_ns = subject.period.bounds_ns
    hours = event_counts.c.hour
    within = (hours >= since_ns // HOUR_NS, hours <= (until_ns - 1) // HOUR_NS)
    return (*within, *visible(event_counts.c.stream_id, subject.events))


def _sum(
    connection: Connection, subject: ReportSubject, column: Column[str], kind: str | None = None
) -> Mapping[str, int]:
    """By the values of a column, the most frequent first. The database adds up: years have millions of counts."""
    query = select(column, func.sum(event_counts.c.count)).where(*_counted(subject), column != "")
    if kind is not None:
        query = query.where(event_counts.c.kind == kind)
    found = Counter({value: int(count) for value, count in connection.execute(query.group_by(column).order_by(column))})
    return dict(found.most_common())


def _by_time(
    connection: Connection, subject: ReportSubject, zone: ZoneInfo
) -> tuple[Mapping[str, Mapping[str, int]], Mapping[int, int]]:
    """By day and kind, with days without events unless the period is very long; and by hour of the day, tracks."""
    period, hour, kind = subject.period, event_counts.c.hour, event_counts.c.kind
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    hours = Counter(dict.fromkeys(range(24), 0))
    if period.length <= timedelta(days=_MAX_DAYS):
        first, last = (moment.astimezone(zone).date() for moment in (period.since, period.until))
        for number in range((last - first).days + 1):
            days[(first + timedelta(days=number)).isoformat()] = Counter()
    query = select(hour, kind, func.sum(event_counts.c.count)).where(*_counted(subject)).group_by(hour, kind)
    for number, of_kind, count in connection.execute(query.order_by(hour, kind), execution_options=MANY_ROWS):
        moment = _local(number * HOUR_NS, zone)
        days[moment.date().isoformat()][of_kind] += int(count)
        if of_kind == _BEGAN:
            hours[moment.hour] += int(count)
    return dict(sorted(days.items())), dict(sorted(hours.items()))


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
    for at_ns, label, count, total in connection.execute(query, execution_options=MANY_ROWS):
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
