"""Events of tracks: what people do in a written stream is what is summary, with the times at which they do it."""

from __future__ import annotations

import random
from functools import partial

import pytest

from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Line, Scene, Zone
from tests.monitoring.script import (
    NEXT_SESSION,
    SESSION,
    START_NS,
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
from workers.bus.result import Identity

DOOR = Zone(name="door", polygon=((0.6, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0)), stay_s=3.0)
LINE = Line(name="gate", start=(0.4, 0.0), end=(0.4, 0.9))
"""Its right, as seen along it, is the frame's left."""


def events_of(
    people: list[Person], until_s: float, scene: Scene | None = None, settings: EventSettings | None = None
) -> list[Event]:
    """All events of one session that goes on for five seconds after."""
    handler = TrackEvents(settings or EventSettings(), FixedScenes({} if scene is None else {"entrance": scene}))
    started([handler])
    return run([handler], results(people, until_s + 5))


def test_a_track_gets_a_person_changes_and_loses_it() -> None:
    """Dated to where it began, as labels are; what lasts for less than half a second is none."""

    def who(at_s: float) -> str | None:
        if 1 <= at_s < 4:
            return "bob" if 2 <= at_s < 2.3 else "ada"
        return "bob" if 4 <= at_s < 6 else None

    events = events_of([Person(7, 0.0, 8, who=who)], 8)
    identified = [event for event in events if event.kind == "identified"]
    assert [(event.pts_us / 1e6, event.before, event.person) for event in identified] == [
        (1.04, None, "ada"),
        (4.0, "ada", "bob"),
        (6.0, "bob", None),
    ]
    assert identified[0].identity == Identity(person="ada", similarity=0.7, threshold=0.45)
    assert (identified[2].identity, events[-2].kind, events[-2].person) == (None, "track_ended", None)
    assert len({event.id for event in events}) == len(events)


def test_a_restart_goes_on_with_whom_a_track_was_taken_for() -> None:
    frames = list(results([Person(7, 0.0, 6, who=lambda at_s: "ada" if at_s < 3 else None)], 12))
    whole, halves = [TrackEvents(EventSettings(), FixedScenes())], [TrackEvents(EventSettings(), FixedScenes())]
    started(whole)
    started(halves)
    told = run(halves, frames[:42])  # in the middle of the change
    again = [TrackEvents(EventSettings(), FixedScenes())]
    carried_over(halves, again)
    assert told + run(again, frames[42:]) == run(whole, frames)


def test_somebody_comes_and_goes() -> None:
    events = events_of([Person(7, 1.0, 4.04, walking((0.1, 0.5), (0.9, 0.6), 1, 4))], 4)
    assert summary(events) == [
        ("track_began", 7, 1.04, "without_mask"),
        ("count_changed", None, 1.6, 1),
        ("track_ended", 7, 4.0, "without_mask", "gone"),
        ("count_changed", None, 5.04, 0),
    ]
    began, counted, ended, _ = events
    assert began.id == event_id("track_began", "entrance", SESSION, began.pts_us, 7)
    assert (began.detector, began.node, began.models, began.size_wh) == ("mask", "node-1", {"mask": 1}, (1000, 500))
    assert began.captured_at_ns == START_NS + 1_040_000_000
    assert (counted.before, counted.detector) == ("0", "mask")
    assert ended.duration_s == pytest.approx(2.96)
    assert 2 < len(ended.path) <= 64
    assert [point.pts_us for point in ended.path] == sorted(point.pts_us for point in ended.path)
    assert (ended.path[0].x, ended.path[0].y) == pytest.approx((0.1107, 0.5013), abs=0.001)
    assert (ended.path[-1].x, ended.path[-1].y) == pytest.approx((0.9, 0.6), abs=0.001)


def test_a_flicker_is_no_track_and_no_gap_ends_one() -> None:
    flicker = Person(1, 1.0, 1.2)
    there = [Person(2, 0.0, 3.0), Person(2, 4.5, 6.0)]
    assert summary(events_of([flicker, *there], 6), "track_began", "track_ended") == [
        ("track_began", 2, 0.0, "without_mask"),
        ("track_ended", 2, 5.92, "without_mask", "gone"),
    ]


def test_a_track_that_comes_back_after_its_end_begins_again() -> None:
    events = events_of([Person(2, 0.0, 3.0), Person(2, 6.0, 7.0)], 7)
    assert [event.kind for event in events if event.track_id] == ["track_began", "track_ended"] * 2
    assert len({event.id for event in events}) == len(events)


def test_putting_a_mask_on_changes_the_label_once_at_the_time_it_happened() -> None:
    events = events_of([Person(1, 0, 9, label=partial(_masked_from, 3.99))], 9)
    changes = [event for event in events if event.kind == "label_changed"]
    assert summary(changes) == [("label_changed", 1, 4.0, "without_mask")]
    assert changes[0].label == "with_mask"
    assert [event.label for event in events if event.kind == "track_ended"] == ["with_mask"]


def test_who_comes_is_cut_at_first_and_has_the_label_of_the_better_pictures() -> None:
    person = Person(1, 0, 5, label=partial(_masked_from, 0.33), size=lambda at_s: min(1.0, 0.4 + 2 * at_s))
    events = events_of([person], 5)
    assert summary(events, "track_began", "label_changed") == [("track_began", 1, 0.0, "with_mask")]


def _nth(labels: list[str], at_s: float) -> str:
    return labels[round(at_s * 12.5)]


@pytest.mark.parametrize(("share", "most"), [(0.1, 0), (0.3, 0), (0.45, 4)])
def test_a_flickering_label_is_no_change(share: float, most: int) -> None:
    """Twenty tracks of a minute, by a detector that is wrong in so many frames after the first second."""
    changes = 0
    for seed in range(20):
        wrong = random.Random(seed)
        labels = ["with_mask" if at > 12 and wrong.random() < share else "without_mask" for at in range(760)]
        person = Person(1, 0, 60, label=partial(_nth, labels))
        changes += len(summary(events_of([person], 60), "label_changed"))
    assert changes <= most


def test_a_change_within_noise_is_dated_well() -> None:
    wrong = random.Random(5)
    noisy = [wrong.random() < 0.2 for _ in range(400)]

    def label(at_s: float) -> str:
        masked = (at_s >= 10) != noisy[round(at_s * 12.5)]
        return "with_mask" if masked else "without_mask"

    changes = [event for event in events_of([Person(1, 0, 20, label=label)], 20) if event.kind == "label_changed"]
    assert [event.label for event in changes] == ["with_mask"]
    assert changes[0].pts_us / 1e6 == pytest.approx(10, abs=0.5)


def test_zones_are_entered_left_and_stayed_in() -> None:
    people = [
        Person(1, 0.0, 9.0, walking((0.2, 0.5), (0.98, 0.5), 0, 4)),  # 0.6 at 2.05 s; goes out of sight within
        Person(2, 0.0, 6.0, walking((0.9, 0.5), (0.1, 0.5), 0, 4)),  # was in from the start, 0.6 at 1.5 s
    ]
    scene = Scene(stream_id="entrance", zones=(DOOR,))
    zoned = [event for event in events_of(people, 9, scene) if event.zone]
    assert summary(zoned, "zone_entered", "zone_left", "zone_stayed") == [
        ("zone_entered", 2, 0.0, "door"),
        ("zone_left", 2, 1.52, "door"),
        ("zone_entered", 1, 2.08, "door"),
        ("zone_stayed", 1, 5.12, "door"),
        ("zone_left", 1, 8.96, "door", "gone"),
    ]
    assert [event.duration_s for event in zoned if event.kind == "zone_left"] == pytest.approx([1.52, 6.88])
    counted = [event.count for event in zoned if event.kind == "count_changed"]
    assert counted == [1, 0]  # for half a second nobody is in it: too short for a count


def test_who_stands_on_the_edge_of_a_zone_makes_no_events() -> None:
    person = Person(1, 0, 20, lambda at_s: (0.6 + 0.01 * (-1) ** round(at_s * 12.5), 0.5))
    assert not summary(events_of([person], 20, Scene(stream_id="entrance", zones=(DOOR,))), "zone_entered", "zone_left")


def test_a_zone_for_some_labels_is_entered_by_putting_the_mask_off() -> None:
    zone = Zone(name="door", polygon=DOOR.polygon, labels=("without_mask",))
    person = Person(1, 0, 9, standing(0.8, 0.5), lambda at_s: "without_mask" if 3 <= at_s < 6 else "with_mask")
    crossed_zone = summary(
        events_of([person], 9, Scene(stream_id="entrance", zones=(zone,))), "zone_entered", "zone_left"
    )
    assert [short[0] for short in crossed_zone] == ["zone_entered", "zone_left"]


def test_lines_are_crossed_in_a_direction_and_only_within_their_ends() -> None:
    people = [
        Person(1, 0, 5, walking((0.2, 0.5), (0.8, 0.5), 0, 4)),  # x = 0.4 at 1.33 s
        Person(2, 0, 5, walking((0.8, 0.6), (0.2, 0.6), 0, 4)),  # at 2.67 s
        Person(3, 0, 5, walking((0.2, 0.95), (0.8, 0.95), 0, 4)),  # below the line's end
    ]
    scene = Scene(stream_id="entrance", lines=(LINE,))
    assert summary(events_of(people, 5, scene), "line_crossed") == [
        ("line_crossed", 1, 1.36, "gate", "out"),
        ("line_crossed", 2, 2.72, "gate", "in"),
    ]


def test_standing_on_a_line_or_turning_back_on_it_is_no_crossing() -> None:
    people = [
        Person(1, 0, 20, lambda at_s: (0.4 + 0.003 * (-1) ** round(at_s * 12.5), 0.5)),
        Person(2, 0, 8, lambda at_s: (0.4 + 0.004 - 0.2 * abs(at_s - 4) / 4, 0.3)),
    ]
    assert not summary(events_of(people, 20, Scene(stream_id="entrance", lines=(LINE,))), "line_crossed")


def test_a_track_that_ends_close_behind_a_line_has_crossed_it() -> None:
    line = Line(name="exit", start=(0.99, 0.0), end=(0.99, 1.0))
    person = Person(1, 0, 5, walking((0.5, 0.5), (0.994, 0.5), 0, 4.9))
    crossed = summary(events_of([person], 5, Scene(stream_id="entrance", lines=(line,))), "line_crossed")
    assert [short[3:] for short in crossed] == [("exit", "out")]


def test_two_detectors_are_counted_apart() -> None:
    people = [Person(1, 0, 5), Person(2, 0, 5), Person(3, 0, 5, detector="coco")]
    counted = [event for event in events_of(people, 5) if event.kind == "count_changed"]
    assert [(event.detector, event.count) for event in counted] == [("coco", 1), ("mask", 2), ("coco", 0), ("mask", 0)]


def test_a_new_session_ends_the_tracks_of_the_old() -> None:
    scene = Scene(stream_id="entrance", zones=(DOOR,))
    handler = TrackEvents(EventSettings(), FixedScenes({"entrance": scene}))
    started([handler])
    events = run([handler], results([Person(1, 0, 9, standing(0.8, 0.5))], 3))
    events += run([handler], results([Person(1, 0, 9, standing(0.8, 0.5))], 2, session=NEXT_SESSION, start_s=5))
    lost = [event for event in events if event.reason]
    assert summary(lost) == [
        ("zone_left", 1, 2.96, "door", "stream_lost"),
        ("track_ended", 1, 2.96, "without_mask", "stream_lost"),
        ("count_changed", None, 2.96, 0, "stream_lost"),
        ("count_changed", None, 2.96, "door", 0, "stream_lost"),
    ]
    assert {event.session for event in lost} == {SESSION}
    assert [event.session for event in events if event.kind == "track_began"] == [SESSION, NEXT_SESSION]


def _node_event(kind: str, session: str, at_s: float = 10.0) -> Event:
    return Event.model_validate(
        {
            "id": event_id(kind, "entrance", session, 0),
            "kind": kind,
            "stream_id": "entrance",
            "session": session,
            "pts_us": 0,
            "captured_at_ns": START_NS + round(at_s * 1e9),
        }
    )


@pytest.mark.parametrize(
    ("kind", "session", "lost"),
    [
        ("stream_down", SESSION, True),
        ("stream_down", NEXT_SESSION, False),
        ("stream_up", SESSION, False),
        ("stream_up", NEXT_SESSION, True),
    ],
)
def test_a_node_says_that_the_session_is_over(kind: str, session: str, lost: bool) -> None:
    handler = TrackEvents(EventSettings(), FixedScenes())
    started([handler])
    run([handler], results([Person(1, 0, 9)], 3))
    events: list[Event] = []
    handler.take_event(_node_event(kind, session), events)
    handler.tick(START_NS, events)
    assert [event.reason for event in events if event.kind == "track_ended"] == ["stream_lost"] * lost


def test_an_end_that_is_heard_of_too_soon_waits_for_the_last_picture() -> None:
    """Events and results are different topics: either may be read first."""
    frames = list(results([Person(1, 0, 9)], 3))
    down = _node_event("stream_down", SESSION).model_copy(update={"pts_us": frames[-1].pts_us})
    up = _node_event("stream_up", NEXT_SESSION)
    told_at: list[list[Event]] = []
    for heard_after in (0, 10, len(frames)):
        handler = TrackEvents(EventSettings(), FixedScenes())
        started([handler])
        events = run([handler], frames[:heard_after])
        for event in (down, up):
            handler.take_event(event, events)
        events += run([handler], frames[heard_after:])
        told_at.append(events)
    assert [event.kind for event in told_at[0]] == ["track_began", "count_changed", "track_ended", "count_changed"]
    assert told_at[0] == told_at[1] == told_at[2]


def test_events_that_are_read_long_after_the_results_end_nothing() -> None:
    handler = TrackEvents(EventSettings(), FixedScenes())
    started([handler])
    run([handler], results([Person(1, 0, 9)], 1))
    run([handler], results([Person(1, 0, 9)], 3, session=NEXT_SESSION, start_s=5))
    events: list[Event] = []
    for kind, session in (("stream_down", SESSION), ("stream_up", SESSION), ("stream_up", NEXT_SESSION)):
        handler.take_event(_node_event(kind, session), events)
    never_came = "01KAH0000000000000000000CC"
    handler.take_event(_node_event("stream_down", never_came, 4), events)
    handler.tick(START_NS, events)
    assert not events


def test_silence_ends_tracks_with_the_same_ids_as_a_new_session_would() -> None:
    by_tick, by_session = TrackEvents(EventSettings(), FixedScenes()), TrackEvents(EventSettings(), FixedScenes())
    started([by_tick])
    started([by_session])
    for handler in (by_tick, by_session):
        run([handler], results([Person(1, 0, 9)], 3))
    silent: list[Event] = []
    for second in range(29):
        by_tick.tick(START_NS + second * 10**9, silent)
    assert not silent
    by_tick.tick(START_NS + 31 * 10**9, silent)
    renewed = run([by_session], results([], 0.1, session=NEXT_SESSION))
    assert [event.id for event in silent] == [event.id for event in renewed]
    assert [event.kind for event in silent] == ["track_ended", "count_changed"]


def test_zones_may_change_while_somebody_is_in_one() -> None:
    scenes = FixedScenes({"entrance": Scene(stream_id="entrance", zones=(DOOR,))})
    handler = TrackEvents(EventSettings(), scenes)
    started([handler])
    stream = list(results([Person(1, 0, 9, standing(0.8, 0.5))], 6))
    events = run([handler], stream[:25])
    scenes.change(Scene(stream_id="elsewhere", zones=(DOOR,)))
    assert not run([handler], stream[25:30])
    wide = Zone(name="all", polygon=((0, 0), (1, 0), (1, 1), (0, 1)))
    scenes.change(Scene(stream_id="entrance", zones=(wide,)))
    events += run([handler], stream[30:])
    assert summary(events, "zone_entered", "zone_left") == [
        ("zone_entered", 1, 0.0, "door"),
        ("zone_left", 1, 2.32, "door", "zone_removed"),
        ("zone_entered", 1, 2.4, "all"),
    ]


def _masked_from(since_s: float, at_s: float) -> str:
    return "with_mask" if at_s > since_s else "without_mask"


def busy() -> tuple[list[Person], Scene]:
    """Twelve people who walk, change and flicker."""
    chance = random.Random(3)
    people = []
    for number in range(12):
        came_s = chance.uniform(0, 12)
        left_s = came_s + chance.uniform(0.2, 8)
        start, end = (chance.random(), chance.random()), (chance.random(), chance.random())
        turns_s = came_s + chance.uniform(1, 4)
        people.append(
            Person(
                number + 1,
                came_s,
                left_s,
                walking(start, end, came_s, left_s),
                partial(_masked_from, turns_s),
                lambda at_s: 0.4 + 0.1 * (round(at_s * 12.5) % 5),
            )
        )
    return people, Scene(stream_id="entrance", zones=(DOOR,), lines=(LINE,))


def test_a_restart_at_any_picture_and_doubles_change_nothing() -> None:
    people, scene = busy()
    stream = list(results(people, 22))
    scenes = FixedScenes({"entrance": scene})
    handler = TrackEvents(EventSettings(), scenes)
    started([handler])
    expected = run([handler], stream)
    assert len({event.id for event in expected}) == len(expected) > 40
    kinds = {"track_began", "label_changed", "track_ended", "line_crossed", "count_changed"}
    assert {event.kind for event in expected} == kinds | {"zone_entered", "zone_left", "zone_stayed"}
    got: list[Event] = []
    for number, result in enumerate(stream):
        fresh = TrackEvents(EventSettings(), scenes)
        if number:
            carried_over([handler], [fresh])
        else:
            started([fresh])
        handler = fresh
        got += run([handler], [result, result, *stream[max(0, number - 3) : number]])
    assert got == expected


def test_a_state_of_another_version_is_dropped() -> None:
    handler = TrackEvents(EventSettings(), FixedScenes())
    handler.restore("entrance", {"session": 5, "tracks": "many"})
    assert summary(run([handler], results([Person(1, 0, 9)], 1))) == [("track_began", 1, 0.0, "without_mask")]


def test_a_path_keeps_its_ends_and_its_size() -> None:
    person = Person(1, 0, 60, lambda at_s: (0.5 + 0.4 * (1 if int(at_s) % 2 else -1) * (at_s % 1), 0.5))
    (ended,) = (event for event in events_of([person], 60) if event.kind == "track_ended")
    assert 32 <= len(ended.path) <= 64
    assert (ended.path[0].pts_us, ended.path[-1].pts_us) == (0, 59_920_000)
