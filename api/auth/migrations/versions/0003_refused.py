"""Whom the provider refused.

An account from before counts as not refused: its sessions are asked about again anyway.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.add_column("users", sa.Column("refused_ns", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """From this version."""
    op.drop_column("users", "refused_ns")
