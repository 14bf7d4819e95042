"""Writes alerts and their deliveries, within the transaction that stores their events. Blocks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite

from monitoring.alerts.tables import alerts, deliveries
from monitoring.alerts.targets.settings import TargetSettings, severe_enough
from monitoring.rules.rule import Rule
from workers.bus.event import Event

DELETED: Final = "deleted"
"""`reason` of an alert, and of its end, when what it is about was deleted (monitoring/deletion/redaction.py)."""

RuleOf = Callable[[str], Rule | None]
"""Name → rule, or None when there is no such rule (any more)."""


def write_alerts(
    connection: Connection,
    events: Sequence[Event],
    rule_of: RuleOf,
    targets: Sequence[TargetSettings],
    stores_clips: Callable[[str], bool] = lambda stream_id: True,
) -> int:
    """Write the alerts among new events, and a delivery for each target that should get them.

    stores_clips: whether clips of a stream are stored at all. Returns how many deliveries were queued.
    """
    queued, now_ns = 0, time.time_ns()
    for event in events:
        if event.kind == "alert":
            rule = rule_of(event.rule or "")
            wants_clip = (rule is None or rule.clip) and stores_clips(event.stream_id)
            if not _insert(connection, alerts, [_alert_row(event, wants_clip)]):
                continue  # known though its event is new: results were read again after retention deleted the event
            alert_id: uuid.UUID | None = event.id
            names = _targets_of(event, rule, targets)
        elif event.kind == "alert_ended":
            alert_id = _end(connection, event)
            names = [] if alert_id is None else _targets_of_end(connection, alert_id, targets)
        else:
            continue
        queued += _insert(connection, deliveries, [_delivery_row(event, alert_id, name, now_ns) for name in names])
    return queued


def _insert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Insert the rows that are not there yet; returns how many."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    return sum(connection.execute(dialect.insert(table).values(row).on_conflict_do_nothing()).rowcount for row in rows)


def _targets_of(event: Event, rule: Rule | None, targets: Sequence[TargetSettings]) -> list[str]:
    named = None if rule is None else rule.targets
    return [
        target.name
        for target in targets
        if (named is None or target.name in named) and severe_enough(event.severity, target.severity)
    ]


def _targets_of_end(connection: Connection, alert_id: uuid.UUID, targets: Sequence[TargetSettings]) -> list[str]:
    """Targets that get an alert get its end too, if they want ends."""
    query = select(deliveries.c.target).where(deliveries.c.alert_id == alert_id, deliveries.c.kind == "alert")
    names = set(connection.scalars(query))
    return [target.name for target in targets if target.ended and target.name in names]


def _end(connection: Connection, event: Event) -> uuid.UUID | None:
    """End the alert that an event names, else the newest open one of its rule and stream; returns its id."""
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


def _alert_row(event: Event, wants_clip: bool) -> dict[str, Any]:
    return {
        "id": event.id,
        "stream_id": event.stream_id,
        "rule": event.rule or "",
        "severity": event.severity or "info",
        "captured_at_ns": event.captured_at_ns,
        "clip": "wanted" if wants_clip and event.reason != DELETED else "none",
        "body": event.to_json().decode(),
    }


def _delivery_row(event: Event, alert_id: uuid.UUID | None, target: str, now_ns: int) -> dict[str, Any]:
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
