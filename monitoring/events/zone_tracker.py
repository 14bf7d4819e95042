"""Tracks in zones and over lines. Pure."""

from __future__ import annotations

from monitoring.events.event_factory import EventFactory
from monitoring.events.geometry import Anchor, Point, contour_of, crossed, distance, inside
from monitoring.events.settings import EventSettings
from monitoring.events.track_state import Crossing, Sighting, Track, Visit
from monitoring.events.zone import Line, Scene, Zone
from workers.bus.event import Event

Way = tuple[Point, Point]
"""From the picture before to this one."""


class ZoneTracker:
    """The zones and lines of one stream as they are now; what tracks did there is kept in the tracks.

    Who is in (or out of) a zone for `settle_s` has come in (or gone out), at the picture that showed it first: who
    stands on its edge makes no events. A line is crossed when who went through it is `line_margin` behind it, or
    has ended there after it was clear of it; going through and back is nothing, and around its end too.
    """

    def __init__(self, scene: Scene | None, settings: EventSettings) -> None:
        self.scene = scene
        self._settle_us = round(settings.settle_s * 1e6)
        self._margin = settings.line_margin
        self._zones = [] if scene is None else [(zone, contour_of(zone.polygon)) for zone in scene.zones]
        self._lines = () if scene is None else scene.lines
        self.zones = tuple(zone.name for zone, _ in self._zones)

    def follow(self, origin: EventFactory, track: Track, before: Sighting, now: Sighting, events: list[Event]) -> None:
        """A track went from `before` to `now`, which it knows already."""
        if not self._zones and not self._lines:
            return
        ways: dict[Anchor, Way] = {
            "foot": (before.anchor("foot"), now.anchor("foot")),
            "centre": (before.anchor("centre"), now.anchor("centre")),
        }
        for zone, contour in self._zones:
            is_in = _concerns(zone, track) and inside(contour, ways[zone.anchor][1])
            self._visit(origin, track, zone, is_in, now, events)
        for line in self._lines:
            if self._clear(track, line, ways[line.anchor], now):
                _cross(origin, track, line, events)
                track.crossings[line.name] = Crossing(clear=True)

    def leave(self, origin: EventFactory, track: Track, reason: str, events: list[Event]) -> None:
        """A track has ended: it is over the lines it went through, and in no zone any more."""
        for line in self._lines:
            if line.name in track.crossings and track.crossings[line.name].clear:
                _cross(origin, track, line, events)
        for name in list(track.visits):
            self._out(origin, track, name, track.last, reason, events)
        track.visits, track.crossings = {}, {}

    def changed(self, origin: EventFactory, track: Track, events: list[Event]) -> None:
        """These places are new to a track: it leaves zones that are gone, and starts anew with all lines."""
        track.crossings = {}
        for name in [name for name in track.visits if name not in self.zones]:
            self._out(origin, track, name, track.last, "zone_removed", events)
            del track.visits[name]

    def _visit(
        self, origin: EventFactory, track: Track, zone: Zone, is_in: bool, now: Sighting, events: list[Event]
    ) -> None:
        visit = track.visits.get(zone.name)
        if visit is None:
            if not is_in:
                return
            visit = track.visits[zone.name] = Visit()
        if is_in == visit.inside:
            visit.turn = None
        else:
            visit.turn = visit.turn or now
            if now.pts_us - visit.turn.pts_us >= self._settle_us:
                if is_in:
                    visit.inside, visit.since, visit.turn = True, visit.turn, None
                    assert visit.since is not None
                    events.append(origin.of_track("zone_entered", track, visit.since, zone.name, zone=zone.name))
                else:
                    self._out(origin, track, zone.name, visit.turn, None, events)
        _stay(origin, track, zone, now, events)

    def _out(
        self, origin: EventFactory, track: Track, name: str, at: Sighting, reason: str | None, events: list[Event]
    ) -> None:
        """It has left; where it was last seen outside, it left when that began."""
        visit = track.visits[name]
        if visit.inside and visit.since is not None:
            at = visit.turn or at
            lasted_s = (at.pts_us - visit.since.pts_us) / 1e6
            events.append(origin.of_track("zone_left", track, at, name, zone=name, duration_s=lasted_s, reason=reason))
        track.visits[name] = Visit()

    def _clear(self, track: Track, line: Line, way: Way, now: Sighting) -> bool:
        """Note what the way does to the line; whether it leads clear of it."""
        crossing = track.crossings.setdefault(line.name, Crossing())
        step = crossed(line.start, line.end, *way)
        if step:
            crossing.net += step
            crossing.at = None if crossing.net == 0 else crossing.at or now
        width, height = now.size_wh
        return distance(line.start, line.end, way[1], width / height) >= self._margin


def _concerns(place: Zone | Line, track: Track) -> bool:
    return not place.labels or track.label in place.labels


def _stay(origin: EventFactory, track: Track, zone: Zone, now: Sighting, events: list[Event]) -> None:
    """Once a visit, when it has lasted; not while it is about to end."""
    visit = track.visits[zone.name]
    if zone.stay_s is None or visit.stayed or not visit.inside or visit.turn is not None or visit.since is None:
        return
    lasted_s = (now.pts_us - visit.since.pts_us) / 1e6
    if lasted_s >= zone.stay_s:
        visit.stayed = True
        events.append(origin.of_track("zone_stayed", track, now, zone.name, zone=zone.name, duration_s=lasted_s))


def _cross(origin: EventFactory, track: Track, line: Line, events: list[Event]) -> None:
    crossing = track.crossings[line.name]
    if crossing.at is not None and _concerns(line, track):
        direction = "in" if crossing.net > 0 else "out"
        events.append(
            origin.of_track("line_crossed", track, crossing.at, line.name, line=line.name, direction=direction)
        )
