"""A trial reads only what its rule looks at, and finds what it would have found in everything."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from itertools import count

import pytest

from monitoring.arrangements.rule_trial import RuleTrials, TrialLimits
from monitoring.core.known_people import Known
from monitoring.events.settings import EventSettings
from monitoring.rules.replay import Replay, kinds_of
from monitoring.rules.rule import (
    AbsentCondition,
    Condition,
    CountCondition,
    DownCondition,
    EventCondition,
    Rule,
    SeenCondition,
)
from monitoring.store.writes import add_events
from tests.monitoring.happened import happened
from tests.monitoring.script import FixedPeople
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.bus.event import Event
from workers.database.database import Database

SECOND = 10**9
HOUR = 3600 * SECOND
KNOWN = FixedPeople((Known("ada", "Ada"),))
LABELS = ("person", "person", "person", "car", "bicycle", "dog")
ZONES = ("street", "street", "street", "street", "yard", "door")

NARROW: tuple[Condition, ...] = (
    SeenCondition(zone="door", for_s=4.03),
    SeenCondition(zone="door", labels=("person", "dog")),
    SeenCondition(labels=("wheelchair",), for_s=3),
    CountCondition(zone="door", above=0, for_s=2),
    CountCondition(labels=("wheelchair", "stroller"), above=0),
    EventCondition(kinds=("zone_entered", "zone_left", "track_ended"), place="door"),
    EventCondition(kinds=("zone_entered", "zone_left", "track_ended", "label_changed"), labels=("wheelchair",)),
    SeenCondition(people=("ada",), for_s=3),
)
"""That few events concern."""

WIDE: tuple[Condition, ...] = (
    SeenCondition(for_s=20),
    SeenCondition(labels=("person",), for_s=9),
    SeenCondition(zone="street", labels=("car",), for_s=5),
    CountCondition(above=3, for_s=2),
    CountCondition(labels=("person", "dog"), above=2),
    CountCondition(zone="street", above=1, labels=("person",)),
    EventCondition(kinds=("track_began", "track_ended"), labels=("car",)),
    EventCondition(kinds=("line_crossed",), place="gate", direction="in"),
    EventCondition(kinds=("line_crossed", "zone_entered"), place="gate", labels=("person",)),
    EventCondition(kinds=("stream_down", "stream_up")),
    DownCondition(for_s=30),
    AbsentCondition(for_s=60),
    AbsentCondition(people=("ada",), zone="street", for_s=100),
    SeenCondition(strangers=True, labels=("dog", "car")),
    EventCondition(kinds=("track_ended",), people=("ada",)),
)


def scripted(begin_ns: int) -> Iterator[Event]:
    """A week of two cameras: people come each 16 hours, at whole seconds, so that times meet."""
    chance, number = random.Random(7), count(1)
    for part in range(9):
        for stream in ("front", "back"):
            session, start_ns = f"01K{stream.upper()}{part // 3}", begin_ns + part * 16 * HOUR
            if part % 3 == 0:
                yield happened(0, "stream_up", stream, session=session, captured_at_ns=start_ns)
            for _ in range(12):
                yield from track(chance, next(number), stream, session, start_ns)
            if part % 3 == 2:
                reason = chance.choice(("unreachable", "replaced", "unreachable"))
                end_ns = start_ns + 2 * HOUR
                yield happened(0, "stream_down", stream, session=session, captured_at_ns=end_ns, reason=reason)


def track(chance: random.Random, number: int, stream: str, session: str, start_ns: int) -> Iterator[Event]:
    """Somebody who comes, goes through zones, may be taken for something else, and goes."""
    first_s = chance.randrange(120)
    last_s = first_s + chance.randrange(2, 60)
    label = chance.choice(LABELS)
    moments = sorted(chance.sample(range(first_s, last_s + 1), min(4, last_s - first_s)))
    happenings: list[tuple[int, str, dict[str, str]]] = [(first_s, "track_began", {})]
    zone = chance.choice(ZONES) if chance.random() < 0.8 else None
    if zone is not None and len(moments) > 1:
        happenings += [(moments[0], "zone_entered", {"zone": zone}), (moments[-1], "zone_left", {"zone": zone})]
    if chance.random() < 0.3:
        line, direction = chance.choice(("gate", "kerb")), chance.choice(("in", "out"))
        happenings.append((moments[0], "line_crossed", {"line": line, "direction": direction}))
    changed = chance.choice(("wheelchair", "stroller", "person")) if chance.random() < 0.1 else None
    if changed is not None:
        happenings.append((moments[-1], "label_changed", {}))
    named_s = moments[len(moments) // 2] if moments and number % 5 == 0 else None
    if named_s is not None:
        happenings.append((named_s, "identified", {}))
    happenings.append((last_s, "track_ended", {"reason": chance.choice(("gone", "gone", "stream_lost"))}))
    for order, (at_s, kind, fields) in enumerate(happenings):
        if kind == "label_changed" and changed is not None:
            label = changed
        yield happened(
            number * 10 + order,
            kind,  # type: ignore[arg-type]
            stream,
            session=session,
            track_id=number,
            label=label,
            detector="street",
            captured_at_ns=start_ns + at_s * SECOND,
            person=None if named_s is None or at_s < named_s else "ada",
            **fields,
        )


@pytest.fixture
def week(database: Database) -> tuple[Database, list[Event]]:
    """Stored in the order of time."""
    begin_ns = time.time_ns() - 6 * 24 * HOUR - 20 * HOUR
    made = sorted(scripted(begin_ns), key=lambda event: event.captured_at_ns)
    with database.write() as connection:
        add_events(connection, made)
    return database, made


def facts(event: Event) -> tuple[object, ...]:
    """What a trial tells of an alert."""
    told = (event.captured_at_ns, event.stream_id, event.session, event.text)
    return (*told, event.track_id, event.label, event.zone, event.count)


def by_camera(alerts: Iterable[Event]) -> list[tuple[object, ...]]:
    """In the order of time, as two cameras' alerts of the same moment have none."""
    return [facts(alert) for alert in sorted(alerts, key=lambda alert: (alert.captured_at_ns, alert.stream_id))]


