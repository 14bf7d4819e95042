"""Alerts in the database: listed, acknowledged, and the state of their clips. Any thread; blocks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, update

from monitoring.alerts.errors import AlertUnknown
from monitoring.alerts.tables import alerts
from monitoring.store.cursor import after_cursor, cursor_of
from monitoring.store.tables import events
from monitoring.store.visible import choose, visible
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.bus.event import Event, Severity
from workers.database.database import Database

MOST_AT_ONCE = 1000
"""Alerts that one request acknowledges: a short transaction, as the monitor waits for it."""

AlertState = Literal["open", "ended", "acknowledged", "unacknowledged"]


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts of the streams in `scope`; the rest empty or None: all.

    Times are wall clocks in nanoseconds, `until_ns` excluded.
    """

    scope: StreamScope
    streams: Sequence[str] = ()
    rules: Sequence[str] = ()
    severities: Sequence[Severity] = ()
    people: Sequence[str] = ()
    ids: Sequence[uuid.UUID] = ()
    state: AlertState | None = None
    since_ns: int | None = None
    until_ns: int | None = None


class AlertStore:
    """Stored alerts. All methods raise DatabaseUnavailable when the database is unreachable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, filters: AlertFilter, limit: int, cursor: str | None) -> tuple[list[RowMapping], str | None]:
        """Rows of `alerts`, newest first, and the cursor of the next page. Raises BadQuery."""
        query = (
            select(alerts)
            .where(*_conditions(filters), *after_cursor(alerts, cursor))
            .order_by(alerts.c.captured_at_ns.desc(), alerts.c.seq.desc())
            .limit(limit + 1)
        )
        with self._database.read() as connection:
            rows = list(connection.execute(query).mappings())
        more = len(rows) > limit
        rows = rows[:limit]
        return rows, cursor_of(rows[-1]) if more else None

    def one(self, alert_id: uuid.UUID, scope: StreamScope) -> RowMapping:
        """A row of `alerts`. Raises AlertUnknown, also where its stream is not in the scope."""
        with self._database.read() as connection:
            return _one(connection, alert_id, scope)

    def acknowledge(self, alert_id: uuid.UUID, who: str, note: str | None) -> RowMapping:
        """Acknowledge; the first name and time stay, a new note replaces the old one. Raises AlertUnknown."""
        first = {
            "acknowledged_at_ns": func.coalesce(alerts.c.acknowledged_at_ns, time.time_ns()),
            "acknowledged_by": func.coalesce(alerts.c.acknowledged_by, who),
        }
        return self._change(alert_id, first if note is None else first | {"note": note})

    def acknowledge_many(self, which: AlertFilter, who: str, note: str | None) -> tuple[int, bool]:
        """Acknowledge those of the alerts that nobody has, newest first, MOST_AT_ONCE at most.

        Returns how many, and whether there are more.
        """
        unseen = [*_conditions(which), alerts.c.acknowledged_at_ns.is_(None)]
        newest = alerts.c.captured_at_ns.desc(), alerts.c.seq.desc()
        chosen = select(alerts.c.seq).where(*unseen).order_by(*newest).limit(MOST_AT_ONCE)
        values: dict[str, Any] = {"acknowledged_at_ns": time.time_ns(), "acknowledged_by": who}
        if note is not None:
            values["note"] = note
        change = update(alerts).where(alerts.c.seq.in_(chosen), alerts.c.acknowledged_at_ns.is_(None)).values(values)
        with self._database.write() as connection:
            count = connection.execute(change).rowcount
            return count, connection.execute(select(alerts.c.seq).where(*unseen).limit(1)).first() is not None

    def unacknowledge(self, alert_id: uuid.UUID) -> RowMapping:
        """Withdraw the acknowledgement and its note. Raises AlertUnknown."""
        return self._change(alert_id, {"acknowledged_at_ns": None, "acknowledged_by": None, "note": None})

    def set_clip(self, alert_id: uuid.UUID, state: str, why: str | None = None) -> None:
        """Set the state of an alert's clip: kept, or failed and why. One that was deleted meanwhile stays deleted."""
        wanted = (alerts.c.id == alert_id, alerts.c.clip == "wanted")
        with self._database.write() as connection:
            connection.execute(update(alerts).where(*wanted).values(clip=state, clip_why=why))

    def without_clip(self, limit: int) -> list[Event]:
        """Alerts whose clip is wanted and not cut yet, oldest first."""
        query = select(alerts.c.body).where(alerts.c.clip == "wanted").order_by(alerts.c.captured_at_ns).limit(limit)
        with self._database.read() as connection:
            return [Event.model_validate_json(body) for body in connection.scalars(query)]

    def open_counts(self) -> dict[str, int]:
        """How many alerts are open, by severity."""
        is_open = alerts.c.ended_at_ns.is_(None)
        query = select(alerts.c.severity, func.count()).where(is_open).group_by(alerts.c.severity)
        with self._database.read() as connection:
            return {severity: count for severity, count in connection.execute(query)}

    def _change(self, alert_id: uuid.UUID, values: dict[str, Any]) -> RowMapping:
        with self._database.write() as connection:
            connection.execute(update(alerts).where(alerts.c.id == alert_id).values(values))
            return _one(connection, alert_id, ALL_STREAMS)


def is_wanted(connection: Connection, alert_id: uuid.UUID) -> bool:
    """Whether an alert's clip is still wanted: it, or what the alert is about, may have been deleted."""
    found = select(alerts.c.seq).where(alerts.c.id == alert_id, alerts.c.clip == "wanted")
    return connection.execute(found).first() is not None


def _one(connection: Connection, alert_id: uuid.UUID, scope: StreamScope) -> RowMapping:
    query = select(alerts).where(alerts.c.id == alert_id, *visible(alerts.c.stream_id, scope))
    row = connection.execute(query).mappings().first()
    if row is None:
        raise AlertUnknown(f"there is no alert {alert_id}")
    return row


def _conditions(filters: AlertFilter) -> list[ColumnElement[bool]]:
    chosen = choose(alerts.c.stream_id, filters.streams, filters.scope)
    found: list[ColumnElement[bool]] = [*chosen.conditions]
    lists = (
        (alerts.c.stream_id, chosen.names),
        (alerts.c.rule, filters.rules),
        (alerts.c.severity, filters.severities),
        (alerts.c.id, filters.ids),
    )
    found += [column.in_(values) for column, values in lists if values]
    if filters.people:
        about = select(events.c.id).where(events.c.person.in_(filters.people), events.c.kind == "alert")
        found.append(alerts.c.id.in_(about))
    if filters.since_ns is not None:
        found.append(alerts.c.captured_at_ns >= filters.since_ns)
    if filters.until_ns is not None:
        found.append(alerts.c.captured_at_ns < filters.until_ns)
    states = {
        "open": alerts.c.ended_at_ns.is_(None),
        "ended": alerts.c.ended_at_ns.is_not(None),
        "acknowledged": alerts.c.acknowledged_at_ns.is_not(None),
        "unacknowledged": alerts.c.acknowledged_at_ns.is_(None),
    }
    if filters.state is not None:
        found.append(states[filters.state])
    return found
