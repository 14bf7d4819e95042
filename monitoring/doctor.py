"""Whether the database works, for `livesight doctor`. Changes nothing; blocks."""

from __future__ import annotations

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select

from monitoring.core.errors import MonitoringError
from monitoring.settings import MonitorSettings
from monitoring.store.database import Database, alembic_config
from monitoring.store.tables import event_hours
from workers.cli.doctor import CheckResult

_SUBJECT = "database"


def examine_database(settings: MonitorSettings, state_dir: Path) -> CheckResult:
    """What is there: never raises for a database that is away or refuses."""
    database = Database(settings.url(state_dir))
    place = Path(database.url.database or "")
    try:
        if database.is_sqlite and not place.exists():
            return CheckResult(subject=_SUBJECT, verdict="ok", detail=f"{place} is made at the first start")
        with database.read() as connection:
            version = MigrationContext.configure(connection).get_current_revision()
            if version is None:
                return CheckResult(
                    subject=_SUBJECT, verdict="ok", detail=f"{database.name} is empty; its tables are made"
                )
            known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
            if version not in known:
                told = f"{database.name} was made by a later version of Livesight ({version})"
                return CheckResult(subject=_SUBJECT, verdict="wrong", detail=told)
            count = connection.scalar(select(func.sum(event_hours.c.count))) or 0
        return CheckResult(subject=_SUBJECT, verdict="ok", detail=f"{database.name}, version {version}, {count} events")
    except MonitoringError as error:
        return CheckResult(subject=_SUBJECT, verdict="wrong", detail=str(error))
    finally:
        database.close()
