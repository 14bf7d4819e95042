"""Events of a person are found along an index of their own; those about nobody who is known are not in it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    known = sa.text("person IS NOT NULL")
    op.create_index(
        "ix_events_person",
        "events",
        ["person", "captured_at_ns", "stream_id", "kind"],
        sqlite_where=known,
        postgresql_where=known,
    )


def downgrade() -> None:
    """From this version."""
    op.drop_index("ix_events_person", "events")
