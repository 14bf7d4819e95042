"""Rules: each condition raises its alert when it should and no sooner, ends it, and is quiet while it cools down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import ValidationError

from monitoring.core.handler import Handler
from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Scene, Zone
from monitoring.rules.drift_signals import DriftAlarm, Fault
from monitoring.rules.replay import Replay, kinds_of
from monitoring.rules.rule import (
    CameraFaultCondition,
    CountCondition,
    DownCondition,
    DriftCondition,
    EventCondition,
    Rule,
    SeenCondition,
)
from monitoring.rules.rules import Rules
from tests.monitoring.script import (
    NEXT_SESSION,
    SESSION,
    START_NS,
    FixedConditions,
    FixedPeople,
    FixedRules,
    FixedScenes,
    Person,
    carried_over,
    results,
    run,
    standing,
    started,
    summary,
    walking,
)
from workers.bus.event import Event, event_id

LEFT = Zone(name="left", polygon=((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))
SCENE = Scene(stream_id="entrance", zones=(LEFT,))
SECOND = 10**9


@dataclass
class Watch:
    """Both handlers, as the monitor runs them."""

    rules: FixedRules
    conditions: FixedConditions = field(default_factory=FixedConditions)
    handlers: list[Handler] = field(default_factory=list)
    people: FixedPeople = field(default_factory=FixedPeople)

    @classmethod
    def over(cls, *rules: Rule) -> Watch:
        """Over nothing yet."""
        watch = cls(FixedRules(list(rules)))
        watch.handlers = watch._fresh()
        started(watch.handlers)
        return watch

    def _fresh(self) -> list[Handler]:
        events = TrackEvents(EventSettings(), FixedScenes({"entrance": SCENE}))
        return [events, Rules(self.rules, events, self.conditions, people=self.people)]

    def restart(self) -> None:
        """As after a crash right behind a commit."""
        fresh = self._fresh()
        carried_over(self.handlers, fresh)
        self.handlers = fresh

    def take(self, people: Sequence[Person], until_s: float, **more: Any) -> list[Event]:
        """The alerts of so many seconds."""
        return [event for event in run(self.handlers, results(people, until_s, **more)) if event.rule]

    def tick(self, at_s: float) -> list[Event]:
        """The alerts that the clock brings."""
        events: list[Event] = []
        for handler in self.handlers:
            handler.tick(START_NS + round(at_s * SECOND), events)
        return [event for event in events if event.rule]

    def hear(self, kind: str, at_s: float, session: str = SESSION, reason: str | None = None) -> list[Event]:
        """The alerts that a node's event brings."""
        return [event for event in self.hear_all(kind, at_s, session, reason) if event.rule]

    def hear_all(self, kind: str, at_s: float, session: str = SESSION, reason: str | None = None) -> list[Event]:
        """A node's event and what it brings; the monitor gives it with the events, as the first."""
        event = Event.model_validate(
            {
                "id": event_id(kind, "entrance", session, round(at_s * 1e6)),
                "kind": kind,
                "stream_id": "entrance",
                "session": session,
                "pts_us": round(at_s * 1e6),
                "captured_at_ns": START_NS + round(at_s * SECOND),
                "reason": reason,
            }
        )
        events = [event]
        for handler in self.handlers:
            handler.take_event(event, events)
        return events


PEOPLE = (
    Person(1, 0, 20, standing(0.2, 0.5), lambda at_s: "with_mask" if at_s < 8 else "without_mask"),
    Person(2, 2, 9, walking((0.9, 0.5), (0.1, 0.5), 2, 8)),
    Person(3, 4, 30, walking((0.1, 0.5), (0.9, 0.5), 10, 18)),
    Person(4, 12, 12.3),  # a flicker
    Person(5, 31, 40, walking((0.2, 0.4), (0.8, 0.4), 32, 36), lambda _: "with_mask"),
    Person(6, 33, 44, standing(0.3, 0.8)),
)


