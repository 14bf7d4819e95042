"""Stream scopes as conditions: the databases find what `StreamScope` holds; whoever sees everything asks as before."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from monitoring.store.aggregates import CountQuery, counts_of
from monitoring.store.query import PageQuery, page_of
from monitoring.store.tables import events
from monitoring.store.visible import choose, visible
from monitoring.store.writes import add_events
from tests.monitoring.happened import happened
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.database.database import Database

STREAMS = ("cam", "cam1", "cam_1", "camx1", "cam-1", "cam-10", "a-cam-1", "CAM-1", "cam%1", "yard", "yard[1]", "y?rd")
SCOPES = (
    (),
    ("cam_1",),
    ("cam_*",),
    ("cam*",),
    ("*cam*",),
    ("c*1",),
    ("*-1*",),
    ("yard", "cam-*"),
    ("cam", "cam1", "nothing"),
    ("y?rd*",),
    ("yard[1]*",),
    ("cam%*",),
    ("**",),
    ("*",),
    ("yard", "*"),
)


@pytest.mark.parametrize("name", ["*", "cam*"])
def test_a_stream_that_is_called_like_a_pattern_opens_no_other(full: Database, name: str) -> None:
    """No such stream can be made; a message on Kafka may say anything."""
    with full.write() as connection:
        add_events(connection, [happened(number, stream_id=name) for number in range(3)])
    scope = StreamScope((f"{name[:-1]}*1",)) if name != "*" else StreamScope(("yard*",))
    with full.read() as connection:
        found = page_of(connection, PageQuery(), scope).rows
    assert {row["stream_id"] for row in found} == {stream for stream in STREAMS if stream in scope}


@pytest.fixture
def full(database: Database) -> Database:
    """Three events of each stream."""
    with database.write() as connection:
        add_events(connection, [happened(number, stream_id=stream) for stream in STREAMS for number in range(3)])
    return database


def test_a_scope_finds_what_it_holds(full: Database) -> None:
    with full.read() as connection:
        for patterns in SCOPES:
            scope = StreamScope(patterns)
            wanted = {stream for stream in STREAMS if stream in scope}
            found = select(events.c.stream_id).where(*visible(events.c.stream_id, scope))
            assert set(connection.scalars(found)) == wanted, patterns
            assert {row["stream_id"] for row in page_of(connection, PageQuery(), scope).rows} == wanted, patterns
            for bucket in ("minute", "hour"):
                counted = counts_of(connection, CountQuery(bucket=bucket, by="stream"), scope)  # type: ignore[arg-type]
                assert {one.value for one in counted} == wanted, (patterns, bucket)


def test_what_is_asked_for_is_narrowed(full: Database) -> None:
    asked = ("cam_1", "camx1", "yard")
    with full.read() as connection:
        for patterns in SCOPES:
            scope = StreamScope(patterns)
            query = PageQuery.model_construct(**PageQuery().model_dump() | {"stream": list(asked)})
            found = page_of(connection, query, scope).rows
            assert {row["stream_id"] for row in found} == {stream for stream in asked if stream in scope}, patterns


def test_many_names_are_found_too(full: Database) -> None:
    scope = StreamScope((*(f"other-{number}" for number in range(200)), "cam1", "cam-10"))
    with full.read() as connection:
        found = page_of(connection, PageQuery(), scope).rows
    assert {row["stream_id"] for row in found} == {"cam1", "cam-10"}


def test_who_may_see_everything_asks_as_before() -> None:
    assert visible(events.c.stream_id, ALL_STREAMS) == ()
    assert choose(events.c.stream_id, [], ALL_STREAMS).conditions == ()
    assert choose(events.c.stream_id, [], StreamScope(("yard",))).names == ["yard"], "a name has an index"
