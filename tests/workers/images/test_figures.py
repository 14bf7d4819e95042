"""Figures of pictures: what they measure, on pictures made worse on purpose; and that every stream's results have them.

Frozen is told from quiet on real encoders' output and on the quietest of the shared clips.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream

from stream.config import StreamConfig, StreamSettings
from stream.decoding.still import SMALL_LINES, halved
from stream.frame import Frame, new_session
from stream.mailbox import Mailbox
from stream.sources.source_urls import open_source
from tests.peers.clips import ClipSpec, make_numbered
from tests.peers.number_engine import NumberEngine
from tests.peers.numbers import draw_number
from tests.workers.inference.test_classify import Running
from workers.bus.result import FrameResult, ImageFigures
from workers.engines.hot_swap import EngineSlot
from workers.images.crop_quality import sparse_lines
from workers.images.image_figures import FigureCalculator
from workers.inference.pipeline import Pipeline, StreamOptions
from workers.settings import WorkerSettings

Image = np.ndarray
FORMATS = ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "rgb24", "bgr24", "yuv420p10le"]


def scene(shift: int = 0, size_wh: tuple[int, int] = (1280, 720)) -> Image:
    """A coloured picture full of edges, moved to the left by `shift` of 200 pixels."""
    random = np.random.default_rng(5)
    small = random.integers(0, 200, (18, 52, 1)) + random.integers(0, 55, (18, 52, 3))
    wide = cv2.resize(small.astype(np.uint8), (size_wh[0] + 400, size_wh[1]), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(wide[:, shift : shift + size_wh[0]])


def of(image_bgr: Image, name: str = "bgr24") -> ImageFigures:
    picture = av.VideoFrame.from_ndarray(image_bgr, format="bgr24").reformat(format=name)
    return FigureCalculator().figures(picture, 0)


def bits(first: str | None, second: str | None) -> int:
    assert first is not None and second is not None
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_a_small_image_that_the_decoder_made_changes_no_figure() -> None:
    image_bgr = scene(0, (2301, 1701))
    picture = av.VideoFrame.from_ndarray(image_bgr, format="bgr24")
    assert FigureCalculator().figures(picture, 0, halved(image_bgr, SMALL_LINES)) == FigureCalculator().figures(
        picture, 0
    )


@pytest.mark.parametrize("name", FORMATS)
def test_figures_do_not_depend_on_the_colour_format(name: str) -> None:
    theirs, ours = of(scene(), name), of(scene())
    for key in ("brightness", "contrast", "saturation", "detail"):
        assert abs(getattr(theirs, key) - getattr(ours, key)) < 0.03, key
    assert abs(theirs.sharpness - ours.sharpness) < 0.05
    assert bits(theirs.hash, ours.hash) <= 16
    assert of(cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)[..., None].repeat(3, 2), name).saturation == pytest.approx(
        0, abs=0.02
    )


def test_each_figure_says_what_it_is_for() -> None:
    plain = of(scene())
    dark = of((scene() * 0.6).astype(np.uint8))
    assert dark.brightness == pytest.approx(0.6 * plain.brightness, abs=0.01)
    assert dark.contrast < 0.7 * plain.contrast
    assert of(cv2.GaussianBlur(scene(), (0, 0), 25)).sharpness < 0.7 * plain.sharpness
    assert bits(plain.hash, of(scene(shift=200)).hash) > 80
    person = scene()
    person[300:700, 600:760] = (60, 80, 200)
    assert bits(plain.hash, of(person).hash) < 20
    hand = np.random.default_rng(2).normal(100, 5, (720, 1280, 3)).clip(0, 255).astype(np.uint8)
    assert plain.detail is not None and plain.detail > 0.9 and of(hand).detail == 0.0
    black = of(np.zeros((720, 1280, 3), np.uint8), "yuv420p")
    assert (black.brightness, black.contrast, black.detail) == (0, 0, 0)
    assert black.saturation == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("size_wh", [(2, 2), (16, 10), (161, 91), (640, 2), (3841, 33)])
def test_no_size_is_too_odd(size_wh: tuple[int, int]) -> None:
    for name in ("yuv420p", "nv12", "bgr24"):
        wide, high = (side // 2 * 2 for side in size_wh) if name == "nv12" else size_wh
        found = of(cv2.resize(scene(), (wide, high)), name)
        assert found.hash is not None and 0 < found.brightness < 1


def frozen(pictures: Iterator[av.VideoFrame], every: int = 25) -> list[float]:
    """`frozen_s` of one picture a second."""
    maker = FigureCalculator()
    return [
        maker.figures(picture, number * 40_000).frozen_s
        for number, picture in enumerate(pictures)
        if not number % every
    ]


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"crf": "26", "g": "50", "preset": "veryfast"}), ("mpeg4", {"g": "25"})],
)
def test_a_frozen_image_is_told_even_when_it_is_encoded_again(codec: str, options: dict[str, str]) -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as output:
        stream = output.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {**options}
        noisy = scene(size_wh=(640, 360)) + np.random.default_rng(1).normal(0, 6, (360, 640, 3))
        for number in range(20 * 25):
            picture = av.VideoFrame.from_ndarray(noisy.clip(0, 255).astype(np.uint8), format="bgr24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r") as container:
        assert frozen(container.decode(video=0))[-1] >= 12


@pytest.mark.parametrize("name", ["one-by-one-person-detection.mp4", "vtest.avi"])
def test_a_quiet_scene_is_not_frozen(data_dir: Path, name: str) -> None:
    with av.open(str(data_dir / "videos" / name)) as container:
        assert max(frozen(container.decode(video=0))) < 3


def test_results_of_a_live_stream_carry_figures_of_each_second(no_thread_left: None) -> None:
    running = Running({"number": NumberEngine()}, "newest")
    picture = av.VideoFrame.from_ndarray(scene(size_wh=(640, 360)), format="bgr24").reformat(format="yuv420p")
    try:
        assert running.show(picture, models=("number",)).detections == ()
        first = running.show_until(picture, lambda result: result.image).image
        assert first is not None
        assert first.tags and first == FigureCalculator().figures(picture, 0).model_copy(
            update={"pts_us": first.pts_us, "tags": first.tags}
        )

        def later(result: FrameResult) -> bool:
            return result.image is not None and (result.image.pts_us or 0) >= 3_000_000

        found = running.show_until(picture, later)
        assert found.image is not None and found.image.frozen_s >= 2
        made = {result.image.pts_us for result in running.results["a"] if result.image}
        assert len(made) <= found.pts_us // 1_000_000 + 1
    finally:
        running.pipeline.close()


def test_every_image_of_a_file_has_the_figures_of_its_second(tmp_path: Path) -> None:
    clip = make_numbered(tmp_path / "clip.mp4", ClipSpec(frames=60))
    results: list[FrameResult] = []
    slots = {"number": EngineSlot(NumberEngine())}
    pipeline = Pipeline(slots, WorkerSettings(threads=2), "test", lambda frame, result: results.append(result))
    pipeline.start()
    source = open_source(StreamConfig(id="clip", url=str(clip)), StreamSettings(), live=False, allow_local=True)
    stream = pipeline.add("clip", source.mailbox, ("number",))
    source.start()
    assert stream.finished.wait(30)
    pipeline.close()
    source.close()
    assert [result.image.pts_us for result in results if result.image] == [
        second * 1_000_000 for second in (0, 1, 2) for _ in range(25)
    ][: len(results)]


def test_figures_of_a_blurred_stream_are_those_of_what_may_be_seen(no_thread_left: None) -> None:
    shown: list[tuple[Frame, FrameResult]] = []
    arrived = threading.Event()

    def emit(frame: Frame, result: FrameResult) -> None:
        shown.append((frame, result))
        if result.image is not None:
            arrived.set()

    pipeline = Pipeline({"number": EngineSlot(NumberEngine())}, WorkerSettings(threads=1), "test", emit)
    pipeline.start()
    mailbox: Mailbox[Frame] = Mailbox("block", capacity=1)
    pipeline.add("a", mailbox, ("number",), StreamOptions(blur=True))
    image = draw_number(scene(size_wh=(640, 360)), 5)
    picture = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format="yuv420p")
    mailbox.put(Frame("a", new_session(), 0, 0, 0, time.time_ns(), time.monotonic(), 0.0, picture))
    assert arrived.wait(20)
    pipeline.close()
    frame, result = shown[0]
    assert result.image is not None
    assert (
        result.image.model_copy(update={"tags": ()})
        == FigureCalculator().figures(frame.image, 0)
        != FigureCalculator().figures(picture, 0)
    )


def test_large_images_are_measured_by_fewer_lines_and_alike() -> None:
    """Nine mirrored tiles of an image are as crisp and blocky as it, whether it is blocky, blurred or neither."""
    blocky = cv2.imdecode(cv2.imencode(".jpg", scene(), [cv2.IMWRITE_JPEG_QUALITY, 8])[1], cv2.IMREAD_COLOR)
    for image_bgr in (scene(), blocky, cv2.GaussianBlur(scene(), (0, 0), 4)):
        one, nine = of(image_bgr), of(np.pad(image_bgr, ((0, 1440), (0, 2560), (0, 0)), "symmetric"))
        for key in ("focus", "blockiness"):
            assert getattr(nine, key) == pytest.approx(getattr(one, key), abs=0.03), key
    huge, full_hd = (sparse_lines(np.zeros(shape, np.uint8)) for shape in ((3000, 4000), (1080, 1920)))
    assert huge.rows.size <= full_hd.rows.size and huge.columns.size <= full_hd.columns.size
    assert len(huge.rows) > 100 and huge.columns.shape[1] > 100
