"""One monitor at a time: the one that holds a lock of the database works, the others stand by. Any one thread."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from workers.database.database import Database

_LOCK = 5067002
_CHECK_S = 1.0


@contextmanager
def lead(database: Database, stop: threading.Event) -> Iterator[Callable[[], None] | None]:
    """Wait for the lock and hold it; yields None when `stop` was set first.

    The function it yields is to be called now and then: it raises DatabaseUnavailable when the lock is lost.
    """
    with _file_lock(database, stop) if database.is_sqlite else _advisory_lock(database, stop) as check:
        yield check


@contextmanager
def _file_lock(database: Database, stop: threading.Event) -> Iterator[Callable[[], None] | None]:
    """A file beside the database: the system lets go of the lock when its process ends, however it does."""
    with open(f"{database.url.database}.lock", "wb") as file:
        while not stop.is_set():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(_CHECK_S)
                continue
            yield lambda: None
            return
        yield None


@contextmanager
def _advisory_lock(database: Database, stop: threading.Event) -> Iterator[Callable[[], None] | None]:
    """PostgreSQL's, of a session: it ends with the connection, on which nothing else is done."""
    connection = _locked(database, stop)
    if connection is None:
        yield None
        return
    checked_s = time.monotonic()

    def check() -> None:
        nonlocal checked_s
        if time.monotonic() - checked_s >= _CHECK_S:
            with database.errors():
                connection.exec_driver_sql("SELECT 1")
            checked_s = time.monotonic()

    try:
        yield check
    finally:
        connection.invalidate()  # the lock goes with the session, which must not return to the pool
        connection.close()


def _locked(database: Database, stop: threading.Event) -> Connection | None:
    with database.errors():
        connection = database.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:
            while not stop.is_set():
                if connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_LOCK})").scalar():
                    return connection
                stop.wait(_CHECK_S)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        connection.close()
        return None
