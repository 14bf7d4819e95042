"""The index of sessions holds what a page of a session's tracks is sorted by, so that their rows are not read.

PostgreSQL counts how often each tag occurs: it takes names and values for independent of each other by itself.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.drop_index("ix_tracks_session", "tracks")
    op.create_index("ix_tracks_session", "tracks", ["session", "track_id", "captured_at_ns", "stream_id"])
    if op.get_context().dialect.name == "postgresql":
        op.execute("CREATE STATISTICS st_track_tags (mcv) ON name, value FROM track_tags")
        op.execute("ANALYZE track_tags")


def downgrade() -> None:
    """From this version."""
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP STATISTICS st_track_tags")
    op.drop_index("ix_tracks_session", "tracks")
    op.create_index("ix_tracks_session", "tracks", ["session", "track_id"])
