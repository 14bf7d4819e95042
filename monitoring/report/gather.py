"""Reads what a report tells. Any thread; blocks, on a large database for seconds."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, func, literal_column, select

from monitoring.alerts.tables import alerts, deliveries
from monitoring.drift.report import DriftReport
from monitoring.report.facts import Certainty, DriftPast, Facts, Outages, ReportedAlert, TrainingRuns
from monitoring.report.history import drift_history
from monitoring.report.period import Period
from monitoring.store.media import MediaStore, of_tracks
from monitoring.store.tables import event_counts, events
from monitoring.store.writes import HOUR_NS
from workers.bus.event import Event
from workers.database.database import Database

SHOWN_ALERTS = 50
_PICTURES = 12
_PICTURE_BYTES = 100_000
_QUARTER_NS = HOUR_NS // 4
_MOST_DAYS = 100
_TRACKS = "track_ended"
_UP_DOWN = ("stream_up", "stream_down")


def gather(database: Database, media: MediaStore, period: Period, zone: str, runs: TrainingRuns) -> Facts:
    """Everything of the period, in one state of the database. Raises DatabaseUnavailable."""
    with database.read() as connection:
        counted = _counts(connection, period)
        return Facts(
            period=period,
            written=datetime.now(UTC),
            zone=zone,
            kinds=_sum(counted, "kind"),
            by_day=_by_day(counted, period, ZoneInfo(zone)),
            by_label=_sum(counted, "label", _TRACKS),
            by_stream=_sum(counted, "stream_id", _TRACKS),
            by_hour=_by_hour(counted, ZoneInfo(zone)),
            certainty=_certainty(connection, period, ZoneInfo(zone)),
            alert_counts=_alert_counts(connection, period),
            alerts=_alerts(connection, media, period),
            outages=_outages(connection, period),
            drift=_drift(connection, period),
            runs=runs,
        )


def _counts(connection: Connection, period: Period) -> Sequence[RowMapping]:
    """By hour, as they are kept already; hours that the period cuts count whole."""
    since_ns, until_ns = period.bounds_ns
    hours = event_counts.c.hour
    return (
        connection.execute(select(event_counts).where(hours >= since_ns // HOUR_NS, hours <= (until_ns - 1) // HOUR_NS))
        .mappings()
        .all()
    )


def _sum(rows: Sequence[RowMapping], column: str, kind: str | None = None) -> Mapping[str, int]:
    """By the values of a column, the most frequent first."""
    counted: Counter[str] = Counter()
    for row in rows:
        if (kind is None or row["kind"] == kind) and row[column]:
            counted[row[column]] += row["count"]
    return dict(counted.most_common())


def _by_day(rows: Sequence[RowMapping], period: Period, zone: ZoneInfo) -> Mapping[str, Mapping[str, int]]:
    """Days without an event are there too, unless that is most of them."""
    days: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if period.length <= timedelta(days=_MOST_DAYS):
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


def _certainty(connection: Connection, period: Period, zone: ZoneInfo) -> Sequence[Certainty]:
    since_ns, until_ns = period.bounds_ns
    slot = events.c.captured_at_ns - events.c.captured_at_ns % _QUARTER_NS
    query = (
        select(slot, events.c.label, func.count(), func.sum(events.c.confidence))
        .where(
            events.c.kind == _TRACKS,
            events.c.captured_at_ns >= since_ns,
            events.c.captured_at_ns < until_ns,
            events.c.label.is_not(None),
            events.c.confidence.is_not(None),
        )
        .group_by(slot, events.c.label)
    )
    sums: defaultdict[tuple[str, str], list[float]] = defaultdict(lambda: [0, 0.0])
    for at_ns, label, count, total in connection.execute(query):
        place = sums[_local(at_ns, zone).date().isoformat(), label]
        place[0] += count
        place[1] += total
    return [Certainty(*key, int(count), total / count) for key, (count, total) in sorted(sums.items())]


def _alert_counts(connection: Connection, period: Period) -> Mapping[tuple[str, str], int]:
    query = (
        select(alerts.c.rule, alerts.c.severity, func.count())
        .where(*_within(alerts.c.captured_at_ns, period))
        .group_by(alerts.c.rule, alerts.c.severity)
    )
    found = {(rule, severity): count for rule, severity, count in connection.execute(query)}
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _alerts(connection: Connection, media: MediaStore, period: Period) -> Sequence[ReportedAlert]:
    """The newest, with what of them has not been told."""
    query = (
        select(alerts)
        .where(*_within(alerts.c.captured_at_ns, period))
        .order_by(alerts.c.captured_at_ns.desc(), alerts.c.seq.desc())
        .limit(SHOWN_ALERTS)
    )
    rows = connection.execute(query).mappings().all()
    untold = _untold(connection, [row["id"] for row in rows])
    happened = [Event.model_validate_json(row["body"]) for row in rows]
    pictures = _pictures(connection, media, happened)
    return [
        ReportedAlert(
            event,
            row["ended_at_ns"],
            row["acknowledged_by"],
            untold.get((row["id"], "waiting"), ()),
            untold.get((row["id"], "given_up"), ()),
            pictures.get(event.id),
        )
        for row, event in zip(rows, happened, strict=True)
    ]


def _untold(connection: Connection, ids: Sequence[uuid.UUID]) -> Mapping[tuple[uuid.UUID, str], Sequence[str]]:
    found: defaultdict[tuple[uuid.UUID, str], list[str]] = defaultdict(list)
    query = select(deliveries.c.alert_id, deliveries.c.state, deliveries.c.target).where(
        deliveries.c.alert_id.in_(ids), deliveries.c.state != "delivered"
    )
    for alert_id, state, target in connection.execute(query.distinct()):
        found[alert_id, state].append(target)
    return found


def _pictures(connection: Connection, media: MediaStore, happened: Sequence[Event]) -> Mapping[uuid.UUID, bytes]:
    """The crops of the newest alerts that are about somebody; a file that is gone is no picture."""
    tracks = {(event.session, event.track_id) for event in happened if event.track_id is not None}
    rows = {(row["session"], row["track_id"]): row for row in of_tracks(connection, tracks) if row["kind"] == "crop"}
    found: dict[uuid.UUID, bytes] = {}
    for event in happened:
        row = rows.get((event.session, event.track_id)) if event.track_id is not None else None
        if row is None or row["media_type"] != "image/jpeg" or row["bytes"] > _PICTURE_BYTES:
            continue
        if len(found) == _PICTURES:
            break
        try:
            found[event.id] = media.path(row).read_bytes()
        except OSError:
            continue
    return found


def _outages(connection: Connection, period: Period) -> Mapping[str, Outages]:
    """How often each camera was lost, and how long it was away of the time that is known of it.

    A camera is known from the period's beginning when it was there before, else from its first sign of life or death.
    One that is down at the end is so until then.
    """
    since_ns, until_ns = period.bounds_ns
    changes = select(events.c.stream_id, events.c.kind, events.c.captured_at_ns).where(events.c.kind.in_(_UP_DOWN))
    within = changes.where(*_within(events.c.captured_at_ns, period)).order_by(events.c.captured_at_ns, events.c.seq)
    clocks = {stream: _Clock(since_ns, is_up) for stream, is_up in _before(connection, since_ns).items()}
    for stream, kind, at_ns in connection.execute(within):
        clocks.setdefault(stream, _Clock(at_ns, True)).change(kind == "stream_up", at_ns)
    return {stream: clock.end(until_ns) for stream, clock in sorted(clocks.items())}


def _before(connection: Connection, since_ns: int) -> Mapping[str, bool]:
    """The cameras that were there before, and whether they were up then."""
    newest = (
        select(events.c.stream_id, events.c.kind, func.max(events.c.captured_at_ns).label("at_ns"))
        .where(events.c.kind.in_(_UP_DOWN), events.c.captured_at_ns < since_ns)
        .group_by(events.c.stream_id, events.c.kind)
        .order_by(literal_column("at_ns"))
    )
    return {stream: kind == "stream_up" for stream, kind, _ in connection.execute(newest)}


@dataclass(slots=True)
class _Clock:
    """Of one camera."""

    known_ns: int
    is_up: bool
    changed_ns: int = 0
    away_ns: int = 0
    times: int = 0

    def __post_init__(self) -> None:
        self.changed_ns = self.known_ns

    def change(self, is_up: bool, at_ns: int) -> None:
        """It came or went; what says the same again says nothing."""
        if is_up == self.is_up:
            return
        if is_up:
            self.away_ns += at_ns - self.changed_ns
        else:
            self.times += 1
        self.is_up, self.changed_ns = is_up, at_ns

    def end(self, until_ns: int) -> Outages:
        """What it came to."""
        if not self.is_up:
            self.away_ns += until_ns - self.changed_ns
        return Outages(self.times, self.away_ns / max(1, until_ns - self.known_ns))


def _drift(connection: Connection, period: Period) -> Sequence[DriftPast]:
    columns = drift_history.c.stream_id, drift_history.c.model
    query = (
        select(func.max(drift_history.c.seq), func.count(), func.count().filter(drift_history.c.drifted))
        .where(*_within(drift_history.c.captured_at_ns, period))
        .group_by(*columns)
    )
    counted = {seq: (kept, drifted) for seq, kept, drifted in connection.execute(query)}
    newest = connection.execute(
        select(drift_history.c.seq, drift_history.c.body).where(drift_history.c.seq.in_(counted)).order_by(*columns)
    )
    return [DriftPast(DriftReport.model_validate_json(body), *counted[seq]) for seq, body in newest]


def _within(column: Column[int], period: Period) -> tuple[ColumnElement[bool], ...]:
    since_ns, until_ns = period.bounds_ns
    return column >= since_ns, column < until_ns


def _local(at_ns: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, zone)
