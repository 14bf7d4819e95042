"""States that the release of November 2026 stored are read: fields have other names since."""

from __future__ import annotations

import json
from typing import Any

from monitoring.events.occupancy import OccupancyCount
from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.people.stripping import without
from monitoring.rules.rules import Rules
from tests.monitoring.script import FixedConditions, FixedRules, FixedScenes, Person, results, run, started

SIGHTING = {
    "pts_us": 1, "captured_at_ns": 2, "size_wh": [10, 10], "label": "a", "confidence": 0.9,
    "xyxy": [0.0, 0.0, 1.0, 1.0], "person": None, "attributes": {},
}  # fmt: skip
TRACK = {
    "id": 1, "detector": "mask", "first": SIGHTING, "last": SIGHTING,
    "labels": {"own": "a", "since_us": 1, "rivals": {"b": {"score_s": 0.2, "since": SIGHTING}}},
    "best_confidence": 0.9, "begun": True, "pending": [], "person": None, "attributes": {},
    "path": {"points": [], "step": 0.01}, "visits": {}, "crossings": {},
}  # fmt: skip
SEEN = {"session": "s", "captured_at_ns": 5, "past": ["p"]}
TRACKS = {
    "session": "s", "node": None, "models": {}, "pts_us": 1, "captured_at_ns": 0, "tracks": {"1": TRACK},
    "counts": {"": {"told": 3, "next": 4, "next_us": 5, "next_ns": 6, "restless_us": 7}}, "ends": {}, "seen": SEEN,
}  # fmt: skip
RULES = {
    "session": "s", "node": None, "models": {}, "pts_us": 0, "captured_at_ns": 0, "down_since_ns": None,
    "down_reason": None, "down_after": ["", 0], "wanted": True, "seen": SEEN, "rules": {},
}  # fmt: skip


def test_tracks_go_on() -> None:
    events = TrackEvents(EventSettings(), FixedScenes({}))
    events.restore("door", TRACKS)
    (track,) = events.tracks("door")
    assert track.smoothed.current == "a" and track.smoothed.candidates["b"].score_s == 0.2
    state: Any = events.dump("door")
    assert state["late_events"] == SEEN
    assert OccupancyCount(**state["counts"][""]) == OccupancyCount(3, 4, 5, 6, 7)
    events.restore("door", state)
    assert events.dump("door") == state


def test_a_state_without_somebody_who_was_erased_goes_on() -> None:
    """What they were to be taken for next is forgotten, too."""
    who = lambda at_s: "ada" if at_s < 3 else "bob"  # noqa: E731
    events = TrackEvents(EventSettings(), FixedScenes({}))
    started([events])
    run([events], list(results([Person(7, 0.0, 6, who=who)], 6))[:40])
    state = json.loads(json.dumps(events.dump("entrance")))
    assert (state["tracks"]["7"]["who"]["current"], [*state["tracks"]["7"]["who"]["candidates"]]) == ("ada", ["bob"])
    for erased, left in ((["ada"], ["bob"]), (["ada", "bob"], [])):
        events.restore("entrance", without(state, erased))
        (track,) = events.tracks("entrance")
        assert (track.person, track.identity, [*track.who.candidates]) == (None, None, left)


def test_rules_go_on() -> None:
    rules = Rules(FixedRules([]), TrackEvents(EventSettings(), FixedScenes({})), FixedConditions())
    rules.restore("door", RULES)
    assert rules.dump("door")["late_events"] == SEEN
