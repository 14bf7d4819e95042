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
_ASK_S = 1.0


@contextmanager
def lead(database: Database, stop: threading.Event) -> Iterator[Callable[[], None] | None]:
    """Wait for the lock and hold it; None when `stop` was set first.

    What is given is to be called now and then: it raises DatabaseUnavailable when the lock is lost.
    """
    with _file_lock(database, stop) if database.is_sqlite else _advisory_lock(database, stop) as held:
        yield held


@contextmanager
def _file_lock(database: Database, stop: threading.Event) -> Iterator[Callable[[], None] | None]:
    """A file beside the database: the system lets go of the lock when its process ends, however it does."""
    with open(f"{database.url.database}.lock", "wb") as file:
        while not stop.is_set():
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stop.wait(_ASK_S)
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
    asked_s = time.monotonic()

    def held() -> None:
        nonlocal asked_s
        if time.monotonic() - asked_s >= _ASK_S:
            with database.errors():
                connection.exec_driver_sql("SELECT 1")
            asked_s = time.monotonic()

    try:
        yield held
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
                stop.wait(_ASK_S)
        except BaseException:
            connection.invalidate()
            connection.close()
            raise
        connection.close()
        return None
