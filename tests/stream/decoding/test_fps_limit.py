"""At most so many frames a second: which are taken, which are counted as what."""

from __future__ import annotations

from itertools import pairwise

import av
import pytest

from stream.config import StreamConfig
from stream.decoding.fps_limit import FpsLimit
from stream.frame import Frame
from stream.mailbox import DropReason, Mailbox

IMAGE = av.VideoFrame(16, 16, "gray")


def times_us(fps: float, seconds: float, from_us: int = 0) -> list[int]:
    """When the frames of a camera are due to be shown."""
    return [from_us + round(index * 1e6 / fps) for index in range(round(seconds * fps))]


def at(pts_us: int, session: str = "s") -> Frame:
    """A frame of that time."""
    return Frame("cam", session, 0, 0, pts_us, 0, 0.0, 0.0, IMAGE)


def taken(limit: FpsLimit, pts_us: list[int], session: str = "s") -> list[int]:
    """The times of those that are due."""
    return [time_us for time_us in pts_us if limit.admits(at(time_us, session))]


def rate(pts_us: list[int]) -> float:
    """Frames a second of their own time."""
    return (len(pts_us) - 1) / (pts_us[-1] - pts_us[0]) * 1e6


@pytest.mark.parametrize("fps", [5.0, 12.5, 15.0, 25.0, 29.97, 30.0, 60.0])
@pytest.mark.parametrize("max_fps", [0.5, 1.0, 3.0, 5.0, 7.0, 10.0, 12.0, 24.0, 25.0, 30.0])
def test_the_average_is_the_limit_or_what_the_camera_gives(max_fps: float, fps: float) -> None:
    got = taken(FpsLimit(max_fps), times_us(fps, 60))
    assert rate(got) == pytest.approx(min(fps, max_fps), rel=0.01)
    assert max(late - early for early, late in pairwise(got)) <= 1e6 / max_fps + 1e6 / fps + 1


@pytest.mark.parametrize("max_fps", [5.0, 10.0, 25.0])
def test_times_that_jitter_change_nothing_of_the_average(max_fps: float) -> None:
    trembling = [time_us + (7_000 if index % 3 else -7_000) for index, time_us in enumerate(times_us(25, 60))]
    assert rate(taken(FpsLimit(max_fps), trembling)) == pytest.approx(max_fps, rel=0.01)


def test_nothing_is_made_up_for_after_a_pause() -> None:
    limit = FpsLimit(5)
    taken(limit, times_us(25, 2))
    after = taken(limit, times_us(25, 2, from_us=30_000_000))
    assert after[0] == 30_000_000 and len(after) == 10
    assert min(late - early for early, late in pairwise(after)) >= 150_000


def test_a_session_begins_with_its_first_frame() -> None:
    limit = FpsLimit(1)
    assert taken(limit, [0, 40_000]) == [0]
    assert taken(limit, [0, 40_000], session="next") == [0]


def test_frames_over_the_limit_are_counted_apart_from_those_nobody_was_free_for() -> None:
    dropped: list[Frame] = []
    left_out: list[Frame] = []

    def note(frame: Frame, reason: DropReason) -> None:
        (dropped if reason == "newer" else left_out).append(frame)

    box = Mailbox[Frame](accepts=FpsLimit(5).admits, on_drop=note)
    images = [at(time_us) for time_us in times_us(25, 0.6)]
    for image in images[:5]:  # nobody takes: the newest lies there, and that of the next turn is not lost yet
        box.put(image)
    assert (len(dropped), len(left_out)) == (0, 4) and box.take() is images[4]
    for image in images[5:10]:  # somebody takes each at once: what is not due is not even offered
        box.put(image)
        assert (box.take() is image) is (image is images[5])
    for image in images[10:15]:
        box.put(image)
    assert (box.dropped, box.left_out) == (0, 12)
    box.put(at(600_000))  # the next turn has come, and the last was not used
    assert (box.dropped, box.left_out) == (1, 12) and dropped == [images[14]]
    assert box.pending


def test_a_blocking_mailbox_wants_every_frame() -> None:
    box = Mailbox[Frame]("block", capacity=5, accepts=FpsLimit(1).admits)
    for time_us in times_us(25, 0.2):
        box.put(at(time_us))
    assert box.left_out == 0 and [box.get(0).pts_us for _ in range(5)] == times_us(25, 0.2)


def test_the_limit_is_a_number_above_zero() -> None:
    assert StreamConfig(id="cam").max_fps is None
    for wrong in (0, -1, 241, "many", float("nan")):
        with pytest.raises(ValueError, match="max_fps"):
            StreamConfig.model_validate({"id": "cam", "max_fps": wrong})
