"""Which tracks: the parameters of queries, and whether one track passes them. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import product
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from monitoring.store.query import A_PERSON, Moment
from monitoring.tracks.record import TrackRecord, crossing_tag
from monitoring.tracks.rows import tag_value
from stream.config import StreamId
from workers.access.principal import StreamScope
from workers.bus.event import Severity

_ANY = "Repeatable: any of them will do."
_TAG_FILTERS = ("zone", "rule", "person", "line", "severity", "direction", "label")


class TrackFilters(BaseModel):
    """Which tracks. Of a field named several times any value will do; fields narrow each other."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid")

    since: Moment | None = Field(
        default=None,
        description="In view at this time or later (having begun a day before at most); UTC unless it says otherwise.",
    )
    until: Moment | None = Field(default=None, description="Begun before this time.")
    stream: list[StreamId] = Field(default=[], max_length=64, description=f"The camera. {_ANY}")
    label: list[str] = Field(default=[], max_length=32, description=f"A label that the track has or had. {_ANY}")
    zone: list[str] = Field(default=[], max_length=32, description=f"A zone that it entered. {_ANY}")
    line: list[str] = Field(default=[], max_length=32, description=f"A line that it crossed. {_ANY}")
    direction: list[Literal["in", "out"]] = Field(
        default=[], max_length=2, description="The direction in which it crossed a line: that of `line`, if named."
    )
    person: list[str] = Field(default=[], max_length=32, description=f"Somebody it was taken for: {A_PERSON} {_ANY}")
    rule: list[str] = Field(default=[], max_length=32, description=f"A rule that raised an alert about it. {_ANY}")
    severity: list[Severity] = Field(default=[], max_length=3, description="The severity of an alert about it.")
    session: str | None = Field(default=None, max_length=64, description="The stream's session.")
    track: int | None = Field(default=None, ge=-(2**62), le=2**62, description="Its number in the session.")
    min_confidence: float | None = Field(default=None, ge=0, le=1, description="Of its best detection.")
    min_duration_s: float | None = Field(
        default=None, ge=0, le=1e9, description="How long it was in view, or is so far."
    )
    has_alert: bool | None = Field(default=None, description="true: with an alert about it; false: without.")
    in_view: bool | None = Field(default=None, description="true: has not ended; false: has.")


class TrackPageQuery(TrackFilters):
    """One page."""

    cursor: str | None = Field(default=None, max_length=200, description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="How many tracks at most.")
    order: Literal["newest", "oldest"] = Field(default="newest", description="Which come first, by their beginning.")


def wanted_track(filters: TrackFilters, record: TrackRecord, scope: StreamScope) -> bool:
    """Whether a track is of a stream in the scope and passes the filters; times and `in_view` do not count."""
    if record.stream_id not in scope or (filters.stream and record.stream_id not in filters.stream):
        return False
    duration_s = record.duration_s
    if duration_s is None:
        duration_s = (time.time_ns() - record.captured_at_ns) / 1e9
    return (
        filters.session in (None, record.session)
        and filters.track in (None, record.track_id)
        and (filters.min_confidence is None or (record.confidence or 0) >= filters.min_confidence)
        and (filters.min_duration_s is None or duration_s >= filters.min_duration_s)
        and (filters.has_alert is not False or not record.alerts)
        and _is_tagged(record, tags_of(filters))
    )


def _is_tagged(record: TrackRecord, asked: Sequence[tuple[str, list[str]]]) -> bool:
    """Whether the record has any value of each tag. Quick with nothing asked: it runs for each follower and change."""
    if not asked:
        return True
    tags = {(name, tag_value(value)) for name, value in record.tags}
    return all(not tags.isdisjoint(product((name,), values)) for name, values in asked)


def tags_of(filters: TrackFilters) -> list[tuple[str, list[str]]]:
    """The tags that are asked for: of each name any of the values."""
    found = {name: list(dict.fromkeys(map(tag_value, getattr(filters, name)))) for name in _TAG_FILTERS}
    if filters.has_alert:
        found["alert"] = ["true"]
    lines, directions = found["line"], found["direction"]
    if lines and directions:
        found["crossing"] = [tag_value(crossing_tag(*each)[1]) for each in product(lines, directions)]
        del found["line"], found["direction"]
    return [(name, values) for name, values in found.items() if values]
