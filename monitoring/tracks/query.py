"""Finding tracks: pages and cursors. Blocks; any thread.

A page is walked along one index in the order of time, as that of events is: a tag's, a stream's, or time's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, exists, func, or_, select, union

from monitoring.core.errors import TrackUnknown
from monitoring.store.cursor import after_place, cursor_of
from monitoring.store.query import Page, time_ns
from monitoring.store.visible import by_name, choose, visible
from monitoring.store.writes import DAY_NS
from monitoring.tracks.filters import TrackFilters, TrackPageQuery, tags_of
from monitoring.tracks.tables import track_tags, tracks
from workers.access.principal import StreamScope

_LOOK = 20_000
_LOOK_BACK_NS = DAY_NS
"""How long before `since` a track that was in view then may have begun."""


@dataclass(frozen=True, slots=True)
class _Walk:
    """An index to walk along: `table` where `equal`, in the order of `at` and `number`. `index`: its name on SQLite."""

    table: Table
    equal: tuple[ColumnElement[bool], ...]
    at: ColumnElement[int]
    number: ColumnElement[int]
    index: str | None


def tracks_page(connection: Connection, query: TrackPageQuery, scope: StreamScope) -> Page:
    """The tracks of a page (`body`, `captured_at_ns`, `seq`), of streams in the scope. Raises BadQuery."""
    newest = query.order == "newest"
    found = connection.execute(_numbers(connection, query, scope)).all()
    numbers = [row.seq for row in found[: query.limit]]
    rows = connection.execute(
        select(tracks.c.seq, tracks.c.captured_at_ns, tracks.c.body).where(tracks.c.seq.in_(numbers))
    ).mappings()
    by_number = {row["seq"]: row for row in rows}
    shown = [by_number[number] for number in numbers if number in by_number]  # others were deleted meanwhile
    return Page(shown, cursor_of(shown[-1], newest) if shown and len(found) > query.limit else None)


def track_body(connection: Connection, track_id: uuid.UUID, scope: StreamScope) -> str:
    """One track's record as JSON. Raises TrackUnknown, also where its stream is not in the scope."""
    query = select(tracks.c.body).where(tracks.c.id == track_id, *visible(tracks.c.stream_id, scope))
    found = connection.scalar(query)
    if found is None:
        raise TrackUnknown(f"there is no track {track_id}, or it was deleted")
    return str(found)


def _numbers(connection: Connection, query: TrackPageQuery, scope: StreamScope) -> Select[Any]:
    """The `seq` and `captured_at_ns` of a page's rows, and of one more."""
    newest = query.order == "newest"
    scope = by_name(connection, tracks.c.stream_id, query.stream, scope)
    tags = tags_of(query)
    walks, leading = _walks(connection, query, tags, choose(tracks.c.stream_id, query.stream, scope).names)
    branches = []
    for walk in walks:
        seen = choose(walk.table.c.stream_id, query.stream, scope)
        conditions = [*walk.equal, *_times(query, walk.at), *after_place(query.cursor, (walk.at, walk.number), newest)]
        conditions += [*seen.conditions, *_by_row(query, walk)]
        conditions += [walk.table.c.stream_id.in_(seen.names)] if seen.names and leading != "stream" else []
        conditions += [_tagged(walk, name, values) for name, values in tags if name != leading]
        selected = _along(select(walk.number.label("seq"), walk.at.label("captured_at_ns")).where(*conditions), walk)
        branches.append(_ordered(selected, walk.at, walk.number, newest).limit(query.limit + 1))
    if len(branches) == 1:
        return branches[0]
    both = union(*(select(branch.subquery()) for branch in branches)).subquery()
    return _ordered(select(both), both.c.captured_at_ns, both.c.seq, newest).limit(query.limit + 1)


def _along(query: Any, walk: _Walk) -> Any:
    """By its index (https://www.sqlite.org/lang_indexedby.html); PostgreSQL decides by itself, and knows better."""
    return query if walk.index is None else query.with_hint(walk.table, f"INDEXED BY {walk.index}", "sqlite")


def _ordered(query: Select[Any], at: Any, number: Any, newest: bool) -> Select[Any]:
    return query.order_by(at.desc(), number.desc()) if newest else query.order_by(at.asc(), number.asc())


