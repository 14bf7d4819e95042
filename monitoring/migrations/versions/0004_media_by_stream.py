"""An index on files by stream, kind and time: retention deletes one kind of one stream without reading the others."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_index("ix_media_stream", "media", ["stream_id", "kind", "captured_at_ns"])


def downgrade() -> None:
    """From this version."""
    op.drop_index("ix_media_stream", table_name="media")
