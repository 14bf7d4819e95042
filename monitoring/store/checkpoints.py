"""Handlers' states and how far Kafka was read, in the database. Any thread; blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from monitoring.core.errors import MonitoringError
from monitoring.store.tables import handler_states, offsets
from workers.database.dialects import upsert

_MOST_STREAMS = 500

Key = tuple[str, str]
"""Handler, stream."""

Partition = tuple[str, int]
"""Of a topic: the topic's name on the broker, number."""


class StaleReader(MonitoringError):
    """Another monitor took over and has read on; what this one made of its batch is void."""

    problem = ("store-unavailable", 503, "The database is unavailable")


def read_states(connection: Connection) -> dict[Key, str]:
    """All of them, as JSON."""
    rows = connection.execute(select(handler_states.c.handler, handler_states.c.stream_id, handler_states.c.state))
    return {(handler, stream_id): state for handler, stream_id, state in rows}


def read_state(connection: Connection, key: Key) -> Any | None:
    """One of them, None when there is none."""
    text = connection.scalar(
        select(handler_states.c.state).where(handler_states.c.handler == key[0], handler_states.c.stream_id == key[1])
    )
    return None if text is None else json.loads(text)


def write_states(connection: Connection, states: Mapping[Key, str], now_ns: int) -> None:
    """Store them."""
    rows = [
        {"handler": handler, "stream_id": stream_id, "state": state, "updated_ns": now_ns}
        for (handler, stream_id), state in states.items()
    ]
    upsert(connection, handler_states, rows)


def forget_states(connection: Connection, before_ns: int) -> list[str]:
    """Delete the states of streams that changed none since then; returns those streams."""
    newest = func.max(handler_states.c.updated_ns)
    stream_id = handler_states.c.stream_id
    unchanged = select(stream_id).group_by(stream_id).having(newest < before_ns).limit(_MOST_STREAMS)
    gone = list(connection.scalars(unchanged))
    if gone:
        connection.execute(delete(handler_states).where(stream_id.in_(gone)))
    return gone


def read_offsets(connection: Connection) -> dict[Partition, int]:
    """The next offset to read of each partition."""
    rows = connection.execute(select(offsets.c.topic, offsets.c.partition, offsets.c.next_offset))
    return {(topic, partition): next_offset for topic, partition, next_offset in rows}


def set_offsets(connection: Connection, begins: Mapping[Partition, int]) -> None:
    """Where reading begins in partitions that were never read."""
    rows = [{"topic": topic, "partition": number, "next_offset": at} for (topic, number), at in begins.items()]
    if rows:
        connection.execute(insert(offsets), rows)


def move_offsets(connection: Connection, moves: Mapping[Partition, tuple[int, int]]) -> None:
    """Move each partition from an offset to an offset. Raises StaleReader when another reader moved it meanwhile."""
    for (topic, number), (before, after) in sorted(moves.items()):
        moved = connection.execute(
            update(offsets)
            .where(offsets.c.topic == topic, offsets.c.partition == number, offsets.c.next_offset == before)
            .values(next_offset=after)
        )
        if moved.rowcount != 1:
            raise StaleReader(f"topic {topic}, partition {number}: another monitor has read on from offset {before}")
