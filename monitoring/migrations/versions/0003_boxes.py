"""The boxes of the frame that a picture shows (monitoring/store/overlay.py); older pictures have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("media", sa.Column("boxes", sa.Text(), nullable=True))


def downgrade() -> None:
    """From this version."""
    op.drop_column("media", "boxes")
