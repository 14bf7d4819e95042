"""The alerts that were raised: written with the events, ended, acknowledged, listed. Any thread; blocks."""

from __future__ import annotations

import base64
import binascii
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, and_, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitoring.alerts.errors import AlertUnknown
from monitoring.alerts.settings import TargetSettings, severe_enough
from monitoring.alerts.tables import alerts, deliveries
from monitoring.core.errors import BadQuery
from monitoring.rules.rule import Rule
from monitoring.store.database import Database
from workers.bus.event import Event, Severity

AlertState = Literal["open", "ended", "acknowledged", "unacknowledged"]
RuleOf = Callable[[str], Rule | None]
"""The rule of a name, None when there is none (any more)."""


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts. None: all. Times are wall clocks in nanoseconds, `until_ns` excluded."""

    streams: Sequence[str] = ()
    rules: Sequence[str] = ()
    severities: Sequence[Severity] = ()
    state: AlertState | None = None
    since_ns: int | None = None
    until_ns: int | None = None


def record(connection: Connection, events: Sequence[Event], rule_of: RuleOf, targets: Sequence[TargetSettings]) -> int:
    """Write the alerts among new events, and whom they are to be told, in the caller's transaction.

    Returns how many messages wait to be told.
    """
    waiting, now_ns = 0, time.time_ns()
    for event in events:
        if event.kind == "alert":
            rule = rule_of(event.rule or "")
            if not _insert(connection, alerts, [_row(event, rule)]):
                continue  # known, though its event is not any more: read again after it was deleted
            alert_id: uuid.UUID | None = event.id
            told = _told(event, rule, targets)
        elif event.kind == "alert_ended":
            alert_id = _end(connection, event)
            told = [] if alert_id is None else _told_before(connection, alert_id, targets)
        else:
            continue
        waiting += _insert(connection, deliveries, [_waiting(event, alert_id, name, now_ns) for name in told])
    return waiting


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows that are not there yet; how many that were."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return sum(connection.execute(dialect.insert(table).values(row).on_conflict_do_nothing()).rowcount for row in rows)


def _told(event: Event, rule: Rule | None, targets: Sequence[TargetSettings]) -> list[str]:
    named = None if rule is None else rule.targets
    return [
        target.name
        for target in targets
        if (named is None or target.name in named) and severe_enough(event.severity, target.severity)
    ]


def _told_before(connection: Connection, alert_id: uuid.UUID, targets: Sequence[TargetSettings]) -> list[str]:
    """Who learnt of an alert learns of its end."""
    query = select(deliveries.c.target).where(deliveries.c.alert_id == alert_id, deliveries.c.kind == "alert")
    told = set(connection.scalars(query))
    return [target.name for target in targets if target.ended and target.name in told]


def _end(connection: Connection, event: Event) -> uuid.UUID | None:
    """Close the alert that an event ends: the one it names, else the newest open one of its rule and stream."""
    same = (alerts.c.stream_id == event.stream_id) & (alerts.c.rule == (event.rule or ""))
    found: uuid.UUID | None = None
    if event.cause is not None:
        found = connection.scalar(select(alerts.c.id).where(alerts.c.id == event.cause))
    if found is None:
        newest = select(alerts.c.id).where(same, alerts.c.ended_at_ns.is_(None)).order_by(alerts.c.seq.desc()).limit(1)
        found = connection.scalar(newest)
    if found is not None:
        changes = {"ended_at_ns": event.captured_at_ns}
        connection.execute(update(alerts).where(alerts.c.id == found, alerts.c.ended_at_ns.is_(None)).values(changes))
    return found


def _row(event: Event, rule: Rule | None) -> dict[str, Any]:
    return {
        "id": event.id,
        "stream_id": event.stream_id,
        "rule": event.rule or "",
        "severity": event.severity or "info",
        "captured_at_ns": event.captured_at_ns,
        "clip": "wanted" if rule is None or rule.clip else "none",
        "body": event.to_json().decode(),
    }


def _waiting(event: Event, alert_id: uuid.UUID | None, target: str, now_ns: int) -> dict[str, Any]:
    return {
        "notice_id": event.id,
        "alert_id": alert_id,
        "target": target,
        "kind": event.kind,
        "state": "waiting",
        "attempts": 0,
        "created_ns": now_ns,
        "next_ns": 0,
        "changed_ns": now_ns,
        "body": event.to_json().decode(),
    }


class AlertBook:
    """Reading, and what people do. All methods raise StoreUnavailable when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: AlertFilter, limit: int, cursor: str | None) -> tuple[list[RowMapping], str | None]:
        """Rows of `alerts`, newest first, and the cursor of the next page. Raises BadQuery."""
        conditions = _conditions(wanted)
        if cursor is not None:
            conditions.append(_beyond(cursor))
        query = (
            select(alerts)
            .where(*conditions)
            .order_by(alerts.c.captured_at_ns.desc(), alerts.c.seq.desc())
            .limit(limit + 1)
        )
        with self._database.read() as connection:
            rows = list(connection.execute(query).mappings())
        more = len(rows) > limit
        rows = rows[:limit]
        return rows, _cursor(rows[-1]) if more else None

    def one(self, alert_id: uuid.UUID) -> RowMapping:
        """A row. Raises AlertUnknown."""
        with self._database.read() as connection:
            return _one(connection, alert_id)

    def acknowledge(self, alert_id: uuid.UUID, who: str, note: str | None) -> RowMapping:
        """Note that somebody has seen it; who was first stays, a new note replaces the old. Raises AlertUnknown."""
        first = {
            "acknowledged_at_ns": func.coalesce(alerts.c.acknowledged_at_ns, time.time_ns()),
            "acknowledged_by": func.coalesce(alerts.c.acknowledged_by, who),
        }
        return self._changed(alert_id, first if note is None else first | {"note": note})

    def unacknowledge(self, alert_id: uuid.UUID) -> RowMapping:
        """Take that back. Raises AlertUnknown."""
        return self._changed(alert_id, {"acknowledged_at_ns": None, "acknowledged_by": None, "note": None})

    def clip_is(self, alert_id: uuid.UUID, state: str, why: str | None = None) -> None:
        """Note what became of an alert's clip."""
        with self._database.write() as connection:
            connection.execute(update(alerts).where(alerts.c.id == alert_id).values(clip=state, clip_why=why))

    def clips_wanted(self, limit: int) -> list[Event]:
        """Alerts whose clip has not been cut yet, the oldest first."""
        query = select(alerts.c.body).where(alerts.c.clip == "wanted").order_by(alerts.c.captured_at_ns).limit(limit)
        with self._database.read() as connection:
            return [Event.model_validate_json(body) for body in connection.scalars(query)]

    def open_counts(self) -> dict[str, int]:
        """How many alerts are open, by severity."""
        is_open = alerts.c.ended_at_ns.is_(None)
        query = select(alerts.c.severity, func.count()).where(is_open).group_by(alerts.c.severity)
        with self._database.read() as connection:
            return {severity: count for severity, count in connection.execute(query)}

    def _changed(self, alert_id: uuid.UUID, values: dict[str, Any]) -> RowMapping:
        with self._database.write() as connection:
            connection.execute(update(alerts).where(alerts.c.id == alert_id).values(values))
            return _one(connection, alert_id)


