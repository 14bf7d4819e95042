"""The clip of the built-in camera: people in a lobby, a camera that pans over them. Pure, but for the CPU it takes."""

from __future__ import annotations

import io
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.stream import VideoStream

from stream.sources.demo_people import PersonStyle, draw_person, load_portrait

Image = npt.NDArray[np.uint8]

SIZE_WH = (640, 360)
FPS = 20
SECONDS = 8
GOP = 40
_THREADS = 2  # OpenCV works outside of the interpreter's lock
_MARGIN = 190  # how much wider than the view the scenery is, on each side
_COUNTER_Y = 262
_WALL_DEPTH, _COUNTER_DEPTH = 0.35, 0.6  # how far a layer moves when the camera pans, as a share of `_PAN`
_PAN = 150.0
_SURGICAL, _WHITE, _GREEN = (226, 204, 158), (240, 238, 235), (196, 216, 178)


@dataclass(frozen=True, slots=True)
class Sprite:
    """An image with alpha, ready to be laid over another: its colours times alpha, and 255 minus alpha, three times.

    Both u8 (height, width, 3), with one transparent pixel all around.
    """

    colours: Image
    through: Image

    @classmethod
    def of(cls, image: Image) -> Sprite:
        """From u8 (height, width, 4)."""
        framed = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
        through = cv2.cvtColor(255 - framed[..., 3], cv2.COLOR_GRAY2BGR)
        return cls(np.ascontiguousarray(framed[..., :3]), np.asarray(through, np.uint8))


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a person stands: the face's centre in the view when the camera looks straight ahead, and the scale."""

    style: PersonStyle
    face_xy: tuple[int, int]
    scale: float
    depth: float
    sway: tuple[int, float, float]  # swings a loop, pixels sideways, phase


_BACK = (
    _Stand(PersonStyle(mirrored=True, jacket=(70, 82, 48), hat=(72, 92, 60)), (48, 168), 0.40, 0.6, (1, 16.0, 0.4)),
    _Stand(PersonStyle(mask=_SURGICAL, jacket=(60, 44, 38)), (205, 176), 0.36, 0.6, (2, 12.0, 1.7)),
    _Stand(
        PersonStyle(mirrored=True, jacket=(48, 48, 110), hat=(46, 44, 120), tone=(0.93, 1.0, 1.05)),
        (452, 170), 0.38, 0.6, (1, 18.0, 3.0),
    ),
    _Stand(PersonStyle(mask=_WHITE, jacket=(105, 80, 40), hat=(110, 84, 46)), (612, 174), 0.37, 0.6, (2, 10.0, 0.9)),
)  # fmt: skip
_FRONT = (
    _Stand(
        PersonStyle(mask=_GREEN, mirrored=True, jacket=(38, 54, 84), hat=(40, 56, 92)),
        (-70, 218), 0.66, 0.9, (1, 14.0, 2.1),
    ),
    _Stand(PersonStyle(jacket=(50, 34, 28)), (326, 238), 0.66, 1.0, (1, 22.0, 0.0)),
    _Stand(
        PersonStyle(mask=_SURGICAL, mirrored=True, jacket=(58, 58, 58), hat=(62, 60, 60), tone=(0.95, 0.99, 1.03)),
        (716, 222), 0.70, 0.95, (2, 9.0, 1.2),
    ),
)  # fmt: skip
_FACE_XY = (266, 232)  # in the portrait


def render_clip() -> bytes:
    """A seamless loop as MP4: H.264 without B-frames, 640×360, 20 fps. Takes one to three seconds of a core."""
    scene = DemoScene()
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        stream.codec_context.gop_size = GOP
        stream.codec_context.max_b_frames = 0
        stream.options = {"preset": "superfast", "crf": "20", "tune": "zerolatency"}
        count = FPS * SECONDS
        with ThreadPoolExecutor(_THREADS) as pool:
            for index, image in enumerate(pool.map(lambda index: scene.image(index / count), range(count))):
                frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                frame.pts = index
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


class DemoScene:
    """The layers, drawn once; `image` puts them together for one moment of the loop."""

    def __init__(self) -> None:
        portrait = load_portrait()
        with ThreadPoolExecutor(_THREADS) as pool:
            sprites = list(
                pool.map(lambda who: Sprite.of(draw_person(portrait, who.style, who.scale)), (*_BACK, *_FRONT))
            )
        self._back = list(zip(_BACK, sprites[: len(_BACK)], strict=True))
        self._front = list(zip(_FRONT, sprites[len(_BACK) :], strict=True))
        self._wall = _draw_wall()
        self._counter = _draw_counter()

    def image(self, moment: float) -> Image:
        """u8 BGR (360, 640, 3) at a moment 0 ≤ moment < 1."""
        width, height = SIZE_WH
        pan = _PAN * math.sin(2 * math.pi * moment)
        canvas = _window(self._wall, pan * _WALL_DEPTH)
        for stand, person in self._back:
            _put(canvas, person, *_place(stand, pan, moment))
        counter = _window(self._counter, pan * _COUNTER_DEPTH)
        canvas[_COUNTER_Y:] = counter[: height - _COUNTER_Y]
        for stand, person in self._front:
            _put(canvas, person, *_place(stand, pan, moment))
        return canvas[:height, :width]


