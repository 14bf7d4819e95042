"""The branch of migrations of accounts: a file for each version under versions/."""

from __future__ import annotations

from pathlib import Path

from workers.database.migrations import MigrationBranch

ACCOUNTS = MigrationBranch(Path(__file__).with_name("versions"), "alembic_version_accounts")
