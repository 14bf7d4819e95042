"""The tracker at any rate: real walks through a street, looked at 25, 10, 5 and 3 times a second. Pure.

The walks are those of deployment/bench/tracking_truth/vtest.txt: eleven people who meet, shake hands and pass behind a
sign. What a detector adds is drawn by chance: edges that tremble, people who are missed.
"""

from __future__ import annotations

import csv
import gc
import tracemalloc
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from trackers.eval import box_iou, compute_identity_metrics

from stream.frame import Frame
from stream.mailbox import Mailbox
from workers.bus.result import Detection
from workers.inference.batcher import FrameJob, InferenceStream
from workers.inference.classify import Classifiers
from workers.inference.classify_tracks import StreamClassifier
from workers.inference.motion import BoxMotion
from workers.inference.result_builder import ResultBuilder
from workers.inference.tracking import TrackedBoxes, Tracker
from workers.model_card import ModelStore, load_card, shipped_models_dir
from workers.settings import ClassifySettings

TRUTH = Path(__file__).parents[3] / "deployment" / "bench" / "tracking_truth" / "vtest.txt"
TRUTH_FPS, CAMERA_FPS = 10.0, 50.0
MISSED, TREMBLE = 0.05, 0.03


@dataclass(frozen=True)
class Followed:
    """What a tracker made of the walks: how many tracks, and how well each is one person's (IDF1)."""

    tracks: int
    idf1: float


@pytest.fixture(scope="module")
def walks() -> dict[int, dict[int, np.ndarray]]:
    """Person → picture → xyxy."""
    people: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
    for frame, person, x, y, w, h, *_ in csv.reader(TRUTH.read_text().splitlines()):
        left, top = float(x), float(y)
        people[int(person)][int(frame)] = np.array([left, top, left + float(w), top + float(h)])
    return dict(people)


def at(walk: dict[int, np.ndarray], seconds: float) -> np.ndarray | None:
    """Where somebody is between two pictures."""
    frame, share = divmod(seconds * TRUTH_FPS, 1.0)
    before, after = walk.get(int(frame)), walk.get(int(frame) + 1)
    if before is None or after is None:
        return None
    return (1 - share) * before + share * after


def follow(walks: dict[int, dict[int, np.ndarray]], fps: float, enlarged: float = 1.0) -> Followed:
    """Send the walks through a tracker at a rate, in pictures `enlarged` times as large."""
    chance = np.random.default_rng(7)
    tracker = Tracker(0.35)
    people, tracks, overlaps = [], [], []
    known: dict[int, int] = {}
    for moment in range(int(39 * fps)):
        seconds = 0.1 + moment / fps
        there = {who: box for who, walk in walks.items() if (box := at(walk, seconds)) is not None}
        seen = [box for box in there.values() if chance.random() >= MISSED]
        seen = [box + TREMBLE * np.tile(box[2:] - box[:2], 2) * chance.normal(size=4) for box in seen]
        rows = np.array([[*(enlarged * box), 0.8, 0] for box in seen], np.float32).reshape(-1, 6)
        told = tracker.update(rows, round(seconds * 1e6))
        sure = told.track_id >= 0
        people.append(np.array(list(there), int) - 1)
        tracks.append(np.array([known.setdefault(int(number), len(known)) for number in told.track_id[sure]], int))
        true_xyxy = np.array(list(there.values())).reshape(-1, 4)
        overlaps.append(box_iou(true_xyxy, told.xyxy[sure].astype(float) / enlarged, box_format="xyxy"))
    return Followed(len(known), compute_identity_metrics(people, tracks, overlaps)["IDF1"])


@pytest.fixture(scope="module")
def followed(walks: dict[int, dict[int, np.ndarray]]) -> dict[float, Followed]:
    return {fps: follow(walks, fps) for fps in (25.0, 10.0, 5.0, 3.0)}


def test_few_pictures_make_no_more_tracks_than_many(followed: dict[float, Followed]) -> None:
    assert followed[5.0].tracks <= 1.15 * followed[10.0].tracks, followed
    assert followed[3.0].tracks <= 1.3 * followed[10.0].tracks, followed


def test_few_pictures_keep_people_apart_as_many_do(followed: dict[float, Followed]) -> None:
    assert followed[25.0].idf1 >= 0.8, followed
    assert followed[5.0].idf1 >= 0.9 * followed[25.0].idf1, followed


def test_a_finer_picture_makes_the_same_tracks(
    walks: dict[int, dict[int, np.ndarray]], followed: dict[float, Followed]
) -> None:
    """Four times as many pixels a side: nothing is told in pixels."""
    assert follow(walks, 5.0, enlarged=4.0) == pytest.approx(followed[5.0])


def boxes(*xyxy: tuple[float, float, float, float], confidence: float = 0.8) -> np.ndarray:
    return np.array([[*box, confidence, 0] for box in xyxy], np.float32).reshape(-1, 6)


def numbers(told: TrackedBoxes) -> list[int]:
    return told.track_id.tolist()


def test_who_moves_by_more_than_their_width_between_two_pictures_stays_the_same() -> None:
    """A walker across the view at 3 fps: no two boxes overlap."""
    tracker = Tracker(0.35)
    told = [numbers(tracker.update(boxes((100 + 33 * n, 50, 130 + 33 * n, 150)), round(n * 1e6 / 3))) for n in range(9)]
    assert told == [[-1], *[[0]] * 8]