@pytest.mark.parametrize("cooldown_s", [0.0, 10.0])
@pytest.mark.parametrize(
    "when",
    [
        SeenCondition(),
        SeenCondition(labels=("without_mask",), for_s=2),
        SeenCondition(zone="left"),
        SeenCondition(labels=("without_mask",), zone="left", for_s=4),
        SeenCondition(labels=("with_mask",), for_s=7.96),
        CountCondition(above=1),
        CountCondition(above=0, labels=("without_mask",), for_s=3),
        CountCondition(above=1, zone="left", for_s=1.5),
        EventCondition(kinds=("track_began", "track_ended")),
        EventCondition(kinds=("zone_entered", "zone_left", "label_changed"), labels=("without_mask",)),
        DownCondition(for_s=5),
        DownCondition(for_s=90),
    ],
    ids=lambda when: when.model_dump_json(exclude_defaults=True),
)
def test_what_a_rule_would_have_raised_is_what_it_raised(when: Any, cooldown_s: float) -> None:
    """From the stored events alone, with another rule running while they were made."""
    rule = Rule(name="tried", when=when, cooldown_s=cooldown_s)

    def happened(watch: Watch) -> list[Event]:
        made = run(watch.handlers, results(PEOPLE, 46))
        made += watch.hear_all("stream_down", 46, reason="unreachable")
        for at_s in range(47, 160):
            made += watch.tick(at_s)
        made += watch.hear_all("stream_up", 160, session=NEXT_SESSION)
        late = [Person(7, 1, 9, standing(0.2, 0.5))]
        return made + run(watch.handlers, results(late, 14, session=NEXT_SESSION, start_s=160))

    live = [event for event in happened(Watch.over(rule)) if event.kind == "alert"]
    stored = [event for event in happened(Watch.over()) if event.kind in kinds_of(rule)]
    replay = Replay(rule, EventSettings())
    raised = [alert for event in sorted(stored, key=lambda event: event.captured_at_ns) for alert in replay.take(event)]
    raised += replay.finish(START_NS + 200 * SECOND)

    def facts(event: Event) -> tuple[object, ...]:
        return event.text, event.severity, event.track_id, event.label, event.zone, event.count, event.session

    assert [facts(event) for event in raised] == [facts(event) for event in live]
    assert live, "a scene in which something is raised"
    for mine, theirs in zip(raised, live, strict=True):
        assert abs(mine.captured_at_ns - theirs.captured_at_ns) <= 0.16 * SECOND, "two frames"


def test_without_mask_in_a_zone_for_two_seconds() -> None:
    rule = Rule(name="mask", when=SeenCondition(labels=("without_mask",), zone="left", for_s=2), severity="critical")
    masked = Person(1, 0, 20, standing(0.2, 0.5), lambda _: "with_mask")
    elsewhere = Person(2, 0, 20, standing(0.8, 0.5))
    comes = Person(3, 0, 11, walking((0.9, 0.5), (0.1, 0.5), 0, 8))  # crosses 0.5 at 4 s
    raised, ended = Watch.over(rule).take([masked, elsewhere, comes], 20)
    assert summary([raised]) == [("alert", 3, 6.0, "mask", "left")]
    assert raised.text == "entrance: Somebody without a mask has been in zone left for 2 s"
    assert (raised.severity, raised.label, raised.detector) == ("critical", "without_mask", "mask")
    assert raised.xyxy is not None and raised.captured_at_ns == START_NS + 6 * SECOND
    assert raised.id == event_id("alert", "entrance", SESSION, raised.pts_us, 3, "mask")
    assert summary([ended]) == [("alert_ended", None, 12.96, "mask", "left")]
    assert ended.cause == raised.id
    assert ended.duration_s == pytest.approx(6.96)


def test_two_seconds_are_those_of_one_person() -> None:
    rule = Rule(name="mask", when=SeenCondition(labels=("without_mask",), for_s=2))
    passing = [Person(number, number * 1.5, number * 1.5 + 1.5) for number in range(1, 8)]
    assert not Watch.over(rule).take(passing, 20)


def test_taking_the_mask_off_counts_from_when_it_was_off() -> None:
    rule = Rule(name="mask", when=SeenCondition(labels=("without_mask",), for_s=3))
    person = Person(1, 0, 20, label=lambda at_s: "without_mask" if at_s >= 4 else "with_mask")
    assert summary(Watch.over(rule).take([person], 10)) == [("alert", 1, 7.04, "mask")]


