"""Migrations of several packages at once: alembic has one context for the whole process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from api.audit.tables import AUDIT_BRANCH
from api.auth.migrations import ACCOUNTS
from monitoring.migrations import MONITORING
from workers.database.database import Database
from workers.database.migrations import applied_revision, migrate


def test_threads_migrate_at_once(tmp_path: Path) -> None:
    def make(number: int) -> None:
        database = Database(f"sqlite:///{tmp_path / f'{number}.db'}")
        for branch in (AUDIT_BRANCH, ACCOUNTS, MONITORING)[number % 3 :]:
            migrate(database, branch)
            with database.read() as connection:
                assert applied_revision(connection, branch) is not None
        database.close()

    with ThreadPoolExecutor(6) as pool:
        assert len(list(pool.map(make, range(12)))) == 12
