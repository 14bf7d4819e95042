"""Handlers' states and how far Kafka was read, in the database. Any thread; blocks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from monitoring.core.errors import MonitoringError
from monitoring.store.tables import handler_states, offsets
from workers.database.dialects import upsert

_MOST = 500

Key = tuple[str, str]
"""Handler, stream."""

Partition = tuple[str, int]
"""Of a topic: the topic's name on the broker, number."""


class StaleReader(MonitoringError):
    """Somebody else has read on: another monitor took over, and what this one thought is void."""

    problem = ("store-unavailable", 503, "Another monitor has taken over")


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
    """Keep them."""
    rows = [
        {"handler": handler, "stream_id": stream_id, "state": state, "updated_ns": now_ns}
        for (handler, stream_id), state in states.items()
    ]
    upsert(connection, handler_states, rows)


def forget_states(connection: Connection, before_ns: int) -> list[str]:
    """Of streams of which nothing was kept since then; returns them."""
    newest = func.max(handler_states.c.updated_ns)
    stream_id = handler_states.c.stream_id
    gone = list(connection.scalars(select(stream_id).group_by(stream_id).having(newest < before_ns).limit(_MOST)))
    if gone:
        connection.execute(delete(handler_states).where(stream_id.in_(gone)))
    return gone


def read_offsets(connection: Connection) -> dict[Partition, int]:
    """Where each partition is to be read on."""
    rows = connection.execute(select(offsets.c.topic, offsets.c.partition, offsets.c.next_offset))
    return {(topic, partition): next_offset for topic, partition, next_offset in rows}


def set_offsets(connection: Connection, begins: Mapping[Partition, int]) -> None:
    """Where partitions that were never read are begun."""
    rows = [{"topic": topic, "partition": number, "next_offset": at} for (topic, number), at in begins.items()]
    if rows:
        connection.execute(insert(offsets), rows)


def move_offsets(connection: Connection, moves: Mapping[Partition, tuple[int, int]]) -> None:
    """From an offset to an offset. Raises StaleReader when it was not there that reading had got to."""
    for (topic, number), (before, after) in sorted(moves.items()):
        moved = connection.execute(
            update(offsets)
            .where(offsets.c.topic == topic, offsets.c.partition == number, offsets.c.next_offset == before)
            .values(next_offset=after)
        )
        if moved.rowcount != 1:
            raise StaleReader(f"{topic}, partition {number}: somebody else has read on from offset {before}")