def _one(connection: Connection, alert_id: uuid.UUID) -> RowMapping:
    row = connection.execute(select(alerts).where(alerts.c.id == alert_id)).mappings().first()
    if row is None:
        raise AlertUnknown(f"there is no alert {alert_id}")
    return row


def _conditions(wanted: AlertFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    lists = (
        (alerts.c.stream_id, wanted.streams),
        (alerts.c.rule, wanted.rules),
        (alerts.c.severity, wanted.severities),
    )
    found += [column.in_(values) for column, values in lists if values]
    if wanted.since_ns is not None:
        found.append(alerts.c.captured_at_ns >= wanted.since_ns)
    if wanted.until_ns is not None:
        found.append(alerts.c.captured_at_ns < wanted.until_ns)
    states = {
        "open": alerts.c.ended_at_ns.is_(None),
        "ended": alerts.c.ended_at_ns.is_not(None),
        "acknowledged": alerts.c.acknowledged_at_ns.is_not(None),
        "unacknowledged": alerts.c.acknowledged_at_ns.is_(None),
    }
    if wanted.state is not None:
        found.append(states[wanted.state])
    return found


def _cursor(row: RowMapping) -> str:
    return base64.urlsafe_b64encode(f"{row['captured_at_ns']}.{row['seq']}".encode()).decode().rstrip("=")


def _beyond(cursor: str) -> ColumnElement[bool]:
    """What comes after the row that a cursor names."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at_ns, _, seq = text.partition(".")
        time_ns, number = int(at_ns), int(seq)
    except (ValueError, binascii.Error, UnicodeDecodeError) as error:
        raise BadQuery("cursor: it is not one of this service's") from error
    same = and_(alerts.c.captured_at_ns == time_ns, alerts.c.seq < number)
    return or_(alerts.c.captured_at_ns < time_ns, same)
