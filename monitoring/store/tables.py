"""The tables. Pure.

Whoever adds some does it here or in a file beside with the same `metadata`, in a migration (monitoring/migrations), and
in `AGED` if its rows grow old. Times are wall clocks in nanoseconds, as `captured_at_ns` of results.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from workers.database.dialects import NAMING_CONVENTION, CompactUuid, Serial

metadata = MetaData(naming_convention=NAMING_CONVENTION)

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", CompactUuid, nullable=False, unique=True),
    Column("kind", String(32), nullable=False),
    Column("stream_id", String(63), nullable=False),
    Column("session", String(64), nullable=False),
    Column("captured_at_ns", BigInteger, nullable=False),
    Column("track_id", BigInteger),
    Column("label", String(200)),
    Column("confidence", Float),
    Column("zone", String(63)),
    Column("line", String(63)),
    Column("direction", String(8)),
    Column("person", String(200)),
    Column("rule", String(63)),
    Column("severity", String(16)),
    Column("body", Text, nullable=False),  # the whole event as published; the columns are for finding it
    Index("ix_events_time", "captured_at_ns"),
    Index("ix_events_session", "session", "track_id"),
    # What a page is walked along; the columns behind the time are looked at without reading the rows.
    Index("ix_events_stream", "stream_id", "captured_at_ns", "kind", "label", "zone", "confidence"),
    Index("ix_events_kind", "kind", "captured_at_ns", "stream_id", "label", "zone", "confidence"),
    Index("ix_events_label", "label", "captured_at_ns", "stream_id", "kind", "zone", "confidence"),
    Index("ix_events_zone", "zone", "captured_at_ns", "stream_id", "kind", "label", "confidence"),
    # Few events are about somebody who is known: the others are not in it.
    Index(
        "ix_events_person",
        "person",
        "captured_at_ns",
        "stream_id",
        "kind",
        sqlite_where=text("person IS NOT NULL"),
        postgresql_where=text("person IS NOT NULL"),
    ),
)
"""What happened. Written with add_events (monitoring/store/writes.py) only, which keeps `event_counts` true."""

event_counts = Table(
    "event_counts",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),  # since 1970, UTC
    Column("kind", String(32), primary_key=True),
    Column("stream_id", String(63), primary_key=True),
    Column("label", String(200), primary_key=True),  # '' where there is none, as a key may not be null
    Column("zone", String(63), primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""How many events there are by hour and what they are counted by, so that a month is summed without reading it."""

event_hours = Table(
    "event_hours",
    metadata,
    Column("hour", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), primary_key=True),
    Column("stream_id", String(63), primary_key=True),
    Column("count", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""The same more coarsely: a fifth of the rows, for what labels and zones do not matter to."""

handler_states = Table(
    "handler_states",
    metadata,
    Column("handler", String(63), primary_key=True),
    Column("stream_id", String(63), primary_key=True),
    Column("state", Text, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
)
"""What handlers know of streams, JSON."""

offsets = Table(
    "offsets",
    metadata,
    Column("topic", String(200), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)
"""How far Kafka has been read: moves in the transaction that holds what was read."""

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("topic", String(200), nullable=False),
    Column("key", String(200), nullable=False),
    Column("schema", String(63), nullable=False),
    Column("body", Text, nullable=False),
)
"""What is to be published and not yet confirmed by the broker. Empty without Kafka."""

media = Table(
    "media",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("kind", String(16), nullable=False),  # crop, picture: of a track; clip, results: of an event
    Column("stream_id", String(63), nullable=False),
    Column("session", String(64), nullable=False),
    Column("track_id", BigInteger),
    Column("event_id", CompactUuid),
    Column("pts_us", BigInteger, nullable=False),
    Column("captured_at_ns", BigInteger, nullable=False),
    Column("media_type", String(63), nullable=False),
    Column("path", String(500), nullable=False),  # under state_dir/media
    Column("bytes", BigInteger, nullable=False),
    Column("quality", Float),
    Column("boxes", Text),  # what was found in that frame, JSON: monitoring/store/overlay.py
    UniqueConstraint("stream_id", "session", "track_id", "kind"),
    UniqueConstraint("event_id", "kind"),
    Index(None, "captured_at_ns"),
    Index("ix_media_stream", "stream_id", "kind", "captured_at_ns"),
)
"""Files: a row each. Rows and files go together (monitoring/store/media.py)."""


@dataclass(frozen=True, slots=True)
class Aged:
    """A table whose rows are deleted by age. `key`: its one-column primary key; `time`: when a row is of, ns.

    kind: one of STORED_KINDS (monitoring/store/settings.py) whose rules hold for it; an index begins with its stream.
    """

    table: Table
    key: Column[Any]
    time: Column[Any]
    kind: str | None = None

    @property
    def stream_id(self) -> Column[Any]:
        """The stream that a row is of; only where there is a kind."""
        return self.table.c.stream_id


AGED: list[Aged] = []
"""Further tables that retention deletes from; events and media, which have more to them, are not among them."""
