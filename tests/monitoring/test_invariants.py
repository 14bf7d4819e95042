"""Whatever happens, in whatever order it is read: what began ends once, and no event is there twice."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from monitoring.core.handler import Handler
from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Line, Scene, Zone
from monitoring.rules.rule import CountCondition, DownCondition, EventCondition, Rule, SeenCondition
from monitoring.rules.rules import Rules
from tests.monitoring.script import (
    START_NS,
    FixedConditions,
    FixedRules,
    FixedScenes,
    Person,
    carried_over,
    results,
    run,
    started,
    walking,
)
from workers.bus.event import Event, event_id

ZONES = tuple(
    Zone(name=f"z{number}", polygon=((x, 0.0), (x + 0.4, 0.0), (x + 0.4, 1.0), (x, 1.0)), stay_s=1.5)
    for number, x in enumerate((0.0, 0.3, 0.6))
)
SCENES = (
    Scene(stream_id="entrance", zones=ZONES, lines=(Line(name="gate", start=(0.5, 0.0), end=(0.5, 1.0)),)),
    Scene(stream_id="entrance", zones=ZONES[:1], lines=(Line(name="other", start=(0.0, 0.5), end=(1.0, 0.5)),)),
    Scene(stream_id="entrance"),
)
RULES = (
    Rule(name="seen", when=SeenCondition(labels=("without_mask",), zone="z1", for_s=1), cooldown_s=3),
    Rule(name="many", when=CountCondition(above=2, for_s=0.5), cooldown_s=0),
    Rule(name="event", when=EventCondition(kinds=("zone_entered", "line_crossed", "track_ended")), cooldown_s=0),
    Rule(name="down", when=DownCondition(for_s=5), cooldown_s=0),
)


class World:
    """A camera that is lost and comes back, people who come and go, and a monitor that dies at times."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.scenes, self.rules = FixedScenes({"entrance": SCENES[0]}), FixedRules(list(RULES))
        self.events: list[Event] = []
        self.now_s = 0.0
        self.handlers = self._fresh()
        started(self.handlers)

    def _fresh(self) -> list[Handler]:
        tracks = TrackEvents(EventSettings(), self.scenes)
        return [tracks, Rules(self.rules, tracks, FixedConditions())]

    def live(self, number: int) -> None:
        """One session, and its end."""
        session, lasts_s = f"01KAH{number:021d}", self.chance.uniform(0.5, 12)
        people = [self._person(track_id, lasts_s) for track_id in range(1, self.chance.randrange(1, 8))]
        up = self._node_event("stream_up", session, 0)
        frames = list(results(people, lasts_s, session=session, start_s=self.now_s))
        self.now_s += lasts_s
        down = self._node_event("stream_down", session, frames[-1].pts_us)
        announced = [up, down] if self.chance.random() < 0.8 else []  # a node that dies says nothing more
        early = self.chance.randrange(len(frames) + 1) if self.chance.random() < 0.4 else len(frames)
        for at, frame in enumerate(frames):
            if at == early:
                self._hear(announced)
            self.events += run(self.handlers, [frame])
            if self.chance.random() < 0.05:
                self._happens()
        if early == len(frames):
            self._hear(announced)
        self.now_s += self.chance.choice((0.2, 3.0, 40.0))
        if self.chance.random() < 0.7:
            self._tick()

    def end(self) -> None:
        """Nothing comes any more."""
        for _ in range(2):
            self.now_s += 100
            self._tick()

    def _person(self, track_id: int, lasts_s: float) -> Person:
        came_s = self.chance.uniform(0, lasts_s)
        start, end = ((self.chance.random(), self.chance.random()) for _ in range(2))
        way = walking(start, end, came_s, came_s + 4)
        person = Person(track_id, came_s, came_s + self.chance.uniform(0.1, 8), way)
        noise = random.Random(self.chance.random())
        share = noise.choice((0.0, 0.2, 0.5))
        return replace(person, label=lambda _: "with_mask" if noise.random() < share else "without_mask")

    def _happens(self) -> None:
        what = self.chance.randrange(4)
        if what == 0:
            fresh = self._fresh()
            carried_over(self.handlers, fresh)
            self.handlers = fresh
        elif what == 1:
            self.scenes.change(self.chance.choice(SCENES))
        elif what == 2:
            self.rules.all = [rule for rule in RULES if self.chance.random() < 0.8]
        else:
            self._tick()

    def _tick(self) -> None:
        made: list[Event] = []
        for handler in self.handlers:
            handler.tick(START_NS + round(self.now_s * 1e9), made)
        self.events += made

    def _hear(self, announced: list[Event]) -> None:
        for event in announced:
            made = [event]
            for handler in self.handlers:
                handler.take_event(event, made)
            self.events += made[1:]

    def _node_event(self, kind: str, session: str, pts_us: int) -> Event:
        return Event.model_validate(
            {
                "id": event_id(kind, "entrance", session, pts_us),
                "kind": kind,
                "stream_id": "entrance",
                "session": session,
                "pts_us": pts_us,
                "captured_at_ns": START_NS + round(self.now_s * 1e9),
                "reason": "connection lost" if kind == "stream_down" else None,
            }
        )


@pytest.mark.parametrize("seed", range(40))
def test_what_began_ends_once(seed: int) -> None:
    world = World(seed)
    for number in range(8):
        world.live(number)
    world.rules.all = list(RULES[:3])  # the camera stays away: that alert would stay open
    world.end()
    assert len({event.id for event in world.events}) == len(world.events)
    open_tracks: Counter[tuple[str, int | None]] = Counter()
    inside: Counter[tuple[str, int | None, str | None]] = Counter()
    counts: dict[tuple[str | None, str | None], int] = {}
    alerts = {event.id: 0 for event in world.events if event.kind == "alert"}
    for event in world.events:
        track, visit = (event.session, event.track_id), (event.session, event.track_id, event.zone)
        if event.kind in ("track_began", "track_ended"):
            open_tracks[track] += 1 if event.kind == "track_began" else -1
            assert open_tracks[track] in (0, 1)
        elif event.kind in ("zone_entered", "zone_left"):
            inside[visit] += 1 if event.kind == "zone_entered" else -1
            assert inside[visit] in (0, 1) and open_tracks[track] == 1
        elif event.kind in ("label_changed", "zone_stayed", "line_crossed"):
            assert open_tracks[track] == 1
        elif event.kind == "count_changed":
            where = (event.detector, event.zone)
            assert (event.before, event.count) != (str(event.count), event.count)
            assert event.before == str(counts.get(where, 0))
            counts[where] = event.count or 0
        elif event.kind == "alert_ended":
            assert event.cause is not None
            alerts[event.cause] += 1
        assert event.duration_s is None or event.duration_s >= 0
    assert not +open_tracks and not +inside and not any(counts.values())
    assert set(alerts.values()) <= {1}
