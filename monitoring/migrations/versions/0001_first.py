"""The first tables. Other parts' tables of the first release belong here too, each in a function of its own."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workers.database.dialects import CompactUuid, Serial

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    _store()
    _arrangements()
    _alerts()
    _drift_history()


def downgrade() -> None:
    """From this version."""
    op.drop_table("drift_history")
    op.drop_table("rules")
    op.drop_table("scenes")
    op.drop_table("alert_deliveries")
    op.drop_table("alerts")
    op.drop_table("outbox")
    op.drop_table("offsets")
    op.drop_index("ix_media_captured_at_ns", table_name="media")
    op.drop_table("media")
    op.drop_table("handler_states")
    op.drop_table("events")
    op.drop_table("event_hours")
    op.drop_table("event_counts")


def _store() -> None:
    """Events, states, offsets, outbox, media (monitoring/store/tables.py)."""
    op.create_table(
        "event_counts",
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("zone", sa.String(length=63), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "kind", "stream_id", "label", "zone", name="pk_event_counts"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_hours",
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", "kind", "stream_id", name="pk_event_hours"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("id", CompactUuid(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=True),
        sa.Column("label", sa.String(length=200), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("zone", sa.String(length=63), nullable=True),
        sa.Column("line", sa.String(length=63), nullable=True),
        sa.Column("direction", sa.String(length=8), nullable=True),
        sa.Column("person", sa.String(length=200), nullable=True),
        sa.Column("rule", sa.String(length=63), nullable=True),
        sa.Column("severity", sa.String(length=16), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
    )
    op.create_index("ix_events_time", "events", ["captured_at_ns"])
    op.create_index("ix_events_session", "events", ["session", "track_id"])
    found_by = {"stream": "stream_id", "kind": "kind", "label": "label", "zone": "zone"}
    for name, column in found_by.items():
        others = [other for other in found_by.values() if other != column]
        op.create_index(f"ix_events_{name}", "events", [column, "captured_at_ns", *others, "confidence"])
    op.create_table(
        "handler_states",
        sa.Column("handler", sa.String(length=63), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("updated_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handler", "stream_id", name="pk_handler_states"),
    )
    op.create_table(
        "media",
        sa.Column("id", Serial, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=True),
        sa.Column("event_id", CompactUuid(), nullable=True),
        sa.Column("pts_us", sa.BigInteger(), nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=63), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_media"),
        sa.UniqueConstraint("event_id", "kind", name="uq_media_event_id_kind"),
        sa.UniqueConstraint(
            "stream_id", "session", "track_id", "kind", name="uq_media_stream_id_session_track_id_kind"
        ),
    )
    op.create_index("ix_media_captured_at_ns", "media", ["captured_at_ns"], unique=False)
    op.create_table(
        "offsets",
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", name="pk_offsets"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("topic", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("schema", sa.String(length=63), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
    )


def _alerts() -> None:
    """Alerts and their deliveries (monitoring/alerts/tables.py)."""
    op.create_table(
        "alerts",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("id", CompactUuid(), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("rule", sa.String(length=63), nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ns", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at_ns", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("clip", sa.String(length=16), nullable=False),
        sa.Column("clip_why", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_alerts"),
        sa.UniqueConstraint("id", name="uq_alerts_id"),
    )
    op.create_index("ix_alerts_captured_at_ns", "alerts", ["captured_at_ns"])
    op.create_index("ix_alerts_stream_id_captured_at_ns", "alerts", ["stream_id", "captured_at_ns"])
    op.create_index("ix_alerts_ended_at_ns_captured_at_ns", "alerts", ["ended_at_ns", "captured_at_ns"])
    op.create_index("ix_alerts_clip", "alerts", ["clip"])
    op.create_table(
        "alert_deliveries",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("notice_id", CompactUuid(), nullable=False),
        sa.Column("alert_id", CompactUuid(), nullable=False),
        sa.Column("target", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("next_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_alert_deliveries"),
        sa.UniqueConstraint("notice_id", "target", name="uq_alert_deliveries_notice_id_target"),
    )
    op.create_index("ix_alert_deliveries_target_state_seq", "alert_deliveries", ["target", "state", "seq"])
    op.create_index("ix_alert_deliveries_alert_id", "alert_deliveries", ["alert_id"])
    op.create_index("ix_alert_deliveries_created_ns", "alert_deliveries", ["created_ns"])


def _arrangements() -> None:
    """Zones, lines and rules that came over HTTP (monitoring/arrangements)."""
    for table in ("scenes", "rules"):
        op.create_table(
            table,
            sa.Column("name", sa.String(length=63), nullable=False),
            sa.Column("body", sa.Text(), nullable=False),
            sa.Column("updated_ns", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("name", name=f"pk_{table}"),
        )


def _drift_history() -> None:
    """Drift reports that were kept (monitoring/report/drift_history.py)."""
    op.create_table(
        "drift_history",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("drifted", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=True),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_drift_history"),
    )
    op.create_index("ix_drift_history_captured_at_ns", "drift_history", ["captured_at_ns"])
    op.create_index(
        "ix_drift_history_stream_id_model_captured_at_ns", "drift_history", ["stream_id", "model", "captured_at_ns"]
    )
