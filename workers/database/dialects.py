"""Where SQLite and PostgreSQL differ: engines, column types, inserts that meet existing rows. Any thread.

SQLite runs in WAL mode: readers and the writer do not wait for each other.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    FromClause,
    Integer,
    LargeBinary,
    RowMapping,
    Select,
    Table,
    TypeDecorator,
    Uuid,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler
from sqlalchemy.types import TypeEngine

WRITES = "livesight_writes"
"""The execution option of connections that write."""

BUSY_S = 10.0
_CONNECT_S = 5
_MOST_VALUES = 10_000
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "wal_autocheckpoint=4000",  # pages: what is written again and again goes to the file once
    "secure_delete=ON",  # what is deleted is in no free page either; a tenth more is written (FAST leaves it there)
    "foreign_keys=ON",
    "cache_size=-32768",
    "temp_store=MEMORY",
)
_POOL = {"pool_size": 5, "max_overflow": 15, "pool_timeout": 10.0, "pool_pre_ping": True}


NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""For each package's MetaData: both databases call an index and a constraint the same, so migrations can name them."""

Serial = BigInteger().with_variant(Integer, "sqlite")
"""For primary keys that count by themselves: SQLite does so with INTEGER alone."""


class CompactUuid(TypeDecorator[uuid.UUID]):
    """A UUID: 16 bytes in SQLite (its own type would take 32 characters in table and index), uuid in PostgreSQL."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """See TypeDecorator."""
        return dialect.type_descriptor(LargeBinary(16) if dialect.name == "sqlite" else Uuid())

    def process_bind_param(self, value: uuid.UUID | None, dialect: Dialect) -> Any:
        """See TypeDecorator."""
        return value.bytes if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> uuid.UUID | None:
        """See TypeDecorator."""
        return uuid.UUID(bytes=value) if isinstance(value, bytes) else value


def open_engine(url: URL) -> Engine:
    """An engine with a pool; it connects when a connection is asked for."""
    if url.get_backend_name() != "sqlite":
        limits = {"connect_timeout": _CONNECT_S, "tcp_user_timeout": 10_000, "keepalives_idle": 5}
        engine = create_engine(url, connect_args={"application_name": "livesight", **limits}, **_POOL)
        event.listen(engine, "connect", _prepare_postgresql)
        return engine
    engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False}, **_POOL)
    engine.dialect.statement_compiler = _NamesIndexes
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def rows_with(
    connection: Connection, query: Select[Any], column: ColumnElement[Any], values: Sequence[Any]
) -> Iterator[RowMapping]:
    """The rows of `query` that have one of the values, however many those are: a statement takes 32,766 at most."""
    for start in range(0, len(values), _MOST_VALUES):
        yield from connection.execute(query.where(column.in_(values[start : start + _MOST_VALUES]))).mappings()


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the connection's dialect, which has `on_conflict_do_nothing` and `on_conflict_do_update`."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, add: str | None = None) -> None:
    """Insert rows, or where their primary key is there already replace the other columns (`add`: add to that one)."""
    if not rows:
        return
    statement = insert_into(connection, table)
    keys = [column.name for column in table.primary_key]
    changed: dict[str, ColumnElement[Any]] = {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
    }
    if add is not None:
        changed[add] = table.c[add] + statement.excluded[add]
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


class _NamesIndexes(SQLiteCompiler):
    """Has `with_hint` say INDEXED BY: SQLAlchemy's own compiler leaves out hints for SQLite."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """See SQLCompiler."""
        return text


def _prepare_sqlite(connection: Any, record: object) -> None:
    """`synchronous=NORMAL` is safe in WAL mode but for a lost last commit when the machine loses power
    (https://www.sqlite.org/pragma.html#pragma_synchronous)."""
    connection.isolation_level = None  # else sqlite3 decides by itself when a transaction begins
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchone()


def _prepare_postgresql(connection: Any, record: object) -> None:
    """Without compiling queries (https://www.postgresql.org/docs/current/jit-decision.html): we ask for pages of some
    rows, and to compile a walk over tracks takes longer than the walk itself. And with a plan for the values that are
    asked for (https://www.postgresql.org/docs/current/sql-prepare.html): a label may have five tracks, or most of them,
    and the plan for any label took twenty times as long.

    By a statement, not when connecting: poolers such as PgBouncer refuse startup options, and users may have their own.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET jit = off")
        cursor.execute("SET plan_cache_mode = force_custom_plan")
    connection.commit()


def _begin_sqlite(connection: Connection) -> None:
    """Writers take the lock at once: one that read first could not get it later without starting anew."""
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
