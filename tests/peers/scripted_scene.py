"""A scene with a script: real faces that come, put a mask on, cross a line and leave; what happens in it, by second.

The faces are those of the shared data (maskcls); the clip is drawn and encoded at run time. Pure but for the files.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from monitoring.events.zone import Line, Scene, Zone
from tests.peers.clips import ClipSpec, Image, encode

FPS = 8
SIZE_WH = (640, 360)
LASTS_S = 24.0
_FACE_HEIGHT = 112
_FADE_S = 0.25

SCENE = Scene(
    stream_id="hall",
    zones=(Zone(name="desk", polygon=((0.1, 0.0), (0.45, 0.0), (0.45, 1.0), (0.1, 1.0)), stay_s=3.0, anchor="centre"),),
    lines=(Line(name="gate", start=(0.7, 0.0), end=(0.7, 1.0), anchor="centre"),),
)
"""Who goes to the left over the gate goes in."""

Steps = tuple[tuple[float, float, float], ...]
"""Where somebody's picture has its middle: (second, x, y), straight in between; absent before and after."""


@dataclass(frozen=True)
class Actor:
    """Somebody with one face, and from `masked_s` on with another."""

    name: str
    steps: Steps
    face: str
    masked_face: str | None = None
    masked_s: float = 0.0

    def place(self, at_s: float) -> tuple[float, float] | None:
        """The middle of the picture of them, in shares of the whole; None while they are not there."""
        seconds, xs, ys = zip(*self.steps, strict=True)
        if not seconds[0] <= at_s <= seconds[-1]:
            return None
        return float(np.interp(at_s, seconds, xs)), float(np.interp(at_s, seconds, ys))


ADA = Actor(
    "ada",
    ((1.0, -0.1, 0.3), (4.0, 0.3, 0.3), (9.0, 0.3, 0.3), (13.0, 1.1, 0.3)),
    face="without_mask/180_0673.jpg",
    masked_face="with_mask/with_mask054_1503.jpg",
    masked_s=6.0,
)
BOB = Actor("bob", ((0.0, 0.85, 0.72), (5.0, 0.85, 0.72), (8.0, 0.55, 0.72), (16.0, 0.55, 0.72), (18.0, 0.55, 1.3)),
            face="with_mask/with_mask240_1683.jpg")  # fmt: skip
CLEO = Actor("cleo", ((15.0, 1.1, 0.35), (19.0, 0.2, 0.35), (LASTS_S, 0.2, 0.35)), face="without_mask/178_0670.jpg")
ACTORS = (ADA, BOB, CLEO)


@dataclass(frozen=True)
class Truth:
    """Something that happens: to whom, in words of an event, when, and how far off the second may be.

    Faces are found when about half of them is in the picture, and an actor's middle is not quite their box's.
    """

    who: str
    kind: str
    at_s: float
    within_s: float = 0.35
    label: str = ""
    place: str = ""
    direction: str | None = None
    reason: str | None = None


BARE, MASKED = "without_mask", "with_mask"
TRUTH = (
    Truth("bob", "track_began", 0.0, label=MASKED),
    Truth("ada", "track_began", 1.75, 0.5, label=BARE),
    Truth("ada", "zone_entered", 2.5, label=BARE, place="desk"),
    Truth("ada", "zone_stayed", 5.5, label=BARE, place="desk"),
    Truth("ada", "label_changed", 6.0, label=MASKED),
    Truth("bob", "line_crossed", 6.5, label=MASKED, place="gate", direction="in"),
    Truth("ada", "zone_left", 9.75, label=MASKED, place="desk"),
    Truth("ada", "line_crossed", 11.0, label=MASKED, place="gate", direction="out"),
    Truth("ada", "track_ended", 12.5, 0.6, label=MASKED, reason="gone"),
    Truth("cleo", "track_began", 15.5, 0.5, label=BARE),
    Truth("cleo", "line_crossed", 16.78, label=BARE, place="gate", direction="in"),
    Truth("cleo", "zone_entered", 17.89, label=BARE, place="desk"),
    Truth("bob", "track_ended", 17.0, 0.6, label=MASKED, reason="gone"),
    Truth("cleo", "zone_stayed", 20.89, label=BARE, place="desk"),
    Truth("cleo", "zone_left", LASTS_S, label=BARE, place="desk", reason="stream_lost"),
    Truth("cleo", "track_ended", LASTS_S, label=BARE, reason="stream_lost"),
)
"""What is to be told, and nothing else."""
COUNTS = ((0.3, 1), (2.05, 2), (13.5, 1), (15.8, 2), (18.3, 1), (LASTS_S, 0))
DESK_COUNTS = ((3.0, 1), (10.25, 0), (18.39, 1), (LASTS_S, 0))
"""How many there are, from which second on: who comes is counted when it is sure, who has gone a second later."""


def make_scene(path: Path, data_dir: Path) -> Path:
    """The clip as an MP4 file."""
    faces = data_dir / "maskcls"
    spec = ClipSpec(frames=round(LASTS_S * FPS), fps=FPS, size_wh=SIZE_WH, gop=FPS, bit_rate=2_500_000)

    def pictures() -> Iterator[av.VideoFrame]:
        for number in range(spec.frames):
            yield av.VideoFrame.from_ndarray(_picture(number / FPS, faces), format="bgr24")

    return encode(path, spec, pictures())


def _picture(at_s: float, faces: Path) -> Image:
    picture = _wall().copy()
    for actor in ACTORS:
        place = actor.place(at_s)
        if place is not None:
            _put(picture, _look(actor, at_s, faces), place)
    return picture


@functools.cache
def _wall() -> Image:
    """A plain wall, brighter above, with a camera's noise."""
    width, height = SIZE_WH
    light = np.linspace(190, 140, height, dtype=np.float32)[:, None, None]
    noise = np.random.default_rng(4).normal(0, 2, (height, width, 3))
    return np.asarray(np.clip(light * np.array((0.92, 0.97, 1.0)) + noise, 0, 255), np.uint8)


@functools.cache
def _face(path: Path) -> Image:
    picture = cv2.imread(str(path))
    assert picture is not None, f"{path} is missing"
    height, width = picture.shape[:2]
    size = (round(width * _FACE_HEIGHT / height), _FACE_HEIGHT)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _look(actor: Actor, at_s: float, faces: Path) -> Image:
    bare = _face(faces / actor.face)
    if actor.masked_face is None:
        return bare
    masked = cv2.resize(_face(faces / actor.masked_face), (bare.shape[1], bare.shape[0]))
    share = min(1.0, max(0.0, (at_s - actor.masked_s) / _FADE_S + 0.5))
    return np.asarray(cv2.addWeighted(bare, 1 - share, masked, share, 0), np.uint8)


def _put(picture: Image, look: Image, place: tuple[float, float]) -> None:
    """Lay somebody over the picture, in place, as far as they are in it."""
    height, width = look.shape[:2]
    left, top = round(place[0] * SIZE_WH[0] - width / 2), round(place[1] * SIZE_WH[1] - height / 2)
    x0, y0, x1, y1 = max(0, left), max(0, top), min(SIZE_WH[0], left + width), min(SIZE_WH[1], top + height)
    if x0 < x1 and y0 < y1:
        picture[y0:y1, x0:x1] = look[y0 - top : y1 - top, x0 - left : x1 - left]
