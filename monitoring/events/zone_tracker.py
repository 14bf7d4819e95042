"""Follows tracks into and out of zones, and across lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from monitoring.events.event_factory import EventFactory
from monitoring.events.geometry import Anchor, Point, contour_of, crossed, distance, inside
from monitoring.events.settings import EventSettings
from monitoring.events.track_state import Crossing, Sighting, Track, Visit
from monitoring.events.zone import Line, Scene, Zone
from workers.bus.event import Event

Step = tuple[Point, Point]
"""Where a track was in the frame before, and where it is now."""


class ZoneTracker:
    """The zones and lines of one stream as they are now. What tracks did there is stored in the tracks.

    A track that is inside (or outside) a zone for `settle_s` entered (or left) it, at the first such frame. Standing on
    the edge makes no events. A track has crossed a line when it is `line_margin` past it, or ends there after it had
    been clear of it. Crossing and returning is no event, nor is going around the line's end.
    """

    def __init__(self, scene: Scene | None, settings: EventSettings) -> None:
        self.scene = scene
        self._settle_us = round(settings.settle_s * 1e6)
        self._margin = settings.line_margin
        self._zones = [] if scene is None else [(zone, contour_of(zone.polygon)) for zone in scene.zones]
        self._lines = () if scene is None else scene.lines
        self._zone_names = {zone.name for zone, _ in self._zones}

    def follow(self, factory: EventFactory, track: Track, before: Sighting, now: Sighting) -> Iterator[Event]:
        """A track moved from `before` to `now`, which it has taken already."""
        if not self._zones and not self._lines:
            return
        steps: dict[Anchor, Step] = {
            "foot": (before.anchor("foot"), now.anchor("foot")),
            "centre": (before.anchor("centre"), now.anchor("centre")),
        }
        for zone, contour in self._zones:
            is_inside = _applies(zone, track) and inside(contour, steps[zone.anchor][1])
            yield from self._visit(factory, track, zone, is_inside, now)
            yield from _stay(factory, track, zone, now)
        for line in self._lines:
            if self._is_clear(track, line, steps[line.anchor], now):
                yield from _cross(factory, track, line)
                track.crossings[line.name] = Crossing(clear=True)

    def end(self, factory: EventFactory, track: Track, reason: str) -> Iterator[Event]:
        """A track has ended: it crossed the lines it went through, and leaves its zones."""
        for line in self._lines:
            if line.name in track.crossings and track.crossings[line.name].clear:
                yield from _cross(factory, track, line)
        for name in list(track.visits):
            yield from _leave(factory, track, name, track.last, reason)
        track.visits, track.crossings = {}, {}

    def scene_changed(self, factory: EventFactory, track: Track) -> Iterator[Event]:
        """These zones and lines are new to a track: it leaves zones that were removed, and all lines start anew."""
        track.crossings = {}
        for name in [name for name in track.visits if name not in self._zone_names]:
            yield from _leave(factory, track, name, track.last, "zone_removed")
            del track.visits[name]

    def _visit(
        self, factory: EventFactory, track: Track, zone: Zone, is_inside: bool, now: Sighting
    ) -> Iterator[Event]:
        visit = track.visits.get(zone.name)
        if visit is None:
            if not is_inside:
                return
            visit = track.visits[zone.name] = Visit()
        if is_inside == visit.inside:
            visit.turn = None
            return
        turn = visit.turn = visit.turn or now
        if now.pts_us - turn.pts_us < self._settle_us:
            return
        if is_inside:
            visit.inside, visit.since, visit.turn = True, turn, None
            yield factory.track_event("zone_entered", track, turn, zone.name, zone=zone.name)
        else:
            yield from _leave(factory, track, zone.name, turn, None)

    def _is_clear(self, track: Track, line: Line, step: Step, now: Sighting) -> bool:
        """Note whether a step crosses the line. Returns whether it ends clear of it."""
        crossing = track.crossings.setdefault(line.name, Crossing())
        direction = crossed(line.start, line.end, *step)
        if direction:
            crossing.net += direction
            crossing.at = None if crossing.net == 0 else crossing.at or now
        width, height = now.size_wh
        return distance(line.start, line.end, step[1], width / height) >= self._margin


def _applies(area: Zone | Line, track: Track) -> bool:
    return not area.labels or track.label in area.labels


def _leave(factory: EventFactory, track: Track, name: str, at: Sighting, reason: str | None) -> Iterator[Event]:
    """The track has left a zone: at `at`, or when it was first seen outside."""
    visit = track.visits[name]
    if visit.inside and visit.since is not None:
        at = visit.turn or at
        duration_s = (at.pts_us - visit.since.pts_us) / 1e6
        yield factory.track_event("zone_left", track, at, name, zone=name, duration_s=duration_s, reason=reason)
    track.visits[name] = Visit()


def _stay(factory: EventFactory, track: Track, zone: Zone, now: Sighting) -> Iterator[Event]:
    """Once a visit, when it has lasted long enough; not while the track may be leaving."""
    visit = track.visits.get(zone.name)
    if visit is None or zone.stay_s is None or visit.stayed or visit.turn is not None or visit.since is None:
        return
    duration_s = (now.pts_us - visit.since.pts_us) / 1e6
    if duration_s >= zone.stay_s:
        visit.stayed = True
        yield factory.track_event("zone_stayed", track, now, zone.name, zone=zone.name, duration_s=duration_s)


def _cross(factory: EventFactory, track: Track, line: Line) -> Iterator[Event]:
    crossing = track.crossings[line.name]
    if crossing.at is not None and _applies(line, track):
        direction = "in" if crossing.net > 0 else "out"
        yield factory.track_event("line_crossed", track, crossing.at, line.name, line=line.name, direction=direction)
