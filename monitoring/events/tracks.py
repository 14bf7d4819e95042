"""Events of tracks: began, changed label or person, entered and left zones, crossed lines, ended; and occupancy. Pure.

The first handler (monitoring/core/handler.py): those after it see its events, and its tracks through `tracks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from monitoring.core.handler import Durability, formerly
from monitoring.events.deduplication import LateEventFilter
from monitoring.events.event_factory import EventFactory
from monitoring.events.occupancy import Counts, count_tracks, end_counts, report_counts
from monitoring.events.settings import EventSettings
from monitoring.events.track_state import Sighting, Track
from monitoring.events.zone import Scene
from monitoring.events.zone_tracker import ZoneTracker
from workers.bus.event import Event
from workers.bus.result import FrameResult

log = structlog.get_logger(__name__)

GONE, LOST = "gone", "stream_lost"

_UNKNOWN_PTS_US = 2**62
"""The last frame of a session that ended without saying which was its last."""
_MAX_ENDS = 8


@dataclass(slots=True)
class StreamTracks:
    """The state of a stream's session: its last frame, its tracks. Stored as JSON.

    `ends`: sessions that their node says have ended → `pts_us` of their last frame. Events and results of a stream are
    read in parallel, so the end may be known before the last frame.
    """

    session: str = ""
    node: str | None = None
    models: dict[str, int] = field(default_factory=dict)
    pts_us: int = -1
    captured_at_ns: int = 0
    tracks: dict[int, Track] = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    late_events: Annotated[LateEventFilter, formerly("late_events", "seen")] = field(default_factory=LateEventFilter)

    def factory(self, stream_id: str) -> EventFactory:
        """For events that no result causes."""
        return EventFactory(stream_id, self.session, self.node, self.models)


_STATE = TypeAdapter(StreamTracks)


class SceneSource(Protocol):
    """Where zones and lines come from. Called for each result, so it must not block."""

    @property
    def version(self) -> int:
        """Changes with each change of any scene."""
        ...

    def scene(self, stream_id: str) -> Scene | None:
        """The zones and lines of a stream now."""
        ...


class TrackEvents:
    """Turns results into events, each stream on its own. Durations are those of the stream's time (`pts_us`)."""

    name = "events"
    durability: Durability = "each"

    def __init__(self, settings: EventSettings, scenes: SceneSource) -> None:
        self._settings = settings
        self._scenes = scenes
        self._streams: dict[str, StreamTracks] = {}
        self._zone_trackers: dict[str, tuple[int, ZoneTracker]] = {}
        self._silent_since_ns: dict[str, int] = {}

    def tracks(self, stream_id: str) -> Iterator[Track]:
        """The tracks that have begun and not ended, in no order."""
        state = self._streams.get(stream_id)
        return iter(()) if state is None else (track for track in state.tracks.values() if track.begun)

    def present(self, stream_id: str) -> Iterator[Track]:
        """The tracks of `tracks` that were seen within `missed_s`: those that count as present."""
        state = self._streams.get(stream_id)
        since_us = 0 if state is None else state.pts_us - self._settings.missed_s * 1e6
        return (track for track in self.tracks(stream_id) if track.last.pts_us >= since_us)

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler. A state of another version that cannot be read is logged and dropped, with its open tracks."""
        self.forget(stream_id)
        try:
            self._streams[stream_id] = StreamTracks() if state is None else _STATE.validate_python(state)
        except ValidationError as error:
            log.warning("state_unreadable", handler=self.name, stream=stream_id, error=str(error))
            self._streams[stream_id] = StreamTracks()

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        for known in (self._streams, self._zone_trackers, self._silent_since_ns):
            if stream_id is None:
                known.clear()
            else:
                known.pop(stream_id, None)

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        return _STATE.dump_python(self._streams[stream_id], mode="json")

    def take_result(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler."""
        stream_id = result.stream_id
        state = self._streams.setdefault(stream_id, StreamTracks())
        self._silent_since_ns.pop(stream_id, None)
        if state.session != result.session:
            self._lose(stream_id, events)
            state.session, state.pts_us = result.session, -1
        if result.pts_us <= state.pts_us:
            return
        state.pts_us, state.captured_at_ns = result.pts_us, result.captured_at_ns
        state.late_events.add(result)
        state.node, state.models = result.node, dict(result.models)
        factory = EventFactory.of(result)
        zones = self._zone_tracker(factory, state, events)
        for detection in result.detections:
            if detection.track_id is not None:
                sighting = Sighting.of(result, detection)
                track = state.tracks.get(detection.track_id)
                if track is None:
                    track = Track.of(detection.track_id, detection.detector, sighting)
                    state.tracks[track.id] = track
                self._see(factory, zones, track, sighting, events)
        for track in [track for track in state.tracks.values() if self._is_gone(track, result.pts_us)]:
            events.extend(_end(factory, zones, state, track, GONE))
        counted = count_tracks(self.present(stream_id))
        moment = (result.pts_us, result.captured_at_ns)
        events.extend(report_counts(factory, state.counts, counted, moment, self._settings.count_s))
        if result.pts_us >= state.ends.get(result.session, _UNKNOWN_PTS_US):
            self._lose(stream_id, events)

    def take_event(self, event: Event, events: list[Event]) -> None:
        """See Handler: a stream that goes down, or comes up as another session, loses its tracks."""
        state = self._streams.setdefault(event.stream_id, StreamTracks())
        if state.late_events.is_late(event):
            return
        if event.kind == "stream_down":
            state.ends[event.session] = event.pts_us
            if event.session == state.session and state.pts_us >= event.pts_us:
                self._lose(event.stream_id, events)
        elif event.kind == "stream_up" and event.session != state.session:
            state.ends.setdefault(state.session, _UNKNOWN_PTS_US)
        for session in list(state.ends)[:-_MAX_ENDS]:
            del state.ends[session]

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """See Handler: nothing waits to be read, so announced ends have come, and silent streams lose their tracks."""
        for stream_id, state in self._streams.items():
            if not state.tracks and not state.counts:
                continue
            silent_since_ns = self._silent_since_ns.setdefault(stream_id, now_ns)
            if state.session in state.ends or now_ns - silent_since_ns >= self._settings.silent_s * 1e9:
                self._lose(stream_id, events)

    def _see(
        self, factory: EventFactory, zones: ZoneTracker, track: Track, sighting: Sighting, events: list[Event]
    ) -> None:
        if track.begun:
            self._follow(factory, zones, track, sighting, events)
            return
        track.pending.append(sighting)
        track.last = sighting
        if sighting.pts_us - track.first.pts_us < self._settings.began_s * 1e6:
            return
        track.begin()
        best = max(pending.confidence for pending in track.pending)
        events.append(factory.track_event("track_began", track, track.first, confidence=best))
        track.last = track.first
        for pending in track.pending:  # it may have been in a zone, or crossed a line, before it counted as a track
            self._follow(factory, zones, track, pending, events)
        track.pending = []

    def _follow(
        self, factory: EventFactory, zones: ZoneTracker, track: Track, sighting: Sighting, events: list[Event]
    ) -> None:
        before, label, person = track.last, track.label, track.person
        changes = track.follow(sighting, self._settings.label_s, self._settings.person_s)
        if changes.label is not None:
            events.append(factory.track_event("label_changed", track, changes.label.since, before=label))
        if changes.person is not None:
            since, name = changes.person.since, track.person or ""
            events.append(factory.track_event("identified", track, since, name, before=person))
        events.extend(zones.follow(factory, track, before, sighting))

    def _is_gone(self, track: Track, pts_us: int) -> bool:
        return pts_us > track.last.pts_us and pts_us - track.last.pts_us >= self._settings.gone_s * 1e6

    def _lose(self, stream_id: str, events: list[Event]) -> None:
        """The session is over, and so are its tracks."""
        state = self._streams[stream_id]
        state.ends.pop(state.session, None)
        factory = state.factory(stream_id)
        zones = self._zone_tracker(factory, state, events)
        for track in list(state.tracks.values()):
            events.extend(_end(factory, zones, state, track, LOST))
        events.extend(end_counts(factory, state.counts, (state.pts_us, state.captured_at_ns), LOST))

    def _zone_tracker(self, factory: EventFactory, state: StreamTracks, events: list[Event]) -> ZoneTracker:
        """The stream's zones and lines as they are now. When they changed, tracks leave the zones that were removed."""
        stream_id, version = factory.stream_id, self._scenes.version
        known = self._zone_trackers.get(stream_id)
        if known is not None and known[0] == version:
            return known[1]
        scene = self._scenes.scene(stream_id)
        if known is not None and known[1].scene == scene:
            zones = known[1]
        else:
            zones = ZoneTracker(scene, self._settings)
            if known is not None:  # otherwise the tracks, if any, were restored, most likely with these very zones
                for track in state.tracks.values():
                    events.extend(zones.scene_changed(factory, track))
        self._zone_trackers[stream_id] = (version, zones)
        return zones


def _end(factory: EventFactory, zones: ZoneTracker, state: StreamTracks, track: Track, reason: str) -> Iterator[Event]:
    del state.tracks[track.id]
    if not track.begun:  # a flicker, which made no events
        return
    yield from zones.end(factory, track, reason)
    duration_s = (track.last.pts_us - track.first.pts_us) / 1e6
    yield factory.track_event(
        "track_ended",
        track,
        track.last,
        confidence=track.best_confidence,
        duration_s=duration_s,
        reason=reason,
        path=track.path.until(track.last),
    )
