"""The first tables of the audit trail (api/audit/tables.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "audit_entries",
        sa.Column("chain", sa.String(length=200), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("principal", sa.String(length=200), nullable=False),
        sa.Column("stream", sa.String(length=63), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "number", name="pk_audit_entries"),
    )
    op.create_index("ix_audit_entries_at_ns", "audit_entries", ["at_ns"])
    op.create_index("ix_audit_entries_principal", "audit_entries", ["principal", "at_ns"])
    op.create_table(
        "audit_begins",
        sa.Column("chain", sa.String(length=200), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("chain", name="pk_audit_begins"),
    )


def downgrade() -> None:
    """From this version."""
    op.drop_table("audit_begins")
    op.drop_table("audit_entries")
