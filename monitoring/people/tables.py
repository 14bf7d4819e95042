"""The tables of people. Pure.

Whoever adds one that holds something of a person has it emptied by monitoring/people/erasure.py.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from monitoring.store.tables import metadata
from workers.database.dialects import CompactUuid, Serial

LONGEST_NAME = 200

people = Table(
    "people",
    metadata,
    Column("id", String(26), primary_key=True),  # a ULID: what results and events carry
    Column("name", String(LONGEST_NAME), nullable=False),
    Column("name_key", String(3 * LONGEST_NAME), nullable=False, unique=True),  # casefolded: no two differ by case
    Column("groups", Text, nullable=False),  # JSON: names of groups
    Column("note", Text, nullable=False),
    Column("strict", Boolean, nullable=False),
    Column("merged_into", String(26)),  # who this is the same as; events keep the id that they have
    Column("created_at_ns", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Index(None, "merged_into"),
)
"""Who is enrolled, and what they are called."""

looks = Table(
    "looks",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column(
        "person",
        String(26),
        ForeignKey("people.id", ondelete="CASCADE", name="fk_looks_person"),
        nullable=False,
    ),
    Column("embedder", String(100), nullable=False),  # the model that made the vector
    Column("vector", LargeBinary, nullable=False),  # float16, of unit length
    Column("source", String(8), nullable=False),  # upload, event, track, folder
    Column("event_id", CompactUuid),
    Column("quality", Text, nullable=False),  # JSON: monitoring/people/looks.py
    Column("path", String(500)),  # under state_dir/people: the face, cut out
    Column("bytes", BigInteger, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Index(None, "person"),
)
"""The faces that people enrolled, one by one."""

counter_examples = Table(
    "counter_examples",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column(
        "person",
        String(26),
        ForeignKey("people.id", ondelete="CASCADE", name="fk_counter_examples_person"),
        nullable=False,
    ),
    Column("track", CompactUuid, nullable=False),
    Column("stream_id", String(63), nullable=False),
    Column("session", String(64), nullable=False),
    Column("track_id", BigInteger, nullable=False),
    Column("from_us", BigInteger, nullable=False),  # pts_us of the track's first frame: earlier ones are another's
    Column("embedder", String(100)),
    Column("vector", LargeBinary),  # float16; null where the track has no picture of a face that is good enough
    Column("created_at_ns", BigInteger, nullable=False),
    Column("created_by", String(200), nullable=False),
    Index(None, "person"),
    Index(None, "session", "track_id"),
)
"""Tracks that are not this person, though they were called so."""

people_changes = Table(
    "people_changes",
    metadata,
    Column("seq", Serial, primary_key=True),
    Column("what", String(16), nullable=False),  # change, merge, split, not_this
    Column("person", String(26), nullable=False),
    Column("other", String(26)),
    Column("before", Text, nullable=False),  # JSON: what undoes it
    Column("at_ns", BigInteger, nullable=False),
    Column("by", String(200), nullable=False),
)
"""What can be undone, one step after another."""

people_revision = Table(
    "people_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)
"""One row, which every change of the tables above counts: so that others notice."""
