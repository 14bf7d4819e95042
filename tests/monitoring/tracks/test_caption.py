"""What is said of a track: true of what was written down of somebody, whoever may see their name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from monitoring.core.known_people import Known
from monitoring.core.telling import Telling
from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Line, Scene, Zone
from monitoring.tracks.caption import track_caption
from monitoring.tracks.record import TrackRecord
from tests.monitoring.script import FixedScenes, Person, results, run, started, walking
from workers.access.principal import Grant, Principal
from workers.access.roles import Role

SCENE = Scene(
    stream_id="entrance",
    zones=(Zone(name="till", polygon=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))),),
    lines=(Line(name="gate", start=(0.7, 0.0), end=(0.7, 1.0)),),
)
IN_AND_OUT = walking((0.9, 0.5), (0.1, 0.5), 2.0, 6.0)
"""Over the gate at 3 s, in the till from 4 s on."""


@dataclass(frozen=True)
class Enrolled:
    """One person."""

    known: Known

    def name_of(self, person_id: str) -> str | None:
        """See KnownPeople."""
        return self.known.name if person_id == self.known.id else None

    def all(self) -> tuple[Known, ...]:
        """See KnownPeople."""
        return (self.known,)


def record_of(person: Person, until_s: float = 15.0) -> TrackRecord:
    """The track of the only one who is there."""
    handler = TrackEvents(EventSettings(), FixedScenes({"entrance": SCENE}))
    started([handler])
    found: TrackRecord | None = None
    for event in run([handler], results([person], until_s)):
        if event.kind == "track_began":
            found = TrackRecord.begun(event)
        elif found is not None and event.track_id == person.track_id:
            found.add(event)
    assert found is not None
    return found


def told(person: Person, until_s: float = 15.0) -> str:
    return track_caption(record_of(person, until_s), Telling()).text


def test_all_that_somebody_did_is_told_and_no_more() -> None:
    puts_one_on = Person(1, 1.0, 10.0, IN_AND_OUT, label=lambda at_s: "without_mask" if at_s < 5 else "with_mask")
    assert told(puts_one_on) == (
        "Somebody with a mask was in view for 8.9 s. At first this was somebody without a mask. "
        "Zone till was visited once, for 5.9 s in all. Line gate was crossed inwards once."
    )
    assert told(Person(1, 1.0, 4.0, detector="car", label=lambda _: "car")) == (
        "A car was in view for 2.9 s. Zone till was visited once, for 2.9 s in all."
    )
    assert told(Person(1, 1.0, 9.0, lambda _: (0.9, 0.9))) == "Somebody without a mask was in view for 7.9 s."
    nowhere = Person(1, 1.0, 99.0, lambda _: (0.9, 0.9))
    assert told(nowhere, until_s=8.0) == "Somebody without a mask has come into view."
    assert told(Person(1, 1.0, 99.0, IN_AND_OUT), until_s=8.0) == (
        "Somebody without a mask has been in view for at least 3 s. "
        "Zone till has been entered once, and not left since. Line gate was crossed inwards once."
    )


def test_phrases_carry_what_they_came_from() -> None:
    caption = track_caption(record_of(Person(1, 1.0, 10.0, IN_AND_OUT)), Telling())
    assert caption.text == "".join(phrase.text for phrase in caption.phrases)
    assert all(phrase.fields for phrase in caption.phrases)
    fields = {name: value for phrase in caption.phrases for name, value in phrase.fields.items()}
    expected = {"label": "without_mask", "detector": "mask", "zone": "till", "visits": 1, "line": "gate",
                "direction": "in", "crossings": 1}  # fmt: skip
    assert {name: fields[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("telling", "who"),
    [
        (Telling(), "Somebody who was erased"),
        (Telling(people=Enrolled(Known("01ADA", "ada Byron"))), "ada Byron"),
        (Telling(people=Enrolled(Known("01BOB", "Bob"))), "Somebody who was erased"),
    ],
)
@pytest.mark.parametrize(("role", "streams"), [("reviewer", "*"), ("viewer", "*"), ("reviewer", "yard")])
def test_a_name_is_told_to_whoever_may_see_it(telling: Telling, who: str, role: Role, streams: str) -> None:
    record = record_of(Person(1, 1.0, 9.0, lambda _: (0.9, 0.9)))
    record.person = "01ADA"
    if (role, streams) != ("reviewer", "*"):
        who = "Somebody who is known"
    told = telling.to(Principal("user:ada", "user", (Grant(role, (streams,)),)))
    assert track_caption(record, told).text == f"{who} (without mask) was in view for 7.9 s."
