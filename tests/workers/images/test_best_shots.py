"""Snapshots of tracks, as consumers get them: when they come, what they show, how large they are."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from tests.peers.colour_models import RGB, ThingsEngine, coloured
from workers.bus.media import Snapshot
from workers.bus.message_bus import Message
from workers.bus.result import FrameResult
from workers.engines.hot_swap import EngineSlot
from workers.images.best_shots import BestShots
from workers.images.jpeg import BoundedJpegEncoder
from workers.inference.pipeline import Pipeline, StreamOptions
from workers.settings import SnapshotSettings, WorkerSettings

SMALL, LARGER, LARGE = (300, 150, 380, 230), (295, 145, 385, 235), (260, 110, 420, 270)

Image = np.ndarray


class Camera:
    """A pipeline with snapshots, and a stream of it that is shown pictures one by one."""

    def __init__(self, engine: ThingsEngine, settings: SnapshotSettings, blur: bool) -> None:
        self.messages: list[Message] = []
        self.changed = threading.Condition()
        self.results: list[FrameResult] = []
        slots = {"things": EngineSlot(engine)}
        self.pipeline = Pipeline(slots, WorkerSettings(threads=1), "node-1", self._emit)
        self.snapshots = BestShots("node-1", settings, self.pipeline.background, self._publish)
        self.mailbox: Mailbox[Frame] = Mailbox("newest")
        self.session = new_session()
        self.shown = 0
        self.begun_s = time.monotonic()
        self.pipeline.start()
        self.pipeline.add("cam", self.mailbox, ("things",), StreamOptions(blur=blur))

    def _emit(self, frame: Frame, result: FrameResult) -> None:
        self.snapshots.offer(frame, result)
        with self.changed:
            self.results.append(result)
            self.changed.notify_all()

    def _publish(self, message: Message) -> None:
        with self.changed:
            self.messages.append(message)
            self.changed.notify_all()

    def show(self, picture: av.VideoFrame) -> FrameResult:
        now_s = time.monotonic()
        pts_us = round((now_s - self.begun_s) * 1e6)
        self.mailbox.put(
            Frame("cam", self.session, self.shown, self.shown, pts_us, time.time_ns(), now_s, 0.0, picture)
        )
        self.shown += 1
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.results) == self.shown, 20)
            return self.results[-1]

    def play(self, picture: av.VideoFrame, until: Callable[[], bool], timeout_s: float = 20.0) -> None:
        """Show it at about 25 pictures a second."""
        deadline_s = time.monotonic() + timeout_s
        while not until():
            assert time.monotonic() < deadline_s
            self.show(picture)
            time.sleep(0.03)

    def play_for(self, picture: av.VideoFrame, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        self.play(picture, lambda: time.monotonic() >= end_s)

    def sent(self, view: str = "crop") -> list[tuple[Snapshot, Image]]:
        """What was published: headers, and the decoded u8 BGR picture."""
        found = []
        for message in list(self.messages):
            assert message.topic == "livesight.snapshots" and message.key == "cam"
            assert len(message.value) <= 50_000 and message.value.startswith(b"\xff\xd8")
            snapshot = Snapshot.model_validate({name: value.decode() for name, value in message.headers})
            image = cv2.imdecode(np.frombuffer(message.value, np.uint8), cv2.IMREAD_COLOR)
            assert image is not None
            if snapshot.view == view:
                found.append((snapshot, np.asarray(image)))
        return found


Start = Callable[..., Camera]


@pytest.fixture
def start(no_thread_left: None) -> Iterator[Start]:
    cameras: list[Camera] = []

    def one(engine: ThingsEngine | None = None, blur: bool = False, **settings: object) -> Camera:
        cameras.append(Camera(engine or ThingsEngine(), SnapshotSettings.model_validate(settings), blur))
        return cameras[-1]

    yield one
    for camera in cameras:
        camera.pipeline.close()


def numbers(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def test_a_track_is_seen_at_once_as_a_crop_and_as_the_whole_image(start: Start) -> None:
    camera = start()
    camera.play(coloured("red", SMALL), lambda: len(camera.messages) >= 2)
    (crop, small), (picture, whole) = camera.sent("crop")[0], camera.sent("picture")[0]
    result = next(result for result in camera.results if result.pts_us == crop.pts_us)
    assert result.detections[0].track_id == crop.track and (crop.session, crop.node) == (camera.session, "node-1")
    assert (crop.label, crop.detector) == ("thing", "things")
    assert crop.confidence == result.detections[0].confidence and crop.captured_at_ns == result.captured_at_ns
    assert [(one.track_id, one.xyxy) for one in crop.seen()] == [(crop.track, result.detections[0].xyxy)]
    assert numbers(crop.box) == list(result.detections[0].xyxy) and crop.size == "640,360"
    left, top, right, bottom = numbers(crop.region)
    assert small.shape == (bottom - top, right - left, 3) and whole.shape == (360, 640, 3)
    assert picture.model_copy(update={"view": "crop", "region": crop.region}) == crop
    wide = right - left
    assert left < SMALL[0] - 10 and right > SMALL[2] + 10 and 100 < wide < 150  # a quarter more on each side
    red = np.array(RGB["red"][::-1])
    assert np.abs(np.median(small[30:-30, 30:-30].reshape(-1, 3), 0) - red).max() < 30
    assert np.abs(np.median(whole[160:220, 310:370].reshape(-1, 3), 0) - red).max() < 30
    assert np.abs(whole[20:80, 20:80].reshape(-1, 3).mean(0) - 90).max() < 15
    shown_after = crop.pts_us - next(result.pts_us for result in camera.results if result.detections[0].track_id)
    assert shown_after <= 400_000


def test_only_clearly_better_ones_follow_and_not_too_soon(start: Start) -> None:
    camera = start(again_s=1.0)
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 1)
    first_s = time.monotonic()
    camera.play_for(coloured("red", SMALL), 1.0)
    assert len(camera.sent()) == 1
    camera.play(coloured("red", LARGE), lambda: len(camera.sent()) >= 2)
    assert time.monotonic() - first_s > 0.8
    camera.play_for(coloured("red", SMALL), 1.5)
    found = [snapshot for snapshot, _ in camera.sent()]
    assert len(found) == len(camera.sent("picture")) == 2 and len({one.track for one in found}) == 1
    assert found[1].quality > 1.5 * found[0].quality


def test_the_best_of_a_track_that_ends_is_sent_last(start: Start) -> None:
    camera = start(again_s=60)
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 1)
    camera.play_for(coloured("red", LARGE), 1.0)  # clearly better, but too soon
    assert len(camera.sent()) == 1
    nothing = coloured("grey", SMALL, texture=False)
    gone_s = time.monotonic()
    camera.play(nothing, lambda: len(camera.sent()) >= 2)
    assert time.monotonic() - gone_s > 1.5
    first, last = (snapshot for snapshot, _ in camera.sent())
    assert first.track == last.track and last.quality / first.quality > 1.5
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 3)
    assert camera.sent()[2][0].track != first.track


def test_what_was_kept_back_is_not_lost_at_the_end(start: Start) -> None:
    camera = start(again_s=60)
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 1)
    camera.play_for(coloured("red", LARGE), 1.0)
    camera.pipeline.close()
    camera.snapshots.close()
    assert len(camera.sent()) == 2 and numbers(camera.sent()[1][0].box)[0] < SMALL[0] - 2


def test_one_that_is_hardly_better_is_not_sent_even_at_the_end(start: Start) -> None:
    camera = start(again_s=0)
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 1)
    camera.play_for(coloured("red", LARGER), 1.0)
    camera.pipeline.close()
    camera.snapshots.close()
    assert len(camera.sent()) == 1


def test_a_track_brings_three_at_most_the_last_at_its_end(start: Start) -> None:
    """It comes nearer and nearer, each size clearly better than the one before."""
    camera = start(again_s=0)
    sizes = [(320 - half, 180 - half, 320 + half, 180 + half) for half in (25, 35, 49, 68, 96, 130)]
    camera.play(coloured("red", sizes[0]), lambda: len(camera.sent()) >= 1)
    for size in sizes[1:]:
        camera.play_for(coloured("red", size), 0.6)
    tracks = {found.track_id for result in camera.results for found in result.detections} - {None}
    assert len(tracks) == 1 and len(camera.sent()) == 2
    camera.pipeline.close()
    camera.snapshots.close()
    found = [snapshot for snapshot, _ in camera.sent()]
    assert len(found) == len(camera.sent("picture")) == 3
    assert numbers(found[2].box)[2] - numbers(found[2].box)[0] > 180, "the last is the best of all"


def test_labels_that_change_again_and_again_bring_no_more(start: Start) -> None:
    label = 0
    camera = start(ThingsEngine(lambda: label), again_s=0)
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 1)
    for _ in range(5):
        label = 1 - label
        camera.play_for(coloured("red", SMALL), 1.2)
    camera.pipeline.close()
    camera.snapshots.close()
    assert [snapshot.label for snapshot, _ in camera.sent()] == ["thing", "other", "thing"]
    assert len({snapshot.track for snapshot, _ in camera.sent()}) == 1


def test_a_label_that_flickers_is_none_and_one_that_stays_is_another_image(start: Start) -> None:
    classes: Iterator[int] = iter([])
    camera = start(ThingsEngine(lambda: next(classes, label)))
    label = 0
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 1)
    classes = iter([1])
    camera.play_for(coloured("red", SMALL), 1.0)
    assert [snapshot.label for snapshot, _ in camera.sent()] == ["thing"]
    label = 1
    camera.play(coloured("red", SMALL), lambda: len(camera.sent()) >= 2)
    assert [snapshot.label for snapshot, _ in camera.sent()] == ["thing", "other"]


def test_snapshots_of_a_blurred_stream_are_blurred(start: Start) -> None:
    """The thing's stripes, eight pixels apart, are what a face would be known by."""

    def stripes(image: Image) -> float:
        middle = image[image.shape[0] // 4 : -image.shape[0] // 4, image.shape[1] // 2].astype(int).sum(1)
        return float(np.mean([abs(after - before) for before, after in pairwise(middle)]))

    plain, blurred = start(), start(blur=True)
    for camera in (plain, blurred):
        camera.play(coloured("red", LARGE), lambda camera=camera: len(camera.messages) >= 2)  # type: ignore[misc]
    assert stripes(blurred.sent()[0][1]) < stripes(plain.sent()[0][1]) / 5
    pair = [camera.sent("picture")[0][1][LARGE[1] : LARGE[3], LARGE[0] : LARGE[2]] for camera in (plain, blurred)]
    assert stripes(pair[1]) < stripes(pair[0]) / 5


def test_nothing_leaves_when_it_is_switched_off(start: Start) -> None:
    camera = start(enabled=False)
    camera.play_for(coloured("red", SMALL), 1.0)
    assert camera.messages == []


@contextmanager
def noisy(size_wh: tuple[int, int]) -> Iterator[av.VideoFrame]:
    noise = np.random.default_rng(0).integers(0, 255, (size_wh[1], size_wh[0], 3), dtype=np.uint8)
    yield av.VideoFrame.from_ndarray(noise, format="rgb24")


@pytest.mark.parametrize("size_wh", [(1920, 1080), (640, 360), (60, 2000), (3, 2), (1, 1)])
def test_no_jpeg_is_too_large(size_wh: tuple[int, int]) -> None:
    maker = BoundedJpegEncoder(longest=960, most_bytes=20_000)
    with noisy(size_wh) as picture:
        for _ in range(3):
            data = maker.jpeg(picture)
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert len(data) <= 20_000 and image is not None and max(image.shape[:2]) <= 960
            scales = image.shape[1] / size_wh[0], image.shape[0] / size_wh[1]
            assert max(scales) <= 1 and min(scales) > 0.9 * max(scales)
