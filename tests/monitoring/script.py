"""A stream written down: who is where in which frame, and what a handler makes of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from monitoring.core.handler import Handler
from monitoring.core.known_people import Known
from monitoring.events.zone import Scene
from monitoring.rules.drift_signals import DriftAlarm, Fault
from monitoring.rules.rule import Rule
from workers.bus.event import Event
from workers.bus.result import Attribute, Detection, FrameResult, Identity, Latency

SIZE_WH = (1000, 500)
START_NS = 1_800_000_000_000_000_000
SESSION, NEXT_SESSION = "01KAH0000000000000000000AA", "01KAH0000000000000000000BB"


@dataclass(frozen=True)
class Person:
    """Somebody from `came_s` to `left_s`. `at`: where the foot is by time, in shares; `label` and `who` by time."""

    track_id: int
    came_s: float
    left_s: float
    at: Callable[[float], tuple[float, float]] = lambda _: (0.5, 0.5)
    label: Callable[[float], str] = lambda _: "without_mask"
    confidence: Callable[[float], float] = lambda _: 0.8
    attribute: Callable[[float], str | None] = lambda _: None
    detector: str = "mask"
    size: Callable[[float], float] = lambda _: 1.0
    who: Callable[[float], str | None] = lambda _: None


def standing(x: float, y: float) -> Callable[[float], tuple[float, float]]:
    """Somebody who does not move."""
    return lambda _: (x, y)


def walking(
    start: tuple[float, float], end: tuple[float, float], since_s: float, until_s: float
) -> Callable[[float], tuple[float, float]]:
    """Somebody who goes straight from `start` to `end` between the two times."""

    def at(at_s: float) -> tuple[float, float]:
        share = min(1.0, max(0.0, (at_s - since_s) / (until_s - since_s)))
        return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])

    return at


def results(
    people: Sequence[Person],
    until_s: float,
    fps: float = 12.5,
    *,
    session: str = SESSION,
    stream_id: str = "entrance",
    start_s: float = 0.0,
) -> Iterator[FrameResult]:
    """What a node would say of them, one result per frame."""
    for number in range(round(until_s * fps)):
        at_s = number / fps
        seen = (_detection(person, at_s) for person in people if person.came_s <= at_s < person.left_s)
        yield FrameResult(
            stream_id=stream_id,
            session=session,
            frame=number,
            skipped=0,
            pts_us=round(at_s * 1e6),
            captured_at_ns=START_NS + round((start_s + at_s) * 1e9),
            size_wh=SIZE_WH,
            node="node-1",
            detections=tuple(seen),
            models={"mask": 1},
            latency_ms=Latency(decode=1, wait=1, inference=5, total=8),
        )


def _detection(person: Person, at_s: float) -> Detection:
    x, y = person.at(at_s)
    attribute = person.attribute(at_s)
    width, height = SIZE_WH
    size = person.size(at_s)
    who = person.who(at_s)
    return Detection(
        detector=person.detector,
        track_id=person.track_id,
        label=person.label(at_s),
        confidence=person.confidence(at_s),
        xyxy=(x * width - 20 * size, y * height - 60 * size, x * width + 20 * size, y * height),
        attributes={} if attribute is None else {"mask-classifier": Attribute(label=attribute, confidence=0.9)},
        identity=None if who is None else Identity(person=who, similarity=0.7, threshold=0.45),
    )


@dataclass
class FixedScenes:
    """Scenes that a test changes by hand."""

    scenes: dict[str, Scene] = field(default_factory=dict)
    version: int = 1

    def scene(self, stream_id: str) -> Scene | None:
        """See SceneSource."""
        return self.scenes.get(stream_id)

    def change(self, scene: Scene) -> None:
        """Another scene from now on."""
        self.scenes[scene.stream_id] = scene
        self.version += 1


@dataclass
class FixedRules:
    """Rules that a test changes by hand."""

    all: list[Rule] = field(default_factory=list)

    def rules(self) -> Sequence[Rule]:
        """See RuleSource."""
        return self.all


@dataclass
class FixedPeople:
    """Those who are enrolled, as a test changes them by hand."""

    everybody: tuple[Known, ...] = ()

    def name_of(self, person_id: str) -> str | None:
        """See KnownPeople."""
        return next((one.name for one in self.everybody if one.id == person_id), None)

    def ids(self, text: str) -> tuple[str, ...]:
        """See KnownPeople."""
        return tuple(one.id for one in self.everybody if text == one.id or text.casefold() == one.name.casefold())

    def group(self, name: str) -> frozenset[str]:
        """See KnownPeople."""
        return frozenset(one.id for one in self.everybody if name.casefold() in map(str.casefold, one.groups))

    def all(self) -> tuple[Known, ...]:
        """See KnownPeople."""
        return self.everybody


@dataclass
class FixedConditions:
    """What drift detection would say."""

    of_camera: dict[str, Fault] = field(default_factory=dict)
    of_models: list[DriftAlarm] = field(default_factory=list)

    def faults(self, stream_id: str) -> Mapping[str, Fault]:
        """See Conditions."""
        return self.of_camera

    def drifts(self, stream_id: str) -> Sequence[DriftAlarm]:
        """See Conditions."""
        return self.of_models


def run(handlers: Sequence[Handler], taken: Iterable[FrameResult]) -> list[Event]:
    """Give results to the handlers, as the monitor does; all events, in order."""
    events: list[Event] = []
    for result in taken:
        made: list[Event] = []
        for handler in handlers:
            handler.take_result(result, made)
        events += made
    return events


def started(handlers: Sequence[Handler], stream_id: str = "entrance") -> None:
    """Nothing is known yet."""
    for handler in handlers:
        handler.restore(stream_id, None)


def carried_over(before: Sequence[Handler], after: Sequence[Handler], stream_id: str = "entrance") -> None:
    """A restart: what is known goes as JSON from the old handlers to new ones."""
    for old, new in zip(before, after, strict=True):
        new.restore(stream_id, json.loads(json.dumps(old.dump(stream_id))))


def summary(events: Iterable[Event], *kinds: str) -> list[tuple[object, ...]]:
    """Events in short: kind, track, seconds, and what else it says. `kinds`: only these, all if none is named."""
    short: list[tuple[object, ...]] = []
    for event in events:
        if kinds and event.kind not in kinds:
            continue
        place = event.zone or event.line
        what: list[object] = [
            event.rule,
            place,
            event.direction,
            event.label if event.kind.startswith("track") else None,
        ]
        what += [event.before if event.kind != "count_changed" else None, event.count, event.reason]
        short.append(
            (event.kind, event.track_id, round(event.pts_us / 1e6, 2), *(one for one in what if one is not None))
        )
    return short
