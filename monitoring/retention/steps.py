"""Deleting in steps so short that writers need not wait: rows in a transaction, then their files. One thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from prometheus_client import Counter
from sqlalchemy import Column, ColumnElement, Connection, Table, delete, func, select

from monitoring.store.media import Deleted, MediaStore
from workers.database.database import Database

STEP = 1000
"""Rows a transaction: some ten milliseconds."""

_PAUSE_S = 0.002  # between two steps, for writers that wait

_DELETED = Counter("livesight_retention_deleted_rows", "Rows that were deleted for their age or number.", ["table"])

Step = Callable[[Connection], Deleted]
"""Deletes STEP rows at most; fewer: there are no others."""


class DeletionSteps:
    """`database` and `store`: of what is deleted. `closing`: ends everything between two steps."""

    def __init__(self, database: Database, store: MediaStore, closing: threading.Event) -> None:
        self.database = database
        self.store = store
        self.closing = closing

    def run(self, table_name: str, step: Step, last: Callable[[Connection], object] | None = None) -> int:
        """Step after step until nothing is left; returns how many rows went. Raises DatabaseUnavailable.

        last: called in the transaction of the last step.
        """
        total = 0
        while not self.closing.is_set():
            with self.database.write() as connection:
                gone = step(connection)
                if gone.rows < STEP and last is not None:
                    last(connection)
            self.store.unlink(gone.paths)
            _DELETED.labels(table_name).inc(gone.rows)
            total += gone.rows
            if gone.rows < STEP:
                break
            self.closing.wait(_PAUSE_S)
        return total


def delete_rows(
    table: Table, key: Column[Any], *conditions: ColumnElement[bool], order: Column[Any] | None = None
) -> Step:
    """A step that deletes the rows of a table that meet the conditions. key: its primary key, of one column."""
    query = select(key).where(*conditions)
    keys = (query if order is None else query.order_by(order)).limit(STEP)
    return lambda connection: Deleted(connection.execute(delete(table).where(key.in_(keys))).rowcount, [])


def streams_in(connection: Connection, column: Column[Any]) -> list[str]:
    """The streams of a table. column: first in an index, along which it leaps from one to the next
    (https://wiki.postgresql.org/wiki/Loose_indexscan)."""
    found = select(func.min(column).label("name")).cte("streams", recursive=True)
    other = column.table.alias()
    after = select(func.min(other.c[column.name])).where(other.c[column.name] > found.c.name).scalar_subquery()
    found = found.union_all(select(after).where(found.c.name.is_not(None)))
    return list(connection.scalars(select(found.c.name).where(found.c.name.is_not(None))))
