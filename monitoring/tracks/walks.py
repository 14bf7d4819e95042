"""Along which index a page of tracks is walked: the one that leaves fewest rows to look at. Blocks; any thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select, union_all

from monitoring.store.query import time_ns
from monitoring.store.visible import distinct_values
from monitoring.store.writes import DAY_NS
from monitoring.tracks.filters import TrackFilters
from monitoring.tracks.tables import track_tags, tracks

_LOOKS = (500, 20_000)
"""How many rows of each filter are counted, at first, and where none has fewer."""
_LOOK_BACK_NS = DAY_NS
"""How long before `since` a track that was in view then may have begun."""

Tags = Sequence[tuple[str, list[str]]]
"""The tags that are asked for: of each name any of the values."""


@dataclass(frozen=True, slots=True)
class Walk:
    """An index to walk along: `table` where `equal`, in the order of `at` and `number`. `index`: its name on SQLite."""

    table: Table
    equal: tuple[ColumnElement[bool], ...]
    at: ColumnElement[int]
    number: ColumnElement[int]
    index: str | None


@dataclass(frozen=True, slots=True)
class Walks:
    """One walk for each value of the filter that leads: the name of a tag, stream, session, in_view, or time."""

    leading: str
    each: Sequence[Walk]


def walks_of(connection: Connection, query: TrackFilters, tags: Tags, streams: Sequence[str]) -> Walks:
    """The index that leaves fewest rows, as far as a look of bounded length can tell, once for each of its values.

    Where the only tag is one of very many tracks, few of which may pass for what their rows say, it is the stream's or
    that of time, which hold what rows say: looking up each row of a tag takes twenty times as long.
    """
    if query.track is not None:
        return Walks("session", [_of_number(query)])
    groups = {name: [_of_tag(name, value) for value in values] for name, values in tags}
    if query.session is not None:
        groups["session"] = [_of_tracks("ix_tracks_session", tracks.c.session == query.session)]
    if streams:
        groups["stream"] = [_of_tracks("ix_tracks_stream", tracks.c.stream_id == name) for name in streams]
    if query.in_view:
        groups["in_view"] = [_of_tracks("ix_tracks_ended", tracks.c.ended_at_ns.is_(None))]
    by_time = Walks("time", [_of_tracks("ix_tracks_time")])
    picky = query.min_duration_s is not None or query.min_confidence is not None or query.has_alert is False
    if not groups or (len(groups) == 1 and not picky):
        return next((Walks(name, walks) for name, walks in groups.items()), by_time)
    sizes = _sizes(connection, query, groups)
    leading = min(sizes, key=lambda name: sizes[name])
    if picky and len(tags) == 1 and sizes[leading] >= _LOOKS[-1]:
        return Walks("stream", groups["stream"]) if streams else by_time
    return Walks(leading, groups[leading])


def along(query: Any, walk: Walk) -> Any:
    """By its index (https://www.sqlite.org/lang_indexedby.html); PostgreSQL decides by itself, and knows better."""
    return query if walk.index is None else query.with_hint(walk.table, f"INDEXED BY {walk.index}", "sqlite")


def times(query: TrackFilters, at: ColumnElement[int]) -> list[ColumnElement[bool]]:
    """When a track may have begun, `at` being that. Raises BadQuery."""
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(at >= max(0, time_ns(query.since) - _LOOK_BACK_NS))
    if query.until is not None:
        found.append(at < time_ns(query.until))
    return found


def _sizes(connection: Connection, query: TrackFilters, groups: Mapping[str, Sequence[Walk]]) -> dict[str, int]:
    """How many rows each filter leaves, counted as far as it takes to tell which has fewest."""
    sizes: dict[str, int] = {}
    for most in _LOOKS:
        looks = [_look(query, walks).limit(most).subquery() for walks in groups.values()]
        counts = [select(func.count()).select_from(look).scalar_subquery() for look in looks]
        sizes = dict(zip(groups, connection.execute(select(*counts)).one(), strict=True))
        if min(sizes.values()) < most:
            break
    return sizes


def _look(query: TrackFilters, walks: Sequence[Walk]) -> Select[Any]:
    each = [along(select(walk.at).where(*walk.equal, *times(query, walk.at)), walk) for walk in walks]
    return select(union_all(*each).subquery()) if len(each) > 1 else each[0]


def _of_number(query: TrackFilters) -> Walk:
    """A track's number in the session, or in each of all."""
    sessions = distinct_values(tracks.c.session) if query.session is None else [query.session]
    return _of_tracks("ix_tracks_session", tracks.c.session.in_(sessions), tracks.c.track_id == query.track)


def _of_tracks(index: str, *equal: ColumnElement[bool]) -> Walk:
    return Walk(tracks, equal, tracks.c.captured_at_ns, tracks.c.seq, index)


def _of_tag(name: str, value: str) -> Walk:
    equal = (track_tags.c.name == name, track_tags.c.value == value)
    return Walk(track_tags, equal, track_tags.c.captured_at_ns, track_tags.c.track_seq, None)
