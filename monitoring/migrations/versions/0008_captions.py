"""Captions of scenes: what cameras showed, a row a minute in which something changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workers.database.dialects import Serial

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "captions",
        sa.Column("seq", Serial, primary_key=True),
        sa.Column("stream_id", sa.String(63), nullable=False),
        sa.Column("session", sa.String(64), nullable=False),
        sa.Column("pts_us", sa.BigInteger, nullable=False),
        sa.Column("captured_at_ns", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_captions_captured_at_ns", "captions", ["captured_at_ns"])
    op.create_index("ix_captions_stream_id_captured_at_ns", "captions", ["stream_id", "captured_at_ns"])


def downgrade() -> None:
    """From this version."""
    op.drop_table("captions")