def replayed(rule: Rule, made: list[Event], until_ns: int) -> list[tuple[object, ...]]:
    """From all events of the kinds that a rule knows, whatever else it asks for."""
    replay = Replay(rule, EventSettings(), people=KNOWN)
    raised = [alert for event in made if event.kind in kinds_of(rule) for alert in replay.take(event)]
    return by_camera([*raised, *replay.finish(until_ns)])


@pytest.mark.parametrize("cooldown_s", [0.0, 17.5])
def test_what_is_left_out_changes_nothing(week: tuple[Database, list[Event]], cooldown_s: float) -> None:
    database, made = week
    trials = RuleTrials(database, EventSettings(), limits=TrialLimits(longest_s=600.0), people=KNOWN)
    for when in (*NARROW, *WIDE):
        rule = Rule(name="tried", when=when, cooldown_s=cooldown_s)
        trial = trials.run(rule, ALL_STREAMS, 7, 10_000)
        found = by_camera(reversed(trial.alerts))
        assert found == replayed(rule, made, trial.until_ns), when
        assert trial.complete and trial.count == len(found) > 0, when
        front = [event for event in made if event.stream_id == "front"]
        of_front = trials.run(rule, StreamScope(("front",)), 7, 10_000)
        assert by_camera(reversed(of_front.alerts)) == replayed(rule, front, trial.until_ns), when


@pytest.mark.parametrize("when", NARROW, ids=lambda when: when.model_dump_json(exclude_defaults=True))
def test_a_rule_that_few_events_concern_is_tried_on_all(week: tuple[Database, list[Event]], when: Condition) -> None:
    """In the time that half of the events take."""
    database, made = week
    now_s = count(0.0, 0.01)
    limits = TrialLimits(longest_s=len(made) / 2 * 0.01, first=len(made), now_s=lambda: next(now_s))
    trials = RuleTrials(database, EventSettings(), limits=limits, people=KNOWN)
    trial = trials.run(Rule(name="tried", when=when), ALL_STREAMS, 7, 9)
    assert trial.complete and trial.count, trial.gaps
    assert not any("zone or line" in gap for gap in trial.gaps)
