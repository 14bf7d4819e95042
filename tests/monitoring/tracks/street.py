"""A street with a zone, a line and a rule, and what happens in it, on three cameras. Pure."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Line, Scene, Zone
from monitoring.rules.rule import Rule, SeenCondition
from monitoring.rules.rules import Rules
from tests.monitoring.script import (
    NEXT_SESSION,
    FixedConditions,
    FixedRules,
    FixedScenes,
    Person,
    results,
    run,
    walking,
)
from workers.bus.event import Event

CAMERAS = ("door", "hall", "yard")
LASTS_S = 40.0
RULE = Rule(name="bare", when=SeenCondition(labels=("without_mask",), zone="till", for_s=1), cooldown_s=0)


@functools.cache
def street() -> tuple[Event, ...]:
    """What happens, in the order of time: some thirty tracks. All have ended but those of the last camera."""
    found: list[Event] = []
    for number, stream_id in enumerate(CAMERAS):
        events = TrackEvents(EventSettings(), FixedScenes({stream_id: _scene(stream_id)}))
        rules = Rules(FixedRules([RULE]), events, FixedConditions())
        for handler in (events, rules):
            handler.restore(stream_id, None)
        found += run([events, rules], results(_people(number), LASTS_S, fps=5, stream_id=stream_id))
        if stream_id != CAMERAS[-1]:  # another session, whose tracks have the same numbers
            more = results(_people(number + 7)[:4], 20.0, fps=5, stream_id=stream_id, session=NEXT_SESSION, start_s=60)
            found += run([events, rules], more)
            found += run([events, rules], results([], 0.2, stream_id=stream_id, session="01KAH0CC", start_s=90))
    return tuple(sorted(found, key=lambda event: event.captured_at_ns))


def _scene(stream_id: str) -> Scene:
    till = Zone(name="till", polygon=((0.3, 0.0), (0.7, 0.0), (0.7, 1.0), (0.3, 1.0)), stay_s=2)
    return Scene(stream_id=stream_id, zones=(till,), lines=(Line(name="gate", start=(0.5, 0.0), end=(0.5, 1.0)),))


def _people(seed: int) -> list[Person]:
    dice = random.Random(seed)
    people = []
    for number in range(1, 9):
        came_s = dice.uniform(0, LASTS_S - 12)
        left_s = came_s + dice.uniform(4, 20)
        start, end = (0.05, dice.uniform(0.3, 0.9)), (0.95, dice.uniform(0.3, 0.9))
        if dice.random() < 0.5:
            start, end = end, start
        masked_s = came_s + dice.uniform(2, 9)
        bare, best = dice.random() < 0.7, round(dice.uniform(0.4, 0.99), 3)
        people.append(
            Person(
                number,
                came_s,
                left_s,
                walking(start, end, came_s, left_s),
                label=lambda at_s, masked_s=masked_s, bare=bare: (  # type: ignore[misc]
                    "without_mask" if bare and at_s < masked_s else "with_mask"
                ),
                confidence=lambda _, best=best: best,  # type: ignore[misc]
                who=_WHO.get(number, lambda _: None) if seed == 0 else lambda _: None,
            )
        )
    return people


_WHO: dict[int, Callable[[float], str | None]] = {
    1: lambda _: "ada",
    2: lambda at_s: "ada" if round(at_s) % 6 < 3 else "bob",
    3: lambda at_s: "cyd" if round(at_s) % 8 < 2 else None,
}
"""Whom some of the first camera's tracks are taken for."""
