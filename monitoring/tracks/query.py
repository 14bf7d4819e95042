"""Finding tracks: pages and cursors. Blocks; any thread.

A page is walked along one index in the order of time, as that of events is: a tag's, a stream's, or time's.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select, union

from monitoring.core.errors import TrackUnknown
from monitoring.store.cursor import after_place, cursor_of
from monitoring.store.query import Page, time_ns
from monitoring.store.visible import by_name, choose, visible
from monitoring.tracks.filters import TrackFilters, TrackPageQuery, tags_of
from monitoring.tracks.tables import track_tags, tracks
from monitoring.tracks.walks import Walk, along, times, walks_of
from workers.access.principal import StreamScope


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
    walks = walks_of(connection, query, tags, choose(tracks.c.stream_id, query.stream, scope).names)
    branches = []
    for walk in walks.each:
        seen = choose(walk.table.c.stream_id, query.stream, scope)
        conditions = [*walk.equal, *times(query, walk.at), *after_place(query.cursor, (walk.at, walk.number), newest)]
        conditions += [*seen.conditions, *_by_row(query, walk)]
        conditions += [walk.table.c.stream_id.in_(seen.names)] if seen.names and walks.leading != "stream" else []
        conditions += [_tagged(walk, name, values) for name, values in tags if name != walks.leading]
        selected = along(select(walk.number.label("seq"), walk.at.label("captured_at_ns")).where(*conditions), walk)
        branches.append(_ordered(selected, walk.at, walk.number, newest).limit(query.limit + 1))
    if len(branches) == 1:
        return branches[0]
    both = union(*(select(branch.subquery()) for branch in branches)).subquery()
    return _ordered(select(both), both.c.captured_at_ns, both.c.seq, newest).limit(query.limit + 1)


def _ordered(query: Select[Any], at: Any, number: Any, newest: bool) -> Select[Any]:
    return query.order_by(at.desc(), number.desc()) if newest else query.order_by(at.asc(), number.asc())


def _tagged(walk: Walk, name: str, values: Sequence[str]) -> ColumnElement[bool]:
    """Whether the walk's track has one of the values.

    Of several PostgreSQL would rather gather all tracks that have one, which are very many: it is asked for the first.
    """
    other = track_tags.alias()
    found = select(other.c.track_seq).where(
        other.c.name == name,
        other.c.value.in_(values),
        other.c.captured_at_ns == walk.at,
        other.c.track_seq == walk.number,
    )
    return found.exists() if len(values) == 1 else found.limit(1).scalar_subquery().is_not(None)


def _by_row(query: TrackFilters, walk: Walk) -> list[ColumnElement[bool]]:
    """What the row says and no tag, looked up where the walk is along tags."""
    rest = _rest(query)
    if walk.table is tracks or not rest:
        return rest
    return [exists().where(tracks.c.seq == walk.number, *rest)]


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
