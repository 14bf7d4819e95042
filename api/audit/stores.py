"""Where a trail is kept: in the database of accounts, or in a file where there is none. Block; not on the event loop.

Both append within what keeps others out, a transaction or a lock, so that a command and a service may write the same
chain.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from api.audit.entry import GENESIS, AuditEntry, AuditFact
from api.audit.tables import AUDIT_BRANCH, audit_begins, audit_entries
from api.audit.verification import Head, Verification, verify
from workers.database.database import MANY_ROWS, Database
from workers.database.dialects import upsert
from workers.database.migrations import migrate

_PRUNED_AT_ONCE = 5000
_LOCK = 5067003


class AuditStore(Protocol):
    """Keeps entries, in order and durably."""

    def append(self, chain: str, facts: Sequence[AuditFact]) -> list[AuditEntry]:
        """Put the facts at the end of a chain. Raises OSError or DatabaseUnavailable; nothing is kept then."""
        ...

    def prune(self, before_ns: int) -> int:
        """Delete what is older, of every chain from its beginning; returns how many."""
        ...


class DatabaseStore:
    """The trail of all processes that have the database of accounts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._prepared = False

    def append(self, chain: str, facts: Sequence[AuditFact]) -> list[AuditEntry]:
        """See AuditStore."""
        self._prepare()
        with self.database.write() as connection:
            if not self.database.is_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            entries = _chained(chain, facts, head_of(connection, chain))
            rows = [
                {
                    **entry.model_dump(include={"chain", "number", "at_ns", "what", "principal", "stream", "hash"}),
                    "body": entry.to_json(),
                }
                for entry in entries
            ]
            connection.execute(insert(audit_entries), rows)
        return entries

    def prune(self, before_ns: int) -> int:
        """See AuditStore."""
        self._prepare()
        with self.database.write() as connection:
            chains = connection.scalars(select(audit_entries.c.chain).distinct()).all()
            return sum([_prune(connection, chain, before_ns) for chain in chains])

    def lines(self) -> Iterator[str]:
        """Every entry as a line of JSON, each chain in its order. One state of the database."""
        self._prepare()
        with self.database.read() as connection:
            yield from _lines(connection)

    def verified(self, end: Mapping[str, Head] | None = None) -> Verification:
        """The whole trail checked, with where it begins, in one state of the database; `end` as of `verify`."""
        self._prepare()
        with self.database.read() as connection:
            begins = {row.chain: (row.number, row.hash) for row in connection.execute(select(audit_begins))}
            return verify(_lines(connection), begin=begins, end=end)

    def rows(self, query: Select[Any]) -> list[Row[Any]]:
        """What a query of the trail's tables finds."""
        self._prepare()
        with self.database.read() as connection:
            return list(connection.execute(query).all())

    def _prepare(self) -> None:
        if not self._prepared:
            migrate(self.database, AUDIT_BRANCH)
            self._prepared = True


class FileStore:
    """A file of JSON lines, for a process without a database: a node that is asked directly. Never pruned."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, chain: str, facts: Sequence[AuditFact]) -> list[AuditEntry]:
        """See AuditStore. A line that a crash cut short is ended, so that it is found, and the chain goes on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            tail = _tail(file.fileno())
            entries = _chained(chain, facts, _head_in(tail))
            text = "".join(f"{entry.to_json()}\n" for entry in entries)
            _write_whole(descriptor, (b"" if not tail or tail.endswith(b"\n") else b"\n") + text.encode())
        return entries

    def prune(self, before_ns: int) -> int:
        """See AuditStore."""
        return 0

    def lines(self) -> Iterator[str]:
        """Every line. Raises OSError."""
        with self.path.open(encoding="utf-8", errors="replace") as file:
            yield from file


def _lines(connection: Connection) -> Iterator[str]:
    ordered = select(audit_entries.c.body).order_by(audit_entries.c.chain, audit_entries.c.number)
    yield from connection.scalars(ordered, execution_options=MANY_ROWS)


def head_of(connection: Connection, chain: str) -> Head:
    """The last entry of a chain in the database."""
    newest = select(audit_entries.c.number, audit_entries.c.hash).where(audit_entries.c.chain == chain)
    row = connection.execute(newest.order_by(audit_entries.c.number.desc()).limit(1)).first()
    if row is None:
        begins = select(audit_begins.c.number, audit_begins.c.hash).where(audit_begins.c.chain == chain)
        row = connection.execute(begins).first()
    return (0, GENESIS) if row is None else (row.number, row.hash)


def _chained(chain: str, facts: Sequence[AuditFact], head: Head) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    for fact in facts:
        entry = AuditEntry.following(fact, chain, head)
        entries.append(entry)
        head = (entry.number, entry.hash)
    return entries


def _prune(connection: Connection, chain: str, before_ns: int) -> int:
    """The oldest entries up to the first that is young enough, whatever the clock did in between."""
    of_chain = audit_entries.c.chain == chain
    kept = select(func.min(audit_entries.c.number)).where(of_chain, audit_entries.c.at_ns >= before_ns)
    first_kept = connection.scalar(kept)
    old = select(audit_entries.c.number, audit_entries.c.hash).where(of_chain)
    if first_kept is not None:
        old = old.where(audit_entries.c.number < first_kept)
    rows = connection.execute(old.order_by(audit_entries.c.number).limit(_PRUNED_AT_ONCE)).all()
    if not rows:
        return 0
    last = rows[-1]
    upsert(connection, audit_begins, [{"chain": chain, "number": last.number, "hash": last.hash}])
    connection.execute(delete(audit_entries).where(of_chain, audit_entries.c.number <= last.number))
    return len(rows)


def _write_whole(descriptor: int, data: bytes) -> None:
    """At the end, all of it or nothing: a disk that fills up takes a part. Raises OSError."""
    size = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, data)
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _tail(descriptor: int, most: int = 1 << 16) -> bytes:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, min(most, size), max(0, size - most))


def _head_in(tail: bytes) -> Head:
    """The last whole entry of a file, by its end."""
    for line in reversed(tail.split(b"\n")):
        try:
            entry = json.loads(line)
            return int(entry["number"]), str(entry["hash"])
        except (ValueError, KeyError, TypeError):
            continue
    return 0, GENESIS
