"""Events of tracks: began, another label, in and out of zones, over lines, ended; and how many there are. Pure.

A handler (monitoring/core/handler.py), the first: what comes after it sees its events, and its tracks by `tracks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from pydantic import TypeAdapter, ValidationError

from monitoring.core.handler import Durability
from monitoring.events.event_factory import EventFactory
from monitoring.events.late_events import LateEventFilter
from monitoring.events.occupancy import Counts, count_tracks, end_counts, tell_counts
from monitoring.events.settings import EventSettings
from monitoring.events.track_state import Sighting, Track
from monitoring.events.zone import Scene
from monitoring.events.zone_tracker import ZoneTracker
from workers.bus.event import Event
from workers.bus.result import FrameResult

log = structlog.get_logger(__name__)

GONE, LOST = "gone", "stream_lost"

_SOON = 2**62
_ENDS_KEPT = 8


@dataclass(slots=True)
class StreamTracks:
    """What is known of a stream's session: its last picture, who is there.

    `ends`: sessions that are said to end, and the `pts_us` of their last picture: events and results of a stream are
    read side by side, so the end may be heard of before the last picture.
    """

    session: str = ""
    node: str | None = None
    models: dict[str, int] = field(default_factory=dict)
    pts_us: int = -1
    captured_at_ns: int = 0
    tracks: dict[int, Track] = field(default_factory=dict)
    counts: Counts = field(default_factory=dict)
    ends: dict[str, int] = field(default_factory=dict)
    seen: LateEventFilter = field(default_factory=LateEventFilter)

    def origin(self, stream_id: str) -> EventFactory:
        """Where events come from that no result is the reason for."""
        return EventFactory(stream_id, self.session, self.node, self.models)


_STATE = TypeAdapter(StreamTracks)


class SceneSource(Protocol):
    """Where zones and lines come from; asked for each result, so it must not block."""

    @property
    def version(self) -> int:
        """Another after each change of any scene."""
        ...

    def scene(self, stream_id: str) -> Scene | None:
        """The zones and lines of a stream now."""
        ...


class TrackEvents:
    """Turns results into events, for each stream by itself. Counts and durations are those of the stream's time."""

    name = "events"
    durability: Durability = "each"

    def __init__(self, settings: EventSettings, scenes: SceneSource) -> None:
        self._settings = settings
        self._scenes = scenes
        self._streams: dict[str, StreamTracks] = {}
        self._places: dict[str, tuple[int, ZoneTracker]] = {}
        self._quiet_ns: dict[str, int] = {}

    def tracks(self, stream_id: str) -> Iterator[Track]:
        """The tracks that have begun and not ended, in no order."""
        state = self._streams.get(stream_id)
        return iter(()) if state is None else (track for track in state.tracks.values() if track.begun)

    def present(self, stream_id: str) -> Iterator[Track]:
        """Those of them who were seen a moment ago: they are counted."""
        state = self._streams.get(stream_id)
        since_us = 0 if state is None else state.pts_us - self._settings.missed_s * 1e6
        return (track for track in self.tracks(stream_id) if track.last.pts_us >= since_us)

    def restore(self, stream_id: str, state: Any | None) -> None:
        """See Handler. A state that cannot be read (of another version) is logged and dropped, with open tracks."""
        self.forget(stream_id)
        try:
            self._streams[stream_id] = StreamTracks() if state is None else _STATE.validate_python(state)
        except ValidationError as error:
            log.warning("state_unreadable", handler=self.name, stream=stream_id, error=str(error))
            self._streams[stream_id] = StreamTracks()

    def forget(self, stream_id: str | None) -> None:
        """See Handler."""
        for known in (self._streams, self._places, self._quiet_ns):
            if stream_id is None:
                known.clear()
            else:
                known.pop(stream_id, None)

    def dump(self, stream_id: str) -> Any:
        """See Handler."""
        return _STATE.dump_python(self._streams[stream_id], mode="json")

    def take(self, result: FrameResult, events: list[Event]) -> None:
        """See Handler."""
        stream_id = result.stream_id
        state = self._streams.setdefault(stream_id, StreamTracks())
        self._quiet_ns.pop(stream_id, None)
        if state.session != result.session:
            self._lose(stream_id, events)
            state.session, state.pts_us = result.session, -1
        if result.pts_us <= state.pts_us:
            return
        state.pts_us, state.captured_at_ns = result.pts_us, result.captured_at_ns
        state.seen.saw(result)
        state.node, state.models = result.node, dict(result.models)
        origin = EventFactory.of(result)
        places = self._places_of(origin, state, events)
        for detection in result.detections:
            if detection.track_id is not None:
                sighting = Sighting.of(result, detection)
                track = state.tracks.get(detection.track_id)
                if track is None:
                    track = Track.of(detection.track_id, detection.detector, sighting)
                    state.tracks[track.id] = track
                self._see(origin, places, track, sighting, events)
        for track in [track for track in state.tracks.values() if self._is_gone(track, result.pts_us)]:
            _end(origin, places, state, track, GONE, events)
        counted = count_tracks(self.present(stream_id))
        moment = (result.pts_us, result.captured_at_ns)
        events.extend(tell_counts(origin, state.counts, counted, moment, self._settings.count_s))
        if result.pts_us >= state.ends.get(result.session, _SOON):
            self._lose(stream_id, events)

    def hear(self, event: Event, events: list[Event]) -> None:
        """A stream that went down, or came up again as another session, has lost its tracks."""
        state = self._streams.setdefault(event.stream_id, StreamTracks())
        if state.seen.is_late(event):
            return
        if event.kind == "stream_down":
            state.ends[event.session] = event.pts_us
            if event.session == state.session and state.pts_us >= event.pts_us:
                self._lose(event.stream_id, events)
        elif event.kind == "stream_up" and event.session != state.session:
            state.ends.setdefault(state.session, _SOON)
        for session in list(state.ends)[:-_ENDS_KEPT]:
            del state.ends[session]

    def tick(self, now_ns: int, events: list[Event]) -> None:
        """Nothing waits to be read: sessions that are said to end have. So have those of streams silent for long."""
        for stream_id, state in self._streams.items():
            if not state.tracks and not state.counts:
                continue
            quiet_since_ns = self._quiet_ns.setdefault(stream_id, now_ns)
            if state.session in state.ends or now_ns - quiet_since_ns >= self._settings.silent_s * 1e9:
                self._lose(stream_id, events)

    def _see(
        self, origin: EventFactory, places: ZoneTracker, track: Track, sighting: Sighting, events: list[Event]
    ) -> None:
        if track.begun:
            self._follow(origin, places, track, sighting, events)
            return
        track.pending.append(sighting)
        track.last = sighting
        if sighting.pts_us - track.first.pts_us < self._settings.began_s * 1e6:
            return
        track.begin()
        best = max(seen.confidence for seen in track.pending)
        events.append(origin.of_track("track_began", track, track.first, confidence=best))
        track.last = track.first
        for seen in track.pending:  # it may have been in a zone, or over a line, before it was sure that it is one
            self._follow(origin, places, track, seen, events)
        track.pending = []

    def _follow(
        self, origin: EventFactory, places: ZoneTracker, track: Track, sighting: Sighting, events: list[Event]
    ) -> None:
        before, label = track.last, track.label
        rival = track.follow(sighting, self._settings.label_s)
        if rival is not None:
            events.append(origin.of_track("label_changed", track, rival.since, before=label))
        places.follow(origin, track, before, sighting, events)

    def _is_gone(self, track: Track, pts_us: int) -> bool:
        return pts_us > track.last.pts_us and pts_us - track.last.pts_us >= self._settings.gone_s * 1e6

    def _lose(self, stream_id: str, events: list[Event]) -> None:
        """The session is over: so are its tracks."""
        state = self._streams[stream_id]
        state.ends.pop(state.session, None)
        origin = state.origin(stream_id)
        places = self._places_of(origin, state, events)
        for track in list(state.tracks.values()):
            _end(origin, places, state, track, LOST, events)
        events.extend(end_counts(origin, state.counts, (state.pts_us, state.captured_at_ns), LOST))

    def _places_of(self, origin: EventFactory, state: StreamTracks, events: list[Event]) -> ZoneTracker:
        """The stream's zones and lines as they are now; tracks are told when those are new."""
        stream_id, version = origin.stream_id, self._scenes.version
        known = self._places.get(stream_id)
        if known is not None and known[0] == version:
            return known[1]
        scene = self._scenes.scene(stream_id)
        if known is not None and known[1].scene == scene:
            places = known[1]
        else:
            places = ZoneTracker(scene, self._settings)
            if known is not None:  # else the tracks, if any, were restored, most likely with these very places
                for track in state.tracks.values():
                    places.changed(origin, track, events)
        self._places[stream_id] = (version, places)
        return places


def _end(
    origin: EventFactory, places: ZoneTracker, state: StreamTracks, track: Track, reason: str, events: list[Event]
) -> None:
    del state.tracks[track.id]
    if not track.begun:  # a flicker: nothing was said of it
        return
    places.leave(origin, track, reason, events)
    lasted_s = (track.last.pts_us - track.first.pts_us) / 1e6
    events.append(
        origin.of_track(
            "track_ended",
            track,
            track.last,
            confidence=track.best_confidence,
            duration_s=lasted_s,
            reason=reason,
            path=track.path.until(track.last),
        )
    )
