"""Sessions that began at a provider.

A session in `user_sessions` that has no row here began with a password.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "oidc_sessions",
        sa.Column("session_id", sa.String(length=26), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("sid", sa.String(length=255), nullable=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("checked_ns", sa.BigInteger(), nullable=False),
        sa.Column("tried_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("session_id", name="pk_oidc_sessions"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["user_sessions.id"], name="fk_oidc_sessions_session_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_oidc_sessions_sid", "oidc_sessions", ["sid"])
    op.create_index("ix_oidc_sessions_checked_ns", "oidc_sessions", ["checked_ns"])


def downgrade() -> None:
    """From this version."""
    op.drop_index("ix_oidc_sessions_checked_ns", "oidc_sessions")
    op.drop_index("ix_oidc_sessions_sid", "oidc_sessions")
    op.drop_table("oidc_sessions")
