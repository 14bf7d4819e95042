"""A camera is taught that a gate is open: from drawn frames, tested on others, kept over a restart."""

from __future__ import annotations

import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from stream.frame import Frame, new_session
from workers.engines.engine import U8
from workers.errors import QuotaReached, StateUnwritable, TagUnknown
from workers.taught.example import Describer, StoredExample, TagExample
from workers.taught.tag_model import LEAST, cross_validated, learn, missing
from workers.taught.taught_tags import MOST_TAGS, TaughtTags

SECOND_NS = 1_000_000_000


def yard(opened: bool, rng: np.random.Generator) -> U8:
    """A rough wall with a gate in the middle, in some light, with somebody somewhere before it and noise."""
    wall = np.random.default_rng(1).integers(60, 160, (18, 32, 3)).astype(np.uint8)  # the same wall each time
    image = cv2.resize(wall, (640, 360), interpolation=cv2.INTER_NEAREST)
    if opened:
        image[120:330, 260:380] = (200, 190, 170)
        cv2.line(image, (300, 330), (320, 120), (150, 140, 130), 3)
    else:
        image[120:330, 260:380] = (60, 70, 80)
        for x in range(264, 380, 14):
            cv2.line(image, (x, 120), (x, 330), (20, 20, 30), 3)
    x = int(rng.integers(0, 600))
    cv2.rectangle(image, (x, 230), (x + 40, 340), tuple(int(one) for one in rng.integers(0, 255, 3)), -1)
    lit = image.astype(np.float32) * rng.uniform(0.6, 1.2) + rng.normal(0, 4, image.shape)
    return np.asarray(lit.clip(0, 255), np.uint8)


def shown(image: U8, at_s: float) -> Frame:
    picture = av.VideoFrame.from_ndarray(image, format="bgr24")
    return Frame("yard", new_session(), 0, 0, 0, round(at_s * SECOND_NS), time.monotonic(), 0.0, picture)


def taught(count: int, apart_s: float = 30.0, told_right: bool = True) -> list[TagExample]:
    """Frames that are open and closed in turn. told_right: else whoever clicks does so by the toss of a coin."""
    rng, describer = np.random.default_rng(3), Describer()
    examples = []
    for number in range(count):
        opened = number % 2 == 0
        said = opened if told_right else bool(rng.integers(2))
        examples.append(describer.example(yard(opened, rng), round(number * apart_s * SECOND_NS), said))
    return examples


def test_twenty_examples_are_enough() -> None:
    examples = taught(20)
    assert missing(examples) is None
    figures = cross_validated(examples)
    assert figures.good and figures.f1 >= 0.9 and figures.folds == 5
    model, rng, describer = learn(examples), np.random.default_rng(99), Describer()
    right = [
        model.present(describer.example(yard(number % 3 == 0, rng), 0)) == (number % 3 == 0) for number in range(40)
    ]
    assert np.mean(right) >= 0.95, "of frames that it has not seen"


def test_what_cannot_be_learnt_is_not_served() -> None:
    examples = taught(24, told_right=False)
    assert missing(examples) is None
    assert not cross_validated(examples).good


def test_frames_of_one_moment_are_copies_of_each_other() -> None:
    """Two moments, a frame every second: however many there are, they are not tested against each other."""
    why = missing([*taught(40, apart_s=1.0)])
    assert why is not None and "are of 1 stretches of time, 3 are needed" in why
    assert missing(taught(2 * LEAST - 2)) == "1 more examples that show it are needed"
    assert missing([one for one in taught(40) if one.present]) == f"{LEAST} more examples that do not are needed"


def test_an_example_is_no_picture_and_comes_back_from_its_file() -> None:
    (example,) = taught(1)
    stored = StoredExample.of(example)
    again = StoredExample.model_validate_json(stored.model_dump_json()).example()
    assert np.array_equal(again.descriptors, example.descriptors) and again.present and again.at_ns == example.at_ns
    assert np.allclose(again.points, example.points, atol=1e-4) and np.allclose(
        again.colours, example.colours, atol=3e-3
    )
    assert len(stored.model_dump_json()) < 20_000
    with pytest.raises(ValueError, match="not of one frame"):
        stored.model_copy(update={"colours": ""}).example()


def test_a_flat_frame_has_no_points_and_is_an_example_all_the_same() -> None:
    describer = Describer()
    frames = [np.full((90, 160, 3), 200 if number % 2 else 40, np.uint8) for number in range(20)]
    examples = [describer.example(one, n * 30 * SECOND_NS, n % 2 == 0) for n, one in enumerate(frames)]
    assert not len(examples[0].descriptors) and cross_validated(examples).f1 == 1.0


def test_a_tag_is_taught_served_kept_and_forgotten(tmp_path: Path) -> None:
    tags, rng = TaughtTags(tmp_path), np.random.default_rng(5)
    for number in range(20):
        frame = shown(yard(number % 2 == 0, rng), number * 30.0)
        assert tags.of_frame(frame) == () or number >= 2 * LEAST, "not before it is good"
        tag = tags.add(frame, "gate open", number % 2 == 0)
        assert (tag.why is None) == (tag.model is not None)
    assert tag.figures is not None and tag.figures.good
    for again in (tags, TaughtTags(tmp_path)):
        assert again.of_frame(shown(yard(True, rng), 900)) == ("taught:gate open",)
        assert again.of_frame(shown(yard(False, rng), 930)) == ()
        assert [one.name for one in again.of("yard")] == ["gate open"] and again.of("door") == []
    corrected = tags.add(shown(yard(True, rng), 570.0), "gate open", True)
    assert len(corrected.examples) == 20, "the same frame again corrects what was said of it"
    tags.remove("yard", "gate open")
    assert not [path for path in tmp_path.rglob("*") if path.is_file()] and tags.of("yard") == []
    with pytest.raises(TagUnknown, match="camera yard has no tag gate open"):
        tags.remove("yard", "gate open")


def test_bounds_and_a_disk_that_refuses(tmp_path: Path) -> None:
    tags, frame = TaughtTags(tmp_path), shown(yard(True, np.random.default_rng(1)), 1.0)
    for number in range(MOST_TAGS):
        tags.add(frame, f"tag {number}", True)
    with pytest.raises(QuotaReached, match=f"has {MOST_TAGS} tags already"):
        tags.add(frame, "one more", True)
    (tmp_path / "yard" / "tag 0.json").write_text("{}")
    (tmp_path / "yard" / "tag 1.json").write_text("no JSON")
    assert len(TaughtTags(tmp_path).of("yard")) == MOST_TAGS - 2, "what cannot be read is left out, and stays"
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnwritable):
        TaughtTags(tmp_path / "file").add(frame, "gate open", True)