def test_what_a_classifier_says() -> None:
    rule = Rule(name="mask", when=SeenCondition(labels=("wrong",), attribute="mask-classifier", for_s=1))
    person = Person(1, 0, 9, label=lambda _: "with_mask", attribute=lambda at_s: "wrong" if 2 <= at_s < 6 else "right")
    raised, ended = Watch.over(rule).take([person], 9)
    assert summary([raised, ended]) == [("alert", 1, 3.04, "mask"), ("alert_ended", None, 6.0, "mask")]
    assert raised.text == "entrance: Somebody with a mask (wrong) has been in view for 1 s"


def test_more_than_so_many_for_a_while() -> None:
    rule = Rule(name="crowd", when=CountCondition(above=2, zone="left", for_s=2))
    there = [Person(number, 0, 20, standing(0.1 * number, 0.5)) for number in (1, 2)]
    short = Person(3, 4, 5, standing(0.3, 0.5))  # and counted until 5.92 s, from 4.56 s on
    longer = Person(4, 10, 14, standing(0.4, 0.5))
    raised, ended = Watch.over(rule).take([*there, longer], 20)
    assert summary([raised, ended]) == [
        ("alert", None, 12.56, "crowd", "left", 3),
        ("alert_ended", None, 14.96, "crowd", "left"),
    ]
    assert raised.text == "entrance: 3 people without masks in zone left, more than 2 for 2 s"
    brief = Rule(name="crowd", when=CountCondition(above=2, zone="left", for_s=1.5))
    assert not Watch.over(brief).take([*there, short], 9)


def test_an_event_is_an_alert_that_is_over_at_once() -> None:
    rule = Rule(
        name="left-it", when=EventCondition(kinds=("zone_left",), place="left", labels=("without_mask",)), cooldown_s=0
    )
    people = [
        Person(1, 0, 9, walking((0.2, 0.5), (0.9, 0.5), 0, 8)),
        Person(2, 0, 9, walking((0.3, 0.5), (0.9, 0.5), 0, 8), lambda _: "with_mask"),
        Person(3, 0, 9, walking((0.2, 0.6), (0.9, 0.6), 0, 8)),  # at the same time as the first
    ]
    alerts = Watch.over(rule).take(people, 9)
    assert [(event.kind, event.track_id) for event in alerts] == [
        ("alert", 1), ("alert_ended", None), ("alert", 3), ("alert_ended", None)
    ]  # fmt: skip
    assert len({event.id for event in alerts}) == 4
    assert alerts[0].cause == event_id("zone_left", "entrance", SESSION, alerts[0].pts_us, 1, "left")
    assert alerts[0].text is not None and alerts[0].text.startswith(
        "entrance: Somebody without a mask has left zone left"
    )


def test_cooldown_counts_from_the_last_alert_of_the_stream() -> None:
    rule = Rule(name="visit", when=SeenCondition(labels=("without_mask",)), cooldown_s=10)
    people = [Person(1, 0, 2), Person(2, 6, 8), Person(3, 11, 12), Person(4, 20, 24)]
    alerts = [event for event in Watch.over(rule).take(people, 30) if event.kind == "alert"]
    assert [event.track_id for event in alerts] == [1, 3, 4]
    waiting = [event for event in Watch.over(rule).take([Person(1, 0, 2), Person(2, 6, 18)], 30)]
    assert summary(waiting, "alert")[1] == ("alert", 2, 10.56, "visit")  # still there when it has cooled down


def test_restarts_lose_no_alert_and_repeat_none() -> None:
    rules = [
        Rule(name="mask", when=SeenCondition(labels=("without_mask",), zone="left", for_s=2), cooldown_s=5),
        Rule(name="crowd", when=CountCondition(above=1, for_s=1), cooldown_s=5),
        Rule(name="came", when=EventCondition(kinds=("track_began",)), cooldown_s=3),
    ]
    people = [
        Person(number, number * 2.1, number * 2.1 + 6, walking((0.9, 0.5), (0.1, 0.5), number * 2.1, number * 2.1 + 5))
        for number in range(6)
    ]
    stream = list(results(people, 25))
    expected = run(Watch.over(*rules).handlers, stream)
    assert {event.rule for event in expected} == {"mask", "crowd", "came", None}
    watch, got = Watch.over(*rules), []
    for result in stream:
        got += run(watch.handlers, [result])
        watch.restart()
    assert got == expected


