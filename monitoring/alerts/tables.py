"""The tables of alerts and their deliveries. Pure."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from monitoring.store.tables import AGED, Aged, metadata
from workers.database.dialects import CompactUuid, Serial

alerts = Table(
    "alerts",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", CompactUuid, nullable=False, unique=True),
    Column("stream_id", String(63), nullable=False),
    Column("rule", String(63), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("captured_at_ns", BigInteger, nullable=False),
    Column("ended_at_ns", BigInteger),
    Column("acknowledged_at_ns", BigInteger),
    Column("acknowledged_by", String(200)),
    Column("note", Text),
    Column("clip", String(16), nullable=False),  # none, wanted, kept, failed
    Column("clip_why", Text),
    Column("body", Text, nullable=False),  # the event as published, JSON
    Index(None, "captured_at_ns"),
    Index(None, "stream_id", "captured_at_ns"),
    Index(None, "ended_at_ns", "captured_at_ns"),
    Index(None, "clip"),
)
"""Alerts, whether they have ended, and who acknowledged them."""

deliveries = Table(
    "alert_deliveries",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("notice_id", CompactUuid, nullable=False),  # the event that is sent
    Column("alert_id", CompactUuid, nullable=False),  # the alert it is about
    Column("target", String(63), nullable=False),
    Column("kind", String(16), nullable=False),  # alert, alert_ended
    Column("state", String(16), nullable=False),  # waiting, delivered, given_up
    Column("attempts", Integer, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("next_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Column("error", Text),
    Column("body", Text, nullable=False),
    UniqueConstraint("notice_id", "target"),
    Index(None, "target", "state", "seq"),
    Index(None, "alert_id"),
    Index(None, "created_ns"),
)
"""Messages for targets, sent in the order of `seq`, and their outcome."""

AGED.append(Aged(alerts, alerts.c.seq, alerts.c.captured_at_ns, kind="alert"))
AGED.append(Aged(deliveries, deliveries.c.seq, deliveries.c.created_ns))