def _walks(
    connection: Connection, query: TrackFilters, tags: Sequence[tuple[str, list[str]]], streams: Sequence[str]
) -> tuple[list[_Walk], str]:
    """The index that leaves fewest rows, as far as a look of bounded length can tell, once for each of its values.

    Where the only tag is one of very many tracks, few of which may pass for what their rows say, it is the stream's or
    that of time, which hold what rows say: looking up each row of a tag takes twenty times as long.
    """
    if query.session is not None:
        walk = _of_tracks("ix_tracks_session", tracks.c.session == query.session)
        return [walk], "session"
    groups = {name: [_of_tag(name, value) for value in values] for name, values in tags}
    if streams:
        groups["stream"] = [_of_tracks("ix_tracks_stream", tracks.c.stream_id == name) for name in streams]
    if query.in_view:
        groups["in_view"] = [_of_tracks("ix_tracks_ended", tracks.c.ended_at_ns.is_(None))]
    by_time = ([_of_tracks("ix_tracks_time")], "time")
    picky = query.min_duration_s is not None or query.min_confidence is not None or query.has_alert is False
    if not groups or (len(groups) == 1 and not picky):
        return next(((walks, name) for name, walks in groups.items()), by_time)
    sizes = _sizes(connection, query, [walk for walks in groups.values() for walk in walks])
    of_groups = {name: sum(next(sizes) for _ in walks) for name, walks in groups.items()}
    leading = min(of_groups, key=lambda name: of_groups[name])
    if picky and len(tags) == 1 and of_groups[leading] >= _LOOK:
        return (groups["stream"], "stream") if streams else by_time
    return groups[leading], leading


def _sizes(connection: Connection, query: TrackFilters, walks: Sequence[_Walk]) -> Iterator[int]:
    looks = []
    for walk in walks:
        look = _along(select(walk.at).where(*walk.equal, *_times(query, walk.at)), walk)
        looks.append(select(func.count()).select_from(look.limit(_LOOK).subquery()).scalar_subquery())
    return iter(connection.execute(select(*looks)).one())


def _of_tracks(index: str, *equal: ColumnElement[bool]) -> _Walk:
    return _Walk(tracks, equal, tracks.c.captured_at_ns, tracks.c.seq, index)


def _of_tag(name: str, value: str) -> _Walk:
    equal = (track_tags.c.name == name, track_tags.c.value == value)
    return _Walk(track_tags, equal, track_tags.c.captured_at_ns, track_tags.c.track_seq, None)


def _tagged(walk: _Walk, name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Whether the walk's track has one of the values."""
    other = track_tags.alias()
    return exists().where(
        other.c.name == name,
        other.c.value.in_(values),
        other.c.captured_at_ns == walk.at,
        other.c.track_seq == walk.number,
    )


def _by_row(query: TrackFilters, walk: _Walk) -> list[ColumnElement[bool]]:
    """What the row says and no tag, looked up where the walk is along tags."""
    rest = _rest(query)
    if walk.table is tracks or not rest:
        return rest
    return [exists().where(tracks.c.seq == walk.number, *rest)]


def _times(query: TrackFilters, at: ColumnElement[int]) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(at >= max(0, time_ns(query.since) - _LOOK_BACK_NS))
    if query.until is not None:
        found.append(at < time_ns(query.until))
    return found


def _rest(query: TrackFilters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if query.since is not None:
        found.append(or_(tracks.c.ended_at_ns.is_(None), tracks.c.ended_at_ns >= time_ns(query.since)))
    if query.session is not None:
        found.append(tracks.c.session == query.session)
    if query.track is not None:
        found.append(tracks.c.track_id == query.track)
    if query.min_confidence is not None:
        found.append(tracks.c.confidence >= query.min_confidence)
    if query.min_duration_s is not None:
        begun_ns = time.time_ns() - int(query.min_duration_s * 1e9)
        lasts = tracks.c.ended_at_ns.is_(None) & (tracks.c.captured_at_ns <= begun_ns)
        found.append(or_(tracks.c.duration_s >= query.min_duration_s, lasts))
    if query.has_alert is False:
        found.append(tracks.c.alerts == 0)
    if query.in_view is not None:
        over = tracks.c.ended_at_ns.is_not(None)
        found.append(~over if query.in_view else over)
    return found