def test_a_stream_that_is_down() -> None:
    watch = Watch.over(Rule(name="down", when=DownCondition(for_s=30), severity="critical"))
    watch.take([], 3)
    assert not watch.hear("stream_down", 3.5, reason="connection lost")
    assert not watch.tick(33)
    watch.restart()
    (raised,) = watch.tick(34)
    assert raised.captured_at_ns == START_NS + round(33.5 * SECOND)
    assert raised.text == "entrance: The stream has been down for 30 s: connection lost"
    assert not watch.tick(60)
    watch.restart()
    assert not watch.tick(90)
    (ended,) = watch.hear("stream_up", 100, NEXT_SESSION)
    assert (ended.kind, ended.cause) == ("alert_ended", raised.id)
    assert ended.duration_s == pytest.approx(66.5)
    assert not watch.take([], 3, session=NEXT_SESSION, start_s=101)


def test_an_outage_while_nobody_looked_is_told_afterwards_as_it_would_have_been() -> None:
    alerts = []
    for looks in (True, False):
        watch = Watch.over(Rule(name="down", when=DownCondition(for_s=30)))
        watch.take([], 3)
        watch.hear("stream_down", 3.5)
        found = watch.tick(40) if looks else []
        found += watch.take([], 1, session=NEXT_SESSION, start_s=100)
        alerts.append(found)
    assert [event.kind for event in alerts[0]] == ["alert", "alert_ended"]
    assert alerts[0] == alerts[1]


def test_results_that_are_read_after_the_end_was_heard_of_bring_no_stream_back() -> None:
    watch = Watch.over(Rule(name="down", when=DownCondition(for_s=30)))
    assert not watch.hear("stream_down", 3, reason="connection lost")
    assert not watch.take([], 3)
    (raised,) = watch.tick(34)
    assert raised.reason == "connection lost"


def test_an_outage_that_is_heard_of_after_the_stream_was_back_is_over() -> None:
    watch = Watch.over(Rule(name="down", when=DownCondition(for_s=30)))
    watch.take([], 3)
    watch.take([], 3, session=NEXT_SESSION, start_s=100)
    assert not watch.hear("stream_down", 3, reason="connection lost")
    assert not watch.tick(103)
    assert not watch.take([], 4, session=NEXT_SESSION, start_s=101)


DOWN = Rule(name="down", when=DownCondition(for_s=30))


@pytest.mark.parametrize("reason", ["replaced", "released", "shutdown"])
@pytest.mark.parametrize("restarted", [True, False])
def test_what_livesight_interrupts_is_no_outage(reason: str, restarted: bool) -> None:
    """A change, a hand-over, a node that stops; alone, or together with the service."""
    seen = Rule(name="here", when=SeenCondition())
    watch = Watch.over(DOWN, Rule(name="told", when=EventCondition(kinds=("stream_down",))), seen)
    watch.take([Person(1, 0, 9)], 3)  # an open alert of another rule changes nothing
    assert not [event for event in watch.hear("stream_down", 3, reason=reason) if event.rule != "here"]
    if restarted:
        watch.restart()
    assert not [event for at_s in (45, 60, 100) for event in watch.tick(at_s) if event.kind == "alert"]
    assert not watch.hear("stream_up", 110, NEXT_SESSION)
    assert not watch.take([], 3, session=NEXT_SESSION, start_s=110)
    assert not watch.tick(114)


def test_a_camera_that_is_not_taken_again_is_told_of_after_all() -> None:
    watch = Watch.over(DOWN)
    watch.take([], 3)
    watch.hear("stream_down", 3, reason="shutdown")
    assert not watch.tick(4) and not watch.tick(153)
    (raised,) = watch.tick(155)
    assert raised.text == "entrance: The stream has not come back within 2 min: its node was stopped"
    assert [event.cause for event in watch.hear("stream_up", 170, NEXT_SESSION)] == [raised.id]


def test_a_crash_gives_the_cameras_time_to_come_back() -> None:
    watch = Watch.over(DOWN)
    watch.take([], 3)
    watch.restart()
    assert not watch.tick(50) and not watch.tick(150)
    (raised,) = watch.tick(201)
    assert raised.text == "entrance: The stream has not come back within 2 min: monitoring began anew"


