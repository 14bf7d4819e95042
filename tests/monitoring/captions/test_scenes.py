"""What is told of a scene, against the script of who is there: two hundred captions, each statement read back."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from monitoring.captions.scene_captions import SceneCaptions
from monitoring.captions.stored_captions import CaptionPageQuery, SceneCaption, add_captions, captions_page
from monitoring.core.errors import BadQuery
from monitoring.core.known_people import ERASED
from monitoring.core.telling import CaptionSettings, Telling
from monitoring.events.settings import EventSettings
from monitoring.events.tracks import TrackEvents
from monitoring.events.zone import Line, Scene, Zone
from monitoring.store.tombstones import erased_people
from tests.monitoring.script import FixedScenes, Person, carried_over, results, run, standing, started, walking
from workers.access.principal import ALL_STREAMS, StreamScope
from workers.bus.result import FrameResult
from workers.captions.caption import Phrase, caption_of, person_mark
from workers.captions.templates import templates_of
from workers.database.database import Database

EVERY_S, MINUTES = 10.0, 240
TILL = Zone(name="till", polygon=((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0)))
SCENE = Scene(stream_id="entrance", zones=(TILL,), lines=(Line(name="gate", start=(0.6, 0.0), end=(0.6, 1.0)),))
SPOTS = ((0.15, 0.9), (0.45, 0.9), (0.5, 0.5), (0.85, 0.3), (0.15, 0.4))
LABELS = {"car": ("a car", "cars"), "dog": ("a dog", "dogs"), "person": ("a person", "people")}


def script() -> list[Person]:
    """Who comes, and stays or walks over the gate; nobody comes or goes within 3 s of a telling."""
    rng = random.Random(5)
    people = []
    for number in range(1, 260):
        came = EVERY_S * rng.randrange(MINUTES - 1) + 4.0
        left = came + EVERY_S * rng.randint(1, 3) + 1.0
        label = rng.choice(list(LABELS))
        at = standing(*rng.choice(SPOTS)) if rng.random() < 0.7 else walking((0.9, 0.7), (0.4, 0.7), came + 1, came + 3)
        people.append(Person(number, came, left, at, label=lambda _, label=label: label))  # type: ignore[misc]
    return people


@dataclass
class Camera:
    """TrackEvents and SceneCaptions of one stream. faults: of its camera now."""

    every_s: float = EVERY_S
    faults: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.events = TrackEvents(EventSettings(), FixedScenes({"entrance": SCENE}))
        settings = CaptionSettings(every_s=self.every_s)
        self.captions = SceneCaptions(settings, self.events, lambda _: self.faults, Telling())
        started(self.handlers)

    @property
    def handlers(self) -> list[TrackEvents | SceneCaptions]:
        """In the monitor's order."""
        return [self.events, self.captions]

    def told(self) -> list[SceneCaption]:
        """What would be stored next."""
        return list(self.captions._new)


@pytest.fixture(scope="module")
def told() -> list[SceneCaption]:
    camera = Camera()
    run(camera.handlers, results(script(), EVERY_S * MINUTES + 1, fps=2.5))
    return camera.told()


def groups(text: str) -> Counter[str]:
    """ "Two people and a car" → how many of each label."""
    words = {one: (label, 1) for label, (one, _) in LABELS.items()}
    for label, (_, many) in LABELS.items():
        words |= {
            f"{number} {many}": (label, count) for count, number in enumerate(templates_of().numbers) if count > 1
        }
        words |= {f"{count} {many}": (label, count) for count in range(13, 60)}
    return Counter(dict(words[item.lower()] for item in re.split(r", | and ", text)))


def statements(text: str) -> Iterator[tuple[str, Counter[str]]]:
    """What is said: the claim, and of whom."""
    ones, manies = ("|".join(pair[which] for pair in LABELS.values()) for which in (0, 1))
    item = rf"(?:{ones}|\w+ (?:{manies}))"
    many = rf"({item}(?:(?:, | and ){item})*)"
    for sentence in re.findall(r"[^.]+\.", text):
        if change := re.fullmatch(r" ?In the last 10 s (.*)\.", sentence):
            clauses = rf"{many} (came into view|(?:was|were) no longer seen|entered zone till|crossed line gate \w+)"
            found = re.findall(clauses, change[1], re.IGNORECASE)
            assert found, sentence
            for who, claim in found:
                yield re.sub("were", "was", claim), groups(who)
        elif re.fullmatch(r"Nothing that mask finds is in view\.", sentence):
            yield "in view", Counter()
        else:
            now = re.fullmatch(rf" ?{many} (?:is|are) in (view|zone till)( .*)?\.", sentence, re.IGNORECASE)
            assert now is not None, sentence
            yield f"in {now[2]}", groups(now[1])
            if now[3]:
                yield f"at{now[3]}", groups(now[1])


