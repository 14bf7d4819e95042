"""Texts of alerts in the words of a model's card."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.rules.rule import CountCondition, EventCondition, Rule, SeenCondition
from monitoring.rules.rules import Rules
from monitoring.rules.wording import Wording
from tests.monitoring.script import SESSION, FixedConditions, FixedRules, FixedScenes, Person, results, run, started
from workers.bus.event import Event, event_id
from workers.label_words import LabelWords

CARD = {
    "tri": LabelWords(one="a triangle", many="triangles"),
    "car": LabelWords(one="a car", many="cars"),
    "sq": LabelWords(one="a square", many="squares", name="square shape"),
    "rhombus": LabelWords(one="a rhombus", many="rhombi"),
}
asked: list[tuple[str | None, int | None]] = []


def shapes(label: str, model: str | None = None, version: int | None = None) -> LabelWords | None:
    """A WordSource of one model."""
    asked.append((model, version))
    return CARD.get(label)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ({"tri": 3}, "3 triangles"),
        ({"tri": 1}, "A triangle"),
        ({"tri": 2, "car": 1}, "2 triangles and a car"),
        ({"car": 1, "tri": 1, "sq": 4}, "4 squares, a car and a triangle"),
        ({"car": 1, "tri": 1, "sq": 4, "rhombus": 3}, "9 objects"),
        ({"hard_hat": 2}, "2 objects (hard hat)"),
        ({}, "No objects"),
    ],
)
def test_several(seen: dict[str, int], text: str) -> None:
    assert Wording(shapes).several(Counter({("shapes", label): number for label, number in seen.items()})) == text


def event(kind: str, **fields: Any) -> Event:
    """One of the model `shapes`."""
    about: dict[str, Any] = {"label": "tri", "detector": "shapes", "models": {"shapes": 7}} | fields
    return Event(
        id=event_id(kind, "yard", SESSION, 0), kind=kind, stream_id="yard", session=SESSION, pts_us=0,
        captured_at_ns=0, **about,
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fields", "text"),
    [
        ("zone_entered", {"zone": "Door"}, "A triangle has entered zone Door"),
        ("zone_entered", {"zone": "Door", "label": "hard_hat"}, "An object (hard hat) has entered zone Door"),
        ("zone_entered", {"zone": "Door", "label": None}, "An object has entered zone Door"),
        ("track_ended", {"duration_s": 12.0}, "A triangle has left after 12 s"),
        ("line_crossed", {"line": "gate", "direction": "in"}, "A triangle has crossed line gate (in)"),
        ("label_changed", {"before": "sq"}, "A square is now a triangle"),
        ("label_changed", {"before": "hard_hat", "label": "sq"}, "An object (hard hat) is now a square"),
        ("label_changed", {"before": "tri", "label": "sq", "person": "ada"}, "{person:ada} (tri) is now square shape"),
        ("identified", {"person": "7"}, "{person:7} (tri) has been recognised"),
        (
            "identified",
            {"person": "7", "before": "8"},
            "{person:7} (tri) has been recognised, who was taken for {person:8}",
        ),
        ("identified", {"before": "8"}, "A triangle is taken for {person:8} no longer"),
        (
            "count_changed",
            {"count": 1, "before": "0", "zone": "Door", "label": None},
            "1 object in zone Door, 0 before",
        ),
        ("count_changed", {"count": 3, "before": "2", "label": None}, "3 objects in view, 2 before"),
    ],
)
def test_what_happened(kind: str, fields: dict[str, Any], text: str) -> None:
    asked.clear()
    found = event(kind, **fields)
    assert Wording(shapes, found.models).event(found) == text
    assert set(asked) <= {("shapes", 7)}, "the words are those of the version that saw it"


def test_rules_speak_as_the_models_of_the_stream_do() -> None:
    rules = [
        Rule(name="seen", when=SeenCondition(labels=("tri",))),
        Rule(name="many", when=CountCondition(above=1)),
        Rule(name="came", when=EventCondition(kinds=("track_began",), labels=("car",))),
        Rule(name="red", when=SeenCondition(labels=("red",), attribute="mask-classifier")),
    ]
    tracks = TrackEvents(EventSettings(), FixedScenes({}))
    handlers = [tracks, Rules(FixedRules(rules), tracks, FixedConditions(), words=shapes)]
    started(handlers)
    people = [
        Person(1, 0, 5, label=lambda _: "tri"),
        Person(2, 0, 5, label=lambda _: "car", attribute=lambda _: "red"),
    ]
    raised = {one.rule: one.text for one in run(handlers, results(people, 3)) if one.kind == "alert"}
    assert raised == {
        "seen": "entrance: A triangle is in view",
        "many": "entrance: A car and a triangle in view, more than 1",
        "came": "entrance: A car has come into view",
        "red": "entrance: A car (red) is in view",
    }
