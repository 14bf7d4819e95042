"""Real clips of fixed cameras: an hour of each raises no fault; frozen, black, covered and turned do, in their times.

Figures are made of the clips' own frames, one a second, the clip over and over. Two frames that follow each other
give the same figures each time, so each pair is made once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

import av
import pytest

from monitoring.drift.camera.faults import CameraFaultDetector
from monitoring.drift.settings import CameraSettings
from tests.monitoring.drift.made import START_S
from workers.bus.result import ImageFigures
from workers.images.image_figures import FigureCalculator

FIXED = (
    "asl_book.mkv", "asl_school.mkv", "classroom.mp4", "head-pose-face-detection-female-and-male.mp4",
    "head-pose-face-detection-male.mp4", "one-by-one-person-detection.mp4", "vtest.avi",
)  # fmt: skip
MAX_FRAMES = 60


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    """deployment/bench/drift_clips.py, which degrades images; scripts there import each other by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(__file__).resolve().parents[3] / "deployment" / "bench")
        yield importlib.import_module("drift_clips")


class Clip:
    """A clip that plays for ever, looked at once a second."""

    def __init__(self, path: Path, bench: ModuleType) -> None:
        frames = list(islice(bench.pictures(path), MAX_FRAMES))
        last_us = frames[-1][0]
        self._bgr = [bgr for _, bgr in frames]
        self._step = round(len(frames) / max(1.0, last_us / 1e6))  # frames a second, and those come round again
        self._bench = bench
        self._made: dict[tuple[int, int, str], ImageFigures] = {}
        self.watch = CameraFaultDetector(CameraSettings())
        self.at_s = START_S
        self._before = 0

    def play(self, seconds: int, how: str = "none") -> dict[str, float]:
        """When each fault was reported, in seconds from the beginning of this."""
        began_s, reported = self.at_s, {}
        for _ in range(seconds):
            index = self._before if how == "frozen" else round(self.at_s - START_S) * self._step % len(self._bgr)
            image = self._figures(self._before, index, how)
            pts_us = round((self.at_s - START_S) * 1e6)
            self.watch.take("s1", self.at_s, image.model_copy(update={"pts_us": pts_us}))
            self._before = index
            for kind in self.watch.faults():
                reported.setdefault(kind, self.at_s - began_s)
            self.at_s += 1
        return reported

    def _figures(self, before: int, index: int, how: str) -> ImageFigures:
        key = before, index, how
        if key not in self._made:
            maker = FigureCalculator()
            maker.figures(self._picture(before, how), 0)
            self._made[key] = maker.figures(self._picture(index, how), 1_000_000)
        return self._made[key]

    def _picture(self, index: int, how: str) -> av.VideoFrame:
        bgr = self._bench.degrade(self._bgr[index], "none" if how == "frozen" else how)
        return av.VideoFrame.from_ndarray(bgr, format="bgr24").reformat(format="yuv420p")


@pytest.mark.parametrize("name", FIXED)
def test_an_hour_of_a_quiet_clip_and_then_each_fault(data_dir: Path, bench: ModuleType, name: str) -> None:
    clip = Clip(data_dir / "videos" / name, bench)
    assert clip.play(3600) == {}
    for how, kind, within_s in (("frozen", "frozen", 10), ("black", "black", 10), ("covered", "covered", 30)):
        reported = clip.play(within_s + 1, how)
        assert kind in reported, f"{how}: {reported}"
        assert reported[kind] <= within_s
        clip.play(90)
        assert clip.watch.faults() == {}
    reported = clip.play(61, "turned")
    assert list(reported) == ["moved"]
    assert reported["moved"] <= 60
