"""Whether the database works, for `livesight doctor`. Changes nothing; blocks."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from monitoring.migrations import MONITORING
from monitoring.settings import MonitorSettings
from monitoring.store.tables import event_hours
from workers.cli.doctor import CheckResult
from workers.database.database import Database
from workers.database.migrations import applied_revision, knows
from workers.errors import DatabaseError

_SUBJECT = "database"


def examine_database(settings: MonitorSettings, state_dir: Path) -> CheckResult:
    """What is there; never raises for a database that is unreachable or refuses."""
    database = Database(settings.url(state_dir))
    path = Path(database.url.database or "")
    try:
        if database.is_sqlite and not path.exists():
            return CheckResult(subject=_SUBJECT, verdict="ok", detail=f"{path} will be made at the first start")
        with database.read() as connection:
            version = applied_revision(connection, MONITORING)
            if version is None:
                return CheckResult(
                    subject=_SUBJECT, verdict="ok", detail=f"{database.name} is empty; its tables will be made"
                )
            if not knows(MONITORING, version):
                reason = f"{database.name} was made by a later version of Livesight ({version})"
                return CheckResult(subject=_SUBJECT, verdict="wrong", detail=reason)
            count = connection.scalar(select(func.sum(event_hours.c.count))) or 0
        return CheckResult(subject=_SUBJECT, verdict="ok", detail=f"{database.name}, version {version}, {count} events")
    except DatabaseError as error:
        return CheckResult(subject=_SUBJECT, verdict="wrong", detail=str(error))
    finally:
        database.close()