def test_an_outage_is_told_once_over_changes_and_restarts() -> None:
    watch = Watch.over(DOWN)
    watch.take([], 3)
    watch.hear("stream_down", 3, reason="unplugged")
    (raised,) = watch.tick(40)
    for at_s in (50, 60):
        assert not watch.hear("stream_down", at_s, reason="replaced")
        watch.restart()
        assert not watch.tick(at_s + 5)
        assert not watch.hear("stream_down", at_s + 6, NEXT_SESSION, reason="still unplugged")
    assert not watch.tick(300)
    assert [event.cause for event in watch.hear("stream_up", 400, NEXT_SESSION)] == [raised.id]


def test_a_camera_that_is_removed_while_its_node_is_gone_is_no_outage() -> None:
    removed: set[str] = set()
    watch = Watch.over(DOWN)
    watch.handlers[1] = Rules(
        watch.rules, TrackEvents(EventSettings(), FixedScenes({})), FixedConditions(), removed.__contains__
    )
    started(watch.handlers)
    watch.take([], 3)
    assert not watch.tick(4)
    (raised,) = watch.tick(35)
    removed.add("entrance")
    assert [event.cause for event in watch.tick(36)] == [raised.id]
    assert not watch.tick(100)


def test_time_that_nobody_watched_is_no_time_down() -> None:
    """Down for a moment, then changed and stopped; back when the service is."""
    watch = Watch.over(DOWN)
    watch.take([], 3)
    watch.hear("stream_down", 3, reason="connection refused")
    watch.hear("stream_down", 5, reason="shutdown")
    watch.restart()
    assert not watch.tick(50)
    assert not watch.hear("stream_up", 51, NEXT_SESSION)


def test_a_camera_that_is_gone_after_a_restart_is_an_outage() -> None:
    watch = Watch.over(DOWN)
    watch.take([], 3)
    watch.hear("stream_down", 3, reason="shutdown")
    watch.restart()
    watch.hear("stream_down", 50, NEXT_SESSION, reason="no route")
    assert not watch.tick(79)
    (raised,) = watch.tick(81)
    assert raised.text == "entrance: The stream has been down for 30 s: no route"


def test_an_interruption_as_an_earlier_version_stored_it() -> None:
    watch = Watch.over(DOWN)
    watch.take([], 3)
    watch.hear("stream_down", 3, reason="lost")
    stored = watch.handlers[1].dump("entrance") | {"down_reason": "replaced"}
    del stored["interrupted"]
    watch.handlers[1].restore("entrance", stored)
    assert not watch.tick(60)


@pytest.mark.parametrize("reason", ["removed", "disabled"])
def test_a_stream_that_somebody_ended_is_no_alert(reason: str) -> None:
    watch = Watch.over(Rule(name="down", when=DownCondition(for_s=30)))
    watch.take([], 3)
    watch.hear("stream_down", 3.5, reason=reason)
    assert not watch.tick(100)
    assert not watch.tick(1000)
    watch.restart()
    assert not watch.tick(2000)
    assert not watch.tick(3000)


def test_a_silent_stream_is_down_until_something_comes_over_restarts_too() -> None:
    watch = Watch.over(Rule(name="down", when=DownCondition(for_s=30)))
    watch.take([], 3)
    assert not watch.tick(4)
    assert not watch.tick(33)
    (raised,) = watch.tick(35)
    assert raised.text == "entrance: The stream has sent nothing for 30 s"
    watch.restart()
    assert not watch.tick(36)
    assert not watch.hear("stream_down", 37, reason="node gone")
    (ended,) = watch.take([], 0.1, session=NEXT_SESSION, start_s=40)
    assert ended.cause == raised.id


