"""The database: SQLite or PostgreSQL. Any thread; blocks, so never on the event loop."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, ProgrammingError, TimeoutError

from workers.database.dialects import BUSY_S, WRITES, open_engine
from workers.errors import DatabaseRefused, DatabaseUnavailable

_SCRUB_MS = 200

MANY_ROWS = {"yield_per": 1000}
"""Execution options of a query that may find any number of rows: they are fetched some at a time, on PostgreSQL too."""


class Database:
    """`read` and `write` give a connection in a transaction, committed at the end of the block unless it raises.

    On SQLite writers of this process wait for each other at a lock of ours, which is fairer than SQLite's polling: a
    retention that deletes in small steps holds up nobody. Both raise DatabaseUnavailable when the database is
    unreachable or refuses; what is wrong with the statement or its data (IntegrityError, DataError, ProgrammingError)
    comes as it is.
    """

    def __init__(self, url: str | URL) -> None:
        """Connects to nothing yet. `url` as `driver_url` gives it. Raises DatabaseRefused."""
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise DatabaseRefused("database_url: not a database URL, such as postgresql://host/livesight") from error
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = open_engine(self.url)
        self._writing = threading.Lock()
        self._writer = self.engine.execution_options(**{WRITES: True})
        # else PostgreSQL shows each query what was committed since the one before
        one_state = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reader = self.engine.execution_options(**one_state)

    @property
    def name(self) -> str:
        """For logs and messages: without credentials."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, and changes nothing."""
        with self.errors(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may change things. Keep it short."""
        with self.errors():
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    yield connection
                return
            with self._writing, self._writer.begin() as connection:
                yield connection

    def scrub(self) -> bool:
        """Empty SQLite's log, which still holds the pages as they were before something was deleted.

        Waits for readers and writers a moment only: False where some were busy, and it is to be tried again. True at
        once on PostgreSQL, whose log is the server's own. Raises DatabaseUnavailable.
        """
        if not self.is_sqlite:
            return True
        with self.errors(), self._writing:
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout={_SCRUB_MS}")
                try:
                    busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                finally:
                    cursor.execute(f"PRAGMA busy_timeout={round(BUSY_S * 1000)}")
            except sqlite3.Error as error:
                raise DatabaseUnavailable(f"{self.name}: {describe(error)}") from error
            finally:
                connection.close()
        return not busy

    @contextmanager
    def errors(self) -> Iterator[None]:
        """The driver's errors as ours; for connections that are taken from `engine` directly."""
        try:
            yield
        except (IntegrityError, DataError, ProgrammingError):
            raise
        except (DBAPIError, TimeoutError) as error:
            raise DatabaseUnavailable(f"{self.name}: {describe(error)}") from error

    def close(self) -> None:
        """Close all connections that are not in use. Idempotent."""
        self.engine.dispose()


def describe(error: BaseException) -> str:
    """A database's error in a line: without the statement and its parameters, which hold people's data."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()) or type(cause).__name__
