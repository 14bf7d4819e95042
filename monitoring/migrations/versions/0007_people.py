"""People: who is enrolled, by which looks, and what was said of them (monitoring/people/tables.py)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from workers.database.dialects import CompactUuid, Serial

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this version."""
    op.create_table(
        "people",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("name_key", sa.String(length=600), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("strict", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.String(length=26), nullable=True),
        sa.Column("created_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("name_key", name="uq_people_name_key"),
    )
    op.create_index("ix_people_merged_into", "people", ["merged_into"])
    _looks()
    _counter_examples()
    _changes()


def _looks() -> None:
    op.create_table(
        "looks",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("person", sa.String(length=26), nullable=False),
        sa.Column("embedder", sa.String(length=100), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("event_id", CompactUuid(), nullable=True),
        sa.Column("quality", sa.Text(), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_looks"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_looks_person", ondelete="CASCADE"),
    )
    op.create_index("ix_looks_person", "looks", ["person"])


def _counter_examples() -> None:
    op.create_table(
        "counter_examples",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("person", sa.String(length=26), nullable=False),
        sa.Column("track", CompactUuid(), nullable=False),
        sa.Column("stream_id", sa.String(length=63), nullable=False),
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("track_id", sa.BigInteger(), nullable=False),
        sa.Column("from_us", sa.BigInteger(), nullable=False),
        sa.Column("embedder", sa.String(length=100), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("created_at_ns", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_counter_examples"),
        sa.ForeignKeyConstraint(["person"], ["people.id"], name="fk_counter_examples_person", ondelete="CASCADE"),
    )
    op.create_index("ix_counter_examples_person", "counter_examples", ["person"])
    op.create_index("ix_counter_examples_session_track_id", "counter_examples", ["session", "track_id"])


def _changes() -> None:
    op.create_table(
        "people_changes",
        sa.Column("seq", Serial, nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("person", sa.String(length=26), nullable=False),
        sa.Column("other", sa.String(length=26), nullable=True),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_people_changes"),
    )
    op.create_table(
        "people_revision",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people_revision"),
    )
    op.create_table(
        "erased_people",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("erased_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erased_people"),
    )
    op.create_index("ix_erased_people_erased_ns", "erased_people", ["erased_ns"])
    op.execute("INSERT INTO people_revision (id, revision) VALUES (1, 0)")


def downgrade() -> None:
    """From this version."""
    for table in ("erased_people", "people_revision", "people_changes", "counter_examples", "looks", "people"):
        op.drop_table(table)