@pytest.mark.parametrize("fps", [25, 5])
def test_a_track_is_lost_after_a_second_whatever_the_rate(fps: int) -> None:
    for away_s, expected in ((0.8, 0), (1.4, -1)):
        tracker = Tracker(0.35)
        here = boxes((100, 50, 150, 150))
        for n in range(fps + 1):
            tracker.update(here, round(n * 1e6 / fps))
        for n in range(1, int(away_s * fps)):
            tracker.update(boxes(), round(1e6 + n * 1e6 / fps))
        assert numbers(tracker.update(here, round(1e6 + away_s * 1e6))) == [expected]


def test_who_is_looked_at_less_than_once_a_second_has_a_track_too() -> None:
    """A limit of one picture a second on a camera of 25 lets some come 40 ms later."""
    for moments_s in ((0.0, 1.0, 2.04, 3.0), (0.0, 2.5, 5.0, 7.5)):
        tracker = Tracker(0.35)
        here = boxes((100, 50, 150, 150))
        assert [numbers(tracker.update(here, round(at_s * 1e6))) for at_s in moments_s] == [[-1], [0], [0], [0]]
        assert numbers(tracker.update(here, round((moments_s[-1] + 60) * 1e6))) == [-1]


def test_a_doubtful_box_follows_a_track_and_starts_none() -> None:
    tracker = Tracker(0.35)
    faint = boxes((100, 50, 150, 150), confidence=0.2)
    assert [numbers(tracker.update(faint, n * 200_000)) for n in range(3)] == [[-1]] * 3
    for n in range(3, 5):
        tracker.update(boxes((100, 50, 150, 150)), n * 200_000)
    assert numbers(tracker.update(faint, 1_000_000)) == [0]
    noise = boxes((100, 50, 150, 150), confidence=0.05)
    assert len(tracker.update(noise, 1_200_000).track_id) == 0


def test_two_who_stand_close_keep_their_numbers_in_any_order() -> None:
    tracker = Tracker(0.35)
    left, right = (100, 50, 150, 150), (130, 50, 180, 150)
    tracker.update(boxes(left, right), 0)
    assert numbers(tracker.update(boxes(left, right), 200_000)) == [0, 1]
    assert numbers(tracker.update(boxes(right, left), 400_000)) == [1, 0]


def test_pictures_of_one_moment_are_no_time() -> None:
    """Cameras that stamp two pictures alike, or step back a little, break no track."""
    tracker = Tracker(0.35)
    here = boxes((100, 50, 150, 150))
    assert [numbers(tracker.update(here, pts_us)) for pts_us in (5_000_000, 5_040_000, 5_040_000, 0, 5_080_000)] == [
        [-1],
        [0],
        [0],
        [0],
        [0],
    ]


def test_two_short_steps_expect_what_one_long_step_does() -> None:
    once, twice = BoxMotion(), BoxMotion()
    for motion in (once, twice):
        motion.add(np.array([[100.0, 50, 150, 150], [300, 80, 330, 120]]))
        motion.advance(0.2)
        motion.correct(np.array([0, 1]), np.array([[110.0, 50, 160, 150], [300, 84, 330, 124]]))
    once.advance(0.2)
    twice.advance(0.05)
    twice.advance(0.15)
    assert once.state[0, 0] > 140  # it goes on moving
    np.testing.assert_allclose(once.state, twice.state)
    np.testing.assert_allclose(once.doubt_xy(), twice.doubt_xy(), rtol=0.01)


class Crowd:
    """A camera's results where nobody stays: in every other frame the faces of both detectors are others."""

    detectors = ("mask", "mask-accurate")

    def __init__(self) -> None:
        classifier = StreamClassifier({}, (), Classifiers({}), ClassifySettings(), "every_frame")
        self._builder = ResultBuilder("node-1", classifier, counted=False)
        self._stream = InferenceStream("crowd", Mailbox("newest"), self.detectors, lambda job: None)
        store = ModelStore([shipped_models_dir()])
        self._cards = {name: load_card(store.folder(name), verify=False) for name in self.detectors}
        self._picture = av.VideoFrame(1920, 1080, "yuv420p")
        self._frames = 0

    def next(self, session: str = "s") -> tuple[Detection, ...]:
        """What the next frame's result says."""
        number, self._frames = self._frames, self._frames + 1
        frame = Frame("crowd", session, number, number, number * 600_000, 0, 0.0, 0.0, self._picture)
        job = FrameJob(self._stream, frame, number, 0.0)
        left = 1000.0 * (number // 2 % 2)
        for name in self.detectors:
            job.rows[name] = boxes(*((left + 80 * place, 50, left + 80 * place + 40, 100) for place in range(10)))
        job.cards.update(self._cards)
        return self._builder.result(job).detections


def test_numbers_of_a_session_are_those_of_one_track_whichever_detector_found_it() -> None:
    crowd = Crowd()
    seen = [[one.track_id for one in crowd.next()] for _ in range(4)]
    assert seen[0] == seen[2] == [None] * 20
    assert sorted(number for number in (*seen[1], *seen[3]) if number is not None) == list(range(1, 41))
    crowd.next("another")
    assert sorted(one.track_id or 0 for one in crowd.next("another")) == list(range(1, 21))


def test_a_session_of_many_tracks_takes_no_more_room_than_one_of_few() -> None:
    """A camera's session may last for months."""
    crowd = Crowd()
    for _ in range(50):
        crowd.next()
    tracemalloc.start()
    for _ in range(200):
        told = crowd.next()
    gc.collect()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(one.track_id or 0 for one in told) == 2500
    assert grown < 100_000, f"{grown} bytes more for 2000 tracks more"