def truth(people: list[Person], at_s: float) -> dict[str, Counter[str]]:
    """By the script: who is there at a moment, and who came, went and crossed in the time before it."""

    def of(which: list[Person]) -> Counter[str]:
        return Counter(person.label(at_s) for person in which)

    before_s = at_s - EVERY_S
    here = [person for person in people if person.came_s <= at_s < person.left_s]
    came = [person for person in people if before_s < person.came_s <= at_s]
    walked = [person for person in came if person.at(person.came_s) == (0.9, 0.7)]
    found = {
        "in view": of(here),
        "in zone till": of([person for person in here if person.at(at_s)[0] < 0.3]),
        "came into view": of(came),
        "was no longer seen": of([person for person in people if before_s < person.left_s <= at_s]),
        "entered zone till": of([person for person in came if person.at(person.came_s)[0] < 0.3]),
        "crossed line gate inwards": of([person for person in walked if before_s < person.came_s <= at_s]),
    }
    return found


def test_every_statement_is_true_of_the_script(told: list[SceneCaption]) -> None:
    people = script()
    wrong, places = [], 0
    for one in told:
        at_s = one.pts_us / 1e6
        real = truth(people, at_s)
        said: dict[str, Counter[str]] = {}
        for claim, who in statements(one.caption.text):
            if claim.startswith("at "):
                places += 1
                assert real["in view"].total() == 1, "the place of one only"
                continue
            said[claim] = who
        if said != {claim: who for claim, who in real.items() if who or claim == "in view"}:
            wrong.append((at_s, one.caption.text, real))
    assert len(told) >= 200 and places > 20
    assert not wrong, (len(wrong), wrong[:3])


def test_a_scene_that_is_as_it_was_is_not_told_again() -> None:
    camera = Camera()
    somebody = [Person(1, 1.0, 99.0, standing(0.1, 0.9), label=lambda _: "person")]
    shown = list(results(somebody, 65.0, fps=2.5))
    run(camera.handlers, shown[: round(45 * 2.5)])
    (first, *others) = camera.told()
    assert first.caption.text == (
        "A person is in view at the lower left. A person is in zone till. "
        "In the last 10 s a person came into view and a person entered zone till."
    )
    assert not others
    again = Camera()
    carried_over(camera.handlers, again.handlers)
    run(again.handlers, shown[round(45 * 2.5) :])
    assert not again.told(), "nor after a restart"


def test_a_camera_that_shows_nothing_tells_why() -> None:
    camera = Camera(faults=frozenset({"black", "frozen"}))
    run(camera.handlers, results([Person(1, 1.0, 99.0)], 11.0, fps=2.5))
    (one,) = camera.told()
    assert one.caption.text.startswith("The image is black. The image is frozen. In the last 10 s ")


def test_what_is_stored_is_found_again(told: list[SceneCaption], database: Database) -> None:
    camera = Camera()
    camera.captions._new.extend(told[:30])
    with database.write() as connection:
        camera.captions.write(connection, [])
        camera.captions.committed([])
    with database.write() as connection:
        camera.captions.write(connection, [])

    def page(scope: StreamScope = ALL_STREAMS, **query: object) -> tuple[list[SceneCaption], str | None]:
        with database.read() as connection:
            return captions_page(connection, CaptionPageQuery.model_validate(query), scope)

    found, cursor = page(limit=20)
    rest, end = page(limit=20, cursor=cursor)
    assert [*found, *rest] == told[:30][::-1] and end is None
    assert page(StreamScope(("yard",)))[0] == page(stream=["yard"])[0] == []
    moment = "2027-01-15T08:00:35Z"  # 35 s after the script's beginning
    assert [one.pts_us for one in page(until=moment)[0]] == [one.pts_us for one in told if one.pts_us < 35e6][::-1]
    assert len(page(since=moment)[0]) + len(page(until=moment)[0]) == 30
    with pytest.raises(BadQuery, match="cursor"):
        page(cursor="x")


def test_somebody_who_was_erased_is_in_no_caption_that_is_still_to_come(database: Database) -> None:
    gone, here = "01KAHADA000000000000000000", "01KAHBOB000000000000000000"
    phrases = [Phrase(text=person_mark(one), fields={"person": one}) for one in (gone, here)]
    with database.write() as connection:
        connection.execute(erased_people.insert().values(id=gone, erased_ns=1))
        add_captions(connection, [SceneCaption("entrance", "s", 1, 1, caption_of("en", phrases))])
    with database.read() as connection:
        ((found,), _) = captions_page(connection, CaptionPageQuery(), ALL_STREAMS)
    told = found.caption.named({here: "Bob"}.get, ERASED)
    assert gone not in found.caption.model_dump_json()
    assert told.text == "Somebody who was erasedBob", "and the others as before"


def test_frames_of_another_session_begin_the_minute_anew() -> None:
    camera = Camera()
    people = [Person(1, 1.0, 99.0, label=lambda _: "person")]
    first: list[FrameResult] = list(results(people, 9.0, fps=2.5))
    run(camera.handlers, first)
    run(camera.handlers, results(people, 9.0, fps=2.5, session="01KAH0000000000000000000BB", start_s=20))
    assert not camera.told()