def _place(stand: _Stand, pan: float, moment: float) -> tuple[float, float]:
    """The top left corner of a person's image."""
    swings, width, phase = stand.sway
    angle = 2 * math.pi * swings * moment + phase
    face_x = _FACE_XY[0] if not stand.style.mirrored else 511 - _FACE_XY[0]
    x = stand.face_xy[0] - face_x * stand.scale - pan * stand.depth + width * math.sin(angle)
    y = stand.face_xy[1] - _FACE_XY[1] * stand.scale + 0.12 * width * math.cos(2 * angle)
    return x, y


def _put(canvas: Image, sprite: Sprite, x: float, y: float) -> None:
    """Lay a sprite over the canvas, at sub-pixel coordinates, in place."""
    left, top = math.floor(x), math.floor(y)
    height, width = sprite.colours.shape[0] - 1, sprite.colours.shape[1] - 1
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.shape[1], left + width), min(canvas.shape[0], top + height)
    if x0 >= x1 or y0 >= y1:
        return
    part = (slice(y0 - top, y1 - top + 1), slice(x0 - left, x1 - left + 1))
    colours = _shifted(sprite.colours[part], x - left, y - top)
    through = _shifted(sprite.through[part], x - left, y - top)
    canvas[y0:y1, x0:x1] = cv2.add(cv2.multiply(canvas[y0:y1, x0:x1], through, scale=1 / 255), colours)


def _shifted(part: Image, right: float, down: float) -> Image:
    """Move by a share of a pixel; one row and one column fewer. Four times faster than warpAffine."""
    columns = cv2.addWeighted(part[:, 1:], 1 - right, part[:, :-1], right, 0)
    return np.asarray(cv2.addWeighted(columns[1:], 1 - down, columns[:-1], down, 0), np.uint8)


def _window(layer: Image, pan: float) -> Image:
    """The part of a wide layer that the camera sees, as a new array."""
    left = _MARGIN + pan
    whole = math.floor(left)
    share = left - whole
    near, far = layer[:, whole : whole + SIZE_WH[0]], layer[:, whole + 1 : whole + 1 + SIZE_WH[0]]
    return np.asarray(cv2.addWeighted(near, 1 - share, far, share, 0), np.uint8)


def _draw_wall() -> Image:
    """A lobby: a warm wall, tall windows with an evening town behind them, lamps."""
    width, height = SIZE_WH[0] + 2 * _MARGIN, SIZE_WH[1]
    wall = np.empty((height, width, 3), np.float32)
    fade = np.linspace(1.06, 0.78, height, dtype=np.float32)[:, None, None]
    wall[:] = np.array((172, 188, 200), np.float32) * fade
    random = np.random.default_rng(7)
    ys, xs = np.mgrid[-84 : height - 84, -120:120].astype(np.float32)
    glow = 46 * np.exp(-(xs**2 + ys**2) / 2600)[..., None]
    for left in range(30, width, 204):
        _draw_window(wall[24:250, left : left + 132], random)
        lamp_x = left + 168
        if lamp_x + 120 <= width:
            cv2.circle(wall, (lamp_x, 84), 9, (225, 244, 255), -1, cv2.LINE_AA)
            wall[:, lamp_x - 120 : lamp_x + 120] += glow
    blurred = cv2.GaussianBlur(wall, (0, 0), 1.6)  # it is behind the people: out of focus
    noisy = np.clip(blurred + random.normal(0, 1.2, blurred.shape), 0, 255)
    return np.asarray(noisy, np.uint8)


def _draw_window(pane: npt.NDArray[np.float32], random: np.random.Generator) -> None:
    """Dusk, houses with lit windows, a frame; in place."""
    height, width = pane.shape[:2]
    if width < 20:
        return
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    pane[:] = np.array((150, 110, 84), np.float32) * (1 - share) + np.array((150, 178, 226), np.float32) * share
    x = 0
    while x < width:
        house, top = int(random.integers(18, 40)), int(random.integers(70, 150))
        cv2.rectangle(pane, (x, top), (x + house, height), (96, 78, 70), -1)
        for wy in range(top + 8, height - 8, 14):
            for wx in range(x + 4, x + house - 6, 10):
                if random.random() < 0.45:
                    cv2.rectangle(pane, (wx, wy), (wx + 4, wy + 6), (120, 190, 236), -1)
        x += house + 2
    pane[:] = cv2.GaussianBlur(pane, (0, 0), 2.4)
    cv2.rectangle(pane, (0, 0), (width - 1, height - 1), (70, 82, 96), 6)
    cv2.line(pane, (width // 2, 0), (width // 2, height), (70, 82, 96), 4)


def _draw_counter() -> Image:
    """The reception desk that the people in the back stand behind."""
    width, height = SIZE_WH[0] + 2 * _MARGIN, SIZE_WH[1] - _COUNTER_Y
    desk = np.empty((height, width, 3), np.float32)
    desk[:] = np.array((52, 74, 108), np.float32)
    random = np.random.default_rng(3)
    grain = cv2.GaussianBlur(random.normal(0, 1, (height, width)).astype(np.float32), (0, 0), sigmaX=26, sigmaY=0.7)
    desk += grain[..., None] * 46
    desk *= np.linspace(1.0, 0.62, height, dtype=np.float32)[:, None, None]
    desk[:9] = (150, 176, 196)
    desk[9:14] *= 0.55
    for x in range(0, width, 170):
        cv2.line(desk, (x, 14), (x, height), (34, 48, 72), 2, cv2.LINE_AA)
    return np.clip(desk, 0, 255).astype(np.uint8)
