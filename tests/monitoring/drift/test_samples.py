"""Results into samples: a track counts once, frames are sampled at intervals."""

from __future__ import annotations

import pytest

from monitoring.drift.sampler import DriftSample, Sampler
from monitoring.drift.settings import DriftSettings
from tests.monitoring.drift.made import START_S, box, figures, result
from workers.bus.result import Identity

FPS = 10


def sampler() -> Sampler:
    return Sampler(DriftSettings(), lambda model, _: model == "mask")


def play(taken: Sampler, seconds: float, begin_s: float = START_S, track_id: int | None = 7) -> list[DriftSample]:
    """So many seconds at ten results a second, with one track in them all."""
    boxes = [] if track_id is None else [box(track_id)]
    return [
        sample
        for number in range(round(seconds * FPS))
        for sample in taken.take(result(begin_s + number / FPS, boxes, None))
    ]


def test_a_track_counts_once_when_it_is_over() -> None:
    taken = sampler()
    assert play(taken, 4) == []
    samples = play(taken, 3, START_S + 4, None)
    assert [sample.model for sample in samples] == ["mask", "mask-classifier"]
    own, said = samples
    assert own.labels == {"label": "without_mask"}
    assert own.numbers["confidence"] == pytest.approx(0.8)
    assert own.numbers["aspect"] == pytest.approx(0.5)
    assert own.numbers["box_side"] == pytest.approx(64 / (640 * 480) ** 0.5)
    assert said.numbers == {"confidence": 0.97}
    assert said.labels == {"label": "without_mask"}


def test_a_long_track_counts_once_when_it_is_old() -> None:
    samples = play(sampler(), 100)
    assert len(samples) == 2
    assert samples[0].at_s == pytest.approx(START_S + 30, abs=0.2)


def test_a_track_of_two_boxes_does_not_count() -> None:
    taken = sampler()
    play(taken, 0.2)
    assert play(taken, 3, START_S + 1, None) == []


def test_a_new_session_ends_all_tracks() -> None:
    taken = sampler()
    play(taken, 2)
    samples = taken.take(result(START_S + 2, [box(7)], None, session="s2"))
    assert [sample.model for sample in samples] == ["mask", "mask-classifier"]


def test_the_label_is_the_commonest_and_the_values_are_medians() -> None:
    taken = sampler()
    for number, (label, confidence) in enumerate(
        [("with_mask", 0.9), ("with_mask", 0.5), ("without_mask", 0.6), ("with_mask", 0.99), ("without_mask", 0.7)]
    ):
        taken.take(result(START_S + number / 10, [box(1, label=label, confidence=confidence)]))
    own = taken.take(result(START_S + 9))[0]
    assert own.labels == {"label": "with_mask"}
    assert own.numbers["confidence"] == pytest.approx(0.7)


def test_the_distance_of_a_known_face_is_measured() -> None:
    taken = sampler()
    for number in range(5):
        known = box(1, identity=Identity(person="ada", similarity=0.7, threshold=0.5))
        taken.take(result(START_S + number / 10, [known]))
    assert taken.take(result(START_S + 9))[0].numbers["distance"] == pytest.approx(0.3)


def test_pictures_are_taken_apart_and_only_with_new_figures() -> None:
    taken = sampler()
    samples = []
    image = figures(START_S)
    for number in range(600):
        at_s = START_S + number / FPS
        if number % FPS == 0:
            image = figures(at_s)
        samples += taken.take(result(at_s, [box(None), box(None)], image))
    frames = [sample for sample in samples if not sample.model]
    assert len(frames) == 6
    assert frames[0].numbers["focus"] == 0.6
    assert "hash" in frames[0].labels
    assert [sample.numbers for sample in samples if sample.model == "mask"] == [{"boxes": 2.0}] * 6
    assert not [sample for sample in samples if sample.model == "mask-classifier"]


def test_old_figures_are_no_new_picture() -> None:
    taken = sampler()
    image = figures(START_S)
    samples = [sample for number in range(60) for sample in taken.take(result(START_S + number, [], image))]
    assert len([sample for sample in samples if not sample.model]) == 1