def test_camera_faults_each_by_itself() -> None:
    watch = Watch.over(Rule(name="camera", when=CameraFaultCondition(faults=("frozen", "moved")), cooldown_s=600))
    watch.take([], 1)
    faults = watch.conditions.of_camera
    faults["moved"] = Fault("moved", START_NS, START_NS, "The camera was turned")
    faults["black"] = Fault("black", START_NS, START_NS, "No light")
    (moved,) = watch.tick(2)
    faults["frozen"] = Fault("frozen", START_NS, START_NS, "The image stands still")
    (frozen,) = watch.tick(3)
    assert (moved.reason, moved.text) == ("moved", "entrance: The camera was turned")
    assert frozen.reason == "frozen" and frozen.id != moved.id
    del faults["frozen"]
    assert [event.cause for event in watch.tick(4)] == [frozen.id]
    faults["frozen"] = Fault("frozen", START_NS, START_NS, "Again")
    assert not watch.tick(5)  # it cools down
    assert [event.reason for event in watch.tick(604)] == ["frozen"]


def test_a_fault_that_is_found_again_after_a_restart_is_the_same() -> None:
    watch = Watch.over(Rule(name="camera", when=CameraFaultCondition()))
    watch.take([], 1)
    fault = Fault("black", START_NS, START_NS, "No light")
    watch.conditions.of_camera["black"] = fault
    (raised,) = watch.tick(2)
    watch.conditions.of_camera.clear()
    watch.restart()
    assert not watch.tick(3)  # what was found last is not known any more
    watch.conditions.of_camera["black"] = fault
    assert not watch.tick(13)
    assert not watch.tick(200)
    watch.conditions.of_camera.clear()
    assert [event.cause for event in watch.tick(201)] == [raised.id]


def test_drift_alarms_by_model_and_cause() -> None:
    watch = Watch.over(Rule(name="drift", when=DriftCondition(causes=("picture", "population"))))
    watch.take([], 1)
    alarm = DriftAlarm("mask", "picture", START_NS, START_NS, ("brightness",), 0.7, "It is darker than it was")
    other = DriftAlarm("mask", "model", START_NS, START_NS, ("confidence",), 0.7, "It is less sure")
    watch.conditions.of_models += [alarm, other]
    (raised,) = watch.tick(2)
    assert (raised.detector, raised.reason, raised.severity) == ("mask", "picture", "warning")
    watch.conditions.of_models.clear()
    assert [event.cause for event in watch.tick(3)] == [raised.id]


def test_rules_may_change_while_alerts_are_open() -> None:
    rule = Rule(name="mask", when=SeenCondition(labels=("without_mask",)))
    watch = Watch.over(rule)
    (raised,) = watch.take([Person(1, 0, 60)], 3)
    watch.rules.all = [rule.model_copy(update={"streams": ("elsewhere",)})]
    (ended,) = watch.tick(4)
    assert (ended.cause, ended.reason) == (raised.id, "rule_removed")
    watch.rules.all = [rule]
    assert [event.kind for event in watch.tick(5)] == ["alert"]


def test_a_lost_stream_ends_alerts_about_who_was_there() -> None:
    watch = Watch.over(
        Rule(name="mask", when=SeenCondition(labels=("without_mask",))),
        Rule(name="crowd", when=CountCondition(above=0)),
    )
    raised = watch.take([Person(1, 0, 60)], 3)
    assert [event.kind for event in raised] == ["alert", "alert"]
    ended = watch.hear("stream_down", 2.92, reason="lost")
    assert {event.cause for event in ended} == {event.id for event in raised}


def test_rules_name_what_is_wrong_with_them() -> None:
    for wrong, why in (
        ({"type": "event", "kinds": ["alert"]}, "unknown event kind 'alert'"),
        ({"type": "event", "kinds": ["zone_enterd"]}, "zone_entered"),
        ({"type": "event", "kinds": []}, "at least 1"),
        ({"type": "cuont", "above": 5}, "does not match any of the expected tags"),
        ({"type": "count", "above": -1}, "greater than or equal to 0"),
    ):
        with pytest.raises(ValidationError, match=why):
            Rule.model_validate({"name": "a", "when": wrong})
    with pytest.raises(ValidationError, match="it has no inside"):
        Zone(name="flat", polygon=((0.1, 0.1), (0.5, 0.5), (0.9, 0.9)))


def test_a_state_of_another_version_is_dropped() -> None:
    watch = Watch.over(Rule(name="mask", when=SeenCondition()))
    watch.handlers[1].restore("entrance", {"rules": 5})
    assert [event.kind for event in watch.take([Person(1, 0, 60)], 3)] == ["alert"]
