"""Rules about people: some, a group, strangers, nobody, the first time today; and alerts that wait for a name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from monitoring.core.known_people import Known
from monitoring.events.settings import EventSettings
from monitoring.people.stripping import without
from monitoring.rules.replay import Replay, kinds_of
from monitoring.rules.rule import AbsentCondition, EventCondition, Rule, SeenCondition
from tests.monitoring.rules.test_rules import SECOND, Watch
from tests.monitoring.script import (
    NEXT_SESSION,
    START_NS,
    FixedPeople,
    Person,
    results,
    run,
    standing,
    summary,
    walking,
)
from workers.bus.event import Event

KNOWN = FixedPeople((Known("ada", "Ada", ("staff",)), Known("bob", "Bob", ("Staff", "night")), Known("cyd", "Cyd")))
DAY_S = 86_400


def watch(*rules: Rule) -> Watch:
    """Over those who are known."""
    found = Watch.over()
    found.people = FixedPeople(KNOWN.everybody)
    found.rules.all = list(rules)
    found.handlers = found._fresh()
    for handler in found.handlers:
        handler.restore("entrance", None)
    return found


def since(who: str, from_s: float, until_s: float = 1e9) -> Callable[[float], str | None]:
    """Recognised in that time."""
    return lambda at_s: who if from_s <= at_s < until_s else None


def alerts(events: list[Event]) -> list[tuple[str | None, str | None, float]]:
    """Text, person and second of each alert."""
    return [(event.text, event.person, round(event.pts_us / 1e6, 1)) for event in events if event.kind == "alert"]


CROWD = [
    Person(1, 0, 12, standing(0.2, 0.5), who=since("ada", 1)),
    Person(2, 2, 20, standing(0.8, 0.5), who=since("bob", 4, 15)),
    Person(3, 5, 25, walking((0.9, 0.5), (0.1, 0.5), 5, 12), who=since("cyd", 6)),
    Person(4, 8, 14, standing(0.4, 0.5)),
    Person(5, 28, 44, standing(0.2, 0.6), who=lambda at_s: "ada" if at_s < 36 else "bob"),
]


def test_each_of_those_who_are_meant_has_an_alert_of_their_own() -> None:
    rule = Rule(name="team", when=SeenCondition(people=("cyd",), groups=("STAFF",)), cooldown_s=5)
    told = watch(rule).take(CROWD, 30)
    assert alerts(told) == [
        ("entrance: {person:ada} (without mask) is in view", "ada", 1.5),
        ("entrance: {person:bob} (without mask) is in view", "bob", 4.5),
        ("entrance: {person:cyd} (without mask) is in view", "cyd", 6.5),
        ("entrance: {person:ada} (without mask) is in view", "ada", 28.6),
    ]
    ended = [event.text for event in told if event.kind == "alert_ended"]
    assert ended[1] == "entrance: {person:bob} (without mask) is in view: over after 11 s", "he was not, after all"


def test_a_stranger_is_somebody_whom_nobody_has_recognised_in_time() -> None:
    quick = [Person(1, 0, 12, who=since("ada", 1)), Person(2, 2, 8), Person(3, 4, 5)]
    rule = Rule(name="strange", when=SeenCondition(strangers=True), cooldown_s=0)
    told = watch(rule).take(quick, 20)
    assert alerts(told) == [("entrance: Somebody without a mask (unknown) is in view", None, 2.6)]
    brief = watch(rule).take([Person(3, 4, 5)], 20)
    assert alerts(brief) == [("entrance: Somebody without a mask (unknown) is in view", None, 4.6)], "gone before 3 s"
    staff = Rule(name="strange", when=SeenCondition(strangers=True, people=("cyd",)), name_wait_s=2)
    assert alerts(watch(staff).take([Person(1, 0, 12, who=since("ada", 1))], 12)) == []


def test_an_alert_waits_for_the_name_and_no_longer() -> None:
    seen = Rule(name="mask", when=SeenCondition(labels=("without_mask",)), name_wait_s=4)
    assert alerts(watch(seen).take([Person(1, 0, 12, who=since("ada", 2))], 12)) == [
        ("entrance: {person:ada} (without mask) is in view", "ada", 0.6)
    ]
    late = watch(seen).take([Person(1, 0, 12, who=since("ada", 6))], 12)
    assert alerts(late) == [("entrance: Somebody without a mask (unknown) is in view", None, 0.6)]
    came = Rule(name="came", when=EventCondition(kinds=("track_began",)), cooldown_s=0, name_wait_s=4)
    told = alerts(watch(came).take([Person(1, 0, 12, who=since("ada", 2)), Person(2, 1, 12)], 12))
    assert told == [
        ("entrance: {person:ada} (without mask) has come into view", "ada", 0.0),
        ("entrance: Somebody without a mask (unknown) has come into view", None, 1.0),
    ]
    night = came.model_copy(update={"when": EventCondition(kinds=("track_began",), groups=("staff",))})
    assert [
        who for _, who, _ in alerts(watch(night).take([Person(1, 0, 9, who=since("ada", 2)), Person(2, 1, 9)], 12))
    ] == ["ada"]


def test_what_waits_outlives_a_restart_and_the_end_of_a_session() -> None:
    rule = Rule(name="mask", when=SeenCondition(), name_wait_s=10)
    found = watch(rule)
    assert alerts(found.take([Person(1, 0, 12)], 3)) == []
    found.restart()
    told = run(found.handlers, results([], 1, session=NEXT_SESSION, start_s=5))
    assert alerts(told) == [("entrance: Somebody without a mask (unknown) is in view", None, 0.6)]


def test_nobody_of_a_group_for_a_while() -> None:
    rule = Rule(name="empty", when=AbsentCondition(groups=("staff",), zone="left", for_s=10), cooldown_s=0)
    told = watch(rule).take(CROWD, 60)  # ada is left until 12, and from 28 on she, then bob
    assert summary(told) == [
        ("alert", None, 22.96, "empty", "left"),
        ("alert_ended", None, 28.56, "empty", "left"),
        ("alert", None, 54.96, "empty", "left"),
    ]
    assert told[0].text == "entrance: Nobody of group staff has been in zone left for 10 s"


@pytest.mark.parametrize(
    ("when", "text"),
    [
        ({}, "Nobody has been in view for 10 s"),
        ({"people": ["ada"], "zone": "desk"}, "{person:ada} has not been in zone desk for 10 s"),
        (
            {"people": ["ada", "bob"], "groups": ["night"]},
            "Nobody of {person:ada}, {person:bob} and group night has been in view for 10 s",
        ),
        ({"labels": ["car", "dog"]}, "No cars or dogs have been in view for 10 s"),
        (
            {"groups": ["a", "b"], "labels": ["with_mask"]},
            "Nobody of group a and group b (with mask) has been in view for 10 s",
        ),
    ],
)
def test_who_is_absent_is_said(when: dict[str, Any], text: str) -> None:
    (raised,) = watch(Rule(name="empty", when=AbsentCondition(**when, for_s=10))).take([], 12)
    assert raised.text == f"entrance: {text}"


def test_time_that_nobody_watched_is_no_absence() -> None:
    rule = Rule(name="empty", when=AbsentCondition(for_s=10), cooldown_s=0)
    found = watch(rule)
    assert found.take([], 8) == []
    assert run(found.handlers, results([], 8, session=NEXT_SESSION, start_s=100)) == [], "away for 92 s"
    (raised,) = run(found.handlers, results([], 8, session=NEXT_SESSION + "B", start_s=120))  # for 12 s only
    assert raised.captured_at_ns == START_NS + 120 * SECOND


def test_the_first_time_on_a_day() -> None:
    rule = Rule(name="hello", when=SeenCondition(first_today=True, tz="Europe/Berlin"), cooldown_s=0)
    found = watch(rule)
    morning = [
        Person(1, 0, 5, who=since("ada", 0)),
        Person(2, 10, 15, who=since("ada", 10)),
        Person(3, 1, 9, who=since("bob", 1)),
    ]
    assert [who for _, who, _ in alerts(found.take(morning, 20))] == ["ada", "bob"]
    found.restart()
    again = [Person(1, 0, 5, who=since("bob", 0)), Person(2, 1, 5)]
    assert alerts(found.take(again, 9, session=NEXT_SESSION, start_s=60)) == []
    tomorrow = found.take(again, 9, session="01KAH0CC", start_s=DAY_S)
    assert [who for _, who, _ in alerts(tomorrow)] == ["bob"]


def test_midnight_is_nobodys_first_time() -> None:
    """Somebody who is there already when a day begins does not come then."""
    rule = Rule(name="hello", when=SeenCondition(first_today=True, tz="Asia/Tokyo"), cooldown_s=0)
    late_s = 7 * 3600 - 10  # 23:59:50 there: START_NS is 08:00 UTC
    told = watch(rule).take([Person(1, 0, 30, who=since("ada", 0))], 30, start_s=late_s)
    assert [who for _, who, _ in alerts(told)] == ["ada"]


def test_states_of_rules_lose_whoever_is_erased() -> None:
    team = Rule(name="team", when=SeenCondition(groups=("staff",), first_today=True), name_wait_s=3)
    found = watch(team, Rule(name="any", when=SeenCondition(), name_wait_s=9))
    found.take(CROWD, 6)
    state = json.loads(json.dumps(found.handlers[1].dump("entrance")))
    assert "ada" in json.dumps(state)
    left = without(state, ["ada"])
    assert "ada" not in json.dumps(left)
    found.handlers[1].restore("entrance", left)
    kept = json.dumps(found.handlers[1].dump("entrance"))
    assert "bob" in kept and "ada" not in kept


def test_a_running_monitor_forgets_whoever_is_erased() -> None:
    """Whose alert has ended: neither that it cools down, nor that they were seen, is stored again."""
    rule = Rule(name="team", when=SeenCondition(first_today=True), cooldown_s=3600)
    found = watch(rule)
    people = [Person(1, 0, 3, who=since("ada", 0)), Person(2, 0, 3, who=since("bob", 0))]
    assert len(alerts(found.take(people, 8))) == 2 and "ada" in json.dumps(found.handlers[1].dump("entrance"))
    found.people.everybody = KNOWN.everybody[1:]
    assert alerts(run(found.handlers, results([], 1, session=NEXT_SESSION, start_s=9))) == []
    left = json.dumps(found.handlers[1].dump("entrance"))
    assert "ada" not in left and "bob" in left


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "seen", "strangers": True, "first_today": True},
        {"type": "seen", "tz": "Mars/Base"},
        {"type": "absent", "for_s": 0},
        {"type": "seen", "people": ["x"] * 65},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate({"name": "wrong", "when": wrong})


@pytest.mark.parametrize(
    ("when", "wait_s"),
    [
        (SeenCondition(people=("cyd",), groups=("staff",)), None),
        (SeenCondition(groups=("staff",), zone="left", for_s=3), None),
        (SeenCondition(strangers=True), None),
        (SeenCondition(strangers=True, people=("bob",), for_s=2), 2.0),
        (SeenCondition(labels=("without_mask",)), 5.0),
        (SeenCondition(first_today=True), None),
        (AbsentCondition(groups=("staff",), for_s=6), None),
        (AbsentCondition(people=("ada",), zone="left", for_s=9), None),
        (AbsentCondition(for_s=2), None),
        (EventCondition(kinds=("identified", "track_ended"), groups=("night",)), None),
    ],
    ids=lambda value: value.model_dump_json(exclude_defaults=True) if hasattr(value, "model_dump_json") else str(value),
)
def test_what_a_rule_would_have_raised_is_what_it_raised(when: Any, wait_s: float | None) -> None:
    rule = Rule(name="tried", when=when, cooldown_s=0, name_wait_s=wait_s)

    def happened(found: Watch) -> list[Event]:
        return run(found.handlers, results(CROWD, 60))

    live = [event for event in happened(watch(rule)) if event.kind == "alert"]
    stored = [event for event in happened(watch()) if event.kind in kinds_of(rule)]
    replay = Replay(rule, EventSettings(), people=KNOWN)
    raised = [alert for event in sorted(stored, key=lambda event: event.captured_at_ns) for alert in replay.take(event)]
    raised += replay.finish(START_NS + 60 * SECOND)
    assert [(one.text, one.person, one.track_id) for one in raised] == [
        (one.text, one.person, one.track_id) for one in live
    ]
    assert live, "a scene in which something is raised"
    for mine, theirs in zip(raised, live, strict=True):
        assert abs(mine.captured_at_ns - theirs.captured_at_ns) <= 0.16 * SECOND, "two frames"
