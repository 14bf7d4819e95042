"""Brings the tables of a package to what its code needs. Any thread; blocks.

Each package has a branch of its own: a folder of alembic revisions, one after the other, and a table that says how far
they were applied. So no process needs to know the tables of packages that it does not run.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from workers.database.database import Database, describe
from workers.errors import DatabaseRefused

_ENVIRONMENT = Path(__file__).with_name("alembic")
_LOCK = 5067001
_ALEMBIC = threading.Lock()  # its context is one for the whole process


@dataclass(frozen=True, slots=True)
class MigrationBranch:
    """One package's revisions: the folder they stand in, and the table that holds the revision applied last."""

    versions: Path
    version_table: str


def migrate(database: Database, branch: MigrationBranch) -> None:
    """Apply what is missing; processes and threads wait for each other. A new SQLite file is made.

    Raises DatabaseUnavailable when the database is unreachable, DatabaseRefused when a later version made it or it
    cannot be used.
    """
    try:
        if database.is_sqlite:
            Path(database.url.database or "").parent.mkdir(parents=True, exist_ok=True)
        with database.write() as connection:
            if not database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            config = _config(branch)
            config.attributes.update(connection=connection, version_table=branch.version_table)
            with _ALEMBIC:
                command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseRefused(f"{database.name} was made by a later version of Livesight: {error}") from error
    except (OSError, SQLAlchemyError) as error:
        raise DatabaseRefused(f"{database.name}: {describe(error)}") from error


def applied_revision(connection: Connection, branch: MigrationBranch) -> str | None:
    """The revision applied last; None when there is none yet."""
    options = {"version_table": branch.version_table}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def knows(branch: MigrationBranch, revision: str) -> bool:
    """Whether this version of Livesight has that revision; else a later one made the tables."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config(branch)).walk_revisions()}


def _config(branch: MigrationBranch) -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(_ENVIRONMENT))
    config.set_main_option("version_locations", str(branch.versions))
    config.set_main_option("path_separator", "os")
    return config
