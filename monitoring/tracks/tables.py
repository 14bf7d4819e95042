"""The tables of tracks. Pure.

A row is deleted with the events of its hour (monitoring/tracks/deletion.py), and its tags with it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Table, Text

from monitoring.store.tables import metadata
from workers.database.dialects import CompactUuid, Serial

tracks = Table(
    "tracks",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("id", CompactUuid, nullable=False, unique=True),  # that of its track_began event
    Column("stream_id", String(63), nullable=False),
    Column("session", String(64), nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("pts_us", BigInteger, nullable=False),  # of its first frame, as the next column
    Column("captured_at_ns", BigInteger, nullable=False),
    Column("ended_at_ns", BigInteger),
    Column("duration_s", Float),
    Column("confidence", Float),  # the highest
    Column("alerts", Integer, nullable=False),
    Column("body", Text, nullable=False),  # a TrackRecord, JSON; the columns are for finding it
    # With what tells the order of a session's tracks, and whose they are, without reading their rows.
    Index("ix_tracks_session", "session", "track_id", "captured_at_ns", "stream_id"),
    Index("ix_tracks_ended", "ended_at_ns", "captured_at_ns", "stream_id"),
    # What a page is walked along; the columns behind the time are looked at without reading the rows.
    Index("ix_tracks_time", "captured_at_ns", "stream_id", "ended_at_ns", "duration_s", "confidence", "alerts"),
    Index("ix_tracks_stream", "stream_id", "captured_at_ns", "ended_at_ns", "duration_s", "confidence", "alerts"),
)
"""One row for each `track_began` event, kept up to date by the track's later events."""

track_tags = Table(
    "track_tags",
    metadata,
    Column("name", String(16), primary_key=True),  # label, zone, line, direction, crossing, person, rule, …
    Column("value", String(200), primary_key=True),
    Column("captured_at_ns", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "track_seq",
        Serial,
        ForeignKey("tracks.seq", ondelete="CASCADE", name="fk_track_tags_track_seq"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("stream_id", String(63), primary_key=True),
    Index("ix_track_tags_track_seq", "track_seq"),
    sqlite_with_rowid=False,
)
"""What tracks are found by of which they may have several: each value once a track, in the order of time."""

track_backfill = Table(
    "track_backfill",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("before_seq", BigInteger, nullable=False),
    Column("done", Boolean, nullable=False),
)
"""One row: up to which event (`seq`, excluded) of an earlier version tracks are still to be made."""
