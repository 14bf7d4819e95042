"""What a reading transaction sees, on both databases, while others write."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select

from workers.database.database import Database

METADATA = MetaData()
NUMBERS = Table("numbers", METADATA, Column("number", Integer, primary_key=True))


def test_a_reading_transaction_sees_one_state_of_the_database(database: Database) -> None:
    """A page, its counts and what belongs to its rows come of several queries, and must fit together."""
    count = select(func.count()).select_from(NUMBERS)
    METADATA.create_all(database.engine)
    with database.read() as reading:
        assert reading.scalar(count) == 0
        with database.write() as writing:
            writing.execute(insert(NUMBERS), [{"number": 1}, {"number": 2}])
        assert reading.scalar(count) == 0, "also for its next query"
    with database.read() as reading:
        assert reading.scalar(count) == 2
