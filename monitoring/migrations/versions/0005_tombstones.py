"""What was deleted on request, so that it does not come back (monitoring/store/tombstones.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workers.database.dialects import CompactUuid, Serial

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "deleted_events",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("id", CompactUuid(), nullable=False),
        sa.Column("deleted_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_deleted_events"),
        sa.UniqueConstraint("id", name="uq_deleted_events_id"),
    )
    op.create_table(
        "deleted_tracks",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=True),
        sa.Column("deleted_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_deleted_tracks"),
    )
    op.create_index("ix_deleted_tracks_session_track_id", "deleted_tracks", ["session", "track_id"])
    for table in ("deleted_events", "deleted_tracks"):
        op.create_index(f"ix_{table}_deleted_ns", table, ["deleted_ns"])


def downgrade() -> None:
    """From this version."""
    op.drop_table("deleted_tracks")
    op.drop_table("deleted_events")
