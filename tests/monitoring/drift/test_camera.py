"""Camera faults are reported in their times, and what is usual is none."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from monitoring.drift.camera.faults import CameraFaultDetector
from monitoring.drift.settings import CameraSettings
from tests.monitoring.drift.made import OTHER_SCENE, SCENE, START_S, figures

BLACK = {"brightness": 0.063, "contrast": 0.0, "detail": 0.0, "changed": 0.0, "hash": "0" * 64, "sharpness": 0.0}
COVERED = {"brightness": 0.3, "contrast": 0.08, "detail": 0.03, "sharpness": 0.1, "hash": "f" * 64}
DAY_S = 86400


class Camera:
    """A camera a second at a time."""

    def __init__(self) -> None:
        self.watch = CameraFaultDetector(CameraSettings())
        self.at_s = START_S
        self.noise = np.random.default_rng(3)

    def show(self, seconds: int, **other: Any) -> dict[str, float]:
        """For so many seconds; when each fault was reported, in seconds from the first of these frames."""
        began_s, reported = self.at_s, {}
        for _ in range(seconds):
            image = figures(self.at_s, **({"hash": self._busy(SCENE)} | other))
            self.watch.take("s1", self.at_s, image)
            for kind in self.watch.faults():
                reported.setdefault(kind, self.at_s - began_s)
            self.at_s += 1
        return reported

    def _busy(self, scene: str) -> str:
        """The scene with a few of its marks hidden by somebody who walks by."""
        raw = np.unpackbits(np.frombuffer(bytes.fromhex(scene), np.uint8))
        at = int(self.noise.integers(0, 240))
        raw[at : at + 12] ^= 1
        return np.packbits(raw).tobytes().hex()


@pytest.fixture
def camera() -> Camera:
    made = Camera()
    assert made.show(600) == {}
    return made


@pytest.mark.parametrize(
    ("kind", "within_s", "shown"),
    [
        ("frozen", 10, {"changed": 0.0}),
        ("black", 10, BLACK),
        ("covered", 30, COVERED),
        ("moved", 60, {"hash": OTHER_SCENE}),
    ],
)
def test_told_in_time_and_over_again(camera: Camera, kind: str, within_s: float, shown: dict[str, Any]) -> None:
    reported = camera.show(within_s, **shown)
    assert list(reported) == [kind]
    fault = camera.watch.faults()[kind]  # type: ignore[index]
    assert fault.since_ns < fault.known_ns
    assert fault.text
    camera.show(10)
    assert camera.watch.faults() == {}


def test_short_ones_are_not_told(camera: Camera) -> None:
    for shown, seconds in ((BLACK, 4), (COVERED, 15), ({"hash": OTHER_SCENE}, 30), ({"changed": 0.0}, 5)):
        assert camera.show(seconds, **shown) == {}
        assert camera.show(60) == {}


def test_a_dark_street_is_not_black(camera: Camera) -> None:
    assert camera.show(120, brightness=0.1, contrast=0.12, detail=0.4) == {}


def test_a_shop_that_is_dark_by_night_is_told_at_first_only() -> None:
    camera = Camera()
    nights = []
    for _ in range(4):
        reported = camera.show(300)
        camera.at_s = START_S + (camera.at_s - START_S) // DAY_S * DAY_S + 20 * 3600
        reported |= camera.show(300, **BLACK)
        nights.append("black" in reported)
        camera.at_s = START_S + ((camera.at_s - START_S) // DAY_S + 1) * DAY_S
        camera.show(30)
    assert nights[0]
    assert not any(nights[3:])


def test_the_night_scene_is_another_but_known() -> None:
    """By day and by night another light: reported when it comes for the first time at most, for an hour at most."""
    camera = Camera()
    reported = []
    for _ in range(3):
        reported.append(bool(camera.show(300)))
        camera.at_s += 9 * 3600
        reported.append(bool(camera.show(3900, hash=OTHER_SCENE)))
        camera.at_s = START_S + ((camera.at_s - START_S) // DAY_S + 1) * DAY_S
    assert reported[1]
    assert not any(reported[3:])


def test_a_camera_turned_on_purpose_is_told_for_an_hour(camera: Camera) -> None:
    camera.show(3500, hash=OTHER_SCENE)
    assert "moved" in camera.watch.faults()
    camera.show(300, hash=OTHER_SCENE)
    assert camera.watch.faults() == {}


def test_what_it_knows_outlives_a_restart(camera: Camera) -> None:
    camera.show(50, hash=OTHER_SCENE)
    before = camera.watch.faults()
    state = json.loads(json.dumps(camera.watch.dump()))
    camera.watch = CameraFaultDetector(CameraSettings())
    camera.watch.restore(state)
    assert camera.watch.faults() == before
    camera.show(20, hash=OTHER_SCENE)
    assert camera.watch.faults() == before
    camera.show(10)
    assert camera.watch.faults() == {}


def test_results_between_figures_change_nothing(camera: Camera) -> None:
    image = figures(camera.at_s, changed=0.0)
    for number in range(300):
        camera.watch.take("s1", camera.at_s + number / 10, image)
    assert camera.watch.faults() == {}
