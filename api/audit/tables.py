"""The tables of the audit trail. Pure."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text

from workers.database.dialects import NAMING_CONVENTION
from workers.database.migrations import MigrationBranch

AUDIT_BRANCH = MigrationBranch(Path(__file__).with_name("migrations") / "versions", "alembic_version_audit")
"""Of the trail alone: it stands in the database of accounts, whose own branch it does not touch."""

metadata = MetaData(naming_convention=NAMING_CONVENTION)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("chain", String(200), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ns", BigInteger, nullable=False),
    Column("what", String(32), nullable=False),
    Column("principal", String(200), nullable=False),
    Column("stream", String(63)),
    Column("hash", String(64), nullable=False),
    Column("body", Text, nullable=False),  # the whole entry, as it is exported: what verification reads
    Index("ix_audit_entries_at_ns", "at_ns"),
    Index("ix_audit_entries_principal", "principal", "at_ns"),
)
"""Only ever inserted into; the oldest are deleted by age, and `audit_begins` says up to where."""

audit_begins = Table(
    "audit_begins",
    metadata,
    Column("chain", String(200), primary_key=True),
    Column("number", BigInteger, nullable=False),  # the last one deleted
    Column("hash", String(64), nullable=False),
)
"""Where each chain begins now that older entries were deleted."""
