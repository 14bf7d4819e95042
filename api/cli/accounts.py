"""The accounts' database as the commands `users`, `keys` and `audit` open it. Runs on the calling thread; blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from api.auth.settings import AuthSettings
from workers.state_directory import make_state_dir

if TYPE_CHECKING:
    from workers.database.database import Database


class AccountsLocation(Protocol):
    """Where the accounts are: the settings as a whole, of which these are used."""

    @property
    def auth(self) -> AuthSettings:
        """How accounts work, and their database."""
        ...

    @property
    def state_dir(self) -> Path:
        """Where the database is, if nowhere else."""
        ...


class OpenAccountsLocation(Protocol):
    """Reads the settings."""

    def __call__(self, config: Path | None) -> AccountsLocation:
        """Raises SettingsError naming every unknown key and bad value."""
        ...


@contextmanager
def accounts_database(location: AccountsLocation) -> Iterator[Database]:
    """Open as long as the context lasts, with its tables; the service may be running.

    A new SQLite file is made in the state directory, for its owner only. Raises SettingsError, DatabaseError.
    """
    from api.auth.migrations import ACCOUNTS
    from workers.database.database import Database
    from workers.database.migrations import migrate

    if location.auth.on_sqlite:
        make_state_dir(location.state_dir)
    database = Database(location.auth.url(location.state_dir))
    try:
        migrate(database, ACCOUNTS)
        yield database
    finally:
        database.close()


def record_change(database: Database, what: str) -> None:
    """Write into the audit trail what a command changed, by ids: `users disable user:01J…`."""
    from api.audit.opening import record_command

    record_command(database, what)


def record_if_accounts(location: AccountsLocation, what: str) -> None:
    """As `record_change`, where there are accounts; without them nobody's doings are recorded."""
    if location.auth.mode == "accounts" and location.auth.audits:
        with accounts_database(location) as database:
            record_change(database, what)
