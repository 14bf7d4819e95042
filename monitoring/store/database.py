"""The database: SQLite or PostgreSQL. Any thread; blocks, so never on the event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, FromClause, create_engine, event, make_url
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    ProgrammingError,
    SQLAlchemyError,
    TimeoutError,
)

from monitoring.core.errors import StoreRefused, StoreUnavailable

log = structlog.get_logger(__name__)

BUSY_S = 10.0
MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"
_WRITES = "livesight_writes"
_CONNECT_S = 5
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "wal_autocheckpoint=4000",  # pages: what is written again and again goes to the file once
    "secure_delete=FAST",  # Debian's default writes each page that becomes free once more, with zeros
    "foreign_keys=ON",
    "cache_size=-32768",
    "temp_store=MEMORY",
)
_POOL = {"pool_size": 5, "max_overflow": 15, "pool_timeout": 10.0, "pool_pre_ping": True}


class Database:
    """`read` and `write` give a connection in a transaction, committed at the end of the block unless it raises.

    On SQLite writers of this process wait for each other at a lock of ours, which is fairer than SQLite's polling: a
    retention that deletes in small steps holds up nobody. Both raise StoreUnavailable when the database is away or
    refuses; what is wrong with the statement or its data (IntegrityError, DataError, ProgrammingError) comes as it is.
    """

    def __init__(self, url: str | URL) -> None:
        """Connects to nothing yet. `url` as MonitorSettings.url gives it. Raises StoreRefused."""
        try:
            self.url = make_url(url)
        except ArgumentError as error:
            raise StoreRefused("monitoring.database_url: is no database URL") from error
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine = _engine(self.url)
        self._writing = threading.Lock()
        self._writer = self.engine.execution_options(**{_WRITES: True})

    @property
    def name(self) -> str:
        """For logs and messages: without credentials."""
        return self.url.render_as_string(hide_password=True)

    def migrate(self) -> None:
        """Bring the tables to what this version needs; processes wait for each other.

        Raises StoreUnavailable when the database is away, StoreRefused when it is a later version's or not to be used.
        """
        try:
            if self.is_sqlite:
                Path(self.url.database or "").parent.mkdir(parents=True, exist_ok=True)
            with self.write() as connection:
                if not self.is_sqlite:
                    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5067001)")
                config = alembic_config()
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise StoreRefused(f"{self.name} was made by a later version of Livesight: {error}") from error
        except (OSError, SQLAlchemyError) as error:
            raise StoreRefused(f"{self.name}: {in_words(error)}") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database."""
        with _told(self.name), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may change things. Keep it short."""
        with _told(self.name):
            if not self.is_sqlite:
                with self.engine.begin() as connection:
                    yield connection
                return
            with self._writing, self._writer.begin() as connection:
                yield connection

    def close(self) -> None:
        """Close all connections that are not in use. Idempotent."""
        self.engine.dispose()


def alembic_config() -> Config:
    """Alembic's configuration, without a file of its own."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return config


def in_words(error: BaseException) -> str:
    """A database's error in a line: without the statement and its parameters, which hold people's data."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split()) or type(cause).__name__


def _engine(url: URL) -> Engine:
    if url.get_backend_name() != "sqlite":
        patience = {"connect_timeout": _CONNECT_S, "tcp_user_timeout": 10_000, "keepalives_idle": 5}
        return create_engine(url, connect_args={"application_name": "livesight", **patience}, **_POOL)
    engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False}, **_POOL)
    engine.dialect.statement_compiler = _NamesIndexes
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


class _NamesIndexes(SQLiteCompiler):
    """Has `with_hint` say INDEXED BY: SQLAlchemy's own compiler leaves out hints for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """See SQLCompiler."""
        return text


def _prepare_sqlite(connection: Any, record: object) -> None:
    """WAL: readers and the writer do not wait for each other; `NORMAL` is safe with it but for a lost last commit
    when the machine loses power (https://www.sqlite.org/pragma.html#pragma_synchronous)."""
    connection.isolation_level = None  # else sqlite3 decides by itself when a transaction begins
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchone()


def _begin_sqlite(connection: Connection) -> None:
    """Writers take the lock at once: one that read first could not get it later without starting anew."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _told(name: str) -> Iterator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except (IntegrityError, DataError, ProgrammingError):
        raise
    except (DBAPIError, TimeoutError) as error:
        raise StoreUnavailable(f"{name}: {in_words(error)}") from error
