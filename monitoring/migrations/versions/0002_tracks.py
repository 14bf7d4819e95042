"""Tracks as rows (monitoring/tracks/tables.py); those of stored events follow (monitoring/tracks/backfill.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workers.database.dialects import CompactUuid, Serial

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    _tracks()
    _tags()
    op.create_table(
        "track_backfill",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("before_seq", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_track_backfill"),
    )
    op.execute(
        "INSERT INTO track_backfill (id, before_seq, done) "
        "SELECT 1, coalesce(max(seq), 0) + 1, max(seq) IS NULL FROM events"
    )


def downgrade() -> None:
    """From this version."""
    op.drop_table("track_backfill")
    op.drop_table("track_tags")
    op.drop_table("tracks")


def _tracks() -> None:
    op.create_table(
        "tracks",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("id", CompactUuid(), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("pts_us", sa.BigInteger(), nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ns", sa.BigInteger(), nullable=True),
        sa.Column("duration_s", sa.Float(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_tracks"),
        sa.UniqueConstraint("id", name="uq_tracks_id"),
    )
    behind = ["ended_at_ns", "duration_s", "confidence", "alerts"]
    op.create_index("ix_tracks_session", "tracks", ["session", "track_id"])
    op.create_index("ix_tracks_ended", "tracks", ["ended_at_ns", "captured_at_ns", "stream_id"])
    op.create_index("ix_tracks_time", "tracks", ["captured_at_ns", "stream_id", *behind])
    op.create_index("ix_tracks_stream", "tracks", ["stream_id", "captured_at_ns", *behind])


def _tags() -> None:
    op.create_table(
        "track_tags",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("track_seq", Serial, autoincrement=False, nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(["track_seq"], ["tracks.seq"], name="fk_track_tags_track_seq", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", "value", "captured_at_ns", "track_seq", "stream_id", name="pk_track_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_track_tags_track_seq", "track_tags", ["track_seq"])
